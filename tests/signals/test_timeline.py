"""A model is its content: what it was fitted on, how, and what came of it; and a damaged one is not loaded."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lessons import COST, SCHEDULE, bits, course, direction, end, training
from panels import DAY
from shipped import SYMBOLS
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tradeterm.core.errors import BundleRefused, ModelNotFound, NotTrainable, StrategyBroken
from tradeterm.core.time import from_ns
from tradeterm.engine.learning import CannotFit
from tradeterm.engine.regime import classify
from tradeterm.signals import fitting
from tradeterm.signals.cv import cross_validated, log_loss
from tradeterm.signals.fitting import fitted
from tradeterm.signals.timeline import WEEKDAYS, chosen, models_of
from tradeterm.store.artifacts import ModelStore, arrays_digest


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every fit of the schedule, made once."""
    made: Path = tmp_path_factory.mktemp("models")
    training(made).refits(end())
    return made


def test_samples_are_labelled_by_a_plain_loop_over_the_daily_bars() -> None:
    what = course()
    data = what.samples(folds=3, embargo_ns=0)
    horizon = what.strategy.horizon
    assert len(data) > 300
    assert (np.diff(data.time_ns) >= 0).all()
    assert set(data.label.tolist()) == {-1, 1} or set(data.label.tolist()) == {-1, 0, 1}
    for row in range(0, len(data), 7):
        symbol = SYMBOLS[int(data.column[row])]
        bars = what.fills[symbol]
        later = [k for k in range(len(bars.fill_at)) if bars.fill_at[k] >= data.time_ns[row]]
        ratio = bars.fill_open[later[horizon]] / bars.fill_open[later[0]]
        long_net = ratio - 1.0 - COST[symbol] * (1.0 + ratio)
        short_net = 1.0 - ratio - COST[symbol] * (1.0 + ratio)
        assert data.label[row] == (1 if long_net > 0 else -1 if short_net > 0 else 0)
        assert data.gross[row] == pytest.approx(ratio - 1.0, abs=1e-15)
        assert data.matures_at[row] == bars.known_at[later[horizon]]


def test_there_is_one_sample_per_own_daily_bar_and_its_inputs_are_those_of_the_decision() -> None:
    what = course()
    data = what.samples(folds=3, embargo_ns=0)
    features = what.strategy.features(what.panel)
    frame = classify(what.panel.times, what.inputs, what.thresholds)
    for j in range(len(SYMBOLS)):
        times = data.time_ns[data.column == j]
        days = what.panel.days
        assert set(times.tolist()) <= set(days.known_at[days.bar_no[:, j] >= 0, j].tolist())
        assert len(times) == len(np.unique(times))
    for row in range(0, len(data), 31):
        at = int(np.searchsorted(what.panel.times, data.time_ns[row]))
        expected = [values[at, data.column[row]] for values in features.values()]
        assert data.features[row].tolist() == expected
        assert data.states[row].tolist() == frame.state[at].tolist()


def test_each_model_is_fitted_on_what_was_known_at_its_instant_of_the_schedule(folder: Path) -> None:
    made = training(folder)
    refits = made.refits(end())
    assert len(refits) >= 4
    for refit in refits:
        known_from = refit.model.known_from
        assert known_from % (SCHEDULE.every_days * DAY) == 0
        known = made.samples.matures_at <= known_from
        assert refit.model.samples == known.sum() >= SCHEDULE.least
    before = refits[0].model.known_from - SCHEDULE.every_days * DAY
    assert (made.samples.matures_at <= before).sum() < SCHEDULE.least


@pytest.mark.parametrize("weekday", range(7))
def test_a_weekly_fit_is_at_the_end_of_that_day(weekday: int) -> None:
    schedule = replace(SCHEDULE, every_days=None, weekly=WEEKDAYS[weekday])
    found = schedule.instants(0, 100 * DAY)
    assert len(found) in (14, 15)
    for instant in found.tolist():
        assert from_ns(instant - 1).weekday() == weekday
        assert instant % DAY == 0


def test_fits_of_several_reasons_come_in_their_order_and_once() -> None:
    schedule = replace(SCHEDULE, every_days=10, weekly="friday", extra=(25 * DAY + 5, 30 * DAY, 500 * DAY))
    found = schedule.instants(8 * DAY, 31 * DAY)
    assert found.tolist() == [9 * DAY, 10 * DAY, 16 * DAY, 20 * DAY, 23 * DAY, 25 * DAY + 5, 30 * DAY]
    assert schedule.instants(10 * DAY, 16 * DAY).tolist() == [16 * DAY], "the first is left out, the last is in"


def test_the_same_inputs_give_the_same_hash_and_bits_after_others_were_trained(folder: Path, tmp_path: Path) -> None:
    first = training(folder).refits(end())[2]
    other = training(tmp_path, course(direction(strength=0.1)))
    assert {item.model.model_hash for item in other.refits(end())}.isdisjoint({first.model.model_hash})
    again = training(tmp_path).refits(first.model.known_from)[-1]
    assert again.model.model_hash == first.model.model_hash
    assert {name: bits(values) for name, values in again.model.arrays.items()} == {
        name: bits(values) for name, values in first.model.arrays.items()
    }


def test_what_comes_later_changes_no_earlier_model(folder: Path, tmp_path: Path) -> None:
    refits = training(folder).refits(end())
    until = refits[1].model.known_from + DAY
    earlier = training(tmp_path, course().upto(until)).refits(until)
    assert [item.model.model_hash for item in earlier] == [item.model.model_hash for item in refits[:2]]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 8},
        {"folds": 4},
        {"embargo_days": 2},
        {"window_days": 60},
        {"what": "strength"},
        {"what": "data"},
        {"what": "cost"},
    ],
)
def test_what_a_model_depends_on_changes_its_hash(folder: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    plain = training(folder)
    known_from = plain.refits(end())[0].model.known_from
    what = course()
    if change.get("what") == "strength":
        what = course(direction(strength=0.5))
    elif change.get("what") == "data":
        volume = what.panel.close * (1.0 + 1e-12)
        what = replace(what, panel=replace(what.panel, close=volume))
    elif change.get("what") == "cost":
        what = replace(what, cost=COST | {"SPY": 0.0004})
    schedule = {name: value for name, value in change.items() if name != "what"}
    other = training(tmp_path, what, least=100, **schedule).refits(known_from)[-1]
    assert other.model.known_from == known_from
    assert other.model.model_hash != plain.refits(known_from)[-1].model.model_hash


def test_what_was_fitted_is_not_fitted_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("it was fitted again")

    monkeypatch.setattr("tradeterm.signals.timeline.fitted", refuse)
    assert len(training(folder).refits(end())) >= 4


def test_the_classifier_is_scikit_learn_s_and_inference_needs_its_arrays_alone(folder: Path) -> None:
    made = training(folder)
    model = made.refits(end())[-1].model
    data = made.dataset(model.known_from)
    scaler, encoder = StandardScaler().fit(data.features), OneHotEncoder().fit(data.states)
    inputs = np.hstack([scaler.transform(data.features), encoder.transform(data.states).toarray()])
    reference = LogisticRegression(solver="newton-cholesky", tol=1e-10).fit(inputs, data.label > 0)
    slope, offset = model.arrays["calibrator"]
    odds = slope * reference.decision_function(inputs) + offset
    found = made.course.strategy.infer(model.arrays, data.features, data.states, data.column)
    np.testing.assert_allclose(found.prob, 1.0 / (1.0 + np.exp(-odds)), atol=1e-7)
    # ev by hand: what gains and losses came to in units of volatility, less costs on both notionals
    gain, loss = model.arrays["payoff"]
    for row in range(0, len(data), 41):
        gross = data.features[row, 0] * (found.prob[row] * gain + (1.0 - found.prob[row]) * loss)
        cost = COST[SYMBOLS[int(data.column[row])]]
        assert found.ev[row] == pytest.approx(gross - cost * (1.0 + (1.0 + gross)), abs=1e-15)
    moves = data.gross / data.features[:, 0]
    assert gain == pytest.approx(moves[data.label > 0].mean())
    assert loss == pytest.approx(moves[data.label <= 0].mean())


def test_the_expected_return_of_all_decisions_is_about_what_came(folder: Path) -> None:
    made = training(folder)
    model = made.refits(end())[-1].model
    data = made.dataset(model.known_from)
    found = made.course.strategy.infer(model.arrays, data.features, data.states, data.column)
    cost = data.cost[data.column]
    net = data.gross - cost * (2.0 + data.gross)
    assert abs(found.ev.mean() - net.mean()) < 0.2 * net.std()
    assert 0.0 < found.prob.min() < found.prob.max() < 1.0


def test_the_manifest_tells_what_the_model_came_from(folder: Path) -> None:
    made = training(folder)
    refit = made.refits(end())[-1]
    told, data = refit.manifest, made.dataset(refit.model.known_from)
    assert told["features"] == list(data.names)
    assert told["params"]["half_days"] == 15
    assert told["data"]["samples"] == len(data)
    assert told["seed"] == 7
    assert set(told["libraries"]) == {"python", "numpy", "numba", "scipy", "scikit-learn", "joblib"}
    assert set(told["git"]) == {"sha", "clean"}
    assert told["score"] == pytest.approx(math.fsum(fold["skill"] for fold in told["cv"]) / len(told["cv"]))
    for name in data.names:
        bins, values = told["bins"][name], data.features[:, data.names.index(name)]
        edges = [-math.inf, *bins["edges"], math.inf]
        counted = [((values >= low) & (values < high)).sum() for low, high in pairwise(edges)]
        assert bins["counts"] == counted
        assert sum(counted) == len(data)


def test_fold_scores_are_those_of_a_model_fitted_on_the_fold_s_training_rows() -> None:
    what = course()
    data = chosen(what.samples(folds=3, embargo_ns=DAY), SCHEDULE, end())
    scores = cross_validated(what.strategy, data)
    assert len(scores) == 3
    for score, fold in zip(scores, data.splits(), strict=True):
        known, later = data.rows(fold.train), data.rows(fold.test)
        arrays = fitted(what.strategy, known)
        prob = what.strategy.infer(arrays, later.features, later.states, later.column).prob
        gain = later.label > 0
        plain = [math.log(p if g else 1.0 - p) for p, g in zip(prob, gain, strict=True)]
        share = (known.label > 0).mean()
        base = [math.log(share if g else 1.0 - share) for g in gain]
        assert score.log_loss == pytest.approx(-sum(plain) / len(plain))
        assert score.skill == pytest.approx(1.0 - sum(plain) / sum(base))
        assert (score.trained, score.tested, score.purged) == (len(known), len(later), fold.purged)
        assert score.purged > 0, "a five-day label reaches over the start of the test"


def test_log_loss_of_a_sure_and_wrong_forecast_is_finite() -> None:
    assert log_loss(np.array([0.5, 0.5]), np.array([True, False])) == pytest.approx(math.log(2.0))
    assert math.isfinite(log_loss(np.array([1.0]), np.array([False])))


def test_a_new_model_that_scores_too_much_worse_is_a_candidate_and_not_used(folder: Path) -> None:
    refits = training(folder, margin=0.0).refits(end())
    used: list[Any] = []
    strategy = course().strategy
    for refit in refits:
        data = training(folder).dataset(refit.model.known_from)
        fold = data.splits()[-1]
        later, share = data.rows(fold.test), (data.label[fold.train] > 0).mean()
        gain = later.label > 0
        base = log_loss(np.full(len(gain), share), gain)

        def skill(arrays: Any, later: Any = later, gain: Any = gain, base: Any = base) -> float:
            return 1.0 - log_loss(strategy.infer(arrays, later.features, later.states, later.column).prob, gain) / base

        assert refit.newest == pytest.approx(skill(fitted(strategy, data.rows(fold.train))))
        if used:
            assert refit.rival == pytest.approx(skill(used[-1].model.arrays))
        worse = bool(used) and refit.newest < refit.rival
        assert refit.status == ("candidate" if worse else "accepted")
        assert refit.before == (used[-1].model.model_hash if used else None)
        if not worse:
            used.append(refit)
    assert {item.status for item in refits} == {"accepted", "candidate"}
    assert models_of(refits).timeline == tuple(item.model for item in used)
    assert all(item.status == "accepted" for item in training(folder, margin=5.0).refits(end()))


def test_too_few_decisions_and_one_class_alone_are_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        NotTrainable, match=r"DirectionModel_v1 as of .*decisions with a known outcome, 9999 are needed"
    ):
        training(tmp_path, least=9999).newest(end())
    expensive = replace(course(), cost=dict.fromkeys(SYMBOLS, 5.0))
    with pytest.raises(NotTrainable, match="labels are of one class; it needs gains and losses"):
        training(tmp_path, expensive).newest(end())
    nothing = course().upto(int(course().panel.times[2]))
    with pytest.raises(NotTrainable, match="0 decisions"):
        training(tmp_path, nothing).newest(end())


def test_a_fit_that_breaks_is_the_strategy_s_own_fault_and_no_number_may_be_infinite() -> None:
    data = course().samples(folds=3, embargo_ns=0)
    kind: Any = type(direction())

    class Breaks(kind):  # type: ignore[misc]  # loaded by path
        def fit(self, dataset: Any) -> Any:
            return {"x": np.array([1.0]) / dataset.nothing}

    class Infinite(kind):  # type: ignore[misc]  # loaded by path
        def fit(self, dataset: Any) -> Any:
            return {"x": np.array([math.inf])}

    with pytest.raises(StrategyBroken, match=r"DirectionModel_v1\.fit on \d+ decisions: raised AttributeError"):
        fitted(Breaks(direction().params), data)
    with pytest.raises(CannotFit, match="'x' came out with numbers that are not finite"):
        fitted(Infinite(direction().params), data)


def test_fitting_holds_the_libraries_to_one_thread() -> None:
    from threadpoolctl import threadpool_info

    fitting.processor()
    with fitting.one_thread():
        inside = [item["num_threads"] for item in threadpool_info()]
    assert inside
    assert set(inside) == {1}


def test_a_bundle_that_was_altered_is_never_loaded(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = training(folder).refits(end())[-1]
    store = ModelStore(tmp_path)
    store.write(model.model.model_hash, model.model.arrays, model.manifest)
    path = store.models_dir / model.model.model_hash / "bundle.joblib"
    assert bits(store.arrays(model.model.model_hash)["factors"]) == bits(model.model.arrays["factors"])
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    def refuse(*_: Any) -> None:
        raise AssertionError("it was loaded")

    monkeypatch.setattr("joblib.load", refuse)
    with pytest.raises(BundleRefused, match=r"bundle\.joblib: its SHA-256 is .*, its manifest says .*it is not loaded"):
        store.arrays(model.model.model_hash)
    path.unlink()
    with pytest.raises(BundleRefused, match="can't be read"):
        store.arrays(model.model.model_hash)


def test_numbers_that_are_not_the_manifest_s_are_refused(folder: Path, tmp_path: Path) -> None:
    model = training(folder).refits(end())[-1]
    store = ModelStore(tmp_path)
    other = {name: values + 1.0 for name, values in model.model.arrays.items()}
    store.write(model.model.model_hash, other, model.manifest)
    assert arrays_digest(other) != model.manifest["fitted_sha256"]
    with pytest.raises(BundleRefused, match="its numbers are not those"):
        store.arrays(model.model.model_hash)


@pytest.mark.parametrize("name", ["../x", "", "ffffffffffffffff"])
def test_a_hash_that_is_none_is_not_found(folder: Path, name: str) -> None:
    with pytest.raises(ModelNotFound):
        ModelStore(folder).manifest(name)


def test_a_model_is_written_once_and_its_inputs_lead_to_it(folder: Path) -> None:
    store = ModelStore(folder)
    stamps = {path: path.stat().st_mtime_ns for path in store.models_dir.rglob("*.json")}
    model = training(folder).refits(end())[-1]
    store.write(model.model.model_hash, model.model.arrays, model.manifest | {"git": {"sha": "other", "clean": None}})
    assert {path: path.stat().st_mtime_ns for path in store.models_dir.rglob("*.json")} == stamps
    assert set(store.hashes()) == {path.parent.name for path in stamps}
    assert json.loads(next(iter(stamps)).read_text())["schema"] == "tradeterm.model.v1"
    assert store.remembered("f" * 32) is None
