"""Measure the training of the shipped learned strategy: time and memory against bars.

Every figure is of a process of its own. The market is made: a random walk of four symbols, six H4 bars a day. One fit
is the whole of one model: its numbers, its cross-validation, its manifest and its bundle.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tradeterm.config.kernels import use_kernel_cache

use_kernel_cache()

import numpy as np  # noqa: E402 - the kernel folder is named before numba is imported

from tradeterm.core.time import DAY_NS, H4_NS  # noqa: E402 - as above
from tradeterm.engine.inputs import RegimeInputs, RegimeSeries  # noqa: E402 - as above
from tradeterm.engine.outcomes import OwnFills  # noqa: E402 - as above
from tradeterm.engine.panel import Panel  # noqa: E402 - as above
from tradeterm.engine.regime import Thresholds  # noqa: E402 - as above
from tradeterm.engine.replay import Member  # noqa: E402 - as above
from tradeterm.signals.course import Course  # noqa: E402 - as above
from tradeterm.signals.timeline import Schedule, Training  # noqa: E402 - as above
from tradeterm.store.artifacts import ModelStore  # noqa: E402 - as above
from tradeterm.store.strategies import load  # noqa: E402 - as above

FOLDER = Path(__file__).resolve().parents[1] / "strategies"
NAME = "DirectionModel_v1"
YEARS = (2, 5, 10, 20)
ROWS_A_DAY = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--years", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.years:
        print(json.dumps(measure(given.years)))
        return
    print(f"{platform.system()} {platform.machine()}, Python {platform.python_version()}; medians of {given.rounds}\n")
    print(f"{'years':>5} {'H4 bars':>9} {'decisions':>9} {'samples':>9} {'one fit':>9} {'timeline':>15} {'peak':>9}")
    for years in YEARS:
        found = [part(years) for _ in range(given.rounds)]
        middle = {name: statistics.median(item[name] for item in found) for name in found[0]}
        print(
            f"{years:>5} {middle['bars']:>9,.0f} {middle['decisions']:>9,.0f} {middle['samples_s']:>7.2f} s "
            f"{middle['fit_s'] * 1e3:>6.0f} ms {middle['timeline_s']:>6.1f} s ({middle['fits']:>3.0f}) "
            f"{middle['peak_mb']:>6.0f} MB"
        )


def part(years: int) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, "--years", str(years)], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(years: int) -> dict[str, float]:
    course = made_course(years * 365)
    schedule = Schedule(every_days=28, window_days=None, least=500, folds=4, embargo_days=1, margin=0.02, seed=7)
    with tempfile.TemporaryDirectory() as folder:
        training = Training(course=course, schedule=schedule, store=ModelStore(Path(folder)), content_hash="bench")
        until = int(course.panel.times[-1])
        # Kernels are compiled and libraries loaded before anything is timed.
        replace(training, store=ModelStore(Path(folder) / "warm")).refits(until - (years * 365 - 400) * DAY_NS)
        began = time.perf_counter()
        decisions = len(training.samples)
        samples_s = time.perf_counter() - began
        began = time.perf_counter()
        newest = replace(training, schedule=replace(schedule, every_days=until // DAY_NS)).refits(until)
        fit_s = time.perf_counter() - began - samples_s
        began = time.perf_counter()
        fits = len(replace(training, store=ModelStore(Path(folder) / "all")).refits(until))
        timeline_s = time.perf_counter() - began
    assert len(newest) == 1
    return {
        "bars": float((course.panel.bar_no >= 0).sum()),
        "decisions": float(decisions),
        "samples_s": samples_s,
        "fit_s": max(fit_s, 0.0),
        "timeline_s": timeline_s,
        "fits": float(fits),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
    }


def made_course(days: int) -> Course:
    rng = np.random.default_rng(3)
    found = load(NAME, FOLDER)
    assert found.cls is not None
    symbols = found.cls.universe
    rows = days * ROWS_A_DAY
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.006, (rows, len(symbols))), axis=0))
    times = H4_NS * np.arange(1, rows + 1, dtype=np.int64)
    panel = made_panel(times, close, symbols)
    ends = np.arange(ROWS_A_DAY - 1, rows, ROWS_A_DAY)
    daily = made_panel(times[ends], close[ends], symbols)
    row = np.repeat(((np.arange(rows) + 1) // ROWS_A_DAY - 1)[:, None], len(symbols), axis=1)
    panel = replace(panel, daily=daily, daily_row=row.astype(np.int64))
    fills = {
        symbol: OwnFills(fill_open=close[ends, j], fill_at=times[ends] - DAY_NS, known_at=times[ends])
        for j, symbol in enumerate(symbols)
    }
    series = RegimeSeries(
        symbol="X",
        known_at=times[ends],
        ordinal=np.arange(len(ends), dtype=np.int64),
        value=close[ends, 0],
        due_at=times[ends] + DAY_NS,
    )
    return Course(
        member=Member(found.cls(), 1.0, symbols),
        panel=panel,
        inputs=RegimeInputs(equity=series, crypto=series),
        thresholds=Thresholds(),
        fills=fills,
        cost=dict.fromkeys(symbols, 0.0005),
    )


def made_panel(times: np.ndarray, close: np.ndarray, symbols: tuple[str, ...]) -> Panel:
    shape = close.shape
    return Panel(
        times=times,
        symbols=symbols,
        asset_class=("equity",) * len(symbols),
        open=close,
        high=close,
        low=close,
        close=close,
        volume=np.ones(shape),
        bar_no=np.repeat(np.arange(shape[0], dtype=np.int64)[:, None], shape[1], axis=1),
        known_at=np.repeat(times[:, None], shape[1], axis=1),
    )


if __name__ == "__main__":
    main()
