"""A learned strategy in a workspace: walk-forward in a backtest, the same model anywhere, and what is said of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from desks import STOCKED, Bench, copied, settings_of

from tradeterm.core.errors import CertificateFailed, UsageError
from tradeterm.core.time import DAY_NS, from_iso, iso
from tradeterm.data.refresh import refresh
from tradeterm.research.backtest import Prepared, prepare, run_backtest
from tradeterm.research.certificate import check_strategy
from tradeterm.research.plan import refresh_plan
from tradeterm.research.train import Trained, learned_names, record, train
from tradeterm.signals.history import until
from tradeterm.signals.own_bars import read_own_bars
from tradeterm.signals.predict import predict
from tradeterm.store.artifacts import ModelStore
from tradeterm.store.bars import BarStore

NAME = "DirectionModel_v1"
ONLY = f"models.strategies=[{{name: {NAME}, budget: 1.0}}]"
# Fits far apart and short backtests keep the tests quick.
FEW = ("models.training.every_days=300", "system.start=2024-01-01", "system.certificate.models=3")
ASOF = from_iso("2024-05-20")

LEAK = """
import numpy as np
from tradeterm.strategy_api import CannotFit, Forecast, LearnedStrategy, Lookback, NO_MODELS, carried, momentum

class Leak(LearnedStrategy):
    name = "Leak_v1"
    version = "1.0.0"
    universe = ("SPY", "QQQ")
    timeframe = "daily"
    horizon = 1

    @property
    def lookback(self):
        return Lookback(bars=3)

    def features(self, panel):
        return {"move": carried(panel, momentum(panel, 2))}

    def labels(self, forward):
        return np.append(super().labels(forward)[1:], 0)

    def fit(self, dataset):
        return {"mean": np.array([dataset.label.mean()])}

    def infer(self, arrays, features, states, column):
        return Forecast(prob=np.full(len(features), 0.5), ev=features[:, 0] * arrays["mean"])

    def weights(self, panel, regime, models=NO_MODELS):
        return (self.forecast(panel, regime, models).ev > 0.0) / 2.0
"""


@pytest.fixture(scope="module")
def taught_bench(stocked_bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A workspace whose models are fitted; tests copy it, or only read."""
    bench = copied(stocked_bench, tmp_path_factory.mktemp("taught") / "workspace", *FEW)
    trained(bench)
    return bench


@pytest.fixture
def learner(taught_bench: Bench, tmp_path: Path) -> Bench:
    return copied(taught_bench, tmp_path / "learner", *FEW)


def again(bench: Bench, *sets: str) -> Bench:
    return Bench(settings_of(bench.root, *FEW, *sets))


def trained(bench: Bench, *, asof_ns: int = ASOF) -> Trained:
    with bench.ledger() as ledger:
        return train(bench.settings, ledger, [NAME], asof_ns=asof_ns)[0]


def incidents(bench: Bench) -> list[str]:
    return [json.loads(payload)["what"] for (kind, _), payload in bench.facts().items() if kind == "incident"]


def refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("something was fitted again")


def test_a_backtest_is_walk_forward_certified_and_fits_nothing_twice(
    learner: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = again(learner, ONLY)
    with bench.ledger() as ledger:
        result = run_backtest(bench.settings, ledger, name="learned", start_ns=None, end_ns=ASOF)
        assert result.proof.ok
        assert "3 of 9 models of DirectionModel_v1 fitted again" in result.proof.certificate.coverage
        certificate = json.loads((result.path / "certificate.json").read_text())
        assert [line.partition(":")[0] for line in certificate["tests"]] == ["known", "cut", "poison", "models"]
        manifest = json.loads((result.path / "manifest.json").read_text())
        monkeypatch.setattr("tradeterm.signals.timeline.fitted", refuse)
        repeated = run_backtest(bench.settings, ledger, name="learned", start_ns=None, end_ns=ASOF)
    assert (repeated.run_id, repeated.status) == (result.run_id, "verified")
    models = manifest["strategies"][0]["models"]
    prepared = prepare(bench.settings, end_ns=ASOF)
    used = prepared.desk.spec.members[0].models
    assert models == [[iso(model.known_from), model.model_hash] for model in used.timeline]
    places = used.places(prepared.run.times)
    assert len(np.unique(places)) == 2, "a fit falls into the run"
    for place in np.unique(places):
        model = used.timeline[place]
        told = ModelStore(bench.workspace.results).manifest(model.model_hash)
        assert from_iso(told["data"]["matured_to"]) <= model.known_from <= prepared.run.times[places == place][0]


def test_other_models_make_another_run(learner: Bench) -> None:
    ids = {
        prepare(again(learner, ONLY, *sets).settings, end_ns=ASOF).run_id
        for sets in ((), ("models.training.embargo_days=2",))
    }
    assert len(ids) == 2


def test_a_label_that_reaches_one_bar_too_far_fails_the_certificate(learner: Bench) -> None:
    (learner.workspace.strategies / "leak.py").write_text(LEAK)
    bench = again(learner, "models.strategies=[{name: Leak_v1, budget: 1.0}]")
    with bench.ledger() as ledger, pytest.raises(CertificateFailed, match=r"Leak_v1 at .* of model"):
        run_backtest(bench.settings, ledger, name="leak", start_ns=None, end_ns=ASOF)
    mended = LEAK.replace("np.append(super().labels(forward)[1:], 0)", "super().labels(forward)")
    (learner.workspace.strategies / "leak.py").write_text(mended)
    with bench.ledger() as ledger:
        assert run_backtest(bench.settings, ledger, name="mended", start_ns=None, end_ns=ASOF).proof.ok


def test_a_model_is_the_same_alone_in_a_book_and_with_bars_that_came_later(taught_bench: Bench, learner: Bench) -> None:
    alone = trained(taught_bench).fact["model_hash"]
    names = ("EquityTrendModel_v1", "IndexMeanReversionModel_v1")
    book = [f"{{name: {name}, budget: 0.3}}" for name in (*names, NAME)]
    prepared = prepare(again(learner, f"models.strategies=[{', '.join(book)}]").settings, end_ns=ASOF)
    assert prepared.learned[0].refits[-1].model.model_hash == alone
    report = refresh(BarStore(learner.workspace.data), refresh_plan(learner.settings), asof_ns=STOCKED + 30 * DAY_NS)
    assert report.ok
    assert trained(learner).fact["model_hash"] == alone


def test_another_checkout_gives_the_same_hash_and_predictions_whatever_the_threads(
    taught_bench: Bench, stocked_bench: Bench, tmp_path: Path
) -> None:
    here = trained(taught_bench)
    there = copied(stocked_bench, tmp_path / "checkout", *FEW)
    sets = [part for text in (*FEW, "system.certificate.drawn=8") for part in ("--set", text)]
    environment = {**os.environ, "OMP_NUM_THREADS": "5", "OPENBLAS_NUM_THREADS": "5"}

    def called(*words: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "tradeterm", *words, "--json", *sets]
        done = subprocess.run(command, cwd=there.root, env=environment, capture_output=True, text=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    called("train", "--asof", "2021-05-19", "--set", f"models.strategies.{NAME}.params.strength=0.25")
    answer = called("train", "--asof", "2024-05-19")
    assert answer["models"][0]["model_hash"] == here.fact["model_hash"]
    stores = [ModelStore(bench.workspace.results) for bench in (taught_bench, there)]
    arrays, others = (store.arrays(here.fact["model_hash"]) for store in stores)
    assert {name: values.tobytes() for name, values in arrays.items()} == {
        name: values.tobytes() for name, values in others.items()
    }
    assert signals(again(there, ONLY)) == signals(again(taught_bench, ONLY))


def signals(bench: Bench, prepared: Prepared | None = None) -> list[dict[str, Any]]:
    from tradeterm.research.desk import instruments

    made = prepared or prepare(bench.settings, end_ns=ASOF)
    items = {item.symbol: item for item in instruments(bench.settings.config)}
    store = BarStore(bench.workspace.data)
    found = predict(
        made.run,
        lambda symbol, timeframe: read_own_bars(store, items[symbol], timeframe),
        config_hashes=dict.fromkeys(made.run.spec.names, "c0ffee"),
        run_id="test",
    )
    return [item.payload() for item in found]


def test_a_signal_tells_the_model_s_own_probability_and_expected_return(taught_bench: Bench) -> None:
    bench = again(taught_bench, ONLY)
    prepared = prepare(bench.settings, end_ns=ASOF)
    refit = prepared.learned[0].refits[-1]
    arrays, course = refit.model.arrays, prepared.learned[0].training.course
    features = [values[-1] for values in course.strategy.features(course.panel).values()]
    found = signals(bench, prepared)
    assert [item["symbol"] for item in found] == ["SPY", "QQQ", "BTC/USDT", "ETH/USDT"]
    assert {item["model_version"] for item in found} == {f"{NAME}@1.0.0+{refit.model.model_hash}"}
    for column, item in enumerate(found):
        row = [float(values[column]) for values in features]
        inputs = [(x - m) / s for x, m, s in zip(row, arrays["scaler_mean"], arrays["scaler_scale"], strict=True)]
        state = prepared.run.frame.state[-1]
        coded = zip(arrays["encoder_axis"], arrays["encoder_state"], strict=True)
        inputs += [float(state[int(axis)] == code) for axis, code in coded]
        odds = sum(x * w for x, w in zip(inputs, arrays["factors"], strict=True)) + arrays["offset"][0]
        prob = 1.0 / (1.0 + np.exp(-(arrays["calibrator"][0] * odds + arrays["calibrator"][1])))
        gross = row[0] * (prob * arrays["payoff"][0] + (1.0 - prob) * arrays["payoff"][1])
        ev = gross - arrays["cost"][column] * (2.0 + gross)
        held = prob >= 0.5 and ev > 0.0
        assert item["side"] == ("long" if held else "flat")
        if held:
            assert item["prob"] == pytest.approx(prob, abs=1e-12)
            assert item["ev"] == pytest.approx(ev, abs=1e-12)
            assert item["sample"] == refit.model.samples
        else:
            assert (item["prob"], item["ev"], item["sample"]) == (None, None, 0)


def test_a_replayed_past_signals_as_the_night_itself_did(taught_bench: Bench) -> None:
    bench = again(taught_bench, ONLY)
    whole = prepare(bench.settings, end_ns=ASOF)
    for days in (1, 60, 100):
        then = ASOF - days * DAY_NS
        row = int(np.flatnonzero(whole.run.times == then)[0])
        night = prepare(bench.settings, end_ns=then)
        past = replace(night, run=until(whole.run, row))
        found = signals(bench, past)
        assert found == signals(bench, night)
        assert {item["ts"] for item in found} == {iso(then)}


def test_training_again_records_nothing_and_the_changelog_keeps_one_entry_per_model(learner: Bench) -> None:
    path = learner.root / "docs" / "model_changelog.md"
    facts, text = learner.facts(), path.read_text()
    repeated = trained(learner)
    assert not repeated.new
    assert (learner.facts(), path.read_text()) == (facts, text)
    other = again(learner, f"models.strategies.{NAME}.params.strength=0.5")
    changed = trained(other)
    assert changed.new
    log = path.read_text()
    assert log.startswith(text.rstrip())
    headings = [line for line in log.splitlines() if line.startswith("## ")]
    assert headings == [
        f"## {item.fact['known_from'][:10]} {NAME}@1.0.0+{item.fact['model_hash']}" for item in (repeated, changed)
    ]
    entry = log[len(text) :]
    assert "parameters changed and features are the same" in entry
    assert "| params.strength | +1.000000 | +0.500000 |" in entry
    assert f"| model | {repeated.fact['model_hash']} | {changed.fact['model_hash']} |" in entry
    assert f"| score (mean skill) | {repeated.fact['score']:+.6f} | {changed.fact['score']:+.6f} |" in entry


def test_a_model_that_scores_too_much_worse_becomes_an_incident_and_no_entry(learner: Bench) -> None:
    strict = again(learner, "models.training.margin=0.0", ONLY)
    refits = prepare(strict.settings, end_ns=ASOF).learned[0].refits
    place = next(place for place, refit in enumerate(refits) if refit.status == "candidate")
    before = (learner.root / "docs" / "model_changelog.md").read_text()
    strategy = prepare(strict.settings, end_ns=ASOF).learned[0].training.course.strategy
    with strict.ledger() as ledger:
        told = record(strict.settings, ledger, strategy, refits[: place + 1])
        assert not record(strict.settings, ledger, strategy, refits[: place + 1]).new
    candidate = refits[place]
    assert told.fact["status"] == "candidate"
    assert (learner.root / "docs" / "model_changelog.md").read_text() == before
    assert len(incidents(strict)) == 1
    assert (
        f"+{candidate.model.model_hash} has a skill of {candidate.newest:.4f} on the newest fold"
        in incidents(strict)[0]
    )
    assert f"below {candidate.rival:.4f} of the one in use ({candidate.before}): it is kept" in incidents(strict)[0]
    used = prepare(strict.settings, end_ns=ASOF).desk.spec.members[0].models
    assert candidate.model not in used.timeline
    at = used.at(candidate.model.known_from)
    assert at is not None
    assert at.model_hash == candidate.before


def test_the_daily_run_trains_what_is_due_and_signals_by_the_model_in_use(learner: Bench) -> None:
    from tradeterm.daily import run_daily

    bench = again(learner, ONLY)
    with bench.ledger() as ledger:
        steps = {step.name: step for step in run_daily(bench.settings, ledger, asof_ns=ASOF).steps}
        told = [fact.payload for fact in ledger.facts("signal")]
    model = steps["train"].outputs["models"][NAME]
    assert (steps["train"].status, model["status"]) == ("done", "accepted")
    assert {item["model_version"] for item in told} == {f"{NAME}@1.0.0+{model['model_hash']}"}
    assert steps["snapshot"].outputs["certificate"] is True
    scant = again(learner, ONLY, "models.training.least=99999")
    with scant.ledger() as ledger:
        steps = {step.name: step for step in run_daily(scant.settings, ledger, asof_ns=ASOF).steps}
        told = [fact.payload for fact in ledger.facts("signal") if fact.payload["model_version"] == f"{NAME}@1.0.0"]
    assert (steps["train"].status, steps["train"].outputs["trained"]) == ("partial", [])
    assert list(steps["train"].outputs["untrained"]) == [NAME]
    assert {item["side"] for item in told} == {"flat"}
    assert any("99999 are needed" in what for what in incidents(scant))


def test_the_example_of_the_documentation_learns_and_passes_its_check(learner: Bench) -> None:
    page = (Path(__file__).parents[2] / "docs" / "strategies.md").read_text()
    (block,) = [part for part in re.findall(r"```python\n(.*?)```", page, re.S) if "LearnedStrategy" in part]
    (learner.workspace.strategies / "drift.py").write_text(block)
    checked = check_strategy(learner.settings, "Drift_v1", end_ns=ASOF)
    assert checked.proof.ok
    assert "models of Drift_v1 fitted again" in checked.proof.certificate.coverage


def test_only_learned_strategies_are_trained(learner: Bench) -> None:
    assert learned_names(learner.settings) == [NAME]
    assert learned_names(learner.settings, enabled=True) == []
    with learner.ledger() as ledger, pytest.raises(UsageError, match="EquityTrendModel_v1 follows rules"):
        train(learner.settings, ledger, ["EquityTrendModel_v1"], asof_ns=ASOF)


def test_a_cached_decision_needs_no_scikit_learn(taught_bench: Bench) -> None:
    sets = (*FEW, ONLY)
    code = (
        "import sys; from tradeterm.config.kernels import use_kernel_cache; use_kernel_cache()\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        "from pathlib import Path; from desks import settings_of\n"
        "from tradeterm.research.backtest import prepare\n"
        f"made = prepare(settings_of(Path({str(taught_bench.root)!r}), *{sets!r}), end_ns={ASOF})\n"
        "assert made.run.weights.any(); assert 'sklearn' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
