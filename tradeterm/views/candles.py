"""Bars as candles: a part of a series, so many bars to a candle that no more than asked for are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.views.base import number

if TYPE_CHECKING:
    from tradeterm.core.market import Bars
    from tradeterm.core.types import FloatArray, IntArray

__all__ = ["Candle", "Candles", "Shown", "shown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candle:
    """One or more bars: the first one's open, the highest and lowest price, the last one's close, volume in sum.

    volume : None where a bar has none
    """

    ts_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candles:
    """A part of a series.

    first, end : places of its bars among all, from 0, the end excluded
    total : bars that there are; per_candle : bars in a candle, the first of which may hold fewer
    first_ns, last_ns : opens of the first and of the last bar shown
    flat : whether no bar has a range, as of series that have one value per time
    """

    candles: tuple[Candle, ...]
    first: int
    end: int
    total: int
    per_candle: int
    first_ns: int
    last_ns: int
    flat: bool


class Shown:
    """What of a bar file can be drawn: rows with a price, of several vintages of a period the newest one.

    least, greatest : of all prices, 0 without any
    """

    def __init__(self, bars: Bars) -> None:
        there = np.isfinite(bars.open) & np.isfinite(bars.high) & np.isfinite(bars.low) & np.isfinite(bars.close)
        rows = np.flatnonzero(there)
        order = rows[np.lexsort((bars.known_at[rows], bars.ts[rows]))]
        newest = np.append(np.diff(bars.ts[order]) != 0, True) if len(order) else np.empty(0, dtype=np.bool_)
        chosen = order[newest]
        self.ts: IntArray = bars.ts[chosen]
        self.open: FloatArray = bars.open[chosen]
        self.high: FloatArray = bars.high[chosen]
        self.low: FloatArray = bars.low[chosen]
        self.close: FloatArray = bars.close[chosen]
        self.volume: FloatArray = bars.volume[chosen]
        self.flat = bool((self.high == self.low).all())
        self.least = float(self.low.min()) if len(chosen) else 0.0
        self.greatest = float(self.high.max()) if len(chosen) else 0.0

    def __len__(self) -> int:
        return len(self.ts)


def shown(series: Shown, *, count: int, end: int | None, at_most: int) -> Candles | None:
    """Draw ``count`` bars up to place ``end`` (excluded; None: the newest) as ``at_most`` candles; None without bars.

    Candles are filled from the end, so that the newest one is whole.
    """
    total = len(series)
    if not total or at_most < 1:
        return None
    last = total if end is None else min(max(end, 1), total)
    first = max(0, last - max(1, count))
    size = -(-(last - first) // at_most)
    # The first candle takes what is left over.
    starts = np.arange(last, first, -size, dtype=np.int64)[::-1] - size
    starts = np.maximum(starts, first)
    ends = np.append(starts[1:], last)
    part = slice(first, last)
    high = np.maximum.reduceat(series.high[part], starts - first)
    low = np.minimum.reduceat(series.low[part], starts - first)
    volume = np.add.reduceat(series.volume[part], starts - first)
    cells: tuple[Any, ...] = (
        series.ts[starts].tolist(),
        series.open[starts].tolist(),
        high.tolist(),
        low.tolist(),
        series.close[ends - 1].tolist(),
        volume.tolist(),
    )
    return Candles(
        candles=tuple(
            Candle(ts_ns=ts, open=opened, high=top, low=bottom, close=closed, volume=number(traded))
            for ts, opened, top, bottom, closed, traded in zip(*cells, strict=True)
        ),
        first=first,
        end=last,
        total=total,
        per_candle=size,
        first_ns=int(series.ts[first]),
        last_ns=int(series.ts[last - 1]),
        flat=series.flat,
    )
