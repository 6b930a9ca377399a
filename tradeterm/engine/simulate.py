"""The compiled simulation: decide at every row, fill what opens before the next one, record both."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import BadMarket
from tradeterm.engine.actions import apply_actions
from tradeterm.engine.decide import Decision, decide_row, new_decision, whole_lots
from tradeterm.engine.jit import kernel
from tradeterm.engine.portfolio import move_holdings

if TYPE_CHECKING:
    from tradeterm.core.types import FloatArray
    from tradeterm.engine.book import Market, Plan, Record, State, Terms

__all__ = ["advance", "advance_rows", "fill_row"]


@kernel
def _has_fill(market: Market, row: int, j: int) -> bool:
    return market.tradable[row, j] and market.fill_at[row, j] >= 0 and math.isfinite(market.fill_open[row, j])


@kernel
def _next_instant(market: Market, row: int, after: int) -> int:
    """Earliest instant after ``after`` at which some instrument can fill in this row; -1 when none is left."""
    found = -1
    for j in range(market.unit.shape[0]):
        if _has_fill(market, row, j):
            at = market.fill_at[row, j]
            if at > after and (found < 0 or at < found):
                found = at
    return found


@kernel
def _execute(market: Market, state: State, run: int, row: int, j: int, lots: float) -> float:
    """Trade ``lots`` at the fill price; returns the cost in money."""
    notional = abs(lots) * market.unit[j] * market.fill_open[row, j]
    cost = float(notional * (market.fee[j] + market.slippage[j]))
    state.lots[run, j] += lots
    state.cash[run] -= lots * market.unit[j] * market.fill_open[row, j] + cost
    return cost


@kernel
def _reduction(held: float, order: float) -> float:
    """Part of an order that brings a position nearer to flat."""
    if held == 0.0 or order * held >= 0.0:
        return 0.0
    return order if abs(order) <= abs(held) else -held


@kernel
def _decision_price(market: Market, row: int, j: int) -> float:
    """Price of the decision, for lots as they are counted at the fills."""
    return float(market.mark[row, j] / market.split[row, j])


@kernel
def _held_exposure(market: Market, state: State, run: int, row: int, asset_class: int) -> float:
    """Gross value held at decision prices, of one class or of all (-1)."""
    total = 0.0
    for j in range(market.unit.shape[0]):
        if state.lots[run, j] != 0.0 and (asset_class < 0 or market.asset_class[j] == asset_class):
            total += abs(state.lots[run, j]) * market.unit[j] * _decision_price(market, row, j)
    return total


@kernel
def _increase_factors(
    market: Market,
    terms: Terms,
    state: State,
    run: int,
    row: int,
    at: int,
    nav: float,
    rest: FloatArray,
    out: FloatArray,
) -> None:
    """How much of the increases at one instant cash and headroom leave, by class.

    rest : (N,) lots that would increase a position now, 0 elsewhere; out : (C,) factors in [0, 1]
    Cash may go to -(gross cap - 1) x NAV; headroom is at decision prices, of what is held now.
    """
    spend = 0.0
    added = 0.0
    for j in range(rest.shape[0]):
        if rest[j] != 0.0 and market.fill_at[row, j] == at:
            notional = abs(rest[j]) * market.unit[j] * market.fill_open[row, j]
            if rest[j] > 0.0:
                spend += notional * (1.0 + market.fee[j] + market.slippage[j])
            added += abs(rest[j]) * market.unit[j] * _decision_price(market, row, j)
    floor = -max(0.0, terms.gross_cap[run, row] - 1.0) * nav
    available = max(0.0, state.cash[run] - floor)
    common = available / spend if spend > available else 1.0
    room = max(0.0, terms.gross_cap[run, row] * nav - _held_exposure(market, state, run, row, -1))
    if added > room:
        common = min(common, room / added)
    for c in range(out.shape[0]):
        added = 0.0
        for j in range(rest.shape[0]):
            if rest[j] != 0.0 and market.fill_at[row, j] == at and market.asset_class[j] == c:
                added += abs(rest[j]) * market.unit[j] * _decision_price(market, row, j)
        room = max(0.0, terms.class_cap[run, row, c] * nav - _held_exposure(market, state, run, row, c))
        out[c] = min(common, room / added) if added > room else common


@kernel
def fill_row(
    market: Market,
    terms: Terms,
    state: State,
    run: int,
    row: int,
    decision: Decision,
    filled: FloatArray,
    rest: FloatArray,
    factors: FloatArray,
) -> None:
    """Fill one run's orders with the bars that open before the next decision, after what takes effect before them.

    Corporate actions come first and change the decision's orders with what is held. Then by instant, reductions first;
    increases at one instant are cut proportionally to what cash and headroom leave.
    filled : (N,) written, lots; rest : (N,) and factors : (C,) are room to work in
    """
    apply_actions(market, state, run, row, decision)
    nav = decision.totals[0]
    for j in range(filled.shape[0]):
        filled[j] = 0.0
        rest[j] = 0.0
    at = _next_instant(market, row, -1)
    while at >= 0:
        for j in range(filled.shape[0]):
            if market.fill_at[row, j] == at and _has_fill(market, row, j):
                reduction = _reduction(state.lots[run, j], decision.order[j])
                rest[j] = decision.order[j] - reduction
                if reduction != 0.0:
                    _execute(market, state, run, row, j, reduction)
                    filled[j] = reduction
        _increase_factors(market, terms, state, run, row, at, nav, rest, factors)
        for j in range(filled.shape[0]):
            if market.fill_at[row, j] == at and _has_fill(market, row, j):
                lots = rest[j] * factors[market.asset_class[j]]
                if factors[market.asset_class[j]] < 1.0:
                    lots = whole_lots(lots, market.rounds[j])
                if lots != 0.0:
                    _execute(market, state, run, row, j, lots)
                filled[j] += lots
                rest[j] = 0.0
                price = market.fill_open[row, j]
                cost = abs(filled[j]) * market.unit[j] * price * (market.fee[j] + market.slippage[j])
                wanted = decision.wanted[:, j]
                factor = market.factor[row, j]
                move_holdings(state, run, j, wanted, filled[j], price, market.unit[j], cost, at, factor)
        at = _next_instant(market, row, at)


@kernel
def _count_bars(market: Market, state: State, run: int, row: int) -> None:
    for m in range(state.held.shape[1]):
        for j in range(state.held.shape[2]):
            if state.held[run, m, j] != 0.0 and market.own_bar[row, j]:
                state.bars_held[run, m, j] += 1


@kernel
def _note(market: Market, state: State, record: Record, run: int, row: int, decision: Decision) -> None:
    """Record what the decision found and decided."""
    record.nav[run, row] = decision.totals[0]
    record.cash[run, row] = state.cash[run]
    record.gross[run, row] = decision.totals[1]
    record.drawdown[run, row] = decision.totals[2]
    record.ladder[run, row] = state.ladder[run]
    for j in range(decision.desired.shape[0]):
        record.position[run, row, j] = state.lots[run, j]
        record.scale[run, row, j] = decision.scale[j]
        record.target[run, row, j] = state.lots[run, j] + decision.order[j]
    for m in range(decision.wanted.shape[0]):
        pnl = state.strategy_cash[run, m]
        for j in range(decision.desired.shape[0]):
            held = state.held[run, m, j]
            record.held[run, row, m, j] = held
            record.contribution[run, row, m, j] = decision.contribution[m, j]
            if held != 0.0:
                pnl += held * market.unit[j] * market.mark[row, j]
        record.pnl[run, row, m] = pnl


@kernel
def advance_rows(
    market: Market,
    plan: Plan,
    terms: Terms,
    state: State,
    record: Record,
    run: int,
    start: int,
    stop: int,
    decision: Decision,
    rest: FloatArray,
    factors: FloatArray,
) -> int:
    """Decide and fill rows [start, stop) of one run; returns 0 or the error code of the row that failed."""
    for row in range(start, stop):
        _count_bars(market, state, run, row)
        error = decide_row(market, plan, terms, state, run, row, decision)
        if error != 0:
            return error
        _note(market, state, record, run, row, decision)
        fill_row(market, terms, state, run, row, decision, record.filled[run, row], rest, factors)
    return 0


def advance(market: Market, plan: Plan, terms: Terms, state: State, record: Record, start: int, stop: int) -> None:
    """Decide and fill rows [start, stop) of every run, in place.

    Raises
    ------
    BadMarket
        When a target quantity is not finite or not exact in float64 (above 2**53 lots).
    """
    runs, strategies, instruments = state.held.shape
    classes = terms.class_cap.shape[2]
    decision = new_decision(strategies, instruments, classes)
    rest, factors = np.zeros(instruments), np.ones(classes)
    for run in range(runs):
        error = advance_rows(market, plan, terms, state, record, run, start, stop, decision, rest, factors)
        if error:
            found = "its target quantity was not finite or above 2**53 lots"
            raise BadMarket(f"instrument {error - 1}", f"a decision in rows {start} to {stop}", found)
