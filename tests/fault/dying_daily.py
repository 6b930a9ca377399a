"""Daily runs that die; see dying.py.

python dying_daily.py ASOF [FROM]    (FROM: a replay)
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import conftest  # noqa: F401  (names the kernel folder before numba is imported)
import pandas  # noqa: F401  (slow to import: once, not in each child)
import pyarrow.parquet  # noqa: F401  (as above)
from desks import Bench, settings_of
from dying import Points, children

from tradeterm.core.time import from_iso
from tradeterm.daily import run_daily
from tradeterm.daily.past import replay_days
from tradeterm.store.ledger import Ledger

points = Points()
asof, *since = sys.argv[1:]
workspace: Path


def inside(target: Any) -> bool:
    """Whether a path or open file is the workspace's: caches that other runs share are written by the first alone."""
    path = os.readlink(f"/proc/self/fd/{target}") if isinstance(target, int) else os.fsdecode(target)
    return Path(path).resolve().is_relative_to(workspace)


def run(root: Path) -> None:
    global workspace
    workspace = root.resolve()
    bench = Bench(settings_of(workspace))
    with bench.ledger() as ledger:
        if since:
            replay_days(bench.settings, ledger, from_ns=from_iso(since[0]), to_ns=from_iso(asof))
        else:
            run_daily(bench.settings, ledger, asof_ns=from_iso(asof))


for name in ("replace", "rename", "fsync"):
    points.around(os, name, inside)
points.around(Ledger, "append_many")
children(run, points)
