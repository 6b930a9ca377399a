"""Whether a source can be reached now, and how far its clock is from ours: one cheap question to each."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

from tradeterm.core.errors import DataError
from tradeterm.core.market import Timeframe
from tradeterm.core.time import DAY_NS, iso

if TYPE_CHECKING:
    from tradeterm.core.market import BarKey, Instrument
    from tradeterm.data.sources import Source

__all__ = ["HOSTS", "Probe", "clock_skew_s", "probe"]

# Any page will do: of the reply only the Date header is read.
HOSTS = {
    "yahoo": "https://query1.finance.yahoo.com/",
    "alpaca": "https://data.alpaca.markets/",
    "binance": "https://api.binance.com/api/v3/ping",
    "kraken": "https://api.kraken.com/0/public/Time",
    "fred": "https://api.stlouisfed.org/",
}
_CONNECT_S, _READ_S = 5.0, 10.0
# Long enough to hold a bar, or a month's value with its delay, and no longer.
_BACK = {Timeframe.MONTHLY: 120 * DAY_NS}
_BACK_NS = 10 * DAY_NS


class Probe(NamedTuple):
    """What came of the question, in a line."""

    ok: bool
    found: str


def probe(source: Source, instrument: Instrument, key: BarKey, now_ns: int) -> Probe:
    """Ask a source, by its own client, for the newest bars of one instrument."""
    began = time.monotonic()
    try:
        bars = source.bars(instrument, key.timeframe, now_ns - _BACK.get(key.timeframe, _BACK_NS), now_ns)
    except DataError as failure:
        return Probe(False, str(failure))
    newest = f"newest bar {iso(int(bars.ts[-1]))}" if len(bars) else "no newer bar"
    return Probe(True, f"{key}: {newest}, answered in {time.monotonic() - began:.1f} s")


def clock_skew_s(url: str) -> float | None:
    """Seconds that our clock is ahead of a service's, by its Date header; None where it can't be told.

    The header knows whole seconds, so less than two of them mean nothing.
    """
    import httpx

    try:
        asked = time.time()
        reply = httpx.head(url, timeout=httpx.Timeout(_READ_S, connect=_CONNECT_S))
        answered = time.time()
        moment = parsedate_to_datetime(reply.headers["Date"])
    except (httpx.HTTPError, KeyError, ValueError):
        return None
    return (asked + answered) / 2 - moment.timestamp()
