"""Round trips worked by hand, against a second implementation, and against the kernel's own books."""

from __future__ import annotations

import math

import numpy as np
import pytest
from books import Book, market_with, plan_with, random_book, terms_with
from hypothesis import given
from hypothesis import strategies as st

from tradeterm.engine.roundtrips import (
    Trips,
    book_activity,
    book_round_trips,
    round_trips,
    strategy_activity,
    strategy_costs,
    strategy_round_trips,
)

CAPITAL = 100_000.0


def _one(moves: list[float], prices: list[float], *, rate: float = 0.0, unit: float = 1.0, mark: float = 0.0) -> Trips:
    """Trips of one instrument whose fills happen at instants 100, 101, ..., with an own bar in every row."""
    rows = len(moves)
    return round_trips(
        np.array(moves)[:, None],
        np.array(prices, dtype=np.float64)[:, None],
        (100 + np.arange(rows, dtype=np.int64))[:, None],
        unit=np.array([unit]),
        rate=np.array([rate]),
        own_bar=np.ones((rows, 1), dtype=bool),
        mark=np.array([mark]),
    )


def test_a_long_trip_averages_its_entries_and_bears_its_costs():
    # Buy 10 at 100 and 10 at 110, sell 20 at 120: gross 2400 - 2100; costs 1 % of 1000, 1100 and 2400.
    found = _one([10.0, 10.0, 0.0, -20.0], [100.0, 110.0, math.nan, 120.0], rate=0.01).closed
    assert len(found) == 1
    assert (found.instrument[0], found.side[0]) == (0, 1)
    assert (found.entry_at[0], found.exit_at[0], found.bars[0]) == (100, 103, 3)
    assert (found.quantity[0], found.entry_price[0], found.exit_price[0]) == (20.0, 105.0, 120.0)
    assert (found.gross[0], found.cost[0], found.net[0]) == pytest.approx((300.0, 45.0, 255.0))


def test_a_short_trip_gains_when_it_buys_back_lower_and_counts_units_not_lots():
    # Sell 5 lots of 0.1 units at 200, buy back 2 at 190 and 3 at 180: 0.1 * (1000 - 380 - 540) = 8.
    found = _one([-5.0, 2.0, 3.0], [200.0, 190.0, 180.0], unit=0.1).closed
    assert (len(found), found.side[0]) == (1, -1)
    assert found.quantity[0] == pytest.approx(0.5)
    assert (found.entry_price[0], found.exit_price[0]) == pytest.approx((200.0, 184.0))
    assert found.net[0] == pytest.approx(8.0)


def test_a_change_of_sign_ends_one_trip_and_begins_the_next_at_the_same_fill():
    # Long 10 from 100; sell 30 at 110 (10 end the long, 20 begin a short); buy 20 at 105. Costs 1 %.
    found = _one([10.0, -30.0, 20.0], [100.0, 110.0, 105.0], rate=0.01).closed
    assert list(found.side) == [1, -1]
    assert list(found.entry_at) == [100, 101]
    assert list(found.exit_at) == [101, 102]
    assert list(found.quantity) == [10.0, 20.0]
    assert found.gross == pytest.approx([100.0, 100.0])
    assert found.cost == pytest.approx([10.0 + 11.0, 22.0 + 21.0])
    assert list(found.bars) == [1, 1]


def test_an_open_trip_is_left_out_and_reported_apart_at_the_last_close():
    # One trip of +50; then 8 bought at 100, 3 sold at 120, 5 held at the last close of 130.
    found = _one([1.0, -1.0, 8.0, -3.0], [100.0, 150.0, 100.0, 120.0], rate=0.001, mark=130.0)
    assert len(found.closed) == 1
    assert found.closed.gross[0] == pytest.approx(50.0)
    still = found.open
    assert (len(still), still.exit_at[0], still.entry_at[0], still.quantity[0]) == (1, -1, 102, 8.0)
    assert still.exit_price[0] == 120.0
    assert still.gross[0] == pytest.approx(3 * 120 + 5 * 130 - 800)
    assert still.net[0] == pytest.approx(210.0 - 0.8 - 0.36)


def test_an_open_trip_that_was_never_reduced_has_no_exit_price():
    assert math.isnan(_one([2.0], [10.0], mark=11.0).open.exit_price[0])


def test_a_rounding_remainder_is_flat_not_a_position():
    found = _one([0.1, 0.2, -0.3], [10.0, 10.0, 11.0])
    assert 0.1 + 0.2 - 0.3 != 0.0
    assert (len(found.closed), len(found.open)) == (1, 0)
    assert found.closed.gross[0] == pytest.approx(0.3)


def test_only_own_bars_known_while_the_trip_was_open_count():
    own = np.array([True, False, True, False, True, True])[:, None]
    moves = np.array([0.0, 1.0, 0.0, 0.0, -1.0, 0.0])[:, None]
    found = round_trips(
        moves, np.full((6, 1), 10.0), np.arange(6, dtype=np.int64)[:, None],
        unit=np.ones(1), rate=np.zeros(1), own_bar=own, mark=np.zeros(1),
    ).closed  # fmt: skip
    assert list(found.bars) == [2], "rows 2 and 4; the entry's own row was known before the fill"


def test_no_fills_are_no_trips():
    found = _one([0.0, 0.0], [math.nan, math.nan])
    assert (len(found.closed), len(found.open)) == (0, 0)


def test_trips_come_by_exit_then_instrument():
    moves = np.array([[1.0, 1.0, 1.0], [0.0, -1.0, -1.0], [-1.0, 0.0, 0.0]])
    found = round_trips(
        moves, np.full((3, 3), 10.0), np.repeat(np.arange(3, dtype=np.int64)[:, None], 3, axis=1),
        unit=np.ones(3), rate=np.zeros(3), own_bar=np.ones((3, 3), dtype=bool), mark=np.zeros(3),
    ).closed  # fmt: skip
    assert list(found.instrument) == [1, 2, 0]


def _lot_by_lot(moves: list[int], prices: list[float], rate: float) -> list[tuple[int, int, int, int, float]]:
    """Reference: trade one lot at a time; (side, entry row, exit row, peak, net) per closed trip."""
    trips, position, peak, money, begun = [], 0, 0, 0.0, -1
    for row, move in enumerate(moves):
        for _ in range(abs(move)):
            one = 1 if move > 0 else -1
            if position == 0:
                begun, peak, money, side = row, 0, 0.0, one
            position += one
            peak = max(peak, abs(position))
            money -= one * prices[row] + rate * prices[row]
            if position == 0:
                trips.append((side, begun, row, peak, money))
    return trips


@given(
    moves=st.lists(st.integers(-6, 6), min_size=1, max_size=40),
    seed=st.integers(0, 2**32 - 1),
    rate=st.floats(0.0, 0.01),
)
def test_trips_equal_those_of_trading_lot_by_lot(moves: list[int], seed: int, rate: float):
    prices = np.random.default_rng(seed).uniform(50, 150, len(moves))
    found = _one([float(move) for move in moves], list(prices), rate=rate, mark=100.0)
    expected = _lot_by_lot(moves, list(prices), rate)
    closed = found.closed
    assert [
        (int(side), int(entry) - 100, int(end) - 100, int(peak))
        for side, entry, end, peak in zip(closed.side, closed.entry_at, closed.exit_at, closed.quantity, strict=True)
    ] == [trip[:4] for trip in expected]
    assert closed.net == pytest.approx([trip[4] for trip in expected], abs=1e-9)
    signed = np.array(moves) * prices
    worth = sum(moves) * 100.0 - signed.sum() - rate * np.abs(signed).sum()
    assert closed.net.sum() + found.open.net.sum() == pytest.approx(worth, abs=1e-8)


def _steady(weights: list[list[float]]) -> Book:
    """Book of (T, M) weights of one instrument at a constant price; the last row has no fills."""
    rows, strategies = len(weights), len(weights[0])
    price = np.full((rows, 1), 100.0)
    fill_open, fill_at = price * 1.001, (np.arange(rows, dtype=np.int64) * 10 + 1)[:, None]
    fill_open[-1], fill_at[-1] = np.nan, -1
    market = market_with(price, times=np.arange(rows, dtype=np.int64) * 10, fill_open=fill_open, fill_at=fill_at)
    plan = plan_with(np.array(weights)[:, :, None], budget=np.full((1, rows, strategies), 1.0 / strategies))
    terms = terms_with(
        rows,
        1,
        gross_cap=np.ones((1, rows)),
        ladder=np.array([[0.9, 0.95, 0.5, 0.5, np.inf]]),
        taker=np.array([[0.0005]]),
        slippage=np.array([[0.0005]]),
    )
    return Book(market, plan, terms, CAPITAL)


def _random_book(seed: int) -> Book:
    """A book with missing fills, cut orders, overrides, a band, actions, limits and derisking."""
    book = random_book(seed)
    # The last row's fills come after the last NAV.
    opens, at = book.market.fill_open.copy(), book.market.fill_at.copy()
    opens[-1], at[-1] = np.nan, -1
    free = book.terms._replace(interest=np.zeros((1, 2)), borrow=np.zeros_like(book.terms.borrow))
    return Book(book.market._replace(fill_open=opens, fill_at=at), book.plan, free, book.capital)


books = given(seed=st.integers(0, 2**32 - 1))


@books
def test_the_trips_of_the_book_add_up_to_its_nav(seed: int):
    book = _random_book(seed)
    _, record = book.run()
    trips = book_round_trips(book.market, book.terms, record)
    total = trips.closed.net.sum() + trips.open.net.sum()
    assert total == pytest.approx(record.nav[0, -1] - book.capital, abs=1e-6)


@books
def test_the_trips_of_each_strategy_add_up_to_its_pnl(seed: int):
    book = _random_book(seed)
    _, record = book.run()
    for m, trips in enumerate(strategy_round_trips(book.market, book.terms, record)):
        total = trips.closed.net.sum() + trips.open.net.sum()
        assert total == pytest.approx(record.pnl[0, -1, m], abs=1e-6)


@books
def test_the_costs_of_the_strategies_add_up_to_those_of_the_book(seed: int):
    book = _random_book(seed)
    _, record = book.run()
    costs = strategy_costs(book.market, book.terms, record)
    assert (costs >= 0.0).all()
    booked = book_activity(book.market, book.terms, record).cost[:-1]
    assert costs.sum(axis=(1, 2)) == pytest.approx(booked, abs=1e-6)


def test_strategies_that_cross_have_their_own_trips_and_the_larger_side_pays():
    # The first holds 0.8 x 1/2 and sells out; the second buys 0.4 x 1/2 in the same row: half of it crosses.
    book = _steady([[0.8, 0.0], [0.0, 0.4], [0.0, 0.4], [0.0, 0.0], [0.0, 0.0]])
    _, record = book.run()
    first, second = strategy_round_trips(book.market, book.terms, record)
    assert (len(first.closed), len(second.closed)) == (1, 1)
    assert (first.closed.entry_at[0], first.closed.exit_at[0]) == (1, 11)
    assert (second.closed.entry_at[0], second.closed.exit_at[0]) == (11, 31)
    rate, price = 0.0005 + 0.0005, 100.1
    bought = first.closed.quantity[0]
    crossed = record.held[0, 2, 1, 0]
    assert crossed == pytest.approx(bought / 2, rel=1e-2)
    costs = strategy_costs(book.market, book.terms, record)[:, :, 0]
    assert costs[0] == pytest.approx([bought * price * rate, 0.0])
    assert costs[1] == pytest.approx([(bought - crossed) * price * rate, 0.0]), "the buyer crossed free of cost"
    assert len(book_round_trips(book.market, book.terms, record).closed) == 1


def test_activity_shows_what_the_book_and_each_strategy_held_and_traded():
    made = _steady([[0.8, 0.0], [0.0, 0.4], [0.0, 0.4], [0.0, 0.0], [0.0, 0.0]])
    _, record = made.run()
    book = book_activity(made.market, made.terms, record)
    first, second = strategy_activity(made.market, made.terms, record)
    assert book.gross == pytest.approx([0.0, 0.4, 0.2, 0.2, 0.0], abs=1e-3)
    assert first.gross == pytest.approx([0.0, 0.4, 0.0, 0.0, 0.0], abs=1e-3)
    assert second.gross == pytest.approx([0.0, 0.0, 0.2, 0.2, 0.0], abs=1e-3)
    assert book.traded / CAPITAL == pytest.approx([0.4, 0.2, 0.0, 0.2, 0.0], abs=1e-3)
    assert first.traded / CAPITAL == pytest.approx([0.4, 0.4, 0.0, 0.0, 0.0], abs=1e-3)
    assert book.cost == pytest.approx(book.traded * 0.001)
    assert first.cost + second.cost == pytest.approx(book.cost)
