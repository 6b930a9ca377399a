"""Backtests of arrays: worked by hand, the same as a book's, and what can't be is refused."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from tradeterm.backtest_api import Book, Prices, backtest, sweep
from tradeterm.core.errors import BadMarket
from tradeterm.core.time import H4_NS, from_iso

START = from_iso("2024-01-01")


def prices(close: list[list[float]], opened: list[list[float]] | None = None) -> Prices:
    at = np.array(close)
    return Prices(
        closed_at=START + H4_NS * np.arange(1, len(at) + 1),
        open=at if opened is None else np.array(opened),
        close=at,
    )


def walk(rows: int, count: int) -> Prices:
    rng = np.random.default_rng(3)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, (rows, count)), axis=0))
    return prices(close.tolist(), np.vstack([close[:1], close[:-1]]).tolist())


def test_a_decision_at_a_close_is_filled_at_the_next_open() -> None:
    bars = prices([[100.0], [110.0], [120.0], [130.0]], [[100.0], [105.0], [112.0], [125.0]])
    book = Book(capital=1000.0, fee=0.01, slippage=0.005, sizing="at_decision")
    done = backtest(bars, np.array([[0.5], [0.5], [0.0], [0.0]]), book)
    # 5 units decided at 100 and bought at 105; at 110 half of the NAV is less than they are worth, and so on.
    assert done.record.filled[0, 0, 0] == pytest.approx(5.0)
    cash = 1000.0 - 5.0 * 105.0 * 1.015
    assert done.nav[:2].tolist() == pytest.approx([1000.0, cash + 5.0 * 110.0])
    held = 0.5 * done.nav[1] / 110.0
    moved = held - 5.0
    cash -= moved * 112.0 + abs(moved) * 112.0 * 0.015
    assert done.nav[2] == pytest.approx(cash + held * 120.0)
    assert done.nav[3] == pytest.approx(cash + held * 125.0 * (1.0 - 0.015))
    assert done.fills == 3


def test_filled_at_the_close_it_needs_no_open() -> None:
    bars = prices([[100.0, 10.0], [110.0, 10.0], [110.0, 12.0]], [[math.nan, math.nan]] * 3)
    book = Book(capital=1000.0, fill="close", sizing="at_fill")
    done = backtest(bars, np.array([[0.5, 0.5], [0.0, 1.0], [0.0, 0.0]]), book)
    assert done.nav.tolist() == pytest.approx([1000.0, 1050.0, 1260.0])


def test_limits_and_the_ladder_hold() -> None:
    capped = backtest(walk(300, 3), np.full((300, 3), 0.5), Book(asset_limit=0.3, gross_limit=0.6))
    weights = capped.record.position[0, 1:] * walk(300, 3).close[1:] / capped.nav[1:, None]
    assert weights.sum(axis=1).max() < 0.62
    fall = prices([[100.0], [100.0], [70.0], [70.0], [70.0]])
    halted = backtest(fall, np.ones((5, 1)), Book())
    assert halted.record.ladder[0].tolist() == [0, 0, 2, 2, 2]
    assert halted.record.position[0, -1, 0] == 0.0


def test_a_sweep_is_its_runs_one_by_one_whatever_the_chunks_and_threads() -> None:
    bars, book = walk(400, 2), Book(fee=0.001, band=0.02)
    rng = np.random.default_rng(5)
    wishes = np.repeat(rng.random((7, 40, 2)) / 2.0, 10, axis=1)
    alone = np.array([backtest(bars, wish, book).nav[-1] for wish in wishes])
    for chunk, threads in ((None, 2), (1, 1), (3, 2), (20, 4)):
        found = sweep(
            bars,
            book,
            7,
            lambda own: wishes[own.start : own.stop],
            measure=lambda nav: nav[:, -1],
            chunk=chunk,
            threads=threads,
        )
        np.testing.assert_array_equal(found, alone)
    assert len(sweep(bars, book, 0, lambda own: wishes[:0], measure=lambda nav: nav[:, -1])) == 0


def test_a_sweep_ends_where_a_part_of_it_fails() -> None:
    bars, asked, failing = walk(50, 1), [], threading.Event()

    def weights(own: range) -> np.ndarray:
        asked.append(own.start)
        if own.start == 2:
            failing.set()
            raise ZeroDivisionError
        # The other thread has most of it before it when this one fails.
        assert own.start < 2 or failing.wait(30)
        return np.zeros((len(own), 50, 1))

    with pytest.raises(ZeroDivisionError):
        sweep(bars, Book(), 20_000, weights, measure=lambda nav: nav[:, -1], chunk=1, threads=2)
    assert len(asked) < 10_000


def test_a_sweep_takes_no_more_memory_than_its_runs() -> None:
    found = sweep(
        walk(50, 1), Book(), 3, lambda own: np.zeros((3, 50, 1)), measure=lambda nav: nav[:, -1], chunk=10**12
    )
    assert found.tolist() == [100_000.0] * 3


@pytest.mark.parametrize("weight", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_no_number_is_refused(weight: float) -> None:
    wish = np.full((20, 2), 0.3)
    wish[7, 1] = weight
    with pytest.raises(BadMarket, match="not finite"):
        backtest(walk(20, 2), wish, Book())


def test_strategies_of_one_book_are_netted_and_each_books_its_own() -> None:
    bars, book = walk(300, 2), Book(fee=0.001, slippage=0.0005)
    one = np.repeat(np.random.default_rng(6).random((30, 2)) / 4.0, 10, axis=0)
    other = np.roll(one, 5, axis=0) / 2.0
    both = backtest(bars, np.stack([one, other], axis=1), book)
    sum_of_both = backtest(bars, one + other, book)
    np.testing.assert_allclose(both.nav, sum_of_both.nav, rtol=1e-12)
    np.testing.assert_allclose(book.capital + both.record.pnl[0].sum(axis=1), both.nav, rtol=1e-12)
    assert both.record.pnl[0, -1, 0] != pytest.approx(both.record.pnl[0, -1, 1])


def test_metrics_are_those_of_the_nav_from_bar_to_bar() -> None:
    done = backtest(walk(500, 1), np.ones((500, 1)), Book(ladder=(0.9, 0.95)))
    returns = done.nav[1:] / done.nav[:-1] - 1.0
    found = done.metrics(2190)
    assert found["sharpe"] == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(2190))
    assert found["max_drawdown"] == pytest.approx((done.nav / np.maximum.accumulate(done.nav) - 1.0).min())


@pytest.mark.parametrize(("close", "found"), [(-1.0, "not positive"), (math.inf, "infinite")])
def test_a_price_that_cannot_be_is_refused(close: float, found: str) -> None:
    with pytest.raises(BadMarket, match=rf"column 1 at 2024-01-01T08:00:00Z: its close was {found}"):
        backtest(prices([[100.0, 1.0], [100.0, close]]), np.zeros((2, 2)), Book())
