"""``backtest list``, ``show``, ``compare`` and ``report`` on stored runs, for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desks import STOCKED, Bench

from tradeterm.cli.diagnostics import run
from tradeterm.cli.performance import _drawn
from tradeterm.core.time import from_iso
from tradeterm.research.backtest import run_backtest

START = from_iso("2023-06-01")
Command = Callable[..., str]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, stocked_bench: Bench) -> tuple[Bench, list[str]]:
    """A workspace with two runs of a year, the second with a tighter limit."""
    from desks import copied

    bench = copied(stocked_bench, tmp_path_factory.mktemp("cli") / "workspace")
    made = []
    for name, settings in (("wide", bench), ("tight", bench.with_sets("system.limits.gross=0.4"))):
        with bench.ledger() as ledger:
            result = run_backtest(settings.settings, ledger, name=name, start_ns=START, end_ns=STOCKED)
        made.append(result.run_id)
    return bench, made


@pytest.fixture
def tradeterm(stored: tuple[Bench, list[str]], capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in that workspace; returns what it printed."""

    def command(*words: str, code: int = 0) -> str:
        found = run(["backtest", *words, "--workspace", str(stored[0].root)])
        captured = capsys.readouterr()
        assert found == code, captured.err
        return captured.out if code == 0 else captured.err

    return command


def answered(tradeterm: Command, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tradeterm(*words, "--json"))
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [row["run_id"] for row in found["runs"]]


def test_lists_are_filtered_and_sorted(tradeterm: Command, stored: tuple[Bench, list[str]]) -> None:
    wide, tight = stored[1]
    assert set(ids(answered(tradeterm, "list"))) == {wide, tight}
    assert ids(answered(tradeterm, "list", "--name", "TIG")) == [tight]
    assert ids(answered(tradeterm, "list", "--profile", "paper")) == []
    assert ids(answered(tradeterm, "list", "--since", "2027-01-01")) == []
    assert ids(answered(tradeterm, "list", "--sort", "exposure")) == [wide, tight]
    assert ids(answered(tradeterm, "list", "--sort", "exposure", "--reverse")) == [tight, wide]
    assert len(ids(answered(tradeterm, "list", "--strategy", "EquityTrendModel_v1", "--newest", "1"))) == 1
    assert "did you mean 'sharpe'" in tradeterm("list", "--sort", "sharp", code=2)


def test_a_report_names_its_files_and_the_second_one_changes_no_byte(
    tradeterm: Command, stored: tuple[Bench, list[str]]
) -> None:
    first = answered(tradeterm, "report", stored[1][0][:6])
    assert first["schema"] == "tradeterm.report.v1"
    page = Path(first["files"][0])
    assert page == stored[0].workspace.results / "plots" / stored[1][0] / "index.html"
    before = {path: Path(path).read_bytes() for path in first["files"]}
    assert answered(tradeterm, "report", stored[1][0]) == first
    assert {path: Path(path).read_bytes() for path in first["files"]} == before
    assert "22 pictures beside it" in tradeterm("report", stored[1][0])


def test_a_comparison_is_the_same_for_people_and_as_json(tradeterm: Command, stored: tuple[Bench, list[str]]) -> None:
    wide, tight = stored[1]
    found = answered(tradeterm, "compare", wide, tight)
    assert found["note"].startswith("same window")
    assert [item["key"] for item in found["differences"]] == ["system.limits.gross"]
    assert 0.5 < found["correlation"][0][1] < 1.0
    text = tradeterm("compare", wide, tight)
    assert found["note"] in text
    assert "system.limits.gross" in text
    assert "give two to 4 different ones" in tradeterm("compare", wide, code=2)


def test_show_has_months_regimes_and_benchmarks(tradeterm: Command, stored: tuple[Bench, list[str]]) -> None:
    text = tradeterm("show", stored[1][0])
    assert "returns by month, %" in text
    assert "by regime known when the day began" in text
    assert "buy and hold of SPY" in text
    # No curve where nobody looks at a terminal.
    assert "drawdown, %" not in text


def test_show_draws_curves_on_a_terminal(
    tradeterm: Command, stored: tuple[Bench, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import io
    import sys

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    assert run(["backtest", "show", stored[1][0], "--workspace", str(stored[0].root)]) == 0
    text = screen.getvalue()
    assert "drawdown, %" in text
    assert any(0x2800 < ord(letter) <= 0x28FF for letter in text)


def test_curves_are_as_wide_as_they_are_told_to_be() -> None:
    times = [START + day * 86_400_000_000_000 for day in range(300)]
    text = _drawn(times, [[float(day) for day in range(300)]], ["book"], 60, 10)
    assert max(map(len, text.splitlines())) <= 60
    assert "2023-06-01" in text
