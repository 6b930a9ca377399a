"""What a book is held against: prices bought once and kept, and how its returns relate to theirs.

Benchmarks pay no costs. Their prices are forward-adjusted, so dividends are reinvested on the ex-date.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.engine.panel import newest_row

if TYPE_CHECKING:
    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.engine.inputs import RegimeSeries
    from tradeterm.engine.replay import Replay

__all__ = ["RELATIONS", "bought_once", "relate", "series_prices", "universe_prices"]

_MIN_DAYS = 60

RELATIONS: dict[str, str] = {
    "beta": "ratio; cov(r, b) / var(b), b = the benchmark's simple return by NAV day, ddof 1; null under 60 days",
    "alpha": "fraction a year; (mean(r) - beta mean(b)) * {A}, arithmetic, rf 0; null under 60 days",
    "correlation": "Pearson correlation of r and b; null under 60 days",
    "tracking_error": "fraction a year; std(r - b), ddof 1, * sqrt({A}); null under 60 days",
    "information_ratio": "ratio; mean(r - b) / std(r - b) * sqrt({A}); null under 60 days",
}


def universe_prices(run: Replay) -> FloatArray:
    """(T, N) forward-adjusted closes known at each decision; NaN before the first.

    A delisted instrument is worth what its holders were paid for it from then on.
    """
    newest = newest_row(run.panel.bar_no)[run.first_row :]
    close = np.take_along_axis(run.panel.close, np.maximum(newest, 0), axis=0)
    prices = np.where(newest >= 0, close, np.nan)
    market = run.market
    for j, row in enumerate(market.gone.tolist()):
        if row >= 0:
            acted = market.split.shape[0] > 0
            units = float(market.split[row, j]) if acted else 1.0
            paid = units * float(market.last_price[j]) + (float(market.dividend[row, j]) if acted else 0.0)
            prices[row + 1 :, j] = prices[row, j] * paid / market.mark[row, j]
    return prices


def series_prices(series: RegimeSeries, times: IntArray) -> FloatArray:
    """(T, 1) newest close of a daily series known at each time; NaN before the first."""
    rows = np.searchsorted(series.known_at, times, side="right") - 1
    if not len(series):
        return np.full((len(times), 1), np.nan)
    return np.asarray(np.where(rows >= 0, series.value[np.maximum(rows, 0)], np.nan)[:, None])


def bought_once(prices: FloatArray, capital: float) -> FloatArray:
    """(T,) worth of ``capital`` spread over N prices in equal parts at the first row, each kept from then on.

    The part of an instrument without a price yet is cash until it has one.
    """
    count = prices.shape[1]
    if not count:
        return np.full(len(prices), np.nan)
    first = np.argmax(np.isfinite(prices), axis=0)
    entry = prices[first, np.arange(count)]
    grown = np.where(np.isfinite(prices), prices / entry, 1.0)
    return np.asarray(capital * grown.mean(axis=1))


def relate(returns: FloatArray, others: FloatArray, periods_per_year: int) -> dict[str, float | None]:
    """How (n,) returns relate to a benchmark's on the same days, by the keys of ``RELATIONS``."""
    if len(returns) < _MIN_DAYS or len(returns) != len(others):
        return dict.fromkeys(RELATIONS)
    year = periods_per_year
    spread, own = float(np.var(others, ddof=1)), float(np.var(returns, ddof=1))
    shared = float(np.cov(returns, others, ddof=1)[0, 1])
    beta = _ratio(shared, spread)
    excess = returns - others
    error = float(np.std(excess, ddof=1))
    return {
        "beta": beta,
        "alpha": None if beta is None else float((returns.mean() - beta * others.mean()) * year),
        "correlation": _ratio(shared, math.sqrt(spread * own)),
        "tracking_error": error * math.sqrt(year),
        "information_ratio": _ratio(float(excess.mean()) * math.sqrt(year), error),
    }


def _ratio(over: float, under: float) -> float | None:
    """Return a quotient; None where the divisor is rounding, not dispersion."""
    return over / under if under > 1e-15 else None
