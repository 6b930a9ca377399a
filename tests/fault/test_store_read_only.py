"""A results folder that may be read and not written, as on a mounted backup."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradeterm.store.ledger import Ledger

# Root may write everywhere, so it becomes somebody else once the modules are loaded.
_CODE = """
import os, sys
from pathlib import Path
from tradeterm.core.errors import StoreUnwritable
from tradeterm.store.ledger import Ledger
if os.geteuid() == 0:
    os.setuid(65534)
folder = Path(sys.argv[1])
with Ledger(folder, clock=lambda: 0) as ledger:
    print(len(ledger.facts("made")), ledger.verify().ok, ledger.append("made", "3", {}))
    try:
        ledger.append("made", "new", {})
    except StoreUnwritable as refused:
        print(refused)
"""


@pytest.fixture
def results() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        os.chmod(made, 0o755)
        folder = Path(made) / "results"
        with Ledger(folder, clock=lambda: 0) as ledger:
            ledger.append_many([("made", str(index), {}) for index in range(5)])
        yield folder
        folder.chmod(0o755)


@pytest.mark.parametrize("folded", [False, True], ids=["with its WAL", "folded into one file"])
def test_it_is_read_verified_and_repeated_and_a_new_fact_is_refused_in_one_line(results: Path, folded: bool) -> None:
    if folded:
        # A client that closes last folds the WAL back and takes its files away, so a reader would have to make them.
        raw = sqlite3.connect(results / "ledger.sqlite")
        raw.execute("SELECT count(*) FROM facts").fetchall()
        raw.close()
    assert (results / "ledger.sqlite-wal").exists() != folded
    results.chmod(0o555)
    before = sorted(os.listdir(results))
    run = subprocess.run([sys.executable, "-c", _CODE, str(results)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    answer, refused = run.stdout.splitlines()
    assert answer == "5 True False"
    assert refused.startswith(str(results))
    assert refused.endswith(
        "can't be written (Permission denied); free space or make the folder writable, then run again"
    )
    assert sorted(os.listdir(results)) == before
