"""Limit orders, volumes, smallest orders, interest, borrowing, delisting and further caps, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from books import H4, INF, Book, hand_book

from tradeterm.engine.book import AT_OPEN, BEYOND, NO_FILL, WITHIN
from tradeterm.engine.executed import executed
from tradeterm.engine.roundtrips import book_round_trips

nan = np.nan
YEAR = 365 * 24 * 3600 * 10**9
NO_LADDER = (INF, INF, 0.0, 1.0, INF)


def limited(order: float, opened: float, high: float, low: float, **more: object) -> tuple[float, float, int]:
    """Buy (or sell short) half of 100 000 at 1 % away from a close of 100; lots, price and kind of the fill."""
    book = hand_book(
        [[100.0]],
        [[[order]]],
        fill_open=[[opened]],
        fill_high=[[high]],
        fill_low=[[low]],
        limit=0.01,
        ladder=NO_LADDER,
        **more,
    )
    _, record = book.run()
    return float(record.filled[0, 0, 0]), float(record.price[0, 0, 0]), int(record.how[0, 0, 0])


@pytest.mark.parametrize(
    ("opened", "high", "low", "price", "how"),
    [
        (98.0, 99.0, 97.0, 98.0, BEYOND),  # opens below 99: at the open
        (99.0, 101.0, 98.5, 99.0, BEYOND),  # opens at it
        (100.0, 101.0, 98.0, 99.0, WITHIN),  # trades through it
        (100.0, 101.0, 99.0, nan, NO_FILL),  # touches it
        (100.0, 101.0, 99.5, nan, NO_FILL),
    ],
)
def test_a_buy_limit_fills_beyond_its_price_or_through_it(opened, high, low, price, how) -> None:
    lots, made, kind = limited(0.5, opened, high, low)
    assert (lots, kind) == (0.0 if how == NO_FILL else 500.0, how)
    np.testing.assert_equal(made, price)


@pytest.mark.parametrize(
    ("opened", "high", "low", "price", "how"),
    [
        (102.0, 103.0, 101.5, 102.0, BEYOND),
        (100.0, 101.5, 99.0, 101.0, WITHIN),
        (100.0, 101.0, 99.0, nan, NO_FILL),
    ],
)
def test_a_sell_limit_is_the_mirror_of_it(opened, high, low, price, how) -> None:
    lots, made, kind = limited(-0.5, opened, high, low)
    assert (lots, kind) == (0.0 if how == NO_FILL else -500.0, how)
    np.testing.assert_equal(made, price)


def test_a_limit_lies_on_a_tick_that_is_no_worse() -> None:
    # 100.07 less 1 % is 99.0693: a buy at 99.06 (ticks of 0.01), a sale at 101.0707 at 101.08
    for order, extreme, expected in (
        (0.5, {"high": 100.2, "low": 90.0}, 99.06),
        (-0.5, {"high": 110.0, "low": 99}, 101.08),
    ):
        book = hand_book(
            [[100.07]],
            [[[order]]],
            fill_open=[[100.07]],
            fill_high=[[extreme["high"]]],
            fill_low=[[extreme["low"]]],
            limit=0.01,
            ladder=NO_LADDER,
        )
        _, record = book.run()
        assert record.price[0, 0, 0] == pytest.approx(expected, abs=1e-9)


def test_each_kind_of_fill_bears_its_own_costs() -> None:
    # taker 20 bp, maker 5 bp, slippage 7 bp; bought at 100, 98 (opens beyond 99) and 99 (through)
    costs = {"fee": 0.0020, "maker": 0.0005, "slippage": 0.0007, "ladder": NO_LADDER}
    market = hand_book([[100.0]], [[[0.5]]], **costs)
    beyond = hand_book([[100.0]], [[[0.5]]], fill_open=[[98.0]], limit=0.01, **costs)
    within = hand_book([[100.0]], [[[0.5]]], fill_low=[[98.0]], limit=0.01, **costs)
    for book, rate, price, how in (
        (market, 0.0027, 100.0, 0),
        (beyond, 0.0020, 98.0, BEYOND),
        (within, 0.0005, 99.0, WITHIN),
    ):
        state, record = book.run()
        spent = 500.0 * price
        assert state.cash[0] == pytest.approx(100_000.0 - spent * (1 + rate), abs=1e-9)
        made = executed(book.market, book.terms, record)
        assert made.cost(book.market, record.filled[0])[0, 0] == pytest.approx(spent * rate, abs=1e-9)
        if how:
            assert record.how[0, 0, 0] == how
        else:
            assert record.how.size == 0


def test_fills_within_a_bar_come_after_all_opens() -> None:
    # A is sold within its bar, B bought at its open 3 hours later: B can't use A's money yet.
    opens = [[100.0, 100.0]] * 2
    book = hand_book(
        opens,
        [[[1.0, 0.0]], [[0.0, 1.0]]],
        fill_open=opens,
        fill_high=[[100.0, 100.0], [110.0, 100.0]],
        limit=[[0.0, nan]],
        offset=[[0, 0], [0, 3]],
        gross_cap=1.0,
        ladder=NO_LADDER,
    )
    # The limit of what is sold lies above the open, so that it fills within.
    book = book.but(limit=np.array([[0.05, nan]]))
    first = book.but(limit=np.array([[-0.05, nan]]))
    state, record = first.start()
    from tradeterm.engine.simulate import advance

    advance(first.market, first.plan, first.terms, state, record, 0, 1)
    assert state.lots[0].tolist() == [1000.0, 0.0]
    advance(book.market, book.plan, book.terms, state, record, 1, 2)
    assert record.filled[0, 1].tolist() == [-1000.0, 0.0]
    assert record.how[0, 1].tolist() == [WITHIN, NO_FILL]


def test_a_limit_goes_through_a_split_and_a_dividend() -> None:
    # 99 before a dividend of 3 and a split of 2: (99 - 3) / 2 = 48 after; the bar trades down to 47.9
    book = hand_book(
        [[100.0]],
        [[[0.5]]],
        fill_open=[[50.0]],
        fill_low=[[47.9]],
        split=2.0,
        dividend=3.0,
        limit=0.01,
        ladder=NO_LADDER,
    )
    _, record = book.run()
    assert record.price[0, 0, 0] == 48.0
    assert record.filled[0, 0, 0] == 1000.0


@pytest.mark.parametrize(
    ("share", "volume", "filled"),
    [
        (INF, nan, 500.0),
        (0.1, 1e6, 500.0),
        (0.1, 3000.0, 300.0),
        (0.1, 3009.0, 300.0),
        (0.1, nan, 0.0),
        (INF, 0.0, 0.0),
    ],
)
def test_an_order_takes_its_share_of_a_bar_that_trades(share: float, volume: float, filled: float) -> None:
    # unknown volume fills, unless volume is what is asked for; a bar without trading fills nothing
    book = hand_book([[100.0]], [[[0.5]]], share=share, volume=volume, ladder=NO_LADDER)
    _, record = book.run()
    assert record.filled[0, 0, 0] == filled


def test_what_a_bar_has_no_room_for_leaves_its_cash_to_others() -> None:
    # 700 and 700 lots are wanted with cash for 1000; the first has room for 200, so the second needs no cut
    book = hand_book(
        [[100.0, 100.0]], [[[0.5, 0.5]]], share=0.1, volume=[[2000.0, 1e6]], gross_cap=1.0, ladder=NO_LADDER
    )
    book = book.but(mark=np.array([[100.0, 100.0]]), fill_open=np.array([[140.0, 140.0]]))
    book = book.but(fill_high=book.market.fill_open, fill_low=book.market.fill_open)
    _, record = book.run()
    assert record.filled[0, 0].tolist() == [200.0, 500.0]  # 98 000 spent; without room it would be 357 and 357


def test_a_turn_uses_the_room_for_the_way_out_first() -> None:
    book = hand_book([[100.0], [100.0]], [[[0.5]], [[-0.5]]], share=0.1, volume=[[1e6], [7000.0]], ladder=NO_LADDER)
    _, record = book.run()
    assert record.filled[0, :, 0].tolist() == [500.0, -700.0]  # 500 to flat, 200 of the 500 short


def test_an_order_under_the_smallest_notional_is_not_sent_even_to_leave() -> None:
    book = hand_book([[100.0]] * 3, [[[0.5]], [[0.495]], [[0.0]]], least=600.0, ladder=NO_LADDER)
    _, record = book.run()
    assert record.filled[0, :, 0].tolist() == [500.0, 0.0, -500.0]
    dust = hand_book([[100.0]] * 2, [[[0.005]], [[0.0]]], least=400.0, ladder=NO_LADDER)
    dust = dust.but(least=np.array([[400.0]]))
    _, record = dust.run()
    assert record.filled[0, :, 0].tolist() == [5.0, -5.0]
    dust = dust.but(mark=np.array([[100.0], [70.0]]))
    _, record = dust.run()
    assert record.filled[0, :, 0].tolist() == [5.0, 0.0]  # 350 is too small to be sold


def test_cash_earns_and_costs_by_the_day() -> None:
    # 4 hours of 3.65 % on 100 000 are 100 000 x 0.0365 / 2190
    book = hand_book([[100.0]] * 3, [[[0.0]]] * 3, interest=(0.0365, 0.1))
    _, record = book.run()
    step = 1.0 + 0.0365 * H4 / YEAR
    assert record.nav[0] == pytest.approx([1e5, 1e5 * step, 1e5 * step**2], rel=1e-14)
    assert record.interest[0] == pytest.approx(record.nav[0] - 1e5, abs=1e-9)
    # Levered 1.5 times, 50 000 are owed at 10 %.
    book = hand_book([[100.0]] * 2, [[[1.0]]] * 2, budget=[1.5], interest=(0.0365, 0.1), gross_cap=1.5)
    _, record = book.run()
    assert record.interest[0, 1] == pytest.approx(-50_000.0 * 0.1 * H4 / YEAR, rel=1e-12)
    assert record.pnl[0, 1, 0] == 0.0


def test_borrowing_is_paid_by_who_is_short() -> None:
    # A is short 30 000 and B 10 000 of what C holds 20 000 of: the book borrows 20 000
    weights = [[[-0.3], [-0.1], [0.2]]] * 2
    book = hand_book([[100.0]] * 2, weights, borrow=0.073, ladder=NO_LADDER)
    _, record = book.run()
    paid = 20_000.0 * 0.073 * H4 / YEAR
    assert record.position[0, 1, 0] == -200.0
    assert record.nav[0, 1] == pytest.approx(1e5 - paid, abs=1e-9)
    assert record.pnl[0, 1] == pytest.approx([-0.75 * paid, -0.25 * paid, 0.0], abs=1e-9)


def test_a_delisted_instrument_is_paid_out_and_forgotten() -> None:
    marks = [[100.0, 50.0]] * 3 + [[100.0, 50.0]]
    book = hand_book(marks, [[[0.5, 0.3]]] * 4, gone=[1, -1], last_price=[12.0, 0.0], ladder=NO_LADDER)
    book.plan.weights[0, 2:, :, 0] = 0.0
    state, record = book.run()
    assert record.position[0, :, 0].tolist() == [0.0, 500.0, 0.0, 0.0]
    assert record.nav[0].tolist() == [1e5, 1e5, 1e5 - 500 * 88.0, 1e5 - 500 * 88.0]
    assert record.pnl[0, 3].tolist() == [-500 * 88.0]
    assert state.held[0, 0, 0] == 0.0
    trips = book_round_trips(book.market, book.terms, record).closed
    first = trips.instrument == 0
    assert trips.exit_price[first].tolist() == [12.0]
    assert trips.net[first].tolist() == [-500 * 88.0]


def test_nothing_trades_in_the_interval_of_a_delisting() -> None:
    book = hand_book([[100.0]] * 2, [[[0.5]]] * 2, gone=0, last_price=99.0, ladder=NO_LADDER)
    _, record = book.run()
    assert not record.filled.any()


@pytest.mark.parametrize(
    ("wishes", "net", "scales"),
    [
        ([0.6, -0.2], 0.3, [0.5 / 0.6, 1.0]),  # 0.4 net: the longs give 0.1
        ([-0.6, 0.2], 0.3, [0.5 / 0.6, 1.0]),
        ([0.6, -0.2], 0.4, [1.0, 1.0]),
        ([0.5, 0.5], 0.0, [0.0, 0.0]),
    ],
)
def test_the_net_cap_is_kept_by_the_longer_side(wishes: list[float], net: float, scales: list[float]) -> None:
    book = hand_book([[100.0, 100.0]], [[wishes]], net_cap=net, ladder=NO_LADDER)
    out = book.decide(book.start()[0])
    assert out.scale == pytest.approx(scales)


def test_a_strategy_has_a_cap_of_its_own() -> None:
    # A asks for 0.5 + 0.3 with a cap of 0.4: half of each; B is free
    book = hand_book([[100.0, 100.0]], [[[0.5, 0.3], [0.1, 0.0]]], strategy_cap=[0.4, INF], ladder=NO_LADDER)
    out = book.decide(book.start()[0])
    assert out.contribution.tolist() == [[0.25, 0.15], [0.1, 0.0]]
    assert out.desired == pytest.approx([0.35, 0.15])


def test_a_market_order_says_how_it_filled_where_limits_are_kept() -> None:
    book = hand_book([[100.0, 100.0]], [[[0.3, 0.3]]], limit=[0.01, nan], ladder=NO_LADDER)
    _, record = book.run()
    assert record.how[0, 0].tolist() == [NO_FILL, AT_OPEN]
    assert isinstance(book, Book)
