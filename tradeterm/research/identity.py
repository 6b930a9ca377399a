"""What names a run: configuration, rows read and the code that decides. The same id must give the same bits."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tradeterm.core.ids import short_id

__all__ = ["code_hash", "run_id", "trial_id"]

_PACKAGE = Path(__file__).resolve().parent.parent
_DECIDING = ("core", "engine", "data", "research/desk.py")
_LIBRARIES = ("numpy", "numba", "pyarrow")


@cache
def code_hash() -> str:
    """Hash of the sources that decide (engine, core, data builders) and the versions of numpy, numba and pyarrow."""
    digest = hashlib.sha256()
    for part in _DECIDING:
        place = _PACKAGE / part
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    for name in _LIBRARIES:
        digest.update(f"{name}=={version(name)}\n".encode())
    return digest.hexdigest()[:12]


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
