"""The newest daily run that came as far as a step: where the present book and regimes are read from.

Newest means the latest as-of instant, not the last recorded: a daily run repeated for a past date is history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradeterm.core.time import from_iso

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradeterm.store.ledger import LedgerReader

__all__ = ["Step", "newest_step", "newest_steps"]

# Older daily runs than these are history; a ledger of years is not read to show the present.
_LOOKED_AT = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One recorded step of a daily run.

    recorded_ns : when the step ended; asof_ns : what the run knew; made_up : whether some bars were
    """

    daily_id: str
    profile: str
    made_up: bool
    asof_ns: int
    recorded_ns: int
    status: str
    outputs: dict[str, Any]


def newest_step(ledger: LedgerReader, name: str, *, profile: str | None) -> Step | None:
    """Return that step of the newest daily run that has it; ``profile`` None takes any."""
    return next(newest_steps(ledger, name, profile=profile), None)


def newest_steps(ledger: LedgerReader, name: str, *, profile: str | None) -> Iterator[Step]:
    """Yield that step of the daily runs that have it, newest as-of instant first."""
    dailies = ledger.facts("daily", newest=_LOOKED_AT)
    for daily in sorted(dailies, key=lambda fact: (str(fact.payload["asof"]), fact.seq), reverse=True):
        found = str(daily.payload.get("profile", ""))
        if profile is not None and found != profile:
            continue
        step = ledger.get("step", f"{daily.key}:{name}")
        if step is not None:
            yield Step(
                daily_id=daily.key,
                profile=found,
                made_up=daily.payload.get("made_up") is True,
                asof_ns=from_iso(str(daily.payload["asof"])),
                recorded_ns=step.recorded_at,
                status=str(step.payload.get("status", "")),
                outputs=step.payload.get("outputs") or {},
            )
