"""Rules that a row of bars must keep; a row that breaks one is named by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradeterm.core.types import BoolArray, FloatArray

__all__ = ["DETAILS", "Broken", "broken_rules"]

# Adjusted prices carry rounding noise in their last digits; a high below a close by that much is no bad bar.
_RELATIVE = 1e-9

DETAILS = {
    "crowded-row": "more cells than the header has names, so that none of them is surely what it seems",
    "unparsable-stamp": "no time that can be read",
    "stamps-disagree": "two columns tell different times of this row",
    "unparsable-value": "a price or volume that is no number",
    "future-stamp": "opens after the time of the import",
    "duplicate-stamp": "another row of the same time has more volume, or the same unrounded",
    "no-session": "the exchange had no session on that date",
    "before-calendar": "before the first day for which the exchange's calendar is known to be right",
    "ohlc-consistency": "high is not the highest or low not the lowest of the bar",
    "non-positive-price": "a price at or below zero",
    "negative-volume": "volume below zero",
}


class Broken(NamedTuple):
    """A rule and the rows that break it."""

    rule: str
    rows: BoolArray


def broken_rules(cells: Mapping[str, FloatArray], *, positive: bool) -> list[Broken]:
    """Which rows break which rule, gravest first; NaN prices break ``unparsable-value``, NaN volume breaks none.

    cells : open, high, low, close and volume
    positive : whether prices must be above zero (not so for spreads and indices of change)
    """
    prices = np.stack([cells[name] for name in ("open", "high", "low", "close")])
    high, low, volume = cells["high"], cells["low"], cells["volume"]
    finite = np.isfinite(prices).all(axis=0) & ~np.isinf(volume)
    noise = _RELATIVE * np.abs(prices).max(axis=0)
    with np.errstate(invalid="ignore"):
        bounded = (high >= prices.max(axis=0) - noise) & (low <= prices.min(axis=0) + noise)
        found = [
            Broken("unparsable-value", ~finite),
            Broken("negative-volume", volume < 0),
            Broken("ohlc-consistency", finite & ~bounded),
        ]
        if positive:
            found.insert(1, Broken("non-positive-price", finite & (prices.min(axis=0) <= 0)))
    return found
