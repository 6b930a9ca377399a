"""Fills: when, in which order, cut by what; the kernel is the functions that live trading calls."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
from books import HOUR, INF, Book, calm_book, eventful_book, hand_book, random_book
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tradeterm.engine.book import HALTED, NORMAL, Record, State, new_record, new_state, state_of, terms_of
from tradeterm.engine.simulate import accrue, advance, advance_rows

seeds = st.integers(0, 2**31)


def test_a_decision_fills_at_the_next_open_with_slippage_and_fees() -> None:
    # 50 % of 100 000 at the decision's 100 = 500 lots; bought at 110 with 10 bp + 5 bp: 55 000 + 82.50
    book = hand_book([[100.0]], [[[0.5]]], fill_open=[[110.0]], fee=0.0010, slippage=0.0005, gross_cap=2.0)
    state, record = book.run()
    assert record.filled[0, 0, 0] == 500.0
    assert state.cash[0] == pytest.approx(44_917.5, abs=1e-9)
    assert state.strategy_cash[0, 0] == pytest.approx(-55_082.5, abs=1e-9)


def test_a_bar_that_does_not_come_leaves_the_order_unfilled_and_the_next_decision_replaces_it() -> None:
    # 300 wanted, no bar; then 200 wanted: 200 is what is bought
    book = hand_book([[100.0]] * 2, [[[0.3]], [[0.2]]], fill_open=[[np.nan], [100.0]])
    state, record = book.run()
    assert record.target[0, :, 0].tolist() == [300.0, 200.0]
    assert record.filled[0, :, 0].tolist() == [0.0, 200.0]
    assert state.lots[0, 0] == 200.0


def test_a_bar_outside_the_calendar_fills_nothing() -> None:
    book = hand_book([[100.0]], [[[0.3]]], tradable=[[False]])
    state, _ = book.run()
    assert state.lots[0, 0] == 0.0


def test_reductions_make_room_for_increases_at_the_same_instant() -> None:
    # all cash in 0; its sale pays for 1, although 1 comes first by column in the second book
    for order in ([0, 1], [1, 0]):
        book = hand_book(
            [[100.0, 100.0]] * 2,
            np.array([[[1.0, 0.0]], [[0.0, 1.0]]])[:, :, order],
            gross_cap=1.0,
        )
        state, _ = book.run()
        assert state.lots[0][order].tolist() == [0.0, 1000.0]


def test_an_increase_that_opens_before_the_reduction_has_only_the_cash_held_then() -> None:
    # 70 % in 0 moves to 1, which opens an hour earlier: cash is for 300 lots, and the sale comes too late
    book = hand_book(
        [[100.0, 100.0]] * 2,
        [[[0.7, 0.0]], [[0.0, 0.7]]],
        offset=[[0, 0], [HOUR, 0]],
        gross_cap=1.0,
    )
    state, record = book.run()
    assert record.filled[0, 1].tolist() == [-700.0, 300.0]
    assert state.cash[0] == 70_000.0


def test_increases_at_one_instant_are_cut_proportionally_to_cash() -> None:
    # decided at 100: 600 and 400; the opens are 200 and 100: 160 000 for 100 000 of cash: x 0.625
    book = hand_book([[100.0, 100.0]], [[[0.6, 0.4]]], fill_open=[[200.0, 100.0]], gross_cap=1.0)
    _, record = book.run()
    assert record.filled[0, 0].tolist() == [375.0, 250.0]


def test_cash_may_be_lent_up_to_the_gross_cap() -> None:
    # 120 % of 100 000 at 100; opens at 102: 122 400 for 120 000: x 0.98039
    book = hand_book([[100.0]], [[[0.8]]], budget=[1.5], fill_open=[[102.0]], gross_cap=1.2)
    state, record = book.run()
    assert record.filled[0, 0, 0] == 1176.0  # trunc(1200 x 120 000 / 122 400) = trunc(1176.47)
    assert state.cash[0] == pytest.approx(100_000.0 - 1176 * 102.0)


def test_increases_are_cut_to_the_gross_headroom_that_is_held_then() -> None:
    # 0 should leave its 60 % but its bar does not come; 1 and 2 want 40 % + 40 % and 40 % are left: half each
    book = hand_book(
        [[100.0] * 3] * 2,
        [[[0.6, 0.0, 0.0]], [[0.0, 0.4, 0.4]]],
        fill_open=[[100.0] * 3, [np.nan, 100.0, 100.0]],
        gross_cap=1.0,
    )
    _, record = book.run()
    assert record.filled[0, 1].tolist() == [0.0, 200.0, 200.0]


def test_increases_are_cut_to_the_headroom_of_their_own_class() -> None:
    # class 0 holds 20 % of its 25 % and its reduction doesn't come: 5 % left for 10 %. Class 1 is not cut.
    book = hand_book(
        [[100.0] * 3] * 2,
        [[[0.2, 0.0, 0.0]], [[0.0, 0.1, 0.3]]],
        fill_open=[[100.0] * 3, [np.nan, 100.0, 100.0]],
        asset_class=[0, 0, 1],
        class_cap=[0.25, 1.0],
        gross_cap=1.2,
    )
    _, record = book.run()
    assert record.filled[0, 1].tolist() == [0.0, 50.0, 300.0]


def test_headroom_is_at_decision_prices() -> None:
    # the open is 40 % lower: the lots are those of the decision all the same
    book = hand_book([[100.0]], [[[1.0]]], fill_open=[[60.0]], gross_cap=1.0, class_cap=[1.0], asset_cap=1.0)
    _, record = book.run()
    assert record.filled[0, 0, 0] == 1000.0


def test_a_change_of_side_reduces_first_and_only_the_rest_is_cut() -> None:
    # long 500 -> short 1000 under a gross cap of 100 %: -500 is free, -1000 fits
    book = hand_book([[100.0]] * 2, [[[0.5]], [[-1.0]]], gross_cap=1.0)
    _, record = book.run()
    assert record.filled[0, :, 0].tolist() == [500.0, -1500.0]


def test_sizing_at_the_fill_uses_its_price() -> None:
    book = hand_book([[100.0]], [[[0.5]]], fill_open=[[125.0]], at_fill=True)
    _, record = book.run()
    assert record.filled[0, 0, 0] == 400.0  # 50 000 / 125


def test_sizing_at_the_fill_trades_nothing_that_has_no_close_yet() -> None:
    book = hand_book([[np.nan]], [[[0.5], [-0.5]]], fill_open=[[125.0]], at_fill=True)
    state, _ = book.run()
    assert not state.held.any()
    assert not state.lots.any()


def test_nothing_is_ordered_before_the_first_close() -> None:
    book = hand_book([[np.nan], [100.0]], [[[0.5]], [[0.5]]], fill_open=[[99.0], [101.0]], capital=202_000.0)
    _, record = book.run()
    assert record.filled[0, :, 0].tolist() == [0.0, 1010.0]


def test_a_halt_sells_what_it_could_not_sell_before() -> None:
    # the price falls by half: halted; the bar of that row does not come, the next one does
    book = hand_book([[100.0], [50.0], [50.0]], [[[1.0]]] * 3, fill_open=[[100.0], [np.nan], [40.0]], gross_cap=1.0)
    state, record = book.run()
    assert record.ladder[0].tolist() == [0, HALTED, HALTED]
    assert record.filled[0, :, 0].tolist() == [1000.0, 0.0, -1000.0]
    assert state.cash[0] == 40_000.0


# Properties over random books


def splits(book: Book) -> np.ndarray:
    """Ratios by row and instrument, ones where the book has no action."""
    return book.market.split if len(book.market.split) else np.ones(book.market.mark.shape)


def by_hand(book: Book) -> tuple[State, list[float]]:
    """Row by row from Python, as live trading does."""
    state, _ = book.start()
    navs = []
    for row in range(book.shape[0]):
        accrue(book.market, terms_of(book.terms, 0), state_of(state, 0), row)
        decision = book.decide(state, row)
        navs.append(float(decision.totals[0]))
        book.fill(state, decision, row)
    return state, navs


@settings(max_examples=60)
@given(seed=seeds)
def test_decisions_and_fills_called_one_by_one_give_the_kernels_bits(seed: int) -> None:
    book = random_book(seed)
    state, record = book.run()
    alone, navs = by_hand(book)
    np.testing.assert_array_equal(record.nav[0], navs)
    for name in State._fields:
        np.testing.assert_array_equal(getattr(state, name), getattr(alone, name), err_msg=name)


@settings(max_examples=300)
@given(seed=seeds)
def test_rows_at_which_nothing_changes_are_recorded_as_if_decided_anew(seed: int) -> None:
    recorded_as_if_decided_anew(calm_book(seed) if seed % 2 else eventful_book(seed))


def recorded_as_if_decided_anew(book: Book) -> Record:
    """Refuse a run that is not the same to the bit as one in which every row is decided; returns its record."""
    whole, record = book.run()
    state, rows = book.start()
    for row in range(book.shape[0]):
        # A run that begins at a row decides it in full.
        advance(book.market, book.plan, book.terms, state, rows, row, row + 1)
    for name in record._fields:
        np.testing.assert_array_equal(getattr(record, name), getattr(rows, name), err_msg=name)
    for name in State._fields:
        np.testing.assert_array_equal(getattr(whole, name), getattr(state, name), err_msg=name)
    return record


def test_a_last_lot_that_rounds_away_is_sold_whatever_the_band() -> None:
    # 1.003 lots are wished for: one, until the price rises, and then none.
    mark = np.where(np.arange(6) < 3, 100.0, 100.6)[:, None]
    wish = np.where(np.arange(6) < 1, 0.2, 0.01003)[:, None, None]
    record = recorded_as_if_decided_anew(hand_book(mark, wish, lot=[1.0], band=0.05, capital=10_000.0))
    assert record.filled[0, :, 0].tolist() == [20.0, -19.0, 0.0, -1.0, 0.0, 0.0]


def test_the_room_of_what_was_delisted_is_free_at_the_next_decision() -> None:
    rows = np.arange(8)
    wish = np.stack([np.full(8, 0.6), np.where(rows < 2, 0.5, 0.0), np.where(rows < 4, 0.0, 0.1)], axis=1)[:, None]
    tradable = np.ones((8, 3), dtype=np.bool_)
    tradable[1:, 1] = False
    held = {"tradable": tradable, "gone": [-1, 4, -1], "last_price": [0.0, 100.0, 0.0], "lot": [0.0, 0.0, 0.0]}
    record = recorded_as_if_decided_anew(
        hand_book(np.full((8, 3), 100.0), wish, band=0.04, gross_cap=1.0, capital=10_000.0, **held)
    )
    scale = [1.0 / 1.1] * 4 + [(1.0 - 0.5 / 1.1) / 0.7] + [1.0] * 3
    np.testing.assert_allclose(record.scale[0, :, 0], scale, rtol=1e-12)


@settings(max_examples=40)
@given(seed=seeds)
def test_one_row_after_the_other_is_the_run_in_one(seed: int) -> None:
    book = calm_book(seed) if seed % 2 else random_book(seed)
    whole, record = book.run()
    state, rows = book.start()
    assert list(advance_rows(book.market, book.plan, book.terms, state, rows)) == list(range(book.shape[0]))
    for name in record._fields:
        np.testing.assert_array_equal(getattr(record, name), getattr(rows, name), err_msg=name)
    for name in State._fields:
        np.testing.assert_array_equal(getattr(whole, name), getattr(state, name), err_msg=name)


def test_a_plan_may_be_written_while_rows_advance() -> None:
    book = hand_book([[100.0]] * 2, [[[0.3]], [[0.0]]])
    state, record = book.start()
    steps = advance_rows(book.market, book.plan, book.terms, state, record)
    next(steps)
    book.plan.weights[0, 1, 0, 0] = 0.5
    next(steps)
    assert record.target[0, :, 0].tolist() == [300.0, 500.0]


def test_rows_that_nobody_asks_for_are_not_advanced_and_nothing_is_kept() -> None:
    book = hand_book([[100.0]] * 3, [[[0.3]]] * 3)
    state, record = book.start()
    record.nav[:] = -1.0
    before = sys.getrefcount(record.nav)
    steps = advance_rows(book.market, book.plan, book.terms, state, record)
    next(steps)
    del steps
    left, nav = sys.getrefcount(record.nav), record.nav[0].tolist()
    advance(book.market, book.plan, book.terms, state, record, 1, 3)
    after = sys.getrefcount(record.nav)
    assert nav == [100_000.0, -1.0, -1.0]
    assert (left, after) == (before, before)


@settings(max_examples=60)
@given(seed=seeds, cut=st.floats(0, 1))
def test_a_run_in_two_parts_is_the_run_in_one(seed: int, cut: float) -> None:
    book = random_book(seed)
    whole, record = book.run()
    state, parts = book.start()
    at = int(cut * book.shape[0])
    advance(book.market, book.plan, book.terms, state, parts, 0, at)
    advance(book.market, book.plan, book.terms, state, parts, at, book.shape[0])
    np.testing.assert_array_equal(record.nav, parts.nav)
    np.testing.assert_array_equal(whole.held, state.held)


@settings(max_examples=40)
@given(seed=seeds, runs=st.sampled_from([2, 6]))
def test_runs_side_by_side_do_not_touch_each_other(seed: int, runs: int) -> None:
    book = random_book(seed)
    times, strategies, instruments = book.shape
    often = lambda part: type(part)(*(np.concatenate([values] * runs) for values in part))  # noqa: E731 - one use
    many = Book(book.market, often(book.plan), often(book.terms), book.capital)
    many.plan.weights[0] *= 0.5
    alone, record = book.run()
    state = new_state(runs, strategies, instruments, book.capital)
    side_by_side = new_record(runs, times, strategies, instruments, limits=book.limits)
    advance(many.market, many.plan, many.terms, state, side_by_side, 0, times)
    for run in range(1, runs):
        np.testing.assert_array_equal(side_by_side.nav[run], record.nav[0])
        np.testing.assert_array_equal(state.held[run], alone.held[0])


@settings(max_examples=300)
@given(seed=seeds)
def test_no_cap_is_exceeded_by_an_increase(seed: int) -> None:
    book = random_book(seed, at_fill=False)
    state, record = book.run()
    market, terms = book.market, book.terms
    position = np.concatenate([record.position[0], state.lots], axis=0)
    for row in range(book.shape[0]):
        split = splits(book)[row]
        before, after = np.abs(position[row]) * split, np.abs(position[row + 1])
        grew = (after > before) | (position[row] * position[row + 1] < 0.0)
        if not grew.any():
            continue
        # rounding counts a hair below a whole lot as the lot, before a split and after it
        hair = 2e-9 * market.rounds * (1.0 + split)
        price = market.mark[row] / split
        worth = np.where(after > 0.0, (after - hair) * market.unit * price, 0.0)
        weight = worth / record.nav[0, row]
        asset_cap = np.minimum(terms.asset_cap[0], terms.asset_tight[0, row])
        assert (weight[grew] <= asset_cap[grew] * (1 + 1e-9)).all()
        assert weight.sum() <= terms.gross_cap[0, row] * (1 + 1e-9)
        for c in np.unique(market.asset_class[grew]):
            assert weight[market.asset_class == c].sum() <= terms.class_cap[0, row, c] * (1 + 1e-9)


@settings(max_examples=200)
@given(seed=seeds)
def test_what_strategies_hold_and_earn_sums_to_the_book(seed: int) -> None:
    book = random_book(seed)
    state, record = book.run()
    np.testing.assert_allclose(record.held[0].sum(axis=1), record.position[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(state.held[0].sum(axis=0), state.lots[0], rtol=0, atol=1e-6)
    earned = record.nav[0] - record.interest[0] - book.capital
    np.testing.assert_allclose(record.pnl[0].sum(axis=1), earned, rtol=0, atol=1e-6)


@settings(max_examples=200)
@given(seed=seeds)
def test_a_strategy_that_may_not_short_never_holds_less_than_nothing(seed: int) -> None:
    book = random_book(seed, shorts=False, at_fill=False)
    state, record = book.run()
    assert record.held.min() >= 0.0
    assert state.held.min() >= 0.0


@settings(max_examples=100)
@given(seed=seeds)
def test_the_ladder_goes_up_only_below_the_recovery_level_or_when_a_halt_is_over(seed: int) -> None:
    book = random_book(seed) if seed % 3 else calm_book(seed)
    _, record = book.run()
    derisk, halt, recovery, _, wait = book.terms.ladder[0].tolist()
    halted_at = 0
    for k, now in enumerate(book.market.times.tolist()):
        level, depth = record.ladder[0, k], record.drawdown[0, k]
        before = record.ladder[0, k - 1] if k else NORMAL
        halted_at = now if level == HALTED != before else halted_at
        resumed = before == HALTED and now - halted_at >= wait
        if level < before:
            assert resumed if before == HALTED else depth < recovery, (seed, k)
        if depth >= derisk:
            assert level != NORMAL, (seed, k)
        if depth >= halt:
            assert level == HALTED, (seed, k)


@settings(max_examples=100)
@given(seed=seeds)
@example(seed=11213)  # wishes that cancel but for rounding
@example(seed=23437)
def test_the_order_of_strategies_and_symbols_does_not_matter(seed: int) -> None:
    book = random_book(seed)
    rng = np.random.default_rng(seed)
    _, strategies, instruments = book.shape
    s, j = rng.permutation(strategies), rng.permutation(instruments)
    by_row = {
        name: getattr(book.market, name)[:, j]
        for name in ("mark", "own_bar", "carried", "fill_at", "tradable", "split", "dividend", "factor")
        if getattr(book.market, name).size
    }
    by_row |= {f"fill_{name}": getattr(book.market, f"fill_{name}")[:, j] for name in ("open", "high", "low", "volume")}
    by_asset = {name: getattr(book.market, name)[j] for name in ("asset_class", "unit", "rounds", "tick", "gone")}
    by_asset |= {name: getattr(book.terms, name)[:, j] for name in ("taker", "maker", "slippage", "limit", "least")}
    by_asset |= {"last_price": book.market.last_price[j], "borrow": book.terms.borrow[:, j]}
    # Of another layout in memory the kernel would be compiled anew.
    other = book.but(
        **{name: np.ascontiguousarray(values) for name, values in (by_row | by_asset).items()},
        weights=np.ascontiguousarray(book.plan.weights[:, :, s][:, :, :, j]),
        budget=np.ascontiguousarray(book.plan.budget[:, :, s]),
        multiplier=np.ascontiguousarray(book.plan.multiplier[:, s][:, :, j]),
        flags=np.ascontiguousarray(book.plan.flags[:, s][:, :, j]),
        carries=np.ascontiguousarray(book.plan.carries[:, s]),
        cap=np.ascontiguousarray(book.plan.cap[:, s]),
        asset_cap=np.ascontiguousarray(book.terms.asset_cap[:, j]),
    )
    _, record = book.run()
    _, again = other.run()
    np.testing.assert_allclose(again.nav, record.nav, rtol=1e-9)
    np.testing.assert_allclose(again.position, record.position[:, :, j], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(again.held, record.held[:, :, s][:, :, :, j], rtol=1e-7, atol=1e-7)


@settings(max_examples=100)
@given(seed=seeds, factor=st.sampled_from([0.25, 3.0, 1000.0]))
def test_prices_times_c_with_lots_over_c_change_nothing(seed: int, factor: float) -> None:
    book = random_book(seed)
    # where nothing is rounded the quantity itself shrinks, so the dust rule would differ
    assume(bool(book.market.rounds.all()))
    market = book.market
    priced = ("mark", "fill_open", "fill_high", "fill_low", "tick", "dividend", "last_price")
    other = book.but(**{name: getattr(market, name) * factor for name in priced})
    other = other.but(unit=market.unit / factor, fill_volume=market.fill_volume / factor)
    _, record = book.run()
    _, again = other.run()
    np.testing.assert_allclose(again.nav, record.nav, rtol=1e-9)
    np.testing.assert_allclose(again.position, record.position, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(again.pnl, record.pnl, rtol=1e-9, atol=1e-6)


@settings(max_examples=100)
@given(seed=seeds)
def test_fills_happen_only_where_a_bar_opens_before_the_next_decision(seed: int) -> None:
    book = random_book(seed)
    _, record = book.run()
    came = np.isfinite(book.market.fill_open) & book.market.tradable & (book.market.fill_volume != 0.0)
    assert not record.filled[0][~came].any()
    moved = np.abs(np.diff(record.held[0], axis=0)).max(axis=1) > 0.0
    unsplit = (splits(book) == 1.0) & (np.arange(book.shape[0])[:, None] != book.market.gone)
    assert not moved[(~came & unsplit)[:-1]].any()


@settings(max_examples=100)
@given(seed=seeds)
def test_a_reduction_that_has_its_bar_is_never_cut(seed: int) -> None:
    book = random_book(seed, frictions=False)
    _, record = book.run()
    order = record.target[0] - record.position[0]
    came = np.isfinite(book.market.fill_open) & book.market.tradable
    less = (order * record.position[0] < 0.0) & (np.abs(order) <= np.abs(record.position[0])) & came
    less &= (splits(book) == 1.0) & (np.arange(book.shape[0])[:, None] != book.market.gone)
    np.testing.assert_array_equal(record.filled[0][less], order[less])


@settings(max_examples=100)
@given(seed=seeds, at=st.floats(0, 1))
def test_the_past_does_not_change_when_the_future_does(seed: int, at: float) -> None:
    book = random_book(seed, at_fill=False)
    row = int(at * (book.shape[0] - 1))
    rng = np.random.default_rng(seed)
    mark, opens, weights = book.market.mark.copy(), book.market.fill_open.copy(), book.plan.weights.copy()
    mark[row + 1 :] *= rng.uniform(0.5, 2.0, mark[row + 1 :].shape)
    moved = rng.uniform(0.5, 2.0, opens[row:].shape)
    opens[row:] *= moved
    high, low = book.market.fill_high.copy(), book.market.fill_low.copy()
    high[row:] *= moved
    low[row:] *= moved
    weights[:, row + 1 :] = 0.0
    _, record = book.run()
    _, again = book.but(mark=mark, fill_open=opens, fill_high=high, fill_low=low, weights=weights).run()
    for name in ("nav", "ladder", "position", "held", "target", "scale"):
        np.testing.assert_array_equal(getattr(again, name)[0, : row + 1], getattr(record, name)[0, : row + 1])


def test_the_kernel_leaves_the_interpreter_to_other_threads() -> None:
    """A Python thread sees the record half written; were the lock kept, it would see it empty or whole."""
    times, strategies, instruments = 12_000, 4, 40
    rng = np.random.default_rng(7)
    mark = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, (times, instruments)), axis=0))
    weights = rng.random((times, strategies, instruments)) / instruments / strategies
    book = hand_book(mark, weights, gross_cap=1.0, ladder=(INF, INF, 0.0, 1.0, INF))
    random_book(1).run()
    state, record = book.start()
    nav = record.nav[0]
    nav[:] = 0.0
    worker = threading.Thread(
        target=advance, args=(book.market, book.plan, book.terms, state, record, 0, times), daemon=True
    )
    worker.start()
    half_written = 0
    while worker.is_alive() and not half_written:
        half_written += int(nav[0] != 0.0 and nav[-1] == 0.0)
    worker.join()
    assert nav[-1] > 0.0
    assert half_written
