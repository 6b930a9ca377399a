"""Arrays in a memory-mapped file: whole or not there, private to who reads, and few enough."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tradeterm.store import arrays as room
from tradeterm.store.arrays import read_arrays, save_arrays

_MANY = 1 << 40


def _arrays(rows: int = 1000) -> dict[str, np.ndarray]:
    return {
        "times": np.arange(rows, dtype=np.int64),
        "close": np.arange(2.0 * rows).reshape(rows, 2),
        "flags": np.arange(rows) % 3 == 0,
        "nothing": np.empty((0, 2)),
    }


def test_what_was_saved_is_mapped_with_its_head(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a.frame", _arrays(), {"end": 7}, keep_bytes=_MANY)
    found = read_arrays(tmp_path / "a.frame")
    assert found is not None
    assert found.head == {"end": 7}
    for name, values in _arrays().items():
        np.testing.assert_array_equal(found.arrays[name], values)
        assert found.arrays[name].dtype == values.dtype


def test_writing_into_a_mapped_array_changes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.frame"
    save_arrays(path, _arrays(), {}, keep_bytes=_MANY)
    before = path.read_bytes()
    one, other = read_arrays(path), read_arrays(path)
    assert one is not None
    assert other is not None
    one.arrays["close"][-1] = np.nan
    assert other.arrays["close"][-1].tolist() == [1998.0, 1999.0]
    assert path.read_bytes() == before


def test_a_row_can_be_written_in_the_place_of_what_stands_there(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a.frame", _arrays(), {}, keep_bytes=_MANY, instead={"close": (3, np.array([[-1.0, -2.0]]))})
    found = read_arrays(tmp_path / "a.frame")
    assert found is not None
    expected = _arrays()["close"]
    expected[3] = [-1.0, -2.0]
    np.testing.assert_array_equal(found.arrays["close"], expected)


@pytest.mark.parametrize("cut", [1, 16, 100, 5000])
def test_a_file_that_was_cut_counts_for_nothing(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.frame"
    save_arrays(path, _arrays(), {}, keep_bytes=_MANY)
    path.write_bytes(path.read_bytes()[:-cut])
    assert read_arrays(path) is None
    assert read_arrays(tmp_path / "none.frame") is None


def test_what_another_boot_wrote_counts_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its blocks were never synced: after a power failure they may be empty."""
    save_arrays(tmp_path / "a.frame", _arrays(), {}, keep_bytes=_MANY)
    boot = tmp_path / "boot_id"
    boot.write_text("another boot\n")
    monkeypatch.setattr(room, "_BOOT", boot)
    assert read_arrays(tmp_path / "a.frame") is None


def test_where_boots_have_no_names_files_are_synced_and_stay_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(room, "_BOOT", tmp_path / "none")
    monkeypatch.setattr(room.os, "fsync", synced.append)
    save_arrays(tmp_path / "a.frame", _arrays(), {}, keep_bytes=_MANY)
    assert len(synced) == 1
    assert read_arrays(tmp_path / "a.frame") is not None


def test_those_used_longest_ago_go_first_and_the_new_one_stays(tmp_path: Path) -> None:
    size = 0
    for number, name in enumerate("abc"):
        save_arrays(tmp_path / f"{name}.frame", _arrays(), {}, keep_bytes=_MANY)
        os.utime(tmp_path / f"{name}.frame", ns=(number, number))
        size = (tmp_path / f"{name}.frame").stat().st_size
    assert read_arrays(tmp_path / "a.frame") is not None  # used now
    save_arrays(tmp_path / "d.frame", _arrays(), {}, keep_bytes=2 * size)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.frame", "d.frame"]
    save_arrays(tmp_path / "e.frame", _arrays(), {}, keep_bytes=1)
    assert [path.name for path in tmp_path.iterdir()] == ["e.frame"]


def test_remains_of_dead_writers_are_cleared_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    dead.wait()
    (tmp_path / f".x.frame.{dead.pid}.tmp").write_bytes(b"half")
    (tmp_path / f".y.frame.{os.getppid()}.tmp").write_bytes(b"half")
    save_arrays(tmp_path / "a.frame", _arrays(), {}, keep_bytes=_MANY)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f".y.frame.{os.getppid()}.tmp", "a.frame"]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
import numpy as np
from tradeterm.core.errors import StoreUnwritable
from tradeterm.store.arrays import read_arrays, save_arrays
path = Path(sys.argv[1]) / "a.frame"
save_arrays(path, {"x": np.ones(10)}, {}, keep_bytes=1 << 40)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
try:
    save_arrays(path, {"x": np.zeros(100_000)}, {}, keep_bytes=1 << 40)
except StoreUnwritable as full:
    print(full, read_arrays(path).arrays["x"].sum(), len(list(path.parent.iterdir())))
"""
    told = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert told.stdout.startswith(f"{tmp_path}/a.frame: can't be written (")
    assert told.stdout.split()[-2:] == ["10.0", "1"]


def test_killed_while_writing_there_is_no_file(tmp_path: Path) -> None:
    script = """
import os, signal, sys
from pathlib import Path
import numpy as np
from tradeterm.store import arrays
arrays._finish = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
arrays.save_arrays(Path(sys.argv[1]) / "a.frame", {"x": np.ones(10)}, {}, keep_bytes=1 << 40)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert read_arrays(tmp_path / "a.frame") is None
    save_arrays(tmp_path / "a.frame", _arrays(), {}, keep_bytes=_MANY)
    assert [path.name for path in tmp_path.iterdir()] == ["a.frame"]
