"""A replayed past is the past that daily runs would have recorded, marked, and safe to kill."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from desks import STOCKED, Bench, copied
from fault.dying import answers

from tradeterm.core.errors import LockHeld, UsageError
from tradeterm.core.time import DAY_NS, iso
from tradeterm.daily import DailyResult, run_daily
from tradeterm.daily.past import REPLAYED_STEPS, replay_days
from tradeterm.store.ledger import Ledger
from tradeterm.store.locks import file_lock

SCRIPT = Path(__file__).parents[1] / "fault" / "dying_daily.py"


def replayed(bench: Bench, days: int, *, last_ns: int = STOCKED) -> DailyResult:
    with bench.ledger() as ledger:
        return replay_days(bench.settings, ledger, from_ns=last_ns - days * DAY_NS, to_ns=last_ns)


def found(bench: Bench, kind: str) -> dict[str, dict[str, Any]]:
    """Facts of a kind without who recorded them."""
    with Ledger.reader(bench.workspace.results) as reader:
        return {
            fact.key: {name: value for name, value in fact.payload.items() if name not in ("run_id", "replayed")}
            for fact in reader.facts(kind)
        }


def test_a_replay_records_what_the_daily_runs_of_those_days_record(bench: Bench, tmp_path: Path) -> None:
    lived = copied(bench, tmp_path / "lived")
    for days in range(5, -1, -1):
        with lived.ledger() as ledger:
            run_daily(lived.settings, ledger, asof_ns=STOCKED - days * DAY_NS)
    result = replayed(bench, 5)
    assert [step.name for step in result.steps] == list(REPLAYED_STEPS)
    assert found(bench, "signal") == found(lived, "signal")
    assert found(bench, "outcome") == found(lived, "outcome")
    assert len(found(bench, "signal")) == 36
    assert found(bench, "regime") == found(lived, "regime")
    with bench.ledger() as ledger:
        assert all(fact.payload["replayed"] is True for fact in ledger.facts("signal"))
        assert len(ledger.facts("run")) == 1


def test_signals_that_were_lived_stand_and_are_not_marked(bench: Bench) -> None:
    with bench.ledger() as ledger:
        run_daily(bench.settings, ledger, asof_ns=STOCKED)
    result = replayed(bench, 3)
    assert result.exit_code == 0
    with bench.ledger() as ledger:
        marks = {fact.payload["ts"]: fact.payload.get("replayed", False) for fact in ledger.facts("signal")}
    assert marks == {iso(STOCKED - days * DAY_NS): days > 0 for days in range(4)}


def test_another_answer_than_the_recorded_one_is_refused_in_one_incident(bench: Bench) -> None:
    replayed(bench, 3)
    before = found(bench, "signal")
    path = bench.workspace.strategies / "equity_trend.py"
    path.write_text(path.read_text().replace("rising / len(panel.symbols)", "~rising / len(panel.symbols)"))
    result = replayed(bench, 4)
    assert result.exit_code == 4
    after = found(bench, "signal")
    assert {key: after[key] for key in before} == before
    assert len(after) == 30
    with bench.ledger() as ledger:
        (incident,) = ledger.facts("incident")
    assert incident.payload["what"].startswith("replay: another answer is recorded for signal")


def test_a_replay_again_does_nothing_and_a_later_daily_agrees_with_it(bench: Bench) -> None:
    replayed(bench, 3)
    facts = bench.facts()
    again = replayed(bench, 3)
    assert all(step.repeated for step in again.steps)
    assert bench.facts() == facts
    with bench.ledger() as ledger:
        done = run_daily(bench.settings, ledger, asof_ns=STOCKED)
    assert done.exit_code == 0
    assert next(step for step in done.steps if step.name == "predict").outputs["refused"] == []


def test_a_replay_backwards_and_one_beside_a_daily_are_refused(bench: Bench) -> None:
    with pytest.raises(UsageError, match="give the earlier day first"):
        replayed(bench, -1)
    lock = bench.workspace.results / "daily.lock"
    with file_lock(lock, "the daily run", timeout_s=0.0), pytest.raises(LockHeld):
        replayed(bench, 1)


def test_a_replay_killed_anywhere_and_started_again_ends_in_the_same_state(bench: Bench, tmp_path: Path) -> None:
    undisturbed = copied(bench, tmp_path / "undisturbed")
    replayed(undisturbed, 6)
    days = (iso(STOCKED), iso(STOCKED - 6 * DAY_NS))
    (points,) = answers(SCRIPT, [(0, copied(bench, tmp_path / "counted").root)], *days)
    assert points > 20
    numbers = sorted({1, points, *range(3, points, max(1, points // 5))})
    benches = {number: copied(bench, tmp_path / f"hurt{number}") for number in numbers}
    told = answers(SCRIPT, [(number, hurt.root) for number, hurt in benches.items()], *days)
    assert told == [-signal.SIGKILL] * len(numbers)
    for number, hurt in benches.items():
        replayed(hurt, 6)
        assert hurt.facts() == undisturbed.facts(), number
        with Ledger.reader(hurt.workspace.results) as reader:
            assert reader.verify().ok, number
        shown = hurt.root / "results" / "scores" / "scores.json"
        wanted = undisturbed.root / "results" / "scores" / "scores.json"
        assert json.loads(shown.read_text())["groups"] == json.loads(wanted.read_text())["groups"]
