"""PSI by hand and against scipy's quantiles; hits against the probabilities they were made with."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tradeterm.engine.drift import Bands, chance_psi, drift, drift_of_counts, hit_rate_drift, psi

BANDS = Bands(moderate=0.10, major=0.25, least=30, hit_rate_z=2.5)
DECILES = np.linspace(0.0, 1.0, 11)
COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=12)


def test_psi_of_two_bins_is_what_a_hand_gets() -> None:
    # shares with half a value added: (0.5, 0.5) before, (15.5 / 21, 5.5 / 21) now
    a, b = 15.5 / 21, 5.5 / 21
    assert psi([10, 10], [15, 5]) == pytest.approx((a - 0.5) * math.log(a / 0.5) + (b - 0.5) * math.log(b / 0.5))


@given(COUNTS)
def test_psi_of_the_same_counts_is_zero(counts: list[int]) -> None:
    assert psi(counts, counts) == 0.0


@given(COUNTS, st.data())
def test_psi_is_never_negative_and_the_same_both_ways(counts: list[int], data: st.DataObject) -> None:
    other = data.draw(st.lists(st.integers(0, 500), min_size=len(counts), max_size=len(counts)))
    assert psi(counts, other) >= 0.0
    assert psi(counts, other) == pytest.approx(psi(other, counts))


def test_counts_of_other_bins_or_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="the same bins"):
        psi([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="below zero"):
        psi([1, -1], [1, 1])
    with pytest.raises(ValueError, match="one more is needed"):
        drift([1, 2], [0.0, 1.0], [0.5], bands=BANDS)


def test_values_are_counted_as_numpys_histogram_counts_them_with_open_ends() -> None:
    values = np.array([-3.0, 0.0, 0.05, 0.1, 0.55, 1.0, 7.0, math.nan])
    inside, _ = np.histogram(np.clip(values[:-1], 0.0, 1.0), DECILES)
    found = drift(np.full(10, 100), DECILES, values, bands=BANDS)
    assert found.psi == pytest.approx(psi(np.full(10, 100), inside))
    assert (found.n, found.missing) == (7, 1)


@pytest.mark.parametrize(("shift", "band"), [(0.0, "stable"), (0.4, "moderate"), (1.5, "major")])
def test_a_shifted_normal_goes_through_the_bands(shift: float, band: str) -> None:
    rng = np.random.default_rng(5)
    edges = stats.norm.ppf(DECILES)
    before, _ = np.histogram(rng.normal(size=20_000), edges)
    found = drift(before, edges, rng.normal(shift, size=5_000), bands=BANDS)
    assert found.band == band
    # two normals with one spread: PSI is about the shift squared
    assert found.psi == pytest.approx(shift**2, abs=0.05 + 0.2 * shift**2)


@pytest.mark.parametrize("bins", [2, 5, 10, 20])
def test_the_chance_level_is_scipys_chi_squared_quantile(bins: int) -> None:
    wanted = stats.chi2.ppf(0.95, bins - 1) * (1 / 1000 + 1 / 50)
    assert chance_psi(bins, 1000, 50) == pytest.approx(wanted, rel=0.03)


def test_what_chance_explains_raises_no_warning() -> None:
    rng = np.random.default_rng(11)
    warned = 0
    for _ in range(400):
        now = np.bincount(rng.integers(0, 10, 40), minlength=10)
        found = drift_of_counts(np.full(10, 1000), now, bands=BANDS)
        warned += found.band != "stable"
        assert found.psi is not None
    assert warned <= 0.08 * 400


def test_too_few_values_are_unknown_and_none_at_all_has_no_psi() -> None:
    assert drift(np.full(10, 100), DECILES, np.full(29, 0.95), bands=BANDS).band == "unknown"
    assert drift(np.full(10, 100), DECILES, np.full(30, 0.95), bands=BANDS).band == "major"
    empty = drift(np.full(10, 100), DECILES, [math.nan], bands=BANDS)
    assert (empty.psi, empty.band, empty.n, empty.missing) == (None, "unknown", 0, 1)


def test_hits_are_measured_against_what_each_signal_said() -> None:
    # 100 signals of 0.6: 60 +- sqrt(24) are expected
    found = hit_rate_drift([True] * 45 + [False] * 55, [0.6] * 100, overlap=1.0, bands=BANDS)
    assert found.z == pytest.approx((45 - 60) / math.sqrt(24))
    assert (found.live, found.expected, found.band) == (0.45, pytest.approx(0.6), "major")


def test_signals_that_overlap_count_as_fewer() -> None:
    found = hit_rate_drift([True] * 45 + [False] * 55, [0.6] * 100, overlap=4.0, bands=BANDS)
    assert found.z == pytest.approx((45 - 60) / math.sqrt(4 * 24))
    assert found.band == "stable"


def test_z_agrees_with_a_simulation_of_independent_signals() -> None:
    rng = np.random.default_rng(3)
    told = rng.uniform(0.3, 0.7, 80)
    z = [hit_rate_drift(rng.random(80) < told, told, overlap=1.0, bands=BANDS).z for _ in range(4000)]
    assert np.mean(np.array(z, dtype=float)) == pytest.approx(0.0, abs=0.05)
    assert np.std(np.array(z, dtype=float)) == pytest.approx(1.0, abs=0.04)


def test_few_or_no_hits_are_unknown() -> None:
    assert hit_rate_drift([], [], overlap=1.0, bands=BANDS).band == "unknown"
    assert hit_rate_drift([False] * 29, [0.9] * 29, overlap=1.0, bands=BANDS).band == "unknown"
    with pytest.raises(ValueError, match="one each"):
        hit_rate_drift([True], [], overlap=1.0, bands=BANDS)
