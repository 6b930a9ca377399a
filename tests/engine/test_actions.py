"""Splits and dividends in the book: worked by hand, and as properties of whole runs."""

from __future__ import annotations

import numpy as np
import pytest
from books import Book, hand_book, random_book
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeterm.engine.roundtrips import book_round_trips, strategy_round_trips
from tradeterm.engine.simulate import advance

INF = np.inf
seeds = st.integers(0, 2**31)


def test_a_four_for_one_split_scales_position_holdings_and_the_order_that_is_open() -> None:
    # 600 and 300 units at 100; at the second decision the first wants 700: an order of 100 becomes one of 400 at 25
    book = hand_book(
        [[100.0], [100.0], [25.0]],
        [[[0.6], [0.3]], [[0.7], [0.3]], [[0.7], [0.3]]],
        fill_open=[[100.0], [25.0], [25.0]],
        split=[[1.0], [4.0], [1.0]],
        factor=[[1.0], [4.0], [4.0]],
    )
    state, record = book.run()
    assert record.target[0, :, 0].tolist() == [900.0, 1000.0, 4000.0]
    assert record.filled[0, :, 0].tolist() == [900.0, 400.0, 0.0]
    assert record.held[0, 2, :, 0].tolist() == [2800.0, 1200.0]
    assert record.nav[0].tolist() == [100_000.0] * 3
    # entry prices are in the panel's scale: 100 before and 25 x 4 after
    assert state.entry_price[0, :, 0].tolist() == [100.0, 100.0]


def test_a_fraction_of_a_lot_left_by_a_split_is_paid_in_cash_to_those_who_give_it_up() -> None:
    # 3:2 on 7 = 10.5 at 100/1.5: half a unit is 33.33; of 5 and 2 units, 5/7 and 2/7 of it
    book = hand_book(
        [[100.0], [100.0], [200.0 / 3.0]],
        [[[0.5], [0.2]]] * 3,
        fill_open=[[100.0], [np.nan], [np.nan]],
        split=[[1.0], [1.5], [1.0]],
        capital=1000.0,
    )
    state, record = book.run()
    assert state.lots[0, 0] == 10.0
    assert state.held[0, :, 0] == pytest.approx([7.5 - 2.5 / 7, 3.0 - 1.0 / 7])
    assert state.cash[0] == pytest.approx(300.0 + 100.0 / 3.0)
    assert state.strategy_cash[0] == pytest.approx([-500.0 + 5 / 7 * 100 / 3, -200.0 + 2 / 7 * 100 / 3])
    assert record.nav[0] == pytest.approx([1000.0] * 3)


def test_a_reverse_split_that_leaves_no_lot_pays_all_and_ends_the_holding() -> None:
    book = hand_book(
        [[100.0], [100.0], [1000.0]],
        [[[0.5]], [[0.5]], [[0.0]]],
        fill_open=[[100.0], [np.nan], [np.nan]],
        split=[[1.0], [0.1], [1.0]],
        capital=1000.0,
    )
    state, record = book.run()
    assert (state.lots[0, 0], state.held[0, 0, 0]) == (0.0, 0.0)
    assert state.cash[0] == pytest.approx(1000.0)
    assert (np.isnan(state.entry_price[0, 0, 0]), state.entry_at[0, 0, 0]) == (True, -1)
    trip = book_round_trips(book.market, book.terms, record).closed
    assert len(trip) == 1
    assert (trip.quantity[0], trip.entry_price[0], trip.net[0]) == pytest.approx((5.0, 100.0, 0.0))


def test_the_part_of_a_lot_is_given_up_by_the_side_of_the_position_alone() -> None:
    # 10 long and 4 short are 6; 1:10 is 1 and -0.4, 0.6 in cash: 0.4 and -0.4 remain and sum to no position
    book = hand_book(
        [[100.0], [100.0]],
        [[[1.0], [-0.4]], [[1.0], [-0.4]]],
        fill_open=[[100.0], [np.nan]],
        split=[[1.0], [0.1]],
        capital=1000.0,
    )
    state, _ = book.run()
    assert state.lots[0, 0] == 0.0
    assert state.held[0, :, 0] == pytest.approx([0.4, -0.4])
    assert state.cash[0] == pytest.approx(1000.0)


@pytest.mark.parametrize(("side", "cash"), [(1.0, 50_000.0 + 1000.0), (-1.0, 150_000.0 - 1000.0)])
def test_a_dividend_is_credited_to_a_long_and_debited_to_a_short(side: float, cash: float) -> None:
    # 500 units, 2.0 each
    book = hand_book(
        [[100.0], [100.0], [98.0]],
        [[[0.5 * side]], [[0.5 * side]], [[0.5 * side]]],
        fill_open=[[100.0], [98.0], [np.nan]],
        dividend=[[0.0], [2.0], [0.0]],
    )
    state, record = book.run()
    assert state.cash[0] == pytest.approx(cash)
    assert state.strategy_cash[0, 0] == pytest.approx(cash - 100_000.0)
    assert record.nav[0] == pytest.approx([100_000.0] * 3)


def test_a_split_and_a_dividend_of_one_day_pay_per_unit_before_and_price_the_fraction_after() -> None:
    # 7 units: 4.0 each is 28; 3:2 leaves 10 and half a unit at (100 - 4) / 1.5 = 64, which is 32
    book = hand_book(
        [[100.0], [100.0], [64.0]],
        [[[0.7]]] * 3,
        fill_open=[[100.0], [np.nan], [np.nan]],
        split=[[1.0], [1.5], [1.0]],
        dividend=[[0.0], [4.0], [0.0]],
        capital=1000.0,
    )
    state, record = book.run()
    assert state.cash[0] == pytest.approx(300.0 + 28.0 + 32.0)
    assert record.nav[0] == pytest.approx([1000.0] * 3)


def test_who_buys_at_the_open_of_the_ex_date_gets_no_dividend_and_lots_after_the_split() -> None:
    # decided at 100: 500; filled at 24.5 after 4:1 and a dividend of 2.0: 2000 units and no cash
    book = hand_book([[100.0]], [[[0.5]]], fill_open=[[24.5]], split=[[4.0]], dividend=[[2.0]], factor=[[400 / 98]])
    state, record = book.run()
    assert record.filled[0, 0, 0] == 2000.0
    assert state.cash[0] == 100_000.0 - 2000 * 24.5
    assert state.entry_price[0, 0, 0] == pytest.approx(100.0)


def test_headroom_is_at_the_decisions_price_in_the_units_after_the_split() -> None:
    # the cap is full at the decision: at 25 a unit the 4000 fit as the 1000 did at 100
    book = hand_book([[100.0]], [[[1.0]]], fill_open=[[20.0]], split=[[4.0]], gross_cap=1.0, class_cap=[1.0])
    _, record = book.run()
    assert record.filled[0, 0, 0] == 4000.0


def test_an_order_that_the_band_held_back_stays_held_back_over_a_split() -> None:
    book = hand_book(
        [[100.0], [100.0]],
        [[[0.5]], [[0.501]]],
        fill_open=[[100.0], [25.0]],
        split=[[1.0], [4.0]],
        band=0.01,
    )
    state, record = book.run()
    assert record.filled[0, :, 0].tolist() == [500.0, 0.0]
    assert state.lots[0, 0] == 2000.0


def test_sizing_at_the_fill_takes_its_price_through_the_split_and_counts_the_dividend() -> None:
    # 1000 at 100, then 4.0 paid and 2:1, opens at 50: NAV at the fill is 1000 x 100 + 4000; half of it is 1040 at 50
    book = hand_book(
        [[100.0], [100.0]],
        [[[1.0]], [[0.5]]],
        fill_open=[[100.0], [50.0]],
        split=[[1.0], [2.0]],
        dividend=[[0.0], [4.0]],
        at_fill=True,
    )
    state, _ = book.run()
    assert state.lots[0, 0] == 1040.0


def test_a_trip_goes_on_through_split_and_dividend_in_the_units_of_its_entry() -> None:
    # buy 500 at 100, 1.0 paid on each, 4:1, sell 2000 at 30: 500 x (120 - 100) + 500
    book = hand_book(
        [[100.0], [100.0], [24.75], [30.0]],
        [[[0.5]], [[0.5]], [[0.0]], [[0.0]]],
        fill_open=[[100.0], [24.75], [30.0], [np.nan]],
        split=[[1.0], [4.0], [1.0], [1.0]],
        dividend=[[0.0], [1.0], [0.0], [0.0]],
        band=0.1,
    )
    _, record = book.run()
    for trips in (
        book_round_trips(book.market, book.terms, record),
        *strategy_round_trips(book.market, book.terms, record),
    ):
        trip = trips.closed
        assert (len(trip), len(trips.open)) == (1, 0)
        assert (trip.quantity[0], trip.entry_price[0], trip.exit_price[0]) == pytest.approx((500.0, 100.0, 120.0))
        assert (trip.gross[0], trip.net[0]) == pytest.approx((10_500.0, 10_500.0))
    assert record.nav[0, -1] == pytest.approx(110_500.0)


# Properties


def split_up(book: Book, ratio: np.ndarray) -> Book:
    """Same book in other units: with further splits, prices and dividends that follow them."""
    after = np.cumprod(ratio, axis=0)
    before = after / ratio
    book = with_actions(book)
    market = book.market
    gone = np.maximum(market.gone, 0)
    return book.but(
        mark=market.mark / before,
        fill_open=market.fill_open / after,
        fill_high=market.fill_high / after,
        fill_low=market.fill_low / after,
        dividend=market.dividend / before,
        split=market.split * ratio,
        factor=market.factor * after,
        last_price=market.last_price / after[gone, np.arange(len(gone))],
    )


def with_actions(book: Book) -> Book:
    """Same book, whose market says of each row that nothing happens where it said nothing at all."""
    if len(book.market.split):
        return book
    ones = np.ones(book.market.mark.shape)
    return book.but(split=ones, dividend=np.zeros_like(ones), factor=ones.copy())


def without_rounding(book: Book) -> Book:
    return book.but(unit=np.ones(book.shape[2]), rounds=np.zeros(book.shape[2], dtype=bool))


@settings(max_examples=60)
@given(seed=seeds)
def test_a_pure_split_changes_nothing_but_units_where_nothing_is_rounded(seed: int) -> None:
    book = without_rounding(random_book(seed, frictions=False))
    rng = np.random.default_rng(seed)
    ratio = np.where(rng.random(book.market.mark.shape) < 0.1, rng.choice([0.25, 2.0, 4.0], book.market.mark.shape), 1)
    state, record = book.run()
    other, again = split_up(book, ratio).run()
    np.testing.assert_allclose(again.nav, record.nav, rtol=1e-9)
    np.testing.assert_allclose(again.pnl, record.pnl, rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(again.scale, record.scale, rtol=1e-9)
    np.testing.assert_allclose(other.lots[0], state.lots[0] * np.prod(ratio, axis=0), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(other.entry_price, state.entry_price, rtol=1e-7)


@settings(max_examples=40)
@given(seed=seeds)
def test_a_split_of_whole_lots_moves_nav_by_the_rounding_of_lots_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mark = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, (40, 1)), axis=0))
    opens = np.vstack([mark[1:], mark[-1:]])
    book = hand_book(mark, [[[0.5]]] * 40, fill_open=opens, ladder=(INF, INF, 0.0, 1.0, INF))
    ratio = np.ones((40, 1))
    ratio[int(rng.integers(1, 39))] = rng.choice([2.0, 4.0, 1.5])
    _, record = book.run()
    _, again = split_up(book, ratio).run()
    # half a lot here or there, times the moves of 40 rows
    assert np.abs(again.nav - record.nav).max() < 100.0 * np.abs(np.diff(mark, axis=0)).sum() / 100.0


@settings(max_examples=60)
@given(seed=seeds, at=st.floats(0, 1))
def test_later_actions_change_no_earlier_row_by_a_bit(seed: int, at: float) -> None:
    book = random_book(seed, at_fill=False)
    row = int(at * (book.shape[0] - 1))
    book = with_actions(book)
    split, dividend = book.market.split.copy(), book.market.dividend.copy()
    split[row : row + 3] *= 3.0
    dividend[row:] += 0.25
    _, record = book.run()
    _, again = book.but(split=split, dividend=dividend).run()
    for name in ("nav", "cash", "position", "held", "target", "scale", "pnl"):
        np.testing.assert_array_equal(getattr(again, name)[0, : row + 1], getattr(record, name)[0, : row + 1])


@settings(max_examples=60)
@given(seed=seeds)
def test_buy_and_hold_earns_the_forward_adjusted_return(seed: int) -> None:
    """All is invested, without lots and costs; prices rest from an ex-date until its dividend can be invested again."""
    rng = np.random.default_rng(seed)
    rows = 60
    acts = np.flatnonzero(rng.random(rows) < 0.2)
    acts = acts[(acts > 0) & (acts < rows - 3)]
    acts = acts[np.concatenate([[True], np.diff(acts) > 2])] if len(acts) else acts
    split, share = np.ones(rows), np.zeros(rows)
    split[acts] = rng.choice([1.0, 4.0, 1.5, 0.1], len(acts))
    share[acts] = rng.choice([0.0, 0.01, 0.05], len(acts))
    moves = np.exp(rng.normal(0.0, 0.02, rows))
    mark, adjusted, opens = np.empty(rows), np.empty(rows), np.empty(rows)
    price, total = 100.0, 100.0
    for k in range(rows):
        mark[k], adjusted[k] = price, total
        price = price * (1.0 - share[k]) / split[k]
        rests = share[k] > 0.0 or (k > 0 and share[k - 1] > 0.0) or k == 0
        step = 1.0 if rests else moves[k]
        opens[k] = price if rests else price * np.sqrt(step)
        price, total = price * step, total * step
    book = hand_book(
        mark[:, None],
        [[[1.0]]] * rows,
        fill_open=opens[:, None],
        lot=0.0,
        split=split[:, None],
        dividend=(mark * share)[:, None],
        gross_cap=1.5,
        ladder=(INF, INF, 0.0, 1.0, INF),
    )
    state, record = book.start()
    advance(book.market, book.plan, book.terms, state, record, 0, rows)
    np.testing.assert_allclose(record.nav[0] / book.capital, adjusted / adjusted[0], rtol=1e-9)
