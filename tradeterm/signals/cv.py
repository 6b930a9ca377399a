"""Scores of a strategy's model on what it was not fitted on: purged, embargoed, walk-forward."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.time import iso
from tradeterm.engine.learning import CannotFit
from tradeterm.signals.fitting import fitted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradeterm.core.types import BoolArray, FloatArray
    from tradeterm.engine.folds import Fold
    from tradeterm.engine.learning import Dataset, LearnedStrategy

    Arrays = Mapping[str, FloatArray]

__all__ = ["FoldScore", "cross_validated", "log_loss", "mean_skill", "newest_skill"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldScore:
    """One fold; scores are None where no model could be fitted on its training rows.

    test_from, test_to : first and last decision of the test; trained, tested, purged : rows
    log_loss, brier : of the probability of a gain; base : log loss of the share of gains in the training rows
    skill : 1 - log_loss / base; above 0 is better than knowing that share alone
    accuracy : share of tests on the right side of one half
    """

    test_from: str
    test_to: str
    trained: int
    tested: int
    purged: int
    log_loss: float | None = None
    base: float | None = None
    skill: float | None = None
    brier: float | None = None
    accuracy: float | None = None

    def told(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def log_loss(prob: FloatArray, gain: BoolArray) -> float:
    """Mean of -ln of the probability that was given to what came."""
    given = np.clip(np.where(gain, prob, 1.0 - prob), 1e-15, 1.0)
    return float(-np.log(given).mean())


def cross_validated(strategy: LearnedStrategy, dataset: Dataset) -> tuple[FoldScore, ...]:
    """Fit on each fold's training rows alone, and score on its test, oldest fold first."""
    return tuple(_scored(strategy, dataset, fold) for fold in dataset.splits())


def _scored(strategy: LearnedStrategy, dataset: Dataset, fold: Fold) -> FoldScore:
    known, later = dataset.rows(fold.train), dataset.rows(fold.test)
    plain: dict[str, Any] = {
        "test_from": iso(int(later.time_ns.min())),
        "test_to": iso(int(later.time_ns.max())),
        "trained": len(known),
        "tested": len(later),
        "purged": fold.purged,
    }
    try:
        arrays = fitted(strategy, known)
    except CannotFit:
        return FoldScore(**plain)
    prob, gain = _told(strategy, arrays, later)
    loss, base = log_loss(prob, gain), _base(known, gain)
    return FoldScore(
        **plain,
        log_loss=loss,
        base=base,
        skill=1.0 - loss / base if base > 0.0 else None,
        brier=float(((prob - gain) ** 2).mean()),
        accuracy=float(((prob >= 0.5) == gain).mean()),
    )


def _told(strategy: LearnedStrategy, arrays: Arrays, later: Dataset) -> tuple[FloatArray, BoolArray]:
    prob = strategy.infer(arrays, later.features, later.states, later.column).prob
    gain: BoolArray = later.label > 0
    return prob, gain


def _base(known: Dataset, gain: BoolArray) -> float:
    return log_loss(np.full(len(gain), float((known.label > 0).mean())), gain)


def newest_skill(strategy: LearnedStrategy, arrays: Arrays, dataset: Dataset) -> float | None:
    """Skill of given arrays on the newest fold's test, against the share of gains in that fold's training rows."""
    *_, fold = dataset.splits()
    prob, gain = _told(strategy, arrays, dataset.rows(fold.test))
    base = _base(dataset.rows(fold.train), gain) if len(fold.train) else 0.0
    return 1.0 - log_loss(prob, gain) / base if base > 0.0 else None


def mean_skill(folds: tuple[FoldScore, ...]) -> float | None:
    """Mean skill of the folds that were scored; None where none was."""
    skills = [fold.skill for fold in folds if fold.skill is not None]
    return math.fsum(skills) / len(skills) if skills else None
