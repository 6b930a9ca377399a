"""Returns by the state that was known when each day began, with intervals from resampled blocks of days.

Interval : circular moving-block bootstrap of the whole series of (return, state) by day: 1,000 resamples of blocks of
ceil(n^(1/3)) days, each day as likely as any other, the last block cut so that a resample has n days. The interval of a
figure is from the 2.5 % to the 97.5 % quantile of what the resamples give; blocks keep what days in a row share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray, IntArray

__all__ = ["BY_STATE", "FEWEST_DAYS", "Resamples", "StateFigures", "figures", "resamples"]

FEWEST_DAYS = 20
_DRAWS = 1000
_TAIL = 2.5
# Resamples in which a figure must be defined, of all.
_ENOUGH = 0.95
_FLAT = 1e-12

BY_STATE: dict[str, str] = {
    "days in a state": "count of NAV days n; the state known at the decision that began the day (no look-ahead)",
    "mean by state": f"fraction a day; mean(r) of those days; null under {FEWEST_DAYS} days",
    "annual by state": f"fraction a year; prod(1 + r)^({{A}}/n) - 1 of those days; null under {FEWEST_DAYS} days",
    "sharpe by state": f"ratio; mean(r) / std(r) * sqrt({{A}}) of those days, ddof 1; null under {FEWEST_DAYS} days",
    "interval": "95 %, circular moving-block bootstrap over all NAV days: 1,000 resamples, blocks of ceil(days^(1/3)) "
    "days, seed = run id, percentiles; null where returns do not vary or under 95 % of the "
    "resamples give the figure",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resamples:
    """Blocks of days that resamples are made of.

    starts : (draws, blocks) first day of each block, which goes on at day 0 after the last
    block : days of a block; days : days of the series and of each resample
    """

    starts: IntArray
    block: int
    days: int

    def sums(self, values: FloatArray) -> FloatArray:
        """(draws,) sum of (n,) values over the days of each resample."""
        prefix = np.concatenate([[0.0], np.cumsum(np.concatenate([values, values[: self.block]]))])
        rest = self.days - (self.starts.shape[1] - 1) * self.block
        whole, last = self.starts[:, :-1], self.starts[:, -1]
        total = (prefix[whole + self.block] - prefix[whole]).sum(axis=1)
        return np.asarray(total + prefix[last + rest] - prefix[last])


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFigures:
    """What the returns of one state's days come to; None where unknown, intervals as (low, high)."""

    n: int
    mean: float | None
    mean_interval: tuple[float, float] | None
    annual: float | None
    sharpe: float | None
    sharpe_interval: tuple[float, float] | None


def resamples(days: int, *, seed: int, draws: int = _DRAWS) -> Resamples:
    """Draw the blocks for a series of so many days."""
    block = max(1, math.ceil(days ** (1.0 / 3.0) - 1e-9))
    count = max(1, -(-days // block))
    generator = np.random.Generator(np.random.PCG64(seed))
    starts = generator.integers(0, max(1, days), size=(draws, count), dtype=np.int64)
    return Resamples(starts=starts, block=block, days=days)


def figures(returns: FloatArray, inside: BoolArray, drawn: Resamples, periods_per_year: int) -> StateFigures:
    """Figures of the days ``inside`` a state.

    returns, inside : (n,) return of each day, and whether it began in the state
    """
    own = returns[inside]
    count = len(own)
    if count < FEWEST_DAYS:
        return StateFigures(n=count, mean=None, mean_interval=None, annual=None, sharpe=None, sharpe_interval=None)
    year = periods_per_year
    mean = float(own.mean())
    varied = float(np.ptp(own)) > _FLAT
    # About the mean, so that squares lose no digits.
    apart = np.where(inside, returns - mean, 0.0)
    size, total, squares = drawn.sums(inside.astype(np.float64)), drawn.sums(apart), drawn.sums(apart**2)
    some = size > 1.5
    shift = np.divide(total, size, out=np.full_like(total, np.nan), where=some)
    variance = np.divide(squares - total * shift, size - 1.0, out=np.full_like(total, np.nan), where=some)
    spread = np.sqrt(np.maximum(variance, 0.0))
    ratio = np.divide(mean + shift, spread, out=np.full_like(total, np.nan), where=spread > _FLAT)
    root = math.sqrt(year)
    return StateFigures(
        n=count,
        mean=mean,
        mean_interval=_interval(mean + shift) if varied else None,
        annual=_annual(own, year),
        sharpe=mean / float(np.std(own, ddof=1)) * root if varied else None,
        sharpe_interval=_interval(ratio * root) if varied else None,
    )


def _annual(returns: FloatArray, year: int) -> float | None:
    total = float(np.prod(1.0 + returns))
    found = total ** (year / len(returns)) if total > 0.0 else 0.0
    return found - 1.0 if math.isfinite(found) else None


def _interval(values: FloatArray) -> tuple[float, float] | None:
    known = values[np.isfinite(values)]
    if len(known) < _ENOUGH * len(values):
        return None
    low, high = np.percentile(known, [_TAIL, 100.0 - _TAIL])
    return float(low), float(high)
