"""A disk that takes no more bytes, by the limit that the kernel keeps on the size of a process's files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tradeterm.store.ledger import Ledger

_START = """
import resource, sys
from pathlib import Path
from tradeterm.core.errors import StoreUnwritable
folder = Path(sys.argv[1])
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
"""

_LEDGER = """
from tradeterm.store.ledger import Ledger
ledger = Ledger(folder, clock=lambda: 0)
ledger.append("made", "0", {})
limit(100_000)
recorded = 1
try:
    for recorded in range(1, 1000):
        ledger.append("made", str(recorded), {"text": "x" * 2000})
except StoreUnwritable as full:
    print(recorded, full)
limit(resource.RLIM_INFINITY)
assert ledger.append("made", "afterwards", {})
"""

_BARS = """
import numpy as np
from tradeterm.core.market import AssetClass, BarKey, Bars, Timeframe
from tradeterm.store.bars import BarMeta, BarStore
key, store = BarKey(AssetClass.EQUITY, "SPY", Timeframe.H4), BarStore(folder)
meta = BarMeta(symbol="SPY", asset_class=key.asset_class, timeframe=key.timeframe, calendar="XNYS", source="sample")
def bars(rows):
    ts, price = np.arange(rows, dtype=np.int64), np.random.default_rng(7).random(rows)
    return Bars(ts=ts, known_at=ts, open=price, high=price, low=price, close=price, volume=price)
store.write(key, bars(10), meta)
limit(50_000)
try:
    store.write(key, bars(50_000), meta)
except StoreUnwritable as full:
    print(len(store.read(key)), full)
"""

_RUNS = """
import pyarrow as pa
import numpy as np
from tradeterm.store.runs import RunStore
limit(50_000)
try:
    RunStore(folder).write("a41f", {"nav": pa.table({"nav": np.random.default_rng(7).random(50_000)})}, {})
except StoreUnwritable as full:
    print(len(list((folder / "runs").iterdir())), full)
"""


def _run(code: str, folder: Path) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", _START + code, str(folder)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_a_ledger_that_cannot_grow_says_so_in_one_line_and_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    [said] = _run(_LEDGER, tmp_path)
    recorded, _, message = said.partition(" ")
    assert message.startswith(f"{tmp_path / 'ledger.sqlite'}: can't be written (")
    assert message.endswith("; free space or make the folder writable, then run again")
    with Ledger.reader(tmp_path) as reader:
        assert reader.verify().ok
        keys = [fact.key for fact in reader.facts("made")]
    assert keys == [*map(str, range(int(recorded))), "afterwards"]


@pytest.mark.parametrize(
    ("code", "left", "name"), [(_BARS, "10", "equities/SPY_h4.parquet"), (_RUNS, "0", "runs/a41f")]
)
def test_files_that_cannot_grow_leave_what_was_there(tmp_path: Path, code: str, left: str, name: str) -> None:
    [said] = _run(code, tmp_path)
    assert said.startswith(f"{left} {tmp_path / name}: can't be written (")
    assert not [path for path in tmp_path.rglob("*.tmp")]
