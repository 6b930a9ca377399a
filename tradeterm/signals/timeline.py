"""The timeline of a strategy's models: one at each instant of the schedule, and which of them are used.

The timeline of a strategy is a function of bars, configuration and code alone: a backtest, tonight's decision and
another checkout come to the same models. What was fitted is kept by the hash of what it was fitted on.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tradeterm.config.code import source_hash
from tradeterm.config.revision import libraries, revision
from tradeterm.core.errors import NotTrainable
from tradeterm.core.ids import short_id
from tradeterm.core.time import DAY_NS, iso
from tradeterm.engine.learning import CannotFit, Model, Models
from tradeterm.signals.bins import binned
from tradeterm.signals.cv import cross_validated, mean_skill, newest_skill
from tradeterm.signals.fitting import fitted, processor
from tradeterm.signals.own_rows import own_timeframe
from tradeterm.store.artifacts import arrays_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradeterm.core.types import IntArray
    from tradeterm.engine.learning import Dataset
    from tradeterm.signals.course import Course
    from tradeterm.store.artifacts import ModelStore

    Progress = Callable[[str, int, int], None]

__all__ = ["Refit", "Schedule", "Training", "chosen", "fingerprint_of", "models_of"]

_FITTING = ("core", "engine", *(f"signals/{name}.py" for name in ("bins", "course", "cv", "fitting", "timeline")))
_LIBRARIES = ("numpy", "numba", "scipy", "scikit-learn", "joblib")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# Hex digits of a model's hash.
_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When and how models are fitted.

    every_days : days between two fits, counted from 1970-01-01; weekly : also at the end of that weekday (UTC)
    on_drift : whether what a daily run saw drift is fitted anew; extra : instants at which that was so
    window_days : how far back the decisions go that a model is fitted on; None for all
    least : fewest decisions with a known outcome
    folds, embargo_days : of the cross-validation
    margin : how much lower than that of the model in use the skill of a new one may be, on the newest fold's test
    seed : of what a strategy draws while it fits
    """

    every_days: int | None
    window_days: int | None
    least: int
    folds: int
    embargo_days: int
    margin: float
    seed: int
    weekly: str | None = None
    on_drift: bool = False
    extra: tuple[int, ...] = ()

    def instants(self, first_ns: int, until_ns: int) -> IntArray:
        """Instants of the schedule in (first, until], ascending."""
        days = np.arange(first_ns // DAY_NS + 1, until_ns // DAY_NS + 1, dtype=np.int64)
        due = np.zeros(len(days), dtype=np.bool_)
        if self.every_days is not None:
            due |= days % self.every_days == 0
        if self.weekly is not None:
            # The day that ends at an instant; 1970-01-01 was a Thursday.
            due |= (days - 1 + WEEKDAYS.index("thursday")) % len(WEEKDAYS) == WEEKDAYS.index(self.weekly)
        extra = np.array([instant for instant in self.extra if first_ns < instant <= until_ns], dtype=np.int64)
        found: IntArray = np.union1d(days[due] * DAY_NS, extra)
        return found

    def told(self) -> dict[str, Any]:
        """What a model's numbers depend on."""
        return {"window_days": self.window_days, "folds": self.folds, "embargo_days": self.embargo_days}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refit:
    """One fit of the schedule.

    status : ``accepted`` is used from then on; ``candidate`` scored too much worse than the one in use, and is not
    before : hash of the one that was in use, None for the first
    newest : skill on the newest fold of what was fitted before it; rival : that of the one in use, on the same test
    """

    model: Model
    manifest: Mapping[str, Any]
    status: Literal["accepted", "candidate"]
    before: str | None
    newest: float | None
    rival: float | None

    @property
    def score(self) -> float | None:
        """Mean skill of its folds."""
        found: float | None = self.manifest["score"]
        return found


@dataclass(frozen=True, kw_only=True)
class Training:
    """One strategy's training.

    content_hash : of the strategy's file
    """

    course: Course
    schedule: Schedule
    store: ModelStore
    content_hash: str
    progress: Progress | None = None

    @cached_property
    def samples(self) -> Dataset:
        """All decisions whose outcome is known."""
        schedule = self.schedule
        return self.course.samples(folds=schedule.folds, embargo_ns=schedule.embargo_days * DAY_NS)

    def dataset(self, known_from: int) -> Dataset:
        """What was known at an instant."""
        return chosen(self.samples, self.schedule, known_from)

    def refits(self, until_ns: int) -> tuple[Refit, ...]:
        """Every fit of the schedule up to an instant, oldest first; none before there is enough to fit on."""
        samples, found = self.samples, []
        if not len(samples):
            return ()
        instants = self.schedule.instants(int(samples.matures_at.min()) - 1, until_ns).tolist()
        used: Refit | None = None
        for done, instant in enumerate(instants):
            if self.progress is not None:
                self.progress("models", done, len(instants))
            data = self.dataset(instant)
            if len(data) < self.schedule.least:
                continue
            try:
                model, manifest = self._model(data, instant)
            except CannotFit:
                # As long as there is too little of some class there is no model.
                continue
            refit = self._judged(data, model, manifest, used)
            found.append(refit)
            used = refit if refit.status == "accepted" else used
        return tuple(found)

    def newest(self, until_ns: int) -> tuple[Refit, ...]:
        """All fits as :meth:`refits` gives them, at least one.

        Raises
        ------
        NotTrainable
            When there is none; the message says why.
        """
        found = self.refits(until_ns)
        if found:
            return found
        name, count = self.course.strategy.name, int((self.samples.matures_at <= until_ns).sum())
        if count < self.schedule.least:
            raise NotTrainable(
                name,
                iso(until_ns),
                f"{count} decisions with a known outcome, {self.schedule.least} are needed",
                "get more bars (`tradeterm data update`), give a later day, or lower models.training.least",
            )
        raise NotTrainable(name, iso(until_ns), self._reason(until_ns), "it needs gains and losses to learn from")

    def _reason(self, until_ns: int) -> str:
        instants = self.schedule.instants(int(self.samples.matures_at.min()) - 1, until_ns)
        if not len(instants):
            return "no fit was due yet"
        try:
            fitted(self.course.strategy, self.dataset(int(instants[-1])))
        except CannotFit as failure:
            return str(failure)
        return "the newest fit has too few decisions"

    def _judged(self, data: Dataset, model: Model, manifest: Mapping[str, Any], used: Refit | None) -> Refit:
        """Compare with the model in use, on decisions of today: what it scored in its own time may have been luck."""
        newest: float | None = manifest["cv"][-1]["skill"]
        rival = newest_skill(self.course.strategy, used.model.arrays, data) if used is not None else None
        worse = rival is not None and (newest is None or newest < rival - self.schedule.margin)
        return Refit(
            model=model,
            manifest=manifest,
            status="candidate" if worse else "accepted",
            before=used.model.model_hash if used is not None else None,
            newest=newest,
            rival=rival,
        )

    def _model(self, data: Dataset, known_from: int) -> tuple[Model, Mapping[str, Any]]:
        fingerprint = fingerprint_of(data, self.course.member.symbols)
        inputs = self._inputs(fingerprint)
        there = self.store.remembered(inputs)
        if there is None:
            there = self._fit(data, fingerprint)
            self.store.remember(inputs, there)
        manifest = self.store.manifest(there)
        arrays = self.store.arrays(there)
        return Model(known_from=known_from, model_hash=there, samples=len(data), arrays=arrays), manifest

    def _inputs(self, fingerprint: str) -> str:
        return short_id({**self._identity(fingerprint), "file": self.content_hash, **_environment()}, 32)

    def _identity(self, fingerprint: str) -> dict[str, Any]:
        strategy = self.course.strategy
        return {
            "strategy": strategy.name,
            "version": strategy.version,
            "params": strategy.params.model_dump(mode="json"),
            "horizon": strategy.horizon,
            "timeframe": own_timeframe(self.course.panel, strategy.timeframe),
            "features": list(self.samples.names),
            "axes": list(self.samples.axes),
            "symbols": list(self.course.member.symbols),
            "training": self.schedule.told(),
            "seed": self.schedule.seed,
            "data": fingerprint,
        }

    def _fit(self, data: Dataset, fingerprint: str) -> str:
        strategy = self.course.strategy
        arrays = fitted(strategy, data)
        folds = cross_validated(strategy, data)
        identity = self._identity(fingerprint)
        digest = arrays_digest(arrays)
        model_hash = short_id({**identity, "fitted": digest}, _LENGTH)
        sha, clean = revision()
        manifest = {
            **identity,
            "schema": "tradeterm.model.v1",
            "model_hash": model_hash,
            "data": {
                "fingerprint": fingerprint,
                "from": iso(int(data.time_ns.min())),
                "to": iso(int(data.time_ns.max())),
                "matured_to": iso(int(data.matures_at.max())),
                "samples": len(data),
                "labels": {str(sign): int((data.label == sign).sum()) for sign in (-1, 0, 1)},
                "cost": dict(zip(self.course.member.symbols, data.cost.tolist(), strict=True)),
            },
            "seeds": {"system.seed": self.schedule.seed},
            "score": mean_skill(folds),
            "cv": [fold.told() for fold in folds],
            "bins": binned(data),
            "arrays": {name: list(values.shape) for name, values in sorted(arrays.items())},
            "fitted_sha256": digest,
            "git": {"sha": sha, "clean": clean},
            "libraries": libraries(*_LIBRARIES),
            "processor": processor(),
            "strategy_file": self.content_hash,
        }
        self.store.write(model_hash, arrays, manifest)
        return model_hash


def models_of(refits: tuple[Refit, ...]) -> Models:
    """The timeline of those that are used."""
    return Models(tuple(refit.model for refit in refits if refit.status == "accepted"))


def chosen(samples: Dataset, schedule: Schedule, known_from: int) -> Dataset:
    """Decisions whose outcome was known at an instant, of the schedule's window before it."""
    there = samples.matures_at <= known_from
    if schedule.window_days is not None:
        there &= samples.time_ns >= known_from - schedule.window_days * DAY_NS
    return samples.rows(there)


def fingerprint_of(data: Dataset, symbols: tuple[str, ...]) -> str:
    """Hash of all that a model is fitted on."""
    digest = hashlib.sha256("|".join([*symbols, *data.names, *data.axes]).encode())
    columns = (data.time_ns, data.matures_at, data.column, data.features, data.states, data.label, data.gross)
    for values in (*columns, data.cost):
        digest.update(f"{values.dtype.str}{values.shape};".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:32]


@cache
def _environment() -> dict[str, str]:
    return {"code": source_hash(_FITTING, _LIBRARIES), "processor": processor()}
