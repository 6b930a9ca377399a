"""Corporate actions as factors: raw prices to forward-adjusted ones, anchored at the first stored bar.

A factor holds what took effect up to an instant and nothing later, so a prefix of adjusted prices never changes. It is
a product taken in the order of the ex-dates, so that it has the same bits whatever comes after.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import BadMarket
from tradeterm.core.market import Actions
from tradeterm.core.time import iso

if TYPE_CHECKING:
    from tradeterm.core.market import Bars
    from tradeterm.core.types import FloatArray, IntArray

__all__ = [
    "Factors",
    "action_factors",
    "actions_in_scale",
    "bar_factors",
    "factor_filled",
    "factor_known",
    "split_filled",
    "split_known",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """What each ex-date does, in order, shape (A,) each; actions of one instant are one row.

    ex_ns : instant from which it holds, ns UTC
    price : factor on raw prices from then on, which makes them comparable with those before
    split : new units per old one; cash : dividend per unit held before
    """

    ex_ns: IntArray
    price: FloatArray
    split: FloatArray
    cash: FloatArray

    def __len__(self) -> int:
        return len(self.ex_ns)


def action_factors(
    actions: Actions, known_at: IntArray, close: FloatArray, *, symbol: str = "an instrument"
) -> Factors:
    """Factors of an instrument's actions from its raw daily closes.

    With P the last raw close known at or before the ex-date, r the ratio of the splits of that instant and D the sum of
    its dividends, which are paid per unit held before: ``price = r P / (P - D)``. What took effect between that close
    and the ex-date, with no close in between, is taken out of P. Actions before the first close are left out: no price
    is there that they could change.

    known_at, close : (B,) closes in order

    Raises
    ------
    BadMarket
        When a ratio is not above 0, or a dividend is negative or not below the price it is paid from.
    """
    rows: list[tuple[int, float, float, float]] = []
    for ex in np.unique(actions.ex_ns).tolist():
        newest = int(np.searchsorted(known_at, ex, side="right")) - 1
        if newest < 0:
            continue
        split, cash = _effect(actions, ex, symbol)
        price = float(close[newest])
        for earlier, _, ratio, paid in rows:
            if earlier >= known_at[newest]:
                price = (price - paid) / ratio
        if not cash < price:
            raise BadMarket(symbol, iso(ex), f"its dividend of {cash:g} was not below the last close, {price:g}")
        rows.append((ex, split * (price / (price - cash)), split, cash))
    columns = list(zip(*rows, strict=True)) or [()] * 4
    return Factors(
        ex_ns=np.array(columns[0], dtype=np.int64),
        price=np.array(columns[1], dtype=np.float64),
        split=np.array(columns[2], dtype=np.float64),
        cash=np.array(columns[3], dtype=np.float64),
    )


def _effect(actions: Actions, ex: int, symbol: str) -> tuple[float, float]:
    """Split ratio and dividend of one instant."""
    split, cash = 1.0, 0.0
    for row in np.flatnonzero(actions.ex_ns == ex).tolist():
        value = float(actions.value[row])
        if actions.kind[row] == "split":
            if not (value > 0.0 and math.isfinite(value)):
                raise BadMarket(symbol, iso(ex), f"its split ratio was {value:g}, not above 0")
            split *= value
        else:
            if not value >= 0.0:
                raise BadMarket(symbol, iso(ex), f"its dividend was {value:g}, below 0")
            cash += value
    return split, cash


def actions_in_scale(actions: Actions, adjustment: str, known_until: int) -> Actions:
    """What of ``actions`` is still to be applied to bars of an adjustment, in the scale of their prices.

    ``none`` all of them; ``all`` nothing. ``split`` the dividends, divided by the ratios of the later splits that the
    prices hold: those with an ex-date before ``known_until``, the instant at which the last stored bar became known.
    That brings no knowledge of the future in, as the same ratios are in the prices they are paid from: the share of
    the price that is paid stays what it was on the day.
    """
    if adjustment == "none":
        return actions
    is_split = np.array([kind == "split" for kind in actions.kind], dtype=np.bool_)
    kept = ~is_split & (adjustment == "split")
    held = is_split & (actions.ex_ns < known_until)
    # A dividend is paid per unit held before a split of its own date, so that split counts as a later one.
    value = [
        float(actions.value[row] / np.prod(actions.value[held & (actions.ex_ns >= actions.ex_ns[row])]))
        for row in np.flatnonzero(kept).tolist()
    ]
    return Actions(
        ex_ns=actions.ex_ns[kept],
        kind=tuple("dividend" for _ in value),
        value=np.array(value, dtype=np.float64),
    )


def bar_factors(daily: Bars, adjustment: str, actions: Actions, *, until_ns: int, symbol: str) -> Factors:
    """Factors of an instrument from its stored daily bars: of the actions before ``until_ns``, as its prices need them.

    An action that is known already and takes effect later is left out: it changes nothing yet.
    """
    known_until = int(daily.known_at[-1]) if len(daily) else -1
    rest = actions_in_scale(actions, adjustment, known_until)
    stop = int(np.searchsorted(rest.ex_ns, until_ns, side="left"))
    rest = Actions(ex_ns=rest.ex_ns[:stop], kind=rest.kind[:stop], value=rest.value[:stop])
    closed = np.isfinite(daily.close)
    return action_factors(rest, daily.known_at[closed], daily.close[closed], symbol=symbol)


def _products(values: FloatArray) -> FloatArray:
    """Product of the first k values, k = 0 to A; multiplied one after the other, so that a prefix keeps its bits."""
    products = np.ones(len(values) + 1)
    for row, value in enumerate(values.tolist()):
        products[row + 1] = products[row] * value
    return products


def factor_known(factors: Factors, known_at: IntArray) -> FloatArray:
    """Price factor of bars that became known at ``known_at``: of actions before that instant."""
    found: FloatArray = _products(factors.price)[np.searchsorted(factors.ex_ns, known_at, side="left")]
    return found


def factor_filled(factors: Factors, at: IntArray) -> FloatArray:
    """Price factor of fills at the instants ``at``: of actions at or before them."""
    found: FloatArray = _products(factors.price)[np.searchsorted(factors.ex_ns, at, side="right")]
    return found


def split_known(factors: Factors, known_at: IntArray) -> FloatArray:
    """Product of split ratios as :func:`factor_known` takes them: raw volume is divided by it."""
    found: FloatArray = _products(factors.split)[np.searchsorted(factors.ex_ns, known_at, side="left")]
    return found


def split_filled(factors: Factors, at: IntArray) -> FloatArray:
    """Product of split ratios as :func:`factor_filled` takes them."""
    found: FloatArray = _products(factors.split)[np.searchsorted(factors.ex_ns, at, side="right")]
    return found
