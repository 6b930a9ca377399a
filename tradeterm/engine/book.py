"""The arrays that the decide steps and the simulation kernel share: market, plan, terms, state and record.

R runs share one market; the arrays of the other four have R as their leading axis (a sweep passes many runs, a
backtest or a live decision one). A plan's or terms' array with a leading axis of 1 is shared by all runs. The kernels
work on one run at a time, on views without that axis (:func:`plan_of` and its like); what is one number of a run is an
array of one. T decision times, N instruments, M strategies, C asset classes. Quantities are in lots: whole numbers kept
in float64 where an instrument rounds, units where its lot is 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tradeterm.engine.jit import inner, maker

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray, IntArray, StateArray

__all__ = [
    "DERISKED",
    "FILLS",
    "HALTED",
    "LADDER_STATES",
    "NORMAL",
    "NO_FILL",
    "NO_TRADE",
    "REDUCE_ONLY",
    "WITHIN",
    "Market",
    "Plan",
    "Record",
    "State",
    "Terms",
    "first_runs",
    "new_record",
    "new_state",
    "plan_of",
    "record_of",
    "state_of",
    "terms_of",
]

NORMAL, DERISKED, HALTED = 0, 1, 2
LADDER_STATES = ("NORMAL", "DERISKED", "HALTED")
REDUCE_ONLY, NO_TRADE = 1, 2
NO_FILL, AT_OPEN, BEYOND, WITHIN = 0, 1, 2, 3
_STATES = ("ladder", "how")
FILLS = ("none", "market", "limit at open", "limit")


class Market(NamedTuple):
    """What may be traded and at which prices.

    times : (T,) decision times; mark : (T, N) raw close known then, NaN before the first
    own_bar : (T, N) whether an own bar became known in the row; carried : (T, N) whether the newest bar of the row only
        repeats the last close, as none came
    fill_open, fill_high, fill_low, fill_volume, fill_at : (T, N) the fill bar: prices, units traded, and when it opens;
        NaN and -1 where no bar opens before the next decision
    tradable : (T, N) whether the calendar expects such a bar
    asset_class : (N,) class number; unit : (N,) units per lot; rounds : (N,) whether quantities are whole lots
    tick : (N,) smallest step of a price
    split, dividend : (T, N) actions that take effect before the fills of the row: new units per old one (1 where there
        is none), and cash per unit held before (0 likewise); marks and lots of a row are those before them
    factor : (T, N) fill price x factor is the fill price in the panel's scale
        These three have shape (0, 0) where no instrument has any action.
    gone : (N,) row before whose fills the instrument is delisted, -1 for never; last_price : (N,) cash per unit then
    """

    times: IntArray
    mark: FloatArray
    own_bar: BoolArray
    carried: BoolArray
    fill_open: FloatArray
    fill_high: FloatArray
    fill_low: FloatArray
    fill_volume: FloatArray
    fill_at: IntArray
    tradable: BoolArray
    asset_class: IntArray
    unit: FloatArray
    rounds: BoolArray
    tick: FloatArray
    split: FloatArray
    dividend: FloatArray
    factor: FloatArray
    gone: IntArray
    last_price: FloatArray


class Plan(NamedTuple):
    """What the strategies want.

    weights : (R, T, M, N) of the strategy's own budget; budget : (R, T, M) fraction of NAV
    multiplier, flags : (R, M, N) overrides: a factor, and 0, REDUCE_ONLY or NO_TRADE judged against what is held
    carries : (R, M) whether a strategy sees carried bars; they make no trade by themselves
    cap : (R, M) largest absolute sum of a strategy's contributions, fraction of NAV
    """

    weights: FloatArray
    budget: FloatArray
    multiplier: FloatArray
    flags: StateArray
    carries: BoolArray
    cap: FloatArray


class Terms(NamedTuple):
    """Hard limits, the ladder, and how orders are made and filled.

    asset_cap : (R, N); asset_tight : (R, T) cap of any asset by regime; class_cap : (R, T, C)
    gross_cap, net_cap : (R, T) of the absolute sum and of the sum of all weights
    band : (R,) no-trade band, weight
    ladder : (R, 5) derisk, halt and recovery drawdown, derisk factor, nanoseconds until a halt resumes by itself (inf)
    at_fill : (R,) whether quantities are sized at the fill price (comparisons only)
    taker, maker, slippage : (R, N) fractions of notional; slippage is paid by market orders alone
    limit : (R, N) distance of a limit order's price from the last close, fraction, on the patient side; NaN for market
        orders
    least : (R, N) smallest notional of an order, money
    share : (R,) largest part of a fill bar's volume, inf for any
    interest : (R, 2) on cash above and below zero, a year of 365 days; borrow : (R, N) on what is held short, a year
    """

    asset_cap: FloatArray
    asset_tight: FloatArray
    class_cap: FloatArray
    gross_cap: FloatArray
    net_cap: FloatArray
    band: FloatArray
    ladder: FloatArray
    at_fill: BoolArray
    taker: FloatArray
    maker: FloatArray
    slippage: FloatArray
    limit: FloatArray
    least: FloatArray
    share: FloatArray
    interest: FloatArray
    borrow: FloatArray


class State(NamedTuple):
    """What is carried from one decision to the next; the kernels write into it.

    cash : (R,); lots : (R, N) position; held : (R, M, N) lots by strategy, summing to the position
    strategy_cash : (R, M) money the strategy's own trades, costs, dividends and borrowing brought
    entry_price, entry_at : (R, M, N) of the strategy's holding; the price in the panel's scale
    peak, ladder, halted_at : (R,)
    interest : (R,) money that cash has earned and paid so far; accrued_at : (R,) until when, -1 before the first row
    """

    cash: FloatArray
    lots: FloatArray
    held: FloatArray
    strategy_cash: FloatArray
    entry_price: FloatArray
    entry_at: IntArray
    peak: FloatArray
    ladder: IntArray
    halted_at: IntArray
    interest: FloatArray
    accrued_at: IntArray


class Record(NamedTuple):
    """What happened, by decision time; position, held, cash, nav, interest and pnl are as the decision found them.

    nav : (R, T)
    cash, gross, drawdown, interest : (R, T); ladder : (R, T) the state that the decision acted under
    position : (R, T, N) lots; held : (R, T, M, N) lots; pnl : (R, T, M) money per strategy
    contribution : (R, T, M, N) fractions of NAV before risk; scale : (R, T, N); target : (R, T, N) lots ordered to
    filled : (R, T, N) lots filled before the next decision
    price, how : (R, T, N) of these fills, where orders may be limits: their price (NaN without), and one of FILLS
    All but ``nav`` have no rows where a sweep needs no more than that; ``price`` and ``how`` have none where all orders
    are market orders, which fill at the open.
    """

    nav: FloatArray
    cash: FloatArray
    gross: FloatArray
    drawdown: FloatArray
    interest: FloatArray
    ladder: StateArray
    position: FloatArray
    held: FloatArray
    contribution: FloatArray
    scale: FloatArray
    target: FloatArray
    filled: FloatArray
    pnl: FloatArray
    price: FloatArray
    how: StateArray


@inner
def _at(values: Any, run: int) -> int:
    return run if values.shape[0] > 1 else 0


@maker
def plan_of(plan: Plan, run: int) -> Plan:
    """Plan of one run, without the run axis."""
    return Plan(
        plan.weights[_at(plan.weights, run)],
        plan.budget[_at(plan.budget, run)],
        plan.multiplier[_at(plan.multiplier, run)],
        plan.flags[_at(plan.flags, run)],
        plan.carries[_at(plan.carries, run)],
        plan.cap[_at(plan.cap, run)],
    )


@maker
def _one(values: Any, run: int) -> Any:
    """Array of the one number of a run."""
    at = _at(values, run)
    return values[at : at + 1]


@maker
def terms_of(terms: Terms, run: int) -> Terms:
    """Terms of one run, without the run axis."""
    return Terms(
        terms.asset_cap[_at(terms.asset_cap, run)],
        terms.asset_tight[_at(terms.asset_tight, run)],
        terms.class_cap[_at(terms.class_cap, run)],
        terms.gross_cap[_at(terms.gross_cap, run)],
        terms.net_cap[_at(terms.net_cap, run)],
        _one(terms.band, run),
        terms.ladder[_at(terms.ladder, run)],
        _one(terms.at_fill, run),
        terms.taker[_at(terms.taker, run)],
        terms.maker[_at(terms.maker, run)],
        terms.slippage[_at(terms.slippage, run)],
        terms.limit[_at(terms.limit, run)],
        terms.least[_at(terms.least, run)],
        _one(terms.share, run),
        terms.interest[_at(terms.interest, run)],
        terms.borrow[_at(terms.borrow, run)],
    )


@maker
def state_of(state: State, run: int) -> State:
    """State of one run, without the run axis; writing into it writes into the state."""
    return State(
        state.cash[run : run + 1],
        state.lots[run],
        state.held[run],
        state.strategy_cash[run],
        state.entry_price[run],
        state.entry_at[run],
        state.peak[run : run + 1],
        state.ladder[run : run + 1],
        state.halted_at[run : run + 1],
        state.interest[run : run + 1],
        state.accrued_at[run : run + 1],
    )


@maker
def record_of(record: Record, run: int) -> Record:
    """Record of one run, without the run axis; writing into it writes into the record."""
    return Record(
        record.nav[run],
        record.cash[run],
        record.gross[run],
        record.drawdown[run],
        record.interest[run],
        record.ladder[run],
        record.position[run],
        record.held[run],
        record.contribution[run],
        record.scale[run],
        record.target[run],
        record.filled[run],
        record.pnl[run],
        record.price[run],
        record.how[run],
    )


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
        peak=np.full(runs, float(capital)),
        ladder=np.full(runs, NORMAL, dtype=np.int64),
        halted_at=np.full(runs, -1, dtype=np.int64),
        interest=np.zeros(runs),
        accrued_at=np.full(runs, -1, dtype=np.int64),
    )


def new_record(
    runs: int, times: int, strategies: int, instruments: int, *, limits: bool = False, nav_only: bool = False
) -> Record:
    """Record whose rows are written as the runs advance; before that they hold anything.

    limits : whether prices and kinds of fills are kept; nav_only : whether no more than NAV is
    """
    rows = 0 if nav_only else times
    fills = rows if limits else 0
    by_time, by_asset = (runs, rows), (runs, rows, instruments)
    by_holding = (runs, rows, strategies, instruments)
    shapes: dict[str, tuple[int, ...]] = {
        "nav": (runs, times),
        "cash": by_time,
        "gross": by_time,
        "drawdown": by_time,
        "interest": by_time,
        "ladder": by_time,
        "position": by_asset,
        "held": by_holding,
        "contribution": by_holding,
        "scale": by_asset,
        "target": by_asset,
        "filled": by_asset,
        "pnl": (runs, rows, strategies),
        "price": (runs, fills, instruments),
        "how": (runs, fills, instruments),
    }
    kinds = {name: np.dtype(np.int8 if name in _STATES else np.float64) for name in shapes}
    # In one piece of memory: the next run gets it again, where many pieces go back to the system and are dear to get.
    ends = np.cumsum([_lines(kinds[name].itemsize * math.prod(shape)) for name, shape in shapes.items()])
    room, start, arrays = np.empty(ends[-1], dtype=np.uint8), 0, dict[str, Any]()
    for end, (name, shape) in zip(ends, shapes.items(), strict=True):
        size = kinds[name].itemsize * math.prod(shape)
        arrays[name] = room[start : start + size].view(kinds[name]).reshape(shape)
        start = end
    return Record(**arrays)


def _lines(size: int) -> int:
    """Bytes of whole cache lines that hold so many."""
    return -(-size // 64) * 64


def first_runs(record: Record, runs: int) -> Record:
    """Record of so many of its runs; writing into it writes into the record."""
    return Record._make(values[:runs] for values in record)
