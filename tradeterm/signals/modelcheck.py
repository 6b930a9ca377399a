"""Fit models again with the future cut off, and with garbage in its place: what comes out must be the same bits.

A decision that is taken again takes its models as given. Here they are not: a label that reaches past what was known,
a scale that was taken over the whole history, or a value that was used before it was published gives other numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.time import DAY_NS
from tradeterm.engine.inputs import RegimeInputs
from tradeterm.engine.learning import CannotFit
from tradeterm.engine.lookahead import Difference
from tradeterm.signals.fitting import fitted
from tradeterm.signals.timeline import chosen, fingerprint_of

if TYPE_CHECKING:
    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.engine.inputs import RegimeSeries
    from tradeterm.engine.outcomes import OwnFills
    from tradeterm.engine.panel import Panel
    from tradeterm.signals.course import Course
    from tradeterm.signals.timeline import Refit, Schedule

__all__ = ["ModelCheck", "check_models", "poisoned"]

_NEWEST = 2
_SPREAD = 1.5
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCheck:
    """How many models were fitted again, of how many, and what differed."""

    checked: int
    models: int
    differences: tuple[Difference, ...]


def check_models(
    course: Course,
    schedule: Schedule,
    refits: tuple[Refit, ...],
    *,
    most: int | None,
    seed: int,
) -> ModelCheck:
    """Fit the newest models and some drawn by a seed again, ``most`` in all (None: each of them).

    course : what was there to learn from, told by its own instants; refits : the models that came of it
    """
    picked = _picked(len(refits), most, seed)
    differences: list[Difference] = []
    for place in picked.tolist():
        refit = refits[place]
        known_from = refit.model.known_from
        differences += _differences(course.upto(known_from), schedule, refit, garbage=False)
        differences += _differences(poisoned(course, known_from, seed), schedule, refit, garbage=True)
    return ModelCheck(checked=len(picked), models=len(refits), differences=tuple(differences))


def _picked(count: int, most: int | None, seed: int) -> IntArray:
    if most is None or most >= count:
        return np.arange(count)
    newest = np.arange(max(0, count - min(_NEWEST, most)), count)
    others = np.random.default_rng(seed).choice(count - len(newest), size=most - len(newest), replace=False)
    return np.sort(np.concatenate([others, newest])).astype(np.int64)


def _differences(course: Course, schedule: Schedule, refit: Refit, *, garbage: bool) -> list[Difference]:
    """What differs between a model and the one that is fitted on ``course``: the data first, then the numbers."""
    model = refit.model

    def different(what: str, expected: float, found: float) -> Difference:
        return Difference(
            strategy=course.strategy.name,
            time_ns=model.known_from,
            what=f"{what} of model {model.model_hash}",
            expected=expected,
            found=found,
            garbage=garbage,
        )

    samples = course.samples(folds=schedule.folds, embargo_ns=schedule.embargo_days * DAY_NS)
    data = chosen(samples, schedule, model.known_from)
    found = []
    told = refit.manifest["data"]["fingerprint"]
    if fingerprint_of(data, course.member.symbols) != told:
        found.append(different("data", model.samples, len(data)))
    try:
        arrays = fitted(course.strategy, data)
    except CannotFit as failure:
        return [*found, different(f"fit ({failure})", model.samples, math.nan)]
    for name in sorted(model.arrays.keys() | arrays.keys()):
        before, after = _first_difference(model.arrays.get(name), arrays.get(name))
        if before is not None:
            found.append(different(name, before, after))
    return found


def _first_difference(before: FloatArray | None, after: FloatArray | None) -> tuple[float | None, float]:
    """First pair of numbers whose bits differ; (None, ...) where all are the same."""
    if before is None or after is None or before.shape != after.shape:
        return (math.nan if before is None else float(before.size)), (math.nan if after is None else float(after.size))
    wrong = np.flatnonzero(before.ravel() != after.ravel())
    if not len(wrong):
        return None, math.nan
    return float(before.ravel()[wrong[0]]), float(after.ravel()[wrong[0]])


def poisoned(course: Course, known_from: int, seed: int) -> Course:
    """``course`` with garbage in all that became known after an instant; its calendar stays as it is."""
    rng = np.random.default_rng(seed)
    return replace(
        course,
        panel=_poisoned_panel(course.panel, known_from, rng),
        inputs=_poisoned_inputs(course.inputs, known_from, rng),
        fills={symbol: _poisoned_fills(bars, known_from, rng) for symbol, bars in course.fills.items()},
    )


def _garbage(rng: np.random.Generator, later: np.ndarray) -> FloatArray:
    """A factor far from 1 where ``later``, 1 elsewhere."""
    return np.where(later, np.exp(rng.normal(0.0, _SPREAD, later.shape)), 1.0)


def _poisoned_panel(panel: Panel, known_from: int, rng: np.random.Generator) -> Panel:
    later = np.broadcast_to((panel.times > known_from)[:, None], panel.close.shape)
    factor = _garbage(rng, later)
    cells: dict[str, Any] = {name: getattr(panel, name) * factor for name in (*_PRICES, "volume")}
    daily = None if panel.daily is None else _poisoned_panel(panel.daily, known_from, rng)
    return replace(panel, daily=daily, **cells)


def _poisoned_inputs(inputs: RegimeInputs, known_from: int, rng: np.random.Generator) -> RegimeInputs:
    parts: dict[str, RegimeSeries | None] = {item.name: getattr(inputs, item.name) for item in fields(RegimeInputs)}
    found: dict[str, Any] = {}
    for name, series in parts.items():
        if series is None:
            found[name] = None
            continue
        factor = _garbage(rng, series.known_at > known_from)
        # Of a value of 0 something else comes too.
        found[name] = replace(series, value=np.where(factor == 1.0, series.value, (series.value + 1.0) * factor))
    return RegimeInputs(**found)


def _poisoned_fills(bars: OwnFills, known_from: int, rng: np.random.Generator) -> OwnFills:
    return replace(bars, fill_open=bars.fill_open * _garbage(rng, bars.known_at > known_from))
