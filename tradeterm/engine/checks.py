"""What a market must keep before any decision is taken on it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tradeterm.engine.jit import kernel, merged, pasted

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


@kernel
def first_fault(market: Market) -> tuple[int, int, int]:
    """Return the first fault as its number in :data:`FAULTS`, row and column; (0, 0, 0) without any."""
    acted = market.split.shape[0] > 0
    for row in range(market.times.shape[0]):
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
