"""The status line: mode, NAV, drawdown, regimes, next decision, kill state.

``tradeterm status`` prints it from a prompt, so only the standard library, the ledger's reader and the latch are
imported: no configuration, no Parquet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tradeterm import killfile
from tradeterm.core.errors import StoreError
from tradeterm.core.time import DAY_NS, H4_NS, from_iso, grid_floor
from tradeterm.store.ledger import Ledger
from tradeterm.views.base import View, hours_since, number
from tradeterm.views.newest import newest_step, newest_steps

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tradeterm.config.workspace import Workspace
    from tradeterm.store.ledger import Fact, LedgerReader
    from tradeterm.views.newest import Step

__all__ = ["AXES", "STALE_HOURS", "AxisState", "KillState", "StatusView", "build", "in_order", "mode_word"]

# Past this age the stored regime says nothing about now, whatever its inputs were then.
STALE_HOURS = 48
AXES = ("equity", "volatility", "crypto", "macro")


@dataclass(frozen=True, slots=True, kw_only=True)
class KillState:
    """Who latched the kill switch, when and why; ``flatten``: positions are to be closed as well."""

    at: str
    by: str
    reason: str
    flatten: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisState:
    """One regime axis; ``stale`` when its input, or the whole judgement, is too old to be trusted."""

    axis: str
    state: str
    status: str
    age_hours: float | None
    stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView(View):
    """The state in one glance; None is unknown.

    mode : SAMPLE, PAPER, LIVE, another profile's name, or KILLED while the latch stands
    nav, day_change, drawdown, ladder : of the newest snapshot, simulated: no session has traded
    drawdown : positive fraction; day_change : fraction over the last day
    session : "none"; heartbeat_ns : of a session, None without one
    problem : one line when the ledger can't be read; everything else is then unknown
    """

    SCHEMA: ClassVar[str] = "tradeterm.status.v1"

    workspace: str
    mode: str
    profile: str | None
    sample: bool
    kill: KillState | None
    nav: float | None
    day_change: float | None
    drawdown: float | None
    ladder: str | None
    snapshot_run_id: str | None
    snapshot_asof_ns: int | None
    snapshot_age_hours: int | None
    regimes: tuple[AxisState, ...]
    regimes_asof_ns: int | None
    daily_id: str | None
    daily_asof_ns: int | None
    bps_score: float | None
    timeframe: str
    next_decision_ns: int
    session: str
    heartbeat_ns: int | None
    problem: str | None


def build(
    workspace: Workspace,
    now_ns: int,
    *,
    profile: str | None = None,
    sample: bool | None = None,
    day_change: float | None = None,
) -> StatusView:
    """Read the state of a workspace.

    profile : only what was found under it; None takes the newest of any
    sample : whether the configured bars are made up; None takes what the newest daily run says
    day_change : where the caller has read it from the run's NAV; else two snapshots a day apart tell it
    """
    latch = killfile.read(workspace.results)
    kill = KillState(at=latch.at, by=latch.by, reason=latch.reason, flatten=latch.flatten) if latch else None
    problem: str | None = None
    try:
        with Ledger.reader(workspace.results) as ledger:
            found = _Found(ledger, workspace.results, profile)
    except StoreError as failure:
        found, problem = _Found(None, workspace.results, profile), str(failure)
    made_up = found.sample if sample is None else sample
    known_profile = profile or found.profile
    step = DAY_NS if found.timeframe == "daily" else H4_NS
    return StatusView(
        workspace=str(workspace.root),
        mode="KILLED" if kill else mode_word(known_profile, sample=made_up),
        profile=known_profile,
        sample=made_up,
        kill=kill,
        nav=found.nav,
        day_change=found.day_change if day_change is None else day_change,
        drawdown=found.drawdown,
        ladder=found.ladder,
        snapshot_run_id=found.run_id,
        snapshot_asof_ns=found.snapshot_ns,
        snapshot_age_hours=None if found.snapshot_ns is None else hours_since(found.snapshot_ns, now_ns),
        regimes=_regimes(found.regime, now_ns),
        regimes_asof_ns=_asof(found.regime),
        daily_id=found.daily_id,
        daily_asof_ns=found.daily_ns,
        bps_score=found.bps_score,
        timeframe=found.timeframe,
        next_decision_ns=grid_floor(now_ns, step) + step,
        session="none",
        heartbeat_ns=None,
        problem=problem,
    )


def mode_word(profile: str | None, *, sample: bool) -> str:
    """SAMPLE wherever bars are made up, whatever the profile is called; else its name."""
    if sample:
        return "SAMPLE"
    return profile.upper() if profile else "UNKNOWN"


class _Found:
    """What the ledger and the newest snapshot's book say."""

    def __init__(self, ledger: LedgerReader | None, results: Path, profile: str | None) -> None:
        self.profile: str | None = profile
        self.daily_id: str | None = None
        self.daily_ns: int | None = None
        self.sample = profile == "sample"
        self.run_id: str | None = None
        self.snapshot_ns: int | None = None
        self.nav: float | None = None
        self.day_change: float | None = None
        self.drawdown: float | None = None
        self.ladder: str | None = None
        self.bps_score: float | None = None
        self.regime: Fact | None = None
        self.timeframe = "h4"
        if ledger is not None:
            self._refreshed(newest_step(ledger, "refresh", profile=profile))
            self._judged(ledger, newest_step(ledger, "predict", profile=profile))
            self._kept(ledger, results, profile)

    def _refreshed(self, step: Step | None) -> None:
        if step is None:
            return
        self.profile, self.daily_id, self.daily_ns = step.profile, step.daily_id, step.asof_ns
        self.sample = step.made_up

    def _judged(self, ledger: LedgerReader, step: Step | None) -> None:
        key = step.outputs.get("regime") if step is not None else None
        self.regime = ledger.get("regime_state", key) if isinstance(key, str) else None

    def _kept(self, ledger: LedgerReader, results: Path, profile: str | None) -> None:
        steps = newest_steps(ledger, "snapshot", profile=profile)
        newest = next(steps, None)
        if newest is None:
            return
        run_id = str(newest.outputs["run_id"])
        book, run = _book(results, run_id), ledger.get("run", run_id)
        fact = run.payload if run is not None else {}
        ladder = newest.outputs.get("ladder") or {}
        self.run_id, self.snapshot_ns, self.nav = run_id, newest.asof_ns, number(book.get("nav"))
        self.drawdown, self.ladder = number(ladder.get("drawdown")), ladder.get("state")
        self.bps_score = number((fact.get("metrics") or {}).get("bps_score"))
        self.timeframe = str(fact.get("timeframe", "h4"))
        day_before = next((item for item in steps if item.asof_ns <= newest.asof_ns - DAY_NS), None)
        if day_before is not None and day_before.asof_ns == newest.asof_ns - DAY_NS:
            self._compare(ledger, results, str(day_before.outputs["run_id"]), fact)

    def _compare(self, ledger: LedgerReader, results: Path, run_id: str, fact: dict[str, Any]) -> None:
        """Change from the snapshot of a day before, if that was the same book under the same code."""
        before = ledger.get("run", run_id)
        same = ("config_hash", "code_hash", "strategies")
        if before is None or any(before.payload.get(name) != fact.get(name) for name in same):
            return
        then = number(_book(results, run_id).get("nav"))
        if then and self.nav is not None:
            self.day_change = self.nav / then - 1.0


def in_order(axes: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the axes in the order in which people read them; facts are stored with sorted keys."""
    return [(name, axes[name]) for name in AXES if name in axes]


def _book(results: Path, run_id: str) -> dict[str, Any]:
    """Read a run's book; empty when its folder is gone or damaged, so that the rest is still shown."""
    try:
        found = json.loads((results / "runs" / run_id / "book.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _asof(regime: Fact | None) -> int | None:
    return None if regime is None else from_iso(str(regime.payload["asof"]))


def _regimes(regime: Fact | None, now_ns: int) -> tuple[AxisState, ...]:
    if regime is None:
        return ()
    old = hours_since(from_iso(str(regime.payload["asof"])), now_ns) > STALE_HOURS
    return tuple(
        AxisState(
            axis=axis,
            state=str(item.get("state")),
            status=str(item.get("status")),
            age_hours=number(item.get("age_hours")),
            stale=old or item.get("status") != "fresh",
        )
        for axis, item in in_order(regime.payload["axes"])
    )
