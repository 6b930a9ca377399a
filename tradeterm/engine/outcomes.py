"""What a signal came to: the one function behind labels, a signal's replay and its outcome.

A signal at ``ts`` enters at the opening price of the instrument's first own bar that opens at or after ``ts`` and
leaves at the opening price ``horizon`` own bars later. Nights, week ends and other instruments' bars do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray, IntArray

__all__ = ["NEVER", "Forward", "OwnFills", "forward_returns", "replay_statistics"]

NEVER = int(np.iinfo(np.int64).max)
"""Instant of what the data do not show yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFills:
    """Opening prices of one instrument's own bars, shape (B,) each, ascending by ``fill_at``.

    fill_open : raw opening price; fill_at : when the bar opens; known_at : when the bar is known, NEVER if not yet
    factor : price x factor is comparable over corporate actions; None where there is none
    """

    fill_open: FloatArray
    fill_at: IntArray
    known_at: IntArray
    factor: FloatArray | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """What followed each decision time, shape (K,) each.

    entry_row, exit_row : rows of the fill series, -1 where it ends before
    entry_at, exit_at : when those bars open, ns UTC, NEVER likewise
    entry_price, exit_price : their raw opening prices, NaN likewise
    gross, net : return for the side taken, actions included, before and after costs, fraction of the entry's notional,
        NaN likewise
    matures_at : when the exit price counts as known, NEVER likewise
    """

    entry_row: IntArray
    exit_row: IntArray
    entry_at: IntArray
    exit_at: IntArray
    entry_price: FloatArray
    exit_price: FloatArray
    gross: FloatArray
    net: FloatArray
    matures_at: IntArray

    def matured(self, asof_ns: int) -> BoolArray:
        """Whether each return was known at ``asof_ns``."""
        return np.asarray((self.matures_at <= asof_ns) & np.isfinite(self.net))


def _at(values: IntArray, rows: IntArray) -> IntArray:
    """Instants of ``rows``, NEVER where a row is -1."""
    return np.append(values, np.int64(NEVER))[rows]


def forward_returns(
    fill_open: FloatArray,
    fill_at: IntArray,
    known_at: IntArray,
    ts: IntArray,
    horizon: int,
    cost: float,
    *,
    side: IntArray | int = 1,
    factor: FloatArray | None = None,
) -> Forward:
    """Signed return of each decision time over ``horizon`` own bars.

    With x = exit / entry, both times their factor, and s = -1 for a short, else +1 (a flat signal counts as a long)::

        gross = s * (x - 1)
        net   = gross - cost * (1 + x)

    ``cost`` is paid on both notionals: 1 at the entry, x at the exit, per unit of the entry's notional.
    A return matures when the bar that opens with the exit price is known, i.e. has closed: never early.

    fill_open, fill_at, known_at, factor : (B,) as in :class:`OwnFills`
    ts : (K,) decision times, ns UTC, in any order; side : (K,) or one, +1, -1 or 0
    cost : fee and slippage of one fill, fraction of its notional
    """
    if horizon < 1:
        raise ValueError(f"horizon was {horizon}; at least one own bar is needed")
    bars = len(fill_at)
    first = np.searchsorted(fill_at, ts, side="left").astype(np.int64)
    entry_row = np.where(first < bars, first, -1)
    exit_row = np.where(first + horizon < bars, first + horizon, -1)
    prices = np.append(fill_open, np.nan)
    entry_price, exit_price = prices[entry_row], prices[exit_row]
    growth = exit_price / entry_price
    if factor is not None:
        scale = np.append(factor, np.nan)
        growth = (exit_price * scale[exit_row]) / (entry_price * scale[entry_row])
    gross = np.where(np.asarray(side) < 0, -1.0, 1.0) * (growth - 1.0)
    return Forward(
        entry_row=entry_row,
        exit_row=exit_row,
        entry_at=_at(fill_at, entry_row),
        exit_at=_at(fill_at, exit_row),
        entry_price=entry_price,
        exit_price=exit_price,
        gross=gross,
        net=gross - cost * (1.0 + growth),
        matures_at=_at(known_at, exit_row),
    )


def replay_statistics(
    sides: IntArray, forward: Forward, asof_ns: int, *, side: int, counts: BoolArray
) -> tuple[float | None, float | None, int]:
    """Probability of a positive net return and its mean, of past signals of ``side``: (prob, ev, sample).

    prob = (hits + 1) / (sample + 2), ev = mean net return; both None when nothing has matured or ``side`` is flat.
    ``forward`` was computed with ``side=sides``. Returns of neighbouring decisions overlap when the horizon is longer
    than one bar: ``sample`` counts signals, not independent ones.

    sides : (K,) +1, -1 or 0 at past decision times
    counts : (K,) decision times that count: those at which an own bar of the strategy's timeframe became known (for
        the run's own timeframe ``panel.bar_no[:, column] >= 0``), so that a signal repeated through nights and week
        ends, when nothing new was known, weighs once
    """
    if side == 0:
        return None, None, 0
    net = forward.net[counts & (np.sign(sides) == np.sign(side)) & forward.matured(asof_ns)]
    sample = len(net)
    if sample == 0:
        return None, None, 0
    hits = int(np.count_nonzero(net > 0.0))
    return (hits + 1) / (sample + 2), float(net.mean()), sample
