"""The sample market: made-up bars without a network, the same on every day and machine.

Hourly bars of equities open at :30 New York like Yahoo's (the last one has 30 minutes); coins trade every hour. A
past day never changes, whatever range is asked, and adding a symbol changes no other: see ``sample_paths``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import DataError, nearest
from tradeterm.core.market import Bars, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, from_iso
from tradeterm.data.calendar import same_sessions
from tradeterm.data.resample import resample_daily, source_closes
from tradeterm.data.sources.answers import no_actions
from tradeterm.data.sources.sample_macro import SERIES, macro_series
from tradeterm.data.sources.sample_paths import (
    HOURS,
    START_NS,
    CryptoPath,
    EquityPath,
    crypto_path,
    draws,
    equity_path,
    normal,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradeterm.core.market import Actions, Instrument
    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.data.publication import PublicationRule

__all__ = ["NAME", "SYMBOLS", "SampleMarket"]

NAME = "sample"
_END_NS = from_iso("2035-12-01")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Traits:
    """How a symbol moves with its factor and by itself; yearly figures.

    shape : of volume over the bars of a day
    """

    start: float
    beta: float
    own_volatility: float
    extra_drift: float
    volume: float
    decimals: int = 2


_EQUITIES = {
    "SPY": _Traits(start=201.0, beta=1.0, own_volatility=0.015, extra_drift=0.0, volume=78e6),
    "QQQ": _Traits(start=111.0, beta=1.18, own_volatility=0.075, extra_drift=0.018, volume=44e6),
    "GLD": _Traits(start=102.0, beta=-0.06, own_volatility=0.135, extra_drift=0.055, volume=8e6),
}
_COINS = {
    "BTC/USDT": _Traits(start=430.0, beta=1.0, own_volatility=0.08, extra_drift=0.0, volume=42e3),
    "ETH/USDT": _Traits(start=11.0, beta=1.12, own_volatility=0.38, extra_drift=0.02, volume=520e3),
}
SYMBOLS = (*_EQUITIES, *_COINS, *SERIES)
_SESSION_VOLUME = np.array([0.24, 0.14, 0.10, 0.09, 0.10, 0.15, 0.18])
_DAY_VOLUME = 1.0 + 0.45 * np.sin((np.arange(24) - 8.0) * (2 * math.pi / 24))


@dataclass(slots=True)
class SampleMarket:
    """Source of made-up bars; ``publication`` says when values of its macro series become known."""

    publication: Mapping[str, PublicationRule] = field(default_factory=dict)
    _days: int = 0
    _paths: tuple[EquityPath, CryptoPath] | None = None

    @property
    def name(self) -> str:
        """Name that configuration and metadata use."""
        return NAME

    def bars(self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int) -> Bars:
        """Return the bars with ``ts`` at or after ``start_ns`` that are known at ``end_ns``.

        Raises
        ------
        DataError
            When the market has no such symbol, or not in that timeframe or those hours.
        """
        if end_ns > _END_NS:
            raise DataError("sample market: made up to 2035-12-01; give an earlier date")
        end_ns = max(end_ns, START_NS)
        symbol = instrument.symbol
        if symbol in SERIES:
            whole = macro_series(symbol, timeframe, self._equities(end_ns), self.publication, end_ns)
        else:
            whole = self._traded(instrument, timeframe, end_ns)
        first = int(np.searchsorted(whole.ts, start_ns, side="left"))
        return _rows(whole, first, int(np.searchsorted(whole.known_at, end_ns, side="right")))

    def actions(self, instrument: Instrument, start_ns: int, end_ns: int) -> Actions:
        """Return no corporate actions: the market is made without any."""
        return no_actions()

    def _traded(self, instrument: Instrument, timeframe: Timeframe, end_ns: int) -> Bars:
        symbol = instrument.symbol
        if timeframe not in (Timeframe.H1, Timeframe.DAILY):
            raise DataError(f"sample market: no {timeframe} bars of {symbol}; it has 1h and daily ones")
        if symbol in _EQUITIES:
            hourly, calendar = _equity_bars(symbol, _EQUITIES[symbol], self._equities(end_ns)), "XNYS"
        elif symbol in _COINS:
            hourly, calendar = _coin_bars(symbol, _COINS[symbol], self._coins(end_ns)), "24/7"
        else:
            near = nearest(symbol, SYMBOLS)
            hint = f"did you mean '{near}'?" if near else f"it has {', '.join(SYMBOLS)}"
            raise DataError(f"sample market: no symbol '{symbol}'; {hint}")
        if not same_sessions(instrument.calendar, calendar):
            raise DataError(f"sample market: {symbol} keeps the hours of {calendar}, not of {instrument.calendar}")
        return hourly if timeframe is Timeframe.H1 else resample_daily(hourly, calendar, int(hourly.known_at[-1]))

    def _equities(self, end_ns: int) -> EquityPath:
        return self._walked(end_ns)[0]

    def _coins(self, end_ns: int) -> CryptoPath:
        return self._walked(end_ns)[1]

    def _walked(self, end_ns: int) -> tuple[EquityPath, CryptoPath]:
        # A longer path begins with the shorter one, so the longest walked so far serves every question.
        days = (end_ns - START_NS) // DAY_NS + 1
        if self._paths is None or days > self._days:
            equities = equity_path(days)
            self._days, self._paths = days, (equities, crypto_path(days, equities))
        return self._paths


def _equity_bars(symbol: str, traits: _Traits, path: EquityPath) -> Bars:
    count = len(path.date_ns)
    days = (path.date_ns - START_NS) // DAY_NS
    uniform = draws(symbol, int(days[-1]) + 1 if count else 0)[days]
    shocks = normal(uniform[:, :16])
    trading = (path.open_ns[:, None] + HOUR_NS * np.arange(HOURS)) < path.close_ns[:, None]
    own = traits.own_volatility / math.sqrt(252.0)
    drift = traits.extra_drift / 252.0
    gap = traits.beta * path.gap + own * math.sqrt(0.2) * shocks[:, 0] + drift
    moves = (traits.beta * path.moves + own * math.sqrt(0.8 / HOURS) * shocks[:, 1 : 1 + HOURS]) * trading
    variance = ((traits.beta * path.volatility) ** 2 + traits.own_volatility**2) / 252.0 * 0.8 / HOURS
    closes = math.log(traits.start) + np.cumsum(np.cumsum(moves, axis=1)[:, -1] + gap)
    starts = np.append(math.log(traits.start), closes[:-1]) + gap if count else closes
    levels = starts[:, None] + np.cumsum(moves, axis=1)
    busy = (path.volatility / 0.15) ** 0.6 * np.exp(0.22 * shocks[:, 8])
    volume = traits.volume * busy[:, None] * _SESSION_VOLUME * np.exp(0.2 * shocks[:, 9:16])
    opens = path.open_ns[:, None] + HOUR_NS * np.arange(HOURS)
    logs = np.concatenate((starts[:, None], levels), axis=1)
    spread = np.repeat(variance[:, None], HOURS, axis=1)
    bars = _drawn(logs, spread, uniform[:, 16:], np.round(volume), traits.decimals)
    ts = opens[trading]
    return _assembled(ts, source_closes("XNYS", ts, HOUR_NS), [values[trading] for values in bars])


def _coin_bars(symbol: str, traits: _Traits, path: CryptoPath) -> Bars:
    count = len(path.date_ns)
    uniform = draws(symbol, count)
    shocks = normal(uniform[:, :49])
    own = traits.own_volatility / math.sqrt(365.0 * 24)
    moves = traits.beta * path.moves + own * shocks[:, :24] + traits.extra_drift / (365.0 * 24)
    variance = ((traits.beta * path.volatility) ** 2 + traits.own_volatility**2) / (365.0 * 24)
    levels = (math.log(traits.start) + np.cumsum(moves.ravel())).reshape(count, 24)
    before = np.append(math.log(traits.start), levels[:-1, -1])
    busy = (path.volatility / 0.55) ** 0.8 * np.exp(0.3 * shocks[:, 24])
    volume = traits.volume / 24.0 * busy[:, None] * _DAY_VOLUME * np.exp(0.35 * shocks[:, 25:49])
    logs = np.concatenate((before[:, None], levels), axis=1)
    spread = np.repeat(variance[:, None], 24, axis=1)
    bars = _drawn(logs, spread, uniform[:, 49:], np.round(volume, 3), traits.decimals)
    ts = (path.date_ns[:, None] + HOUR_NS * np.arange(24)).ravel()
    return _assembled(ts, ts + HOUR_NS, [values.ravel() for values in bars])


def _drawn(
    logs: FloatArray, variance: FloatArray, uniform: FloatArray, volume: FloatArray, decimals: int
) -> tuple[FloatArray, ...]:
    """Open, high, low, close, volume of bars whose path is a Brownian bridge between log levels (rows, bars + 1)."""
    bars = variance.shape[1]
    move = np.diff(logs, axis=1)
    # The extremes of a bridge in closed form, from one uniform number each.
    up = (move + np.sqrt(move**2 - 2.0 * variance * np.log(uniform[:, :bars]))) / 2.0
    down = (move - np.sqrt(move**2 - 2.0 * variance * np.log(uniform[:, bars : 2 * bars]))) / 2.0
    prices = np.maximum(np.round(np.exp(logs), decimals), 10.0**-decimals)
    opens, closes = prices[:, :-1], prices[:, 1:]
    high = np.maximum(np.round(np.exp(logs[:, :-1] + up), decimals), np.maximum(opens, closes))
    low = np.minimum(np.round(np.exp(logs[:, :-1] + down), decimals), np.minimum(opens, closes))
    return opens, high, np.maximum(low, 10.0**-decimals), closes, volume


def _assembled(ts: IntArray, known_at: IntArray, columns: list[FloatArray]) -> Bars:
    opens, high, low, close, volume = columns
    return Bars(ts=ts, open=opens, high=high, low=low, close=close, volume=volume, known_at=known_at)


def _rows(bars: Bars, start: int, stop: int) -> Bars:
    stop = max(start, stop)
    return Bars(
        ts=bars.ts[start:stop],
        open=bars.open[start:stop],
        high=bars.high[start:stop],
        low=bars.low[start:stop],
        close=bars.close[start:stop],
        volume=bars.volume[start:stop],
        known_at=bars.known_at[start:stop],
    )
