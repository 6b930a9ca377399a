"""Whatever is changed in a record is found by the rule that it breaks; what the kernel records breaks none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from books import Book, calm_book, hand_book, random_book

from tradeterm.engine import audit as module
from tradeterm.engine.audit import RULES, Audit, audit
from tradeterm.engine.book import Market, Record, State, Terms


@dataclass
class Kept:
    """A run as it was recorded."""

    market: Market
    terms: Terms
    record: Record
    state: State
    capital: float

    def audit(self) -> Audit:
        return audit(self.market, self.terms, self.record, self.state, capital=self.capital)


def kept(book: Book) -> Kept:
    state, record = book.run()
    return Kept(book.market, book.terms, record, state, book.capital)


def traded() -> Kept:
    """Two strategies on two instruments, market orders, a fill in most rows, costs, interest and a short."""
    rng = np.random.default_rng(5)
    mark = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, (30, 2)), axis=0))
    wish = np.zeros((30, 2, 2))
    wish[:, 0, 0] = np.where(np.arange(30) % 3 < 2, 0.6, 0.2)
    wish[:, 1, 1] = np.where(np.arange(30) % 4 < 2, -0.4, 0.3)
    return kept(
        hand_book(
            mark,
            wish,
            budget=[0.5, 0.5],
            fee=0.001,
            slippage=0.0005,
            fill_high=mark * 1.01,
            fill_low=mark * 0.99,
            volume=1e6,
            share=0.5,
            interest=(0.02, 0.05),
            borrow=0.03,
        )
    )


def rested() -> Kept:
    """One instrument, limit orders that fill inside the bar."""
    mark = np.full((6, 1), 100.0)
    wish = np.array([0.5, 0.5, 0.0, 0.5, 0.0, 0.0]).reshape(6, 1, 1)
    return kept(hand_book(mark, wish, limit=0.01, fee=0.001, band=0.02, fill_high=mark + 2.0, fill_low=mark - 2.0))


def first_fill(run: Kept) -> tuple[int, int]:
    rows, columns = np.nonzero(run.record.filled[0])
    return int(rows[3]), int(columns[3])


def late_fill(run: Kept) -> None:
    run.market.fill_at[first_fill(run)] = run.market.times[first_fill(run)[0] + 1]


def early_fill(run: Kept) -> None:
    run.market.fill_at[first_fill(run)] = run.market.times[first_fill(run)[0]] - 1


def closed_market(run: Kept) -> None:
    run.market.tradable[first_fill(run)] = False


def nothing_traded(run: Kept) -> None:
    run.market.fill_volume[first_fill(run)] = 0.0


def outside_the_bar(run: Kept) -> None:
    run.market.fill_low[first_fill(run)] = run.market.fill_open[first_fill(run)] * 1.001


def too_much_of_the_bar(run: Kept) -> None:
    at = first_fill(run)
    run.market.fill_volume[at] = abs(run.record.filled[0][at]) * 2.0 - 1.0


def past_the_target(run: Kept) -> None:
    at = first_fill(run)
    run.record.target[0][at] = run.record.position[0][at]


def a_lot_from_nowhere(run: Kept) -> None:
    run.record.position[0, 10, 0] += 1.0


def a_fill_that_was_not_booked(run: Kept) -> None:
    run.record.filled[0][first_fill(run)] = 0.0


def a_cent_is_missing(run: Kept) -> None:
    run.record.cash[0, 10] -= 0.01


def costs_were_not_paid(run: Kept) -> None:
    run.terms.taker[0, 0] = 0.002


def interest_was_forgotten(run: Kept) -> None:
    run.terms.interest[0, 0] = 0.03


def borrowing_was_free(run: Kept) -> None:
    run.terms.borrow[0, 1] = 0.5


def nav_is_embellished(run: Kept) -> None:
    run.record.nav[0, 12] *= 1.0 + 1e-8


def a_strategy_holds_too_much(run: Kept) -> None:
    run.record.held[0, 10, 0, 0] += 1.0


def a_strategy_claims_more(run: Kept) -> None:
    run.record.pnl[0, 10, 0] += 1.0


def the_end_has_more_cash(run: Kept) -> None:
    run.state.cash[0] += 0.01


@pytest.mark.parametrize(
    ("tamper", "rule"),
    [
        (late_fill, "fill-time"),
        (early_fill, "fill-time"),
        (closed_market, "fill-bar"),
        (nothing_traded, "fill-bar"),
        (outside_the_bar, "fill-price"),
        (too_much_of_the_bar, "participation"),
        (past_the_target, "fill-size"),
        (a_lot_from_nowhere, "position"),
        (a_fill_that_was_not_booked, "position"),
        (a_cent_is_missing, "cash"),
        (costs_were_not_paid, "cash"),
        (interest_was_forgotten, "interest"),
        (borrowing_was_free, "cash"),
        (nav_is_embellished, "nav"),
        (a_strategy_holds_too_much, "holdings"),
        (a_strategy_claims_more, "attribution"),
        (the_end_has_more_cash, "cash"),
    ],
)
def test_what_is_tampered_with_is_found(tamper: Callable[[Kept], None], rule: str) -> None:
    run = traded()
    assert run.audit().ok
    tamper(run)
    found = run.audit()
    assert not found.ok
    assert rule in {item.rule for item in found.violations}


def test_a_limit_fills_at_its_price_inside_the_bar_and_not_at_its_edge() -> None:
    run = rested()
    assert run.audit().ok
    assert run.audit().fills == 4
    rows, columns = np.nonzero(run.record.filled[0])
    for price in (98.0, 97.0, 100.0):
        run = rested()
        run.record.price[0, rows[0], columns[0]] = price
        assert "fill-price" in {item.rule for item in run.audit().violations}, price


def test_a_dividend_that_was_not_paid_is_found() -> None:
    mark, wish = np.full((4, 1), 100.0), np.full((4, 1, 1), 0.5)
    run = kept(hand_book(mark, wish, dividend=[[0.0], [0.0], [1.0], [0.0]]))
    assert run.audit().ok
    run.market.dividend[2, 0] = 1.1
    assert {item.rule for item in run.audit().violations} == {"cash"}


def test_a_split_that_was_not_booked_is_found() -> None:
    mark, wish = [[100.0], [100.0], [100.0], [50.0]], np.full((4, 1, 1), 0.5)
    run = kept(hand_book(mark, wish, split=[[1.0], [1.0], [2.0], [1.0]], fill_open=[[100.0], [100.0], [50.0], [50.0]]))
    assert run.audit().ok
    run.market.split[2, 0] = 3.0
    assert "position" in {item.rule for item in run.audit().violations}


@pytest.mark.parametrize("seed", range(60))
def test_what_the_kernel_records_breaks_no_rule(seed: int) -> None:
    found = kept(random_book(seed) if seed % 3 else calm_book(seed)).audit()
    assert found.ok, [str(item) for item in found.violations[:3]]
    assert found.residual <= 1e-12


def test_a_run_in_parts_is_audited_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [kept(random_book(seed)) for seed in range(20)]
    for run in runs[::2]:
        run.record.cash[0, len(run.market.times) // 2] += 1.0
    whole = [run.audit() for run in runs]
    monkeypatch.setattr(module, "_MOST_CELLS", 7)
    assert [run.audit() for run in runs] == whole
    assert any(found.count for found in whole)


def test_every_rule_is_named_and_violations_say_where() -> None:
    run = traded()
    run.record.cash[0, 10] -= 0.01
    found = run.audit().violations
    assert {item.rule for item in found} <= set(RULES)
    assert str(found[0]).startswith("cash at 1970-01-02T")
