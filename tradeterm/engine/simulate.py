"""The compiled simulation: decide at every row, fill what opens before the next one, record both.

A row at which nothing can change is not decided anew: where the plan and the terms are those of the row before, the
ladder stays where it is, no order is on its way and no holding has drifted out of the no-trade band, the decision is
the one before. What is recorded is the same to the bit; tests compare both ways.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import BadMarket
from tradeterm.core.time import DAY_NS
from tradeterm.engine.book import HALTED, NO_FILL, NORMAL, plan_of, record_of, state_of, terms_of
from tradeterm.engine.decide import decide_row, nav_at_fill, new_decision, sizing_price
from tradeterm.engine.fills import fill_row, new_bench
from tradeterm.engine.jit import inner, kernel, maker, pasted

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray
    from tradeterm.engine.book import Market, Plan, Record, State, Terms
    from tradeterm.engine.decide import Decision
    from tradeterm.engine.fills import Bench

__all__ = ["accrue", "advance", "advance_runs", "changed_rows"]

_YEAR_NS = 365.0 * DAY_NS
# Nearer than this to a limit, as a share of it, a row is decided in full.
_NEAR = 1e-6


@kernel
def accrue(market: Market, terms: Terms, state: State, row: int) -> None:
    """Let cash earn and cost interest since the row before, and what is held short its borrowing.

    Interest is the book's own; borrowing is borne by the strategies that are short, pro rata.
    """
    now, since = market.times[row], state.accrued_at[0]
    state.accrued_at[0] = now
    if since < 0 or now <= since:
        return
    years = (now - since) / _YEAR_NS
    rate = terms.interest[0] if state.cash[0] > 0.0 else terms.interest[1]
    if rate != 0.0:
        earned = state.cash[0] * rate * years
        state.cash[0] += earned
        state.interest[0] += earned
    for j in range(state.lots.shape[0]):
        if terms.borrow[j] != 0.0 and state.lots[j] < 0.0:
            _borrow(market, terms, state, row, j, years)


@inner
def _borrow(market: Market, terms: Terms, state: State, row: int, j: int, years: float) -> None:
    worth = market.unit[j] * market.mark[row, j]
    if not math.isfinite(worth):
        return
    paid = -state.lots[j] * worth * terms.borrow[j] * years
    state.cash[0] -= paid
    short = 0.0
    for m in range(state.held.shape[0]):
        short += max(0.0, -state.held[m, j])
    for m in range(state.held.shape[0]):
        if state.held[m, j] < 0.0:
            state.strategy_cash[m] -= paid * (-state.held[m, j] / short)


@kernel
def changed_rows(market: Market, plan: Plan, terms: Terms, start: int, stop: int, out: BoolArray) -> None:
    """Say of rows [start, stop) of one run whether anything but the weights differs from the row before; out : (T,)."""
    acted = market.split.shape[0] > 0
    for row in range(start, stop):
        out[row] = row == 0 or _differs(market, plan, terms, row, acted)


@inner
def _other_terms(plan: Plan, terms: Terms, row: int) -> bool:
    if terms.asset_tight[row] != terms.asset_tight[row - 1] or terms.gross_cap[row] != terms.gross_cap[row - 1]:
        return True
    if terms.net_cap[row] != terms.net_cap[row - 1]:
        return True
    for c in range(terms.class_cap.shape[1]):
        if terms.class_cap[row, c] != terms.class_cap[row - 1, c]:
            return True
    moved = False
    for m in range(plan.budget.shape[1]):
        moved = moved or plan.budget[row, m] != plan.budget[row - 1, m]
    return moved


@inner
def _differs(market: Market, plan: Plan, terms: Terms, row: int, acted: bool) -> bool:
    if _other_terms(plan, terms, row):
        return True
    for j in range(market.unit.shape[0]):
        if market.tradable[row, j] != market.tradable[row - 1, j]:
            return True
        if market.carried[row, j] or market.carried[row - 1, j]:
            return True
        if market.gone[j] == row or math.isfinite(market.mark[row, j]) != math.isfinite(market.mark[row - 1, j]):
            return True
        if acted and (market.split[row, j] != 1.0 or market.dividend[row, j] != 0.0):
            return True
    return False


@pasted
def _same_weights(plan: Plan, row: int) -> bool:
    for m in range(plan.weights.shape[1]):
        for j in range(plan.weights.shape[2]):
            if plan.weights[row, m, j] != plan.weights[row - 1, m, j]:
                return False
    return True


@pasted
def _stays(market: Market, terms: Terms, state: State, row: int, decision: Decision) -> bool:
    """Whether the decision of the row before stands. In money, without a division; near a limit the whole row says."""
    nav = state.cash[0]
    for j in range(decision.desired.shape[0]):
        if state.lots[j] != 0.0:
            nav += state.lots[j] * (market.unit[j] * market.mark[row, j])
    if not 0.0 < nav < math.inf:
        return False
    peak = max(state.peak[0], nav)
    level = terms.ladder[0] if state.ladder[0] == NORMAL else terms.ladder[1]
    if nav < peak * (1.0 - level * (1.0 - _NEAR) + _NEAR):
        return False
    if state.ladder[0] != NORMAL and nav > peak * (1.0 - terms.ladder[2] * (1.0 + _NEAR) - _NEAR):
        return False
    decision.totals[0] = nav
    return _within_caps(market, terms, state, row, nav) and _within_band(market, terms, state, row, nav, decision)


@pasted
def _within_caps(market: Market, terms: Terms, state: State, row: int, nav: float) -> bool:
    """Whether what is held is clear of every cap: a breach is reduced, however small."""
    most = nav * (1.0 - _NEAR)
    tight = terms.asset_tight[row]
    gross, total = 0.0, 0.0
    for j in range(state.lots.shape[0]):
        if state.lots[j] != 0.0:
            value = state.lots[j] * (market.unit[j] * market.mark[row, j])
            gross += abs(value)
            total += value
            if abs(value) > min(terms.asset_cap[j], tight) * most:
                return False
    if gross > terms.gross_cap[row] * most or abs(total) > terms.net_cap[row] * most:
        return False
    for c in range(terms.class_cap.shape[1]):
        if math.isfinite(terms.class_cap[row, c]):
            held = 0.0
            for j in range(state.lots.shape[0]):
                if state.lots[j] != 0.0 and market.asset_class[j] == c:
                    held += abs(state.lots[j]) * (market.unit[j] * market.mark[row, j])
            if held > terms.class_cap[row, c] * most:
                return False
    return True


@pasted
def _within_band(market: Market, terms: Terms, state: State, row: int, nav: float, decision: Decision) -> bool:
    """Whether every holding is so near to its wish that no order and no crossing comes of it."""
    at_fill = terms.at_fill[0]
    base = nav_at_fill(market, state, row) if at_fill else nav
    band = terms.band[0] * (1.0 - _NEAR) * nav
    for j in range(decision.desired.shape[0]):
        wish = decision.desired[j] * decision.scale[j]
        lots = state.lots[j]
        mark = market.mark[row, j]
        price = sizing_price(market, row, j, at_fill)
        lot = market.unit[j] * price
        if state.held.shape[0] > 1 and _would_cross(state, j, base, lot, market.rounds[j], decision):
            return False
        if wish == 0.0:
            if lots != 0.0:
                return False
            continue
        off = abs(wish * base - lots * lot)
        if market.rounds[j]:
            off += lot
        # Written so that what is not a number is not within.
        if not off * mark < band * price:
            return False
    return True


@inner
def _would_cross(state: State, j: int, base: float, lot: float, rounds: bool, decision: Decision) -> bool:
    """Whether strategies would cross what drift has moved apart."""
    # Rounding to lots moves what is wanted by less than a lot.
    near = _NEAR * lot + (lot if rounds else 0.0)
    buys, sells = False, False
    for m in range(state.held.shape[0]):
        wanted = decision.contribution[m, j] * decision.scale[j] * base
        if wanted != 0.0 or state.held[m, j] != 0.0:
            d = wanted - state.held[m, j] * lot
            # Also true of what is not a number.
            buys = buys or not d <= -near
            sells = sells or not d >= near
    return buys and sells


@pasted
def _note(market: Market, state: State, record: Record, row: int, decision: Decision) -> None:
    """Record what the decision found and decided."""
    record.nav[row] = decision.totals[0]
    if record.cash.shape[0] == 0:
        return
    record.cash[row] = state.cash[0]
    record.gross[row] = decision.totals[1]
    record.drawdown[row] = decision.totals[2]
    record.interest[row] = state.interest[0]
    record.ladder[row] = state.ladder[0]
    for j in range(decision.desired.shape[0]):
        lots = state.lots[j]
        record.position[row, j] = lots
        record.scale[row, j] = decision.scale[j]
        record.target[row, j] = lots + decision.order[j]
    for m in range(decision.wanted.shape[0]):
        pnl = state.strategy_cash[m]
        for j in range(decision.desired.shape[0]):
            held = state.held[m, j]
            record.held[row, m, j] = held
            record.contribution[row, m, j] = decision.contribution[m, j]
            if held != 0.0:
                pnl += held * market.unit[j] * market.mark[row, j]
        record.pnl[row, m] = pnl


@pasted
def _note_fills(record: Record, row: int, bench: Bench, moved: bool) -> None:
    """Record prices and kinds of fills, where orders may be limits."""
    if record.price.shape[0] == 0:
        return
    for j in range(record.price.shape[1]):
        filled = moved and record.filled[row, j] != 0.0
        record.price[row, j] = bench.price[j] if filled else math.nan
        record.how[row, j] = bench.how[j] if filled else NO_FILL


@pasted
def _again(market: Market, state: State, record: Record, row: int, decision: Decision) -> None:
    """Let the decision of the row before be this row's too, and record it."""
    nav = decision.totals[0]
    state.peak[0] = max(state.peak[0], nav)
    if record.filled.shape[0] == 0:
        record.nav[row] = nav
        return
    gross = 0.0
    for j in range(decision.order.shape[0]):
        if state.lots[j] != 0.0:
            gross += abs(state.lots[j] * (market.unit[j] * market.mark[row, j]))
    decision.totals[1] = gross / nav
    decision.totals[2] = 1.0 - nav / state.peak[0]
    _note(market, state, record, row, decision)
    record.filled[row, :] = 0.0
    if record.price.shape[0] > 0:
        record.price[row, :] = math.nan
        record.how[row, :] = NO_FILL


@pasted
def _is_steady(state: State, decision: Decision) -> bool:
    """Whether nothing is on its way, and nothing is held that can't be traded: its drift takes room from others."""
    if state.ladder[0] == HALTED or not decision.totals[0] > 0.0:
        return False
    for j in range(decision.order.shape[0]):
        if decision.order[j] != 0.0 or (state.lots[j] != 0.0 and not decision.movable[j]):
            return False
    return True


@inner
def _shares_rows(plan: Plan, terms: Terms) -> bool:
    """Whether all runs have the same budgets and caps."""
    caps = max(terms.asset_tight.shape[0], terms.class_cap.shape[0], terms.gross_cap.shape[0], terms.net_cap.shape[0])
    return bool(max(plan.budget.shape[0], caps) == 1)


@inner
def _advance_run(
    market: Market,
    plan: Plan,
    terms: Terms,
    state: State,
    record: Record,
    start: int,
    stop: int,
    changed: BoolArray,
    decision: Decision,
    bench: Bench,
    filled: FloatArray,
) -> int:
    """Decide and fill rows [start, stop) of one run; returns 0 or the error code of the row that failed."""
    costs = terms.interest[0] != 0.0 or terms.interest[1] != 0.0 or terms.borrow.any()
    free, steady = not plan.flags.any(), False
    for row in range(start, stop):
        if costs:
            accrue(market, terms, state, row)
        if steady and not changed[row] and _same_weights(plan, row) and _stays(market, terms, state, row, decision):
            _again(market, state, record, row, decision)
            continue
        error = decide_row(market, plan, terms, state, row, decision)
        if error != 0:
            return error
        _note(market, state, record, row, decision)
        fills = record.filled[row] if record.filled.shape[0] > 0 else filled
        moved = fill_row(market, terms, state, row, decision, bench, fills)
        _note_fills(record, row, bench, moved)
        steady = free and not moved and _is_steady(state, decision)
    if stop > start:
        state.accrued_at[0] = market.times[stop - 1]
    return 0


@maker
def advance_runs(
    market: Market,
    plan: Plan,
    terms: Terms,
    state: State,
    record: Record,
    start: int,
    stop: int,
    changed: BoolArray,
    decision: Decision,
    bench: Bench,
    filled: FloatArray,
) -> int:
    """Decide and fill rows [start, stop) of every run; returns 0 or the error code of the row that failed.

    changed : (T,) room; decision, bench : room; filled : (N,) room where no fills are recorded
    """
    for run in range(state.cash.shape[0]):
        mine, bounds = plan_of(plan, run), terms_of(terms, run)
        if run == 0 or not _shares_rows(plan, terms):
            changed_rows(market, mine, bounds, start, stop, changed)
        book, into = state_of(state, run), record_of(record, run)
        error = _advance_run(market, mine, bounds, book, into, start, stop, changed, decision, bench, filled)
        if error != 0:
            return error
    return 0


def advance(market: Market, plan: Plan, terms: Terms, state: State, record: Record, start: int, stop: int) -> None:
    """Decide and fill rows [start, stop) of every run, in place.

    Raises
    ------
    BadMarket
        When a target quantity is not finite or not exact in float64 (above 2**53 lots).
    """
    _, strategies, instruments = state.held.shape
    classes = terms.class_cap.shape[2]
    error = advance_runs(
        market,
        plan,
        terms,
        state,
        record,
        start,
        stop,
        np.empty(len(market.times), dtype=np.bool_),
        new_decision(strategies, instruments, classes),
        new_bench(instruments, classes),
        np.zeros(instruments),
    )
    if error:
        found = "its target quantity was not finite or above 2**53 lots"
        raise BadMarket(f"instrument {error - 1}", f"a decision in rows {start} to {stop}", found)
