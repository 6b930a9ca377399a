"""The bars a horizon counts: an instrument's own, of the strategy's timeframe, by their opening price."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.market import BarKey, Timeframe
from tradeterm.engine.adjust import bar_factors, factor_filled
from tradeterm.engine.outcomes import OwnFills

if TYPE_CHECKING:
    from tradeterm.core.market import Actions, Instrument
    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.store.bars import BarStore

__all__ = ["known_at", "read_own_bars"]


def read_own_bars(store: BarStore, instrument: Instrument, timeframe: str, actions: Actions | None = None) -> OwnFills:
    """Read the stored bars of ``instrument`` that a strategy of ``timeframe`` counts its horizon in.

    An H4 row counts by the source bar that opens first in it, and is known when its interval ends. With ``actions``
    returns between the bars include them.
    """
    frame = Timeframe(timeframe)
    bars = store.read(BarKey(instrument.asset_class, instrument.symbol, frame))
    if bars.fill is None:
        opens, at, known = bars.open, bars.ts, bars.known_at
    else:
        there = (bars.fill.at >= 0) & np.isfinite(bars.fill.open)
        opens, at, known = bars.fill.open[there], bars.fill.at[there], bars.ts[there] + frame.step_ns
    factor = None if actions is None or not len(actions) else _factor(store, instrument, actions, at)
    return OwnFills(fill_open=opens, fill_at=at, known_at=known, factor=factor)


def _factor(store: BarStore, instrument: Instrument, actions: Actions, at: IntArray) -> FloatArray:
    """Price factor of fills, from the daily closes as in the panel."""
    key = BarKey(instrument.asset_class, instrument.symbol, Timeframe.DAILY)
    last = int(at.max(initial=-1))
    factors = bar_factors(
        store.read(key), store.meta(key).adjustment, actions, until_ns=last + 1, symbol=instrument.symbol
    )
    return factor_filled(factors, at)


def known_at(bars: OwnFills, time_ns: int) -> OwnFills:
    """Bars whose opening price counts as known at ``time_ns``."""
    known = bars.known_at <= time_ns
    return OwnFills(
        fill_open=bars.fill_open[known],
        fill_at=bars.fill_at[known],
        known_at=bars.known_at[known],
        factor=bars.factor[known] if bars.factor is not None else None,
    )
