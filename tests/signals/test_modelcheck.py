"""Planted leaks of training are found when models are fitted again; an honest one is not accused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lessons import SCHEDULE, course, direction, end, training
from panels import DAY
from shipped import START, SYMBOLS, book, market

from tradeterm.engine.learning import Model, Models
from tradeterm.engine.lookahead import Sampling, certify
from tradeterm.engine.replay import Member, replay
from tradeterm.signals.course import Course
from tradeterm.signals.modelcheck import ModelCheck, check_models, poisoned
from tradeterm.signals.timeline import Refit, models_of

KIND: Any = type(direction())


class LabelOneBarLate(KIND):  # type: ignore[misc]  # loaded by path
    """Labels each decision by the return of the one after it."""

    def labels(self, forward: Any) -> np.ndarray:
        return np.roll(super().labels(forward), -1)


class ScaledByEverything(KIND):  # type: ignore[misc]  # loaded by path
    """Scales its features by the mean and deviation of the whole panel."""

    def features(self, panel: Any) -> Mapping[str, np.ndarray]:
        plain = dict(super().features(panel))
        for name in ("week", "h4_move"):
            plain[name] = (plain[name] - np.nanmean(plain[name])) / np.nanstd(plain[name])
        return plain


class NewestModel(KIND):  # type: ignore[misc]  # loaded by path
    """Decides everything by the newest model it is given."""

    def weights(self, panel: Any, regime: Any, models: Models = Models()) -> np.ndarray:  # noqa: B008 - frozen
        if not len(models):
            return np.zeros(panel.close.shape)
        newest = replace(models.timeline[-1], known_from=0)
        return np.asarray(super().weights(panel, regime, Models((newest,))))


def fits(folder: Path, what: Course) -> tuple[Refit, ...]:
    return training(folder, what).refits(end())


def check(what: Course, refits: tuple[Refit, ...], *, most: int | None = None) -> ModelCheck:
    return check_models(what, SCHEDULE, refits, most=most, seed=3)


def found(result: ModelCheck) -> str:
    return " | ".join(item.what for item in result.differences)


def test_an_honest_model_comes_out_the_same_without_the_future_and_with_garbage_in_its_place(tmp_path: Path) -> None:
    refits = fits(tmp_path, course())
    result = check(course(), refits)
    assert result.differences == ()
    assert result.checked == result.models == len(refits) >= 4
    sampled = check(course(), refits, most=3)
    assert (sampled.checked, sampled.models, sampled.differences) == (3, len(refits), ())


def test_the_garbage_is_wild_and_begins_where_the_known_ends() -> None:
    what, known_from = course(), int(course().panel.times[400])
    wild = poisoned(what, known_from, seed=1)
    there = what.panel.times <= known_from
    np.testing.assert_array_equal(wild.panel.close[there], what.panel.close[there])
    own = np.isfinite(what.panel.close[~there])
    assert (wild.panel.close[~there][own] != what.panel.close[~there][own]).all()
    for symbol, bars in what.fills.items():
        known = bars.known_at <= known_from
        assert ((wild.fills[symbol].fill_open == bars.fill_open) == known).all()
    assert what.inputs.activity is not None
    assert wild.inputs.activity is not None
    same = wild.inputs.activity.value == what.inputs.activity.value
    assert (same == (what.inputs.activity.known_at <= known_from)).all()


def test_a_label_shifted_by_one_bar_is_found(tmp_path: Path) -> None:
    leak = course(LabelOneBarLate(direction().params))
    result = check(leak, fits(tmp_path, leak))
    assert result.differences
    assert "data of model" in found(result)
    assert "factors of model" in found(result)
    assert {item.strategy for item in result.differences} == {"DirectionModel_v1"}


def test_a_scaler_fitted_on_everything_is_found(tmp_path: Path) -> None:
    leak = course(ScaledByEverything(direction().params))
    result = check(leak, fits(tmp_path, leak))
    assert "scaler_mean of model" in found(result)
    assert {item.garbage for item in result.differences} == {False, True}, "by the cut and by the garbage"


def test_a_macro_value_used_at_its_period_instead_of_its_publication_is_found(tmp_path: Path) -> None:
    honest = course()
    series = honest.inputs.activity
    assert series is not None
    early = replace(series, known_at=series.known_at - 12 * DAY)
    leak = replace(honest, inputs=replace(honest.inputs, activity=early))
    result = check(honest, fits(tmp_path, leak))
    assert "data of model" in found(result)


def test_a_label_used_before_it_matured_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = training(tmp_path)
    unpurged = replace(made.samples, matures_at=made.samples.time_ns)
    made.__dict__["samples"] = unpurged
    refits = made.refits(end())
    result = check(course(), refits)
    assert len({item.time_ns for item in result.differences}) == len(refits)


def test_the_certificate_finds_weights_by_a_model_that_was_not_known_yet(tmp_path: Path) -> None:
    panel, fills, inputs = market(seed=5, days=160)
    models = models_of(fits(tmp_path, course()))
    for kind, ok in ((KIND, True), (NewestModel, False)):
        member = Member(kind(direction().params), 1.0, SYMBOLS, models=models)
        run = replay(panel, fills, inputs, book((member,), band=0.0), start_ns=START)
        assert 0.0 < (run.weights > 0.0).mean() < 1.0
        certificate = certify(run, inputs, sampling=Sampling(newest=8, changed=32, drawn=32), seed=2)
        assert certificate.ok is ok, [str(item) for item in certificate.differences[:3]]


def test_the_certificate_finds_features_scaled_by_everything_too(tmp_path: Path) -> None:
    panel, fills, inputs = market(seed=5, days=160)
    leak = ScaledByEverything(direction().params)
    member = Member(leak, 1.0, SYMBOLS, models=models_of(fits(tmp_path, course(leak))))
    run = replay(panel, fills, inputs, book((member,), band=0.0), start_ns=START)
    assert not certify(run, inputs, sampling=Sampling(), seed=2).ok


def test_before_its_first_model_a_learned_strategy_is_flat(tmp_path: Path) -> None:
    panel, fills, inputs = market(seed=5, days=160)
    models = models_of(fits(tmp_path, course()))
    member = Member(direction(), 1.0, SYMBOLS, models=models)
    run = replay(panel, fills, inputs, book((member,)), start_ns=START)
    before = run.times < models.timeline[0].known_from
    assert before.any()
    assert not run.weights[before].any()
    assert run.weights[~before].any()
    bare = replay(panel, fills, inputs, book((replace(member, models=Models()),)), start_ns=START)
    assert not bare.weights.any()


def test_each_row_is_decided_by_the_model_of_its_time(tmp_path: Path) -> None:
    panel, _, inputs = market(seed=5, days=160)
    what = course()
    models = models_of(fits(tmp_path, what))
    from tradeterm.engine.regime import classify

    frame = classify(panel.times, inputs, what.thresholds)
    whole = what.strategy.forecast(panel, frame, models)
    for place, model in enumerate(models.timeline):
        alone = what.strategy.forecast(panel, frame, Models((replace_from(model, 0),)))
        rows = models.places(panel.times) == place
        np.testing.assert_array_equal(whole.prob[rows], alone.prob[rows])
        np.testing.assert_array_equal(whole.ev[rows], alone.ev[rows])
    assert np.isnan(whole.prob[models.places(panel.times) < 0]).all()


def replace_from(model: Model, known_from: int) -> Model:
    return replace(model, known_from=known_from)
