"""Bring the stored bars up to an instant: every symbol from the first of its sources that gives it, many at a time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from tradeterm.core.errors import DataError, MissingBars, StoreError, StoreUnwritable
from tradeterm.core.market import AssetClass, BarKey, Timeframe
from tradeterm.data.acting import bring_actions
from tradeterm.data.calendar import next_expected_close
from tradeterm.data.crew import Job, Refused, Supplier, Try, work
from tradeterm.data.derive import origin
from tradeterm.data.fetching import ask, keep, question
from tradeterm.data.provenance import MADE_UP
from tradeterm.data.sources.sample import SampleMarket
from tradeterm.store.actions import ActionStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradeterm.core.market import Bars, Instrument
    from tradeterm.data.acting import RestatedActions
    from tradeterm.data.crew import Outcome
    from tradeterm.data.fetching import Restated
    from tradeterm.data.publication import PublicationRule
    from tradeterm.data.sources import Source
    from tradeterm.store.bars import BarStore

    Progress = Callable[[str, int, int], None]

__all__ = ["IMPORTED", "RefreshItem", "RefreshPlan", "RefreshReport", "refresh"]

IMPORTED = "import"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshPlan:
    """What is to be brought up to date.

    instruments : traded instruments and series alike
    sources : names of the sources per symbol, in the order of trying ("import": the user's own files, never asked for)
    publication : release schedule per macro series
    timeframes : what is asked for per symbol, hours where it isn't named; macro series go by their schedule
    overlap : stored bars that are asked for again, to see whether they changed
    since_ns : ask from there on (0: all there is) instead of from the last stored bars
    only : the one source to ask
    """

    instruments: tuple[Instrument, ...]
    sources: Mapping[str, tuple[str, ...]]
    publication: Mapping[str, PublicationRule]
    timeframes: Mapping[str, tuple[Timeframe, ...]] = field(default_factory=dict)
    overlap: int = 10
    since_ns: int | None = None
    only: str | None = None

    def keys(self, instrument: Instrument) -> tuple[BarKey, ...]:
        """Bar files that sources are asked for; daily ones first, as derived ones never replace them."""
        found = self.timeframes.get(instrument.symbol, (Timeframe.H1,))
        if instrument.asset_class is AssetClass.MACRO:
            rule = self.publication.get(instrument.symbol)
            found = (Timeframe.MONTHLY if rule is not None and rule.monthly else Timeframe.DAILY,)
        ordered = sorted(found, key=lambda timeframe: -timeframe.step_ns)
        return tuple(BarKey(instrument.asset_class, instrument.symbol, timeframe) for timeframe in ordered)

    def asked(self, instrument: Instrument) -> tuple[str, ...]:
        """Sources that are asked, in their order; none for what is only imported."""
        if self.only is not None:
            return (self.only,)
        return tuple(name for name in self.sources[instrument.symbol] if name != IMPORTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshItem:
    """What became of one bar file.

    source : the one that gave it; where all failed, the first
    added, rows_before : rows; restated : stored bars that the source tells differently now
    last_ns : ``ts`` of the newest bar known at the asked instant, -1 where there is none
    lag_ns : how long the next bar has been overdue, 0 where nothing is
    tries : sources that failed before, and why
    error : one line, empty unless failed
    """

    key: BarKey
    source: str
    state: Literal["ok", "nothing new", "failed"]
    added: int = 0
    rows_before: int = 0
    restated: int = 0
    last_ns: int = -1
    lag_ns: int = 0
    tries: tuple[Try, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshReport:
    """What a refresh did, one item per bar file in the order of the plan."""

    asof_ns: int
    items: tuple[RefreshItem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return self.failed == 0

    @property
    def failed(self) -> int:
        """Files that nothing came of."""
        return sum(item.state == "failed" for item in self.items)

    @property
    def added(self) -> int:
        """New rows in all files."""
        return sum(item.added for item in self.items)

    @property
    def restated(self) -> int:
        """Stored bars that a source tells differently now."""
        return sum(item.restated for item in self.items)


def refresh(
    store: BarStore,
    plan: RefreshPlan,
    *,
    asof_ns: int,
    sources: Mapping[str, Supplier] | None = None,
    progress: Progress | None = None,
    restated: Restated | None = None,
    restated_actions: RestatedActions | None = None,
    now_ns: int | None = None,
) -> RefreshReport:
    """Fetch what became known up to ``asof_ns``; a second call adds nothing, and one failure stops no other symbol.

    Parameters
    ----------
    sources
        By name; the sample market alone where None.
    progress
        Told of each source how many of its files are done, of how many; called by this thread alone.
    restated
        Told of changed bars before they are stored; called by the threads of the sources.
    restated_actions
        Told of changed splits and dividends, by the same threads.
    now_ns
        When an undated revision counts as known; the clock's time where None.

    Raises
    ------
    StoreUnwritable
        When the disk takes nothing: every other symbol would fail too.
    """
    if sources is None:
        sources = {MADE_UP: Supplier(make=lambda: SampleMarket(plan.publication))}
    desk = _Desk(store, plan, asof_ns, time.time_ns() if now_ns is None else now_ns, restated, restated_actions)
    jobs = [Job(name=item.symbol, keys=plan.keys(item), sources=plan.asked(item)) for item in plan.instruments]
    asked = [(item, job) for item, job in zip(plan.instruments, jobs, strict=True) if job.sources]
    by_name = {item.symbol: item for item in plan.instruments}
    found = work(
        [job for _, job in asked],
        sources,
        lambda job, key, source: desk.fetched(by_name[job.name], key, source),
        progress=progress,
    )
    items: list[RefreshItem] = []
    for item, job in zip(plan.instruments, jobs, strict=True):
        items.extend(desk.items(found[item.symbol]) if job.sources else desk.imported(item))
    return RefreshReport(asof_ns=asof_ns, items=tuple(items))


@dataclass(frozen=True, slots=True)
class _Desk:
    store: BarStore
    plan: RefreshPlan
    asof_ns: int
    now_ns: int
    restated: Restated | None
    restated_actions: RestatedActions | None

    def fetched(self, instrument: Instrument, key: BarKey, source: Source) -> list[RefreshItem] | Refused:
        """Bring one file up to date; its item, and behind it those of what was derived."""
        try:
            return self._fetched(instrument, key, source)
        except StoreUnwritable:
            # A disk that takes nothing is no failing source: every other symbol would fail too.
            raise
        except (DataError, StoreError) as failure:
            return Refused(str(failure), final=True)

    def _fetched(self, instrument: Instrument, key: BarKey, source: Source) -> list[RefreshItem] | Refused:
        asked = question(
            self.store,
            instrument,
            key,
            source,
            allowed=self.plan.sources[instrument.symbol],
            since_ns=self.plan.since_ns,
            overlap=self.plan.overlap,
            asof_ns=self.asof_ns,
        )
        try:
            if key == self.plan.keys(instrument)[0]:
                bring_actions(
                    ActionStore(self.store.data_dir),
                    instrument,
                    source,
                    whole=self.plan.since_ns is not None,
                    asof_ns=self.asof_ns,
                    restated=self.restated_actions,
                )
            answer = ask(source, asked)
        except DataError as failure:
            return Refused(str(failure), final=False)
        kept = keep(self.store, asked, answer, source, now_ns=self.now_ns, restated=self.restated)
        items = [self._item(key, source.name, kept.bars, instrument.calendar, kept.added, kept.restated)]
        for target, added in kept.derived.items():
            bars = self.store.read(target)
            items.append(self._item(target, source.name, bars, instrument.calendar, added, 0))
        return items

    def items(self, outcomes: list[Outcome[list[RefreshItem]]]) -> list[RefreshItem]:
        """Items of the files of one symbol."""
        found: list[RefreshItem] = []
        for outcome in outcomes:
            if outcome.result is not None:
                first, *derived = outcome.result
                found += [replace(first, tries=outcome.tries), *derived]
                continue
            error = "; ".join(item.error for item in outcome.tries)
            source = outcome.tries[0].source
            found.append(RefreshItem(key=outcome.key, source=source, state="failed", tries=outcome.tries, error=error))
        return found

    def imported(self, instrument: Instrument) -> list[RefreshItem]:
        """Say how old the user's own bars are."""
        try:
            return self._imported(instrument)
        except (DataError, StoreError) as failure:
            key = self.plan.keys(instrument)[0]
            return [RefreshItem(key=key, source=IMPORTED, state="failed", error=str(failure))]

    def _imported(self, instrument: Instrument) -> list[RefreshItem]:
        items = []
        for timeframe in Timeframe:
            found = BarKey(instrument.asset_class, instrument.symbol, timeframe)
            if not self.store.exists(found):
                continue
            meta = self.store.meta(found)
            if origin(meta) == MADE_UP:
                raise DataError(f"{found}: stored bars are made up; import your own, or set source: sample")
            items.append(self._item(found, IMPORTED, self.store.read(found), meta.calendar, 0, 0))
        if not items:
            raise MissingBars(instrument.symbol, "run `tradeterm data import FILE`")
        return items

    def _item(self, key: BarKey, source: str, bars: Bars, calendar: str, added: int, restated: int) -> RefreshItem:
        known = int(np.searchsorted(np.maximum.accumulate(bars.known_at), self.asof_ns, side="right"))
        lag = max(0, self.asof_ns - self._next_due(key, bars, known, calendar)) if known else 0
        return RefreshItem(
            key=key,
            source=source,
            state="ok" if added or restated else "nothing new",
            added=added,
            rows_before=len(bars) - added,
            restated=restated,
            last_ns=int(bars.ts[known - 1]) if known else -1,
            lag_ns=lag,
        )

    def _next_due(self, key: BarKey, bars: Bars, known: int, calendar: str) -> int:
        rule = self.plan.publication.get(key.symbol)
        if key.asset_class is AssetClass.MACRO and rule is not None:
            return int(rule.due_after(bars.ts[known - 1 : known])[0])
        if key.asset_class is AssetClass.MACRO:
            raise DataError(f"{key}: no publication rule; add one to universe.publication")
        return next_expected_close(calendar, int(bars.known_at[known - 1]), key.timeframe.step_ns)
