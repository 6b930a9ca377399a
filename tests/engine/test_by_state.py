"""Returns by state: figures against empyrical, resamples day by day, and how often an interval holds the truth."""

from __future__ import annotations

import math

import empyrical
import numpy as np
import pytest

from tradeterm.engine.by_state import FEWEST_DAYS, Resamples, figures, resamples

YEAR = 252


def made(days: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Returns that differ by state, in states that last."""
    draw = np.random.default_rng(seed)
    inside = np.repeat(draw.random(days // 15 + 1) < 0.4, 15)[:days]
    return np.where(inside, 0.001, -0.0005) + 0.01 * draw.standard_normal(days), inside


def days_of(drawn: Resamples, row: int) -> list[int]:
    """Days of one resample, one after the other."""
    found = [(int(start) + step) % drawn.days for start in drawn.starts[row] for step in range(drawn.block)]
    return found[: drawn.days]


def test_figures_are_those_of_a_reference_on_the_days_of_the_state_alone() -> None:
    returns, inside = made(700)
    found = figures(returns, inside, resamples(700, seed=1), YEAR)
    own = returns[inside]
    assert found.n == int(inside.sum())
    assert found.mean == pytest.approx(float(own.mean()), rel=1e-12)
    assert found.annual == pytest.approx(empyrical.annual_return(own, annualization=YEAR), rel=1e-10)
    assert found.sharpe == pytest.approx(empyrical.sharpe_ratio(own, annualization=YEAR), rel=1e-10)


@pytest.mark.parametrize("days", [125, 130, 301])
def test_intervals_are_those_of_resamples_walked_day_by_day(days: int) -> None:
    returns, inside = made(days)
    drawn = resamples(days, seed=77, draws=200)
    means, ratios = [], []
    for row in range(200):
        own = [returns[day] for day in days_of(drawn, row) if inside[day]]
        mean = sum(own) / len(own)
        spread = math.sqrt(sum((value - mean) ** 2 for value in own) / (len(own) - 1))
        means.append(mean)
        ratios.append(mean / spread * math.sqrt(YEAR))
    found = figures(returns, inside, drawn, YEAR)
    assert found.mean_interval == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), rel=1e-9)
    assert found.sharpe_interval == pytest.approx(tuple(np.quantile(ratios, [0.025, 0.975])), rel=1e-9)


def test_a_resample_has_as_many_days_as_the_series_and_all_days_are_as_likely() -> None:
    drawn = resamples(400, seed=3)
    assert drawn.starts.shape == (1000, 50)
    assert drawn.block == 8
    assert np.array_equal(drawn.sums(np.ones(400)), np.full(1000, 400.0))
    counts = np.bincount([day for row in range(1000) for day in days_of(drawn, row)], minlength=400)
    assert abs(counts / 1000 - 1.0).max() < 0.2


def test_the_seed_decides_the_resamples_and_nothing_else_does() -> None:
    returns, inside = made(300)
    one, again, other = (figures(returns, inside, resamples(300, seed=seed), YEAR) for seed in (4, 4, 5))
    assert one == again
    assert one.mean_interval != other.mean_interval
    assert one.mean == other.mean


def test_an_interval_of_correlated_returns_holds_the_true_mean_about_as_often_as_it_says() -> None:
    held = 0
    for trial in range(200):
        draw = np.random.default_rng(1000 + trial)
        noise = draw.standard_normal(600)
        returns = np.empty(600)
        returns[0] = noise[0]
        for day in range(1, 600):
            returns[day] = 0.2 * returns[day - 1] + noise[day]
        inside = np.repeat(draw.random(40) < 0.5, 15)
        found = figures(0.01 * returns, inside, resamples(600, seed=trial, draws=400), YEAR)
        assert found.mean_interval is not None
        held += found.mean_interval[0] <= 0.0 <= found.mean_interval[1]
    # Blocks of nine days miss a little of the correlation: 95 % is met within a few percent.
    assert 0.88 <= held / 200 <= 0.99


def test_too_few_days_are_counted_and_nothing_else_is_said() -> None:
    returns, _ = made(300)
    inside = np.zeros(300, dtype=np.bool_)
    inside[: FEWEST_DAYS - 1] = True
    found = figures(returns, inside, resamples(300, seed=1), YEAR)
    assert found.n == FEWEST_DAYS - 1
    assert (found.mean, found.annual, found.sharpe, found.mean_interval, found.sharpe_interval) == (None,) * 5


def test_a_state_that_most_resamples_miss_has_no_interval() -> None:
    returns, _ = made(4000)
    inside = np.zeros(4000, dtype=np.bool_)
    inside[100:121] = True
    found = figures(returns, inside, resamples(4000, seed=1), YEAR)
    assert found.mean is not None
    assert found.mean_interval is None


def test_days_without_any_return_have_a_mean_and_neither_sharpe_nor_interval() -> None:
    inside = np.zeros(300, dtype=np.bool_)
    inside[::2] = True
    found = figures(np.where(inside, 0.0, 0.01), inside, resamples(300, seed=1), YEAR)
    assert (found.mean, found.annual, found.sharpe, found.sharpe_interval) == (0.0, 0.0, None, None)
    assert found.mean_interval is None
