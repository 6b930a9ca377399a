"""What the columns of bars and observations are called by those who export them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BEGINS",
    "BINANCE",
    "CLOCKS",
    "CRYPTO_DATA_DOWNLOAD",
    "DAYS",
    "ENDS",
    "KRAKEN",
    "OF_PRICES",
    "PERIODS",
    "PRICES",
    "TICKERS",
    "TIMES",
    "UNNAMED",
    "VOLUMES",
    "YFINANCE",
    "bare",
    "is_header",
    "plain_name",
]

PRICES = ("open", "high", "low", "close")

# Files that are known by their form; what each of these services means by a stamp is written in its documentation.
BINANCE, KRAKEN = "Binance klines", "Kraken OHLCVT"
CRYPTO_DATA_DOWNLOAD, YFINANCE = "CryptoDataDownload", "yfinance"

# Plain names of what each needed column may be called, the usual ones first.
OF_PRICES = {
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c", "close/last", "price", "last"),
}
TIMES = (
    "ts",
    "timestamp",
    "open time",
    "opentime",
    "window start",
    "unix",
    "unix timestamp",
    "unixtime",
    "epoch",
    "t",
    "datetime",
    "date time",
    "date/time",
    "gmt time",
    "local time",
    "time utc",
    "utc time",
    "datetime utc",
    "timestamp utc",
    "date utc",
    "time",
    "date",
    "dtyyyymmdd",
    "observation date",
    "trade date",
    "day",
    "index",
)
UNNAMED = ("", "unnamed: 0", "level 0", "index level 0")
# A date and a clock time in two columns.
DAYS = ("date", "dtyyyymmdd", "day", "trade date")
CLOCKS = ("time",)
BEGINS = ("open time", "opentime", "window start")
# When a bar ended; the time of a file that has no other.
ENDS = ("close time", "closetime", "known at", "end time")
TICKERS = ("symbol", "ticker", "pair")
PERIODS = ("per",)
VOLUMES = ("volume", "vol", "v", "base volume", "volume base", "volumefrom", "volume shares", "volume units")

# Names as services write them: <CLOSE>, 4. close, Close/Last, Close*, Vol., open_time, Volume (BTC).
_NUMBERED = re.compile(r"\d+[a-z]?\.\s+")
_BETWEEN = re.compile(r"[\s_]+")
_LETTER = re.compile(r"[^\W\d_]")


def plain_name(name: str) -> str:
    """Name of a column without what services put around it: lower case, words apart by one blank."""
    text = _NUMBERED.sub("", name.strip().lower(), count=1).strip("<>*. ")
    return _BETWEEN.sub(" ", text.replace("(", " ").replace(")", " ")).strip()


def bare(text: str) -> str:
    """Letters and digits of a ticker: BTC/USDT and BTCUSDT are one, as are SPY and SPY.US."""
    return re.sub(r"[^A-Z0-9]", "", text.upper().removesuffix(".US"))


def is_header(names: Sequence[str]) -> bool:
    """Whether these cells are the names of a time and of prices, or of a time and a value."""
    plain = [plain_name(name) for name in names]
    timed = any(name in TIMES or name in ENDS for name in plain)
    if all(any(name in plain for name in known) for known in OF_PRICES.values()):
        return timed or plain[0] in UNNAMED
    if not timed:
        return False
    other = [name for name in plain if name and name not in TIMES]
    if "value" in plain or plain[0] == "observation date":
        return bool(other)
    return len(names) == 2 and len(other) == 1 and _LETTER.search(other[0]) is not None
