"""Health for watchdogs: whether the ledger can be read, how old the last daily run and its bars are, and the latch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from tradeterm import killfile
from tradeterm.core.errors import StoreError
from tradeterm.core.time import from_iso, iso
from tradeterm.store.ledger import Ledger
from tradeterm.views.base import View, hours_since
from tradeterm.views.newest import newest_step
from tradeterm.views.predictions import LedgerPoint, steps_of
from tradeterm.views.status import STALE_HOURS, KillState

if TYPE_CHECKING:
    from pathlib import Path

    from tradeterm.config.workspace import Workspace
    from tradeterm.store.ledger import LedgerReader
    from tradeterm.views.newest import Step
    from tradeterm.views.predictions import StepState

__all__ = ["DailyHealth", "HealthView", "build"]

# A run that ended a step this lately may still be at work.
_AT_WORK_HOURS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyHealth:
    """The newest daily run, by as-of instant.

    state : done, partial (a step was partly done) or unfinished (it did not come to its last step)
    recorded_ns : when its last recorded step ended; age_hours : since its as-of instant
    data_last_ns : opening of the newest bar that it knew; data_age_hours : since then; None where it knew none
    failed, stale : bar files that no source gave, and that were overdue by their calendar
    """

    daily_id: str
    profile: str
    made_up: bool
    asof_ns: int
    recorded_ns: int
    age_hours: int
    state: str
    data_last_ns: int | None
    data_age_hours: int | None
    failed: int
    stale: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthView(View):
    """What a watchdog asks.

    status : "degraded" as soon as there is a reason, and each is one line
    ledger : its newest row, None when it can't be read
    daily : None before the first run, and when the ledger can't be read
    kill : who latched the kill switch, None while it isn't
    open_incidents : None when the ledger can't be read
    """

    SCHEMA: ClassVar[str] = "tradeterm.health.v1"

    status: Literal["ok", "degraded"]
    reasons: tuple[str, ...]
    at_ns: int
    ledger: LedgerPoint | None
    daily: DailyHealth | None
    kill: KillState | None
    open_incidents: int | None


def build(workspace: Workspace, now_ns: int, *, profile: str | None = None) -> HealthView:
    """Read the health; a ledger that can't be read is a reason, no error."""
    kill = _kill(workspace.results)
    reasons: list[str] = []
    point, daily, incidents = None, None, None
    try:
        with Ledger.reader(workspace.results) as reader, reader.at_one_instant() as ledger:
            point = LedgerPoint.of(ledger.tip())
            step = newest_step(ledger, "refresh", profile=profile)
            daily = _daily(step, ledger, now_ns) if step is not None else None
            incidents = sum(fact.payload.get("state") == "open" for fact in ledger.facts("incident"))
        reasons += _of_daily(daily, now_ns)
    except StoreError as problem:
        reasons.append(str(problem))
    if kill is not None:
        reasons.append(f"kill latched at {kill.at} by {kill.by}: {kill.reason or 'no reason given'}")
    return HealthView(
        status="degraded" if reasons else "ok",
        reasons=tuple(reasons),
        at_ns=now_ns,
        ledger=point,
        daily=daily,
        kill=kill,
        open_incidents=incidents,
    )


def _kill(results: Path) -> KillState | None:
    latch = killfile.read(results)
    return None if latch is None else KillState(at=latch.at, by=latch.by, reason=latch.reason, flatten=latch.flatten)


def _daily(refresh: Step, ledger: LedgerReader, now_ns: int) -> DailyHealth:
    states = steps_of(ledger, refresh.daily_id)
    newest = ledger.facts("step", prefix=f"{refresh.daily_id}:", newest=1)
    last = _last_bar(refresh.outputs)
    return DailyHealth(
        daily_id=refresh.daily_id,
        profile=refresh.profile,
        made_up=refresh.made_up,
        asof_ns=refresh.asof_ns,
        recorded_ns=newest[-1].recorded_at,
        age_hours=hours_since(refresh.asof_ns, now_ns),
        state=_state(states),
        data_last_ns=last,
        data_age_hours=None if last is None else hours_since(last, now_ns),
        failed=len(refresh.outputs.get("failed", ())),
        stale=len(refresh.outputs.get("stale", ())),
    )


def _last_bar(outputs: dict[str, Any]) -> int | None:
    found = [str(item["last"]) for item in outputs.get("bars", ()) if item.get("last") is not None]
    return max(map(from_iso, found), default=None)


def _state(states: tuple[StepState, ...]) -> str:
    if not any(state.step == "report" for state in states):
        return "unfinished"
    return "partial" if any(state.status == "partial" for state in states) else "done"


def _of_daily(daily: DailyHealth | None, now_ns: int) -> list[str]:
    if daily is None:
        return ["no daily run is recorded yet; run `tradeterm daily`"]
    found = []
    if daily.age_hours > STALE_HOURS:
        found.append(f"the last daily run, of {iso(daily.asof_ns)}, is {daily.age_hours} h old")
    if daily.state == "unfinished" and hours_since(daily.recorded_ns, now_ns) >= _AT_WORK_HOURS:
        found.append(f"daily run {daily.daily_id} did not finish; run the same `tradeterm daily` again")
    if daily.state == "partial":
        told = f"{daily.failed} bar files came from no source, {daily.stale} were overdue"
        found.append(f"daily run {daily.daily_id} was partly done: {told}")
    return found
