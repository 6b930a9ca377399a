"""Measure backtests of arrays against a bare kernel that only does the arithmetic, and against peers, in one run.

W1: one symbol, 21,900 bars, averages of 50 and 200 bars, long or flat, filled at the next open. W2: 1,000 pairs of it.
W3: 50 symbols, 10,950 bars, weights traded to at every close in one account. Prices are made: seeded random walks. Each
figure is the best and the median of many repetitions, ratios are of the same rounds. Peers are timed by the Python of
``--peers``, an environment of their own (``scripts/bench_peers.txt``).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from bench_prices import CAPITAL, FEE, PAIRS, SLIPPAGE, YEAR, best, crossings, many, mean, one, ranked, totals, walk

from tradeterm.config.kernels import use_kernel_cache

use_kernel_cache()

from numba import njit  # noqa: E402 - after the cache folder is set

from tradeterm.backtest_api import Book, Prices, backtest, sweep  # noqa: E402 - likewise

if TYPE_CHECKING:
    from collections.abc import Callable

WIDE = {"asset_limit": 10.0, "gross_limit": 10.0, "ladder": (0.97, 0.99), "sizing": "at_fill"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--peers", type=Path, help="Python of an environment with vectorbt and raptorbt")
    parser.add_argument("--growth", action="store_true", help="measure growth with bars and symbols too")
    parser.add_argument("--grown", type=int, nargs=3, metavar=("BARS", "SYMBOLS", "MODELS"), help="one size alone")
    given = parser.parse_args()
    if given.grown:
        grow(*given.grown)
        return
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    jobs = workloads()
    found: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    for _ in range(given.rounds):
        for name, job in jobs.items():
            found[name].append(best(job))
    told: dict[str, float] = {}
    if given.peers:
        done = subprocess.run(
            [str(given.peers), str(Path(__file__).with_name("bench_peers.py"))],
            capture_output=True,
            text=True,
            check=True,
        )
        told = json.loads(done.stdout)
    print(f"{'':34}{'best':>10}{'median':>10}{'spread':>20}{'to bare':>9}")
    for name, times in found.items():
        bare = min(found[f"{name[:2]} bare kernel"])
        show(name, times, bare)
    for name, seconds in told.items():
        show(name, [seconds], min(found[f"{name[:2]} bare kernel"]))
    if given.growth:
        growth()


def show(name: str, times: list[float], bare: float) -> None:
    low, high = 1e3 * min(times), 1e3 * max(times)
    middle = 1e3 * statistics.median(times)
    print(f"{name:34}{low:>7.2f} ms{middle:>7.2f} ms{low:>9.2f} to {high:.2f} ms{min(times) / bare:>9.1f}")


def prices_of(made: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Prices:
    return Prices(closed_at=made[0], open=made[1], close=made[2])


def sharpes(nav: np.ndarray) -> np.ndarray:
    # In place: for a sweep memory that is asked for anew is dearer than what is computed in it.
    factors = nav[:, 1:] / nav[:, :-1]
    means = factors.mean(axis=1)
    factors -= means[:, None]
    variances = np.einsum("ij,ij->i", factors, factors) / (factors.shape[1] - 1)
    return np.asarray((means - 1.0) / np.sqrt(variances) * math.sqrt(YEAR))


def workloads() -> dict[str, Callable[[], object]]:
    single_prices, basket_prices = prices_of(one()), prices_of(many())
    close, opened = single_prices.close[:, 0].copy(), single_prices.open[:, 0].copy()
    total = totals(close)
    fast = {window: mean(total, window) for window in sorted({pair[0] for pair in PAIRS})}
    slow = {window: mean(total, window) for window in sorted({pair[1] for pair in PAIRS})}
    single = Book(capital=CAPITAL, fee=FEE, slippage=SLIPPAGE, band=0.1, **WIDE)
    basket = Book(capital=CAPITAL, fee=FEE, fill="close", **WIDE)
    weights = ranked(basket_prices.close)

    def ours_1() -> object:
        done = backtest(single_prices, crossings(close, 50, 200)[:, None], single)
        return done.metrics(YEAR)

    def of(pairs: range) -> np.ndarray:
        return np.stack([fast[PAIRS[i][0]] > slow[PAIRS[i][1]] for i in pairs]).astype(np.float64)[:, :, None]

    def bare_2() -> object:
        wants = (crossings(close, *pair) for pair in PAIRS)
        return [bare_one(opened, close, want, CAPITAL) for want in wants]

    same_trades(single_prices, single, opened, close)
    return {
        "W1 bare kernel": lambda: bare_one(opened, close, crossings(close, 50, 200), CAPITAL),
        "W1 tradeterm": ours_1,
        "W2 bare kernel": bare_2,
        "W2 tradeterm": lambda: sweep(single_prices, single, len(PAIRS), of, measure=sharpes),
        "W3 bare kernel": lambda: bare_many(basket_prices.close, weights, CAPITAL),
        "W3 tradeterm": lambda: backtest(basket_prices, weights, basket).metrics(YEAR),
    }


def same_trades(prices: Prices, book: Book, opened: np.ndarray, close: np.ndarray) -> None:
    """Refuse to measure what is not the same work: the orders of the bare kernel, at the same bars."""
    want = crossings(close, 50, 200)
    filled = backtest(prices, want[:, None], book).record.filled[0, :-1, 0] != 0.0
    if not np.array_equal(np.flatnonzero(filled), np.flatnonzero(np.diff(np.concatenate([[0.0], want[:-1]])))):
        raise SystemExit("bench: the trades of W1 are not those of the reference")


@njit(cache=True)
def bare_one(opened: np.ndarray, close: np.ndarray, want: np.ndarray, capital: float) -> tuple[float, float, float]:
    cash, quantity, before, first, second, peak, depth = capital, 0.0, capital, 0.0, 0.0, capital, 0.0
    for t in range(len(close)):
        if t > 0 and (want[t - 1] > 0.0) != (quantity > 0.0):
            if quantity == 0.0:
                quantity = cash / (opened[t] * (1.0 + SLIPPAGE) * (1.0 + FEE))
                cash = 0.0
            else:
                cash = quantity * opened[t] * (1.0 - SLIPPAGE) * (1.0 - FEE)
                quantity = 0.0
        nav = cash + quantity * close[t]
        change = nav / before - 1.0
        before = nav
        first += change
        second += change * change
        peak = max(peak, nav)
        depth = min(depth, nav / peak - 1.0)
    spread = math.sqrt((second - first * first / len(close)) / (len(close) - 1))
    return before / capital - 1.0, first / len(close) / spread * math.sqrt(YEAR), depth


@njit(cache=True)
def bare_many(close: np.ndarray, weights: np.ndarray, capital: float) -> tuple[float, float]:
    rows, count = close.shape
    quantity = np.zeros(count)
    cash, peak, depth = capital, capital, 0.0
    for t in range(rows):
        nav = cash
        for j in range(count):
            nav += quantity[j] * close[t, j]
        spent = 0.0
        for j in range(count):
            move = weights[t, j] * nav - quantity[j] * close[t, j]
            spent += move + abs(move) * FEE
            quantity[j] += move / close[t, j]
        cash -= spent
        peak = max(peak, nav)
        depth = min(depth, nav / peak - 1.0)
    return nav / capital - 1.0, depth


GROWN = ((2190, 10, 1), (21_900, 10, 1), (2190, 100, 1), (21_900, 100, 1), (2190, 1000, 1), (21_900, 1000, 1))
MODELS = ((21_900, 10, 2), (21_900, 10, 4), (21_900, 10, 8), (21_900, 100, 4))


def growth() -> None:
    """Each size in a process of its own: the kernels are loaded, and the memory counted is the book's alone."""
    print("\ngrowth: weights that change at every twentieth bar; memory above what a book of two bars takes")
    little = grown(2, 1, 1)[1]
    for bars, count, models in (*GROWN, *MODELS):
        took, memory = grown(bars, count, models)
        cells = bars * count * models
        print(
            f"{count:>5} symbols x {bars:>6} bars x {models} models {took:>7.3f} s {took / cells * 1e9:>7.0f} ns a cell"
            f" {(memory - little) / 2**30:>6.2f} GB"
        )


def grown(bars: int, count: int, models: int) -> tuple[float, float]:
    """Seconds and bytes of one size."""
    words = [sys.executable, __file__, "--grown", str(bars), str(count), str(models)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    seconds, memory = json.loads(done.stdout)
    return seconds, memory


def grow(bars: int, count: int, models: int) -> None:
    """Run one size and print its seconds and the peak memory of this process."""
    prices = prices_of(walk(bars, count, 3))
    book = Book(capital=1e8, fee=FEE, slippage=SLIPPAGE, band=0.001, **WIDE)
    rng = np.random.default_rng(4)
    turns = np.stack([rng.random((-(-bars // 20), count)) / count for _ in range(models)], axis=1)
    weights = np.repeat(turns, 20, axis=0)[:bars]
    backtest(prices_of(walk(60, count, 3)), np.zeros((60, models, count)), book)
    start = time.perf_counter()
    backtest(prices, weights, book)
    took = time.perf_counter() - start
    print(json.dumps((took, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)))


if __name__ == "__main__":
    sys.exit(main())
