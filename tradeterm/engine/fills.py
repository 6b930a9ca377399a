"""What the bars before the next decision make of a decision's orders.

A market order fills at the fill bar's open and pays slippage. A limit order fills at the open where the bar opens at or
beyond its price, else at its price where the bar trades through it: touching is not enough. When within the bar that
is, nobody knows, so such fills come last. Fills run by the instant their bar opens, reductions first; increases of one
instant are cut proportionally to the cash and the headroom that what is held then leaves. A bar without trading fills
nothing, and no order takes more than its share of a bar's volume.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tradeterm.engine.actions import acts, apply_actions
from tradeterm.engine.book import AT_OPEN, BEYOND, NO_FILL, WITHIN
from tradeterm.engine.decide import split_at, whole_lots
from tradeterm.engine.jit import inner, merged, pasted
from tradeterm.engine.portfolio import move_holdings

if TYPE_CHECKING:
    from tradeterm.core.types import FloatArray, IndexArray, IntArray, StateArray
    from tradeterm.engine.book import Market, State, Terms
    from tradeterm.engine.decide import Decision

__all__ = ["Bench", "can_fill", "fill_row", "new_bench", "price_of_limit"]

_LAST = np.int64(2**62)


class Bench(NamedTuple):
    """Room to work in, (N,) each but ``number`` (2,) and ``factors`` (C,).

    moving : places of the instruments that may move at this row, ascending; growing : of those that would increase a
        position at one instant; number : how many these are, (2,)
    rest : lots that would increase a position; price : at which an instrument fills; how : in which way
    room : lots that its bar has for us; at : when
    """

    moving: IndexArray
    growing: IndexArray
    number: IntArray
    rest: FloatArray
    price: FloatArray
    how: StateArray
    room: FloatArray
    at: IntArray
    factors: FloatArray


def new_bench(instruments: int, classes: int) -> Bench:
    """Room for one run at a time."""
    return Bench(
        moving=np.zeros(instruments, dtype=np.uint64),
        growing=np.zeros(instruments, dtype=np.uint64),
        number=np.zeros(2, dtype=np.int64),
        rest=np.zeros(instruments),
        price=np.zeros(instruments),
        how=np.zeros(instruments, dtype=np.int8),
        room=np.zeros(instruments),
        at=np.full(instruments, -1, dtype=np.int64),
        factors=np.ones(classes),
    )


@pasted
def can_fill(market: Market, row: int, j: int) -> bool:
    """Whether a bar opens before the next decision that trades; an unknown volume counts as trading."""
    if not (market.tradable[row, j] and market.fill_at[row, j] >= 0 and math.isfinite(market.fill_open[row, j])):
        return False
    return bool(market.fill_volume[row, j] != 0.0)


@pasted
def price_of_limit(market: Market, row: int, j: int, limit: float) -> float:
    """Limit price per unit as it is at the fills, after the actions before them."""
    if market.split.shape[0] == 0:
        return limit
    return float((limit - market.dividend[row, j]) / market.split[row, j])


@pasted
def _way(market: Market, row: int, j: int, order: float, limit: float) -> int:
    """How an order fills."""
    if not math.isfinite(limit):
        return AT_OPEN
    if order > 0.0:
        if market.fill_open[row, j] <= limit:
            return BEYOND
        return WITHIN if market.fill_low[row, j] < limit else NO_FILL
    if market.fill_open[row, j] >= limit:
        return BEYOND
    return WITHIN if market.fill_high[row, j] > limit else NO_FILL


@pasted
def _room(market: Market, terms: Terms, row: int, j: int) -> float:
    """Lots that an order may take of the bar."""
    if not math.isfinite(terms.share[0]):
        return math.inf
    volume = market.fill_volume[row, j]
    # What nobody knows the volume of is not filled where volume is asked for.
    if not math.isfinite(volume):
        return 0.0
    return whole_lots(terms.share[0] * volume / market.unit[j], market.rounds[j])


@pasted
def _crosses(state: State, wanted: FloatArray, j: int) -> bool:
    """Whether one strategy wants more of an instrument and another less."""
    buys, sells = False, False
    for m in range(wanted.shape[0]):
        d = wanted[m, j] - state.held[m, j]
        buys = buys or d > 0.0
        sells = sells or d < 0.0
    return buys and sells


@merged
def _prepare(market: Market, terms: Terms, state: State, row: int, decision: Decision, bench: Bench) -> bool:
    """Say of each instrument when and how it moves; returns whether any does."""
    several = decision.wanted.shape[0] > 1
    count = 0
    for i in range(decision.number[0]):
        j = decision.active[i]
        order = decision.order[j]
        if order == 0.0 and not (several and _crosses(state, decision.wanted, j)):
            continue
        if not can_fill(market, row, j):
            continue
        bench.moving[count] = j
        count += 1
        how, price = NO_FILL, market.fill_open[row, j]
        if order != 0.0:
            limit = price_of_limit(market, row, j, decision.limit[j]) if math.isfinite(decision.limit[j]) else math.nan
            how = _way(market, row, j, order, limit)
            if how == WITHIN:
                price = limit
        bench.how[j], bench.price[j] = how, price
        bench.room[j] = _room(market, terms, row, j) if how != NO_FILL else 0.0
        bench.at[j] = _LAST if how == WITHIN else market.fill_at[row, j]
    bench.number[0] = count
    return count > 0


@pasted
def _next_instant(bench: Bench, after: int) -> int:
    """Earliest instant after ``after`` at which some instrument moves; -1 when none is left."""
    found = -1
    for i in range(bench.number[0]):
        at = bench.at[bench.moving[i]]
        if at > after and (found < 0 or at < found):
            found = at
    return found


@pasted
def _rate(terms: Terms, j: int, how: int) -> float:
    """Costs of a fill, fraction of its notional."""
    if how == AT_OPEN:
        return float(terms.taker[j] + terms.slippage[j])
    return float(terms.taker[j] if how == BEYOND else terms.maker[j])


@pasted
def _execute(market: Market, terms: Terms, state: State, j: int, lots: float, bench: Bench) -> None:
    """Trade ``lots`` at the instrument's price."""
    notional = lots * market.unit[j] * bench.price[j]
    state.lots[j] += lots
    state.cash[0] -= notional + abs(notional) * _rate(terms, j, bench.how[j])
    bench.room[j] -= abs(lots)


@inner
def _within_room(lots: float, room: float) -> float:
    return lots if abs(lots) <= room else math.copysign(room, lots)


@inner
def _reduction(held: float, order: float) -> float:
    """Part of an order that brings a position nearer to flat."""
    nearer = order if abs(order) <= abs(held) else -held
    return nearer if order * held < 0.0 else 0.0


@pasted
def _decision_price(market: Market, row: int, j: int) -> float:
    """Price of the decision, for lots as they are counted at the fills."""
    return float(market.mark[row, j] / split_at(market, row, j))


@pasted
def _held_exposure(market: Market, state: State, row: int, decision: Decision, asset_class: int) -> float:
    """Gross value held at decision prices, of one class or of all (-1)."""
    total = 0.0
    for i in range(decision.number[0]):
        j = decision.active[i]
        if state.lots[j] != 0.0 and (asset_class < 0 or market.asset_class[j] == asset_class):
            total += abs(state.lots[j]) * market.unit[j] * _decision_price(market, row, j)
    return total


@merged
def _increase_factors(market: Market, terms: Terms, state: State, row: int, decision: Decision, bench: Bench) -> bool:
    """How much of the increases at one instant cash and headroom leave, by class; returns whether there are any.

    Cash may go to -(gross cap - 1) x NAV; headroom is at decision prices, of what is held now.
    """
    spend, added = 0.0, 0.0
    for i in range(bench.number[1]):
        j = bench.growing[i]
        lots = bench.rest[j]
        if lots > 0.0:
            spend += lots * market.unit[j] * bench.price[j] * (1.0 + _rate(terms, j, bench.how[j]))
        added += abs(lots) * market.unit[j] * _decision_price(market, row, j)
    if added == 0.0:
        return False
    cap, nav = terms.gross_cap[row], decision.totals[0]
    available = max(0.0, state.cash[0] + max(0.0, cap - 1.0) * nav)
    common = available / spend if spend > available else 1.0
    if math.isfinite(cap):
        room = max(0.0, cap * nav - _held_exposure(market, state, row, decision, -1))
        if added > room:
            common = min(common, room / added)
    for c in range(bench.factors.shape[0]):
        bench.factors[c] = common
        if math.isfinite(terms.class_cap[row, c]):
            bench.factors[c] = min(common, _class_room(market, terms, state, row, decision, c, bench))
    return True


@inner
def _class_room(
    market: Market, terms: Terms, state: State, row: int, decision: Decision, c: int, bench: Bench
) -> float:
    """How much of a class's increases its own headroom leaves."""
    added = 0.0
    for i in range(bench.number[1]):
        j = bench.growing[i]
        if market.asset_class[j] == c:
            added += abs(bench.rest[j]) * market.unit[j] * _decision_price(market, row, j)
    room = max(0.0, terms.class_cap[row, c] * decision.totals[0] - _held_exposure(market, state, row, decision, c))
    return float(room / added) if added > room else 1.0


@merged
def _reduce(
    market: Market, terms: Terms, state: State, decision: Decision, at: int, bench: Bench, filled: FloatArray
) -> None:
    count = 0
    for i in range(bench.number[0]):
        j = bench.moving[i]
        if bench.at[j] != at or bench.how[j] == NO_FILL:
            continue
        order = decision.order[j]
        # Nothing is traded of what would increase: which way an order goes can't be foretold, so no branch on it.
        reduction = _reduction(state.lots[j], order)
        filled[j] = _within_room(reduction, bench.room[j])
        _execute(market, terms, state, j, filled[j], bench)
        # What the bar has no room for asks for no cash.
        bench.rest[j] = _within_room(order - reduction, bench.room[j])
        bench.growing[count] = j
        count += bench.rest[j] != 0.0
    bench.number[1] = count


@merged
def _increase(market: Market, terms: Terms, state: State, bench: Bench, filled: FloatArray) -> None:
    for i in range(bench.number[1]):
        j = bench.growing[i]
        factor = bench.factors[market.asset_class[j]]
        lots = bench.rest[j]
        if factor < 1.0:
            lots = whole_lots(lots * factor, market.rounds[j])
        _execute(market, terms, state, j, lots, bench)
        filled[j] += lots


@merged
def _hand_out(
    market: Market, terms: Terms, state: State, row: int, decision: Decision, at: int, bench: Bench, filled: FloatArray
) -> None:
    """Move what each strategy holds of the instruments of one instant."""
    for i in range(bench.number[0]):
        j = bench.moving[i]
        if bench.at[j] != at:
            continue
        # Strategies that cross where nothing filled do so at the open.
        price = bench.price[j] if filled[j] != 0.0 else market.fill_open[row, j]
        cost = abs(filled[j]) * market.unit[j] * price * _rate(terms, j, bench.how[j])
        factor = market.factor[row, j] if market.factor.shape[0] > 0 else 1.0
        instant = market.fill_at[row, j]
        move_holdings(state, j, decision.wanted[:, j], filled[j], price, market.unit[j], cost, instant, factor)


@merged
def fill_row(
    market: Market, terms: Terms, state: State, row: int, decision: Decision, bench: Bench, filled: FloatArray
) -> bool:
    """Fill one run's orders with the bars that open before the next decision, after what takes effect before them.

    Corporate actions come first and change the decision's orders with what is held.
    filled : (N,) written, lots; ``bench.price`` and ``bench.how`` are those of the instruments that moved
    Returns whether anything moved.
    """
    if acts(market, row):
        apply_actions(market, state, row, decision)
    for j in range(filled.shape[0]):
        filled[j] = 0.0
    if not _prepare(market, terms, state, row, decision, bench):
        return False
    at = _next_instant(bench, -1)
    while at >= 0:
        _reduce(market, terms, state, decision, at, bench, filled)
        if _increase_factors(market, terms, state, row, decision, bench):
            _increase(market, terms, state, bench, filled)
        _hand_out(market, terms, state, row, decision, at, bench, filled)
        at = _next_instant(bench, at)
    return True
