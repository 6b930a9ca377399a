"""What a market must keep before any decision is taken on it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tradeterm.engine.jit import inner, kernel, merged, pasted

if TYPE_CHECKING:
    from tradeterm.engine.book import Market

__all__ = ["FAULTS", "first_fault"]

FAULTS = (
    "",
    "its close was not positive",
    "its close was infinite",
    "its fill bar opened before the decision",
    "its fill bar opened after the next decision",
    "its split ratio was no number above 0",
    "its dividend was negative or no number",
    "its price factor was no number above 0",
    "its fill bar's open was outside its range",
    "its fill bar's volume was negative",
)


@pasted
def _above(value: float) -> bool:
    return value > 0.0 and math.isfinite(value)


@pasted
def _fault_of_action(market: Market, row: int, j: int) -> int:
    if not _above(market.split[row, j]):
        return 5
    if not (market.dividend[row, j] >= 0.0 and math.isfinite(market.dividend[row, j])):
        return 6
    if math.isfinite(market.fill_open[row, j]) and not _above(market.factor[row, j]):
        return 7
    return 0


@merged
def _fault_of_fill(market: Market, row: int, j: int) -> int:
    at = market.fill_at[row, j]
    if at < 0:
        return 0
    if at < market.times[row]:
        return 3
    if row + 1 < market.times.shape[0] and at >= market.times[row + 1]:
        return 4
    opened = market.fill_open[row, j]
    noise = 1e-9 * abs(opened)
    if opened < market.fill_low[row, j] - noise or opened > market.fill_high[row, j] + noise:
        return 8
    if market.fill_volume[row, j] < 0.0:
        return 9
    return 0


@inner
def _suspects(market: Market) -> int:
    """How many cells before the last row may have a fault other than of an action; several are counted at a time."""
    count, rows = 0, market.times.shape[0] - 1
    if market.unit.shape[0] == 1:
        mark, at, volume = market.mark.reshape(-1), market.fill_at.reshape(-1), market.fill_volume.reshape(-1)
        opened, low, high = market.fill_open.reshape(-1), market.fill_low.reshape(-1), market.fill_high.reshape(-1)
        for k in range(rows):
            now, until = market.times[k], market.times[k + 1]
            count += _is_suspect(mark[k], opened[k], low[k], high[k], volume[k], at[k], now, until)
        return count
    for row in range(rows):
        mark, at, volume = market.mark[row], market.fill_at[row], market.fill_volume[row]
        opened, low, high = market.fill_open[row], market.fill_low[row], market.fill_high[row]
        now, until = market.times[row], market.times[row + 1]
        for j in range(len(mark)):
            count += _is_suspect(mark[j], opened[j], low[j], high[j], volume[j], at[j], now, until)
    return count


@inner
def _is_suspect(
    mark: float, opened: float, low: float, high: float, volume: float, at: int, now: int, until: int
) -> bool:
    # Without a branch, as what is most often none is asked of every cell.
    noise = 1e-9 * abs(opened)
    filled = (at < now) | (at >= until) | (opened < low - noise) | (opened > high + noise) | (volume < 0.0)
    return (mark <= 0.0) | (mark == math.inf) | ((at >= 0) & filled)


@kernel
def first_fault(market: Market) -> tuple[int, int, int]:
    """Return the first fault as its number in :data:`FAULTS`, row and column; (0, 0, 0) without any."""
    rows, acted = market.times.shape[0], market.split.shape[0] > 0
    # The last row has no next decision, and is looked at by itself.
    for row in range(0 if acted or _suspects(market) > 0 else max(0, rows - 1), rows):
        for j in range(market.unit.shape[0]):
            mark = market.mark[row, j]
            fault = 0
            if mark <= 0.0:
                fault = 1
            elif math.isinf(mark):
                fault = 2
            else:
                fault = _fault_of_fill(market, row, j)
                if fault == 0 and acted:
                    fault = _fault_of_action(market, row, j)
            if fault != 0:
                return fault, row, j
    return 0, 0, 0
