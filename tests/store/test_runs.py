from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tradeterm.core.errors import RunMismatch, RunNotFound, StoreError, StoreUnwritable
from tradeterm.store.runs import RunStore


def _tables(last: float = 101.5) -> dict[str, pa.Table]:
    return {
        "nav": pa.table({"ts": pa.array([1, 2], pa.timestamp("ns", tz="UTC")), "nav": [100.0, last]}),
        "trades": pa.table({"symbol": pa.array([], pa.string()), "price": pa.array([], pa.float64())}),
    }


def _documents(sharpe: float = 1.25) -> dict[str, dict[str, Any]]:
    return {"metrics": {"portfolio": {"sharpe": sharpe, "sortino": float("nan")}}, "manifest": {"name": "é"}}


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_run_comes_back_as_it_was_written(tmp_path: Path) -> None:
    runs = RunStore(tmp_path)
    assert runs.write("a41f", _tables(), _documents()) == "written"
    assert runs.ids() == ["a41f"]
    assert runs.document("a41f", "metrics") == {"portfolio": {"sharpe": 1.25, "sortino": None}}
    assert runs.document("a41f", "manifest") == {"name": "é"}
    assert runs.table("a41f", "nav").equals(_tables()["nav"])
    assert runs.table("a41f", "trades").schema == _tables()["trades"].schema
    assert sorted(_contents(tmp_path / "runs" / "a41f")) == [
        "manifest.json", "metrics.json", "nav.parquet", "trades.parquet",
    ]  # fmt: skip


def test_the_same_run_again_is_verified_and_writes_nothing(tmp_path: Path) -> None:
    runs = RunStore(tmp_path)
    runs.write("a41f", _tables(), _documents())
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*")}
    chunked = {name: pa.concat_tables([table.slice(0, 1), table.slice(1)]) for name, table in _tables().items()}
    chunked["nav"] = chunked["nav"].replace_schema_metadata({"pandas": "{}"})
    assert runs.write("a41f", chunked, dict(reversed(_documents().items()))) == "verified"
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*")} == stamps


@pytest.mark.parametrize(
    ("tables", "documents", "file"),
    [
        (_tables(last=101.5000000001), _documents(), "nav.parquet"),
        (_tables(), _documents(sharpe=1.2500000001), "metrics.json"),
        ({"nav": _tables()["nav"]}, _documents(), "trades.parquet"),
        (_tables(), _documents() | {"book": {}}, "book.json"),
    ],
)
def test_other_bits_under_the_same_id_are_refused_and_the_file_is_named(
    tmp_path: Path, tables: dict[str, pa.Table], documents: dict[str, Any], file: str
) -> None:
    runs = RunStore(tmp_path)
    runs.write("a41f", _tables(), _documents())
    before = _contents(tmp_path / "runs" / "a41f")
    with pytest.raises(RunMismatch, match=f"run a41f: {file} differs from what is stored"):
        runs.write("a41f", tables, documents)
    assert _contents(tmp_path / "runs" / "a41f") == before
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["a41f"]


def test_a_run_that_another_process_stored_meanwhile_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = RunStore(tmp_path)
    rename = Path.rename

    def beaten(source: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        RunStore(tmp_path / "theirs").write("a41f", _tables(), _documents())
        rename(tmp_path / "theirs" / "runs" / "a41f", target)
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", beaten)
    assert runs.write("a41f", _tables(), _documents()) == "verified"


def test_remains_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    folder = tmp_path / "runs"
    gone, stays = folder / f".tmp-b-{dead.pid}", folder / f".tmp-c-{os.getppid()}"
    for path in (gone, stays, folder / f".tmp-a41f-{os.getpid()}"):
        path.mkdir(parents=True)
        (path / "nav.parquet").write_bytes(b"half of it")
    runs = RunStore(tmp_path)
    assert runs.ids() == []
    assert runs.write("a41f", _tables(), _documents()) == "written"
    assert sorted(path.name for path in folder.iterdir()) == [stays.name, "a41f"]
    assert "nav.parquet" in _contents(folder / "a41f")


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(StoreUnwritable, match=r"runs/a41f: can't be written \(No space left on device\)"):
        RunStore(tmp_path).write("a41f", _tables(), _documents())
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_run_that_is_not_there_is_a_wrong_argument_with_the_nearest_id(tmp_path: Path) -> None:
    runs = RunStore(tmp_path)
    assert runs.ids() == []
    runs.write("a41fcc", {}, _documents())
    with pytest.raises(RunNotFound, match="no run 'a41fcd'; did you mean 'a41fcc'") as refused:
        runs.document("a41fcd", "metrics")
    assert refused.value.exit_code == 2
    for wrong in ("../a41fcc", "", ".tmp-x-1", "a/b", "/etc"):
        with pytest.raises(RunNotFound):
            runs.table(wrong, "nav")


@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b"\xff"])
def test_a_damaged_file_of_a_run_is_named_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    runs = RunStore(tmp_path)
    runs.write("a41f", _tables(), _documents())
    for name, question in (("metrics.json", runs.document), ("nav.parquet", runs.table)):
        path = tmp_path / "runs" / "a41f" / name
        path.unlink() if content is None else path.write_bytes(content)
        with pytest.raises(StoreError, match=f"{path}: can't be read .*; move the run's folder away") as refused:
            question("a41f", path.stem)
        assert "\n" not in str(refused.value)


def test_documents_are_sorted_and_readable(tmp_path: Path) -> None:
    RunStore(tmp_path).write("a", {}, {"metrics": {"b": 1.5, "a": [1, {"z": None, "é": -0.0}]}})
    text = (tmp_path / "runs" / "a" / "metrics.json").read_text(encoding="utf-8")
    assert text == json.dumps({"a": [1, {"z": None, "é": 0.0}], "b": 1.5}, indent=2, ensure_ascii=False) + "\n"
