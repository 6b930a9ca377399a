"""Aligned bars by decision time: all that a strategy ever gets to see."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray, IntArray

__all__ = ["FillFrame", "Panel", "locked", "newest_row"]

A = TypeVar("A", bound="np.ndarray[Any, Any]")

_BY_CELL = ("open", "high", "low", "close", "volume", "bar_no", "known_at", "filled")
_BY_ROW = ("times", *_BY_CELL)
_PRICED = ("open", "high", "low", "close", "volume")


def locked(values: A) -> A:
    """View of an array that can't be written to: what strategies are shown is shared with those after them."""
    view = values.view()
    view.flags.writeable = False
    return view


def _sliced(values: Any, start: int, stop: int) -> Any:
    return None if values is None else values[start:stop]


def newest_row(bar_no: IntArray) -> IntArray:
    """Row of each instrument's newest own bar at or before each row, -1 where it has none yet.

    bar_no : (T, N), -1 in rows without an own bar
    """
    rows = np.where(bar_no >= 0, np.arange(len(bar_no), dtype=np.int64)[:, None], np.int64(-1))
    return np.maximum.accumulate(rows, axis=0) if len(rows) else rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Bars of N instruments at T decision times; row k is what became known in (t(k-1), t(k)].

    times : (T,) decision times, ns UTC, ascending
    symbols, asset_class : N names, in one order everywhere
    open, high, low, close : (T, N) forward-adjusted prices, NaN in rows without an own bar
    volume : (T, N), NaN likewise (and where the source has none)
    bar_no : (T, N) ordinal of the own bar, counted from the first stored one; -1 in rows without
    known_at : (T, N) instant at which the own bar became known; -1 in rows without
    filled : (T, N) whether the own bar only repeats the last close, as none came; None where no bar does
    daily : the daily bars, one row per decision time at which some daily bar became known; None in the daily panel
    daily_row : (T, N) row in ``daily`` of each instrument's newest own daily bar; -1 before the first
    """

    times: IntArray
    symbols: tuple[str, ...]
    asset_class: tuple[str, ...]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    bar_no: IntArray
    known_at: IntArray
    filled: BoolArray | None = None
    daily: Panel | None = None
    daily_row: IntArray | None = None

    def __len__(self) -> int:
        return len(self.times)

    @property
    def days(self) -> Panel:
        """Return the daily panel; a panel of daily bars is its own."""
        return self if self.daily is None else self.daily

    @property
    def own(self) -> BoolArray:
        """(T, N) whether a bar that really came became known in the row."""
        there: BoolArray = self.bar_no >= 0
        return there if self.filled is None else there & ~self.filled

    def column(self, symbol: str) -> int:
        """Column of ``symbol``."""
        return self.symbols.index(symbol)

    def upto(self, time_ns: int) -> Panel:
        """View of the rows at or before ``time_ns``: no copy, and nothing later in it."""
        return self.rows(0, int(np.searchsorted(self.times, time_ns, side="right")))

    def rows(self, start: int, stop: int) -> Panel:
        """View of the rows [start, stop), the daily panel whole up to the last of them."""
        part = replace(self, **{name: _sliced(getattr(self, name), start, stop) for name in _BY_ROW})
        if self.daily is None or self.daily_row is None:
            return part
        last = int(self.times[stop - 1]) if stop > start else -1
        return replace(part, daily=self.daily.upto(last), daily_row=self.daily_row[start:stop])

    def select(self, symbols: tuple[str, ...]) -> Panel:
        """Panel of ``symbols`` alone, in that order, on the same rows; its arrays can't be written to."""
        columns = [self.column(symbol) for symbol in symbols]
        cells: dict[str, Any] = {
            name: locked(np.ascontiguousarray(values[:, columns]))
            for name in _BY_CELL
            if (values := getattr(self, name)) is not None
        }
        cells["times"] = locked(self.times)
        classes = tuple(self.asset_class[column] for column in columns)
        part = replace(self, symbols=symbols, asset_class=classes, **cells)
        if self.daily is None or self.daily_row is None:
            return part
        return replace(
            part,
            daily=self.daily.select(symbols),
            daily_row=locked(np.ascontiguousarray(self.daily_row[:, columns])),
        )

    def without_filled(self) -> Panel:
        """Panel without the bars that only repeat the last close: a row where none came has none."""
        days = None if self.daily is None else self.daily.without_filled()
        if self.filled is None or not self.filled.any():
            return replace(self, filled=None, daily=days)
        cells: dict[str, Any] = {name: np.where(self.filled, np.nan, getattr(self, name)) for name in _PRICED}
        before = np.cumsum(self.filled, axis=0)
        bar_no = np.where(self.filled | (self.bar_no < 0), -1, self.bar_no - before)
        known_at = np.where(self.filled, -1, self.known_at)
        return replace(self, filled=None, bar_no=bar_no, known_at=known_at, daily=days, **cells)

    def from_day(self, first: int) -> Panel:
        """Panel whose daily panel begins at its row ``first``."""
        if self.daily is None or self.daily_row is None:
            return self
        daily = self.daily.rows(first, len(self.daily))
        return replace(self, daily=daily, daily_row=np.maximum(self.daily_row - first, -1))


@dataclass(frozen=True, slots=True, kw_only=True)
class FillFrame:
    """What the simulator may trade on, beside the panel and never inside it.

    All arrays have shape (T, N). Row k belongs to the decision at t(k): prices of source bars that open in
    [t(k), t(k+1)), raw; NaN and ``at`` = -1 where none did.

    open, high, low, volume, at : the fill bar (``at`` = when it opens, ns UTC)
    mark : raw close known at t(k), carried forward through what took effect since; NaN before the first bar
    tradable : whether the instrument's calendar expects a fill bar in [t(k), t(k+1)); never read off the bars
    split, dividend : what takes effect in [t(k), t(k+1)), before its fill bar: new units per old one (1 where there is
        none), cash per unit held before (0 likewise); None where no instrument has any
    factor : price x factor is the fill price in the panel's scale; None where that is the raw price
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    volume: FloatArray
    at: IntArray
    mark: FloatArray
    tradable: BoolArray
    split: FloatArray | None = None
    dividend: FloatArray | None = None
    factor: FloatArray | None = None

    def upto_row(self, stop: int) -> FillFrame:
        """View of the rows [0, stop)."""
        there = {item.name: getattr(self, item.name) for item in fields(self)}
        return replace(self, **{name: part[:stop] for name, part in there.items() if part is not None})
