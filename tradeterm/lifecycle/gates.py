"""What a strategy must show to pass to the next stage, and which number fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradeterm.core.time import DAY_NS, from_iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradeterm.config.schema import Gate

__all__ = ["GateCheck", "candidate_gate"]

_YEAR_NS = 365.25 * DAY_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCheck:
    """One condition: what is needed, what is there (None = unknown) and whether it passes."""

    name: str
    need: str
    have: float | bool | None
    ok: bool


def _at_least(name: str, need: float, have: float | None) -> GateCheck:
    return GateCheck(name=name, need=f">= {need:g}", have=have, ok=have is not None and have >= need)


def candidate_gate(
    gate: Gate, *, metrics: Mapping[str, Any] | None, run: Mapping[str, Any] | None
) -> tuple[GateCheck, ...]:
    """Check research -> candidate on a strategy's metrics in a run; unknown never passes.

    metrics : the strategy's own part of ``metrics.json``; run : the run fact it stands in
    The certificate must have taken every decision again: a sample is not enough.
    """
    found = metrics or {}
    depth = found.get("max_drawdown")
    certificate = (run or {}).get("certificate", {})
    checks = [
        _at_least("Sharpe", gate.min_sharpe, found.get("sharpe")),
        GateCheck(
            name="drawdown",
            need=f"<= {gate.max_drawdown:.0%}",
            have=None if depth is None else abs(depth),
            ok=depth is not None and abs(depth) <= gate.max_drawdown,
        ),
        _at_least("years", gate.min_years, _years(run)),
        _at_least("round trips", gate.min_trades, found.get("trades")),
    ]
    if gate.certificate:
        whole = bool(certificate.get("ok")) and certificate.get("checked") == certificate.get("decisions")
        checks.append(GateCheck(name="certificate over all decisions", need="yes", have=whole, ok=whole))
    return tuple(checks)


def _years(run: Mapping[str, Any] | None) -> float | None:
    if run is None:
        return None
    return (from_iso(run["end"]) - from_iso(run["start"])) / _YEAR_NS
