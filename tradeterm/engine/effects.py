"""What corporate actions did in a run that was recorded, for those who count fills, trips and costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.engine.actions import apply_actions, price_after
from tradeterm.engine.book import new_state, state_of
from tradeterm.engine.decide import new_decision

if TYPE_CHECKING:
    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.engine.book import Market, Record

__all__ = ["Effects", "book_effects", "held_moved", "no_effects", "strategy_effects"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What corporate actions did before the fills of each row, by column C of what is followed.

    split, price : (T, N) ratio by instrument, and the price at which fractions of a lot, or all of it, were paid
    lieu, income : (T, C) lots paid in cash (signed like a fill), and dividends, money
    All of shape (0, 0) where there was none.
    """

    split: FloatArray
    price: FloatArray
    lieu: FloatArray
    income: FloatArray

    @property
    def any(self) -> bool:
        """Whether there was any action."""
        return len(self.split) > 0


@dataclass(frozen=True, slots=True)
class _Before:
    """Lots when the fills of a row begin, (T - 1, N) and (T - 1, M, N), and the price of what was paid, (T - 1, N)."""

    lots: FloatArray
    held: FloatArray
    price: FloatArray


def _acted(market: Market) -> IntArray:
    """Rows before the last whose actions change lots."""
    rows = market.gone[(market.gone >= 0) & (market.gone < len(market.times) - 1)]
    if market.split.shape[0]:
        rows = np.union1d(rows, np.flatnonzero((market.split[:-1] != 1.0).any(axis=1)))
    found: IntArray = np.unique(rows)
    return found


def _pays(market: Market) -> bool:
    return bool(market.dividend.shape[0]) and bool((market.dividend[:-1] != 0.0).any())


def _before_fills(market: Market, record: Record, run: int) -> _Before:
    """Apply the actions of each row to what was recorded, by the function that the simulation calls."""
    position, held = record.position[run, :-1], record.held[run, :-1]
    rows = _acted(market)
    if not len(rows):
        return _Before(position, held, np.zeros(position.shape))
    strategies, instruments = held.shape[1:]
    lots, own, price = position.copy(), held.copy(), np.zeros(position.shape)
    for row in rows.tolist():
        state = new_state(1, strategies, instruments, 0.0)
        state.lots[0], state.held[0] = position[row], held[row]
        apply_actions(market, state_of(state, 0), row, new_decision(strategies, instruments, 1))
        lots[row], own[row] = state.lots[0], state.held[0]
        price[row] = [price_after(market, row, j) for j in range(instruments)]
        price[row] = np.where(market.gone == row, market.last_price, price[row])
    return _Before(lots, own, price)


def no_effects() -> Effects:
    """Effects of no action."""
    nothing = np.empty((0, 0))
    return Effects(split=nothing, price=nothing, lieu=nothing, income=nothing)


def _split(market: Market, position: FloatArray) -> FloatArray:
    return market.split[:-1] if market.split.shape[0] else np.ones(position.shape)


def _dividend(market: Market, position: FloatArray) -> FloatArray:
    return market.unit * (market.dividend[:-1] if market.dividend.shape[0] else np.zeros(position.shape))


def book_effects(market: Market, record: Record, *, run: int = 0) -> Effects:
    """Effects on the positions of a run's book, for the rows before the last; columns are instruments."""
    if not len(_acted(market)) and not _pays(market):
        return no_effects()
    before, position = _before_fills(market, record, run), record.position[run, :-1]
    split = _split(market, position)
    return Effects(
        split=split,
        price=before.price,
        lieu=before.lots - position * split,
        income=position * _dividend(market, position),
    )


def strategy_effects(market: Market, record: Record, *, run: int = 0) -> Effects:
    """Effects on what each strategy holds, for the rows before the last; columns are strategy by strategy."""
    if not len(_acted(market)) and not _pays(market):
        return no_effects()
    before, held = _before_fills(market, record, run), record.held[run, :-1]
    split, rows = _split(market, record.position[run, :-1]), len(held)
    return Effects(
        split=split,
        price=before.price,
        lieu=(before.held - held * split[:, None, :]).reshape(rows, -1),
        income=(held * _dividend(market, record.position[run, :-1])[:, None, :]).reshape(rows, -1),
    )


def held_moved(market: Market, record: Record, *, run: int = 0) -> FloatArray:
    """(T - 1, M, N) lots that each strategy's holding moved by at the fills of each row, actions apart."""
    moved: FloatArray = record.held[run, 1:] - _before_fills(market, record, run).held
    return moved
