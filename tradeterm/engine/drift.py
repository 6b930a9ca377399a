"""Drift: whether what comes in now is what was there before, and whether signals hit as often as they said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.core.types import FloatArray, IntArray

__all__ = [
    "Band",
    "Bands",
    "Drift",
    "HitDrift",
    "chance_psi",
    "drift",
    "drift_of_counts",
    "hit_rate_drift",
    "psi",
    "unusual_psi",
]

Band = Literal["unknown", "stable", "moderate", "major"]
"""What is to be made of it; ``unknown`` where too few values came to judge by."""

_Z95 = 1.6448536269514722
# Fewest windows, one after the other, that tell what is usual.
_WINDOWS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """Where drift begins to matter.

    moderate, major : PSI at which drift is called so
    least : values now (matured signals) below which nothing is judged
    hit_rate_z : distance of hits from what was expected, in standard deviations, that is called major; moderate from
        three quarters of it
    """

    moderate: float = 0.10
    major: float = 0.25
    least: int = 30
    hit_rate_z: float = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Drift of one distribution.

    psi : None where nothing came; chance : PSI that one of twenty samples of this size exceeds without any drift
    n : values that were counted; missing : those that were NaN
    """

    psi: float | None
    chance: float | None
    band: Band
    n: int
    missing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HitDrift:
    """Hits of live signals against the probabilities they were made with.

    z : distance of the hits from their expectation, in standard deviations; negative where fewer came
    """

    live: float | None
    expected: float | None
    z: float | None
    band: Band
    n: int


def psi(expected: Sequence[float] | FloatArray | IntArray, actual: Sequence[float] | FloatArray | IntArray) -> float:
    """Population stability index of two sets of counts over the same bins: sum of (a - e) ln(a / e) of their shares.

    Half a value is added to every bin of both, so that an empty bin has a finite share.
    """
    before, now = np.asarray(expected, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    if before.shape != now.shape or before.ndim != 1 or not len(before):
        raise ValueError(f"counts of shapes {before.shape} and {now.shape} were given; the same bins are needed")
    e, a = _shares(before), _shares(now)
    return float(((a - e) * np.log(a / e)).sum())


def _shares(counts: FloatArray) -> FloatArray:
    if (counts < 0).any() or not np.isfinite(counts).all():
        raise ValueError("a count was below zero or not finite")
    return np.asarray((counts + 0.5) / (counts.sum() + 0.5 * len(counts)))


def chance_psi(bins: int, expected: float, actual: float) -> float:
    """PSI that sampling alone exceeds once in twenty: chi-squared(bins - 1) at 95 % times (1 / expected + 1 / actual).

    Wilson and Hilferty's approximation of the quantile, good to a percent.
    """
    k = bins - 1
    if k < 1 or expected <= 0 or actual <= 0:
        return math.inf
    quantile = k * (1.0 - 2.0 / (9.0 * k) + _Z95 * math.sqrt(2.0 / (9.0 * k))) ** 3
    return quantile * (1.0 / expected + 1.0 / actual)


def drift(
    expected_counts: Sequence[float] | FloatArray | IntArray,
    edges: Sequence[float] | FloatArray,
    values: Sequence[float] | FloatArray,
    *,
    bands: Bands,
) -> Drift:
    """Drift of ``values`` against what was counted in bins before.

    expected_counts : (K,) counts of the window compared with
    edges : (K + 1,) edges of the bins, ascending; a value on an edge belongs to the bin above, values beyond the first
        and last edge to the bins there
    values : (n,) values now; NaN counts as missing
    """
    bounds, given = np.asarray(edges, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if len(bounds) != len(expected_counts) + 1 or (np.diff(bounds) < 0).any():
        raise ValueError(f"{len(bounds)} edges for {len(expected_counts)} counts; one more is needed, ascending")
    there = given[~np.isnan(given)]
    actual = np.bincount(np.searchsorted(bounds[1:-1], there, side="right"), minlength=len(expected_counts))
    found = drift_of_counts(expected_counts, actual, bands=bands)
    return Drift(psi=found.psi, chance=found.chance, band=found.band, n=found.n, missing=len(given) - len(there))


def drift_of_counts(
    expected: Sequence[float] | FloatArray | IntArray,
    actual: Sequence[float] | FloatArray | IntArray,
    *,
    bands: Bands,
    usual: float | None = 0.0,
) -> Drift:
    """Drift of counts against counts of the same bins.

    usual : PSI that is nothing unusual for another reason than chance; where it isn't known (None) nothing is judged

    A PSI that chance explains (see :func:`chance_psi`) is stable, however large the few values make it.
    """
    n, before = int(np.sum(actual)), float(np.sum(expected))
    if n == 0 or before == 0.0:
        return Drift(psi=None, chance=None, band="unknown", n=n)
    found, chance = psi(expected, actual), chance_psi(len(expected), before, n)
    if n < bands.least or usual is None:
        return Drift(psi=found, chance=chance, band="unknown", n=n)
    band = "stable" if found <= usual else _band(found, max(bands.moderate, chance), bands.major)
    return Drift(psi=found, chance=chance, band=band, n=n)


def unusual_psi(placed: IntArray, times: IntArray, bins: int, decisions: int) -> float | None:
    """Largest PSI that a window of ``decisions`` instants had against all of them; None where fewer than four fit in.

    placed : (S,) bin of each value; times : (S,) its instant, ascending

    A window begins at every eighth of one. Values that hardly change from one instant to the next lie in few bins for
    long, which no formula of independent samples knows of.
    """
    moments, first = np.unique(times, return_index=True)
    if len(moments) < _WINDOWS * decisions:
        return None
    bounds = np.append(first, len(times))
    whole = np.bincount(placed, minlength=bins)
    starts = range(0, len(moments) - decisions + 1, max(1, decisions // 8))
    parts = [placed[bounds[start] : bounds[start + decisions]] for start in starts]
    return max(psi(whole, np.bincount(part, minlength=bins)) for part in parts)


def _band(value: float, moderate: float, major: float) -> Band:
    if value < moderate:
        return "stable"
    return "major" if value >= major else "moderate"


def hit_rate_drift(
    hits: Sequence[bool] | FloatArray, probabilities: Sequence[float] | FloatArray, *, overlap: float, bands: Bands
) -> HitDrift:
    """Hits against the probabilities that the signals were made with: those of their backtest.

    z = (hits - sum p) / sqrt(overlap * sum p (1 - p)). ``overlap`` is how many signals are out on the same bars at a
    time: their hits come together, so that n of them say what n / overlap single ones would.
    """
    came, told = np.asarray(hits, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    n = len(came)
    if len(told) != n:
        raise ValueError(f"{n} hits and {len(told)} probabilities were given; one each is needed")
    if n == 0:
        return HitDrift(live=None, expected=None, z=None, band="unknown", n=0)
    live, expected = float(came.mean()), float(told.mean())
    spread = math.sqrt(max(1.0, overlap) * float((told * (1.0 - told)).sum()))
    if spread == 0.0 or n < bands.least:
        return HitDrift(live=live, expected=expected, z=None, band="unknown", n=n)
    z = float(came.sum() - told.sum()) / spread
    return HitDrift(
        live=live, expected=expected, z=z, band=_band(abs(z), 0.75 * bands.hit_rate_z, bands.hit_rate_z), n=n
    )
