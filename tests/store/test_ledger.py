from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeterm.core.errors import FactConflict, LedgerBroken, LockHeld, StoreError, StoreUnwritable
from tradeterm.store.ledger import Ledger

_WRITER = Path(__file__).with_name("ledger_writer.py")
_HOUR = 3_600_000_000_000


def _ledger(folder: Path, **options: float) -> Ledger:
    return Ledger(folder, clock=lambda: 1_725_000_000_000_000_000, **options)


def _filled(folder: Path, rows: int = 5) -> Path:
    with _ledger(folder) as ledger:
        for index in range(rows):
            ledger.append("signal", f"s{index}", {"prob": index / 10})
    return folder / "ledger.sqlite"


def _by_hand(path: Path, *statements: str, guarded: bool = False) -> None:
    """Do what a foreign client could: with the guards in place, or with them dropped first."""
    raw = sqlite3.connect(path, isolation_level=None)
    try:
        if not guarded:
            raw.executescript("DROP TRIGGER facts_insert; DROP TRIGGER facts_update; DROP TRIGGER facts_delete;")
        for statement in statements:
            raw.execute(statement)
    finally:
        raw.close()


def _start(folder: Path, name: str, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(_WRITER), str(folder), name, str(number)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_fact_comes_back_as_it_was_recorded(tmp_path: Path) -> None:
    with _ledger(tmp_path) as ledger:
        assert ledger.append("run", "a1", {"name": "trend", "metrics": {"sharpe": 1.25}, "note": "é"})
        fact = ledger.get("run", "a1")
    assert fact is not None
    assert (fact.seq, fact.kind, fact.key) == (1, "run", "a1")
    assert fact.payload == {"name": "trend", "metrics": {"sharpe": 1.25}, "note": "é"}
    assert fact.recorded_at == 1_725_000_000_000_000_000


def test_the_same_fact_again_is_no_new_row(tmp_path: Path) -> None:
    with _ledger(tmp_path) as ledger:
        assert ledger.append("signal", "s", {"prob": 0.5, "side": "long"})
        assert not ledger.append("signal", "s", {"side": "long", "prob": 0.5})
        assert len(ledger.facts("signal")) == 1


def test_who_recorded_a_fact_is_no_difference(tmp_path: Path) -> None:
    with _ledger(tmp_path) as ledger:
        ledger.append("signal", "s", {"prob": 0.5, "run_id": "first"})
        assert not ledger.append("signal", "s", {"prob": 0.5, "run_id": "second"})
        assert ledger.facts("signal")[0].payload["run_id"] == "first"


def test_another_answer_for_a_key_is_refused_with_both_values(tmp_path: Path) -> None:
    with _ledger(tmp_path) as ledger:
        ledger.append("signal", "s", {"prob": 0.5, "side": "long"})
        with pytest.raises(FactConflict, match=r'"prob":0.5.*"prob":0.6') as refused:
            ledger.append("signal", "s", {"prob": 0.6, "side": "long"})
        assert "side" not in str(refused.value), "only what differs is named"
        assert ledger.facts("signal")[0].payload["prob"] == 0.5


def test_a_conflict_anywhere_in_a_batch_records_nothing_of_it(tmp_path: Path) -> None:
    with _ledger(tmp_path) as ledger:
        ledger.append("signal", "b", {"prob": 0.5})
        with pytest.raises(FactConflict):
            ledger.append_many([("signal", "a", {"prob": 1.0}), ("signal", "b", {"prob": 0.1})])
        with pytest.raises(FactConflict):
            ledger.append_many([("signal", "c", {"prob": 1.0}), ("signal", "c", {"prob": 0.1})])
        assert [fact.key for fact in ledger.facts("signal")] == ["b"]
        assert ledger.append_many([("signal", "d", {}), ("signal", "b", {"prob": 0.5}), ("signal", "d", {})]) == 1
        assert ledger.verify().ok


def test_questions_by_kind_prefix_and_newest_keep_the_order_of_recording(tmp_path: Path) -> None:
    with _ledger(tmp_path) as ledger:
        for key in ("d1:train", "d2:train", "d1:report", "d1;", "d"):
            ledger.append("step", key, {"key": key})
        ledger.append("run", "d1:other kind", {})
        assert [fact.key for fact in ledger.facts("step")] == ["d1:train", "d2:train", "d1:report", "d1;", "d"]
        assert [fact.key for fact in ledger.facts("step", prefix="d1:")] == ["d1:train", "d1:report"]
        assert [fact.key for fact in ledger.facts("step", newest=2)] == ["d1;", "d"]
        assert [fact.key for fact in ledger.facts("step", newest=1, prefix="d1:")] == ["d1:report"]
        assert ledger.facts("step", newest=0) == []
        latest = ledger.latest("step")
        assert latest is not None
        assert latest.key == "d"
        assert ledger.latest("kill") is None
        assert ledger.get("step", "nothing") is None


# Keys are text; U+10FFFF, which no text holds, is the bound that the ledger asks with.
_TEXT = st.text(st.characters(exclude_characters="\U0010ffff", exclude_categories=["Cs"]), max_size=4)


@settings(max_examples=20, deadline=None)
@given(keys=st.lists(_TEXT, unique=True, max_size=20), prefix=_TEXT)
def test_prefix_means_what_startswith_means(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str], prefix: str
) -> None:
    with _ledger(tmp_path_factory.mktemp("prefix")) as ledger:
        ledger.append_many([("k", key, {}) for key in keys])
        expected = [key for key in keys if key.startswith(prefix)]
        assert [fact.key for fact in ledger.facts("k", prefix=prefix)] == expected


def test_the_chain_is_sha256_over_the_last_hash_and_the_content(tmp_path: Path) -> None:
    path = _filled(tmp_path, rows=2)
    raw = sqlite3.connect(path)
    rows = raw.execute("SELECT * FROM facts ORDER BY seq").fetchall()
    raw.close()
    last = "0" * 64
    for seq, at, kind, key, payload, prev_hash, digest in rows:
        content = f'{{"key":"{key}","kind":"{kind}","payload":{json.dumps(payload)},"recorded_at":{at},"seq":{seq}}}'
        assert prev_hash == last
        assert digest == hashlib.sha256(f"{last}\n{content}".encode()).hexdigest()
        last = digest
    assert json.loads((tmp_path / "ledger.head").read_text()) == {"seq": 2, "hash": last}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE facts SET payload = '{}' WHERE seq = 2",
        "UPDATE OR REPLACE facts SET seq = 1 WHERE seq = 2",
        "DELETE FROM facts WHERE seq = 5",
        "DELETE FROM facts",
        "INSERT OR REPLACE INTO facts SELECT seq, 0, kind, key, '{}', prev_hash, hash FROM facts WHERE seq = 2",
        "REPLACE INTO facts SELECT 6, 0, kind, key, '{}', hash, hash FROM facts WHERE seq = 5",
        "INSERT INTO facts SELECT 6, 0, kind, key, '{}', hash, hash FROM facts WHERE seq = 5 "
        "ON CONFLICT DO UPDATE SET payload = '{}'",
        "INSERT INTO facts SELECT 7, 0, kind, 'new', '{}', hash, hash FROM facts WHERE seq = 5",
        "INSERT INTO facts SELECT 6, 0, kind, 'new', '{}', 'no hash', hash FROM facts WHERE seq = 5",
        "INSERT INTO facts (recorded_at, kind, key, payload, prev_hash, hash) VALUES (0, 'k', 'new', '{}', '', '')",
    ],
)
def test_the_database_itself_refuses_every_other_way_of_writing(tmp_path: Path, statement: str) -> None:
    path = _filled(tmp_path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        _by_hand(path, statement, guarded=True)
    with _ledger(tmp_path) as ledger:
        assert [fact.payload["prob"] for fact in ledger.facts("signal")] == [0.0, 0.1, 0.2, 0.3, 0.4]
        assert ledger.verify().ok


def test_dropped_guards_are_back_after_the_next_fact(tmp_path: Path) -> None:
    path = _filled(tmp_path)
    _by_hand(path)
    with _ledger(tmp_path) as ledger:
        ledger.append("signal", "one more", {})
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        _by_hand(path, "DELETE FROM facts", guarded=True)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE facts SET payload = '{\"prob\":0.9}' WHERE seq = 3", "row 3 (signal 's2') was altered"),
        ("UPDATE facts SET recorded_at = 1 WHERE seq = 5", "row 5 (signal 's4') was altered"),
        ("UPDATE facts SET key = 'other' WHERE seq = 1", "row 1 (signal 'other') was altered"),
        ("UPDATE facts SET hash = prev_hash WHERE seq = 2", "row 2 (signal 's1') was altered"),
        ("DELETE FROM facts WHERE seq = 3", "row 3 is missing: row 4 (signal 's3') follows row 2 (signal 's1')"),
        ("DELETE FROM facts WHERE seq = 1", "row 1 is missing"),
        ("DELETE FROM facts WHERE seq >= 4", "the tail was cut: ledger.head stands at row 5, the last row is 3"),
        ("DELETE FROM facts", "the tail was cut: ledger.head stands at row 5, the last row is 0"),
        ("PRAGMA user_version = 1", None),
    ],
)
def test_what_was_changed_by_hand_is_named(tmp_path: Path, statement: str, problem: str | None) -> None:
    _by_hand(_filled(tmp_path), statement)
    with Ledger.reader(tmp_path) as reader:
        found = reader.verify()
    assert found.ok == (problem is None)
    assert (found.problem or "").startswith(problem or "")


def test_a_row_rewritten_with_a_fitting_hash_is_named_by_its_successor_or_the_head(tmp_path: Path) -> None:
    from tradeterm.store.chain import link

    path = _filled(tmp_path)
    raw = sqlite3.connect(path)
    previous = [row[0] for row in raw.execute("SELECT prev_hash FROM facts ORDER BY seq")]
    raw.close()

    def forge(seq: int) -> str:
        digest = link(previous[seq - 1], seq, 0, "signal", f"s{seq - 1}", "{}")
        return f"UPDATE facts SET recorded_at = 0, payload = '{{}}', hash = '{digest}' WHERE seq = {seq}"

    _by_hand(path, forge(5))
    with Ledger.reader(tmp_path) as reader:
        assert reader.verify().problem == "row 5 (signal 's4') was altered: ledger.head holds another hash for it"
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute(forge(2))
    raw.close()
    with Ledger.reader(tmp_path) as reader:
        assert str(reader.verify().problem).startswith("row 2 (signal 's1') was altered")


def test_a_cut_tail_is_not_written_over(tmp_path: Path) -> None:
    _by_hand(_filled(tmp_path), "DELETE FROM facts WHERE seq >= 4")
    head = (tmp_path / "ledger.head").read_bytes()
    with _ledger(tmp_path) as ledger, pytest.raises(LedgerBroken, match=r"stands at row 5, the last row is 3.*restore"):
        ledger.append("signal", "one more", {})
    assert (tmp_path / "ledger.head").read_bytes() == head


def test_a_ledger_that_vanished_is_a_cut_tail(tmp_path: Path) -> None:
    _filled(tmp_path)
    for name in ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    with _ledger(tmp_path) as ledger:
        assert not ledger.verify().ok
        with pytest.raises(LedgerBroken, match="stands at row 5, the last row is 0"):
            ledger.append("signal", "one more", {})


def test_rows_beyond_the_head_are_fine(tmp_path: Path) -> None:
    _filled(tmp_path, rows=3)
    head = (tmp_path / "ledger.head").read_bytes()
    with _ledger(tmp_path) as ledger:
        ledger.append("signal", "after", {})
        (tmp_path / "ledger.head").write_bytes(head)
        assert ledger.verify().ok
        ledger.append("signal", "and on", {})
        assert ledger.verify().ok
    assert json.loads((tmp_path / "ledger.head").read_text())["seq"] == 5


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"seq": "x", "hash": ""}', b"\xff\xfe"])
def test_a_head_that_cannot_be_read_is_said_and_stops_writers_not_readers(tmp_path: Path, content: bytes) -> None:
    _filled(tmp_path)
    (tmp_path / "ledger.head").write_bytes(content)
    with _ledger(tmp_path) as ledger:
        assert len(ledger.facts("signal")) == 5
        assert "can't be read as the ledger's head" in str(ledger.verify().problem)
        with pytest.raises(LedgerBroken, match=r"ledger\.head"):
            ledger.append("signal", "one more", {})


def test_a_lost_head_is_said_until_the_next_fact_makes_a_new_one(tmp_path: Path) -> None:
    _filled(tmp_path)
    (tmp_path / "ledger.head").unlink()
    with _ledger(tmp_path) as ledger:
        assert str(ledger.verify().problem).startswith("ledger.head is missing")
        ledger.append("signal", "one more", {})
        assert ledger.verify().ok


def test_a_reader_of_nothing_finds_nothing_and_makes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    with Ledger.reader(folder) as reader:
        assert reader.facts("run") == []
        assert reader.get("run", "a") is None
        assert reader.latest("run") is None
        assert reader.data_version() == 0
        found = reader.verify()
        assert (found.ok, found.rows, found.problem) == (True, 0, None)
    assert not folder.exists()


def test_a_reader_opened_before_the_first_fact_sees_it(tmp_path: Path) -> None:
    with Ledger.reader(tmp_path) as reader, _ledger(tmp_path) as ledger:
        before = reader.data_version()
        ledger.append("run", "a", {"name": "x"})
        assert reader.data_version() != before
        assert [fact.key for fact in reader.facts("run")] == ["a"]


def test_data_version_moves_with_own_and_foreign_facts_only(tmp_path: Path) -> None:
    with _ledger(tmp_path) as first, _ledger(tmp_path) as second:
        first.append("run", "a", {})
        one = first.data_version()
        assert first.data_version() == one
        first.append("run", "a", {})
        assert first.data_version() == one
        second.append("run", "b", {})
        two = first.data_version()
        assert two != one
        first.append("run", "c", {})
        assert first.data_version() != two


def test_reading_adds_no_file_beside_a_ledger(tmp_path: Path) -> None:
    _filled(tmp_path)
    before = sorted(os.listdir(tmp_path))
    with Ledger.reader(tmp_path) as reader:
        assert len(reader.facts("signal")) == 5
    assert sorted(os.listdir(tmp_path)) == before


def test_opening_a_reader_and_asking_imports_no_heavy_library(tmp_path: Path) -> None:
    _filled(tmp_path)
    code = (
        "import sys; from pathlib import Path; from tradeterm.store.ledger import Ledger\n"
        f"assert Ledger.reader(Path({str(tmp_path)!r})).latest('signal').key == 's4'\n"
        "print(sorted({'numpy', 'pandas', 'pyarrow', 'duckdb', 'pydantic'} & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_schema_from_the_future_is_refused_in_one_line(tmp_path: Path) -> None:
    _by_hand(_filled(tmp_path), "PRAGMA user_version = 99", guarded=True)
    with _ledger(tmp_path) as ledger:
        for question in (lambda: ledger.facts("signal"), lambda: ledger.append("signal", "x", {})):
            with pytest.raises(StoreError, match=r"schema 99, this one knows 1\); update tradeterm") as refused:
                question()
            assert "\n" not in str(refused.value)


def test_four_processes_at_once_lose_nothing_and_none_waits_a_second(tmp_path: Path) -> None:
    writers = [_start(tmp_path, f"w{index}", 1000) for index in range(4)]
    longest = [float(writer.communicate()[0]) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0, 0]
    assert max(longest) < 1.0
    with Ledger.reader(tmp_path) as reader:
        found = reader.verify()
        assert (found.ok, found.rows, found.problem) == (True, 4000, None)
        recorded = {(fact.payload["by"], fact.payload["index"]) for fact in reader.facts("made")}
    assert recorded == {(f"w{name}", index) for name in range(4) for index in range(1000)}


def test_killing_a_writer_at_any_moment_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    for attempt in range(12):
        writer = _start(tmp_path, f"w{attempt}", 0)
        assert writer.stdout is not None
        for _ in range(1 + 7 * attempt):
            acknowledged.add(f"w{attempt}-{writer.stdout.readline().strip()}")
        writer.kill()
        rest = writer.communicate()[0]
        acknowledged |= {f"w{attempt}-{line}" for line in rest.split("\n")[:-1]}
        with Ledger.reader(tmp_path) as reader:
            assert reader.verify().problem is None
            assert acknowledged <= {fact.key for fact in reader.facts("made")}
    with _ledger(tmp_path) as ledger:
        assert ledger.append("made", "afterwards", {})
        assert ledger.verify().ok


_FROZEN_HOLDER = """
import os, signal, sys
from pathlib import Path
from tradeterm.store.ledger import Ledger
Ledger(Path(sys.argv[1]), clock=lambda: os.kill(os.getpid(), signal.SIGSTOP) or 0).append("held", "h", {})
"""


def test_a_frozen_writer_is_named_to_the_next_and_readers_go_on(tmp_path: Path) -> None:
    _filled(tmp_path)
    holder = subprocess.Popen([sys.executable, "-c", _FROZEN_HOLDER, str(tmp_path)])
    try:
        # The clock is read inside the transaction, so the writer stops while it holds every lock there is.
        os.waitid(os.P_PID, holder.pid, os.WSTOPPED | os.WNOWAIT)
        with _ledger(tmp_path, timeout_s=0.05) as ledger:
            with pytest.raises(LockHeld, match=rf"ledger\.sqlite is held by process {holder.pid}; wait") as refused:
                ledger.append("signal", "late", {})
            assert refused.value.exit_code == 3
            assert len(ledger.facts("signal")) == 5
            assert not ledger.append("signal", "s1", {"prob": 0.1}), "a repeat needs no lock"
            assert ledger.verify().ok
            holder.send_signal(signal.SIGKILL)
            holder.wait()
            assert ledger.append("signal", "late", {})
            assert ledger.get("held", "h") is None
            assert ledger.verify().ok
    finally:
        holder.kill()
        holder.wait()


def test_a_results_folder_that_is_a_file_is_unwritable_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("")
    with _ledger(tmp_path / "results") as ledger, pytest.raises(StoreUnwritable, match="can't be written") as refused:
        ledger.append("run", "a", {})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "content", [b"this is no database, but it is long enough to look like one" * 40, b"\x00" * 8192]
)
def test_a_file_that_is_no_database_is_broken_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(content)
    with _ledger(tmp_path) as ledger:
        with pytest.raises(LedgerBroken, match=r"ledger\.sqlite: is damaged \(.*\); move it") as refused:
            ledger.append("run", "a", {})
        assert "\n" not in str(refused.value)
        assert not ledger.verify().ok


def test_pages_by_seq_do_not_move_when_something_is_recorded(tmp_path: Path) -> None:
    _filled(tmp_path, rows=5)
    with _ledger(tmp_path) as ledger:
        first = ledger.facts("signal", newest=2)
        ledger.append("signal", "later", {})
        second = ledger.facts("signal", newest=2, before=first[0].seq)
        assert [fact.key for fact in (*second, *first)] == ["s1", "s2", "s3", "s4"]
        assert ledger.facts("signal", newest=2, before=1) == []
        assert (ledger.count("signal"), ledger.count("outcome")) == (6, 0)


def test_the_tip_is_the_newest_row_and_empty_without_a_ledger(tmp_path: Path) -> None:
    with Ledger.reader(tmp_path) as reader:
        assert (reader.tip().seq, set(reader.tip().hash), reader.count("signal")) == (0, {"0"}, 0)
    _filled(tmp_path, rows=3)
    with Ledger.reader(tmp_path) as reader:
        newest = reader.latest("signal")
        assert newest is not None
        assert (reader.tip().seq, reader.tip().hash) == (3, newest.hash)


def test_a_reader_at_one_instant_sees_no_later_fact_and_holds_no_writer_up(tmp_path: Path) -> None:
    _filled(tmp_path, rows=2)
    with Ledger.reader(tmp_path) as reader, _ledger(tmp_path, timeout_s=0.5) as ledger:
        with reader.at_one_instant():
            before = reader.tip()
            assert ledger.append("signal", "meanwhile", {})
            assert reader.tip() == before
            assert [fact.key for fact in reader.facts("signal")] == ["s0", "s1"]
        assert reader.tip().seq == 3
    with Ledger.reader(tmp_path / "none") as empty, empty.at_one_instant():
        assert empty.facts("signal") == []
