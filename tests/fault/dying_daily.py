"""Run a daily that is killed by SIGKILL at the n-th point where it has written, or is about to write, something.

python dying_daily.py ROOT ASOF N [FROM]    (N = 0: count the points, print them, and live; FROM: a replay)
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import conftest  # noqa: F401  (names the kernel folder before numba is imported)
from desks import Bench, settings_of

from tradeterm.core.time import from_iso
from tradeterm.daily import run_daily
from tradeterm.daily.past import replay_days
from tradeterm.store.ledger import Ledger

points = 0
root, fatal = Path(sys.argv[1]).resolve(), int(sys.argv[3])


def point() -> None:
    global points
    points += 1
    if points == fatal:
        os.kill(os.getpid(), signal.SIGKILL)


def inside(target: Any) -> bool:
    """Whether a path or open file is the workspace's: caches that other runs share are written by the first alone."""
    path = os.readlink(f"/proc/self/fd/{target}") if isinstance(target, int) else os.fsdecode(target)
    return Path(path).resolve().is_relative_to(root)


def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if not isinstance(args[0], Ledger) and not inside(args[0]):
            return function(*args, **kwargs)
        point()
        try:
            return function(*args, **kwargs)
        finally:
            point()

    return wrapped


for module, name in ((os, "replace"), (os, "rename"), (os, "fsync"), (Ledger, "append_many")):
    setattr(module, name, deadly(getattr(module, name)))

bench = Bench(settings_of(root))
with bench.ledger() as ledger:
    if len(sys.argv) > 4:
        replay_days(bench.settings, ledger, from_ns=from_iso(sys.argv[4]), to_ns=from_iso(sys.argv[2]))
    else:
        run_daily(bench.settings, ledger, asof_ns=from_iso(sys.argv[2]))
print(points)
