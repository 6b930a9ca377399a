"""Round trips and trading activity, of the book and of each strategy, from what the kernel recorded.

A round trip is flat to flat per instrument. A change of sign splits the fill: the part that goes to flat ends one
trip, the rest begins the next, and costs are split by quantity. Trips that are still open are kept apart. A trip goes
on through a split, counted in the units of its entry's day, and dividends are part of what it made.
Fills of the last row come after the last recorded NAV; they are left out for the book and the strategies alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.engine.effects import book_effects, held_moved, no_effects, strategy_effects
from tradeterm.engine.executed import executed
from tradeterm.engine.jit import inner, maker

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray, IntArray
    from tradeterm.engine.book import Market, Record, Terms
    from tradeterm.engine.effects import Effects

__all__ = [
    "Activity",
    "RoundTrips",
    "Trips",
    "book_activity",
    "book_round_trips",
    "round_trips",
    "strategy_activity",
    "strategy_costs",
    "strategy_round_trips",
]

# A remainder below this share of the trip's peak quantity is rounding, not a position.
_DUST = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrips:
    """Trips of one book or strategy, shape (K,) each, by exit and then by instrument.

    instrument : column; side : +1 long, -1 short
    entry_at, exit_at : instants of the first and the last fill, ns UTC (an open trip's exit is -1)
    quantity : largest size held, units of the entry's day (a later split is counted back)
    entry_price, exit_price : average fill price of what added to the position and of what reduced it, per such unit,
        costs apart
    gross : money made at fill prices and by dividends (an open trip: with what is held at the last close)
    cost : fees and slippage, money; net : gross - cost
    bars : own bars that became known while the trip was open
    """

    instrument: IntArray
    side: IntArray
    entry_at: IntArray
    exit_at: IntArray
    quantity: FloatArray
    entry_price: FloatArray
    exit_price: FloatArray
    gross: FloatArray
    cost: FloatArray
    net: FloatArray
    bars: IntArray

    def __len__(self) -> int:
        return len(self.instrument)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trips:
    """Round trips that ended, and those still open at the last decision."""

    closed: RoundTrips
    open: RoundTrips


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Exposure and trading by decision, shape (T,) each.

    times : decision times, ns UTC; nav : NAV of the book found then
    gross : absolute exposure found then, fraction of the book's NAV
    traded, cost : notional traded and its costs between the decision and the next, money
    """

    times: IntArray
    nav: FloatArray
    gross: FloatArray
    traded: FloatArray
    cost: FloatArray


@inner
def _emit(
    column: int, exit_at: int, worth: float, unit: float, trip: FloatArray, begun: IntArray, whole: IntArray,
    money: FloatArray,
) -> None:  # fmt: skip
    """Write one trip: whole (column, side, entry, exit, bars), money (quantity, prices, gross, cost)."""
    whole[0] = column
    whole[1] = begun[1]
    whole[2] = begun[0]
    whole[3] = exit_at
    whole[4] = begun[2]
    money[0] = trip[1] * unit  # lots as they were at the entry
    money[1] = trip[3] / trip[2]
    money[2] = trip[5] / trip[4] if trip[4] > 0.0 else math.nan
    money[3] = begun[1] * (trip[5] - trip[3]) * unit + worth + trip[7]
    money[4] = trip[6]
    trip[:] = 0.0
    trip[8] = 1.0
    begun[:] = 0


@inner
def _add(trip: FloatArray, begun: IntArray, move: float, price: float, cost: float, at: int) -> None:
    """Open a trip or add to it.

    trip : position, peak, bought quantity and value, sold quantity and value, cost, dividends, splits since the entry;
        quantities in lots of the entry's day
    """
    if trip[0] == 0.0:
        begun[0] = at
        begun[1] = 1 if move > 0.0 else -1
    trip[0] += move
    trip[1] = max(trip[1], abs(trip[0]))
    trip[2] += abs(move)
    trip[3] += abs(move) * price
    trip[6] += cost


@inner
def _take(trip: FloatArray, quantity: float, price: float, cost: float) -> None:
    """Reduce a trip's position by ``quantity``."""
    trip[4] += quantity
    trip[5] += quantity * price
    trip[6] += cost


@inner
def _trade(
    trip: FloatArray,
    begun: IntArray,
    move: float,
    price: float,
    cost: float,
    at: int,
    column: int,
    unit: float,
    whole: IntArray,
    money: FloatArray,
) -> int:
    """Move a trip's position; returns 1 where that ended it and a row was written."""
    # Lots of the entry's day; a trip that begins here has none behind it.
    move, price = move / trip[8], price * trip[8]
    if trip[0] * move >= 0.0:
        _add(trip, begun, move, price, cost, at)
        return 0
    left = abs(trip[0]) - abs(move)
    if left > _DUST * trip[1]:
        _take(trip, abs(move), price, cost)
        trip[0] += move
        return 0
    turns = left < -_DUST * trip[1]
    share = abs(trip[0] / move) if turns else 1.0
    _take(trip, abs(trip[0]), price, share * cost)
    rest, scale = trip[0] + move, trip[8]
    _emit(column, at, 0.0, unit, trip, begun, whole, money)
    if turns:
        _add(trip, begun, rest * scale, price / scale, (1.0 - share) * cost, at)
    return 1


@maker
def _walk(
    moved: FloatArray,
    cost: FloatArray,
    instrument: IntArray,
    price: FloatArray,
    at: IntArray,
    unit: FloatArray,
    own_bar: BoolArray,
    mark: FloatArray,
    split: FloatArray,
    paid: FloatArray,
    lieu: FloatArray,
    income: FloatArray,
    times: IntArray,
    whole: IntArray,
    money: FloatArray,
) -> int:
    """Follow each column of ``moved`` from flat to flat; returns how many trips were written."""
    count = 0
    acted = split.shape[0] > 0
    trip = np.zeros(9)
    begun = np.zeros(3, dtype=np.int64)
    for c in range(moved.shape[1]):
        j = instrument[c]
        trip[8] = 1.0
        for k in range(moved.shape[0]):
            if trip[0] != 0.0 and own_bar[k, j]:
                begun[2] += 1
            if acted and trip[0] != 0.0:
                trip[7] += income[k, c]
                trip[8] *= split[k, j]
                if lieu[k, c] != 0.0:
                    count += _trade(
                        trip, begun, lieu[k, c], paid[k, j], 0.0, times[k], c, unit[j], whole[count], money[count]
                    )
            if moved[k, c] != 0.0:
                count += _trade(
                    trip, begun, moved[k, c], price[k, j], cost[k, c], at[k, j], c, unit[j], whole[count], money[count]
                )
        if trip[0] != 0.0:
            worth = trip[0] * trip[8] * unit[j] * mark[j]
            _emit(c, -1, worth, unit[j], trip, begun, whole[count], money[count])
            count += 1
    return count


def _follow(
    moved: FloatArray,
    cost: FloatArray,
    instrument: IntArray,
    *,
    price: FloatArray,
    at: IntArray,
    unit: FloatArray,
    own_bar: BoolArray,
    mark: FloatArray,
    times: IntArray,
    effects: Effects,
) -> tuple[IntArray, FloatArray]:
    """Trips of all columns: whole (K, 5) and money (K, 5), as :func:`_emit` writes them."""
    room = int(np.count_nonzero(moved)) + int(np.count_nonzero(effects.lieu)) + moved.shape[1]
    whole = np.zeros((room, 5), dtype=np.int64)
    money = np.zeros((room, 5))
    count = _walk(
        np.ascontiguousarray(moved),
        np.ascontiguousarray(cost),
        instrument,
        np.ascontiguousarray(price),
        np.ascontiguousarray(at),
        np.ascontiguousarray(unit),
        np.ascontiguousarray(own_bar),
        np.ascontiguousarray(mark),
        np.ascontiguousarray(effects.split),
        np.ascontiguousarray(effects.price),
        np.ascontiguousarray(effects.lieu),
        np.ascontiguousarray(effects.income),
        np.ascontiguousarray(times),
        whole,
        money,
    )
    return whole[:count], money[:count]


def _table(whole: IntArray, money: FloatArray, instruments: int) -> RoundTrips:
    instrument = whole[:, 0] % max(instruments, 1)
    order = np.lexsort((whole[:, 2], instrument, whole[:, 3]))
    whole, money = whole[order], money[order]
    return RoundTrips(
        instrument=instrument[order],
        side=whole[:, 1],
        entry_at=whole[:, 2],
        exit_at=whole[:, 3],
        quantity=money[:, 0],
        entry_price=money[:, 1],
        exit_price=money[:, 2],
        gross=money[:, 3],
        cost=money[:, 4],
        net=money[:, 3] - money[:, 4],
        bars=whole[:, 4],
    )


def _split(whole: IntArray, money: FloatArray, instruments: int) -> Trips:
    ended = whole[:, 3] >= 0
    return Trips(
        closed=_table(whole[ended], money[ended], instruments),
        open=_table(whole[~ended], money[~ended], instruments),
    )


def round_trips(
    filled: FloatArray,
    price: FloatArray,
    at: IntArray,
    *,
    unit: FloatArray,
    rate: FloatArray,
    own_bar: BoolArray,
    mark: FloatArray,
    times: IntArray | None = None,
    effects: Effects | None = None,
) -> Trips:
    """Round trips of a book that starts flat.

    filled, price, at : (T, N) lots filled after each decision, at which price and instant; price is read where lots are
    unit : (N,) units per lot; rate : (N,) or (T, N) costs of fills, fraction of notional
    own_bar : (T, N) whether an own bar became known at the decision; mark : (N,) last close, for open trips
    times : (T,) decision times, the exit of a trip that ends with a fraction paid in cash; only read with ``effects``
    """
    cost = np.where(filled != 0.0, np.abs(filled) * unit * price * rate, 0.0)
    columns = np.arange(filled.shape[1], dtype=np.int64)
    found = _follow(
        filled,
        cost,
        columns,
        price=price,
        at=at,
        unit=unit,
        own_bar=own_bar,
        mark=mark,
        times=np.full(len(filled), -1, dtype=np.int64) if times is None else times,
        effects=no_effects() if effects is None else effects,
    )
    return _split(*found, filled.shape[1])


def book_round_trips(market: Market, terms: Terms, record: Record, *, run: int = 0) -> Trips:
    """Round trips of one run's book, up to its last recorded NAV."""
    made = executed(market, terms, record, run=run)
    return round_trips(
        record.filled[run, :-1],
        made.price[:-1],
        market.fill_at[:-1],
        unit=market.unit,
        rate=made.rate if len(made.rate) == 1 else made.rate[:-1],
        own_bar=market.own_bar[:-1],
        mark=market.mark[-1],
        times=market.times[:-1],
        effects=book_effects(market, record, run=run),
    )


def strategy_costs(market: Market, terms: Terms, record: Record, *, run: int = 0) -> FloatArray:
    """Costs that each strategy bore, money, shape (T - 1, M, N): by row of the fill.

    The kernel's own rule, read back from what moved: of an instrument's costs each strategy that moved to the side of
    the market fill bears its share of what moved to that side; crossing is free. So the trips of a strategy add up
    to its PnL, and the costs of all strategies to those of the book.
    """
    moved = held_moved(market, record, run=run)
    filled = record.filled[run, :-1]
    booked = executed(market, terms, record, run=run).cost(market, filled)
    if moved.shape[1] == 1:
        return booked[:, None, :]
    size = np.where(moved * np.sign(filled)[:, None, :] > 0.0, np.abs(moved), 0.0)
    total = size.sum(axis=1, keepdims=True)
    share = np.divide(size, total, out=np.zeros_like(size), where=total > 0.0)
    return np.asarray(share * booked[:, None, :])


def strategy_round_trips(market: Market, terms: Terms, record: Record, *, run: int = 0) -> tuple[Trips, ...]:
    """Round trips of each strategy's own holdings, in the order of the M axis.

    A strategy's holding moves at the fill price of the row, by the market or by crossing with another strategy;
    costs are those of :func:`strategy_costs`.
    """
    rows, strategies, instruments = record.held[run].shape
    columns = strategies * instruments
    whole, money = _follow(
        held_moved(market, record, run=run).reshape(rows - 1, columns),
        strategy_costs(market, terms, record, run=run).reshape(rows - 1, columns),
        np.tile(np.arange(instruments, dtype=np.int64), strategies),
        price=executed(market, terms, record, run=run).price[:-1],
        at=market.fill_at[:-1],
        unit=market.unit,
        own_bar=market.own_bar[:-1],
        mark=market.mark[-1],
        times=market.times[:-1],
        effects=strategy_effects(market, record, run=run),
    )
    owner = whole[:, 0] // max(instruments, 1)
    return tuple(_split(whole[owner == m], money[owner == m], instruments) for m in range(strategies))


def book_activity(market: Market, terms: Terms, record: Record, *, run: int = 0) -> Activity:
    """Exposure and trading of one run's book."""
    filled, made = record.filled[run], executed(market, terms, record, run=run)
    return Activity(
        times=market.times,
        nav=record.nav[run],
        gross=record.gross[run],
        traded=made.notional(market, filled).sum(axis=1),
        cost=made.cost(market, filled).sum(axis=1),
    )


def strategy_activity(market: Market, terms: Terms, record: Record, *, run: int = 0) -> tuple[Activity, ...]:
    """Exposure and trading of each strategy, as fractions of the book's NAV; crossing counts as traded."""
    held, nav = record.held[run], record.nav[run]
    value = np.where(held != 0.0, np.abs(held) * (market.unit * market.mark)[:, None, :], 0.0).sum(axis=2)
    gross = np.divide(value, nav[:, None], out=np.full_like(value, np.nan), where=nav[:, None] > 0.0)
    traded, cost = np.zeros_like(value), np.zeros_like(value)
    price = executed(market, terms, record, run=run).price[:-1]
    per_lot = np.where(np.isfinite(price), price, 0.0) * market.unit
    traded[:-1] = (np.abs(held_moved(market, record, run=run)) * per_lot[:, None, :]).sum(axis=2)
    cost[:-1] = strategy_costs(market, terms, record, run=run).sum(axis=2)
    return tuple(
        Activity(times=market.times, nav=nav, gross=gross[:, m], traded=traded[:, m], cost=cost[:, m])
        for m in range(held.shape[1])
    )
