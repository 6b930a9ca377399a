"""Well-known files without a line of names: which they are is seen from what their columns hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tradeterm.data.files.names import BINANCE, KRAKEN

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Nameless", "nameless"]

_NUMBER = re.compile(r"\d+(\.\d+)?([eE][+-]?\d+)?")
_SECONDS = re.compile(r"\d{9,10}")
_MILLIS_OR_MICROS = re.compile(r"\d{13}|\d{16}")
_WHOLE = re.compile(r"\d+")


class Nameless(NamedTuple):
    """A well-known form and the names that its columns would have."""

    shape: str
    names: tuple[str, ...]


_BINANCE = Nameless(
    BINANCE,
    (
        "open_time",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "close_time",
        "quote_volume",
        "count",
        "taker_buy_volume",
        "taker_buy_quote_volume",
        "ignore",
    ),
)
_KRAKEN = Nameless(KRAKEN, ("unix", "open", "high", "low", "close", "volume", "count"))


def nameless(rows: Sequence[Sequence[str]]) -> Nameless | None:
    """Which of them these rows are, if any."""
    rows = [row for row in rows if any(row)]
    for known, fits in ((_BINANCE, _is_binance), (_KRAKEN, _is_kraken)):
        if rows and all(len(row) == len(known.names) and all(map(_NUMBER.fullmatch, row)) for row in rows):
            return known if all(map(fits, rows)) and all(map(_is_bar, rows)) else None
    return None


def _is_binance(row: Sequence[str]) -> bool:
    units = _MILLIS_OR_MICROS.fullmatch(row[0]) and len(row[0]) == len(row[6])
    return bool(units and _WHOLE.fullmatch(row[6]) and int(row[6]) > int(row[0]))


def _is_kraken(row: Sequence[str]) -> bool:
    return bool(_SECONDS.fullmatch(row[0]) and _WHOLE.fullmatch(row[6]))


def _is_bar(row: Sequence[str]) -> bool:
    prices = [float(cell) for cell in row[1:5]]
    return prices[1] == max(prices) and prices[2] == min(prices)
