"""Bring the stored bars up to an instant: ask each source for what is after the last stored bar, derive, append."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tradeterm.core.errors import DataError, MissingBars, StoreError, StoreUnwritable
from tradeterm.core.market import AssetClass, BarKey, Bars, Timeframe
from tradeterm.data.calendar import next_expected_close
from tradeterm.data.derive import derive, origin
from tradeterm.data.sources.sample import SampleMarket
from tradeterm.store.bar_table import BarMeta

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradeterm.core.market import Instrument
    from tradeterm.data.publication import PublicationRule
    from tradeterm.data.sources import Source
    from tradeterm.store.bars import BarStore

    Progress = Callable[[str, int, int], None]

__all__ = ["IMPORTED", "RefreshItem", "RefreshPlan", "RefreshReport", "joined", "refresh"]

IMPORTED = "import"
_COLUMNS = ("ts", "open", "high", "low", "close", "volume", "known_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshPlan:
    """What is to be brought up to date.

    instruments : traded instruments and series alike
    sources : name of the source per symbol ("import": the user's own files, never asked for)
    publication : release schedule per macro series
    """

    instruments: tuple[Instrument, ...]
    sources: Mapping[str, str]
    publication: Mapping[str, PublicationRule]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshItem:
    """What became of one bar file.

    added, rows_before : rows
    last_ns : ``ts`` of the newest bar known at the asked instant, -1 where there is none
    lag_ns : how long the next bar has been overdue, 0 where nothing is
    error : one line, empty unless failed
    """

    key: BarKey
    source: str
    state: Literal["ok", "nothing new", "failed"]
    added: int = 0
    rows_before: int = 0
    last_ns: int = -1
    lag_ns: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshReport:
    """What a refresh did, one item per bar file in the order of the plan."""

    asof_ns: int
    items: tuple[RefreshItem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return all(item.state != "failed" for item in self.items)


def refresh(
    store: BarStore,
    plan: RefreshPlan,
    *,
    asof_ns: int,
    progress: Progress | None = None,
    sources: Mapping[str, Source] | None = None,
) -> RefreshReport:
    """Fetch what became known up to ``asof_ns``; a second call adds nothing, and one failure stops no other symbol."""
    known = {"sample": SampleMarket(plan.publication)} if sources is None else sources
    items: list[RefreshItem] = []
    for position, instrument in enumerate(plan.instruments):
        if progress is not None:
            progress(instrument.symbol, position, len(plan.instruments))
        items.extend(_refreshed(store, plan, instrument, known, asof_ns))
    if progress is not None:
        progress("", len(plan.instruments), len(plan.instruments))
    return RefreshReport(asof_ns=asof_ns, items=tuple(items))


def joined(before: Bars | None, after: Bars) -> Bars:
    """Bars of one source, the later ones behind the earlier ones."""
    if before is None:
        return after
    columns: dict[str, Any] = {name: np.concatenate((getattr(before, name), getattr(after, name))) for name in _COLUMNS}
    return Bars(**columns)


def _refreshed(
    store: BarStore, plan: RefreshPlan, instrument: Instrument, sources: Mapping[str, Source], asof_ns: int
) -> list[RefreshItem]:
    key = BarKey(instrument.asset_class, instrument.symbol, _own_timeframe(plan, instrument))
    name = plan.sources[instrument.symbol]
    try:
        if name == IMPORTED:
            return _imported(store, plan, key, asof_ns)
        if name not in sources:
            raise DataError(f"{instrument.symbol}: source '{name}' is not known; use one of {', '.join(sources)}")
        with store.locked(key):
            return _fetched(store, plan, instrument, key, sources[name], asof_ns)
    except StoreUnwritable:
        # A disk that takes nothing is no failing source: every other symbol would fail too.
        raise
    except (DataError, StoreError) as failure:
        return [RefreshItem(key=key, source=name, state="failed", error=str(failure))]


def _own_timeframe(plan: RefreshPlan, instrument: Instrument) -> Timeframe:
    if instrument.asset_class is not AssetClass.MACRO:
        return Timeframe.H1
    rule = plan.publication.get(instrument.symbol)
    return Timeframe.MONTHLY if rule is not None and rule.monthly else Timeframe.DAILY


def _fetched(
    store: BarStore, plan: RefreshPlan, instrument: Instrument, key: BarKey, source: Source, asof_ns: int
) -> list[RefreshItem]:
    _refuse_mixing(store, key, source.name)
    before = store.read(key) if store.exists(key) else None
    rows = len(before) if before is not None else 0
    start = int(before.ts[-1]) + 1 if before is not None and rows else 0
    new = source.bars(instrument, key.timeframe, start, asof_ns)
    bars = joined(before, new)
    meta = BarMeta(
        symbol=key.symbol,
        asset_class=key.asset_class,
        timeframe=key.timeframe,
        calendar=instrument.calendar,
        source=source.name,
    )
    if len(new):
        store.write(key, bars, meta)
    items = [_item(plan, key, source.name, bars, asof_ns, calendar=instrument.calendar, added=len(new))]
    if key.asset_class is not AssetClass.MACRO and len(bars):
        for target, added in derive(store, key, bars, meta, asked_until_ns=asof_ns).items():
            items.append(
                _item(plan, target, source.name, store.read(target), asof_ns, calendar=instrument.calendar, added=added)
            )
    return items


def _refuse_mixing(store: BarStore, key: BarKey, name: str) -> None:
    """Made-up and real bars of one symbol never stand beside each other."""
    for timeframe in Timeframe:
        other = BarKey(key.asset_class, key.symbol, timeframe)
        if not store.exists(other):
            continue
        found = origin(store.meta(other))
        if found != name:
            raise DataError(
                f"{other}: stored bars came from {found}, not {name}; set source: import for {key.symbol}, "
                "or use another workspace"
            )


def _imported(store: BarStore, plan: RefreshPlan, key: BarKey, asof_ns: int) -> list[RefreshItem]:
    """Say how old the user's own bars are."""
    items = []
    for timeframe in Timeframe:
        found = BarKey(key.asset_class, key.symbol, timeframe)
        if not store.exists(found):
            continue
        meta = store.meta(found)
        if origin(meta) == "sample":
            raise DataError(f"{found}: stored bars are made up; import your own, or set source: sample")
        items.append(_item(plan, found, IMPORTED, store.read(found), asof_ns, calendar=meta.calendar, added=0))
    if not items:
        raise MissingBars(key.symbol, "run `tradeterm data import FILE`")
    return items


def _item(
    plan: RefreshPlan, key: BarKey, source: str, bars: Bars, asof_ns: int, *, calendar: str, added: int
) -> RefreshItem:
    known = int(np.searchsorted(np.maximum.accumulate(bars.known_at), asof_ns, side="right"))
    last = int(bars.ts[known - 1]) if known else -1
    lag = max(0, asof_ns - _next_due(plan, key, bars, known, calendar)) if known else 0
    return RefreshItem(
        key=key,
        source=source,
        state="ok" if added else "nothing new",
        added=added,
        rows_before=len(bars) - added,
        last_ns=last,
        lag_ns=lag,
    )


def _next_due(plan: RefreshPlan, key: BarKey, bars: Bars, known: int, calendar: str) -> int:
    rule = plan.publication.get(key.symbol)
    if key.asset_class is AssetClass.MACRO and rule is not None:
        return int(rule.due_after(bars.ts[known - 1 : known])[0])
    if key.asset_class is AssetClass.MACRO:
        raise DataError(f"{key}: no publication rule; add one to universe.publication")
    return next_expected_close(calendar, int(bars.known_at[known - 1]), key.timeframe.step_ns)
