"""Checks of the moves of prices: spikes, and jumps that look like a split which nobody told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradeterm.data.findings import finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradeterm.core.market import Actions, BarKey, Bars
    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.data.findings import Finding, ValidationRules
    from tradeterm.store.bar_table import BarMeta

__all__ = ["spikes", "splits"]

_PARTS = (
    "open against the close before",
    "close against open",
    "close against the close before",
    "high above open and close",
    "low below open and close",
)
_FOR_ONE = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100)
# New units and old ones; smaller ratios than 3:2 can't be told from a bad day.
_SPLITS = ((3, 2), (5, 2), *((p, 1) for p in _FOR_ONE), (2, 3), (2, 5), *((1, p) for p in _FOR_ONE))
_LOG_SPLITS = np.log([new / old for new, old in _SPLITS])
# Bars on both sides of a jump whose medians say whether it stayed and what volume did; three sessions of hours.
_SIDE = 21
_STAYED = 0.25


def spikes(key: BarKey, bars: Bars, rules: ValidationRules) -> Iterator[Finding]:
    """Find moves that are far beyond the usual size of their neighbourhood; first bar and lone wicks included."""
    usable = (bars.open > 0) & (bars.close > 0) & (bars.high > 0) & (bars.low > 0)
    if not usable.any():
        return
    ts = bars.ts[usable]
    opens, highs, lows, closes = (np.log(getattr(bars, name)[usable]) for name in ("open", "high", "low", "close"))
    before = np.append(opens[:1], closes[:-1])
    # A high below the open breaks another rule, and is no wick.
    wicks = (np.maximum(highs - np.maximum(opens, closes), 0), np.minimum(lows - np.minimum(opens, closes), 0))
    moves = np.stack((opens - before, closes - opens, closes - before, *wicks))
    size = np.abs(moves)
    usual = _usual(size[2], rules.spike_window)
    largest = size.max(axis=0)
    for row in np.flatnonzero((largest > rules.spike_mads * usual) & (usual > 0)).tolist():
        part = int(size[:, row].argmax())
        move, times = np.expm1(moves[part, row]), largest[row] / usual[row]
        detail = f"{_PARTS[part]}: {move:+.1%}, {times:.0f} times the usual move (more than {rules.spike_mads:g})"
        yield finding(key, "spike", ts[row], detail)


def _usual(moves: FloatArray, window: int) -> FloatArray:
    """Median move around each bar: of blocks half a window long, the larger of its own and the two beside it."""
    half = max(window // 2, 1)
    whole = len(moves) // half
    medians = np.median(moves[: whole * half].reshape(whole, half), axis=1)
    if len(moves) > whole * half:
        # A last block of a few bars says little by itself.
        last = medians[-1] if whole else np.median(moves)
        medians = np.append(medians, last)
    padded = np.concatenate((medians[:1], medians, medians[-1:]))
    wide = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    spread: FloatArray = np.repeat(wide, half)[: len(moves)]
    return spread


def splits(key: BarKey, bars: Bars, meta: BarMeta, actions: Actions, rules: ValidationRules) -> Iterator[Finding]:
    """Find jumps by p/q that stay, with volume moving the other way, where no split is stored.

    Prices that are said to be adjusted have no such jump at all.
    """
    usable = np.flatnonzero((bars.open > 0) & (bars.close > 0))
    gap = np.log(bars.close[usable[:-1]]) - np.log(bars.open[usable[1:]])
    for place in np.flatnonzero(np.abs(gap) > _LOG_SPLITS[0] - rules.split_tolerance).tolist():
        nearest = int(np.abs(_LOG_SPLITS - gap[place]).argmin())
        if abs(_LOG_SPLITS[nearest] - gap[place]) > rules.split_tolerance:
            continue
        left, right = usable[max(place + 1 - _SIDE, 0) : place + 1], usable[place + 1 : place + 1 + _SIDE]
        volume = _volume_moved(bars.volume[left], bars.volume[right])
        if not _looks_split(_LOG_SPLITS[nearest], bars.close[left], bars.close[right], volume):
            continue
        new, old = _SPLITS[nearest]
        stored = _stored_split(actions, int(bars.ts[left[-1]]), int(bars.ts[right[0]]))
        if meta.adjustment == "none" and abs(np.log(stored) - _LOG_SPLITS[nearest]) <= rules.split_tolerance:
            continue
        detail = (
            f"close {bars.close[left[-1]]:g} then open {bars.open[right[0]]:g}, as after a split of {new} for {old}"
            f"{_volume_text(volume)}, and {_told(meta.adjustment, stored)}"
        )
        yield finding(key, "split-like", bars.ts[right[0]], detail)


def _volume_moved(before: FloatArray, after: FloatArray) -> float:
    """Ratio of the median volumes; NaN where there is none on a side."""
    sides = [values[values > 0] for values in (before, after)]
    if not all(map(len, sides)):
        return np.nan
    return float(np.median(sides[1]) / np.median(sides[0]))


def _looks_split(log_ratio: float, before: FloatArray, after: FloatArray, volume: float) -> bool:
    # A bad tick comes back; a split stays, and as many times more units change hands.
    moved = np.log(np.median(before)) - np.log(np.median(after))
    stayed = abs(moved - log_ratio) <= _STAYED
    inverse = np.isnan(volume) or np.log(volume) * np.sign(log_ratio) > abs(log_ratio) / 4
    return bool(stayed and inverse)


def _stored_split(actions: Actions, after_ns: int, until_ns: int) -> float:
    """Product of the splits in (after, until], 1 where there is none."""
    split: IntArray = np.array([kind == "split" for kind in actions.kind], dtype=np.bool_)
    return float(np.prod(actions.value[split & (actions.ex_ns > after_ns) & (actions.ex_ns <= until_ns)]))


def _volume_text(volume: float) -> str:
    return "" if np.isnan(volume) else f" (volume times {volume:.2g})"


def _told(adjustment: str, stored: float) -> str:
    if adjustment != "none":
        return f"the bars are said to be adjusted ({adjustment})"
    return "no split is stored" if stored == 1.0 else f"the stored split is {stored:g} for 1"
