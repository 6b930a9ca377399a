from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tradeterm.core.errors import LockHeld, StoreUnwritable
from tradeterm.store.locks import fair_lock, file_lock

_BOTH = pytest.mark.parametrize("lock", [file_lock, fair_lock])

_START = """
import os, sys
from pathlib import Path
from tradeterm.store.locks import fair_lock, file_lock
lock = {"file_lock": file_lock, "fair_lock": fair_lock}[sys.argv[1]]
folder = Path(sys.argv[2])
"""
_FORKS = (
    _START
    + """
read_end, write_end = os.pipe()
with lock(folder / "lock", "x", timeout_s=0):
    child = os.fork()
    if child == 0:
        os.close(write_end)
        os.read(read_end, 1)
        os._exit(0)
with lock(folder / "lock", "x", timeout_s=0):
    os.close(write_end)
os.waitpid(child, 0)
"""
)
_COUNTER = (
    _START
    + """
for _ in range(200):
    with lock(folder / "lock", "the counter", timeout_s=60):
        count = int((folder / "count").read_text())
        (folder / "count").write_text(str(count + 1))
"""
)


@_BOTH
def test_it_is_held_by_one_and_names_the_holder(tmp_path: Path, lock: Any) -> None:
    with lock(tmp_path / "a" / "lock", "the ledger", timeout_s=0):
        for timeout_s in (0, 0.01):
            with (
                pytest.raises(LockHeld, match=f"^the ledger is held by process {os.getpid()}; wait") as refused,
                lock(tmp_path / "a" / "lock", "the ledger", timeout_s=timeout_s),
            ):
                pytest.fail("was held by two")
            assert refused.value.exit_code == 3
    with lock(tmp_path / "a" / "lock", "the ledger", timeout_s=0):
        pass


@_BOTH
def test_it_is_let_go_when_the_block_fails(tmp_path: Path, lock: Any) -> None:
    with pytest.raises(ZeroDivisionError), lock(tmp_path / "lock", "x", timeout_s=0):
        raise ZeroDivisionError
    with lock(tmp_path / "lock", "x", timeout_s=0):
        pass


@_BOTH
def test_a_child_that_inherits_the_handle_does_not_keep_it(tmp_path: Path, lock: Any) -> None:
    command = [sys.executable, "-c", _FORKS, lock.__name__, str(tmp_path)]
    assert subprocess.run(command, check=False, timeout=60).returncode == 0


@_BOTH
def test_processes_that_count_under_it_lose_no_count(tmp_path: Path, lock: Any) -> None:
    (tmp_path / "count").write_text("0")
    command = [sys.executable, "-c", _COUNTER, lock.__name__, str(tmp_path)]
    counters = [subprocess.Popen(command) for _ in range(3)]
    assert [counter.wait() for counter in counters] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "600"


def test_the_last_holder_of_a_fair_lock_queues_behind_who_waits(tmp_path: Path) -> None:
    path, order = tmp_path / "lock", []
    waits = threading.Event()

    def wait() -> None:
        with fair_lock(path, "x", timeout_s=30):
            order.append("who waited")

    waiting = threading.Thread(target=wait)
    with fair_lock(path, "x", timeout_s=0):
        waiting.start()
        while not waits.is_set():
            # The turnstile is shut as soon as the other waits at the lock itself.
            try:
                with file_lock(tmp_path / "lock.turn", "x", timeout_s=0):
                    pass
            except LockHeld:
                waits.set()
    with fair_lock(path, "x", timeout_s=30):
        order.append("the last holder")
    waiting.join()
    assert order == ["who waited", "the last holder"]


@_BOTH
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"no number"])
def test_a_holder_that_did_not_sign_is_another_process(tmp_path: Path, lock: Any, content: bytes) -> None:
    with lock(tmp_path / "lock", "x", timeout_s=0):
        (tmp_path / "lock").write_bytes(content)
        with pytest.raises(LockHeld, match="x is held by another process"), lock(tmp_path / "lock", "x", timeout_s=0):
            pytest.fail("was held by two")


@_BOTH
def test_a_lock_that_cannot_be_made_is_unwritable(tmp_path: Path, lock: Any) -> None:
    (tmp_path / "results").write_text("a file")
    with pytest.raises(StoreUnwritable), lock(tmp_path / "results" / "lock", "x", timeout_s=0):
        pytest.fail("was held")
