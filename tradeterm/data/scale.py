"""What corporate actions do to one instrument's fills and marks, by decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tradeterm.core.errors import BadMarket, DataError
from tradeterm.core.time import iso
from tradeterm.engine.adjust import factor_filled, factor_known

if TYPE_CHECKING:
    from tradeterm.core.market import Actions, Bars
    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.engine.adjust import Factors

__all__ = ["ActionColumns", "action_columns", "refuse_uncovered"]


class ActionColumns(NamedTuple):
    """Effects by decision, (T,) each, as :class:`tradeterm.engine.panel.FillFrame` has them.

    mark : what the last close is multiplied by, to count as it does after what took effect since it was known
    """

    split: FloatArray
    dividend: FloatArray
    factor: FloatArray
    mark: FloatArray


def action_columns(
    symbol: str, factors: Factors | None, times: IntArray, at: IntArray, seen: IntArray
) -> ActionColumns:
    """Effects of an instrument's actions; nothing but ones and no dividend without any.

    times : (T,) decisions; at : (T,) opens of the fill bars, -1 without; seen : (T,) when the last close became known

    Raises
    ------
    BadMarket
        When an action takes effect after the fill bar of its interval has opened.
    """
    split, factor, mark = np.ones(len(times)), np.ones(len(times)), np.ones(len(times))
    dividend = np.zeros(len(times))
    if factors is None:
        return ActionColumns(split, dividend, factor, mark)
    rows = np.searchsorted(times, factors.ex_ns, side="right") - 1
    for action, row in enumerate(rows.tolist()):
        # Those before the first decision change no book, those after the last one change none yet.
        if row < 0 or row == len(times) - 1:
            continue
        ex = int(factors.ex_ns[action])
        if 0 <= int(at[row]) < ex:
            raise BadMarket(symbol, iso(ex), f"its action takes effect after the fill bar of {iso(int(at[row]))}")
        # Both are per unit held before the first action of the row.
        dividend[row] += factors.cash[action] * split[row]
        split[row] *= factors.split[action]
    factor[:] = factor_filled(factors, np.where(at >= 0, at, times))
    # The same factor over itself is 1: a close that nothing followed keeps its bits.
    mark[:] = factor_known(factors, np.maximum(seen, 0)) / factor_known(factors, times)
    return ActionColumns(split, dividend, factor, mark)


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
