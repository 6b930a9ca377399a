"""Column kernels against pandas and plain loops, and their independence of what lies before the window."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeterm.engine import rolling


def walk(seed: int, count: int) -> np.ndarray:
    return 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.02, count)))


@pytest.mark.parametrize("window", [1, 2, 3, 7, 20, 200])
def test_rolling_sums_equal_pandas(window: int) -> None:
    values = walk(1, 700)
    found = rolling.rolling_sum(values, np.arange(700), window)
    np.testing.assert_allclose(found, pd.Series(values).rolling(window).sum(), rtol=1e-12)


@pytest.mark.parametrize(("window", "ddof"), [(2, 1), (20, 0), (21, 1)])
def test_rolling_deviations_equal_pandas(window: int, ddof: int) -> None:
    values = np.diff(np.log(walk(2, 500)))
    found = rolling.rolling_std(values, window, ddof)
    np.testing.assert_allclose(found, pd.Series(values).rolling(window).std(ddof=ddof), rtol=1e-10)


def test_the_deviation_of_a_constant_is_nothing_but_rounding() -> None:
    assert 0.0 <= rolling.rolling_std(np.full(30, 0.1), 20, 1)[-1] < 1e-16


def test_a_nan_is_in_every_window_that_holds_it_and_in_no_other() -> None:
    values = walk(3, 60)
    values[25] = np.nan
    for found in (rolling.rolling_sum(values, np.arange(60), 7), rolling.rolling_std(values, 7, 1)):
        holes = np.flatnonzero(np.isnan(found))
        assert holes.tolist() == [*range(6), *range(25, 32)]


@pytest.mark.parametrize("span", [1, 2, 5, 20, 100])
def test_exponential_means_equal_pandas_from_the_first_bar(span: int) -> None:
    values = walk(4, 4000)
    alpha = 2.0 / (span + 1.0)
    found = rolling.ema(values, np.arange(4000), alpha, rolling.block_length(alpha), span - 1)
    textbook = pd.Series(values).ewm(span=span, adjust=False, min_periods=span).mean()
    np.testing.assert_allclose(found, textbook, rtol=1e-10)


@pytest.mark.parametrize("window", [1, 2, 14, 50])
def test_wilders_mean_equals_his_recursion(window: int) -> None:
    values = np.abs(np.random.default_rng(5).normal(size=4000))
    block = rolling.block_length(1.0 / window) + window
    found = rolling.wilder(values, np.arange(4000), window, block)
    textbook = np.full(4000, np.nan)
    # the value of bar 0 is left out: a change needs the bar before
    level = sum(values[1 : window + 1]) / window
    textbook[window] = level
    for i in range(window + 1, 4000):
        level = (level * (window - 1) + values[i]) / window
        textbook[i] = level
    np.testing.assert_allclose(found, textbook, rtol=1e-10)


def test_a_block_forgets_its_start() -> None:
    assert rolling.block_length(1.0) == 1
    for alpha in (0.5, 2 / 21, 1 / 14):
        block = rolling.block_length(alpha)
        assert (1 - alpha) ** block <= 1e-13 < (1 - alpha) ** (block - 1)


def test_the_true_range_reaches_over_the_gap() -> None:
    high, low, close = np.array([11.0, 20.0, 12.0]), np.array([9.0, 18.0, 11.0]), np.array([10.0, 19.0, 11.5])
    # 20 - 10 over 20 - 18; 19 - 11 over 12 - 11
    np.testing.assert_array_equal(rolling.true_range(high, low, close), [np.nan, 10.0, 8.0])


@given(seed=st.integers(0, 99), window=st.integers(1, 40), start=st.integers(0, 150), length=st.integers(1, 200))
def test_a_sum_has_the_same_bits_wherever_the_history_starts(seed: int, window: int, start: int, length: int) -> None:
    values, ordinals = walk(seed, 350), np.arange(350)
    whole = rolling.rolling_sum(values, ordinals, window)
    part = rolling.rolling_sum(values[start : start + length], ordinals[start : start + length], window)
    np.testing.assert_array_equal(part[window - 1 :], whole[start : start + length][window - 1 :])
    assert np.isnan(part[: window - 1]).all()
