"""Hidden paths of the sample market: draws, regimes, volatility, factors. Day by day, forward only.

Every draw is a function of (version, name, day): a counter-based generator is keyed by version and name, and each
day owns a fixed stretch of its counter. A path up to a later day begins with the path up to an earlier one.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.time import DAY_NS, HOUR_NS, from_iso
from tradeterm.data.calendar import sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.core.types import FloatArray, IntArray

__all__ = ["HOURS", "START_NS", "VERSION", "CryptoPath", "EquityPath", "crypto_path", "draws", "equity_path", "normal"]

# Chosen among forty for its course: calm years, corrections, crashes with a recession, a crypto winter; nothing absurd.
VERSION = "31"
START_NS = from_iso("2016-01-01")
HOURS = 7
_PER_DAY = 128
_YEAR = 252.0
_CRYPTO_YEAR = 365.0

# Shares of a session's variance: the gap, then seven hours (the last one is half as long), busy at both ends.
_GAP_SHARE = 0.20
_HOUR_SHARE = np.array([0.26, 0.13, 0.09, 0.08, 0.09, 0.10, 0.05])

BULL, FLAT, BEAR, CRASH, RECOVERY = range(5)
# Yearly drift, yearly volatility, chance per session to go to another state.
_EQUITY_DRIFT = (0.17, 0.05, -0.22, -2.60, 0.40)
_EQUITY_VOLATILITY = (0.105, 0.135, 0.220, 0.520, 0.210)
_EQUITY_MOVES: tuple[dict[int, float], ...] = (
    {FLAT: 1 / 260, BEAR: 1 / 700, CRASH: 1 / 1100},
    {BULL: 1 / 90, BEAR: 1 / 170},
    {FLAT: 1 / 140, BULL: 1 / 200, CRASH: 1 / 420},
    {RECOVERY: 1 / 22},
    {BULL: 1 / 90},
)
RISE, MANIA, QUIET, WINTER, PANIC = range(5)
_CRYPTO_DRIFT = (0.95, 2.40, 0.10, -0.95, -9.00)
_CRYPTO_VOLATILITY = (0.50, 0.80, 0.36, 0.58, 1.30)
_CRYPTO_MOVES: tuple[dict[int, float], ...] = (
    {MANIA: 1 / 160, QUIET: 1 / 200, WINTER: 1 / 420, PANIC: 1 / 500},
    {WINTER: 1 / 80, RISE: 1 / 90, PANIC: 1 / 120},
    {RISE: 1 / 100, WINTER: 1 / 240},
    {QUIET: 1 / 190, RISE: 1 / 380, PANIC: 1 / 300},
    {WINTER: 1 / 8, RISE: 1 / 14},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPath:
    """What all equities share, by session.

    date_ns, open_ns, close_ns : (S,)
    state : (S,) market regime; volatility : (S,) yearly; gap : (S,) log return over night
    moves : (S, 7) log returns by hour, 0 where the session has ended; open_hour : (S,) UTC hour of the open
    """

    date_ns: IntArray
    open_ns: IntArray
    close_ns: IntArray
    state: IntArray
    volatility: FloatArray
    gap: FloatArray
    moves: FloatArray
    open_hour: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoPath:
    """What all coins share, by UTC day: date_ns, volatility (D,), moves (D, 24) log returns by hour."""

    date_ns: IntArray
    volatility: FloatArray
    moves: FloatArray


def draws(name: str, days: int) -> FloatArray:
    """Uniform numbers inside (0, 1) of the first ``days`` days, shape (days, 128)."""
    digest = hashlib.blake2b(f"{VERSION}|{name}".encode(), digest_size=16).digest()
    generator = np.random.Philox(key=int.from_bytes(digest, "little"))
    # Raw bits: NumPy promises them for ever, unlike the streams of its distributions.
    raw = generator.random_raw(days * _PER_DAY).reshape(days, _PER_DAY)
    uniform: FloatArray = ((raw >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return uniform


def normal(uniform: FloatArray) -> FloatArray:
    """Standard normal numbers of uniform ones."""
    from scipy.special import ndtri

    found: FloatArray = ndtri(uniform)
    return found


def equity_path(days: int) -> EquityPath:
    """Equity factor over the sessions of the first ``days`` days."""
    every = sessions("XNYS")
    first, last = np.searchsorted(every.date_ns, [START_NS, START_NS + days * DAY_NS])
    dates, opens, closes = (values[first:last] for values in (every.date_ns, every.open_ns, every.close_ns))
    uniform = draws("EQUITIES", days)[(dates - START_NS) // DAY_NS]
    shocks = normal(uniform[:, 1:12])
    state = _chain(uniform[:, 0], _EQUITY_MOVES, FLAT)
    volatility = _volatility(np.array(_EQUITY_VOLATILITY)[state], shocks[:, 0], shocks[:, 2:].sum(axis=1))
    daily = volatility / math.sqrt(_YEAR)
    length = np.clip((closes - opens)[:, None] / HOUR_NS - np.arange(HOURS), 0.0, 1.0)
    tails = np.where(uniform[:, 12] < 0.04, 2.4, 1.0)
    gap = daily * math.sqrt(_GAP_SHARE) * tails * shocks[:, 1]
    moves = daily[:, None] * np.sqrt(_HOUR_SHARE) * shocks[:, 2:9] * (length > 0)
    drift = _pulled(
        np.array(_EQUITY_DRIFT)[state] / _YEAR - daily**2 / 2,
        gap + moves.sum(axis=1),
        trend=0.075 / _YEAR,
        pull=0.35 / _YEAR,
    )
    weight = length / np.maximum(length.sum(axis=1, keepdims=True), 1.0)
    return EquityPath(
        date_ns=dates,
        open_ns=opens,
        close_ns=closes,
        state=state,
        volatility=volatility,
        gap=gap + 0.3 * drift,
        moves=moves + 0.7 * drift[:, None] * weight,
        open_hour=(opens - dates) // HOUR_NS,
    )


def crypto_path(days: int, equities: EquityPath) -> CryptoPath:
    """Crypto factor over the first ``days`` days; it follows equities a little while they trade."""
    uniform = draws("CRYPTO", days)
    shocks = normal(uniform[:, 1:27])
    state = _chain(uniform[:, 0], _CRYPTO_MOVES, QUIET)
    volatility = _volatility(np.array(_CRYPTO_VOLATILITY)[state], shocks[:, 0], shocks[:, 2:].sum(axis=1) / 5)
    daily = volatility / math.sqrt(_CRYPTO_YEAR)
    moves = daily[:, None] * shocks[:, 2:26] / math.sqrt(24.0)
    with_equities = np.zeros_like(moves)
    row = (equities.date_ns - START_NS) // DAY_NS
    for hour in range(HOURS):
        with_equities[row, equities.open_hour + hour] += 1.3 * equities.moves[:, hour]
    moves = moves + with_equities
    drift = _pulled(
        np.array(_CRYPTO_DRIFT)[state] / _CRYPTO_YEAR,
        moves.sum(axis=1),
        trend=0.40 / _CRYPTO_YEAR,
        pull=0.30 / _CRYPTO_YEAR,
    )
    dates = START_NS + DAY_NS * np.arange(days, dtype=np.int64)
    return CryptoPath(date_ns=dates, volatility=volatility, moves=moves + drift[:, None] / 24.0)


def _chain(uniform: FloatArray, moves: Sequence[dict[int, float]], start: int) -> IntArray:
    """States of a Markov chain, one draw per step."""
    states = np.empty(len(uniform), dtype=np.int64)
    now = start
    for step, drawn in enumerate(uniform.tolist()):
        bound = 0.0
        for target, chance in moves[now].items():
            bound += chance
            if drawn < bound:
                now = target
                break
        states[step] = now
    return states


def _volatility(level: FloatArray, shocks: FloatArray, returns: FloatArray) -> FloatArray:
    """Yearly volatility: it follows the regime's level, clusters, and rises after falls."""
    logs = np.log(level).tolist()
    base = logs[0] if logs else 0.0
    cluster, fall = 0.0, 0.0
    found = np.empty(len(level))
    for step, (target, shock, move) in enumerate(zip(logs, shocks.tolist(), returns.tolist(), strict=True)):
        base = 0.80 * base + 0.20 * target
        cluster = 0.95 * cluster + 0.07 * shock + fall
        found[step] = base + cluster
        fall = -0.012 * move
    return np.exp(found)


def _pulled(drift: FloatArray, moves: FloatArray, *, trend: float, pull: float) -> FloatArray:
    """Drift that leans against the distance of the level from its long-run trend, so that no price runs away."""
    found = np.empty(len(drift))
    distance = 0.0
    for step, (wanted, move) in enumerate(zip(drift.tolist(), moves.tolist(), strict=True)):
        found[step] = wanted - pull * distance
        distance += found[step] + move - trend
    return found
