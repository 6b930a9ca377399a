"""One decision in its six fixed steps: what the kernel calls at every row, and live trading once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tradeterm.engine.book import HALTED, NO_TRADE
from tradeterm.engine.jit import kernel
from tradeterm.engine.portfolio import contribute, flag_of, net
from tradeterm.engine.risk import TOLERANCE, asset_limit, ladder_factor, ladder_step, scale_to_caps

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray
    from tradeterm.engine.book import Market, Plan, State, Terms

__all__ = ["Decision", "decide_row", "give_up", "mark_to_market", "new_decision", "whole_lots"]

_EXACT = 2.0**53


class Decision(NamedTuple):
    """One run's decision, written by :func:`decide_row`.

    contribution, held_weight, wanted : (M, N) before risk, fractions of NAV; held, fractions of NAV; lots by strategy
    desired, position, scale, target, order : (N,) net weight before risk, weight held, factor, lots, lots to trade
    movable : (N,) whether it can trade before the next decision; class_factor : (C,)
    totals : (4,) nav, gross, drawdown, gross factor
    """

    contribution: FloatArray
    held_weight: FloatArray
    wanted: FloatArray
    desired: FloatArray
    position: FloatArray
    scale: FloatArray
    target: FloatArray
    order: FloatArray
    movable: BoolArray
    class_factor: FloatArray
    totals: FloatArray


def new_decision(strategies: int, instruments: int, classes: int) -> Decision:
    """Room for one decision."""
    by_holding = (strategies, instruments)
    return Decision(
        contribution=np.zeros(by_holding),
        held_weight=np.zeros(by_holding),
        wanted=np.zeros(by_holding),
        desired=np.zeros(instruments),
        position=np.zeros(instruments),
        scale=np.ones(instruments),
        target=np.zeros(instruments),
        order=np.zeros(instruments),
        movable=np.zeros(instruments, dtype=np.bool_),
        class_factor=np.ones(classes),
        totals=np.zeros(4),
    )


@kernel
def whole_lots(quantity: float, rounds: bool) -> float:
    """Round toward zero to whole lots; a hair below a whole number (1e-9) counts as it."""
    if not rounds:
        return quantity
    return math.copysign(math.floor(abs(quantity) + 1e-9), quantity)


@kernel
def mark_to_market(market: Market, state: State, run: int, row: int, out: Decision) -> None:
    """Value the book at the closes known now: totals, held weights, and what can't move."""
    nav = state.cash[run]
    gross = 0.0
    for j in range(out.desired.shape[0]):
        if state.lots[run, j] != 0.0:
            value = state.lots[run, j] * market.unit[j] * market.mark[row, j]
            nav += value
            gross += abs(value)
    out.totals[0] = nav
    out.totals[1] = gross / nav if nav > 0.0 else math.nan
    for j in range(out.desired.shape[0]):
        price = market.mark[row, j]
        out.movable[j] = market.tradable[row, j] and math.isfinite(price)
        out.position[j] = 0.0
        worth = market.unit[j] * price / nav if nav > 0.0 else 0.0
        if state.lots[run, j] != 0.0:
            out.position[j] = state.lots[run, j] * worth
        for m in range(out.held_weight.shape[0]):
            held = state.held[run, m, j]
            out.held_weight[m, j] = held * worth if held != 0.0 else 0.0


@kernel
def decide_row(market: Market, plan: Plan, terms: Terms, state: State, run: int, row: int, out: Decision) -> int:
    """Take one decision of one run; writes ``out`` and the ladder in ``state``.

    Returns 0, or 1 + the instrument whose target is not finite or not exact in float64.
    """
    mark_to_market(market, state, run, row, out)
    nav = out.totals[0]
    if not math.isfinite(nav):
        _without_nav(market, plan, state, run, row, out)
        return 0
    out.totals[2] = ladder_step(state, terms, run, nav, market.times[row])
    contribute(market, plan, run, row, out.held_weight, out.contribution)
    net(out.contribution, out.desired)
    out.totals[3] = scale_to_caps(
        out.desired, out.position, out.movable, market.asset_class, terms, run, row, out.scale, out.class_factor
    )
    factor = ladder_factor(state, terms, run) if nav > 0.0 else 0.0
    for j in range(out.desired.shape[0]):
        out.scale[j] *= factor
    return _size(market, terms, state, run, row, nav, out)


@kernel
def _without_nav(market: Market, plan: Plan, state: State, run: int, row: int, out: Decision) -> None:
    """Unknown NAV: reduce-only for all. No size can be told, so a strategy keeps what it holds or leaves it whole."""
    out.totals[2] = math.nan
    for j in range(out.desired.shape[0]):
        out.desired[j] = 0.0
        out.scale[j] = 0.0
        position = state.lots[run, j]
        kept = 0.0
        leaves = False
        for m in range(out.wanted.shape[0]):
            out.contribution[m, j] = 0.0
            held = state.held[run, m, j]
            out.wanted[m, j] = held if _keeps(market, plan, state, run, row, m, j) else 0.0
            kept += out.wanted[m, j]
            leaves = leaves or out.wanted[m, j] != held
        target = whole_lots(kept, market.rounds[j]) if leaves else position
        if abs(target) > abs(position) or target * position < 0.0:
            # Who leaves was netted against who stays: without it the position would grow.
            target = position
            for m in range(out.wanted.shape[0]):
                out.wanted[m, j] = state.held[run, m, j]
        elif leaves and market.rounds[j]:
            give_up(out.wanted[:, j], kept - target, kept)
        out.target[j] = target
        out.order[j] = target - position


@kernel
def _keeps(market: Market, plan: Plan, state: State, run: int, row: int, m: int, j: int) -> bool:
    """Whether a strategy still wishes what it holds, on the side it holds it."""
    if state.ladder[run] == HALTED:
        return False
    if flag_of(market, plan, run, row, m, j) == NO_TRADE:
        return True
    wish = plan.weights[run, row, m, j] * plan.budget[run, row, m] * plan.multiplier[run, m, j]
    return bool(wish * state.held[run, m, j] > 0.0)


@kernel
def _nav_at_fill(market: Market, state: State, run: int, row: int) -> float:
    nav = float(state.cash[run])
    for j in range(state.lots.shape[1]):
        if state.lots[run, j] != 0.0:
            worth = _sizing_price(market, row, j, True)
            if math.isfinite(market.fill_open[row, j]):
                # A fill price is without the dividend that is credited before it.
                worth += market.dividend[row, j]
            nav += state.lots[run, j] * market.unit[j] * worth
    return nav


@kernel
def _sizing_price(market: Market, row: int, j: int, at_fill: bool) -> float:
    # An instrument without a close yet has no value in the book, whatever it could be bought at.
    # Lots are counted as they are at the decision: before a split that takes effect on the way to the fill.
    mark, fill = market.mark[row, j], market.fill_open[row, j] * market.split[row, j]
    return float(fill if at_fill and math.isfinite(fill) and math.isfinite(mark) else mark)


@kernel
def _size(market: Market, terms: Terms, state: State, run: int, row: int, nav: float, out: Decision) -> int:
    """Step 6: lots from weights at the sizing prices, the no-trade band, and the orders to get there."""
    at_fill = terms.at_fill[run]
    base = _nav_at_fill(market, state, run, row) if at_fill else nav
    for j in range(out.desired.shape[0]):
        held = state.lots[run, j]
        price = _sizing_price(market, row, j, at_fill)
        lots_per_weight = base / (market.unit[j] * price) if math.isfinite(price) else 0.0
        exact = out.desired[j] * out.scale[j] * lots_per_weight
        target = whole_lots(exact, market.rounds[j])
        if not math.isfinite(target) or abs(target) > _EXACT:
            return j + 1
        for m in range(out.wanted.shape[0]):
            out.wanted[m, j] = out.contribution[m, j] * out.scale[j] * lots_per_weight
        if market.rounds[j]:
            give_up(out.wanted[:, j], exact - target, exact)
        out.target[j] = target if math.isfinite(price) else held
        order = out.target[j] - held
        if _inside_band(market, terms, state, run, row, j, order, nav, out):
            order = 0.0
        out.order[j] = order
    return 0


@kernel
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


@kernel
def _inside_band(
    market: Market, terms: Terms, state: State, run: int, row: int, j: int, order: float, nav: float, out: Decision
) -> bool:
    """Whether a trade is too small to make; a breach, a halt or a full exit is never held back."""
    if order == 0.0:
        return True
    held = state.lots[run, j]
    if abs(order) * market.unit[j] * market.mark[row, j] >= terms.band[run] * nav:
        return False
    if held == 0.0 or order * held > 0.0:
        return True
    if out.target[j] == 0.0 or state.ladder[run] == HALTED:
        return False
    return not _in_breach(market, terms, run, row, j, out)


@kernel
def _in_breach(market: Market, terms: Terms, run: int, row: int, j: int, out: Decision) -> bool:
    """Whether what is held now is over a cap that a reduction of ``j`` would help."""
    over = 1.0 + TOLERANCE
    if abs(out.position[j]) > asset_limit(terms, run, row, j) * over:
        return True
    if out.totals[1] > terms.gross_cap[run, row] * over:
        return True
    held = 0.0
    for i in range(out.position.shape[0]):
        if market.asset_class[i] == market.asset_class[j]:
            held += abs(out.position[i])
    return bool(held > terms.class_cap[run, row, market.asset_class[j]] * over)
