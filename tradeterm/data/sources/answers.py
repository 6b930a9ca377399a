"""What a source answered, checked: bars and observations that can be stored, or an error that says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.errors import BadAnswer, DataError
from tradeterm.core.exchanges import zone_of
from tradeterm.core.market import Actions, AssetClass, Bars, Timeframe
from tradeterm.core.time import iso
from tradeterm.data.calendar import after_break, local_dates, sessions
from tradeterm.data.resample import in_session, source_closes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.core.market import Instrument
    from tradeterm.core.types import BoolArray, FloatArray, IntArray
    from tradeterm.data.publication import PublicationRule

    Column = Sequence[Any] | FloatArray | IntArray

__all__ = ["checked_bars", "checked_observations", "no_actions", "no_bars"]

_PRICES = ("open", "high", "low", "close")


def checked_bars(
    source: str,
    instrument: Instrument,
    timeframe: Timeframe,
    *,
    start_ns: int,
    end_ns: int,
    now_ns: int,
    ts: Column,
    open: Column,
    high: Column,
    low: Column,
    close: Column,
    volume: Column | None,
    rule: PublicationRule | None = None,
    may_be_empty: bool = False,
) -> Bars:
    """Bars of raw columns in any order, without what is unfinished or wasn't asked for.

    Rows outside the sessions of the instrument's calendar are left out: extended hours, holidays; one that opens in
    a break and reaches beyond it opens where that ends. So are rows before
    ``start_ns``, rows known after ``end_ns`` (the unfinished last bar), and exact repeats. ``known_at`` is the close
    of the bar: of intraday ones by ``source_closes``; a daily bar takes the session of its local date, ``ts`` = its
    open, ``known_at`` = its close (24/7: the UTC day).

    Parameters
    ----------
    ts
        Opens as the source stamps them, ns UTC; daily ones anywhere on their date, local to the calendar.
    volume
        None where the source has none.
    rule
        Release schedule of a macro series, whose ``ts`` becomes 00:00 UTC of the session's date.
    may_be_empty
        Whether no row is an answer even where whole sessions lie in the asked range: pages, illiquid or new symbols.

    Raises
    ------
    BadAnswer
        When columns differ in length; a value is missing or no number; a price is not above 0 (macro series may be),
        a volume negative; two rows of one bar differ; a bar opens after ``now_ns``; nothing came where something must.
    """
    if not (timeframe.is_intraday_source or timeframe is Timeframe.DAILY):
        raise DataError(f"{source} {instrument.symbol}: no {timeframe} bars are taken; ask for 1h, finer or daily ones")
    refuse = _Refusal(source, instrument.symbol)
    columns = {"open": open, "high": high, "low": low, "close": close}
    stamps = _stamps(refuse, ts)
    cells = {name: _numbers(refuse, name, stamps, values) for name, values in columns.items()}
    cells["volume"] = np.full(len(stamps), np.nan) if volume is None else _numbers(refuse, "volume", stamps, volume)
    _refuse_impossible(refuse, instrument, stamps, cells, with_volume=volume is not None)
    _refuse_future(refuse, stamps, now_ns)
    stamps, known_at, kept = _placed(instrument, timeframe, stamps, rule)
    cells = {name: values[kept] for name, values in cells.items()}
    order = _one_of_each(refuse, stamps, cells)
    stamps, known_at = stamps[order], known_at[order]
    if timeframe.is_intraday_source:
        known_at = source_closes(instrument.calendar, stamps, timeframe.step_ns)
    asked = (stamps >= start_ns) & (known_at <= end_ns)
    if not may_be_empty and not asked.any():
        _refuse_empty(refuse, instrument.calendar, start_ns, end_ns)
    rows = order[asked]
    return Bars(
        ts=stamps[asked],
        open=cells["open"][rows],
        high=cells["high"][rows],
        low=cells["low"][rows],
        close=cells["close"][rows],
        volume=cells["volume"][rows],
        known_at=known_at[asked],
    )


def checked_observations(
    source: str,
    instrument: Instrument,
    *,
    start_ns: int,
    end_ns: int,
    now_ns: int,
    ts: Column,
    known_at: Column,
    value: Column,
) -> Bars:
    """Observations of a macro series in any order, without missing values (NaN) and what wasn't asked for.

    ts : 00:00 UTC of the reference periods' first days, ns
    known_at : publications, ns UTC; one period may have several

    Sorted by ``ts``, then ``known_at``; a vintage that repeats the value before it is left out, as it says nothing new.

    Raises
    ------
    BadAnswer
        When columns differ in length, a value is infinite, one period and publication has two values, or a period
        begins after ``now_ns``.
    """
    refuse = _Refusal(source, instrument.symbol)
    stamps = _stamps(refuse, ts)
    published = _stamps(refuse, known_at)
    if len(published) != len(stamps):
        raise refuse(f"{len(stamps)} periods with {len(published)} publications")
    values = _numbers(refuse, "value", stamps, value, missing=True)
    _refuse_future(refuse, stamps, now_ns)
    there = ~np.isnan(values)
    stamps, published, values = stamps[there], published[there], values[there]
    order = _one_of_each(refuse, stamps, {"value": values}, published)
    stamps, published, values = stamps[order], published[order], values[order]
    asked = (stamps >= start_ns) & (published <= end_ns)
    stamps, published, values = stamps[asked], published[asked], values[asked]
    news = np.ones(len(stamps), dtype=np.bool_)
    news[1:] = (np.diff(stamps) != 0) | (values[1:] != values[:-1])
    stamps, published, values = stamps[news], published[news], values[news]
    return Bars(
        ts=stamps,
        open=values,
        high=values,
        low=values,
        close=values,
        volume=np.full(len(values), np.nan),
        known_at=published,
    )


def no_bars() -> Bars:
    """Bars without a row."""
    empty: FloatArray = np.empty(0)
    stamps: IntArray = np.empty(0, dtype=np.int64)
    return Bars(ts=stamps, open=empty, high=empty, low=empty, close=empty, volume=empty, known_at=stamps)


def no_actions() -> Actions:
    """Return corporate actions without a row."""
    return Actions(ex_ns=np.empty(0, dtype=np.int64), kind=(), value=np.empty(0))


class _Refusal:
    """Makes the error of one answer."""

    def __init__(self, source: str, symbol: str) -> None:
        self._source, self._symbol = source, symbol

    def __call__(self, found: str) -> BadAnswer:
        return BadAnswer(self._source, self._symbol, found)


def _stamps(refuse: _Refusal, values: Column) -> IntArray:
    found = np.asarray(values)
    # Floats can't hold an instant of our days to the nanosecond; an empty list has no type of its own.
    if found.ndim != 1 or (len(found) and found.dtype.kind != "i"):
        raise refuse("times that are no whole nanoseconds")
    return found.astype(np.int64)


def _numbers(refuse: _Refusal, name: str, stamps: IntArray, values: Column, *, missing: bool = False) -> FloatArray:
    try:
        found: FloatArray = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise refuse(f"a {name} that is no number") from None
    if found.shape != stamps.shape:
        raise refuse(f"{len(stamps)} times with {len(found) if found.ndim else 1} values of {name}")
    bad = np.isinf(found) if missing else ~np.isfinite(found)
    if bad.any():
        row = int(np.argmax(bad))
        raise refuse(f"{name} at {iso(int(stamps[row]))} was {found[row]}")
    return found


def _refuse_impossible(
    refuse: _Refusal, instrument: Instrument, stamps: IntArray, cells: dict[str, FloatArray], *, with_volume: bool
) -> None:
    checks: list[tuple[str, BoolArray]] = []
    if instrument.asset_class is not AssetClass.MACRO:
        checks.extend((name, cells[name] <= 0) for name in _PRICES)
    if with_volume:
        checks.append(("volume", cells["volume"] < 0))
    for name, bad in checks:
        if bad.any():
            row = int(np.argmax(bad))
            raise refuse(f"{name} at {iso(int(stamps[row]))} was {cells[name][row]:g}")


def _refuse_future(refuse: _Refusal, stamps: IntArray, now_ns: int) -> None:
    if len(stamps) and int(stamps.max()) > now_ns:
        raise refuse(f"a bar of {iso(int(stamps.max()))}, which is after now ({iso(now_ns)})")


def _placed(
    instrument: Instrument, timeframe: Timeframe, stamps: IntArray, rule: PublicationRule | None
) -> tuple[IntArray, IntArray, BoolArray]:
    """Stamps by the calendar, when each is known (intraday: not yet said), and which rows lie in a session."""
    if timeframe.is_intraday_source:
        stamps = after_break(instrument.calendar, stamps, timeframe.step_ns)
        kept = in_session(instrument.calendar, stamps)
        return stamps[kept], stamps[kept], kept
    days = sessions(instrument.calendar)
    dates = local_dates(stamps, zone_of(instrument.calendar))
    index = np.minimum(np.searchsorted(days.date_ns, dates), len(days) - 1)
    kept = days.date_ns[index] == dates
    index = index[kept]
    if rule is not None:
        return days.date_ns[index], rule.known_at(days.date_ns[index]), kept
    return days.open_ns[index], days.close_ns[index], kept


def _one_of_each(
    refuse: _Refusal, stamps: IntArray, cells: dict[str, FloatArray], published: IntArray | None = None
) -> IntArray:
    """Rows in the order of their stamps (then of their publications), one of each; they must tell the same."""
    rows = (stamps,) if published is None else (published, stamps)
    order = np.lexsort(rows)
    ordered = stamps[order]
    repeats = np.zeros(len(order), dtype=np.bool_)
    repeats[1:] = np.logical_and.reduce([np.diff(row[order]) == 0 for row in rows])
    for name, values in cells.items():
        cell = values[order]
        differs = np.zeros(len(order), dtype=np.bool_)
        differs[1:] = repeats[1:] & (cell[1:] != cell[:-1]) & ~(np.isnan(cell[1:]) & np.isnan(cell[:-1]))
        if differs.any():
            row = int(np.argmax(differs))
            raise refuse(f"{name} at {iso(int(ordered[row]))} came twice, {cell[row - 1]:g} and {cell[row]:g}")
    kept: IntArray = order[~repeats]
    return kept


def _refuse_empty(refuse: _Refusal, calendar: str, start_ns: int, end_ns: int) -> None:
    days = sessions(calendar)
    first = int(np.searchsorted(days.open_ns, start_ns, side="left"))
    last = int(np.searchsorted(days.close_ns, end_ns, side="right"))
    if last > first:
        whole = last - first
        raise refuse(f"no bars from {iso(start_ns)} to {iso(end_ns)}, holding {whole} whole session{'s' * (whole > 1)}")
