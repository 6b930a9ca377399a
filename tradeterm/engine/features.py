"""Features of a panel's own bars, each with the finite look-back it declares.

Every function takes a panel and returns (T, N): a value in the rows of an instrument's own bars, NaN elsewhere and
until its look-back is met. Windows count own bars: rows without one are skipped, never filled, so that adding a
symbol changes no other's features. :func:`carried` reads the newest value at every row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.engine import rolling
from tradeterm.engine.panel import newest_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.engine.panel import Panel

__all__ = [
    "Bands",
    "Lookback",
    "atr",
    "bollinger",
    "carried",
    "daily_carried",
    "ema",
    "lookback_ema",
    "lookback_wilder",
    "momentum",
    "returns",
    "rsi",
    "sma",
    "volatility",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookback:
    """Own bars that a decision may depend on, the newest included: of the panel and of its daily panel."""

    bars: int = 1
    daily: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """Bollinger bands, (T, N) each."""

    middle: FloatArray
    upper: FloatArray
    lower: FloatArray


def _by_column(panel: Panel, compute: Callable[[IntArray, int], FloatArray]) -> FloatArray:
    """Run ``compute(rows of own bars, column)`` per instrument and put the values back into their rows."""
    out = np.full(panel.close.shape, np.nan)
    for column in range(len(panel.symbols)):
        rows = np.flatnonzero(panel.bar_no[:, column] >= 0)
        if len(rows):
            out[rows, column] = compute(rows, column)
    return out


def sma(panel: Panel, window: int) -> FloatArray:
    """Simple mean of the last ``window`` closes. Look-back: ``window`` bars."""

    def compute(rows: IntArray, column: int) -> FloatArray:
        return rolling.rolling_sum(panel.close[rows, column], panel.bar_no[rows, column], window) / window

    return _by_column(panel, compute)


def ema(panel: Panel, span: int) -> FloatArray:
    """Exponential mean of closes, alpha = 2 / (span + 1), from the first bar; NaN for ``span - 1`` bars.

    Look-back: :func:`lookback_ema`; the textbook recursion from the first bar is met to 1e-10.
    """
    alpha = 2.0 / (span + 1.0)
    block = rolling.block_length(alpha)

    def compute(rows: IntArray, column: int) -> FloatArray:
        return rolling.ema(panel.close[rows, column], panel.bar_no[rows, column], alpha, block, span - 1)

    return _by_column(panel, compute)


def lookback_ema(span: int) -> int:
    """Bars that :func:`ema` depends on."""
    return 2 * rolling.block_length(2.0 / (span + 1.0))


def lookback_wilder(window: int) -> int:
    """Bars that :func:`rsi` and :func:`atr` depend on."""
    return 2 * _wilder_block(window) + 1


def _wilder_block(window: int) -> int:
    return rolling.block_length(1.0 / window) + window


def rsi(panel: Panel, window: int = 14) -> FloatArray:
    """Relative strength index of Wilder (1978), 0 to 100; 100 when nothing fell, 50 when nothing moved.

    Look-back: :func:`lookback_wilder`; the textbook recursion from the first bar is met to 1e-10.
    """
    block = _wilder_block(window)

    def compute(rows: IntArray, column: int) -> FloatArray:
        ordinals = panel.bar_no[rows, column]
        steps = np.diff(panel.close[rows, column], prepend=np.nan)
        gain = rolling.wilder(np.maximum(steps, 0.0), ordinals, window, block)
        loss = rolling.wilder(np.maximum(-steps, 0.0), ordinals, window, block)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = 100.0 * gain / (gain + loss)
        return np.where(gain + loss == 0.0, 50.0, value)

    return _by_column(panel, compute)


def atr(panel: Panel, window: int = 14) -> FloatArray:
    """Average true range of Wilder (1978), in price. Look-back: :func:`lookback_wilder`."""
    block = _wilder_block(window)

    def compute(rows: IntArray, column: int) -> FloatArray:
        ranges = rolling.true_range(panel.high[rows, column], panel.low[rows, column], panel.close[rows, column])
        return rolling.wilder(ranges, panel.bar_no[rows, column], window, block)

    return _by_column(panel, compute)


def bollinger(panel: Panel, window: int = 20, width: float = 2.0) -> Bands:
    """Mean of ``window`` closes and ``width`` population deviations (ddof 0) on both sides. Look-back: ``window``."""
    middle = sma(panel, window)

    def compute(rows: IntArray, column: int) -> FloatArray:
        return rolling.rolling_std(panel.close[rows, column], window, 0)

    reach = width * _by_column(panel, compute)
    return Bands(middle=middle, upper=middle + reach, lower=middle - reach)


def returns(panel: Panel) -> FloatArray:
    """Simple return from the own bar before. Look-back: 2 bars."""
    return momentum(panel, 1)


def momentum(panel: Panel, bars: int) -> FloatArray:
    """Simple return over ``bars`` own bars. Look-back: ``bars + 1``."""

    def compute(rows: IntArray, column: int) -> FloatArray:
        return rolling.change(panel.close[rows, column], bars)

    return _by_column(panel, compute)


def volatility(panel: Panel, window: int, bars_per_year: float) -> FloatArray:
    """Annualised deviation (ddof 1) of the last ``window`` simple returns, fraction. Look-back: ``window + 1``."""

    def compute(rows: IntArray, column: int) -> FloatArray:
        steps = rolling.change(panel.close[rows, column], 1)
        return rolling.rolling_std(steps, window, 1) * math.sqrt(bars_per_year)

    return _by_column(panel, compute)


def carried(panel: Panel, values: FloatArray) -> FloatArray:
    """Value at each instrument's newest own bar, at every row; NaN before the first."""
    return _take(values, newest_row(panel.bar_no))


def daily_carried(panel: Panel, values: FloatArray) -> FloatArray:
    """Value of a daily feature at each instrument's newest own daily bar, at every row of ``panel``.

    values : (D, N), a feature of ``panel.daily``; in a daily panel (its own daily bars) the same as :func:`carried`
    """
    if panel.daily_row is None:
        return carried(panel, values)
    return _take(values, panel.daily_row)


def _take(values: FloatArray, rows: IntArray) -> FloatArray:
    if not len(values):
        return np.full(rows.shape, np.nan)
    found = np.take_along_axis(values, np.maximum(rows, 0), axis=0)
    return np.where(rows >= 0, found, np.nan)
