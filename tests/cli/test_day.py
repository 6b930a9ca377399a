from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tradeterm.cli.commands.init import write_workspace
from tradeterm.cli.diagnostics import run
from tradeterm.core.errors import BadValue

# A short past, so that the whole day runs in seconds; the sample market begins in 2016.
WINDOW = ("--asof", "2017-06-30", "--set", "system.start=2017-01-02")
Json = Callable[..., dict[str, Any]]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_workspace(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("TRADETERM_WORKSPACE", "TRADETERM_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    # The folder that tests/conftest.py has chosen holds; the command must not point numba at the home directory.
    monkeypatch.setattr("tradeterm.config.kernels.use_kernel_cache", lambda: None)
    return tmp_path


@pytest.fixture
def as_json(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Json:
    def called(*words: str) -> dict[str, Any]:
        code = run([*words, "--json"])
        captured = capsys.readouterr()
        assert code == 0, captured.err
        loaded: dict[str, Any] = json.loads(captured.out)
        return loaded

    return called


def test_the_day_runs_from_an_empty_workspace_and_again_without_a_new_fact(
    as_json: Json, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = as_json("daily", *WINDOW)
    assert [step["name"] for step in first["steps"]] == [
        "refresh",
        "validate",
        "train",
        "predict",
        "realise",
        "snapshot",
        "report",
    ]
    assert not any(step["repeated"] for step in first["steps"])
    facts = as_json("ledger", "verify")["rows"]
    again = as_json("daily", *WINDOW)
    assert again["daily_id"] == first["daily_id"]
    assert all(step["repeated"] for step in again["steps"])
    assert as_json("ledger", "verify") == {"schema": "tradeterm.ledger.v1", "ok": True, "rows": facts, "problem": None}

    assert as_json("status")["daily_id"] == first["daily_id"]
    runs = as_json("backtest", "list")["runs"]
    assert [item["certificate"]["ok"] for item in runs] == [True]
    shown = as_json("backtest", "show", runs[0]["run_id"][:5])
    assert shown["metrics"]["days"] > 100
    why = as_json("backtest", "show", runs[0]["run_id"], "--why", "SPY@2017-06-15T18:30:00Z")
    assert (why["schema"], why["decision"]) == ("tradeterm.why.v1", "2017-06-15T16:00:00Z")
    assert why["why"]["target"] == pytest.approx(why["why"]["desired"] * why["why"]["scale"], abs=1e-12)
    assert run(["backtest", "show", "--why", "SPY"]) == 0
    assert run(["backtest", "show", "--why", "SPY@2015-01-01"]) == 2
    assert run(["backtest", "show", "--why", "SPX@2017-06-15"]) == 2
    assert run(["backtest", "show", "--why", "@2017-06-15"]) == 2
    told = capsys.readouterr()
    assert "Limits, in their order" in told.out
    lines = told.err.strip().splitlines()
    assert len(lines) == 3
    assert "before the first decision" in lines[0]
    assert "did you mean 'SPY'" in lines[1]
    assert "names no symbol" in lines[2]
    assert {item["ts"] for item in as_json("signals", "list")["signals"]} == {"2017-07-01T00:00:00Z"}
    assert {axis["axis"] for axis in as_json("regime", "show")["axes"]} == {"equity", "volatility", "crypto", "macro"}
    assert as_json("sql", "select count(*) from signals")["rows"] == [[6]]
    assert as_json("data", "status")["bad"] == 0


def test_under_a_kill_the_day_predicts_and_says_so(
    as_json: Json, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["kill", "--reason", "test"]) == 0
    capsys.readouterr()
    done = as_json("daily", *WINDOW)
    assert done["killed"]["reason"] == "test"
    assert as_json("signals", "list")["total"] == 6
    assert run(["daily", *WINDOW]) == 0
    assert "KILLED at" in capsys.readouterr().out


def test_a_second_update_adds_nothing(as_json: Json) -> None:
    first = as_json("data", "update", "--asof", "2016-03-31")
    assert sum(item["added"] for item in first["items"]) > 1000
    second = as_json("data", "update", "--asof", "2016-03-31")
    assert [item["added"] for item in second["items"]] == [0] * len(second["items"])


def test_a_check_of_a_shipped_strategy_passes(as_json: Json) -> None:
    as_json("data", "update", "--asof", "2017-06-30")
    found = as_json("strategy", "check", "EquityTrendModel_v1", *WINDOW)
    (checked,) = found["strategies"]
    assert (found["ok"], checked["failures"]) == (True, [])


def test_a_failure_is_logged_and_told_once(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise BadValue("here", "key", 1, "a two is needed")

    monkeypatch.setattr("tradeterm.daily.run_daily", fails)
    assert run(["daily", *WINDOW]) == 2
    assert capsys.readouterr().err == "error: here: key was 1; a two is needed\n"
    lines = (workspace / "results/logs/errors.daily.jsonl").read_text().splitlines()
    assert [json.loads(line)["msg"] for line in lines] == ["daily failed: here: key was 1; a two is needed"]
    began = (workspace / "results/logs/app.daily.jsonl").read_text().splitlines()[0]
    assert json.loads(began)["msg"] == "daily began"
