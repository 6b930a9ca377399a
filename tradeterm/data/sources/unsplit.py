"""Undo the split adjustment of a source: raw prices are those that were quoted on their day.

A source that adjusts for splits divides every earlier price by the ratio (new units per old one) and multiplies every
earlier volume by it. What is undone here is exactly that, with the splits which the source itself reports.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tradeterm.core.market import Bars
    from tradeterm.core.types import FloatArray, IntArray

__all__ = ["later_ratio", "unadjusted_split", "unsplit"]

# Smaller ratios can't be told from an ordinary gap over night.
_TELLING = math.log(1.4)
# How near to the bare ratio a gap is, as a share of it, to be the split itself and no move of the market.
_NEAR = 0.25


def later_ratio(ex_ns: IntArray, ratio: FloatArray, instants: IntArray) -> FloatArray:
    """Product of the ratios of all splits that come after each instant, 1 where none does.

    ex_ns, ratio : splits, ascending; a split at the very instant is no later one
    """
    products = np.append(np.cumprod(ratio[::-1])[::-1], 1.0)
    found: FloatArray = products[np.searchsorted(ex_ns, instants, side="right")]
    return found


def unsplit(bars: Bars, ex_ns: IntArray, ratio: FloatArray) -> Bars:
    """Raw bars of split-adjusted ones."""
    factor = later_ratio(ex_ns, ratio, bars.ts)
    return replace(
        bars,
        open=bars.open * factor,
        high=bars.high * factor,
        low=bars.low * factor,
        close=bars.close * factor,
        volume=bars.volume / factor,
    )


def unadjusted_split(
    at: IntArray, opens: FloatArray, closes: FloatArray, ex: IntArray, ratio: FloatArray
) -> int | None:
    """Position of the first split that still stands in prices which should be adjusted for it, None where none does.

    at, opens, closes : bars, ascending
    ex, ratio : splits; ``ex`` tells time as ``at`` does

    A source may list a split before it has adjusted its prices: then they jump by the bare ratio on the ex-date.
    """
    row = np.searchsorted(at, ex, side="left")
    there = (row > 0) & (row < len(at))
    before, after = np.maximum(row - 1, 0), np.minimum(row, max(len(at) - 1, 0))
    if not there.any():
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.log(opens[after] / closes[before])
    bare = -np.log(ratio)
    stands = there & (np.abs(bare) > _TELLING) & (np.abs(gap - bare) < _NEAR * np.abs(bare))
    return int(np.argmax(stands)) if stands.any() else None
