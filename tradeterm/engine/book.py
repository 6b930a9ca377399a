"""The arrays that the decide steps and the simulation kernel share: market, plan, terms, state and record.

R runs share one market; every other array has R as its leading axis (a sweep passes many runs, a backtest or a live
decision one). T decision times, N instruments, M strategies, C asset classes. Quantities are in lots: whole numbers
kept in float64 where an instrument rounds, units where its lot is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray, IntArray, StateArray

__all__ = [
    "DERISKED",
    "HALTED",
    "LADDER_STATES",
    "NORMAL",
    "NO_TRADE",
    "REDUCE_ONLY",
    "Market",
    "Plan",
    "Record",
    "State",
    "Terms",
    "new_record",
    "new_state",
]

NORMAL, DERISKED, HALTED = 0, 1, 2
LADDER_STATES = ("NORMAL", "DERISKED", "HALTED")
REDUCE_ONLY, NO_TRADE = 1, 2


class Market(NamedTuple):
    """What may be traded and at which prices.

    times : (T,) decision times; mark : (T, N) raw close known then, NaN before the first
    own_bar : (T, N) whether an own bar became known in the row; carried : (T, N) whether the newest bar of the row only
        repeats the last close, as none came
    fill_open, fill_at : (T, N) next fill price and its instant, NaN and -1 where no bar opens before the next decision
    tradable : (T, N) whether the calendar expects such a bar
    asset_class : (N,) class number; unit : (N,) units per lot; rounds : (N,) whether quantities are whole lots
    fee, slippage : (N,) fractions of notional
    split, dividend : (T, N) actions that take effect before the fills of the row: new units per old one (1 where there
        is none), and cash per unit held before (0 likewise); marks and lots of a row are those before them
    factor : (T, N) fill price x factor is the fill price in the panel's scale
    """

    times: IntArray
    mark: FloatArray
    own_bar: BoolArray
    carried: BoolArray
    fill_open: FloatArray
    fill_at: IntArray
    tradable: BoolArray
    asset_class: IntArray
    unit: FloatArray
    rounds: BoolArray
    fee: FloatArray
    slippage: FloatArray
    split: FloatArray
    dividend: FloatArray
    factor: FloatArray


class Plan(NamedTuple):
    """What the strategies want.

    weights : (R, T, M, N) of the strategy's own budget; budget : (R, T, M) fraction of NAV
    multiplier, flags : (R, M, N) overrides: a factor, and 0, REDUCE_ONLY or NO_TRADE judged against what is held
    carries : (R, M) whether a strategy sees carried bars; they make no trade by themselves
    """

    weights: FloatArray
    budget: FloatArray
    multiplier: FloatArray
    flags: StateArray
    carries: BoolArray


class Terms(NamedTuple):
    """Hard limits and the ladder.

    asset_cap : (R, N); asset_tight : (R, T) cap of any asset by regime; class_cap : (R, T, C); gross_cap : (R, T)
    band : (R,) no-trade band, weight
    ladder : (R, 5) derisk, halt and recovery drawdown, derisk factor, nanoseconds until a halt resumes by itself (inf)
    at_fill : (R,) whether quantities are sized at the fill price (comparisons only)
    """

    asset_cap: FloatArray
    asset_tight: FloatArray
    class_cap: FloatArray
    gross_cap: FloatArray
    band: FloatArray
    ladder: FloatArray
    at_fill: BoolArray


class State(NamedTuple):
    """What is carried from one decision to the next; the kernels write into it.

    cash : (R,); lots : (R, N) position; held : (R, M, N) lots by strategy, summing to the position
    strategy_cash : (R, M) money the strategy's own trades, costs and dividends brought
    entry_price, entry_at, bars_held : (R, M, N) of the strategy's holding; the price in the panel's scale
    peak, ladder, halted_at : (R,)
    """

    cash: FloatArray
    lots: FloatArray
    held: FloatArray
    strategy_cash: FloatArray
    entry_price: FloatArray
    entry_at: IntArray
    bars_held: IntArray
    peak: FloatArray
    ladder: IntArray
    halted_at: IntArray


class Record(NamedTuple):
    """What happened, by decision time; position, held, cash, nav and pnl are as the decision found them.

    nav, cash, gross, drawdown : (R, T); ladder : (R, T) the state that the decision acted under
    position : (R, T, N) lots; held : (R, T, M, N) lots
    contribution : (R, T, M, N) fractions of NAV before risk; scale : (R, T, N); target : (R, T, N) lots ordered to
    filled : (R, T, N) lots filled before the next decision; pnl : (R, T, M) money per strategy
    """

    nav: FloatArray
    cash: FloatArray
    gross: FloatArray
    drawdown: FloatArray
    ladder: StateArray
    position: FloatArray
    held: FloatArray
    contribution: FloatArray
    scale: FloatArray
    target: FloatArray
    filled: FloatArray
    pnl: FloatArray


def new_state(runs: int, strategies: int, instruments: int, capital: float) -> State:
    """State of ``runs`` flat books with ``capital`` in cash."""
    by_holding = (runs, strategies, instruments)
    return State(
        cash=np.full(runs, float(capital)),
        lots=np.zeros((runs, instruments)),
        held=np.zeros(by_holding),
        strategy_cash=np.zeros((runs, strategies)),
        entry_price=np.full(by_holding, np.nan),
        entry_at=np.full(by_holding, -1, dtype=np.int64),
        bars_held=np.zeros(by_holding, dtype=np.int64),
        peak=np.full(runs, float(capital)),
        ladder=np.full(runs, NORMAL, dtype=np.int64),
        halted_at=np.full(runs, -1, dtype=np.int64),
    )


def new_record(runs: int, times: int, strategies: int, instruments: int) -> Record:
    """Empty record."""
    by_time, by_asset = (runs, times), (runs, times, instruments)
    by_holding = (runs, times, strategies, instruments)
    return Record(
        nav=np.zeros(by_time),
        cash=np.zeros(by_time),
        gross=np.zeros(by_time),
        drawdown=np.zeros(by_time),
        ladder=np.zeros(by_time, dtype=np.int8),
        position=np.zeros(by_asset),
        held=np.zeros(by_holding),
        contribution=np.zeros(by_holding),
        scale=np.zeros(by_asset),
        target=np.zeros(by_asset),
        filled=np.zeros(by_asset),
        pnl=np.zeros((runs, times, strategies)),
    )
