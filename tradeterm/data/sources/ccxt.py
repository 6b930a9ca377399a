"""Bars of crypto exchanges by ccxt, whose own pace and retries are taken away.

The URLs stay those of production: ccxt reads errors by them. Its parsers answer nonsense with no rows at all, so the
reply itself is looked at too.
"""

from __future__ import annotations

import time
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from tradeterm.core.errors import BadAnswer, DataError, OutOfReach, UnknownSymbol, nearest
from tradeterm.core.market import AssetClass, Timeframe
from tradeterm.core.time import iso
from tradeterm.data.sources.answers import checked_bars, no_actions, no_bars
from tradeterm.data.sources.ccxt_errors import translated
from tradeterm.data.sources.session import SKEW_NS, Heard, bound
from tradeterm.data.sources.wire import Line, Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests import Session

    from tradeterm.core.market import Actions, Bars, Instrument

__all__ = ["Exchange"]

_MS = 1_000_000
_TIMEFRAMES = {
    Timeframe.M1: "1m",
    Timeframe.M5: "5m",
    Timeframe.M15: "15m",
    Timeframe.M30: "30m",
    Timeframe.H1: "1h",
    Timeframe.DAILY: "1d",
}
# Rows per answer of Binance. Kraken gives its newest 720 whatever is asked for, and none before them.
_PAGE = 1000
_OPTIONS: dict[str, dict[str, Any]] = {
    # Spot alone: the rest would be asked for on four further hosts.
    "binance": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False},
    "kraken": {},
}


class Exchange:
    """Source of coins on Binance or Kraken, without an account; one instance serves one thread at a time.

    Parameters
    ----------
    session
        Of requests; ccxt makes its own where none is given.
    symbols
        The exchange's pair of a symbol where it isn't ours, such as BTC/USD of Kraken for BTC/USDT.
    now_ns
        Now, ns UTC.
    """

    def __init__(
        self,
        exchange: Literal["binance", "kraken"],
        *,
        patience: Patience | None = None,
        session: Session | None = None,
        symbols: Mapping[str, str] | None = None,
        line: Line | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._patience = patience or (line.patience if line is not None else Patience())
        self._name, self._session, self._symbols, self._now_ns = exchange, session, dict(symbols or {}), now_ns
        self._line = line or Line(exchange, self._patience)
        self._made: tuple[Any, Heard] | None = None

    @property
    def name(self) -> str:
        """Name that configuration and metadata use."""
        return self._name

    def note(self, instrument: Instrument) -> str:
        """Say which pair the bars are of."""
        return f"{self._name} spot, {self._pair(instrument)}"

    def bars(self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int) -> Bars:
        """Return the bars with ``ts`` at or after ``start_ns`` that are known at ``end_ns``, sorted.

        From 0 on means all that there is, which is little on Kraken: its newest 720.

        Raises
        ------
        DataError
            For what is no coin, and timeframes that are none of 1m, 5m, 15m, 30m, 1h, daily.
        OutOfReach
            When Kraken is asked for bars before its newest 720.
        SourceError
            When the exchange refuses, fails, or answers what can't be true.
        """
        if instrument.asset_class is not AssetClass.CRYPTO or timeframe not in _TIMEFRAMES:
            raise DataError(
                f"{self._name} {instrument.symbol}: no {timeframe} bars of {instrument.asset_class} here; "
                f"it has {', '.join(_TIMEFRAMES)} of crypto"
            )
        now = self._now_ns()
        first = -(-max(start_ns, 0) // timeframe.step_ns) * timeframe.step_ns
        if first + timeframe.step_ns > min(end_ns, now):
            # Nothing can have closed since: no need to ask.
            return no_bars()
        rows, until = self._rows(instrument, timeframe, first, min(end_ns, now))
        columns = list(zip(*rows, strict=True)) if rows else [()] * 6
        return checked_bars(
            self._name,
            instrument,
            timeframe,
            start_ns=start_ns,
            end_ns=until,
            now_ns=now + SKEW_NS,
            ts=columns[0],
            open=columns[1],
            high=columns[2],
            low=columns[3],
            close=columns[4],
            volume=columns[5],
        )

    def actions(self, instrument: Instrument, start_ns: int, end_ns: int) -> Actions:
        """Coins have none."""
        return no_actions()

    def _pair(self, instrument: Instrument) -> str:
        return self._symbols.get(instrument.symbol, instrument.symbol)

    def _rows(
        self, instrument: Instrument, timeframe: Timeframe, first_ns: int, until_ns: int
    ) -> tuple[list[list[Any]], int]:
        """Rows (open in ns, open, high, low, close, volume) without a cut, and the instant that ends the last bar."""
        client, heard = self._client()
        pair, step, symbol = self._listed(instrument), timeframe.step_ns, instrument.symbol
        found: list[list[Any]] = []
        cursor, whole = first_ns, True
        while whole and cursor + step <= until_ns:
            ask = partial(self._page, client, symbol, pair, timeframe, cursor)
            page, whole = self._line.ask(symbol, partial(translated, self._name, symbol, heard, ask))
            # Bars end by the exchange's clock, not by ours.
            until_ns = until_ns if heard.date_ns is None else min(until_ns, heard.date_ns)
            self._refuse_odd(symbol, timeframe, page)
            if self._name == "kraken" and first_ns and page and page[0][0] > first_ns:
                raise OutOfReach(
                    self._name, symbol, f"no {timeframe} bars before {iso(page[0][0])}, asked from {iso(first_ns)}"
                )
            found.extend(page)
            cursor, whole = (page[-1][0] + step, whole) if page else (cursor, False)
        if cursor + step <= until_ns:
            raise BadAnswer(self._name, symbol, f"{timeframe} bars end at {iso(cursor)}, asked until {iso(until_ns)}")
        return found, until_ns

    def _page(
        self, client: Any, symbol: str, pair: str, timeframe: Timeframe, since_ns: int
    ) -> tuple[list[list[Any]], bool]:
        """Rows from ``since_ns`` on in order, and whether more may follow."""
        kraken = self._name == "kraken"
        client.last_json_response = None
        # Without a time Kraken gives all that it has; ccxt would make a negative one of 0.
        since = None if kraken and not since_ns else since_ns // _MS
        parsed = client.fetch_ohlcv(pair, _TIMEFRAMES[timeframe], since, None if kraken else _PAGE)
        raw = client.last_json_response
        if kraken:
            raw = raw["result"][client.market(pair)["id"]]
        if not isinstance(raw, list) or not all(isinstance(row, list) and len(row) > 6 and row[0] for row in raw):
            raise BadAnswer(self._name, symbol, "bars of another shape")
        rows = [[int(row[0]) * _MS, *row[1:]] for row in parsed]
        return rows, not kraken and len(raw) >= _PAGE

    def _refuse_odd(self, symbol: str, timeframe: Timeframe, page: list[list[Any]]) -> None:
        odd = [row[0] for row in page if row[0] % timeframe.step_ns]
        if odd:
            raise BadAnswer(self._name, symbol, f"a bar of {iso(odd[0])}, which is no time for a {timeframe} bar")

    def _listed(self, instrument: Instrument) -> str:
        """Return the pair as the exchange lists it; the list is asked for once."""
        client, heard = self._client()
        pair, symbol = self._pair(instrument), instrument.symbol
        if not client.markets:
            self._line.ask(symbol, partial(translated, self._name, symbol, heard, partial(self._load, client, symbol)))
        if pair not in client.markets:
            near = nearest(pair, client.markets)
            hint = f", did you mean {near}" if near else ""
            raise UnknownSymbol(self._name, symbol, f"no pair {pair}{hint}")
        return pair

    def _load(self, client: Any, symbol: str) -> None:
        client.load_markets()
        if not client.markets:
            raise BadAnswer(self._name, symbol, "a list of markets of another shape")

    def _client(self) -> tuple[Any, Heard]:
        if self._made is None:
            # 0.5 s and 80 MB: every exchange there is.
            made = getattr(import_module("ccxt"), self._name)(
                {
                    **({"session": self._session} if self._session is not None else {}),
                    "enableRateLimit": False,
                    "enableLastJsonResponse": True,
                    "options": _OPTIONS[self._name],
                }
            )
            self._made = made, bound(made.session, self._patience)
        return self._made
