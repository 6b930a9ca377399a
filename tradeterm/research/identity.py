"""What names a run: configuration, rows read and the code that decides. The same id must give the same bits."""

from __future__ import annotations

from typing import Any

from tradeterm.config.code import source_hash
from tradeterm.core.ids import short_id

__all__ = ["code_hash", "run_id", "trial_id"]

_DECIDING = (
    "core",
    "engine",
    "data",
    "research/desk.py",
    "research/days.py",
    "research/decisions.py",
    "research/report.py",
    "research/tables.py",
)
_LIBRARIES = ("numpy", "numba", "pyarrow", "scipy", "scikit-learn")


def code_hash() -> str:
    """Hash of the sources that decide, and measure what came of it, and the versions of what they compute with."""
    return source_hash(_DECIDING, _LIBRARIES)


def run_id(*, config_hash: str, strategies: list[dict[str, Any]], start: str, end: str, data_hash: str) -> str:
    """Identity of a run."""
    return short_id(
        {
            "code": code_hash(),
            "config": config_hash,
            "data": data_hash,
            "end": end,
            "start": start,
            "strategies": strategies,
        }
    )


def trial_id(trial: dict[str, Any]) -> str:
    """Identity of a trial: what was tried on which window, whatever code or data revision it ran with."""
    return short_id(trial)
