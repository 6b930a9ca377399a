"""Measure what a store of a million signals costs: to list them, to score them, and to go on after one more day.

The ledger is made: 500 symbols, one model, a signal each per day, outcomes of nearly all. Commands are whole processes,
told beside the same command on an empty store, so that what is left is the store's doing; medians and spread.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tradeterm.config.workspace import Workspace
from tradeterm.core.ids import canonical_json
from tradeterm.core.time import DAY_NS, from_iso, iso
from tradeterm.signals.scoreboard import count_scores, update_scores
from tradeterm.store.chain import GENESIS, Head, link, write_head
from tradeterm.store.ledger import Ledger
from tradeterm.store.ledger_file import open_writing
from tradeterm.views import signals as view

START = from_iso("2015-01-01")
SYMBOLS = 500
HORIZON = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signals", type=int, default=1_000_000, help="signals (default 1,000,000)")
    parser.add_argument("-n", type=int, default=11, help="runs of each command (default 11)")
    parser.add_argument("--folder", type=Path, help="where the store is made, and kept; a temporary folder without it")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        full, empty = folder / "full", folder / "empty"
        for root in (full, empty):
            if not root.exists():
                subprocess.run([*command(), "init", str(root)], check=True, stdout=subprocess.DEVNULL)
        if not (full / "results" / "ledger.sqlite").exists():
            print(f"making {given.signals:,} signals ...", file=sys.stderr)
            make(full / "results", given.signals)
        measure(full, empty, given.n)


def make(results: Path, count: int) -> None:
    """Write the ledger's rows in one transaction, chained as the program chains them."""
    results.mkdir(exist_ok=True)
    with open_writing(results / "ledger.sqlite") as connection:
        # The triggers check each row of a writer that isn't trusted; this one computes the chain itself.
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("BEGIN")
        last = insert(connection, facts(count))
        for _, sql in triggers:
            connection.execute(sql)
        connection.execute("COMMIT")
    connection.close()
    write_head(results / "ledger.head", last)


def insert(connection: sqlite3.Connection, made: Iterator[tuple[str, str, str]]) -> Head:
    seq, before = 0, GENESIS

    def rows() -> Iterator[tuple[Any, ...]]:
        nonlocal seq, before
        for kind, key, payload in made:
            seq += 1
            digest = link(before, seq, 0, kind, key, payload)
            yield seq, 0, kind, key, payload, before, digest
            before = digest

    connection.executemany("INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?, ?)", rows())
    return Head(seq=seq, hash=before)


def facts(count: int) -> Iterator[tuple[str, str, str]]:
    rng = np.random.default_rng(1)
    due: list[list[tuple[str, str, str]]] = []
    for day in range(-(-count // SYMBOLS)):
        ts = iso(START + day * DAY_NS)
        prob, draw, gross = rng.uniform(0.3, 0.7, SYMBOLS), rng.random(SYMBOLS), rng.normal(0, 0.02, SYMBOLS)
        regime = {
            "equity": ("BEAR", "NEUTRAL", "BULL")[day // 90 % 3],
            "volatility": ("LOW", "NORMAL", "HIGH")[day // 40 % 3],
            "crypto": ("RISK_OFF", "RISK_ON")[day // 120 % 2],
            "macro": ("RECESSION", "SLOWDOWN", "EXPANSION")[day // 200 % 3],
        }
        outcomes = []
        for number in range(min(SYMBOLS, count - day * SYMBOLS)):
            side = "flat" if draw[number] < 0.3 else "long" if draw[number] < 0.8 else "short"
            key = f"{ts}|S{number:03}|{HORIZON}|Made_v1@1.0.0|c0ffee"
            payload = {
                "ts": ts,
                "symbol": f"S{number:03}",
                "horizon": HORIZON,
                "side": side,
                "prob": None if side == "flat" else float(prob[number]),
                "ev": None if side == "flat" else float(prob[number] - 0.5) / 50,
                "model_version": "Made_v1@1.0.0",
                "config_hash": "c0ffee",
                "run_id": "made",
                "bar": ts,
                "sample": 100,
                "timeframe": "daily",
                "cost": 0.0003,
                "regime": regime,
            }
            yield "signal", key, canonical_json(payload)
            outcomes.append(("outcome", key, canonical_json(outcome(key, day, side, float(gross[number])))))
        due.append(outcomes)
        if len(due) > HORIZON:
            yield from due.pop(0)


def outcome(key: str, day: int, side: str, gross: float) -> dict[str, Any]:
    net = gross - 0.0003 * (2 + (-gross if side == "short" else gross))
    return {
        "signal": key,
        "entry_at": iso(START + day * DAY_NS),
        "exit_at": iso(START + (day + HORIZON) * DAY_NS),
        "entry_price": 100.0,
        "exit_price": 100.0 * (1 + gross),
        "gross": gross,
        "net": net,
        "hit": None if side == "flat" else net > 0,
        "path": [[1, gross / 5], [2, gross / 3], [3, gross / 2]],
    }


def measure(full: Path, empty: Path, runs: int) -> None:
    results = full / "results"
    with Ledger.reader(results) as ledger:
        counted = ledger.count("signal"), ledger.count("outcome")
        size = ledger.path.stat().st_size / 1e9
        print(f"{counted[0]:,} signals, {counted[1]:,} outcomes, ledger of {size:.2f} GB")
        print(
            f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}"
        )
        shutil.rmtree(results / "scores", ignore_errors=True)
        print(f"\nscores counted from nothing: {timed(lambda: count_scores(ledger)):.1f} s")
        print(f"scores counted and kept: {timed(lambda: update_scores(results, ledger)):.1f} s")
    with Ledger(results, clock=time.time_ns) as ledger:
        newest = ledger.greatest("signal", 1)[0]
        day = from_iso(newest.payload["ts"]) + DAY_NS
        more = [newest.payload | {"ts": iso(day), "symbol": f"S{number:03}"} for number in range(SYMBOLS)]
        keyed = [("signal", f"{item['ts']}|{item['symbol']}|{HORIZON}|Made_v1@1.0.0|c0ffee", item) for item in more]
        print(f"a day of {SYMBOLS} signals recorded: {timed(lambda: ledger.append_many(keyed)):.2f} s")
        print(f"scores brought up by that day: {timed(lambda: update_scores(results, ledger)):.1f} s")
    print(f"\n{'':44}{'median':>9}{'spread':>18}{'beyond empty':>14}")
    for words in (["signals", "list"], ["signals", "list", "--symbol", "S123"], ["signals", "outcomes"]):
        for style in ([], ["--json"]):
            line = [*words, *style]
            pairs = [(process(line, full), process(line, empty)) for _ in range(runs)]
            beyond = statistics.median(one - other for one, other in pairs)
            told("tradeterm " + " ".join(line), [one for one, _ in pairs], beyond)
    workspace = Workspace(full)
    for name, build in (("pane, in its process", view.build), ("its curves, in its process", view.build_outcomes)):
        build(workspace, 0)
        told(name, [timed(lambda build=build: build(workspace, 0)) for _ in range(runs)], None)


def told(name: str, seconds: list[float], beyond: float | None) -> None:
    spread = f"{min(seconds) * 1e3:.0f} to {max(seconds) * 1e3:.0f} ms"
    rest = "" if beyond is None else f"{beyond * 1e3:>11.0f} ms"
    print(f"{name:44}{statistics.median(seconds) * 1e3:>6.0f} ms{spread:>18}{rest}")


def command() -> list[str]:
    return [sys.executable, "-m", "tradeterm"]


def process(words: list[str], root: Path) -> float:
    line = [*command(), *words, "--workspace", str(root)]
    return timed(lambda: subprocess.run(line, check=True, stdout=subprocess.DEVNULL))


def timed(do: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    do()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
