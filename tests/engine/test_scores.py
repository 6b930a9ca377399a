"""Scores against scipy and scikit-learn, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from tradeterm.engine.scores import brier, rank_correlation, reliability, score, wilson

RNG = np.random.default_rng(2)
PROB = RNG.random(5_000)
HIT = RNG.random(5_000) < PROB


def test_brier_is_scikit_learns() -> None:
    assert brier(PROB, HIT) == pytest.approx(brier_score_loss(HIT, PROB), abs=1e-15)
    assert brier(np.empty(0), np.empty(0)) is None


def test_the_reliability_curve_is_scikit_learns() -> None:
    came, said = calibration_curve(HIT, PROB, n_bins=10, strategy="uniform")
    found = reliability(PROB, HIT)
    assert [item.hit_rate for item in found] == pytest.approx(came.tolist())
    assert [item.predicted for item in found] == pytest.approx(said.tolist())
    assert sum(item.n for item in found) == 5_000


def test_a_probability_of_one_is_in_the_last_bin_and_an_empty_bin_is_left_out() -> None:
    found = reliability(np.array([0.0, 0.1, 1.0]), np.array([True, False, True]))
    assert [(item.low, item.n, item.hit_rate) for item in found] == [(0.0, 1, 1.0), (0.1, 1, 0.0), (0.9, 1, 1.0)]


@given(
    st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=3, max_size=60).filter(
        lambda pairs: len({x for x, _ in pairs}) > 1 and len({y for _, y in pairs}) > 1
    )
)
def test_the_rank_correlation_is_scipys_with_ties(pairs: list[tuple[int, int]]) -> None:
    x, y = (np.array(each, dtype=np.float64) for each in zip(*pairs, strict=True))
    assert rank_correlation(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)


def test_a_rank_correlation_needs_three_values_that_vary() -> None:
    assert rank_correlation(np.array([1.0, 2.0]), np.array([1.0, 2.0])) is None
    assert rank_correlation(np.ones(9), np.arange(9.0)) is None


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (5, 5), (37, 90)])
def test_the_interval_is_wilsons(hits: int, n: int) -> None:
    wanted = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert wilson(hits, n) == pytest.approx((wanted.low, wanted.high))
    assert wilson(0, 0) is None


def test_a_score_by_hand() -> None:
    # a long that wins, a long that loses to its costs, a short that wins, a flat one, a long nobody gave odds for
    side = np.array([1.0, 1.0, -1.0, 0.0, 1.0])
    prob = np.array([0.8, 0.6, 0.7, math.nan, math.nan])
    ev = np.array([0.02, 0.01, 0.03, math.nan, math.nan])
    gross = np.array([0.05, 0.001, 0.04, -0.01, -0.02])
    found = score(side=side, prob=prob, ev=ev, gross=gross, net=gross - 0.002)
    assert (found.n, found.directional, found.hits, found.hit_rate) == (5, 4, 2, 0.5)
    assert found.mean_net == pytest.approx((0.048 - 0.001 + 0.038 - 0.022) / 4)
    assert found.predicted == 3
    assert found.brier == pytest.approx((0.2**2 + 0.6**2 + 0.3**2) / 3)
    assert found.brier_base == pytest.approx(2 / 9)
    # forecasts 0.02, 0.01, -0.03 and 0 (flat); returns of the instrument 0.05, 0.001, -0.04, -0.01
    assert found.ic == pytest.approx(stats.spearmanr([0.02, 0.01, -0.03, 0.0], [0.05, 0.001, -0.04, -0.01]).statistic)
    assert found.ic_n == 4


def test_flat_signals_alone_have_no_hit_rate() -> None:
    nothing = np.full(3, math.nan)
    found = score(side=np.zeros(3), prob=nothing, ev=nothing, gross=np.ones(3), net=np.ones(3))
    assert (found.n, found.hit_rate, found.brier, found.ic, found.mean_net) == (3, None, None, None, None)
