"""Measure the daily run on the sample universe as whole processes, beside Python that imports pandas and numpy.

Nothing is to be trained. The first run of a workspace makes all its bars; the following ones fetch a day. Ten years of
dailies are replayed last.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tradeterm.core.time import DAY_NS, from_iso, iso_date

FIRST = from_iso("2026-06-01")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=11, help="days (default 11)")
    days = parser.parse_args().n
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder, "workspace")
        run("init", str(workspace))
        place = ["--workspace", str(workspace)]
        print(f"first day, all bars made: {timed(daily(FIRST, place)):.1f} s")
        pairs = []
        for day in range(1, days + 1):
            bare = timed([sys.executable, "-c", "import pandas, numpy"])
            pairs.append((timed(daily(FIRST + day * DAY_NS, place)), bare))
        told("a day more", [one for one, _ in pairs])
        told("Python, pandas and numpy", [other for _, other in pairs])
        ratios = [one / other for one, other in pairs]
        print(f"ratio {statistics.median(ratios):.1f}, {min(ratios):.1f} to {max(ratios):.1f}")
        again = [timed(daily(FIRST + days * DAY_NS, place)) for _ in range(min(days, 5))]
        told("the same day again", again)
        past = [*place, "--set", "system.start=2016-06-01"]
        words = ["daily", "--from", "2016-06-01", "--to", iso_date(FIRST - DAY_NS), *past]
        print(f"ten years replayed: {timed([sys.executable, '-m', 'tradeterm', *words]):.0f} s")


def daily(asof_ns: int, place: list[str]) -> list[str]:
    return [sys.executable, "-m", "tradeterm", "daily", "--asof", iso_date(asof_ns), *place]


def run(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "tradeterm", *words], check=True, stdout=subprocess.DEVNULL)


def timed(command: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def told(name: str, seconds: list[float]) -> None:
    print(f"{name:26} {statistics.median(seconds):.2f} s, {min(seconds):.2f} to {max(seconds):.2f} s")


if __name__ == "__main__":
    main()
