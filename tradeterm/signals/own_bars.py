"""The bars a horizon counts: an instrument's own, of the strategy's timeframe, by their opening price."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.market import BarKey, Timeframe
from tradeterm.engine.outcomes import OwnFills

if TYPE_CHECKING:
    from tradeterm.core.market import Instrument
    from tradeterm.store.bars import BarStore

__all__ = ["known_at", "read_own_bars"]


def read_own_bars(store: BarStore, instrument: Instrument, timeframe: str) -> OwnFills:
    """Read the stored bars of ``instrument`` that a strategy of ``timeframe`` counts its horizon in.

    An H4 row counts by the source bar that opens first in it, and is known when its interval ends.
    """
    frame = Timeframe(timeframe)
    bars = store.read(BarKey(instrument.asset_class, instrument.symbol, frame))
    if bars.fill is None:
        return OwnFills(fill_open=bars.open, fill_at=bars.ts, known_at=bars.known_at)
    there = (bars.fill.at >= 0) & np.isfinite(bars.fill.open)
    return OwnFills(
        fill_open=bars.fill.open[there], fill_at=bars.fill.at[there], known_at=bars.ts[there] + frame.step_ns
    )


def known_at(bars: OwnFills, time_ns: int) -> OwnFills:
    """Bars whose opening price counts as known at ``time_ns``."""
    known = bars.known_at <= time_ns
    return OwnFills(fill_open=bars.fill_open[known], fill_at=bars.fill_at[known], known_at=bars.known_at[known])
