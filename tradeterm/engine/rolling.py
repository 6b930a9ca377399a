"""Column kernels whose bits depend only on the last L own bars and their ordinals.

A running sum carries rounding from the first bar to the last, so the same window would give other bits in a
longer history. Here windows are summed from blocks anchored at the bars' ordinals (a suffix of one block and a
prefix of the next), and recursions restart at such blocks, one block of warm-up before the block they serve.

All arrays are the own bars of one instrument, shape (K,), with consecutive ordinals. NaN goes into every window
that holds it and into no other; a window or warm-up that is not whole gives NaN.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.engine.jit import maker

if TYPE_CHECKING:
    from tradeterm.core.types import FloatArray, IntArray

__all__ = ["block_length", "change", "ema", "rolling_std", "rolling_sum", "true_range", "wilder"]

_FORGOTTEN = 1e-13


def block_length(alpha: float) -> int:
    """Bars after which a recursion ``e += alpha * (x - e)`` has forgotten its start to 1e-13."""
    return max(1, math.ceil(math.log(_FORGOTTEN) / math.log1p(-alpha))) if alpha < 1.0 else 1


@maker
def rolling_sum(values: FloatArray, ordinals: IntArray, window: int) -> FloatArray:
    """Sum of the last ``window`` values, at each bar; NaN until there are that many."""
    count = len(values)
    out = np.full(count, np.nan)
    suffix = np.empty(count)
    for i in range(count - 1, -1, -1):
        ends_block = ordinals[i] % window == window - 1
        suffix[i] = values[i] if ends_block or i == count - 1 else values[i] + suffix[i + 1]
    prefix = 0.0
    for i in range(count):
        prefix = values[i] if ordinals[i] % window == 0 or i == 0 else prefix + values[i]
        if i >= window - 1:
            whole_block = ordinals[i] % window == window - 1
            out[i] = prefix if whole_block else suffix[i - window + 1] + prefix
    return out


@maker
def rolling_std(values: FloatArray, window: int, ddof: int) -> FloatArray:
    """Return the standard deviation of the last ``window`` values, in two passes over each window."""
    count = len(values)
    out = np.full(count, np.nan)
    for i in range(window - 1, count):
        mean = 0.0
        for j in range(i - window + 1, i + 1):
            mean += values[j]
        mean /= window
        square = 0.0
        for j in range(i - window + 1, i + 1):
            square += (values[j] - mean) ** 2
        out[i] = math.sqrt(square / (window - ddof))
    return out


@maker
def change(values: FloatArray, bars: int) -> FloatArray:
    """Simple return over ``bars`` bars: ``x[i] / x[i - bars] - 1``."""
    out = np.full(len(values), np.nan)
    for i in range(bars, len(values)):
        out[i] = values[i] / values[i - bars] - 1.0
    return out


@maker
def ema(values: FloatArray, ordinals: IntArray, alpha: float, block: int, warm: int) -> FloatArray:
    """Exponential mean ``e += alpha * (x - e)`` from e = x at its start; NaN for the first ``warm`` ordinals."""
    count = len(values)
    out = np.full(count, np.nan)
    start = 0
    while start < count:
        number = ordinals[start] // block
        stop = min(count, start + block - ordinals[start] % block)
        begin = max(0, number - 1) * block - ordinals[0]
        if begin >= 0:
            level = values[begin]
            for i in range(begin + 1, start):
                level += alpha * (values[i] - level)
            for i in range(start, stop):
                if i > begin:
                    level += alpha * (values[i] - level)
                if ordinals[i] >= warm:
                    out[i] = level
        start = stop
    return out


@maker
def wilder(values: FloatArray, ordinals: IntArray, window: int, block: int) -> FloatArray:
    """Wilder's mean: the simple mean of the first ``window`` values, then ``m += (x - m) / window``.

    The value of ordinal 0 is left out: changes and true ranges need the bar before.
    """
    count = len(values)
    out = np.full(count, np.nan)
    start = 0
    while start < count:
        number = ordinals[start] // block
        stop = min(count, start + block - ordinals[start] % block)
        begin = max(1, max(0, number - 1) * block) - ordinals[0]
        if begin >= 0:
            level = 0.0
            for i in range(begin, stop):
                seen = i - begin + 1
                if seen <= window:
                    level += values[i]
                    if seen == window:
                        level /= window
                else:
                    level += (values[i] - level) / window
                if i >= start and seen >= window:
                    out[i] = level
        start = stop
    return out


@maker
def true_range(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """Largest of high - low, |high - close before| and |low - close before|; NaN at the first bar."""
    out = np.full(len(close), np.nan)
    for i in range(1, len(close)):
        before = close[i - 1]
        out[i] = max(high[i] - low[i], abs(high[i] - before), abs(low[i] - before))
    return out
