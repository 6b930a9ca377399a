"""The decisions at which something new was known of a symbol: those that count, as labels and in a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, IntArray
    from tradeterm.engine.panel import Panel

__all__ = ["own_rows", "own_timeframe"]


def own_timeframe(panel: Panel, timeframe: str) -> str:
    """Whose bars a strategy of ``timeframe`` counts: those, or daily ones where the book decides on nothing finer."""
    return timeframe if panel.daily is not None else "daily"


def own_rows(panel: Panel, timeframe: str, column: int) -> tuple[BoolArray, IntArray]:
    """Rows at which an own bar of ``timeframe`` became known, and when the newest one did (-1 before the first)."""
    if timeframe == "h4" or panel.daily is None or panel.daily_row is None:
        own = panel.own[:, column]
        return own, np.maximum.accumulate(np.where(own, panel.known_at[:, column], -1))
    rows = panel.daily_row[:, column]
    if not len(panel.daily):
        return np.zeros(len(rows), dtype=np.bool_), np.full(len(rows), -1, dtype=np.int64)
    came = panel.daily.own[np.maximum(rows, 0), column]
    own = (np.diff(rows, prepend=-1) > 0) & came
    known = np.where((rows >= 0) & came, panel.daily.known_at[np.maximum(rows, 0), column], -1)
    return own, np.maximum.accumulate(known)
