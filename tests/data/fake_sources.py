"""Sources that answer from memory: what they hold can be changed, and what they were asked is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tradeterm.core.errors import SourceDown
from tradeterm.core.market import Actions, Bars, Instrument, Timeframe
from tradeterm.core.time import HOUR_NS
from tradeterm.data.crew import Supplier
from tradeterm.data.sources.answers import no_actions

EPOCH = 1_700_006_400_000_000_000  # 2023-11-15T00:00Z
DAY_END = EPOCH + 24 * HOUR_NS


def hours(count: int, *, first: int = 0, price: float = 100.0) -> Bars:
    """Bars of a market that is always open: hour k closes at ``price`` + k."""
    ordinal = np.arange(first, first + count)
    ts = (EPOCH + ordinal * HOUR_NS).astype(np.int64)
    close = price + ordinal
    return Bars(
        ts=ts,
        open=close - 0.5,
        high=close + 1.0,
        low=close - 1.0,
        close=close,
        volume=np.full(count, 10.0),
        known_at=ts + HOUR_NS,
    )


def changed(bars: Bars, row: int, close: float) -> Bars:
    """The same bars, one of them with another close."""
    values = bars.close.copy()
    values[row] = close
    return Bars(
        ts=bars.ts,
        open=bars.open,
        high=np.maximum(bars.high, values),
        low=np.minimum(bars.low, values),
        close=values,
        volume=bars.volume,
        known_at=bars.known_at,
    )


@dataclass
class Feed:
    """A source that holds the same bars for every symbol, whole or not (a careless one gives what it has)."""

    name: str
    held: Bars
    careless: bool = False
    broken: bool = False
    paid: Actions = field(default_factory=no_actions)
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def bars(self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int) -> Bars:
        self.asked.append((instrument.symbol, start_ns, end_ns))
        self.before()
        if self.broken:
            raise SourceDown(self.name, instrument.symbol, "HTTP 503")
        rows = (self.held.ts >= start_ns) & (self.held.known_at <= end_ns)
        rows |= self.careless
        return Bars(**{name: getattr(self.held, name)[rows] for name in _COLUMNS})

    def actions(self, instrument: Instrument, start_ns: int, end_ns: int) -> Actions:
        rows = (self.paid.ex_ns >= start_ns) & (self.paid.ex_ns <= end_ns)
        kinds = tuple(kind for kind, kept in zip(self.paid.kind, rows, strict=True) if kept)
        return Actions(ex_ns=self.paid.ex_ns[rows], kind=kinds, value=self.paid.value[rows])


_COLUMNS = ("ts", "open", "high", "low", "close", "volume", "known_at")


def suppliers(*feeds: Feed) -> dict[str, Supplier]:
    """These sources by name, each of them for one worker."""

    def given(feed: Feed) -> Supplier:
        return Supplier(make=lambda: feed)

    return {feed.name: given(feed) for feed in feeds}
