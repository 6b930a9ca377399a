from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeterm.core.errors import BarsUnreadable, LockHeld, StoreUnwritable
from tradeterm.core.market import Actions
from tradeterm.core.time import DAY_NS, from_iso
from tradeterm.store.actions import ActionRestatement, ActionStore
from tradeterm.store.locks import file_lock

AUGUST = from_iso("2020-08-07T13:30Z")
SPLIT = from_iso("2020-08-31T13:30Z")
NOVEMBER = from_iso("2020-11-06T14:30Z")
START, END = from_iso("2020-01-01"), from_iso("2020-12-31")


def actions(*rows: tuple[int, Any, float]) -> Actions:
    return Actions(
        ex_ns=np.array([row[0] for row in rows], dtype=np.int64),
        kind=tuple(row[1] for row in rows),
        value=np.array([row[2] for row in rows], dtype=np.float64),
    )


APPLE = actions((AUGUST, "dividend", 0.82), (SPLIT, "split", 4.0), (NOVEMBER, "dividend", 0.205))


def rows(found: Actions) -> list[tuple[int, str, float]]:
    return list(zip(found.ex_ns.tolist(), found.kind, found.value.tolist(), strict=True))


def merge(store: ActionStore, new: Actions, start: int = START, end: int = END) -> Any:
    return store.merge("AAPL", new, source="yahoo", start_ns=start, end_ns=end)


def test_actions_come_back_as_they_were_told(tmp_path: Path) -> None:
    store = ActionStore(tmp_path)
    merged = merge(store, APPLE)
    assert merged.added == 3
    assert merged.restated == ()
    found = ActionStore(tmp_path).read("AAPL")
    assert rows(found) == rows(APPLE)
    assert (found.ex_ns.dtype, found.value.dtype) == (np.int64, np.float64)


def test_the_file_is_one_that_any_tool_reads(tmp_path: Path) -> None:
    ActionStore(tmp_path).merge("BRK/B", APPLE, source="yahoo", start_ns=START, end_ns=END)
    table = pq.read_table(tmp_path / "actions" / "BRK-B.parquet")
    assert table.column("ex").to_pylist()[1].isoformat() == "2020-08-31T13:30:00+00:00"
    assert table.column("kind").to_pylist() == ["dividend", "split", "dividend"]
    assert json.loads(table.schema.metadata[b"tradeterm"])["symbol"] == "BRK/B"


def test_nothing_known_differs_from_nothing_there(tmp_path: Path) -> None:
    store = ActionStore(tmp_path)
    assert not store.exists("AAPL")
    assert len(store.read("AAPL")) == 0
    assert store.meta("AAPL") is None
    merge(store, actions())
    assert store.exists("AAPL")
    assert len(store.read("AAPL")) == 0
    meta = store.meta("AAPL")
    assert meta is not None
    assert (meta.source, meta.asked_from_ns, meta.asked_until_ns) == ("yahoo", START, END)


def test_the_same_answer_again_changes_no_byte(tmp_path: Path) -> None:
    store = ActionStore(tmp_path)
    merge(store, APPLE)
    before = store.path("AAPL").stat()
    merged = merge(store, APPLE)
    assert (merged.added, merged.restated) == (0, ())
    after = store.path("AAPL").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_later_actions_are_added_and_the_time_that_was_asked_for_grows(tmp_path: Path) -> None:
    store = ActionStore(tmp_path)
    merge(store, actions((AUGUST, "dividend", 0.82)), START, SPLIT - 1)
    merged = merge(store, actions((SPLIT, "split", 4.0), (NOVEMBER, "dividend", 0.205)), SPLIT, END)
    assert merged.added == 2
    assert rows(store.read("AAPL")) == rows(merged.actions) == rows(APPLE)
    meta = store.meta("AAPL")
    assert meta is not None
    assert (meta.asked_from_ns, meta.asked_until_ns) == (START, END)


@pytest.mark.parametrize(("start", "end"), [(NOVEMBER, END), (START - 9 * DAY_NS, START - 2)])
def test_a_hole_between_two_questions_is_never_called_known(tmp_path: Path, start: int, end: int) -> None:
    store = ActionStore(tmp_path)
    merge(store, actions((AUGUST, "dividend", 0.82)), START, SPLIT)
    merge(store, actions(), start, end)
    meta = store.meta("AAPL")
    assert meta is not None
    assert (meta.asked_from_ns, meta.asked_until_ns) == (start, end)
    assert rows(store.read("AAPL")) == [(AUGUST, "dividend", 0.82)]


def test_a_value_that_is_told_differently_stands_and_is_reported(tmp_path: Path) -> None:
    store = ActionStore(tmp_path)
    merge(store, APPLE)
    merged = merge(store, actions((AUGUST, "dividend", 0.80), (SPLIT, "split", 4.0), (NOVEMBER, "dividend", 0.205)))
    assert merged.restated == (ActionRestatement(ex_ns=AUGUST, kind="dividend", before=0.82, after=0.80),)
    assert rows(store.read("AAPL"))[0] == (AUGUST, "dividend", 0.80)


def test_the_last_digits_of_a_dividend_are_no_other_dividend(tmp_path: Path) -> None:
    store = ActionStore(tmp_path)
    merge(store, APPLE)
    # A third split at the source: 0.82 comes as 0.82 / 3 and is multiplied again.
    merged = merge(store, actions((AUGUST, "dividend", 0.82 * (1 + 1e-8)), (SPLIT, "split", 4.0)), START, NOVEMBER - 1)
    assert merged.restated == ()
    assert rows(store.read("AAPL"))[0] == (AUGUST, "dividend", 0.82)


def test_an_action_that_is_no_longer_told_stays_and_is_reported(tmp_path: Path) -> None:
    store = ActionStore(tmp_path)
    merge(store, APPLE)
    merged = merge(store, actions((AUGUST, "dividend", 0.82)), START, SPLIT)
    # November was not asked for.
    assert merged.restated == (ActionRestatement(ex_ns=SPLIT, kind="split", before=4.0, after=None),)
    assert rows(store.read("AAPL")) == rows(APPLE)


def test_of_one_date_splits_come_first_are_multiplied_and_dividends_added_up(tmp_path: Path) -> None:
    store = ActionStore(tmp_path)
    told = actions((SPLIT, "dividend", 0.5), (SPLIT, "split", 2.0), (SPLIT, "dividend", 0.25), (SPLIT, "split", 3.0))
    merge(store, told)
    assert rows(store.read("AAPL")) == [(SPLIT, "split", 6.0), (SPLIT, "dividend", 0.75)]


told = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["split", "dividend"]), st.floats(0.01, 50)),
    unique_by=lambda row: (row[0], row[1]),
)


@given(everything=told, cut=st.integers(0, 41))
def test_two_halves_give_what_the_whole_gives(
    tmp_path_factory: pytest.TempPathFactory, everything: list[Any], cut: int
) -> None:
    days = sorted((START + day * DAY_NS, kind, value) for day, kind, value in everything)
    bound = START + cut * DAY_NS
    whole, parts = (ActionStore(tmp_path_factory.mktemp("actions")) for _ in range(2))
    merge(whole, actions(*days))
    merge(parts, actions(*[row for row in days if row[0] >= bound]), bound, END)
    merge(parts, actions(*[row for row in days if row[0] < bound]), START, bound - 1)
    assert rows(parts.read("AAPL")) == rows(whole.read("AAPL"))
    assert parts.fingerprint("AAPL") == whole.fingerprint("AAPL")
    assert parts.meta("AAPL") == whole.meta("AAPL")


def test_fingerprints_are_of_the_actions_and_not_of_their_file(tmp_path: Path) -> None:
    store = ActionStore(tmp_path)
    unknown = store.fingerprint("AAPL")
    merge(store, actions())
    assert store.fingerprint("AAPL") == unknown
    merge(store, APPLE)
    first = store.fingerprint("AAPL")
    assert first != unknown
    merge(store, APPLE, START - DAY_NS, END)
    assert store.fingerprint("AAPL") == first == ActionStore(tmp_path).fingerprint("AAPL")
    merge(store, actions((AUGUST, "split", 0.82)), AUGUST, AUGUST)
    assert store.fingerprint("AAPL") != first


def _damage(path: Path, what: str) -> None:
    table = pq.read_table(path)
    if what == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif what == "text":
        path.write_text("ex,kind,value\n")
    elif what == "no metadata":
        pq.write_table(table.replace_schema_metadata(None), path)
    elif what == "other kind":
        pq.write_table(table.set_column(1, "kind", pa.array(["merger"] * len(table))), path)
    elif what == "value 0":
        pq.write_table(table.set_column(2, "value", pa.array([0.0] * len(table))), path)
    elif what == "backwards":
        pq.write_table(table.take(pa.array([2, 1, 0])), path)
    elif what == "numbers":
        pq.write_table(table.set_column(0, "ex", pa.array([1, 2, 3])), path)
    else:
        pq.write_table(table.drop_columns(["value"]), path)


@pytest.mark.parametrize(
    "what", ["cut", "text", "no metadata", "other kind", "value 0", "backwards", "numbers", "no value"]
)
def test_a_damaged_file_is_an_error_that_names_it_and_is_never_written_over(tmp_path: Path, what: str) -> None:
    store = ActionStore(tmp_path)
    merge(store, APPLE)
    _damage(store.path("AAPL"), what)
    damaged = store.path("AAPL").read_bytes()
    with pytest.raises(BarsUnreadable, match=r"AAPL\.parquet: holds no corporate actions"):
        store.read("AAPL")
    with pytest.raises(BarsUnreadable):
        merge(store, APPLE)
    assert store.path("AAPL").read_bytes() == damaged


def test_a_folder_that_can_not_be_written_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    store = ActionStore(tmp_path)
    merge(store, APPLE)
    # A folder in the place of the temporary file can't be written, not even by root.
    (tmp_path / "actions" / ".AAPL.parquet.tmp").mkdir()
    with pytest.raises(StoreUnwritable):
        merge(store, actions((NOVEMBER + DAY_NS, "dividend", 1.0)))
    assert rows(store.read("AAPL")) == rows(APPLE)


def test_another_writer_is_waited_for_and_then_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradeterm.store.actions._LOCK_TIMEOUT_S", 0.0)
    store = ActionStore(tmp_path)
    with (
        file_lock(tmp_path / ".locks" / "actions_AAPL.parquet.lock", "actions", timeout_s=0),
        pytest.raises(LockHeld, match=r"AAPL\.parquet is held by"),
    ):
        merge(store, APPLE)
    assert not store.exists("AAPL")
