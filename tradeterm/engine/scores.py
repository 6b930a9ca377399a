"""How good signals were: hit rate, calibration and information coefficient of what has matured."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.scores import Bin, Score

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray

__all__ = ["BINS", "brier", "rank_correlation", "reliability", "score", "wilson"]

BINS = 10
"""Bins of equal width over [0, 1] that predicted probabilities are put into."""

_Z95 = 1.959963984540054


def wilson(hits: int, n: int) -> tuple[float, float] | None:
    """95 % interval of a share; None without any."""
    if n == 0:
        return None
    share, z2 = hits / n, _Z95 * _Z95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def brier(prob: FloatArray, hit: BoolArray | FloatArray) -> float | None:
    """Mean squared distance of probabilities from what came (1 a hit, 0 a miss); None without any."""
    return float(np.mean((prob - np.asarray(hit, dtype=np.float64)) ** 2)) if len(prob) else None


def reliability(prob: FloatArray, hit: BoolArray | FloatArray) -> list[Bin]:
    """Bins that hold a signal, by probability."""
    place = np.minimum((prob * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(place, minlength=BINS)
    said = np.bincount(place, weights=prob, minlength=BINS)
    came = np.bincount(place, weights=np.asarray(hit, dtype=np.float64), minlength=BINS)
    return [
        Bin(
            low=b / BINS,
            high=(b + 1) / BINS,
            n=int(count[b]),
            predicted=float(said[b] / count[b]),
            hit_rate=float(came[b] / count[b]),
        )
        for b in np.flatnonzero(count).tolist()
    ]


def rank_correlation(x: FloatArray, y: FloatArray) -> float | None:
    """Spearman's: the correlation of ranks, equal values sharing their mean rank; None where one side never varies."""
    if len(x) < 3:
        return None
    a, b = _ranks(x), _ranks(y)
    a, b = a - a.mean(), b - b.mean()
    spread = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / spread if spread > 0.0 else None


def _ranks(values: FloatArray) -> FloatArray:
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    new = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    group = np.cumsum(new) - 1
    starts = np.append(np.flatnonzero(new), len(values))
    mean = (starts[:-1] + starts[1:] - 1) / 2.0
    ranks = np.empty(len(values))
    ranks[order] = mean[group]
    return ranks


def score(*, side: FloatArray, prob: FloatArray, ev: FloatArray, gross: FloatArray, net: FloatArray) -> Score:
    """Score matured signals, shape (n,) each.

    side : +1, -1, or 0 for flat; prob, ev : NaN where the signal had none
    gross, net : signed return before and after costs, of the long side for a flat signal

    A flat signal neither hits nor misses. The information coefficient takes side * ev, and 0 for a flat signal, as the
    forecast of the instrument's return, and its return before costs as what came.
    """
    directional = side != 0.0
    hit = net[directional] > 0.0
    hits, count = int(np.count_nonzero(hit)), int(np.count_nonzero(directional))
    interval = wilson(hits, count)
    told = directional & np.isfinite(prob)
    came = net[told] > 0.0
    base = float(came.mean()) if len(came) else None
    forecast = np.where(directional, side * ev, 0.0)
    known = np.isfinite(forecast)
    realised = np.where(directional, side, 1.0) * gross
    return Score(
        n=len(side),
        directional=count,
        hits=hits,
        hit_rate=hits / count if count else None,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        mean_net=float(net[directional].mean()) if count else None,
        predicted=len(came),
        brier=brier(prob[told], came),
        brier_base=None if base is None else base * (1.0 - base),
        ic=rank_correlation(forecast[known], realised[known]),
        ic_n=int(np.count_nonzero(known)),
    )
