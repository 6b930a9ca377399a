from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tradeterm import killfile
from tradeterm.cli.commands.init import write_workspace
from tradeterm.cli.diagnostics import run
from tradeterm.core.time import from_iso
from tradeterm.store.ledger import Ledger

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_workspace(tmp_path / "mine")
    monkeypatch.chdir(tmp_path / "mine")
    monkeypatch.setenv("TRADETERM_KERNEL_CACHE", "0")
    for name in ("TRADETERM_WORKSPACE", "TRADETERM_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "mine"


@pytest.fixture
def tradeterm(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def called(*words: str) -> tuple[int, str, str]:
        code = run(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return called


def document(tradeterm: Run, *words: str, code: int = 0) -> dict[str, Any]:
    found, out, _ = tradeterm(*words, "--json")
    assert found == code
    assert out.count("\n") == 1, "exactly one line, one object"
    loaded: dict[str, Any] = json.loads(out)
    assert str(loaded["schema"]).startswith("tradeterm.")
    return loaded


def ledger(workspace: Path) -> Ledger:
    return Ledger(workspace / "results", clock=lambda: from_iso("2024-08-30T00:00Z"))


REPORTS = [
    ["config", "show"],
    ["status"],
    ["doctor"],
    ["backtest", "list"],
    ["signals", "list"],
    ["signals", "outcomes"],
    ["regime", "show"],
    ["regime", "history"],
    ["strategy", "list"],
    ["ledger", "verify"],
    ["sql", "select 1 as one"],
]


@pytest.mark.parametrize("words", REPORTS, ids=" ".join)
def test_every_report_works_in_an_empty_workspace_both_ways(tradeterm: Run, words: list[str]) -> None:
    document(tradeterm, *words)
    code, out, err = tradeterm(*words)
    assert (code, err) == (0, "")
    assert out.strip()


def test_config_show_tells_value_and_origin(tradeterm: Run, workspace: Path) -> None:
    found = document(tradeterm, "config", "show", "system.limits", "--set", "system.limits.gross=0.5")
    assert found["values"]["system.limits.gross"] == 0.5
    assert found["origins"]["system.limits.gross"] == "--set"
    assert found["origins"]["system.limits.asset"].startswith("configs/base/system.yaml:")
    _, out, _ = tradeterm("config", "show", "models", "--origin")
    assert "models.strategies.0.name" in out
    assert "configs/base/models.yaml:5" in out


def test_config_show_never_shows_a_secret(tradeterm: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / ".env").write_text("FRED_API_KEY=canary-file\n")
    monkeypatch.setenv("ALPACA_API_KEY", "canary-env")
    for words in (["config", "show", "--origin"], ["config", "show", "--json"], ["doctor"], ["doctor", "--json"]):
        code, out, err = tradeterm(*words)
        assert code == 0
        assert "canary" not in out + err
    assert document(tradeterm, "config", "show")["secrets"]["FRED_API_KEY"] is True


def test_init_makes_a_workspace_once(tradeterm: Run, tmp_path: Path) -> None:
    found = document(tradeterm, "init", str(tmp_path / "second"))
    assert "configs/base/system.yaml" in found["written"]
    assert (tmp_path / "second" / "strategies").is_dir()
    code, out, err = tradeterm("init", str(tmp_path / "second"))
    assert (code, out) == (2, "")
    assert "is there already" in err


def test_doctor_fails_when_something_is_broken(tradeterm: Run, workspace: Path) -> None:
    (workspace / "configs/profiles/sample.yaml").write_text("system: {capitol: 1}\n")
    found = document(tradeterm, "doctor", code=1)
    broken = [check for check in found["checks"] if check["ok"] is False]
    assert [check["what"] for check in broken] == ["config"]
    assert "did you mean 'capital'" in broken[0]["found"]


def test_doctor_without_a_workspace_says_so(tradeterm: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = document(tradeterm, "doctor", code=1)
    assert found["checks"][-1]["what"] == "workspace"


def test_ledger_verify_finds_an_altered_fact(tradeterm: Run, workspace: Path) -> None:
    with ledger(workspace) as facts:
        for number in range(5):
            facts.append("incident", f"i{number}", {"what": str(number)})
    assert document(tradeterm, "ledger", "verify") | {"schema": ""} == {
        "schema": "",
        "ok": True,
        "rows": 5,
        "problem": None,
    }
    connection = sqlite3.connect(workspace / "results" / "ledger.sqlite")
    triggers = connection.execute("select name from sqlite_master where type = 'trigger'").fetchall()
    for (name,) in triggers:
        connection.execute(f"drop trigger {name}")
    connection.execute("update facts set payload = '{}' where seq = 3")
    connection.commit()
    connection.close()
    found = document(tradeterm, "ledger", "verify", code=1)
    assert found["ok"] is False
    assert "3" in found["problem"]
    code, out, err = tradeterm("ledger", "verify")
    assert (code, out) == (1, "")
    assert err.startswith("error: ")


def test_kill_resume_and_status_tell_one_story(tradeterm: Run, workspace: Path) -> None:
    assert document(tradeterm, "status")["kill"] is None
    assert tradeterm("kill", "--reason", "spread blew up")[0] == 0
    status = document(tradeterm, "status")
    assert status["mode"] == "KILLED"
    assert status["kill"]["reason"] == "spread blew up"
    assert "KILLED at" in tradeterm("status")[1]
    assert tradeterm("resume", "--reason", " ")[0] == 2
    assert killfile.latched(workspace / "results"), "no reason, no resume"
    done = document(tradeterm, "resume", "--kill", "--reason", "spread is back", "--by", "ada")
    assert (done["cleared"], done["by"]) == (["kill"], "ada")
    assert not killfile.latched(workspace / "results")
    with ledger(workspace) as facts:
        assert [fact.kind for fact in [*facts.facts("kill"), *facts.facts("resume")]] == ["kill", "resume"]
    assert tradeterm("resume", "--reason", "again")[0] == 2


def test_status_says_what_is_wrong_with_the_ledger(tradeterm: Run, workspace: Path) -> None:
    (workspace / "results" / "ledger.sqlite").write_bytes(b"no database at all, but long enough to be looked at" * 20)
    code, out, _ = tradeterm("status", "--json")
    found = json.loads(out)
    assert code == 1
    assert found["problem"]
    assert "\n" not in found["problem"]


def test_a_broken_strategy_is_listed_with_its_error(tradeterm: Run, workspace: Path) -> None:
    (workspace / "strategies" / "mine.py").write_text("def broken(:\n")
    rows = {row["file"]: row for row in document(tradeterm, "strategy", "list")["strategies"]}
    assert rows["mine.py"]["error"]
    assert rows["equity_trend.py"]["error"] is None
    assert rows["equity_trend.py"]["budget"] == 0.60


def test_an_unknown_strategy_is_wrong_usage(tradeterm: Run) -> None:
    code, _, err = tradeterm("strategy", "check", "EquityTrendModel_v2")
    assert code == 2
    assert "did you mean 'EquityTrendModel_v1'" in err


def test_sql_answers_and_refuses_to_write(tradeterm: Run, workspace: Path) -> None:
    found = document(tradeterm, "sql", "select 1 as one, 'a' as two, null as three")
    assert (found["columns"], found["rows"]) == (["one", "two", "three"], [[1, "a", None]])
    code, out, err = tradeterm("sql", f"copy (select 1) to '{workspace}/stolen.csv'")
    assert code != 0
    assert out == ""
    assert err.count("\n") == 1
    assert not (workspace / "stolen.csv").exists()


def test_a_backtest_that_ends_before_it_starts_is_refused(tradeterm: Run) -> None:
    code, _, err = tradeterm("backtest", "run", "--start", "2024-01-02", "--end", "2023-01-01")
    assert code == 2
    assert "--end 2023-01-01 is not after --start 2024-01-02" in err
