"""Ten thousand random books: the second simulator, the audit and every invariant on each (`make test-long`)."""

from __future__ import annotations

from contextlib import suppress

import pytest
import test_simulate as invariants
from books import calm_book, eventful_book, random_book
from hypothesis.errors import UnsatisfiedAssumption
from test_simulate import recorded_as_if_decided_anew
from test_simulate_reference import compare, compare_book

from tradeterm.engine.audit import audit

BATCH, BATCHES = 400, 25
pytestmark = pytest.mark.long

HELD = (
    invariants.test_no_cap_is_exceeded_by_an_increase,
    invariants.test_what_strategies_hold_and_earn_sums_to_the_book,
    invariants.test_a_strategy_that_may_not_short_never_holds_less_than_nothing,
    invariants.test_the_ladder_goes_up_only_below_the_recovery_level_or_when_a_halt_is_over,
    invariants.test_the_order_of_strategies_and_symbols_does_not_matter,
    invariants.test_fills_happen_only_where_a_bar_opens_before_the_next_decision,
    invariants.test_a_reduction_that_has_its_bar_is_never_cut,
)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_second_simulator_and_the_audit_agree_on_every_book(batch: int) -> None:
    fills, worst = 0, 0.0
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        compare(seed, at_fill=seed % 4 == 0)
        recorded_as_if_decided_anew(eventful_book(seed))
        if seed % 5 == 0:
            compare_book(eventful_book(seed), seed)
        book = random_book(seed) if seed % 3 else calm_book(seed)
        state, record = book.run()
        found = audit(book.market, book.terms, record, state, capital=book.capital)
        assert found.ok, (seed, str(found.violations[0]))
        fills, worst = fills + found.fills, max(worst, found.residual)
    assert fills > BATCH
    assert worst <= 1e-9


# A book that rounds nothing is not what scaled prices are about.
@pytest.mark.filterwarnings("ignore:Using `assume` outside")
@pytest.mark.parametrize("batch", range(BATCHES))
def test_every_invariant_holds_on_every_book(batch: int) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        for held in HELD:
            held.hypothesis.inner_test(seed=seed)
        with suppress(UnsatisfiedAssumption):
            factor = (0.25, 3.0, 1000.0)[seed % 3]
            invariants.test_prices_times_c_with_lots_over_c_change_nothing.hypothesis.inner_test(
                seed=seed, factor=factor
            )
