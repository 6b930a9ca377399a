"""Instruments, timeframes and bars."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from tradeterm.core.errors import UsageError, nearest
from tradeterm.core.time import DAY_NS, H4_NS, HOUR_NS, MINUTE_NS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradeterm.core.types import FloatArray, IntArray

__all__ = [
    "Actions",
    "AssetClass",
    "BarKey",
    "Bars",
    "FillBars",
    "Instrument",
    "Timeframe",
    "checked_symbol",
    "file_stem",
]

_SYMBOL = re.compile(r"\^?[A-Z0-9][A-Z0-9._^-]{0,30}(/[A-Z0-9][A-Z0-9._^-]{0,30})?")


class AssetClass(StrEnum):
    """What an instrument is; the value names its folder's contents in configuration and JSON."""

    EQUITY = "equity"
    CRYPTO = "crypto"
    MACRO = "macro"

    @property
    def folder(self) -> str:
        """Folder below ``data/``."""
        return {"equity": "equities", "crypto": "crypto", "macro": "macro"}[self.value]


class Timeframe(StrEnum):
    """Length of a bar; ``monthly`` exists for macro series only."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H4 = "h4"
    DAILY = "daily"
    MONTHLY = "monthly"

    @property
    def step_ns(self) -> int:
        """Nominal length in nanoseconds (a month counts 30 days; calendars know better)."""
        return {
            "1m": MINUTE_NS,
            "5m": 5 * MINUTE_NS,
            "15m": 15 * MINUTE_NS,
            "30m": 30 * MINUTE_NS,
            "1h": HOUR_NS,
            "h4": H4_NS,
            "daily": DAY_NS,
            "monthly": 30 * DAY_NS,
        }[self.value]

    @property
    def is_intraday_source(self) -> bool:
        """Whether H4 bars are built from it (1 hour or finer)."""
        return self.step_ns <= HOUR_NS


def checked_symbol(text: str, known: Iterable[str] = ()) -> str:
    """Return ``text`` where it can name an instrument.

    known : symbols of which the nearest is offered otherwise

    Raises
    ------
    UsageError
        When it is anything but upper-case letters, digits, ``.``, ``-``, ``_`` and ``^``, with at most one ``/``
        between base and quote.
    """
    if _SYMBOL.fullmatch(text):
        return text
    near = nearest(text.upper(), known)
    hint = f"did you mean '{near}'?" if near else "write it as SPY, BRK-B, ^VIX or BTC/USDT"
    raise UsageError(
        f"symbol '{text}': upper-case letters, digits, '.', '-', '_', '^' and one '/' between base and quote are "
        f"needed; {hint}"
    )


def file_stem(symbol: str) -> str:
    """File-name form of a symbol: ``BTC/USDT`` becomes ``BTC-USDT``."""
    return symbol.replace("/", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One tradable or macro series of the universe.

    ``lot`` is the smallest quantity step in units (0 = no rounding); ``tick`` the smallest price step.
    ``shortable`` says whether its venue lets it be sold short. From ``delisted_ns`` on it is no longer traded, and what
    was held is paid at ``last_price`` (None: the last close).
    """

    symbol: str
    asset_class: AssetClass
    calendar: str
    lot: float = 1.0
    tick: float = 0.01
    shortable: bool = True
    delisted_ns: int | None = None
    last_price: float | None = None


@dataclass(frozen=True, slots=True, order=True)
class BarKey:
    """Names one stored file of bars."""

    asset_class: AssetClass
    symbol: str
    timeframe: Timeframe

    @property
    def relative_path(self) -> str:
        """Path below ``data/``: ``crypto/BTC-USDT_h4.parquet``."""
        return f"{self.asset_class.folder}/{file_stem(self.symbol)}_{self.timeframe.value}.parquet"

    def __str__(self) -> str:
        return f"{self.symbol} {self.timeframe.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FillBars:
    """What an order decided at a bar's ``ts`` can be filled with: source bars that open in [ts, ts + step).

    All arrays have shape (B,); a row without such a source bar has NaN prices, volume 0 and ``at`` = -1.
    A source bar that straddles the end of the interval gives its open only; alone, it leaves volume unknown (NaN).
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    volume: FloatArray
    at: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Bars of one instrument and timeframe, sorted by ``ts``, shape (B,) each.

    ts : open of the bar (H4: start of the grid interval; macro: start of the reference period), ns UTC
    known_at : when the bar may be used: its close (macro: its publication), ns UTC
    open, high, low, close : raw prices; NaN in an H4 row that holds fill prices only
    volume : units traded; NaN where the source has none
    straddles : whether a source bar of this H4 row crosses the grid (its volume and range can't be split)
    fill : fill prices of H4 rows; None for other timeframes, whose bar itself is the fill bar
    """

    ts: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    known_at: IntArray
    straddles: IntArray | None = None
    fill: FillBars | None = None

    def __len__(self) -> int:
        return len(self.ts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """Corporate actions of one instrument, sorted by ``ex_ns``, shape (A,) each.

    ex_ns : open of the session from which the action holds, ns UTC
    kind : ``split`` or ``dividend``
    value : split: new units per old one (a 4-for-1 split is 4.0); dividend: cash per unit held before, in raw
        prices of the day (not adjusted for later splits)
    """

    ex_ns: IntArray
    kind: tuple[Literal["split", "dividend"], ...]
    value: FloatArray

    def __len__(self) -> int:
        return len(self.ex_ns)
