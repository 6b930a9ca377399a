"""Corporate actions in the book: what they do to money, holdings and orders, in one step before any fill."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tradeterm.engine.decide import Decision, dividend_at, give_up, split_at, whole_lots
from tradeterm.engine.jit import inner, kernel, pasted
from tradeterm.engine.portfolio import settle_dust

if TYPE_CHECKING:
    from tradeterm.engine.book import Market, State

__all__ = ["acts", "apply_actions", "price_after"]


@kernel
def price_after(market: Market, row: int, j: int) -> float:
    """Last close as it counts after the actions of a row: less the dividend, by the split."""
    return float((market.mark[row, j] - dividend_at(market, row, j)) / split_at(market, row, j))


@pasted
def acts(market: Market, row: int) -> bool:
    """Whether anything might take effect at a row."""
    found = market.split.shape[0] > 0
    for j in range(market.gone.shape[0]):
        found = found | ((market.gone[j] >= 0) & (market.gone[j] <= row))
    return bool(found)


@kernel
def apply_actions(market: Market, state: State, row: int, decision: Decision) -> None:
    """Let the splits, dividends and delistings of a row take effect, before any of its fills.

    Dividends are credited (shorts: debited) for what was held before. A split scales position, holdings, target, open
    order and wanted quantities; a fraction of a lot that it leaves is paid in cash at the last close as it counts then.
    Of a delisted instrument everything is paid in cash at its last price, and its orders end.
    """
    acted = market.split.shape[0] > 0
    for j in range(market.unit.shape[0]):
        if acted and market.dividend[row, j] != 0.0:
            _pay(market, state, row, j)
        if acted and market.split[row, j] != 1.0:
            _split_held(market, state, row, j)
            _split_orders(market, state, row, j, decision)
        if market.gone[j] == row:
            _pay_out(market, state, j)
        if 0 <= market.gone[j] <= row:
            decision.order[j] = 0.0
            for m in range(decision.wanted.shape[0]):
                decision.wanted[m, j] = 0.0


@inner
def _pay(market: Market, state: State, row: int, j: int) -> None:
    per_lot = market.unit[j] * market.dividend[row, j]
    state.cash[0] += state.lots[j] * per_lot
    for m in range(state.held.shape[0]):
        state.strategy_cash[m] += state.held[m, j] * per_lot


@inner
def _pay_out(market: Market, state: State, j: int) -> None:
    per_lot = market.unit[j] * market.last_price[j]
    state.cash[0] += state.lots[j] * per_lot
    state.lots[j] = 0.0
    for m in range(state.held.shape[0]):
        state.strategy_cash[m] += state.held[m, j] * per_lot
        state.held[m, j] = 0.0
        settle_dust(state, m, j)


@inner
def _split_held(market: Market, state: State, row: int, j: int) -> None:
    ratio = market.split[row, j]
    exact = state.lots[j] * ratio
    worth = market.unit[j] * price_after(market, row, j)
    kept = exact
    # A fraction that has no price yet can't be paid; it stays until it is traded. All of it is paid at a delisting.
    if market.rounds[j] and math.isfinite(worth) and market.gone[j] != row:
        kept = whole_lots(exact, True)
    held = state.held[:, j]
    for m in range(held.shape[0]):
        held[m] *= ratio
        state.strategy_cash[m] += held[m] * worth if kept != exact else 0.0
    if kept != exact:
        give_up(held, exact - kept, exact)
        state.cash[0] += (exact - kept) * worth
    for m in range(held.shape[0]):
        settle_dust(state, m, j)
        state.strategy_cash[m] -= held[m] * worth if kept != exact else 0.0
    state.lots[j] = kept


@inner
def _split_orders(market: Market, state: State, row: int, j: int, decision: Decision) -> None:
    exact = decision.target[j] * market.split[row, j]
    target = whole_lots(exact, market.rounds[j])
    for m in range(decision.wanted.shape[0]):
        decision.wanted[m, j] *= market.split[row, j]
    if target != exact:
        give_up(decision.wanted[:, j], exact - target, exact)
    decision.target[j] = target
    # An order that was held back stays held back.
    if decision.order[j] != 0.0:
        decision.order[j] = target - state.lots[j]
