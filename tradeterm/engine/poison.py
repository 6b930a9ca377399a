"""A future of garbage: rows after a window that are a panel like any other and mean nothing.

What was decided at the window's end must not change by them. They are wild enough that whatever looks at them shows.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.time import DAY_NS, H4_NS
from tradeterm.engine.inputs import RegimeInputs, RegimeSeries
from tradeterm.engine.panel import Panel

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray, IntArray

__all__ = ["ROWS", "Poison"]

ROWS = 64
# Rows between two garbage days of a panel of H4 bars.
_DAY_ROWS = DAY_NS // H4_NS
_SPREAD = 1.5


@dataclass(frozen=True, slots=True)
class Poison:
    """Garbage for windows of one panel, drawn once.

    moves : (ROWS, N, 4) factors on the last close: open, close, and how far high and low are beyond both
    volume : (ROWS, N); own : (ROWS, N) whether a row has an own bar
    """

    moves: FloatArray
    volume: FloatArray
    own: BoolArray

    @classmethod
    def drawn(cls, instruments: int, seed: int) -> Poison:
        """Draw the garbage of a panel with that many instruments."""
        rng = np.random.default_rng(seed)
        shape = (ROWS, instruments)
        own = rng.random(shape) < 0.8
        # Whoever looks one row ahead finds garbage there.
        own[0] = True
        moves = np.exp(rng.normal(0.0, _SPREAD, (*shape, 4)))
        return cls(moves=moves, volume=np.exp(rng.normal(3.0, _SPREAD, shape)), own=own)

    @staticmethod
    def times(times: IntArray) -> IntArray:
        """Decision times with those of the garbage after them."""
        step = int(times[-1] - times[-2]) if len(times) > 1 else H4_NS
        return np.concatenate([times, times[-1] + step * np.arange(1, ROWS + 1, dtype=np.int64)])

    def after(self, panel: Panel) -> Panel:
        """Panel with rows of garbage after its last."""
        times = self.times(panel.times)[len(panel) :]
        grown = self._grown(panel, times, slice(None))
        if panel.daily is None or panel.daily_row is None:
            return grown
        days = slice(0, None, int(_DAY_ROWS))
        daily = self._grown(panel.daily, times[days], days)
        newest = len(panel.daily) + np.arange(ROWS, dtype=np.int64) // _DAY_ROWS
        rows = np.repeat(newest[:, None], len(panel.symbols), axis=1)
        return replace(grown, daily=daily, daily_row=np.concatenate([panel.daily_row, rows]))

    def _grown(self, panel: Panel, times: IntArray, rows: slice) -> Panel:
        own, moves = self.own[rows], self.moves[rows]
        close = _last_close(panel)
        prices = close[None, :, None] * moves[..., :2]
        there = np.where(own, 1.0, np.nan)
        values: dict[str, Any] = {
            "open": prices[..., 0] * there,
            "high": prices.max(axis=2) * (1.0 + moves[..., 2]) * there,
            "low": prices.min(axis=2) / (1.0 + moves[..., 3]) * there,
            "close": prices[..., 1] * there,
            "volume": self.volume[rows] * there,
            "bar_no": np.where(own, panel.bar_no.max(axis=0, initial=-1) + np.cumsum(own, axis=0), -1),
            "known_at": np.where(own, times[:, None], -1),
        }
        if panel.filled is not None:
            values["filled"] = np.zeros(own.shape, dtype=np.bool_)
        cells: dict[str, Any] = {
            name: np.concatenate([getattr(panel, name), garbage]) for name, garbage in values.items()
        }
        return replace(panel, times=np.concatenate([panel.times, times]), daily=None, daily_row=None, **cells)

    def inputs(self, inputs: RegimeInputs, times: IntArray) -> RegimeInputs:
        """Inputs with values of garbage that become known at some of ``times``, later than all of theirs."""
        found: dict[str, Any] = {}
        for place, item in enumerate(fields(RegimeInputs)):
            series = getattr(inputs, item.name)
            found[item.name] = None if series is None else self._more(series, times[:: int(_DAY_ROWS)], place)
        return RegimeInputs(**found)

    def _more(self, series: RegimeSeries, times: IntArray, place: int) -> RegimeSeries:
        count, column = len(times), place % self.moves.shape[1]
        last = float(series.value[-1]) if len(series) else 1.0
        first = int(series.ordinal.max(initial=-1)) + 1
        moves = self.moves[:count, column, place % self.moves.shape[2]]
        return RegimeSeries(
            symbol=series.symbol,
            known_at=np.concatenate([series.known_at, times]),
            ordinal=np.concatenate([series.ordinal, first + np.arange(count, dtype=np.int64)]),
            # Also of a value of 0 something else comes.
            value=np.concatenate([series.value, (last + 1.0) * moves - 1.0]),
            due_at=np.concatenate([series.due_at, times + DAY_NS]),
        )


def _last_close(panel: Panel) -> FloatArray:
    """(N,) newest close of each instrument, 1 where it has none."""
    close = np.ones(len(panel.symbols))
    newest = np.where(panel.bar_no >= 0, np.arange(len(panel))[:, None], -1).max(axis=0, initial=-1)
    for column, row in enumerate(newest.tolist()):
        if row >= 0 and np.isfinite(panel.close[row, column]):
            close[column] = panel.close[row, column]
    return close
