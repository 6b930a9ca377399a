"""Made prices and rules of the backtest benchmarks; numpy alone, as peers measure with an environment of their own."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

H4_NS = 4 * 3600 * 10**9
YEAR = 2190
FEE, SLIPPAGE, CAPITAL = 5e-4, 2e-4, 1e6
PAIRS = [(fast, slow) for fast in range(10, 110, 5) for slow in range(120, 520, 8)]


def best(job: Callable[[], object], seconds: float = 0.4) -> float:
    """Shortest of the repetitions that fit into some time, at least three."""
    found: list[float] = []
    until = time.perf_counter() + seconds
    while len(found) < 3 or time.perf_counter() < until:
        start = time.perf_counter()
        job()
        found.append(time.perf_counter() - start)
    return min(found)


def walk(rows: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Closing times, opens and closes of random walks on a tick of 0.01, with a small gap between close and open."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(3e-5, 0.012, (rows, count)), axis=0))
    opened = np.vstack([close[:1], close[:-1]]) * np.exp(rng.normal(0.0, 1e-4, (rows, count)))
    times = 1_420_070_400_000_000_000 + H4_NS * np.arange(1, rows + 1)
    return times, np.round(opened, 2), np.round(close, 2)


def one() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Prices of W1 and W2."""
    return walk(10 * YEAR, 1, 1)


def many() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Prices of W3."""
    return walk(5 * YEAR, 50, 7)


def totals(close: np.ndarray) -> np.ndarray:
    """Running totals that begin with 0."""
    return np.concatenate([[0.0], np.cumsum(close)])


def mean(total: np.ndarray, window: int) -> np.ndarray:
    """Averages of the last ``window`` values, NaN before."""
    out = np.full(len(total) - 1, math.nan)
    out[window - 1 :] = (total[window:] - total[:-window]) / window
    return out


def crossings(close: np.ndarray, fast: int, slow: int) -> np.ndarray:
    """1 where the fast average is above the slow one."""
    total, up = totals(close), np.zeros(len(close))
    quick = (total[slow:] - total[slow - fast : -fast]) / fast
    up[slow - 1 :] = quick > (total[slow:] - total[:-slow]) / slow
    return up


def ranked(close: np.ndarray, look: int = 84, top: int = 10) -> np.ndarray:
    """Weights of the ten strongest, decided on the bar before, 95 % invested."""
    weights = np.zeros_like(close)
    steps = np.arange(top, 0, -1, dtype=float)
    gain = close[look:-1] / close[: -look - 1] - 1.0
    order = np.argsort(-gain, axis=1, kind="stable")[:, :top]
    weights[np.arange(look + 1, len(close))[:, None], order] = 0.95 * steps / steps.sum()
    return weights
