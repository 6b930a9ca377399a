"""Source bars of one hour or finer to H4 and daily bars.

What is known is grouped by close, what can be filled by open: the H4 row ``g`` aggregates the source bars that close
in (g, g + 4h], and beside them, as its fill part, those that open in [g, g + 4h). A source bar that crosses g + 4h
is no bar yet at g + 4h, so it never widens the fill range; its open is the fill price where it is the first to open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.market import Bars, FillBars
from tradeterm.core.time import H4_NS
from tradeterm.data.calendar import bar_ends, next_expected_close, session_index, sessions

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray, IntArray

__all__ = ["complete_until", "in_session", "opens_of_closes", "resample_daily", "resample_h4", "source_closes"]


def in_session(calendar: str, opens: IntArray) -> BoolArray:
    """Whether each bar opens while its exchange trades; the others are extended hours, or lie in a break."""
    inside: BoolArray = session_index(calendar, opens) >= 0
    return inside


def source_closes(calendar: str, opens: IntArray, step_ns: int) -> IntArray:
    """Close of each source bar: its length after the open, cut where trading ends and where the next bar opens.

    opens : ascending, without repeats, all while the exchange trades
    """
    closes = bar_ends(calendar, opens, step_ns)
    closes[:-1] = np.minimum(closes[:-1], opens[1:])
    return closes


def opens_of_closes(closes: IntArray, step_ns: int) -> IntArray:
    """Open of each bar of a source that labels bars by their close: never before the previous bar's close.

    closes : ascending; repeats keep the open of the first
    """
    unique, position = np.unique(closes, return_inverse=True)
    opens = unique - step_ns
    opens[1:] = np.maximum(opens[1:], unique[:-1])
    found: IntArray = opens[position]
    return found


def complete_until(calendar: str, source: Bars, step_ns: int) -> int:
    """Last instant up to which a source that ends with this bar has left nothing out, by the calendar."""
    if not len(source):
        return 0
    return next_expected_close(calendar, int(source.known_at[-1]), step_ns) - 1


def resample_h4(source: Bars, until_ns: int) -> Bars:
    """H4 bars of source bars inside sessions; intervals that end after ``until_ns`` are unfinished and left out."""
    known_row = (source.known_at - 1) // H4_NS * H4_NS
    fill_row = source.ts // H4_NS * H4_NS
    rows = np.union1d(known_row, fill_row)
    rows = rows[rows + H4_NS <= until_ns]
    known, at = _Groups(known_row, rows), _Groups(fill_row, rows)
    straddles = known.any(source.ts < known_row) | at.any(source.known_at > fill_row + H4_NS)
    known_at = rows + H4_NS
    known_at[known.there] = source.known_at[known.last]
    return Bars(
        ts=rows,
        open=known.spread(source.open[known.first]),
        high=known.maximum(source.high),
        low=known.minimum(source.low),
        close=known.spread(source.close[known.last]),
        volume=known.total(source.volume),
        known_at=known_at,
        straddles=straddles.astype(np.int64),
        fill=_fill_part(source, fill_row, at),
    )


def resample_daily(source: Bars, calendar: str, until_ns: int) -> Bars:
    """Daily bars, one per session; sessions that close after ``until_ns`` are unfinished and left out."""
    days = sessions(calendar)
    index = np.searchsorted(days.close_ns, source.known_at, side="left")
    rows = np.unique(index)
    rows = rows[days.close_ns[rows] <= until_ns]
    groups = _Groups(index, rows)
    return Bars(
        ts=days.open_ns[rows],
        open=source.open[groups.first],
        high=groups.maximum(source.high),
        low=groups.minimum(source.low),
        close=source.close[groups.last],
        volume=groups.total(source.volume),
        known_at=days.close_ns[rows],
    )


class _Groups:
    """Runs of equal labels of sorted source bars, laid out on ``rows``."""

    def __init__(self, labels: IntArray, rows: IntArray) -> None:
        wanted = np.isin(labels, rows)
        # Bars of rows that aren't wanted can only be at the end: rows are left out from some instant on.
        self._count = int(np.count_nonzero(wanted))
        labels = labels[: self._count]
        self.first = np.flatnonzero(np.diff(labels, prepend=-1) != 0)
        self.last = np.append(self.first[1:], self._count)[: len(self.first)] - 1
        self.there = np.isin(rows, labels)

    def spread(self, values: FloatArray) -> FloatArray:
        found: FloatArray = np.full(len(self.there), np.nan)
        found[self.there] = values
        return found

    def maximum(self, values: FloatArray) -> FloatArray:
        return self._reduced(np.maximum, values)

    def minimum(self, values: FloatArray) -> FloatArray:
        return self._reduced(np.minimum, values)

    def total(self, values: FloatArray) -> FloatArray:
        return self._reduced(np.add, values)

    def any(self, values: BoolArray) -> BoolArray:
        found: BoolArray = self._reduced(np.add, values.astype(np.float64)) > 0
        return found

    def _reduced(self, function: np.ufunc, values: FloatArray) -> FloatArray:
        if not len(self.first):
            return self.spread(np.empty(0))
        return self.spread(function.reduceat(values[: self._count], self.first))


def _fill_part(source: Bars, fill_row: IntArray, groups: _Groups) -> FillBars:
    crossing = source.known_at > fill_row + H4_NS
    leading = np.zeros(len(source), dtype=np.bool_)
    leading[groups.first] = True
    high = np.where(crossing, np.where(leading, source.open, -np.inf), source.high)
    low = np.where(crossing, np.where(leading, source.open, np.inf), source.low)
    unknown = np.where(groups.there, np.nan, 0.0)
    at: IntArray = np.full(len(groups.there), -1, dtype=np.int64)
    at[groups.there] = source.ts[groups.first]
    return FillBars(
        open=groups.spread(source.open[groups.first]),
        high=groups.maximum(high),
        low=groups.minimum(low),
        # Where no whole bar opens nobody knows how much of the crossing one was traded in the interval.
        volume=np.where(groups.any(~crossing), groups.total(np.where(crossing, 0.0, source.volume)), unknown),
        at=at,
    )
