"""Ten runs of the same inputs, in processes of their own, are the same to the bit (`make test-long`)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from desks import Bench, copied

pytestmark = pytest.mark.long
RERUNS = 10
COMPARED = ("nav", "weights", "orders", "trades", "roundtrips", "days", "attribution")


def test_ten_reruns_one_of_them_without_any_cache_are_the_same_to_the_bit(stocked_bench: Bench, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    seen = []
    for number in range(RERUNS):
        root = copied(stocked_bench, tmp_path / f"workspace-{number}").root
        if number == RERUNS // 2:
            shutil.rmtree(cache)
            shutil.rmtree(root / "data" / ".frames", ignore_errors=True)
        threads = str(1 + number % 4)
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "tradeterm",
                "backtest",
                "run",
                "--start",
                "2022-01-01",
                "--end",
                "2024-05-31",
                "--json",
            ],
            cwd=root,
            env={
                **os.environ,
                "XDG_CACHE_HOME": str(cache),
                "NUMBA_CACHE_DIR": "",
                "OMP_NUM_THREADS": threads,
                "NUMBA_NUM_THREADS": threads,
                "PYTHONHASHSEED": str(number),
            },
            capture_output=True,
            text=True,
            check=True,
        )
        answer = json.loads(done.stdout)
        folder = root / "results" / "runs" / answer["run_id"]
        digests = [hashlib.sha256((folder / f"{name}.parquet").read_bytes()).hexdigest() for name in COMPARED]
        seen.append((answer["run_id"], answer["metrics"], digests))
    assert all(each == seen[0] for each in seen[1:])
