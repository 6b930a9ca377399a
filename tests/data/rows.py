"""Built bars as plain rows, as answer files and plain loops have them."""

from __future__ import annotations

import math
from typing import Any

from tradeterm.core.market import Bars

_CELLS = ("open", "high", "low", "close", "volume")


def h4_rows(bars: Bars) -> list[list[Any]]:
    """Rows of ts, known_at, prices, volume, straddles, then fill_at and the fill's prices and volume."""
    assert bars.fill is not None
    assert bars.straddles is not None
    fill = bars.fill
    return [
        [
            int(bars.ts[row]),
            int(bars.known_at[row]),
            *(_plain(float(getattr(bars, name)[row])) for name in _CELLS),
            int(bars.straddles[row]),
            int(fill.at[row]) if fill.at[row] >= 0 else None,
            *(_plain(float(getattr(fill, name)[row])) for name in ("open", "high", "low", "volume")),
        ]
        for row in range(len(bars))
    ]


def daily_rows(bars: Bars) -> list[list[Any]]:
    """Rows of ts, known_at, prices and volume."""
    return [
        [int(bars.ts[row]), int(bars.known_at[row]), *(float(getattr(bars, name)[row]) for name in _CELLS)]
        for row in range(len(bars))
    ]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
