"""Every number of an explanation against the kernel's record, and every size that passes put to the test."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from books import INF, hand_book, plan_with, random_book, terms_with
from replays import replay_of

from tradeterm.engine.book import DERISKED, HALTED, terms_of
from tradeterm.engine.decided import decided, ladder_factor_of
from tradeterm.engine.explain import AxisState, Decided, Rule, Why, contributions, cuts, explain, exposures, scales
from tradeterm.engine.risk import scale_to_caps

SEEDS = range(40)
MORE = 1e-6


def with_net_cap(seed: int) -> Decided:
    """The decision of a random book at its row of the largest wishes, under net and gross caps that bind on some."""
    book = random_book(seed)
    rng = np.random.default_rng([seed, 9])
    cap = rng.choice([0.05, 0.2, 0.6, INF], book.terms.net_cap.shape)
    gross = book.terms.gross_cap * rng.choice([0.2, 0.5, 1.0], (1, 1))
    run = replay_of(book.but(net_cap=cap, gross_cap=gross))
    row = int(np.argmax(np.abs(run.record.contribution[0]).sum(axis=(1, 2))))
    return decided(run, row)


def kernel_scale(at: Decided) -> np.ndarray:
    """What the kernel makes of the net wishes of a decision."""
    count, classes = len(at.symbols), len(at.classes)
    terms = terms_with(
        1,
        count,
        asset_cap=at.asset_cap[None],
        class_cap=at.class_cap[None, None],
        gross_cap=np.array([[at.gross_cap]]),
        net_cap=np.array([[at.net_cap]]),
    )
    scale = np.ones(count)
    scale_to_caps(
        np.arange(count, dtype=np.uint64),
        count,
        at.desired,
        at.position,
        at.movable,
        at.asset_class,
        terms_of(terms, 0),
        0,
        scale,
        np.ones(classes),
        np.ones(2),
    )
    return scale * at.ladder_factor


def wishing(at: Decided, j: int, size: float) -> Decided:
    """Same decision where the net wish of one instrument has another size, on its side."""
    contribution = np.zeros((1, len(at.symbols)))
    contribution[0] = at.desired
    contribution[0, j] = math.copysign(size, at.desired[j])
    return replace(
        at,
        strategies=("All",),
        contribution=contribution,
        weights=contribution,
        budget=np.ones(1),
        base=np.ones(1),
        multiplier=np.ones_like(contribution),
        flags=np.zeros(contribution.shape, dtype=np.int8),
        held=np.zeros_like(contribution),
        own_cap=np.full(1, INF),
    )


def is_cut(why: Why) -> bool:
    return any(met.cut for met in why.met if not met.limit.startswith(("ladder", "NAV", "strategy")))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("at_fill", [False, True])
def test_the_factors_of_the_limits_multiply_to_the_recorded_scale(seed: int, at_fill: bool) -> None:
    run = replay_of(random_book(seed, at_fill=at_fill))
    record = run.record
    for row in range(len(run.times)):
        at = decided(run, row)
        assert scales(at) == pytest.approx(record.scale[0, row], abs=1e-12)
        if at.nav > 0.0:
            assert contributions(at) == pytest.approx(record.contribution[0, row], abs=1e-12)
        for j in range(len(at.symbols)):
            why = explain(at, j)
            if why.idle:
                assert why.target == 0.0
                assert not record.position[0, row, j]
                continue
            factors = [met.factor for met in why.met if not met.limit.startswith("strategy ")]
            product = math.prod(factors) if math.isfinite(why.nav) else 0.0
            assert product == pytest.approx(record.scale[0, row, j], abs=1e-12)
            net = record.contribution[0, row, :, j].sum()
            assert why.target == pytest.approx(net * record.scale[0, row, j], abs=1e-12)
            assert sum(asked.after for asked in why.asked) == pytest.approx(why.target, abs=1e-12)
            assert why.delta == why.target - why.position


@pytest.mark.parametrize("seed", SEEDS)
def test_what_each_strategy_asked_is_its_wish_after_overrides_and_its_own_cap(seed: int) -> None:
    run = replay_of(random_book(seed))
    for row in range(len(run.times)):
        at = decided(run, row)
        if not at.nav > 0.0:
            continue
        for j in range(len(at.symbols)):
            why = explain(at, j)
            own = {met.limit.removeprefix("strategy "): met for met in why.met if met.limit.startswith("strategy ")}
            for asked in why.asked:
                wish = asked.weight * asked.budget * asked.multiplier
                assert asked.wish == wish
                if not asked.flag:
                    factor = own[asked.strategy].factor if asked.strategy in own else 1.0
                    assert asked.before == pytest.approx(wish * factor, abs=1e-12)
                elif asked.flag != "reduce only":
                    assert abs(asked.before) <= abs(asked.held) + 1e-12
                else:
                    assert 0.0 <= asked.before * math.copysign(1.0, asked.held or 1.0) <= abs(asked.held) + 1e-12
                if asked.strategy in own:
                    assert own[asked.strategy].after == pytest.approx(abs(asked.before), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_step_takes_up_what_the_one_before_left(seed: int) -> None:
    at = with_net_cap(seed)
    for j in range(len(at.symbols)):
        why = explain(at, j)
        if why.idle:
            continue
        steps = [met for met in why.met if not met.limit.startswith("strategy ")]
        size = abs(why.desired)
        for met in steps:
            assert met.before == pytest.approx(size, abs=1e-12)
            assert met.after == pytest.approx(met.before * met.factor, abs=1e-12)
            if not met.limit.startswith(("ladder", "NAV")):
                assert met.headroom == max(0.0, met.cap - met.taken)
            size = met.after
        assert size == pytest.approx(abs(why.target), abs=1e-12)


@pytest.mark.parametrize("seed", range(200))
def test_the_size_that_passes_passes_and_a_millionth_of_nav_more_is_cut(seed: int) -> None:
    at = with_net_cap(seed)
    for j in range(len(at.symbols)):
        why = explain(at, j)
        if why.passes is None or why.desired == 0.0 or at.nav <= 0.0 or not math.isfinite(why.passes):
            continue
        if why.passes > MORE:
            fits = wishing(at, j, why.passes)
            assert not is_cut(explain(fits, j))
            assert kernel_scale(fits)[j] == pytest.approx(at.ladder_factor, rel=1e-9)
        larger = wishing(at, j, why.passes + MORE)
        assert is_cut(explain(larger, j))
        assert kernel_scale(larger)[j] < at.ladder_factor or at.ladder_factor == 0.0


def test_the_made_books_have_wishes_that_limits_cut_and_that_pass() -> None:
    found = [explain(at, j) for at in map(with_net_cap, SEEDS) for j in range(len(at.symbols))]
    judged = [why for why in found if why.passes is not None and why.desired != 0.0]
    assert sum(is_cut(why) for why in judged) > 10
    assert any(not is_cut(why) for why in judged)
    for limit in ("asset", "class", "gross", "net"):
        assert any(met.cut for why in judged for met in why.met if met.limit.startswith(limit)), limit


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("limit", ["asset", "class", "gross", "net"])
def test_each_limit_alone_leaves_the_size_it_names_whole_and_no_larger_one(seed: int, limit: str) -> None:
    at = with_net_cap(seed)
    alone = replace(
        at,
        asset_cap=at.asset_cap if limit == "asset" else np.full(len(at.symbols), INF),
        class_cap=at.class_cap if limit == "class" else np.full(len(at.classes), INF),
        gross_cap=at.gross_cap if limit == "gross" else INF,
        net_cap=at.net_cap if limit == "net" else INF,
    )
    for j in range(len(at.symbols)):
        named = [met for met in explain(alone, j).met if met.limit.startswith(limit)]
        for met in named:
            if met.passes is None or at.desired[j] == 0.0:
                continue
            if met.passes > MORE:
                assert not is_cut(explain(wishing(alone, j, met.passes), j))
            assert is_cut(explain(wishing(alone, j, met.passes + MORE), j))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_kernel_and_the_plain_arithmetic_cut_alike_under_every_limit(seed: int) -> None:
    at = with_net_cap(seed)
    if at.nav > 0.0:
        assert scales(at) == pytest.approx(kernel_scale(at), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_orders_are_what_is_wanted_less_what_is_held_or_there_is_a_reason(seed: int) -> None:
    run = replay_of(random_book(seed, at_fill=False))
    for row in range(len(run.times)):
        at = decided(run, row)
        for j in range(len(at.symbols)):
            why = explain(at, j)
            wanted = math.isfinite(why.nav) and math.isfinite(why.mark)
            if wanted:
                exact = why.target * why.nav / (at.unit[j] * why.mark) if why.nav else 0.0
                step = 1.0 if run.market.rounds[j] else 0.0
                assert abs(at.aim[j] - exact) <= step + 1e-6
            if why.order:
                assert why.order == pytest.approx(why.aim - why.quantity, rel=1e-9)
                assert why.kept == ""
            elif why.aim != why.quantity:
                assert "below the smallest order" in why.kept or "no-trade band" in why.kept or not wanted


def test_a_budget_and_a_cap_name_the_rules_that_made_them() -> None:
    run = replay_of(hand_book([[100.0]], [[[0.8]]], budget=0.3, asset_cap=0.2))
    rules = (
        Rule(axis="macro", state="SLOWDOWN", multipliers={"*": 0.5}, caps={"asset": 0.2}),
        Rule(axis="equity", state="BULL", multipliers={"Strategy0_v1": 0.9}),
        Rule(axis="equity", state="BEAR", multipliers={"*": 0.0}, caps={"asset": 0.1}),
    )
    regime = (
        AxisState(axis="equity", state="BULL", last="BULL", status="fresh", reading=2.0, reference=1.0),
        AxisState(axis="macro", state="SLOWDOWN", last="EXPANSION", status="unknown", reading=2.0, reference=1.0),
    )
    why = explain(replace(decided(run, 0), rules=rules, regime=regime), 0)
    assert why.asked[0].because == ("macro SLOWDOWN x0.5",)
    assert [(met.limit, met.because) for met in why.met if met.limit == "asset"] == [("asset", ("macro SLOWDOWN",))]


def test_an_unknown_axis_keeps_the_rules_of_its_last_state_in_force() -> None:
    axis = AxisState(axis="macro", state="SLOWDOWN", last="RECESSION", status="unknown", reading=0.0, reference=0.0)
    assert axis.is_in("RECESSION")
    assert axis.is_in("SLOWDOWN")
    assert not axis.is_in("EXPANSION")


def test_what_cannot_trade_keeps_its_asset_factor_and_takes_room_from_the_others() -> None:
    run = replay_of(
        hand_book(
            [[100.0, 100.0]] * 2,
            [[[0.6, 0.0]], [[0.6, 0.9]]],
            tradable=[[True, True], [False, True]],
            gross_cap=1.0,
            capital=10_000.0,
        )
    )
    at = decided(run, 1)
    stuck, free = explain(at, 0), explain(at, 1)
    assert stuck.passes is None
    assert not stuck.movable
    gross = next(met for met in free.met if met.limit == "gross")
    assert (gross.taken, gross.headroom, gross.wanted) == pytest.approx((0.6, 0.4, 0.9))
    assert free.target == pytest.approx(0.4)
    assert free.passes == pytest.approx(0.4)


def test_the_ladder_is_the_last_step_and_leaves_its_part() -> None:
    assert ladder_factor_of(DERISKED, 1.0, 0.5) == 0.5
    assert ladder_factor_of(HALTED, 1.0, 0.5) == 0.0
    run = replay_of(hand_book([[100.0], [100.0], [82.0]], [[[1.0]]] * 3, ladder=(0.15, 0.2, 0.1, 0.5, INF)))
    why = explain(decided(run, 2), 0)
    assert why.ladder == "DERISKED"
    assert why.met[-1].limit == "ladder DERISKED"
    assert (why.desired, why.target) == pytest.approx((1.0, 0.5))
    assert [cut.limit for cut in cuts(decided(run, 2))] == ["ladder DERISKED"]


def test_an_unknown_nav_is_said_and_nothing_is_made_up() -> None:
    at = replace(decided(replay_of(hand_book([[100.0]], [[[1.0]]])), 0), nav=math.nan, order=np.zeros(1))
    why = explain(at, 0)
    assert why.met == ()
    assert why.passes is None
    assert (why.scale, why.target) == (0.0, 0.0)
    assert "NAV is unknown" in why.kept
    assert cuts(at) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_the_cuts_of_a_book_are_those_its_instruments_met(seed: int) -> None:
    at = with_net_cap(seed)
    told = {(cut.limit, cut.symbol) for cut in cuts(at)}
    met = set()
    for j, symbol in enumerate(at.symbols):
        for each in explain(at, j).met:
            if each.cut and each.before > 0.0:
                met.add((each.limit, symbol if each.limit == "asset" else None))
    assert {item for item in told if item[0] != "net"} == {item for item in met if item[0] != "net"}


def test_exposures_leave_out_what_has_no_limit() -> None:
    at = decided(replay_of(hand_book([[100.0]], [[[1.0]]], gross_cap=1.5)), 0)
    assert [item.name for item in exposures(at, 0.15)] == ["gross", "drawdown"]


def test_an_override_is_named_beside_the_wish_that_it_stopped() -> None:
    plan = plan_with(np.full((1, 1, 1), 0.5), flags=np.full((1, 1, 1), 2, dtype=np.int8))
    run = replay_of(replace(hand_book([[100.0]], [[[0.5]]]), plan=plan))
    why = explain(decided(run, 0), 0)
    assert (why.asked[0].flag, why.asked[0].wish, why.asked[0].before) == ("no trade", 0.5, 0.0)
