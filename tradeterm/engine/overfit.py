"""How much of a Sharpe ratio is left when it was the best of several, and how long a record has to be.

All ratios are by period, not by year. Bailey and Lopez de Prado: "The Sharpe Ratio Efficient Frontier" (2012) and "The
Deflated Sharpe Ratio" (2014).
"""

from __future__ import annotations

import math
from statistics import NormalDist

__all__ = ["deflated_sharpe", "expected_best_sharpe", "minimum_track_record", "probabilistic_sharpe"]

_NORMAL = NormalDist()
_EULER = 0.5772156649015329


def _variance(sharpe: float, skew: float, kurtosis: float) -> float:
    """Variance of the estimate times (n - 1); kurtosis is Pearson's, 3 for a normal."""
    return 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2


def probabilistic_sharpe(sharpe: float, above: float, *, skew: float, kurtosis: float, periods: int) -> float | None:
    """Probability that the true ratio is over ``above``; None where the moments leave no dispersion."""
    variance = _variance(sharpe, skew, kurtosis)
    if periods < 2 or variance <= 0.0:
        return None
    return _NORMAL.cdf((sharpe - above) * math.sqrt((periods - 1) / variance))


def expected_best_sharpe(trials: int, variance: float) -> float:
    """Ratio that the best of ``trials`` without any skill is expected to show; variance is that of their ratios."""
    if trials < 2:
        return 0.0
    best = (1.0 - _EULER) * _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    best += _EULER * _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(variance) * best


def deflated_sharpe(
    sharpe: float, *, skew: float, kurtosis: float, periods: int, trials: int, variance: float
) -> float | None:
    """Probability that the true ratio is over what the best of so many trials shows by luck."""
    luck = expected_best_sharpe(trials, variance)
    return probabilistic_sharpe(sharpe, luck, skew=skew, kurtosis=kurtosis, periods=periods)


def minimum_track_record(
    sharpe: float, above: float, *, skew: float, kurtosis: float, confidence: float = 0.95
) -> float | None:
    """Periods that a record needs for ``confidence`` that the true ratio is over ``above``; None where it isn't."""
    if sharpe <= above:
        return None
    return 1.0 + _variance(sharpe, skew, kurtosis) * (_NORMAL.inv_cdf(confidence) / (sharpe - above)) ** 2
