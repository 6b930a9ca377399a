"""Bars and corporate actions of Alpaca, by its own client, whose retries and endless waits are taken away.

What it gives isn't always what its name says, so some bars are asked for in another length:

- Hours of equities lie on the clock, so that 09:00 mixes what was traded before the open with the first half hour.
  They are joined from half hours and begin where the session does.
- Days of coins began at midnight in Chicago until 2025 and at midnight UTC since. They are joined from hours.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.errors import DataError, UnknownSymbol
from tradeterm.core.market import AssetClass, Bars, Timeframe
from tradeterm.core.time import DAY_NS, MINUTE_NS, from_ns
from tradeterm.data.calendar import same_sessions, sessions
from tradeterm.data.resample import resample_daily
from tradeterm.data.sources.alpaca_line import AlpacaLine, load_client
from tradeterm.data.sources.alpaca_rows import Columns, bar_columns, corporate_actions
from tradeterm.data.sources.answers import checked_bars, no_actions, no_bars
from tradeterm.data.sources.continuity import missing_bars, refuse_hole
from tradeterm.data.sources.session import SKEW_NS
from tradeterm.data.sources.wire import Line, Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pydantic import SecretStr

    from tradeterm.core.market import Actions, Instrument

__all__ = ["NAME", "Alpaca"]

NAME = "alpaca"
_TIMEFRAMES = (Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.M30, Timeframe.H1, Timeframe.DAILY)
_PAGE = 10_000
# Its history of equities begins in 2016, that of coins later.
_FIRST_NS = 16_000 * DAY_NS
_DELAY_NS = {"delayed_sip": 16 * MINUTE_NS}
# The service looks for actions by the day on which they were booked; a dividend is booked when it is paid.
_BOOKED_LATER_NS = 180 * DAY_NS
_ACTIONS = "forward_split,reverse_split,stock_dividend,cash_dividend"


class Alpaca:
    """Source of US equities and coins; one instance serves one thread at a time.

    Parameters
    ----------
    key, secret
        Of an account, paper or live. Equities can't be had without; coins can.
    feed
        Of equities: ``iex`` (one venue, free), ``sip`` (all venues, subscribed) or ``delayed_sip``.
    symbols
        The service's name of a symbol where it isn't ours.
    now_ns
        Now, ns UTC.
    """

    def __init__(
        self,
        key: SecretStr | None,
        secret: SecretStr | None,
        *,
        patience: Patience | None = None,
        base_url: str | None = None,
        feed: str = "iex",
        symbols: Mapping[str, str] | None = None,
        line: Line | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        patience = patience or (line.patience if line is not None else Patience())
        self._feed, self._symbols, self._now_ns = feed, dict(symbols or {}), now_ns
        self._line = AlpacaLine(key, secret, line=line or Line(NAME, patience), patience=patience, base_url=base_url)

    @property
    def name(self) -> str:
        """Name that configuration and metadata use."""
        return NAME

    def note(self, instrument: Instrument) -> str:
        """Say which feed the bars come from: volumes and ranges of feeds differ."""
        if instrument.asset_class is AssetClass.CRYPTO:
            return f"Alpaca coins, {self._theirs(instrument)}"
        return f"Alpaca equities, feed {self._feed}, raw prices; hours are joined from half hours"

    def bars(self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int) -> Bars:
        """Return the bars with ``ts`` at or after ``start_ns`` that are known at ``end_ns``, sorted.

        Raises
        ------
        DataError
            For macro series, equities of other exchanges than New York's, and timeframes that are none of 1m, 5m, 15m,
            30m, 1h, daily.
        SourceError
            When the service refuses, fails, or answers what can't be true.
        """
        if instrument.asset_class is AssetClass.MACRO or timeframe not in _TIMEFRAMES:
            raise DataError(
                f"{NAME} {instrument.symbol}: no {timeframe} bars of {instrument.asset_class} here; "
                f"it has {', '.join(_TIMEFRAMES)} of equity and crypto"
            )
        _refuse_abroad(instrument)
        start = max(start_ns, _FIRST_NS)
        equity = instrument.asset_class is AssetClass.EQUITY
        end = min(end_ns, self._now_ns() - (_DELAY_NS.get(self._feed, 0) if equity else 0))
        if not missing_bars(instrument.calendar, timeframe, start, end):
            # Nothing can have closed since: no need to ask.
            return no_bars()
        if equity and timeframe is Timeframe.H1:
            halves = self._fetched(instrument, Timeframe.M30, start, end)
            return _hours(instrument, halves, start, self._line.until(end))
        if not equity and timeframe is Timeframe.DAILY:
            start = -(-start // DAY_NS) * DAY_NS
            hours = self._fetched(instrument, Timeframe.H1, start, end)
            return resample_daily(hours, instrument.calendar, self._line.until(end))
        return self._fetched(instrument, timeframe, start, end)

    def actions(self, instrument: Instrument, start_ns: int, end_ns: int) -> Actions:
        """Return splits and cash dividends with ``ex_ns`` in [start, end], sorted; coins have none.

        A dividend in shares is a split. What is booked late shows up late: ask again with an earlier start.
        """
        if instrument.asset_class is not AssetClass.EQUITY:
            return no_actions()
        _refuse_abroad(instrument)
        asked = {
            "symbols": self._theirs(instrument),
            "types": _ACTIONS,
            "start": from_ns(max(start_ns, _FIRST_NS)).date().isoformat(),
            "end": from_ns(end_ns + _BOOKED_LATER_NS).date().isoformat(),
            "limit": 1000,
        }
        pages = list(self._line.pages(instrument.symbol, "actions", "/corporate-actions", "corporate_actions", asked))
        return corporate_actions(NAME, instrument, self._theirs(instrument), pages, start_ns=start_ns, end_ns=end_ns)

    def _theirs(self, instrument: Instrument) -> str:
        return self._symbols.get(instrument.symbol, instrument.symbol)

    def _fetched(self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int) -> Bars:
        columns = Columns()
        closed = -1
        for page in self._pages(instrument, timeframe, start_ns, end_ns):
            rows = bar_columns(NAME, instrument, self._theirs(instrument), page)
            part = self._checked(instrument, timeframe, rows, start_ns, end_ns)
            if len(part):
                if closed >= 0:
                    refuse_hole(NAME, instrument, timeframe, closed, int(part.ts[0]))
                closed = max(closed, int(part.known_at[-1]))
            columns.extend(rows)
        end_ns = self._line.until(end_ns)
        found = self._checked(instrument, timeframe, columns, start_ns, end_ns)
        if not len(found) and start_ns <= _FIRST_NS:
            # The service has no word for it: symbols that it doesn't know have no bars.
            raise UnknownSymbol(NAME, instrument.symbol, f"no bars at all of {self._theirs(instrument)}")
        refuse_hole(NAME, instrument, timeframe, int(found.known_at[-1]) if len(found) else start_ns, end_ns)
        return found

    def _pages(self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int) -> Iterator[Any]:
        load_client()
        from alpaca.data.requests import CryptoBarsRequest, StockBarsRequest

        # The service stamps a day with its midnight in New York, which is before its session.
        early = DAY_NS if timeframe is Timeframe.DAILY else 0
        asked: dict[str, Any] = {
            "symbol_or_symbols": self._theirs(instrument),
            "timeframe": _length(timeframe),
            "start": from_ns(start_ns - early + 999),
            "end": from_ns(end_ns),
            "limit": _PAGE,
        }
        if instrument.asset_class is AssetClass.CRYPTO:
            fields = CryptoBarsRequest(**asked).to_request_fields()
            return self._line.pages(instrument.symbol, "crypto", "/crypto/us/bars", "bars", fields)
        fields = StockBarsRequest(**asked, adjustment="raw", feed=self._feed).to_request_fields()
        return self._line.pages(instrument.symbol, "stock", "/stocks/bars", "bars", fields)

    def _checked(self, instrument: Instrument, timeframe: Timeframe, rows: Columns, start_ns: int, end_ns: int) -> Bars:
        return checked_bars(
            NAME,
            instrument,
            timeframe,
            start_ns=start_ns,
            end_ns=end_ns,
            now_ns=self._now_ns() + SKEW_NS,
            ts=rows.ts,
            open=rows.open,
            high=rows.high,
            low=rows.low,
            close=rows.close,
            volume=rows.volume,
            may_be_empty=True,
        )


def _refuse_abroad(instrument: Instrument) -> None:
    """Refuse the equity of another country: the service would take its name for that of a US one."""
    if instrument.asset_class is AssetClass.EQUITY and not same_sessions(instrument.calendar, "XNYS"):
        raise DataError(
            f"{NAME} {instrument.symbol}: no equities of {instrument.calendar} here; it has those of XNYS and XNAS"
        )


def _length(timeframe: Timeframe) -> Any:
    from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

    if timeframe is Timeframe.DAILY:
        return TimeFrame(1, TimeFrameUnit.Day)
    if timeframe is Timeframe.H1:
        return TimeFrame(1, TimeFrameUnit.Hour)
    return TimeFrame(timeframe.step_ns // MINUTE_NS, TimeFrameUnit.Minute)


def _hours(instrument: Instrument, halves: Bars, start_ns: int, end_ns: int) -> Bars:
    """Hours from the open of each session; the last one ends where the session does."""
    days = sessions(instrument.calendar)
    day = np.searchsorted(days.open_ns, halves.ts, side="right") - 1
    step = Timeframe.H1.step_ns
    opens = days.open_ns[day] + (halves.ts - days.open_ns[day]) // step * step
    closes = np.minimum(opens + step, days.close_ns[day])
    kept = (opens >= start_ns) & (closes <= end_ns)
    if not kept.any():
        return no_bars()
    opens, closes = opens[kept], closes[kept]
    first = np.flatnonzero(np.diff(opens, prepend=-1))
    last = np.append(first[1:], len(opens)) - 1
    return Bars(
        ts=opens[first],
        open=halves.open[kept][first],
        high=np.maximum.reduceat(halves.high[kept], first),
        low=np.minimum.reduceat(halves.low[kept], first),
        close=halves.close[kept][last],
        volume=np.add.reduceat(halves.volume[kept], first),
        known_at=closes[first],
    )
