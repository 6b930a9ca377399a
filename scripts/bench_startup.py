"""Measure how long whole processes take: medians and spread of --help, status, kill, and the workstation's first text.

Informational: machines differ, so nothing is judged here.
"""

from __future__ import annotations

import argparse
import os
import pty
import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUDGET_MS = {"--help": 150, "status --json": 250, "kill": 50, "workstation, first text": 600}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=15, help="runs of each (default 15)")
    runs = parser.parse_args().n
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder, "workspace")
        call(["init", str(workspace)])
        place = ["--workspace", str(workspace)]
        report("bare Python", [timed([sys.executable, "-c", "pass"]) for _ in range(runs)])
        report("--help", [timed(command(["--help"])) for _ in range(runs)])
        report("status --json", [timed(command(["status", "--json", *place])) for _ in range(runs)])
        report("kill", [timed(command(["kill", *place])) for _ in range(runs)])
        report("workstation, first text", [first_text(command(place)) for _ in range(min(runs, 5))])


def command(words: list[str]) -> list[str]:
    return [sys.executable, "-m", "tradeterm", *words]


def call(words: list[str]) -> None:
    subprocess.run(command(words), check=True, stdout=subprocess.DEVNULL)


def timed(words: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - begin) * 1e3


def first_text(words: list[str]) -> float | None:
    """Milliseconds until the first visible text on a terminal, None when the program ended without any."""
    begin = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS="160", LINES="48")
        os.execv(words[0], words)
    found = None
    try:
        while time.perf_counter() - begin < 20 and found is None:
            ready, _, _ = select.select([terminal], [], [], 0.05)
            if not ready:
                continue
            try:
                chunk = os.read(terminal, 65_536)
            except OSError:
                break
            if b"KILL" in chunk:  # the status line is on every screen
                found = (time.perf_counter() - begin) * 1e3
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)
    return found


def report(name: str, times: list[float | None]) -> None:
    found = sorted(value for value in times if value is not None)
    if not found:
        print(f"{name:<26} no text appeared")
        return
    budget = f"  (aim {BUDGET_MS[name]} ms)" if name in BUDGET_MS else ""
    print(f"{name:<26} median {statistics.median(found):6.0f} ms   {found[0]:.0f} to {found[-1]:.0f}{budget}")


if __name__ == "__main__":
    main()
