"""Numbers for a monitor: name, meaning, labels and value of each; what is unknown has no value at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradeterm.core.errors import StoreError
from tradeterm.core.time import SECOND_NS
from tradeterm.store.ledger import Ledger
from tradeterm.views import health, status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradeterm.config.workspace import Workspace
    from tradeterm.views.health import HealthView
    from tradeterm.views.status import StatusView

__all__ = ["Gauge", "build"]

_STATES = ("done", "partial", "unfinished")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """One gauge; ``values`` holds labels and number, and none of them is unknown."""

    name: str
    meaning: str
    values: tuple[tuple[dict[str, str], float], ...]


def build(workspace: Workspace, now_ns: int, *, profile: str | None = None) -> tuple[Gauge, ...]:
    """Read every gauge; one without a known value is left out."""
    seen = health.build(workspace, now_ns, profile=profile)
    state = status.build(workspace, now_ns, profile=profile)
    found = [*_of_health(seen, now_ns), *_of_book(state), *_of_signals(workspace)]
    return tuple(gauge for gauge in found if gauge.values)


def _of_health(seen: HealthView, now_ns: int) -> Iterator[Gauge]:
    yield _one("tradeterm_ledger_readable", "1 when the ledger can be read.", seen.ledger is not None)
    yield _one("tradeterm_ledger_rows", "Facts in the ledger.", None if seen.ledger is None else seen.ledger.seq)
    yield _one("tradeterm_kill_latched", "1 while the kill switch is latched.", seen.kill is not None)
    yield _one("tradeterm_incidents_open", "Incidents that are open.", seen.open_incidents)
    daily = seen.daily
    if daily is None:
        return
    yield _one(
        "tradeterm_daily_asof_timestamp_seconds", "As-of instant of the newest daily run.", _seconds(daily.asof_ns)
    )
    yield _one("tradeterm_daily_recorded_timestamp_seconds", "When its last step ended.", _seconds(daily.recorded_ns))
    states = tuple(({"state": name}, float(name == daily.state)) for name in _STATES)
    yield Gauge(name="tradeterm_daily_state", meaning="1 for how the newest daily run ended.", values=states)
    yield _one(
        "tradeterm_data_newest_bar_timestamp_seconds",
        "Opening of the newest bar that the newest daily run knew.",
        None if daily.data_last_ns is None else _seconds(daily.data_last_ns),
    )
    yield _one(
        "tradeterm_data_lag_seconds",
        "Time since that opening, weekends included.",
        None if daily.data_last_ns is None else max(0.0, _seconds(now_ns - daily.data_last_ns)),
    )
    yield _one("tradeterm_data_files_failed", "Bar files that no source gave to that run.", daily.failed)
    yield _one("tradeterm_data_files_stale", "Bar files that were overdue by their calendar.", daily.stale)


def _of_book(state: StatusView) -> Iterator[Gauge]:
    made_up = {"profile": state.profile or "", "made_up": str(state.sample).lower()}
    texts = {
        "tradeterm_nav": ("Net asset value of the newest snapshot, simulated, in money.", state.nav),
        "tradeterm_drawdown_ratio": ("Drawdown of the newest snapshot, a fraction, not below 0.", state.drawdown),
        "tradeterm_day_change_ratio": ("Change of the NAV over the last day, a fraction.", state.day_change),
    }
    for name, (meaning, value) in texts.items():
        yield _one(name, meaning, value, made_up)
    yield _one(
        "tradeterm_snapshot_asof_timestamp_seconds",
        "As-of instant of that snapshot.",
        None if state.snapshot_asof_ns is None else _seconds(state.snapshot_asof_ns),
    )


def _of_signals(workspace: Workspace) -> Iterator[Gauge]:
    try:
        with Ledger.reader(workspace.results) as reader, reader.at_one_instant() as ledger:
            signals, outcomes = ledger.count("signal"), ledger.count("outcome")
    except StoreError:
        # Told by the gauge of the ledger.
        return
    yield _one("tradeterm_signals", "Signals recorded, of every profile.", signals)
    yield _one("tradeterm_outcomes", "Signals whose outcome is recorded.", outcomes)


def _one(name: str, meaning: str, value: float | None, labels: dict[str, str] | None = None) -> Gauge:
    return Gauge(name=name, meaning=meaning, values=() if value is None else ((labels or {}, float(value)),))


def _seconds(ns: int) -> float:
    return ns / SECOND_NS
