"""NAV by day cut into months and years, and rolled over windows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tradeterm.core.types import FloatArray, IntArray

__all__ = ["PERIODS", "drawdowns", "months_of", "period_returns", "rolling_sharpe", "rolling_window"]

_FLAT = 1e-12

PERIODS: dict[str, str] = {
    "month_return": "fraction; NAV at the month's last day end / NAV at the last one before it - 1; a day belongs "
    "to the month of its UTC date",
    "year_return": "the same by year; first and last are as long as the run is",
    "rolling_sharpe": "ratio; SR over the last {W} NAV days ({A} / 2); null before and where std is 0",
    "drawdown": "fraction, <= 0; NAV / running peak - 1, the starting capital is the first point",
}


def drawdowns(nav: FloatArray) -> FloatArray:
    """(n,) NAV against its running peak, fractions <= 0."""
    return np.asarray(nav / np.maximum.accumulate(nav) - 1.0)


def months_of(times: IntArray) -> IntArray:
    """Months since 1970-01 of the days that end at ``times``: one that ends at 00:00 is the day before."""
    found: IntArray = (times - 1).astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    return found


def period_returns(nav: FloatArray, period: IntArray) -> tuple[IntArray, FloatArray]:
    """Periods in which days ended, and the return over each.

    nav : (n + 1,) points, the first is the starting capital; period : (n,) number of each day's period, ascending
    """
    if not len(period):
        return np.empty(0, dtype=np.int64), np.empty(0)
    ends = np.append(np.flatnonzero(np.diff(period)), len(period) - 1) + 1
    before = np.concatenate([[0], ends[:-1]])
    return period[ends - 1], np.asarray(nav[ends] / nav[before] - 1.0)


def rolling_window(periods_per_year: int) -> int:
    """Days that the rolling Sharpe ratio looks back on: half a year."""
    return periods_per_year // 2


def rolling_sharpe(returns: FloatArray, window: int, periods_per_year: int) -> FloatArray:
    """(n,) annualised Sharpe ratio over the last ``window`` returns; NaN before, and without spread."""
    found = np.full(len(returns), np.nan)
    if len(returns) < window or window < 2:
        return found
    parts = np.lib.stride_tricks.sliding_window_view(returns, window)
    spread = np.std(parts, axis=1, ddof=1)
    varied = np.ptp(parts, axis=1) > _FLAT
    ratio = np.divide(parts.mean(axis=1), spread, out=np.full(len(parts), np.nan), where=varied)
    found[window - 1 :] = ratio * math.sqrt(periods_per_year)
    return found
