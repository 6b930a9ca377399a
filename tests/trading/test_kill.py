"""A kill becomes a fact once, and only a reason takes it back."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tradeterm import killfile
from tradeterm.core.errors import KillLatched, UsageError
from tradeterm.core.time import from_iso
from tradeterm.store.ledger import Ledger
from tradeterm.trading.kill import record_kill, resume

NOW = from_iso("2026-01-01")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ticks = itertools.count(NOW)
    return Ledger(tmp_path, clock=lambda: next(ticks))


def test_the_first_who_sees_the_latch_records_it_and_the_next_does_not(ledger: Ledger, tmp_path: Path) -> None:
    tripped = killfile.trip(tmp_path, "operator:key", "test")
    assert record_kill(ledger, tmp_path) == tripped
    assert record_kill(ledger, tmp_path) == tripped
    (fact,) = ledger.facts("kill")
    assert (fact.payload["by"], fact.payload["reason"]) == ("operator:key", "test")


def test_nothing_latched_records_nothing(ledger: Ledger, tmp_path: Path) -> None:
    assert record_kill(ledger, tmp_path) is None
    assert ledger.facts("kill") == []


def test_a_touched_file_is_recorded_as_touched(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "KILL").touch()
    record = record_kill(ledger, tmp_path)
    assert record is not None
    assert record.by == "touch"


def test_a_resume_records_kill_and_reason_and_then_clears(ledger: Ledger, tmp_path: Path) -> None:
    killfile.trip(tmp_path, "operator:cli")
    done = resume(ledger, tmp_path, reason=" feed was stuck ", by="ana", now_ns=NOW)
    assert done.cleared == ("kill",)
    assert not killfile.latched(tmp_path)
    assert [fact.kind for fact in ledger.rows()] == ["kill", "resume"]
    assert ledger.facts("resume")[0].payload["reason"] == "feed was stuck"


def test_a_crash_between_the_fact_and_the_file_leaves_it_latched(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killfile.trip(tmp_path, "operator:cli")

    def dies(folder: Path, **_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(killfile, "clear", dies)
    with pytest.raises(KeyboardInterrupt):
        resume(ledger, tmp_path, reason="mended", by="ana", now_ns=NOW)
    assert killfile.latched(tmp_path)
    monkeypatch.undo()
    resume(ledger, tmp_path, reason="mended", by="ana", now_ns=NOW + 1_000_000_000)
    assert not killfile.latched(tmp_path)


@pytest.mark.parametrize(
    ("latched", "reason", "halt", "said"),
    [
        (True, "  ", False, "no reason was given"),
        (False, "why", False, "nothing is latched"),
        (True, "why", True, "no risk halt stands"),
    ],
)
def test_a_resume_that_makes_no_sense_changes_nothing(
    ledger: Ledger, tmp_path: Path, latched: bool, reason: str, halt: bool, said: str
) -> None:
    if latched:
        killfile.trip(tmp_path, "operator:cli")
    with pytest.raises(UsageError, match=said):
        resume(ledger, tmp_path, reason=reason, by="ana", now_ns=NOW, clear_halt=halt)
    assert killfile.latched(tmp_path) is latched
    assert ledger.facts("resume") == []


def test_a_kill_that_comes_while_another_is_cleared_stands(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killfile.trip(tmp_path, "operator:key", "first")
    clear = killfile.clear

    def pressed_again(folder: Path, *, seen: int | None = None) -> bool:
        killfile.trip(folder, "operator:cli", "second")
        return clear(folder, seen=seen)

    monkeypatch.setattr(killfile, "clear", pressed_again)
    with pytest.raises(KillLatched, match="killed again"):
        resume(ledger, tmp_path, reason="mended", by="ana", now_ns=NOW)
    assert killfile.latched(tmp_path)
    assert [fact.payload["reason"] for fact in ledger.facts("kill")] == ["first", "second"]


def test_a_key_held_down_does_not_fill_the_disk(tmp_path: Path) -> None:
    for _ in range(600):
        killfile.trip(tmp_path, "operator:key")
    assert (tmp_path / "KILL").stat().st_size < 64_000
