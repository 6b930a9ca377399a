"""Panel and fills of stored bars brought through corporate actions: what signals see, and what changes the book."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import BadMarket, DataError
from tradeterm.core.time import iso
from tradeterm.engine.adjust import factor_filled, factor_known, split_known
from tradeterm.engine.panel import newest_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.core.market import Actions, Bars
    from tradeterm.core.types import IntArray
    from tradeterm.engine.adjust import Factors
    from tradeterm.engine.panel import FillFrame, Panel

__all__ = ["fills_with_actions", "forward_adjusted", "refuse_uncovered"]

_PRICES = ("open", "high", "low", "close")


def forward_adjusted(panel: Panel, factors: Sequence[Factors | None]) -> Panel:
    """Panel of raw bars, its daily panel with it, in the scale of each instrument's first stored daily bar.

    factors : of each column, None where there is no action
    """
    cells = {name: getattr(panel, name).copy() for name in (*_PRICES, "volume")}
    for column, found in enumerate(factors):
        if found is not None:
            known_at = panel.known_at[:, column]
            for name in _PRICES:
                cells[name][:, column] *= factor_known(found, known_at)
            cells["volume"][:, column] /= split_known(found, known_at)
    daily = forward_adjusted(panel.daily, factors) if panel.daily is not None else None
    return replace(panel, **cells, daily=daily)


def fills_with_actions(fills: FillFrame, panel: Panel, factors: Sequence[Factors | None]) -> FillFrame:
    """Fills with what takes effect before them; the last close is taken through what took effect since it was known.

    panel : of the same rows; its prices are not read

    Raises
    ------
    BadMarket
        When an action takes effect after the fill bar of its interval has opened.
    """
    split, factor = np.ones(fills.open.shape), np.ones(fills.open.shape)
    dividend, mark = np.zeros(fills.open.shape), fills.mark.copy()
    newest = newest_row(panel.bar_no)
    for column, found in enumerate(factors):
        if found is None:
            continue
        rows = _rows(found, panel.times, fills.at[:, column], panel.symbols[column])
        for action, row in rows:
            # Both are per unit held before the first action of the row.
            dividend[row, column] += found.cash[action] * split[row, column]
            split[row, column] *= found.split[action]
        at = fills.at[:, column]
        factor[:, column] = factor_filled(found, np.where(at >= 0, at, panel.times))
        seen = panel.known_at[np.maximum(newest[:, column], 0), column]
        # The same factor over itself is 1: a close that nothing followed keeps its bits.
        mark[:, column] *= factor_known(found, seen) / factor_known(found, panel.times)
    return replace(fills, mark=mark, split=split, dividend=dividend, factor=factor)


def _rows(factors: Factors, times: IntArray, at: IntArray, symbol: str) -> list[tuple[int, int]]:
    """Each action with the row in whose interval it takes effect; those before the first row change no book."""
    rows = np.searchsorted(times, factors.ex_ns, side="right") - 1
    for action, row in enumerate(rows.tolist()):
        ex = int(factors.ex_ns[action])
        if row >= 0 and 0 <= int(at[row]) < ex:
            raise BadMarket(symbol, iso(ex), f"its action takes effect after the fill bar of {iso(int(at[row]))}")
    return [(action, row) for action, row in enumerate(rows.tolist()) if row >= 0]


def refuse_uncovered(symbol: str, actions: Actions, own: Bars, daily: Bars) -> None:
    """Refuse actions among H4 bars that are older than the daily closes, which factors are taken from.

    Raises
    ------
    DataError
        When there is one.
    """
    if not len(own):
        return
    first = int(daily.known_at[0]) if len(daily) else int(own.known_at[-1]) + 1
    between = actions.ex_ns[(actions.ex_ns >= own.known_at[0]) & (actions.ex_ns < first)]
    if len(between):
        raise DataError(
            f"{symbol}: its action of {iso(int(between[0]))} is before its first daily bar and after its first H4 bar; "
            "import daily bars that begin before it"
        )
