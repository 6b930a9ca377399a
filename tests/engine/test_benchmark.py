"""Benchmarks by hand, by statistics of another library, and through a run with dividends and a delisting."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.stats

from tradeterm.engine.benchmark import RELATIONS, bought_once, relate, series_prices, universe_prices
from tradeterm.engine.inputs import RegimeSeries

NAN = math.nan


def test_equal_parts_are_bought_once_and_kept() -> None:
    prices = np.array([[10.0, 100.0], [12.0, 90.0], [20.0, 100.0]])
    assert bought_once(prices, 1000.0).tolist() == pytest.approx([1000.0, 500 * 1.2 + 500 * 0.9, 1000.0 + 500.0])


def test_the_part_of_an_instrument_without_a_price_is_cash_until_it_has_one() -> None:
    prices = np.array([[10.0, NAN], [11.0, NAN], [12.0, 50.0], [12.0, 55.0]])
    assert bought_once(prices, 200.0).tolist() == pytest.approx([200.0, 210.0, 220.0, 230.0])


def test_an_instrument_that_never_has_a_price_stays_cash() -> None:
    assert bought_once(np.array([[10.0, NAN], [20.0, NAN]]), 200.0).tolist() == pytest.approx([200.0, 300.0])


def test_a_daily_series_counts_from_when_each_close_was_known() -> None:
    known = np.array([10, 20, 30])
    series = RegimeSeries(
        symbol="SPY", known_at=known, ordinal=np.arange(3), value=np.array([1.0, 2.0, 3.0]), due_at=known + 10
    )
    found = series_prices(series, np.array([9, 10, 29, 30, 99]))[:, 0]
    assert np.isnan(found[0])
    assert found[1:].tolist() == [1.0, 2.0, 3.0, 3.0]
    assert np.isnan(series_prices(series.upto(5), np.array([9, 10]))).all()


def a_run(**market: Any) -> Any:
    """A run of five decisions from row 1 on, in one instrument that has bars in rows 0, 2 and 4 and one in all rows."""
    bar_no = np.array([[0, 0], [-1, 1], [1, 2], [-1, 3], [2, 4], [3, 5]])
    close = np.array([[10.0, 1.0], [NAN, 2.0], [12.0, 3.0], [NAN, 4.0], [15.0, 5.0], [18.0, 6.0]])
    values = {"gone": np.array([-1, -1]), "split": np.empty((0, 0)), "dividend": np.empty((0, 0))} | market
    return SimpleNamespace(
        first_row=1, panel=SimpleNamespace(bar_no=bar_no, close=close), market=SimpleNamespace(**values)
    )


def test_prices_of_the_universe_are_the_newest_own_closes() -> None:
    found = universe_prices(a_run())
    assert found[:, 0].tolist() == [10.0, 12.0, 12.0, 15.0, 18.0]
    assert found[:, 1].tolist() == [2.0, 3.0, 4.0, 5.0, 6.0]


def test_a_delisted_instrument_is_worth_what_was_paid_for_it() -> None:
    split, dividend = np.ones((5, 2)), np.zeros((5, 2))
    split[2, 0], dividend[2, 0] = 2.0, 0.5
    run = a_run(
        gone=np.array([2, -1]),
        split=split,
        dividend=dividend,
        last_price=np.array([4.0, 0.0]),
        mark=np.array([[10.0, 2.0], [12.0, 3.0], [12.0, 4.0], [15.0, 5.0], [18.0, 6.0]]),
    )
    # For a unit of 12: the dividend of 0.5, then twice the last price of 4.
    assert universe_prices(run)[:, 0].tolist() == pytest.approx([10.0, 12.0, 12.0, 8.5, 8.5])


def test_relations_are_those_of_a_regression() -> None:
    draw = np.random.default_rng(2)
    other = 0.01 * draw.standard_normal(300)
    own = 0.0003 + 0.7 * other + 0.004 * draw.standard_normal(300)
    found = relate(own, other, 252)
    line = scipy.stats.linregress(other, own)
    assert found["beta"] == pytest.approx(line.slope, rel=1e-10)
    assert found["alpha"] == pytest.approx(line.intercept * 252, rel=1e-8)
    assert found["correlation"] == pytest.approx(line.rvalue, rel=1e-10)
    excess = own - other
    assert found["tracking_error"] == pytest.approx(np.std(excess, ddof=1) * math.sqrt(252), rel=1e-12)
    expected = np.mean(excess) / np.std(excess, ddof=1) * math.sqrt(252)
    assert found["information_ratio"] == pytest.approx(expected, rel=1e-10)


def test_few_days_relate_to_nothing() -> None:
    assert relate(np.full(59, 0.01), np.full(59, 0.02), 252) == dict.fromkeys(RELATIONS)


def test_what_does_not_move_has_no_beta_and_no_correlation() -> None:
    found = relate(np.random.default_rng(1).standard_normal(80), np.zeros(80), 252)
    assert (found["beta"], found["alpha"], found["correlation"]) == (None, None, None)
    assert found["tracking_error"] is not None
