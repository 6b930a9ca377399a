"""Corporate actions in the book: what splits and dividends do to money, holdings and open orders, in one step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tradeterm.engine.decide import Decision, give_up, whole_lots
from tradeterm.engine.jit import kernel
from tradeterm.engine.portfolio import settle_dust

if TYPE_CHECKING:
    from tradeterm.engine.book import Market, State

__all__ = ["apply_actions", "price_after"]


@kernel
def price_after(market: Market, row: int, j: int) -> float:
    """Last close as it counts after the actions of a row: less the dividend, by the split."""
    return float((market.mark[row, j] - market.dividend[row, j]) / market.split[row, j])


@kernel
def apply_actions(market: Market, state: State, run: int, row: int, decision: Decision) -> None:
    """Let the splits and dividends of a row take effect, before any of its fills.

    Dividends are credited (shorts: debited) for what was held before. A split scales position, holdings, target, open
    order and wanted quantities; a fraction of a lot that it leaves is paid in cash at the last close as it counts then.
    """
    for j in range(market.unit.shape[0]):
        if market.dividend[row, j] != 0.0:
            _pay(market, state, run, row, j)
        if market.split[row, j] != 1.0:
            _split_held(market, state, run, row, j)
            _split_orders(market, state, run, row, j, decision)


@kernel
def _pay(market: Market, state: State, run: int, row: int, j: int) -> None:
    per_lot = market.unit[j] * market.dividend[row, j]
    state.cash[run] += state.lots[run, j] * per_lot
    for m in range(state.held.shape[1]):
        state.strategy_cash[run, m] += state.held[run, m, j] * per_lot


@kernel
def _split_held(market: Market, state: State, run: int, row: int, j: int) -> None:
    ratio = market.split[row, j]
    exact = state.lots[run, j] * ratio
    worth = market.unit[j] * price_after(market, row, j)
    kept = exact
    # A fraction that has no price yet can't be paid; it stays until it is traded.
    if market.rounds[j] and math.isfinite(worth):
        kept = whole_lots(exact, True)
    held = state.held[run, :, j]
    for m in range(held.shape[0]):
        held[m] *= ratio
        state.strategy_cash[run, m] += held[m] * worth if kept != exact else 0.0
    if kept != exact:
        give_up(held, exact - kept, exact)
        state.cash[run] += (exact - kept) * worth
    for m in range(held.shape[0]):
        settle_dust(state, run, m, j)
        state.strategy_cash[run, m] -= held[m] * worth if kept != exact else 0.0
    state.lots[run, j] = kept


@kernel
def _split_orders(market: Market, state: State, run: int, row: int, j: int, decision: Decision) -> None:
    exact = decision.target[j] * market.split[row, j]
    target = whole_lots(exact, market.rounds[j])
    for m in range(decision.wanted.shape[0]):
        decision.wanted[m, j] *= market.split[row, j]
    if target != exact:
        give_up(decision.wanted[:, j], exact - target, exact)
    decision.target[j] = target
    # An order that the no-trade band held back stays held back.
    if decision.order[j] != 0.0:
        decision.order[j] = target - state.lots[run, j]
