"""``train`` and ``models`` at the command line: what they print, and one line for each way of asking wrongly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from desks import Bench, copied

from tradeterm.cli.diagnostics import run

Call = Callable[..., tuple[int, str, str]]
NAME = "DirectionModel_v1"
GIVEN = ("every_days=300", "least=300", "margin=1.0")
SETS = tuple(part for text in GIVEN for part in ("--set", f"models.training.{text}"))


@pytest.fixture(scope="module")
def trained(stocked_bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with sample bars up to June 2024."""
    return copied(stocked_bench, tmp_path_factory.mktemp("models") / "workspace").root


@pytest.fixture
def tradeterm(trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    monkeypatch.chdir(trained)
    for name in ("TRADETERM_WORKSPACE", "TRADETERM_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    # The folder that tests/conftest.py has chosen holds; the command must not point numba at the home directory.
    monkeypatch.setattr("tradeterm.config.kernels.use_kernel_cache", lambda: None)

    def called(*words: str) -> tuple[int, str, str]:
        code = run(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return called


def test_a_model_is_trained_listed_and_shown(tradeterm: Call, trained: Path) -> None:
    code, out, err = tradeterm("train", "--asof", "2018-06-30", *SETS, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["schema"], told["asof"], told["sample"]) == ("tradeterm.train.v1", "2018-07-01T00:00:00Z", True)
    (model,) = told["models"]
    assert (model["strategy"], model["status"]) == (NAME, "accepted")
    assert (trained / "results" / "models" / model["model_hash"] / "bundle.joblib").exists()

    code, out, _ = tradeterm("train", "--asof", "2018-06-30", *SETS)
    assert code == 0
    assert model["model_hash"] in out
    assert "SAMPLE" in out
    listed = json.loads(tradeterm("models", "list", "--json")[1])["models"]
    assert model["model_hash"] in [item["model_hash"] for item in listed]
    assert json.loads(tradeterm("models", "list", "--strategy", "Nobody", "--json")[1])["models"] == []

    code, out, _ = tradeterm("models", "show", model["model_hash"][:6], "--json")
    shown = json.loads(out)
    assert code == 0
    assert shown["score"] == model["score"]
    assert shown["manifest"]["model_hash"] == model["model_hash"]
    assert [item["known_from"] for item in shown["records"]] == [model["known_from"]]
    assert len(shown["folds"]) == 4
    code, out, _ = tradeterm("models", "show", model["model_hash"])
    assert code == 0
    assert "accepted, may be used from" in out
    query = f"select samples, status from models where model_hash = '{model['model_hash']}'"
    assert json.loads(tradeterm("sql", query, "--json")[1])["rows"] == [[model["samples"], "accepted"]]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("train", "--asof", "2016-02-01"), 1, "0 decisions with a known outcome, 300 are needed"),
        (("train", "--asof", "2999-01-01"), 2, "which has not come"),
        (("train", "--asof", "soon"), 2, "'soon' is no date or instant"),
        (("train", "--strategy", "DirectionModel_v2"), 2, "did you mean 'DirectionModel_v1'?"),
        (("train", "--strategy", "EquityTrendModel_v1"), 2, "follows rules and learns nothing"),
        (("train", "--set", "models.strategies=[{name: EquityTrendModel_v1, budget: 1.0}]"), 2, "nothing to train"),
        (("train", "--set", "models.training.folds=1"), 2, "models.training.folds was 1"),
        (("models", "show", "beefbeefbeefbeef"), 2, "no model 'beefbeefbeefbeef'"),
    ],
)
def test_a_wrong_question_is_answered_in_one_line(
    tradeterm: Call, words: tuple[str, ...], code: int, said: str
) -> None:
    found, out, err = tradeterm(*words, *(SETS if words[0] == "train" else ()))
    assert (found, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1, err


def test_without_bars_there_is_nothing_to_train_on(tradeterm: Call, trained: Path) -> None:
    hidden = trained.parent / "data-elsewhere"
    (trained / "data").rename(hidden)
    try:
        code, _, err = tradeterm("train", "--asof", "2018-06-30", *SETS)
    finally:
        # What the command left behind is put aside, so that other tests find their bars.
        if (trained / "data").exists():
            (trained / "data").rename(trained.parent / "data-new")
        hidden.rename(trained / "data")
    assert code == 1
    assert "no bars stored; run `tradeterm data update`" in err


def test_a_bundle_that_was_altered_stops_the_training_in_one_line(tradeterm: Call, trained: Path) -> None:
    asof = ("train", "--asof", "2017-12-31", *SETS)
    model = json.loads(tradeterm(*asof, "--json")[1])["models"][0]["model_hash"]
    path = trained / "results" / "models" / model / "bundle.joblib"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    try:
        code, _, err = tradeterm(*asof)
    finally:
        path.write_bytes(whole)
    assert code == 1
    assert "bundle.joblib: its SHA-256 is" in err
    assert "it is not loaded: move the model's folder away and run `tradeterm train`" in err
