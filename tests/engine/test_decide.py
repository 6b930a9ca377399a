"""The six steps of a decision, each by a hand-worked example."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from books import H4, INF, Book, hand_book, random_book
from hypothesis import given
from hypothesis import strategies as st

from tradeterm.core.errors import BadMarket
from tradeterm.engine.book import DERISKED, HALTED, NO_TRADE, NORMAL, REDUCE_ONLY, State, plan_of, state_of, terms_of
from tradeterm.engine.decide import decide_row, new_decision, whole_lots
from tradeterm.engine.portfolio import move_holdings
from tradeterm.engine.replay import bars_held
from tradeterm.engine.simulate import advance


def holding(book: Book, lots: list[list[float]], cash: float) -> State:
    """State that holds ``lots`` (M, N)."""
    state, _ = book.start()
    state.held[0] = np.array(lots)
    state.lots[0] = state.held[0].sum(axis=0)
    state.cash[0] = cash
    return state


# Step 1


def test_a_contribution_is_weight_times_budget_times_multiplier() -> None:
    book = hand_book([[100.0, 50.0]], [[[0.5, 0.25], [1.0, 0.0]]], budget=[0.6, 0.3])
    book.plan.multiplier[0] = [[1.0, 1.0], [0.5, 1.0]]
    out = book.decide(book.start()[0])
    # 0.5 x 0.6, 0.25 x 0.6; 1.0 x 0.3 x 0.5, 0
    assert out.contribution.ravel() == pytest.approx([0.30, 0.15, 0.15, 0.0], abs=1e-15)


@pytest.mark.parametrize(
    ("held", "wish", "kept"),
    [
        (300.0, 0.5, 0.3),  # wants more: keeps the 30 % it has
        (300.0, 0.1, 0.1),  # wants less: may reduce
        (300.0, -0.2, 0.0),  # wants the other side: flat at most
        (-300.0, -0.5, -0.3),
        (-300.0, 0.4, 0.0),
        (0.0, 0.5, 0.0),
    ],
)
def test_reduce_only_never_goes_beyond_what_the_strategy_holds(held: float, wish: float, kept: float) -> None:
    book = hand_book([[100.0]], [[[wish]]])
    book.plan.flags[0, 0, 0] = REDUCE_ONLY
    out = book.decide(holding(book, [[held]], 100_000.0 - held * 100.0))
    assert out.contribution[0, 0] == pytest.approx(kept, abs=1e-15)
    assert out.order[0] == pytest.approx(kept * 1000.0 - held, abs=1e-9)


def test_reduce_only_is_judged_against_the_strategy_not_the_position() -> None:
    # A holds 400, B holds -100: the position is 300. B is reduce-only and wants -30 %: it keeps -10 %.
    book = hand_book([[100.0]], [[[0.4], [-0.3]]])
    book.plan.flags[0, 1, 0] = REDUCE_ONLY
    out = book.decide(holding(book, [[400.0], [-100.0]], 70_000.0))
    assert out.contribution[:, 0] == pytest.approx([0.4, -0.1], abs=1e-15)
    assert out.order[0] == 0.0


def test_no_trade_keeps_the_holding_whatever_is_wished() -> None:
    book = hand_book([[100.0]], [[[0.9]]])
    book.plan.flags[0, 0, 0] = NO_TRADE
    out = book.decide(holding(book, [[123.0]], 87_700.0))
    assert out.target[0] == 123.0
    assert out.order[0] == 0.0


def test_a_carried_bar_is_no_reason_to_trade_and_none_to_ignore_a_limit() -> None:
    # A sees carried bars and B does not; both want to double. Only B trades.
    book = hand_book([[100.0]], [[[0.6], [0.4]]], carried=[[True]])
    state = holding(book, [[300.0], [200.0]], 50_000.0)
    book.plan.carries[0, 1] = False
    out = book.decide(state)
    assert out.contribution[:, 0] == pytest.approx([0.3, 0.4], abs=1e-15)
    assert out.order[0] == 200.0
    # A cap still reduces what is held.
    capped = hand_book([[100.0]], [[[0.6]]], carried=[[True]], asset_cap=0.2)
    assert capped.decide(holding(capped, [[300.0]], 70_000.0)).target[0] == 200.0
    # Where another bar came, the wish counts.
    came = hand_book([[100.0]], [[[0.6]]], carried=[[False]])
    assert came.decide(holding(came, [[300.0]], 70_000.0)).target[0] == 600.0


# Step 2


def test_sixty_twentyfive_fifteen_in_one_asset_is_all_of_nav_before_caps() -> None:
    book = hand_book([[100.0]], [[[1.0], [1.0], [1.0]]], budget=[0.60, 0.25, 0.15])
    out = book.decide(book.start()[0])
    assert out.desired[0] == pytest.approx(1.0, abs=1e-15)
    assert out.target[0] == 1000.0
    assert out.wanted[:, 0] == pytest.approx([600.0, 250.0, 150.0], abs=1e-9)


def test_sixty_twentyfive_fifteen_in_one_asset_is_the_asset_cap_after_it() -> None:
    book = hand_book([[100.0]], [[[1.0], [1.0], [1.0]]], budget=[0.60, 0.25, 0.15], asset_cap=0.40)
    out = book.decide(book.start()[0])
    # 40 % of 100 000 at 100 = 400 lots, split 60/25/15 by contribution x scale
    assert out.target[0] == 400.0
    assert out.wanted[:, 0] == pytest.approx([240.0, 100.0, 60.0], abs=1e-9)


def test_opposite_wishes_net() -> None:
    book = hand_book([[100.0]], [[[1.0], [-1.0]]], budget=[0.5, 0.2])
    assert book.decide(book.start()[0]).desired[0] == pytest.approx(0.3, abs=1e-15)


# Step 3


def test_class_caps_are_proportional_inside_the_class_alone() -> None:
    # class 0 wants 30 % + 10 % under a cap of 20 %: both halved; class 1 keeps its 30 %
    book = hand_book([[10.0] * 3], [[[0.3, 0.1, 0.3]]], asset_class=[0, 0, 1], class_cap=[0.2, INF])
    out = book.decide(book.start()[0])
    assert out.scale == pytest.approx([0.5, 0.5, 1.0], abs=1e-15)


def test_the_asset_cap_comes_before_the_class_cap() -> None:
    # 60 % is cut to 40 % first; then 40 % + 10 % under 25 %: halved again. 60 % x 1/3 = 20 %, 10 % x 1/2 = 5 %.
    book = hand_book([[10.0] * 2], [[[0.6, 0.1]]], asset_cap=0.4, class_cap=[0.25])
    out = book.decide(book.start()[0])
    assert out.scale == pytest.approx([1 / 3, 0.5], abs=1e-15)


def test_the_gross_cap_counts_shorts_and_is_proportional() -> None:
    # 90 % long and 60 % short are 150 % gross: x 0.8 under 120 %
    book = hand_book([[10.0] * 2], [[[0.6, -0.4]]], budget=[1.5], gross_cap=1.2)
    out = book.decide(book.start()[0])
    assert out.scale == pytest.approx([0.8, 0.8], abs=1e-15)
    assert out.target == pytest.approx([7200.0, -4800.0])


def test_a_cap_that_is_met_exactly_scales_nothing() -> None:
    book = hand_book([[10.0] * 3], [[[0.4, 0.4, 0.2]]], asset_cap=0.4, class_cap=[1.0], gross_cap=1.0)
    assert book.decide(book.start()[0]).scale == pytest.approx([1.0, 1.0, 1.0], abs=1e-15)


def test_the_regime_tightens_the_asset_cap() -> None:
    book = hand_book([[10.0]], [[[1.0]]], asset_cap=0.4)
    book.terms.asset_tight[0, 0] = 0.1
    assert book.decide(book.start()[0]).scale[0] == pytest.approx(0.1, abs=1e-15)


def test_an_untradable_holding_takes_room_and_is_not_ordered_into_the_room_of_others() -> None:
    # 50 % held can't trade now; the gross cap of 80 % leaves 30 % for the other's 60 %: x 0.5
    book = hand_book([[100.0, 100.0]], [[[0.0, 0.6]]], gross_cap=0.8, tradable=[[False, True]])
    state = holding(book, [[500.0, 0.0]], 50_000.0)
    out = book.decide(state)
    assert out.scale[1] == pytest.approx(0.5, abs=1e-15)
    assert out.target[1] == 300.0
    book.fill(state, out)
    assert state.lots[0].tolist() == [500.0, 300.0]


def test_an_untradable_holding_takes_room_in_its_class() -> None:
    # class cap 20 %, 15 % of it stuck: 5 % left of 10 % wished
    book = hand_book([[100.0, 100.0]], [[[0.0, 0.1]]], class_cap=[0.2], tradable=[[False, True]])
    out = book.decide(holding(book, [[150.0, 0.0]], 85_000.0))
    assert out.scale[1] == pytest.approx(0.5, abs=1e-12)


# Step 4


def walk(navs: list[float], *, resume_after: float = INF) -> list[tuple[int, float]]:
    """Ladder state and scale at each NAV, the NAV being cash."""
    rows = len(navs)
    book = hand_book([[100.0]] * rows, [[[0.5]]] * rows, ladder=(0.15, 0.20, 0.10, 0.5, resume_after))
    state, _ = book.start()
    seen = []
    for row, nav in enumerate(navs):
        state.cash[0] = nav
        out = book.decide(state, row)
        seen.append((int(state.ladder[0]), float(out.scale[0])))
    return seen


def test_the_ladder_halves_at_fifteen_and_recovers_under_ten() -> None:
    # drawdowns: 0, 14.9 %, 15 %, 12 %, 10 %, 9.9 %
    assert walk([100_000, 85_100, 85_000, 88_000, 90_000, 90_100]) == [
        (NORMAL, 1.0),
        (NORMAL, 1.0),
        (DERISKED, 0.5),
        (DERISKED, 0.5),
        (DERISKED, 0.5),
        (NORMAL, 1.0),
    ]


def test_the_ladder_measures_from_the_highest_nav() -> None:
    # the peak rises to 200 000: 170 000 is 15 % below it
    assert walk([100_000, 200_000, 170_001, 170_000])[2:] == [(NORMAL, 1.0), (DERISKED, 0.5)]


def test_a_halt_is_flat_and_stays_whatever_the_nav_does() -> None:
    assert walk([100_000, 80_000, 99_000, 120_000])[1:] == [(HALTED, 0.0)] * 3


def test_a_fall_through_both_levels_halts_at_once() -> None:
    assert walk([100_000, 60_000])[1] == (HALTED, 0.0)


def test_resuming_after_a_time_rebases_the_peak() -> None:
    # halted at row 1; two rows later it resumes at 78 000, which is the peak from then on:
    # 15 % below it is 66 300
    seen = walk([100_000, 80_000, 79_000, 78_000, 66_301, 66_300], resume_after=2 * H4)
    assert [state for state, _ in seen] == [NORMAL, HALTED, HALTED, NORMAL, NORMAL, DERISKED]


@given(seed=st.integers(0, 10_000), peaks=st.lists(st.floats(1.0, 3.0), min_size=2, max_size=6))
def test_a_deeper_drawdown_never_leaves_more(seed: int, peaks: list[float]) -> None:
    book = random_book(seed, at_fill=False)
    left = []
    for peak in sorted(peaks):
        state, _ = book.start()
        state.peak[0] = book.capital * peak
        left.append(book.decide(state, book.shape[0] - 1).scale.copy())
    for nearer, deeper in pairwise(left):
        assert (deeper <= nearer).all()


# Step 5


@given(seed=st.integers(0, 10_000))
def test_attribution_is_contribution_times_scale_and_sums_to_the_net_weight(seed: int) -> None:
    book = random_book(seed, at_fill=False)
    out = book.decide(book.start()[0], 0)
    after = (out.contribution * out.scale).sum(axis=0)
    assert after == pytest.approx(out.desired * out.scale, abs=1e-12)
    assert ((out.scale >= 0.0) & (out.scale <= 1.0)).all()


def exit_and_enter(*, cost: float) -> tuple[np.ndarray, np.ndarray]:
    """A holds 100 at 100 and leaves as B enters 100; then the price is 120. Returns PnL and holdings found there."""
    after_cost = 100_000.0 - 10_000.0 * cost
    enter, leave = 0.1, 10_000.0 / after_cost
    book = hand_book(
        [[100.0], [100.0], [120.0]],
        [[[enter], [0.0]], [[0.0], [leave]], [[0.0], [leave]]],
        fee=cost,
        band=0.05,
    )
    _, record = book.run()
    assert record.filled[0, :2, 0].tolist() == [100.0, 0.0]
    assert record.nav[0, 2] == pytest.approx(100_000.0 + record.pnl[0, 2].sum(), abs=1e-9)
    return record.pnl[0], record.held[0, 2, :, 0]


def test_who_enters_as_another_leaves_has_the_gain_from_then_on() -> None:
    pnl, held = exit_and_enter(cost=0.0)
    assert held == pytest.approx([0.0, 100.0], abs=1e-9)
    assert pnl[1] == pytest.approx([0.0, 0.0], abs=1e-9)
    assert pnl[2] == pytest.approx([0.0, 2000.0], abs=1e-9)


def test_crossing_bears_no_cost() -> None:
    # A paid 1 % of 10 000 on its own entry in the market; the crossing is free.
    pnl, held = exit_and_enter(cost=0.01)
    assert held == pytest.approx([0.0, 100.0], abs=1e-9)
    assert pnl[1] == pytest.approx([-100.0, 0.0], abs=1e-9)
    assert pnl[2] == pytest.approx([-100.0, 2000.0], abs=1e-9)


def test_a_partial_cross_is_shared_pro_rata_and_the_larger_side_bears_the_costs() -> None:
    # Held 100, 50, 0. A wants 70 (-30), B wants 20 (-30), C wants 40 (+40): the net order is -20 of 150.
    # C's 40 is the smaller side: filled whole. The sellers' 60 = 40 crossed + 20 sold, half each: all filled.
    # Costs: 20 x 100 x 1 % = 20, 10 for each seller.
    book = hand_book([[100.0]], [[[0.70], [0.20], [0.40]]], budget=[0.2, 0.2, 0.2], fee=0.01, capital=50_000.0)
    state = holding(book, [[100.0], [50.0], [0.0]], 35_000.0)
    out = book.decide(state)
    assert out.wanted[:, 0] == pytest.approx([70.0, 20.0, 40.0])
    assert book.fill(state, out)[0] == -20.0
    assert state.held[0, :, 0] == pytest.approx([70.0, 20.0, 40.0], abs=1e-9)
    assert state.strategy_cash[0] == pytest.approx([3000.0 - 10.0, 3000.0 - 10.0, -4000.0], abs=1e-9)


def test_a_partial_fill_reaches_the_larger_side_pro_rata() -> None:
    # A +60, B +20, C -30: net +50, but cash is for 10 only. C's 30 cross whole; the buyers share 30 + 10 = 40 of
    # 80: A gets 30, B gets 10. Costs of 10 x 100 x 1 % = 10: 7.50 and 2.50.
    book = hand_book([[100.0]], [[[0.6], [0.2], [0.0]]], budget=[0.1, 0.1, 0.1], fee=0.01, gross_cap=1.0)
    state = holding(book, [[0.0], [0.0], [30.0]], 97_000.0)
    out = book.decide(state)
    assert out.order[0] == 50.0
    state.cash[0] = 1010.0
    assert book.fill(state, out)[0] == 10.0
    assert state.held[0, :, 0] == pytest.approx([30.0, 10.0, 0.0], abs=1e-9)
    assert state.strategy_cash[0] == pytest.approx([-3007.5, -1002.5, 3000.0], abs=1e-9)


def test_holdings_cross_also_when_the_net_order_is_inside_the_band() -> None:
    # A 100 -> 60, B 0 -> 41: the net order is +1 lot, 0.1 % of NAV under a band of 0.5 %, so nothing is bought.
    # The smaller side is A's 40: B gets 40 of its 41.
    book = hand_book([[100.0]], [[[0.06], [0.041]]], band=0.005)
    state = holding(book, [[100.0], [0.0]], 90_000.0)
    out = book.decide(state)
    assert out.order[0] == 0.0
    book.fill(state, out)
    assert state.held[0, :, 0] == pytest.approx([60.0, 40.0], abs=1e-9)
    assert state.lots[0, 0] == 100.0


def test_holdings_wait_for_the_fill_bar() -> None:
    book = hand_book([[100.0]], [[[0.0], [0.1]]], fill_open=[[np.nan]])
    state = holding(book, [[100.0], [0.0]], 90_000.0)
    book.fill(state, book.decide(state))
    assert state.held[0, :, 0].tolist() == [100.0, 0.0]


def test_who_leaves_holds_nothing_after_when_another_is_rounded_down() -> None:
    # A holds 5.35 and leaves, B holds 4.65 and wants 4.7; 4 whole lots are ordered. A leaves whole, and the part
    # of a lot that can't be held is B's: nobody is left with the opposite of what it asked for.
    book = hand_book([[100.0]], [[[0.0], [0.0047]]])
    state = holding(book, [[5.35], [4.65]], 99_000.0)
    out = book.decide(state)
    assert out.order[0] == -6.0
    book.fill(state, out)
    assert state.held[0, 0, 0] == 0.0
    assert state.held[0, 1, 0] == pytest.approx(4.0, abs=1e-12)
    assert np.isnan(state.entry_price[0, 0, 0])


def test_the_entry_follows_the_strategys_own_holding() -> None:
    # 100 at 50, 100 more at 60: average 55; half sold at 70: still 55; then the other side at 80: 80.
    opens = [[50.0], [60.0], [70.0], [80.0], [80.0]]
    book = hand_book([[50.0]] * 5, [[[0.05]], [[0.1]], [[0.05]], [[-0.1]], [[-0.1]]], fill_open=opens)
    state, record = book.start()
    seen = []
    for row in range(5):
        # the same NAV at every decision, so that the lots are those of the comment
        state.cash[0] = 100_000.0 - state.lots[0, 0] * 50.0
        advance(book.market, book.plan, book.terms, state, record, row, row + 1)
        at = int(state.entry_at[0, 0, 0])
        seen.append((state.held[0, 0, 0], state.entry_price[0, 0, 0], at // H4, bars_held(book.market, at, row, 0)))
    assert seen == [(100, 50.0, 1, 0), (200, 55.0, 1, 1), (100, 55.0, 1, 2), (-200, 80.0, 4, 0), (-200, 80.0, 4, 1)]


# Step 6


@pytest.mark.parametrize(
    ("quantity", "lots"),
    [
        (10.7, 10.0),
        (-10.7, -10.0),
        (0.999, 0.0),
        (9.9999999995, 10.0),
        (-9.9999999995, -10.0),
        (9.999999998, 9.0),
        (2.0**52, 2.0**52),
    ],
)
def test_quantities_round_toward_zero_with_a_hair(quantity: float, lots: float) -> None:
    assert whole_lots(quantity, True) == lots
    assert whole_lots(quantity, False) == quantity


def test_sizes_are_in_lots_of_the_instrument() -> None:
    # 10 % of 100 000 at 60 000 = 0.1666... coins: 1666 lots of 0.0001
    book = hand_book([[60_000.0]], [[[0.1]]], lot=0.0001)
    assert book.decide(book.start()[0]).target[0] == 1666.0


def test_a_lot_of_zero_does_not_round() -> None:
    book = hand_book([[60_000.0]], [[[0.1]]], lot=0.0)
    assert book.decide(book.start()[0]).target[0] == pytest.approx(1 / 6, rel=1e-15)


@pytest.mark.parametrize(("price", "lot"), [(1e-12, 0.001), (1e-320, 1.0)])
def test_a_quantity_that_float64_cant_hold_exactly_is_an_error(price: float, lot: float) -> None:
    book = hand_book([[price]], [[[1.0]]], lot=lot)
    state, record = book.start()
    assert (
        decide_row(
            book.market, plan_of(book.plan, 0), terms_of(book.terms, 0), state_of(state, 0), 0, new_decision(1, 1, 1)
        )
        == 1
    )
    with pytest.raises(BadMarket, match="target quantity"):
        advance(book.market, book.plan, book.terms, state, record, 0, 1)


@pytest.mark.parametrize(("wish", "order"), [(0.104, 0.0), (0.105, 5.0), (0.096, 0.0), (0.095, -5.0)])
def test_the_band_holds_back_small_trades(wish: float, order: float) -> None:
    # 100 lots are 10 %; one lot is 0.1 %; the band is 0.5 %
    book = hand_book([[100.0]], [[[wish]]], band=0.005)
    assert book.decide(holding(book, [[100.0]], 90_000.0)).order[0] == order


def test_the_band_never_holds_back_a_full_exit() -> None:
    book = hand_book([[100.0]], [[[0.0]]], band=0.005)
    assert book.decide(holding(book, [[3.0]], 99_700.0)).order[0] == -3.0


@pytest.mark.parametrize(
    ("limits", "order"),
    [
        ({"asset_cap": 0.398}, -2.0),
        ({"class_cap": [0.398]}, -2.0),
        ({"gross_cap": 0.398}, -2.0),
        ({"asset_cap": 0.4}, 0.0),
    ],
)
def test_the_band_never_holds_back_a_reduction_of_a_breach(limits: dict[str, object], order: float) -> None:
    # 40 % held; a cap of 39.8 % wants 398 lots, a change of 0.2 % under a band of 0.5 %
    book = hand_book([[100.0]], [[[0.9]]], band=0.005, **limits)
    assert book.decide(holding(book, [[400.0]], 60_000.0)).order[0] == order


def test_the_band_never_holds_back_a_halt() -> None:
    book = hand_book([[100.0]], [[[0.9]]], band=0.5)
    state = holding(book, [[400.0]], 60_000.0)
    state.ladder[0] = HALTED
    assert book.decide(state).order[0] == -400.0


def test_a_breach_lets_no_increase_through_the_band() -> None:
    # asset 1 is over its cap, asset 0 wants 0.2 % more
    book = hand_book([[100.0, 100.0]], [[[0.102, 0.5]]], band=0.005, asset_cap=0.4)
    out = book.decide(holding(book, [[100.0, 450.0]], 45_000.0))
    assert out.order.tolist() == [0.0, -50.0]


# Unknown NAV


def unknown(weights: list[list[float]], lots: list[list[float]]) -> tuple[Book, State]:
    book = hand_book([[100.0] * len(weights[0])], [weights], band=0.5)
    state = holding(book, lots, 10_000.0)
    state.cash[0] = np.nan
    return book, state


def test_an_unknown_nav_adds_no_risk() -> None:
    book, state = unknown([[0.5, 0.5]], [[100.0, 0.0]])
    out = book.decide(state)
    assert out.order.tolist() == [0.0, 0.0]
    assert np.isnan(out.totals[0])
    assert state.ladder[0] == NORMAL
    assert state.peak[0] == 100_000.0


def test_an_unknown_nav_lets_a_strategy_leave() -> None:
    # A leaves its 60, B stays with its 40 although it wants more
    book, state = unknown([[0.0], [0.9]], [[60.0], [40.0]])
    out = book.decide(state)
    assert out.order[0] == -60.0
    book.fill(state, out)
    assert state.held[0, :, 0].tolist() == [0.0, 40.0]


def test_an_unknown_nav_reads_the_other_side_as_leaving() -> None:
    book, state = unknown([[-0.5]], [[100.0]])
    assert book.decide(state).order[0] == -100.0


def test_an_unknown_nav_keeps_who_was_netted_against_who_leaves() -> None:
    # without A's 100 the position would go from 20 to -80
    book, state = unknown([[0.0], [-0.5]], [[100.0], [-80.0]])
    out = book.decide(state)
    assert out.order[0] == 0.0
    book.fill(state, out)
    assert state.held[0, :, 0].tolist() == [100.0, -80.0]


def test_a_halt_goes_flat_also_while_nav_is_unknown() -> None:
    book, state = unknown([[0.5]], [[100.0]])
    state.ladder[0] = HALTED
    assert book.decide(state).order[0] == -100.0


def test_a_budget_of_nothing_leaves_also_while_nav_is_unknown() -> None:
    book, state = unknown([[0.5]], [[100.0]])
    book.plan.budget[0, 0, 0] = 0.0
    assert book.decide(state).order[0] == -100.0


def test_an_unknown_nav_rounds_what_stays_to_whole_lots() -> None:
    # A leaves its 5.35 of 10 lots; 4 of B's 4.65 can stay
    book, state = unknown([[0.0], [0.9]], [[5.35], [4.65]])
    out = book.decide(state)
    assert out.order[0] == -6.0
    book.fill(state, out)
    assert state.held[0, :, 0] == pytest.approx([0.0, 4.0], abs=1e-12)


# Fills that no decision asked for, as a venue may report them


def moved(held: list[float], wanted: list[float], fill: float, cost: float = 0.0) -> tuple[list[float], list[float]]:
    """Holdings and money of each strategy after a fill at 100."""
    book = hand_book([[100.0]], [[[0.0]] * len(held)])
    state = holding(book, [[lots] for lots in held], 0.0)
    move_holdings(state_of(state, 0), 0, np.array(wanted), fill, 100.0, 1.0, cost, 1)
    return state.held[0, :, 0].tolist(), state.strategy_cash[0].tolist()


def test_a_fill_that_nobody_asked_for_is_shared_by_what_each_holds() -> None:
    # 30 and 10 stay as they are, 4 were sold at a cost of 8: 3 and 1, 6 and 2
    held, money = moved([30.0, 10.0], [30.0, 10.0], -4.0, 8.0)
    assert held == pytest.approx([27.0, 9.0])
    assert money == pytest.approx([294.0, 98.0])


def test_a_fill_that_nobody_asked_for_of_what_nobody_holds_is_shared_equally() -> None:
    held, money = moved([0.0, 0.0], [0.0, 0.0], 2.0, 4.0)
    assert held == [1.0, 1.0]
    assert money == [-102.0, -102.0]


def test_a_fill_against_the_larger_side_goes_to_the_smaller() -> None:
    # +10 and -4 wanted, 6 sold: the seller has sold them, and bears the costs
    held, money = moved([0.0, 10.0], [10.0, 6.0], -6.0, 3.0)
    assert held == [0.0, 4.0]
    assert money == [0.0, 597.0]


amounts = st.floats(-1e4, 1e4).map(lambda x: round(x, 3))


@given(
    lots=st.lists(st.tuples(amounts, amounts), min_size=1, max_size=5),
    fill=st.one_of(st.just(0.0), amounts),
    cost=st.floats(0.0, 100.0),
)
def test_holdings_sum_to_the_position_whatever_was_filled(
    lots: list[tuple[float, float]], fill: float, cost: float
) -> None:
    before, wanted = [list(side) for side in zip(*lots, strict=True)]
    held, money = moved(before, wanted, fill, cost if fill else 0.0)
    assert sum(held) == pytest.approx(sum(before) + fill, abs=1e-6)
    assert sum(money) == pytest.approx(-fill * 100.0 - (cost if fill else 0.0), abs=1e-4)
