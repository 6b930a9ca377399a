"""Yahoo: hourly and daily bars and corporate actions, without a key, through yfinance.

Its prices, volumes and dividends arrive adjusted for every split up to the moment of the answer. They are un-split here
with the splits that it reports, so that what is stored is raw and a later split changes nothing of it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tradeterm.core.errors import BadAnswer, DataError, SourceError
from tradeterm.core.market import Actions, AssetClass, Bars, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, MINUTE_NS, iso, iso_date
from tradeterm.data.calendar import after_break, expected_opens, sessions, stretches
from tradeterm.data.publication import PublicationRule
from tradeterm.data.resample import in_session, source_closes
from tradeterm.data.sources.answers import checked_bars, no_actions, no_bars
from tradeterm.data.sources.unsplit import later_ratio, unadjusted_split, unsplit
from tradeterm.data.sources.wire import Line, Patience
from tradeterm.data.sources.yahoo_client import NAME, Rows, YahooClient, limit_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradeterm.core.market import Instrument
    from tradeterm.core.types import FloatArray, IntArray

__all__ = ["HOURLY_DAYS", "NAME", "SYMBOLS", "Fetched", "Yahoo"]

HOURLY_DAYS = 730
SYMBOLS = {"VIX": "^VIX"}
_VIX = PublicationRule(kind="session_close", at="16:15")
_INTERVALS = {Timeframe.H1: "1h", Timeframe.DAILY: "1d"}
# The service counts the days by its own clock: one that stands at the limit is asked for with room to spare.
_LIMIT_MARGIN_NS = 5 * MINUTE_NS
# Late prints: a bar that closed this second is not whole yet.
_SETTLED_NS = MINUTE_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Bars with what their prices are: ``none``: raw; ``split``: adjusted for splits that couldn't be undone."""

    bars: Bars
    adjustment: Literal["none", "split"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Splits:
    day: IntArray
    ex_ns: IntArray
    ratio: FloatArray


class Yahoo:
    """Source of hourly (last 730 days) and daily bars of US equities and coins, and of daily values of indices.

    Parameters
    ----------
    session
        Of curl_cffi; None makes one that looks like a browser, as the service wants it.
    symbols
        Yahoo's names where they aren't ours, over ``SYMBOLS``: {"BTC/USDT": "BTC-USD", "BRK.B": "BRK-B"}. Without an
        entry ``A/B`` is asked for as ``A-B``.
    publication
        Release schedules of indices; without an entry 16:15 New York of the day, as VIX has it.
    now_ns
        Wall clock, ns UTC.
    """

    def __init__(
        self,
        patience: Patience | None = None,
        line: Line | None = None,
        session: Any = None,
        *,
        symbols: Mapping[str, str] | None = None,
        publication: Mapping[str, PublicationRule] | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        patience = patience or (line.patience if line is not None else Patience())
        self._line = line or Line(NAME, patience)
        self._client = YahooClient(patience, session)
        self._symbols = SYMBOLS | dict(symbols or {})
        self._publication = publication or {}
        self._now_ns = now_ns

    @property
    def name(self) -> str:
        """Name that configuration and metadata use."""
        return NAME

    def earliest_ns(self, instrument: Instrument, timeframe: Timeframe) -> int:
        """First session open from which bars can be had at all, by today's limits."""
        opens = sessions(instrument.calendar).open_ns
        if timeframe is not Timeframe.H1:
            return int(opens[0])
        return int(opens[np.searchsorted(opens, self._hourly_limit(), side="left")])

    def bars(self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int) -> Bars:
        """Return raw bars with ``ts`` at or after ``start_ns`` that are known at ``end_ns``; 0 asks for all there are.

        Raises
        ------
        DataError
            When Yahoo has no bars of that timeframe.
        SourceError
            When hourly bars from more than 730 days ago are asked for; when Yahoo refuses, fails, answers what can't
            be true, or its splits can't be had (:meth:`fetch` gives the adjusted bars then).
        """
        return self._fetched(instrument, timeframe, start_ns, end_ns, marked=False).bars

    def fetch(self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int) -> Fetched:
        """As :meth:`bars`; where the splits can't be had, the bars as they came, marked ``split``."""
        return self._fetched(instrument, timeframe, start_ns, end_ns, marked=True)

    def actions(self, instrument: Instrument, start_ns: int, end_ns: int) -> Actions:
        """Return splits, and dividends as the cash paid then, with ``ex_ns`` in [start, end]; equities alone have any.

        ``ex_ns`` is the session open of the ex-date. On one date a split comes first: its dividend is per new unit.
        """
        end_ns = min(end_ns, self._now_ns())
        days = sessions(instrument.calendar)
        start_ns = max(start_ns, int(days.open_ns[0]))
        if instrument.asset_class is not AssetClass.EQUITY or start_ns > end_ns:
            return no_actions()
        rows = self._daily(instrument, start_ns)
        splits = _splits(instrument, rows)
        paid_ns = _session_opens(instrument, rows.dividend_day)
        cash = rows.dividend * later_ratio(splits.ex_ns, splits.ratio, paid_ns)
        if not (np.isfinite(cash) & (cash > 0)).all():
            raise BadAnswer(NAME, instrument.symbol, "a dividend that is no amount")
        ex_ns = np.concatenate((splits.ex_ns, paid_ns))
        order = np.argsort(ex_ns, kind="stable")
        order = order[(ex_ns[order] >= start_ns) & (ex_ns[order] <= end_ns)]
        return Actions(
            ex_ns=ex_ns[order],
            kind=tuple("split" if row < len(splits.ex_ns) else "dividend" for row in order),
            value=np.concatenate((splits.ratio, cash))[order],
        )

    def _fetched(
        self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int, *, marked: bool
    ) -> Fetched:
        start_ns = self._allowed(instrument, timeframe, start_ns)
        end_ns = min(end_ns, self._now_ns() - _SETTLED_NS)
        if not self._anything_due(instrument, timeframe, start_ns, end_ns):
            return Fetched(bars=no_bars(), adjustment="none")
        hourly = timeframe is Timeframe.H1
        rows = self._hourly(instrument, start_ns, end_ns) if hourly else self._daily(instrument, start_ns)
        bars = self._checked(instrument, timeframe, rows, start_ns, end_ns)
        if instrument.asset_class is not AssetClass.EQUITY:
            return Fetched(bars=bars, adjustment="none")
        try:
            history = self._daily(instrument, start_ns) if hourly else rows
            splits = _splits(instrument, history)
        except SourceError:
            if not marked:
                raise
            return Fetched(bars=bars, adjustment="split")
        _refuse_unadjusted(instrument, history, bars, splits)
        return Fetched(bars=unsplit(bars, splits.ex_ns, splits.ratio), adjustment="none")

    def _allowed(self, instrument: Instrument, timeframe: Timeframe, start_ns: int) -> int:
        """Start that can be asked for; 0 means the first there is."""
        macro = instrument.asset_class is AssetClass.MACRO
        own = (Timeframe.DAILY,) if macro else tuple(_INTERVALS)
        if timeframe not in own:
            raise DataError(f"{NAME} {instrument.symbol}: no {timeframe} bars are taken; ask for {' or '.join(own)}")
        earliest = self.earliest_ns(instrument, timeframe)
        if timeframe is Timeframe.H1 and 0 < start_ns < self._hourly_limit():
            found = f"hourly bars from {iso(start_ns)} were asked; it keeps those of the last {HOURLY_DAYS} days only"
            raise limit_error(instrument.symbol, found, iso_date(earliest))
        if start_ns <= 0:
            return earliest
        if macro:
            # Their values are named by dates: what begins within one is the next one.
            dates = sessions(instrument.calendar).date_ns
            return int(dates[np.searchsorted(dates, start_ns, side="left")])
        return max(start_ns, earliest) if timeframe is Timeframe.DAILY else start_ns

    def _hourly_limit(self) -> int:
        return self._now_ns() - HOURLY_DAYS * DAY_NS + _LIMIT_MARGIN_NS

    def _anything_due(self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int) -> bool:
        """Whether the calendar expects a bar of the range: where it doesn't, nothing is asked."""
        if timeframe is Timeframe.H1:
            opens = expected_opens(instrument.calendar, start_ns, max(start_ns, end_ns), HOUR_NS)
            return bool((source_closes(instrument.calendar, opens, HOUR_NS) <= end_ns).any())
        days = sessions(instrument.calendar)
        last = int(np.searchsorted(days.close_ns, end_ns, side="right"))
        if instrument.asset_class is AssetClass.MACRO:
            dates = days.date_ns[np.searchsorted(days.date_ns, start_ns, side="left") : last]
            return bool((self._rule(instrument).known_at(dates) <= end_ns).any())
        return int(np.searchsorted(days.open_ns, start_ns, side="left")) < last

    def _rule(self, instrument: Instrument) -> PublicationRule:
        return self._publication.get(instrument.symbol, _VIX)

    def _hourly(self, instrument: Instrument, start_ns: int, end_ns: int) -> Rows:
        opens = sessions(instrument.calendar).open_ns
        # From a session's open on, so that an answer without a row is never right.
        first = int(opens[max(0, int(np.searchsorted(opens, start_ns, side="right")) - 1)])
        first = max(first, self._hourly_limit())
        return _aligned(instrument, self._asked(instrument, "1h", first, end_ns + HOUR_NS))

    def _daily(self, instrument: Instrument, start_ns: int) -> Rows:
        """Rows from the session before ``start_ns`` to now: later splits are in the prices of any range."""
        opens = sessions(instrument.calendar).open_ns
        first = max(0, int(np.searchsorted(opens, start_ns, side="right")) - 2)
        start = int(opens[first]) // DAY_NS * DAY_NS
        return self._asked(instrument, "1d", start, (self._now_ns() // DAY_NS + 1) * DAY_NS)

    def _asked(self, instrument: Instrument, interval: str, start_ns: int, end_ns: int) -> Rows:
        symbol = instrument.symbol
        ticker = self._symbols.get(symbol, symbol.replace("/", "-"))
        return self._line.ask(
            symbol,
            lambda: self._client.chart(
                ticker,
                symbol=symbol,
                interval=interval,
                start_ns=start_ns,
                end_ns=end_ns,
                calendar=instrument.calendar,
            ),
        )

    def _checked(self, instrument: Instrument, timeframe: Timeframe, rows: Rows, start_ns: int, end_ns: int) -> Bars:
        macro = instrument.asset_class is AssetClass.MACRO
        return checked_bars(
            NAME,
            instrument,
            timeframe,
            start_ns=start_ns,
            end_ns=end_ns,
            now_ns=self._now_ns(),
            ts=rows.ts,
            open=rows.close if macro else rows.open,
            high=rows.close if macro else rows.high,
            low=rows.close if macro else rows.low,
            close=rows.close,
            # Of coins it counts dollars, not units.
            volume=rows.volume if instrument.asset_class is AssetClass.EQUITY else None,
            rule=self._rule(instrument) if macro else None,
        )


def _session_opens(instrument: Instrument, day: IntArray) -> IntArray:
    """Open of the session of each date, or of the next one where it has none."""
    days = sessions(instrument.calendar)
    found: IntArray = days.open_ns[np.searchsorted(days.date_ns, day, side="left")]
    return found


def _splits(instrument: Instrument, rows: Rows) -> _Splits:
    if not len(rows):
        raise BadAnswer(NAME, instrument.symbol, "no daily bars beside the splits")
    known = np.isfinite(rows.split) & (rows.split > 0)
    if not known.all():
        when = iso_date(int(rows.split_day[~known][0]))
        raise BadAnswer(NAME, instrument.symbol, f"a split of {when} without a ratio")
    return _Splits(day=rows.split_day, ex_ns=_session_opens(instrument, rows.split_day), ratio=rows.split)


def _refuse_unadjusted(instrument: Instrument, history: Rows, bars: Bars, splits: _Splits) -> None:
    """Refuse prices that a listed split isn't in yet, or can't be seen to be in: no bar of its day has come."""
    found = unadjusted_split(history.day, history.open, history.close, splits.day, splits.ratio)
    if found is None:
        found = unadjusted_split(bars.ts, bars.open, bars.close, splits.ex_ns, splits.ratio)
    if found is None and len(splits.day) and splits.day[-1] > history.day[-1]:
        found = len(splits.day) - 1
    if found is not None:
        split = f"{iso_date(int(splits.day[found]))} ({splits.ratio[found]:g} for 1)"
        said = f"the split of {split} is listed, but it can't be seen that prices before it are adjusted"
        raise BadAnswer(NAME, instrument.symbol, said, "run `tradeterm data update` again after that day")


def _aligned(instrument: Instrument, rows: Rows) -> Rows:
    """Rows without the latest quote, which may come as a row of its own time behind the bar that is being made."""
    days, spans = sessions(instrument.calendar), stretches(instrument.calendar)
    ts = after_break(instrument.calendar, rows.ts, HOUR_NS)
    held = np.maximum(np.searchsorted(spans.open_ns, ts, side="right") - 1, 0)
    # After a break hours may be counted from either.
    since = [ts - spans.open_ns[held], ts - days.open_ns[spans.session[held]]]
    stray = in_session(instrument.calendar, ts) & np.all([age % HOUR_NS != 0 for age in since], axis=0)
    if stray[:-1].any():
        when = iso(int(rows.ts[np.argmax(stray)]))
        raise BadAnswer(NAME, instrument.symbol, f"a bar of {when}, which is no whole hour after the session's open")
    return rows.without_last() if stray.any() else rows
