"""Backtests of arrays: for notebooks and research code that bring their own prices and weights.

The kernel is the one that every run uses; there is no other. What a stored run has beside (certificate, audit, ledger)
comes with ``tradeterm backtest run`` alone.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tradeterm.core.errors import BadMarket
from tradeterm.core.time import iso
from tradeterm.engine.book import Market, Plan, Terms, first_runs, new_record, new_state
from tradeterm.engine.checks import FAULTS, first_fault
from tradeterm.engine.metrics import DayNav, nav_metrics
from tradeterm.engine.simulate import Room, advance, new_room

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.engine.book import Record
    from tradeterm.engine.metrics import Metrics

__all__ = ["Book", "Outcome", "Prices", "backtest", "sweep"]

_DERISK_FACTOR, _NO_RESUME = 0.5, math.inf
# Bytes of NAV that a thread of a sweep has in hand: more leaves the caches, less has threads wait for each other.
_CACHED = 2_200_000
_MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Money, costs and limits of a book; fractions, and of NAV where a weight is meant.

    band : smaller changes of a weight are not traded; lot : units that quantities are whole numbers of, 0 for none
    fill : at the next bar's open, or at the close that the decision has seen (optimistic)
    sizing : quantities by prices of the decision, or by those of the fill (optimistic)
    ladder : drawdown at which the book is halved, and at which it is left for good
    """

    capital: float = 100_000.0
    fee: float = 0.0
    slippage: float = 0.0
    band: float = 0.0
    lot: float = 0.0
    asset_limit: float = 1.0
    gross_limit: float = 1.0
    net_limit: float = math.inf
    ladder: tuple[float, float] = (0.15, 0.20)
    fill: Literal["next_open", "close"] = "next_open"
    sizing: Literal["at_decision", "at_fill"] = "at_decision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Bars of N instruments on one clock.

    closed_at : (T,) instants at which the bars closed and a decision is taken, ns UTC, ascending
    open, close : (T, N)
    """

    closed_at: IntArray
    open: FloatArray
    close: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it: ``nav`` (T,) as each decision found it, and the whole record with a leading axis of 1."""

    nav: FloatArray
    record: Record

    @property
    def fills(self) -> int:
        """How many fills there were."""
        return int(np.count_nonzero(self.record.filled))

    def metrics(self, periods_per_year: int) -> Metrics:
        """Measures of the NAV from bar to bar, by the definitions of a run's daily ones."""
        return nav_metrics(DayNav(times=np.arange(len(self.nav)), nav=self.nav, periods_per_year=periods_per_year))


def backtest(prices: Prices, weights: FloatArray, book: Book) -> Outcome:
    """Trade to ``weights``, each row known when its bar closes.

    weights : (T, N), or (T, M, N) of M strategies that share the book: they are netted, and each books its own PnL

    Raises
    ------
    BadMarket
        When a price or an instant can't be, a weight is not finite, or a quantity is not exact.
    """
    market, terms = _market(prices, book), _terms(prices, book)
    rows, count = market.mark.shape
    wishes = weights[:, None] if weights.ndim == 2 else weights
    strategies = wishes.shape[1]
    record, state = new_record(1, rows, strategies, count), new_state(1, strategies, count, book.capital)
    advance(market, _plan(wishes[None]), terms, state, record, 0, rows, _room(market, terms, strategies))
    return Outcome(nav=record.nav[0], record=record)


def sweep(
    prices: Prices,
    book: Book,
    runs: int,
    weights: Callable[[range], FloatArray],
    *,
    measure: Callable[[FloatArray], FloatArray],
    chunk: int | None = None,
    threads: int = 2,
) -> FloatArray:
    """Measure many runs over the same prices; returns (runs,).

    weights : gives (r, T, N) of a range of runs; measure : (r, T) NAV, which the next runs overwrite, to (r,)
    chunk : runs at a time, which is what a thread holds in memory; by default 2 MB of NAV, at most 20
    """
    market, terms = _market(prices, book), _terms(prices, book)
    rows, count = market.mark.shape
    size = max(1, min(_MOST, _CACHED // (8 * max(1, rows)))) if chunk is None else min(chunk, max(1, runs))
    parts = iter([range(start, min(start + size, runs)) for start in range(0, runs, size)])
    found = np.empty(runs)

    def work() -> None:
        room, all_runs = _room(market, terms, 1), new_record(size, rows, 1, count, nav_only=True)
        try:
            for own in parts:
                record = first_runs(all_runs, len(own))
                state = new_state(len(own), 1, count, book.capital)
                advance(market, _plan(weights(own)[:, :, None]), terms, state, record, 0, rows, room)
                found[own.start : own.stop] = measure(record.nav)
        finally:
            leave_rest()

    def leave_rest() -> None:
        # Of what was to come where one has failed or a person has interrupted; else nothing is left.
        for _ in parts:
            pass

    with ThreadPoolExecutor(max_workers=threads) as pool:
        try:
            for done in [pool.submit(work) for _ in range(threads)]:
                done.result()
        finally:
            leave_rest()
    return found


def _market(prices: Prices, book: Book) -> Market:
    close = np.ascontiguousarray(prices.close, dtype=np.float64)
    shape, count = close.shape, close.shape[1]
    times = np.ascontiguousarray(prices.closed_at, dtype=np.int64)
    if book.fill == "close":
        fill = close
    else:
        fill = np.full(shape, math.nan)
        fill[:-1] = prices.open[1:]
    every, none, nothing = np.ones(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_), np.empty((0, 0))
    market = Market(
        times=times,
        mark=close,
        own_bar=every,
        carried=none,
        fill_open=fill,
        fill_high=fill,
        fill_low=fill,
        fill_volume=np.broadcast_to(math.nan, shape).copy(),
        fill_at=np.where(np.isfinite(fill), times[:, None], -1),
        tradable=every,
        asset_class=np.zeros(count, dtype=np.int64),
        unit=np.full(count, book.lot or 1.0),
        rounds=np.full(count, book.lot > 0.0),
        tick=np.zeros(count),
        split=nothing,
        dividend=nothing,
        factor=nothing,
        gone=np.full(count, -1, dtype=np.int64),
        last_price=np.zeros(count),
    )
    fault, row, column = first_fault(market)
    if fault:
        raise BadMarket(f"column {column}", iso(int(times[row])), FAULTS[fault])
    return market


def _room(market: Market, terms: Terms, strategies: int) -> Room:
    """Room in which it is known that no row but the first differs from the one before, where all closes are known.

    Nothing else can change here: budgets, caps and calendars are the same at all rows.
    """
    room = new_room(market, terms, strategies)
    if np.isfinite(market.mark).all():
        room.changes.known[:] = True
        room.changes.found[:] = False
        room.changes.found[:1] = True
    return room


def _terms(prices: Prices, book: Book) -> Terms:
    rows, count = prices.close.shape
    derisk, halt = book.ladder
    return Terms(
        asset_cap=np.full((1, count), book.asset_limit),
        asset_tight=np.full((1, rows), math.inf),
        class_cap=np.full((1, rows, 1), math.inf),
        gross_cap=np.full((1, rows), book.gross_limit),
        net_cap=np.full((1, rows), book.net_limit),
        band=np.array([book.band]),
        ladder=np.array([[derisk, halt, derisk * 2.0 / 3.0, _DERISK_FACTOR, _NO_RESUME]]),
        at_fill=np.array([book.sizing == "at_fill"]),
        taker=np.full((1, count), book.fee),
        maker=np.full((1, count), book.fee),
        slippage=np.full((1, count), book.slippage),
        limit=np.full((1, count), math.nan),
        least=np.zeros((1, count)),
        share=np.array([math.inf]),
        interest=np.zeros((1, 2)),
        borrow=np.zeros((1, count)),
    )


def _plan(weights: FloatArray) -> Plan:
    """Plan of (R, T, M, N) weights, fractions of NAV."""
    _, rows, strategies, count = weights.shape
    by_holding = (1, strategies, count)
    return Plan(
        weights=np.ascontiguousarray(weights, dtype=np.float64),
        budget=np.ones((1, rows, strategies)),
        multiplier=np.ones(by_holding),
        flags=np.zeros(by_holding, dtype=np.int8),
        carries=np.ones((1, strategies), dtype=np.bool_),
        cap=np.full((1, strategies), math.inf),
    )
