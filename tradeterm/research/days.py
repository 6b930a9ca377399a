"""A run by NAV day: what reports are drawn from, stored with the run so that they need nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradeterm.engine.benchmark import bought_once, series_prices, universe_prices
from tradeterm.engine.regime import AXES, STATES, UNKNOWN
from tradeterm.store.columns import instants, table, words

if TYPE_CHECKING:
    import pyarrow as pa

    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.engine.inputs import RegimeSeries
    from tradeterm.engine.metrics import DayNav
    from tradeterm.engine.replay import Replay
    from tradeterm.engine.roundtrips import Activity

__all__ = ["days_table", "strategy_days_table"]


def days_table(run: Replay, days: DayNav, activity: Activity, benchmark: RegimeSeries | None) -> pa.Table:
    """Points of the metrics' series, the first is the starting capital.

    nav, interest : found at the point, money; interest is the sum since the start
    buy_hold, benchmark : what the capital would be worth in the book's instruments, bought once in equal parts, and in
        the benchmark of the equity axis; NaN where there is none
    gross, net : mean over the day's decisions, fractions of NAV; turnover, cost : sums over the day, fractions of NAV,
        turnover one-way
    one column per regime axis : the state known at the point, in which the day after it begins
    """
    rows = np.searchsorted(run.times, days.times, side="right") - 1
    capital = float(days.nav[0])
    prices = None if benchmark is None else series_prices(benchmark, run.times)
    held = np.full(len(run.times), np.nan)
    if prices is not None and np.isfinite(prices).any():
        held = bought_once(prices, capital)
    nav = run.record.nav[0]
    net = np.divide(nav - run.record.cash[0], nav, out=np.full_like(nav, np.nan), where=nav > 0.0)
    return table(
        {
            "ts": instants(days.times),
            "nav": days.nav,
            "interest": run.record.interest[0][rows],
            "buy_hold": bought_once(universe_prices(run), capital)[rows],
            "benchmark": held[rows],
            "gross": _means(days.times, activity.times, activity.gross),
            "net": _means(days.times, activity.times, net),
            "turnover": _per_nav(days.times, activity, activity.traded) / 2.0,
            "cost": _per_nav(days.times, activity, activity.cost),
            **{name: _states(run, axis, rows) for axis, name in enumerate(AXES)},
        }
    )


def strategy_days_table(run: Replay, days: DayNav, activities: tuple[Activity, ...]) -> pa.Table:
    """The same points by strategy: its PnL since the start, money, and its part of exposure, turnover and cost."""
    rows = np.searchsorted(run.times, days.times, side="right") - 1
    pnl = run.record.pnl[0][rows]
    # The first point is the starting capital: nothing is made yet.
    pnl[0] = 0.0
    ends = days.times
    count = len(activities)
    return table(
        {
            "ts": instants(np.tile(ends, count)),
            "strategy": words(run.spec.names, np.repeat(np.arange(count), len(ends))),
            "pnl": pnl.T.ravel(),
            "gross": _joined([_means(ends, own.times, own.gross) for own in activities]),
            "turnover": _joined([_per_nav(ends, own, own.traded) / 2.0 for own in activities]),
            "cost": _joined([_per_nav(ends, own, own.cost) for own in activities]),
        }
    )


def _joined(parts: list[FloatArray]) -> FloatArray:
    return np.concatenate([np.empty(0), *parts])


def _means(ends: IntArray, times: IntArray, values: FloatArray) -> FloatArray:
    """Mean of what was found at decisions in (end before, end]; NaN where none was, as at the first point."""
    known = (times > ends[0]) & (times <= ends[-1]) & np.isfinite(values)
    day = np.searchsorted(ends, times[known], side="left")
    total, count = np.zeros(len(ends)), np.zeros(len(ends))
    np.add.at(total, day, values[known])
    np.add.at(count, day, 1.0)
    return np.asarray(np.divide(total, count, out=np.full(len(ends), np.nan), where=count > 0))


def _per_nav(ends: IntArray, activity: Activity, money: FloatArray) -> FloatArray:
    """Sum of money over the NAV of its decision, of decisions in [end before, end)."""
    usable = (activity.times >= ends[0]) & (activity.times < ends[-1]) & (activity.nav > 0.0)
    day = np.searchsorted(ends, activity.times[usable], side="right")
    total = np.zeros(len(ends))
    np.add.at(total, day, money[usable] / activity.nav[usable])
    return total


def _states(run: Replay, axis: int, rows: IntArray) -> pa.Array:
    frame, at = run.frame, run.first_row + rows
    names = (*STATES[axis], "UNKNOWN")
    known = frame.status[at, axis] != UNKNOWN
    return words(names, np.where(known, frame.state[at, axis], len(names) - 1).astype(np.int64))
