"""One decision in its six fixed steps: what the kernel calls at every row, and live trading once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tradeterm.engine.book import HALTED, NO_TRADE
from tradeterm.engine.jit import inner, kernel, merged, pasted
from tradeterm.engine.portfolio import contribute, flag_of, net
from tradeterm.engine.risk import TOLERANCE, asset_limit, ladder_factor, ladder_step, scale_to_caps

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray, IndexArray, IntArray
    from tradeterm.engine.book import Market, Plan, State, Terms

__all__ = [
    "Decision",
    "decide_row",
    "dividend_at",
    "give_up",
    "nav_at_fill",
    "new_decision",
    "sizing_price",
    "split_at",
    "value_book",
    "whole_lots",
]

_EXACT = 2.0**53
# A price this near to a step, in steps, counts as being on it.
_ON_STEP = 1e-9


class Decision(NamedTuple):
    """One run's decision, written by :func:`decide_row`.

    matters : (N,) whether an instrument is wished for or held, by the book or by a strategy of it
    active : (N,) their places, ascending; number : (1,) how many they are. Of the others ``scale`` and ``movable`` are
        written, the rest stays at nothing
    contribution, wanted : (M, N) before risk, fractions of NAV; lots by strategy
    worth : (N,) weight of one lot, fraction of NAV; position, desired : (N,) weight held, net weight before risk
    scale, target, order : (N,) factor, lots, lots to trade; limit : (N,) price of a limit order, NaN for market orders
    movable : (N,) whether it can trade before the next decision
    class_factor : (C,), sum_factor : (2,) of the gross and the net cap
    totals : (3,) nav, gross, drawdown
    """

    matters: BoolArray
    active: IndexArray
    number: IntArray
    contribution: FloatArray
    wanted: FloatArray
    worth: FloatArray
    position: FloatArray
    desired: FloatArray
    scale: FloatArray
    target: FloatArray
    order: FloatArray
    limit: FloatArray
    movable: BoolArray
    class_factor: FloatArray
    sum_factor: FloatArray
    totals: FloatArray


def new_decision(strategies: int, instruments: int, classes: int) -> Decision:
    """Room for one decision."""
    by_holding = (strategies, instruments)
    return Decision(
        matters=np.zeros(instruments, dtype=np.bool_),
        active=np.zeros(instruments, dtype=np.uint64),
        number=np.zeros(1, dtype=np.int64),
        contribution=np.zeros(by_holding),
        wanted=np.zeros(by_holding),
        worth=np.zeros(instruments),
        position=np.zeros(instruments),
        desired=np.zeros(instruments),
        scale=np.ones(instruments),
        target=np.zeros(instruments),
        order=np.zeros(instruments),
        limit=np.full(instruments, np.nan),
        movable=np.zeros(instruments, dtype=np.bool_),
        class_factor=np.ones(classes),
        sum_factor=np.ones(2),
        totals=np.zeros(3),
    )


@kernel
def whole_lots(quantity: float, rounds: bool) -> float:
    """Round toward zero to whole lots; a hair below a whole number (1e-9) counts as it."""
    if not rounds:
        return quantity
    return math.copysign(math.floor(abs(quantity) + 1e-9), quantity)


@pasted
def split_at(market: Market, row: int, j: int) -> float:
    """Units per old one by the splits before the fills of a row."""
    return float(market.split[row, j]) if market.split.shape[0] > 0 else 1.0


@pasted
def dividend_at(market: Market, row: int, j: int) -> float:
    """Cash per unit that is paid before the fills of a row."""
    return float(market.dividend[row, j]) if market.dividend.shape[0] > 0 else 0.0


@merged
def _gather(plan: Plan, state: State, row: int, out: Decision) -> None:
    """Find the instruments that matter now, and forget what was decided about those that mattered before."""
    for i in range(out.number[0]):
        _forget(out, out.active[i])
    matters = out.matters
    for j in range(len(matters)):
        matters[j] = state.lots[j] != 0.0
    for m in range(out.wanted.shape[0]):
        # What is not a number is not zero either, and is refused when it is sized.
        _add_those(plan.weights[row, m], matters)
        _add_those(state.held[m], matters)
    count = 0
    for j in range(len(matters)):
        # Without a branch: which instruments these are can't be foretold.
        out.active[count] = j
        count += matters[j]
    out.number[0] = count


@inner
def _add_those(values: FloatArray, matters: BoolArray) -> None:
    for j in range(len(matters)):
        matters[j] |= values[j] != 0.0


@pasted
def _forget(out: Decision, j: int) -> None:
    for m in range(out.wanted.shape[0]):
        out.contribution[m, j] = 0.0
        out.wanted[m, j] = 0.0
    out.worth[j] = 0.0
    out.position[j] = 0.0
    out.desired[j] = 0.0
    out.target[j] = 0.0
    out.order[j] = 0.0
    out.limit[j] = math.nan


@merged
def value_book(market: Market, state: State, row: int, out: Decision) -> float:
    """Value the book at the closes known now: weights held, what can move, NAV and gross; returns NAV."""
    nav, gross = state.cash[0], 0.0
    for j in range(out.movable.shape[0]):
        known = abs(market.mark[row, j]) < math.inf
        out.movable[j] = market.tradable[row, j] & known & ((market.gone[j] < 0) | (market.gone[j] > row))
    for i in range(out.number[0]):
        j = out.active[i]
        out.worth[j] = market.unit[j] * market.mark[row, j]
        lots = state.lots[j]
        value = lots * out.worth[j] if lots != 0.0 else 0.0
        out.position[j] = value
        nav += value
        gross += abs(value)
    out.totals[0] = nav
    out.totals[1] = gross / nav if nav > 0.0 else math.nan
    share = 1.0 / nav if nav > 0.0 else 0.0
    for i in range(out.number[0]):
        j = out.active[i]
        out.worth[j] *= share
        out.position[j] *= share
    return float(nav)


@merged
def decide_row(market: Market, plan: Plan, terms: Terms, state: State, row: int, out: Decision) -> int:
    """Take one decision of one run; writes ``out`` and the ladder in ``state``.

    Returns 0, or 1 + the instrument whose target is not finite or not exact in float64.
    """
    _gather(plan, state, row, out)
    nav = value_book(market, state, row, out)
    if not math.isfinite(nav):
        _without_nav(market, plan, state, row, out)
        return 0
    out.totals[2] = ladder_step(state, terms, nav, market.times[row])
    contribute(market, plan, row, out.active, out.number[0], out.worth, state.held, out.contribution)
    net(out.active, out.number[0], out.contribution, out.desired)
    scale_to_caps(
        out.active,
        out.number[0],
        out.desired,
        out.position,
        out.movable,
        market.asset_class,
        terms,
        row,
        out.scale,
        out.class_factor,
        out.sum_factor,
    )
    factor = ladder_factor(state, terms) if nav > 0.0 else 0.0
    if factor != 1.0:
        for j in range(out.scale.shape[0]):
            out.scale[j] *= factor
    return _size(market, terms, state, row, nav, out)


@inner
def _without_nav(market: Market, plan: Plan, state: State, row: int, out: Decision) -> None:
    """Unknown NAV: reduce-only for all. No size can be told, so a strategy keeps what it holds or leaves it whole."""
    out.totals[2] = math.nan
    for j in range(out.scale.shape[0]):
        out.scale[j] = 0.0
    for i in range(out.number[0]):
        j = out.active[i]
        out.desired[j] = 0.0
        out.limit[j] = math.nan
        position = state.lots[j]
        kept = 0.0
        leaves = False
        for m in range(out.wanted.shape[0]):
            out.contribution[m, j] = 0.0
            held = state.held[m, j]
            out.wanted[m, j] = held if _keeps(market, plan, state, row, m, j) else 0.0
            kept += out.wanted[m, j]
            leaves = leaves or out.wanted[m, j] != held
        target = whole_lots(kept, market.rounds[j]) if leaves else position
        if abs(target) > abs(position) or target * position < 0.0:
            # Who leaves was netted against who stays: without it the position would grow.
            target = position
            for m in range(out.wanted.shape[0]):
                out.wanted[m, j] = state.held[m, j]
        elif leaves and market.rounds[j]:
            give_up(out.wanted[:, j], kept - target, kept)
        out.target[j] = target
        out.order[j] = target - position


@inner
def _keeps(market: Market, plan: Plan, state: State, row: int, m: int, j: int) -> bool:
    """Whether a strategy still wishes what it holds, on the side it holds it."""
    if state.ladder[0] == HALTED:
        return False
    if flag_of(market, plan, row, m, j) == NO_TRADE:
        return True
    wish = plan.weights[row, m, j] * plan.budget[row, m] * plan.multiplier[m, j]
    return bool(wish * state.held[m, j] > 0.0)


@merged
def nav_at_fill(market: Market, state: State, row: int, out: Decision) -> float:
    """Value of the book at the fill prices of a row, where there are any."""
    nav = float(state.cash[0])
    for i in range(out.number[0]):
        j = out.active[i]
        if state.lots[j] != 0.0:
            worth = sizing_price(market, row, j, True)
            if math.isfinite(market.fill_open[row, j]):
                # A fill price is without the dividend that is credited before it.
                worth += dividend_at(market, row, j)
            nav += state.lots[j] * market.unit[j] * worth
    return nav


@pasted
def sizing_price(market: Market, row: int, j: int, at_fill: bool) -> float:
    """Price that quantities are sized at; NaN where none is known."""
    # An instrument without a close yet has no value in the book, whatever it could be bought at.
    mark = market.mark[row, j]
    if not at_fill:
        return float(mark)
    # Lots are counted as they are at the decision: before a split that takes effect on the way to the fill.
    fill = market.fill_open[row, j] * split_at(market, row, j)
    return float(fill if math.isfinite(fill) and math.isfinite(mark) else mark)


@merged
def _size(market: Market, terms: Terms, state: State, row: int, nav: float, out: Decision) -> int:
    """Step 6: lots from weights at the sizing prices, what is too small to trade, and the orders to get there."""
    at_fill = terms.at_fill[0]
    base = nav_at_fill(market, state, row, out) if at_fill else nav
    least = terms.band[0] * nav
    for i in range(out.number[0]):
        j = out.active[i]
        held = state.lots[j]
        price = sizing_price(market, row, j, at_fill)
        lots_per_weight = base / (market.unit[j] * price) if math.isfinite(price) else 0.0
        exact = out.desired[j] * out.scale[j] * lots_per_weight
        target = whole_lots(exact, market.rounds[j])
        # Also false for what is not a number.
        if not abs(target) <= _EXACT:
            return int(np.int64(j) + 1)
        for m in range(out.wanted.shape[0]):
            out.wanted[m, j] = out.contribution[m, j] * out.scale[j] * lots_per_weight
        if market.rounds[j]:
            give_up(out.wanted[:, j], exact - target, exact)
        out.target[j] = target if math.isfinite(price) else held
        order = out.target[j] - held
        if order != 0.0:
            notional = abs(order) * market.unit[j] * market.mark[row, j]
            if notional < terms.least[j] or (notional < least and _may_wait(market, terms, state, row, j, order, out)):
                order = 0.0
        out.order[j] = order
        out.limit[j] = _limit_price(market, terms, row, j, order)
    return 0


@pasted
def _limit_price(market: Market, terms: Terms, row: int, j: int, order: float) -> float:
    """Price of the limit order, on a tick that is no worse for who sends it; NaN for a market order."""
    away = terms.limit[j]
    if order == 0.0 or not math.isfinite(away):
        return math.nan
    tick, price = market.tick[j], market.mark[row, j]
    if order > 0.0:
        return float(math.floor(price * (1.0 - away) / tick + _ON_STEP) * tick)
    return float(math.ceil(price * (1.0 + away) / tick - _ON_STEP) * tick)


@inner
def give_up(wanted: FloatArray, fraction: float, exact: float) -> None:
    """Take what rounding left of a lot from those on the side of the net wish, pro rata.

    What the strategies want then sums to the target: a fill never moves one beyond its wish, which would leave
    the opposite of a position to a strategy that leaves.
    """
    side = 0.0
    for m in range(wanted.shape[0]):
        if wanted[m] * exact > 0.0:
            side += wanted[m]
    for m in range(wanted.shape[0]):
        if wanted[m] * exact > 0.0:
            wanted[m] -= fraction * (wanted[m] / side)


@inner
def _may_wait(market: Market, terms: Terms, state: State, row: int, j: int, order: float, out: Decision) -> bool:
    """Whether the no-trade band may hold a small order back: not a breach's, a halt's, nor a full exit's."""
    held = state.lots[j]
    if held == 0.0 or order * held > 0.0:
        return True
    if out.target[j] == 0.0 or state.ladder[0] == HALTED:
        return False
    return not _in_breach(market, terms, row, j, out)


@inner
def _in_breach(market: Market, terms: Terms, row: int, j: int, out: Decision) -> bool:
    """Whether what is held now is over a cap that a reduction of ``j`` would help."""
    over = 1.0 + TOLERANCE
    if abs(out.position[j]) > asset_limit(terms, row, j) * over:
        return True
    if out.totals[1] > terms.gross_cap[row] * over:
        return True
    in_class, total = 0.0, 0.0
    for at in range(out.number[0]):
        i = out.active[at]
        total += out.position[i]
        if market.asset_class[i] == market.asset_class[j]:
            in_class += abs(out.position[i])
    if abs(total) > terms.net_cap[row] * over and total * out.position[j] > 0.0:
        return True
    return bool(in_class > terms.class_cap[row, market.asset_class[j]] * over)
