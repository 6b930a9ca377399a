"""Months, years and rolling windows against pandas."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from tradeterm.core.time import DAY_NS, from_iso
from tradeterm.engine.periods import drawdowns, months_of, period_returns, rolling_sharpe, rolling_window

START = from_iso("2023-11-17")


def series(days: int = 500) -> tuple[np.ndarray, np.ndarray, pd.Series]:
    """Points, NAV, and the same as pandas has it: by the date of the day that ends."""
    draw = np.random.default_rng(11)
    times = START + DAY_NS * np.arange(days + 1, dtype=np.int64)
    nav = 1000.0 * np.concatenate([[1.0], np.cumprod(1.0 + 0.01 * draw.standard_normal(days))])
    dates = pd.to_datetime(times[1:] - DAY_NS, unit="ns", utc=True)
    return times, nav, pd.Series(nav[1:] / nav[:-1] - 1.0, index=dates)


def test_months_are_compounded_days_of_their_dates() -> None:
    times, nav, returns = series()
    period, found = period_returns(nav, months_of(times[1:]))
    expected = (1.0 + returns).resample("ME").prod() - 1.0
    names = [str(np.datetime64("1970-01", "M") + int(month)) for month in period]
    assert names == [date.strftime("%Y-%m") for date in expected.index]
    np.testing.assert_allclose(found, expected.to_numpy(), rtol=1e-10)


def test_years_are_compounded_months() -> None:
    times, nav, _ = series()
    months, by_month = period_returns(nav, months_of(times[1:]))
    years, by_year = period_returns(nav, months_of(times[1:]) // 12)
    assert (1970 + years).tolist() == [2023, 2024, 2025]
    for year, value in zip(years, by_year, strict=True):
        assert np.prod(1.0 + by_month[months // 12 == year]) - 1.0 == pytest.approx(value, rel=1e-10)
    assert np.prod(1.0 + by_year) == pytest.approx(nav[-1] / nav[0], rel=1e-12)


def test_a_day_that_ends_at_midnight_belongs_to_the_month_before() -> None:
    ends = np.array([from_iso("2024-03-01"), from_iso("2024-03-01T04:00:00Z"), from_iso("2024-03-02")])
    assert (months_of(ends) - 54 * 12).tolist() == [1, 2, 2]


def test_without_a_day_there_is_no_month() -> None:
    period, found = period_returns(np.array([100.0]), np.empty(0, dtype=np.int64))
    assert (len(period), len(found)) == (0, 0)


def test_the_rolling_sharpe_is_that_of_pandas() -> None:
    _, _, returns = series()
    window = rolling_window(252)
    found = rolling_sharpe(returns.to_numpy(), window, 252)
    rolled = returns.rolling(window)
    expected = (rolled.mean() / rolled.std() * math.sqrt(252)).to_numpy()
    assert window == 126
    assert np.isnan(found[: window - 1]).all()
    np.testing.assert_allclose(found[window - 1 :], expected[window - 1 :], rtol=1e-9)


def test_a_window_in_which_nothing_moved_has_no_sharpe() -> None:
    found = rolling_sharpe(np.concatenate([np.zeros(10), [0.01]]), 5, 252)
    assert np.isnan(found[:10]).all()
    assert math.isfinite(found[10])
    assert np.isnan(rolling_sharpe(np.array([0.1, 0.2]), 5, 252)).all()


def test_the_drawdown_is_that_of_pandas() -> None:
    _, nav, _ = series()
    expected = pd.Series(nav) / pd.Series(nav).cummax() - 1.0
    np.testing.assert_allclose(drawdowns(nav), expected.to_numpy(), atol=1e-15)
