from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tradeterm.cli.commands.init import write_workspace
from tradeterm.cli.diagnostics import run
from tradeterm.store.progress import VARIABLE, Progress, ProgressFile, read_progress

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tradeterm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    write_workspace(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("TRADETERM_WORKSPACE", "TRADETERM_PROFILE"):
        monkeypatch.delenv(name, raising=False)

    def called(*words: str) -> tuple[int, str, str]:
        code = run(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return called


OWN = ("--set", "universe.instruments.BTC/USDT.source=import", "--set", "universe.instruments.SPY.source=import")


def hourly(close_of_the_first: float = 101.5) -> str:
    # Four hours of one day, the third with a high below its close.
    return (
        "time,open,high,low,close,volume\n"
        f"2024-03-01T00:00:00Z,100,102,99,{close_of_the_first},10\n"
        "2024-03-01T01:00:00Z,101,103,100,102,11\n"
        "2024-03-01T02:00:00Z,102,102,101,104,12\n"
        "2024-03-01T03:00:00Z,102,104,101,103,13\n"
    )


def imported(tradeterm: Run, *words: str) -> dict[str, Any]:
    code, out, err = tradeterm(
        *OWN, "data", "import", "own.csv", "--symbol", "BTC/USDT", "--label", "open", *words, "--json"
    )
    assert code == 0, err
    loaded: dict[str, Any] = json.loads(out)
    return loaded


def test_a_file_goes_in_and_its_bad_row_is_named(tradeterm: Run) -> None:
    Path("own.csv").write_text(hourly())
    code, out, _ = tradeterm(*OWN, "data", "import", "own.csv", "--symbol", "BTC/USDT", "--label", "open")
    assert code == 0
    assert "quarantined 1 of BTC/USDT 1h by ohlc-consistency: line 4" in out
    again = imported(tradeterm)
    assert (again["added"], again["rows_in"], again["quarantined"]) == (0, 4, {"ohlc-consistency": [4]})
    _, status, _ = tradeterm("data", "status", "--json")
    row = next(
        item for item in json.loads(status)["series"] if item["symbol"] == "BTC/USDT" and item["timeframe"] == "1h"
    )
    assert (row["rows"], row["source"], row["sample"], row["gaps"]) == (3, "import:own.csv", False, 0)


def test_a_report_says_what_was_recognised_and_shows_the_first_and_the_last_bar(tradeterm: Run) -> None:
    Path("own.csv").write_text(hourly())
    code, out, _ = tradeterm(*OWN, "data", "import", "own.csv", "--symbol", "BTC/USDT", "--label", "open")
    assert code == 0
    assert "recognised timeframe: 1h (stamps are 60 min apart at 3 of 3 places)" in out
    assert "recognised tz: UTC (every stamp says its offset, or counts from 1970)" in out
    lines = [line.split() for line in out.splitlines()]
    assert ["first", "2024-03-01T00:00:00Z", "100", "102", "99", "101.5", "10"] in lines
    assert ["last", "2024-03-01T03:00:00Z", "102", "104", "101", "103", "13"] in lines
    told = imported(tradeterm)
    assert {item["what"]: item["value"] for item in told["recognised"]} == {"timeframe": "1h", "tz": "UTC"}
    assert [bar["ts"] for bar in told["bars"]] == ["2024-03-01T00:00:00Z", "2024-03-01T03:00:00Z"]


def test_a_changed_bar_is_recorded_as_a_restatement(tradeterm: Run) -> None:
    Path("own.csv").write_text(hourly())
    assert imported(tradeterm)["restated"] == 0
    Path("own.csv").write_text(hourly(close_of_the_first=100.5))
    assert imported(tradeterm)["restated"] == 1
    _, out, _ = tradeterm("sql", "select payload from facts where kind = 'restatement'", "--json")
    (fact,) = json.loads(out)["rows"]
    recorded = json.loads(fact[0]) if isinstance(fact[0], str) else fact[0]
    assert (recorded["symbol"], recorded["ts"], recorded["source"]) == (
        "BTC/USDT",
        "2024-03-01T00:00:00Z",
        "import:own.csv",
    )
    assert (recorded["before"][3], recorded["after"][3]) == (101.5, 100.5)


def test_a_file_without_bars_is_refused_in_one_line(tradeterm: Run) -> None:
    Path("own.csv").write_text("name,age\nada,36\n")
    code, out, err = tradeterm(*OWN, "data", "import", "own.csv", "--symbol", "SPY", "--timeframe", "1h")
    assert (code, out) == (1, "")
    assert "nothing was changed" in err
    assert err.count("\n") == 1


def test_a_missing_file_is_one_line(tradeterm: Run) -> None:
    code, out, err = tradeterm(*OWN, "data", "import", "nowhere.csv", "--symbol", "SPY", "--timeframe", "1h")
    assert (code, out) == (1, "")
    assert "nowhere.csv" in err
    assert "unexpected" not in err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["--symbol", "XYZ", "--timeframe", "1h"],
            "XYZ is not in universe.instruments; say what it is with --asset-class",
        ),
        (["--symbol", "", "--timeframe", "1h"], "symbol '': upper-case letters"),
        (["--symbol", "../../x", "--timeframe", "1h"], "symbol '../../x': upper-case letters"),
        (["--symbol", "spy", "--timeframe", "1h"], "did you mean 'SPY'?"),
        (["--symbol", "SPY", "--timeframe", "1h"], '--set "universe.instruments.SPY.source=import"'),
        (["--symbol", "SPY", "--timeframe", "2h"], "'2h' is not one of '1m', '5m'"),
        (["--symbol", "BTC/USDT", *OWN], "whether they are the opens or the closes of bars; say it with --label"),
        (["--symbol", "BTC/USDT", *OWN, "--column", "ts"], "write it as OURS=THEIRS"),
        (["--symbol", "BTC/USDT", *OWN, "--column", "ts=when"], "has no column of that name; it has time, open"),
        (["--symbol", "BTC/USDT", *OWN, "--column", "opne=open"], "did you mean 'open'?"),
        (["--symbol", "CPI", "--timeframe", "monthly", "--asset-class", "macro"], "universe.publication"),
    ],
)
def test_what_is_missing_is_asked_for_in_one_line(tradeterm: Run, words: list[str], expected: str) -> None:
    Path("own.csv").write_text(hourly())
    code, _, err = tradeterm("data", "import", "own.csv", *words)
    assert code == 2
    assert expected in err
    assert err.count("\n") == 1


def test_own_bars_do_not_take_the_place_of_made_up_ones_that_are_configured(tradeterm: Run) -> None:
    assert tradeterm("data", "update", "BTC/USDT", "--asof", "2016-03-01")[0] == 0
    stored = {path: path.read_bytes() for path in Path("data").rglob("*.parquet")}
    Path("own.csv").write_text(hourly())
    words = ("data", "import", "own.csv", "--symbol", "BTC/USDT", "--label", "open")
    code, _, err = tradeterm(*words)
    assert (code, err.count("\n")) == (2, 1)
    assert {path: path.read_bytes() for path in Path("data").rglob("*.parquet")} == stored
    # What the line says to set is what lets it in.
    assert tradeterm("--set", err.split('"')[1], *words)[0] == 0


def test_a_symbol_that_nothing_names_goes_in_and_that_is_said(tradeterm: Run) -> None:
    Path("own.csv").write_text(hourly())
    words = ("data", "import", "own.csv", "--symbol", "XYZ/USDT", "--label", "open", "--asset-class", "crypto")
    code, out, _ = tradeterm(*words)
    assert code == 0
    assert "XYZ/USDT is not in universe.instruments" in out
    assert json.loads(tradeterm(*words, "--json")[1])["configured"] is False
    assert imported(tradeterm)["configured"] is True


def test_update_knows_no_other_spelling_of_a_symbol(tradeterm: Run) -> None:
    code, _, err = tradeterm("data", "update", "spy")
    assert code == 2
    assert "did you mean 'SPY'?" in err


def test_validate_judges_what_is_stored_and_fails_on_a_damaged_file(tradeterm: Run) -> None:
    Path("own.csv").write_text(hourly())
    imported(tradeterm)
    code, out, _ = tradeterm("data", "validate", "--json")
    assert code == 0
    assert json.loads(out)["counts"]["error"] == 0
    Path("data/crypto/BTC-USDT_1h.parquet").write_bytes(b"PAR1 and nothing else")
    code, out, _ = tradeterm("data", "validate", "--json")
    assert code == 4
    (finding,) = [item for item in json.loads(out)["findings"] if item["severity"] == "error"]
    assert finding["symbol"].startswith("BTC")
    assert (finding["rule"], finding["ts"]) == ("unreadable", None)
    assert tradeterm("data", "validate")[0] == 4


def equity(symbol: str, *words: str) -> tuple[str, ...]:
    return ("data", "import", "own.csv", "--symbol", symbol, "--timeframe", "1h", "--asset-class", "equity", *words)


def test_an_own_file_keeps_the_hours_of_the_exchange_that_is_named(tradeterm: Run) -> None:
    # 08:00 to 12:00 and 18:00 in London, where summer time is UTC + 1.
    stamps = [f"2024-08-30T{hour:02d}:00:00Z" for hour in (7, 8, 9, 10, 11, 17)]
    Path("own.csv").write_text("\n".join(["ts,open,high,low,close", *(f"{ts},1,1,1,1" for ts in stamps)]) + "\n")
    code, out, err = tradeterm(*equity("VOD", "--calendar", "XLON", "--label", "open"), "--json")
    assert code == 0, err
    assert (json.loads(out)["stored"], json.loads(out)["left_out"]) == (5, 1)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (equity("VOD", "--calendar", "XLOM"), "calendar 'XLOM': not known; did you mean 'XLON'?"),
        (equity("VOD", "--calendar", "Mars"), "use one of XNYS, XNAS, XLON, XETR, XTSE, XTKS, 24/7"),
        ((*OWN, *equity("SPY", "--calendar", "XLON")), "SPY: equity on the calendar XNYS, --calendar says XLON"),
        (
            (*equity("XYZ/USDT", "--calendar", "XLON", "--asset-class", "crypto"),),
            "XYZ/USDT: crypto on the calendar 24/7, --calendar says XLON",
        ),
    ],
)
def test_a_calendar_that_cannot_be_is_one_line(tradeterm: Run, words: tuple[str, ...], expected: str) -> None:
    Path("own.csv").write_text(hourly())
    code, _, err = tradeterm(*words)
    assert (code, err.count("\n")) == (2, 1)
    assert expected in err


def with_hole() -> str:
    # Hours 01 to 06 are missing; the last row is no bar.
    rows = [f"2024-03-01T{hour:02d}:00:00Z,100,102,99,101,10" for hour in (0, 7, 8)]
    return "\n".join(["time,open,high,low,close,volume", *rows, "2024-03-01T09:00:00Z,102,102,101,104,12"]) + "\n"


def test_the_status_of_a_symbol_is_the_read_model_of_the_screen(tradeterm: Run) -> None:
    from tradeterm.config.load import load_settings
    from tradeterm.config.workspace import Workspace
    from tradeterm.views import series

    Path("own.csv").write_text(with_hole())
    imported(tradeterm)
    code, out, _ = tradeterm("data", "status", "BTC/USDT", "--json")
    assert code == 0
    document = json.loads(out)
    settings = load_settings(Workspace(Path.cwd()), env={})
    expected = series.build(settings.workspace, time.time_ns(), "BTC/USDT", config=settings.config).to_json()
    for row in (file["row"] for view in (document, expected) for file in view["files"]):
        # An hour may end between the two.
        assert row.pop("late_hours") > 0
    assert document == json.loads(json.dumps(expected))
    first = document["files"][0]
    assert first["row"]["timeframe"] == "1h"
    assert first["gaps"] == [{"from": "2024-03-01T01:00:00Z", "to": "2024-03-01T06:00:00Z", "bars": 6}]
    assert [(row["file"], row["line"], row["rule"]) for row in first["quarantined"]] == [
        ("own.csv", 5, "ohlc-consistency")
    ]
    assert first["provenance"]["source"] == "import:own.csv"


def test_the_status_of_a_symbol_reads_well(tradeterm: Run) -> None:
    Path("own.csv").write_text(with_hole())
    imported(tradeterm)
    Path("own.csv").write_text(with_hole().replace("99,101,10", "99,100,10", 1))
    imported(tradeterm)
    code, out, _ = tradeterm("data", "status", "BTC/USDT")
    assert code == 0
    assert "2024-03-01T01:00:00Z  2024-03-01T06:00:00Z     6" in out
    assert "quarantined 1 of own.csv by ohlc-consistency" in out
    changed = next(line for line in out.splitlines() if "import:own.csv" in line and "close" in line)
    assert changed.split()[:5] == ["1h", "2024-03-01T00:00:00Z", "close", "101", "100"]


def test_the_status_of_an_unknown_symbol_is_one_line(tradeterm: Run) -> None:
    code, out, err = tradeterm("data", "status", "SPYY")
    assert (code, out) == (2, "")
    assert "did you mean 'SPY'?" in err
    assert err.count("\n") == 1


def test_the_status_of_a_damaged_file_is_a_sentence(tradeterm: Run) -> None:
    Path("own.csv").write_text(with_hole())
    imported(tradeterm)
    Path("data/crypto/BTC-USDT_1h.parquet").write_bytes(b"PAR1 and nothing else")
    code, out, err = tradeterm("data", "status", "BTC/USDT")
    assert (code, err) == (0, "")
    assert "! " in out
    assert "BTC-USDT_1h.parquet" in out
    # The files beside it are told all the same.
    assert "BTC/USDT h4" in out


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Progress]:
    """Whatever is told in the progress file, in order."""
    path = tmp_path / "progress.json"
    monkeypatch.setenv(VARIABLE, str(path))
    told: list[Progress] = []
    plain = ProgressFile._write

    def write(self: ProgressFile, outcome: str) -> None:
        plain(self, outcome)
        told.append(read_progress(path))

    monkeypatch.setattr(ProgressFile, "_write", write)
    return told


def test_an_update_tells_of_each_source_how_many_files_are_done(tradeterm: Run, watched: list[Progress]) -> None:
    assert tradeterm("data", "update", "SPY", "VIX", "--asof", "2016-03-01")[0] == 0
    assert watched[0].parts == (("sample", 0, 2),)
    assert watched[-2].parts == (("sample", 2, 2),)
    assert watched[-1].outcome.startswith("4 files, ")
    assert watched[-1].outcome.endswith(" bars added, 0 restated, 0 files failed")


def test_a_validation_tells_how_many_files_are_done_and_what_it_found(tradeterm: Run, watched: list[Progress]) -> None:
    tradeterm("data", "update", "SPY", "VIX", "--asof", "2016-03-01")
    watched.clear()
    assert tradeterm("data", "validate", "--asof", "2016-03-01")[0] == 0
    assert [progress.parts[0] for progress in watched[:-1]] == [("files", 3, 4), ("files", 4, 4)]
    assert watched[-1].outcome == "0 error, 0 warning, 0 info"


def test_an_import_tells_its_steps_and_what_became_of_the_rows(tradeterm: Run, watched: list[Progress]) -> None:
    Path("own.csv").write_text(hourly())
    imported(tradeterm)
    steps = [progress.parts[0].what for progress in watched[:-1]]
    assert steps == ["read", "judge rows", "store", "derive"]
    assert watched[-1].outcome == "BTC/USDT 1h: 3 of 4 rows stored, 3 new, 1 quarantined by ohlc-consistency"
