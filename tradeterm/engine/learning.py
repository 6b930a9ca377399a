"""Learned strategies: what they are fitted on, the timeline of their fitted models, and inference row by row.

A model is a set of named arrays. Training happens elsewhere; here models are only used, each from the instant on at
which everything it was fitted on was known.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tradeterm.engine.folds import Fold, purged_folds
from tradeterm.engine.jit import maker
from tradeterm.engine.regime import AXES
from tradeterm.engine.strategy import VectorStrategy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradeterm.core.types import FloatArray, IntArray, StateArray
    from tradeterm.engine.outcomes import Forward
    from tradeterm.engine.panel import Panel
    from tradeterm.engine.regime import RegimeFrame

    Arrays = Mapping[str, FloatArray]

__all__ = [
    "NO_MODELS",
    "CannotFit",
    "Dataset",
    "Forecast",
    "LearnedStrategy",
    "Model",
    "Models",
    "linear",
    "logistic",
    "one_hot",
    "stacked",
]


class CannotFit(Exception):
    """Data that no model can be fitted on; until there is more, the model before stays in use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A fitted model.

    known_from : instant from which it may be used, ns UTC: nothing it was fitted on became known later
    samples : decisions it was fitted on; arrays : its numbers by name
    """

    known_from: int
    model_hash: str
    samples: int
    arrays: Arrays


@dataclass(frozen=True, slots=True)
class Models:
    """The models of one strategy, ascending by ``known_from``: each is used until the next one."""

    timeline: tuple[Model, ...] = ()

    def __len__(self) -> int:
        return len(self.timeline)

    def upto(self, time_ns: int) -> Models:
        """Those that may be used at ``time_ns``."""
        return Models(tuple(model for model in self.timeline if model.known_from <= time_ns))

    def at(self, time_ns: int) -> Model | None:
        """Return the one that is used at ``time_ns``, if any."""
        known = self.upto(time_ns).timeline
        return known[-1] if known else None

    def places(self, times: IntArray) -> IntArray:
        """(T,) place in the timeline of the model that is used at each time, -1 before the first."""
        starts = np.array([model.known_from for model in self.timeline], dtype=np.int64)
        found: IntArray = np.searchsorted(starts, times, side="right").astype(np.int64) - 1
        return found


NO_MODELS = Models()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Past decisions whose outcome was known, S of them in the order of time and symbol.

    names, axes : of the columns of ``features`` and ``states``
    time_ns, matures_at : when each was decided, and when its outcome was known, ns UTC
    column : symbol, as a column of the strategy's panel
    features : (S, F), finite; states : (S, A) codes of the regime
    label : sign of the return beyond cost: 1, -1, or 0 where neither side earned its costs
    gross : return of the long side before costs; cost : (N,) of one fill by symbol, both as fractions
    folds, embargo_ns : how :meth:`splits` cuts it
    """

    names: tuple[str, ...]
    axes: tuple[str, ...]
    time_ns: IntArray
    matures_at: IntArray
    column: IntArray
    features: FloatArray
    states: StateArray
    label: IntArray
    gross: FloatArray
    cost: FloatArray
    folds: int
    embargo_ns: int

    def __len__(self) -> int:
        return len(self.time_ns)

    def rows(self, chosen: np.ndarray) -> Dataset:
        """Those decisions alone."""
        parts = {item.name: getattr(self, item.name)[chosen] for item in fields(self) if item.name in _BY_SAMPLE}
        return replace(self, **parts)

    def splits(self) -> tuple[Fold, ...]:
        """Purged and embargoed walk-forward folds of these decisions, oldest first."""
        return purged_folds(self.time_ns, self.matures_at, self.folds, self.embargo_ns)


_BY_SAMPLE = ("time_ns", "matures_at", "column", "features", "states", "label", "gross")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a model expects of the long side, any shape.

    prob : probability that its return after costs is positive; ev : expected return after costs, fraction. NaN where
    there is no model yet or an input is missing.
    """

    prob: FloatArray
    ev: FloatArray


class LearnedStrategy(VectorStrategy):
    """A strategy whose weights come from models that were fitted on the past.

    axes : regime axes whose states the model is shown beside its features
    """

    axes: ClassVar[tuple[str, ...]] = AXES

    @abstractmethod
    def features(self, panel: Panel) -> Mapping[str, FloatArray]:
        """(T, N) numbers that the model is shown, each at the newest own bar; NaN where there is none yet."""

    def labels(self, forward: Forward) -> IntArray:
        """(K,) sign of the return beyond cost: 1 where the long side earned its costs, -1 where the short one did."""
        short = forward.net - 2.0 * forward.gross
        return np.where(forward.net > 0.0, 1, np.where(short > 0.0, -1, 0)).astype(np.int64)

    @abstractmethod
    def fit(self, dataset: Dataset) -> Mapping[str, FloatArray]:
        """Fitted arrays by name; the same data and parameters give the same bits, on one thread.

        Raises
        ------
        CannotFit
            When the data can't be fitted, as when all labels are equal; the text says why.
        """

    @abstractmethod
    def infer(self, arrays: Arrays, features: FloatArray, states: StateArray, column: IntArray) -> Forecast:
        """Forecast of each row of ``features`` (R, F): its bits depend on that row and the arrays alone."""

    @abstractmethod
    def weights(self, panel: Panel, regime: RegimeFrame, models: Models = NO_MODELS) -> FloatArray:
        """(T, N) weights of the strategy's own budget; NaN is read as flat."""

    def forecast(self, panel: Panel, regime: RegimeFrame, models: Models) -> Forecast:
        """(T, N) forecasts, each row by the model that could be used then."""
        _, features = stacked(self.features(panel))
        states = _states(regime, self.axes)
        shape = panel.close.shape
        found = Forecast(prob=np.full(shape, np.nan), ev=np.full(shape, np.nan))
        places = models.places(panel.times)
        for place in np.unique(places[places >= 0]).tolist():
            rows = np.flatnonzero(places == place)
            part = self._inferred(models.timeline[place], features[rows], states[rows])
            found.prob[rows], found.ev[rows] = part.prob, part.ev
        return found

    def _inferred(self, model: Model, features: FloatArray, states: StateArray) -> Forecast:
        rows, symbols, count = features.shape
        flat = features.reshape(rows * symbols, count)
        column = np.tile(np.arange(symbols, dtype=np.int64), rows)
        made = self.infer(model.arrays, flat, np.repeat(states, symbols, axis=0), column)
        there = np.isfinite(flat).all(axis=1)
        shape = (rows, symbols)
        return Forecast(
            prob=np.where(there, made.prob, np.nan).reshape(shape), ev=np.where(there, made.ev, np.nan).reshape(shape)
        )


def stacked(features: Mapping[str, FloatArray]) -> tuple[tuple[str, ...], FloatArray]:
    """Names of features and their values as one array (T, N, F)."""
    return tuple(features), np.stack([np.asarray(values, dtype=np.float64) for values in features.values()], axis=-1)


def _states(regime: RegimeFrame, axes: tuple[str, ...]) -> StateArray:
    chosen: StateArray = regime.state[:, [AXES.index(axis) for axis in axes]]
    return chosen


def one_hot(states: StateArray, axis: FloatArray, state: FloatArray) -> FloatArray:
    """(R, C) whether each row of ``states`` is, on ``axis[c]``, in ``state[c]``; a state seen nowhere is all zeros."""
    found: FloatArray = (states[:, axis.astype(np.int64)] == state[None, :]).astype(np.float64)
    return found


@maker
def linear(inputs: FloatArray, factors: FloatArray, offset: float) -> FloatArray:
    """``offset + inputs @ factors`` per row, added up in the order of the columns, whatever other rows there are."""
    out = np.empty(inputs.shape[0])
    for row in range(inputs.shape[0]):
        total = offset
        for j in range(inputs.shape[1]):
            total += inputs[row, j] * factors[j]
        out[row] = total
    return out


@maker
def logistic(values: FloatArray) -> FloatArray:
    """``1 / (1 + exp(-x))`` of each value."""
    out = np.empty(len(values))
    for row in range(len(values)):
        out[row] = 1.0 / (1.0 + math.exp(-values[row]))
    return out
