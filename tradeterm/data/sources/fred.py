"""Macro series of FRED: with a key every vintage of a monthly series, without one what is published today.

Monthly series are asked for with all their vintages (ALFRED), so that a backtest sees what was known then: each row
is known at its vintage's date, at the series' time of publication. Daily market series are hardly ever revised, and
FRED refuses their vintages (more than 2,000): they are known by their publication rule.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.errors import BadAnswer, DataError, UnknownSymbol
from tradeterm.core.market import Timeframe
from tradeterm.core.time import DAY_NS, iso_date
from tradeterm.data.sources.answers import checked_observations, no_actions
from tradeterm.data.sources.wire import Line, Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import SecretStr

    from tradeterm.core.market import Actions, Bars, Instrument
    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.data.publication import PublicationRule
    from tradeterm.data.sources.fred_client import FredClient

__all__ = ["NAME", "SERIES_IDS", "Fred"]

NAME = "fred"
SERIES_IDS: Mapping[str, str | None] = {"VIX": "VIXCLS", "PMI": None}

_PAGE_ROWS = 100_000
_ALL_VINTAGES = {"realtime_start": "1776-07-04", "realtime_end": "9999-12-31"}
_DATE_HEADERS = ("observation_date", "DATE")
# Releases are put off (a shutdown, a holiday), a series that says nothing for so long has ended.
_LONGEST_SILENCE_NS = 400 * DAY_NS


class Fred:
    """Source of macro series.

    Parameters
    ----------
    key
        Without one the graph's CSV is read, which knows today's vintage alone.
    publication
        Release schedule per symbol; a series without one can't be used, as nobody knows when it was known.
    base_url, csv_url
        The two routes, where they aren't FRED's own.
    ids
        Series id per symbol where they differ, None where FRED has none; put over :data:`SERIES_IDS`.
    line
        The line to ask on, where it isn't to be made from ``patience``.
    now
        Present instant, ns UTC.
    page_rows
        Rows asked for at once; FRED gives at most 100,000.
    """

    def __init__(
        self,
        key: SecretStr | None,
        publication: Mapping[str, PublicationRule],
        *,
        patience: Patience | None = None,
        base_url: str | None = None,
        csv_url: str | None = None,
        ids: Mapping[str, str | None] | None = None,
        line: Line | None = None,
        now: Callable[[], int] = time.time_ns,
        page_rows: int = _PAGE_ROWS,
    ) -> None:
        self._key = key
        self._publication = publication
        self._urls = (base_url, csv_url)
        self._ids = {**SERIES_IDS, **(ids or {})}
        self._line = Line(NAME, patience or Patience()) if line is None else line
        self._now = now
        self._page_rows = page_rows

    @property
    def name(self) -> str:
        """Name that configuration and metadata use."""
        return NAME

    def bars(self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int) -> Bars:
        """Return the values of periods that begin at or after ``start_ns``, as far as known at ``end_ns``.

        A revision concerns a period long past: who wants the revisions of stored periods passes a ``start_ns`` at or
        before the first of them, and merges by (``ts``, ``known_at``); :meth:`start_after` says which. Rows that
        were given before come again with the same bits.

        Raises
        ------
        DataError
            When the series has no publication rule, or another timeframe.
        SourceError
            When FRED refuses, fails, or answers what can't be true.
        """
        rule = self._rule(instrument.symbol, timeframe)
        asked = _Asked(instrument, self._series(instrument.symbol), rule, start_ns)
        with self._client() as client:
            if self._key is None:
                periods, published, values = self._from_csv(client, asked)
            else:
                periods, published, values = self._from_pages(client, asked)
        if not len(values) and end_ns - start_ns > _LONGEST_SILENCE_NS:
            raise BadAnswer(
                NAME,
                instrument.symbol,
                f"no value from {iso_date(start_ns)} to {iso_date(end_ns)}",
                "look whether the series has ended, and name another one in configs/base/universe.yaml",
            )
        return checked_observations(
            NAME,
            instrument,
            start_ns=start_ns,
            end_ns=end_ns,
            now_ns=self._now(),
            ts=periods,
            known_at=published,
            value=values,
        )

    def actions(self, instrument: Instrument, start_ns: int, end_ns: int) -> Actions:
        """Return no corporate actions: series have none."""
        return no_actions()

    def note(self, instrument: Instrument) -> str:
        """Say which vintages the values are: ``alfred`` (all of them, as published) or ``today's``."""
        return "alfred" if self._has_vintages(instrument.symbol) else "today's"

    def start_after(self, instrument: Instrument, last_ns: int) -> int:
        """Return the ``start_ns`` that brings everything new, when the last stored period is ``last_ns``.

        A monthly series may be revised from its first value on (CFNAI is, each month), so it is asked for whole.
        """
        rule = self._publication.get(instrument.symbol)
        return 0 if rule is not None and rule.monthly else last_ns + 1

    def _client(self) -> FredClient:
        # 81 ms, httpx.
        from tradeterm.data.sources.fred_client import CSV_URL, JSON_URL, FredClient

        base_url, csv_url = self._urls
        url = (csv_url or CSV_URL) if self._key is None else (base_url or JSON_URL)
        return FredClient(url, self._key, self._line, self._now)

    def _rule(self, symbol: str, timeframe: Timeframe) -> PublicationRule:
        rule = self._publication.get(symbol)
        if rule is None:
            raise DataError(f"{NAME} {symbol}: no publication rule; add one to universe.publication")
        own = Timeframe.MONTHLY if rule.monthly else Timeframe.DAILY
        if timeframe is not own:
            raise DataError(f"{NAME} {symbol}: no {timeframe} values by its publication rule; it has {own} ones")
        return rule

    def _series(self, symbol: str) -> str:
        series = self._ids.get(symbol, symbol)
        if series is None:
            raise UnknownSymbol(
                NAME,
                symbol,
                "FRED has no such series (any more)",
                "use another series, such as CFNAI or GACDISA066MSFRBNY, or import your own values",
            )
        return series

    def _has_vintages(self, symbol: str) -> bool:
        rule = self._publication.get(symbol)
        return self._key is not None and rule is not None and rule.monthly

    def _from_csv(self, client: FredClient, asked: _Asked) -> tuple[IntArray, IntArray, FloatArray]:
        params = {"id": asked.series} | ({"cosd": iso_date(asked.start_ns)} if asked.start_ns > 0 else {})
        lines = client.text(asked.symbol, params).split()
        header = lines[0].split(",") if lines else []
        if len(header) != 2 or header[0] not in _DATE_HEADERS or header[1].upper() != asked.series.upper():
            raise BadAnswer(NAME, asked.symbol, f"an answer that is no CSV of {asked.series}")
        rows = [line.split(",") for line in lines[1:]]
        if any(len(row) != 2 for row in rows):
            raise BadAnswer(NAME, asked.symbol, "a row of the CSV without date and value")
        periods = asked.days([row[0] for row in rows])
        return periods, asked.rule.known_at(periods), asked.values([row[1] for row in rows])

    def _from_pages(self, client: FredClient, asked: _Asked) -> tuple[IntArray, IntArray, FloatArray]:
        vintages = self._has_vintages(asked.symbol)
        params = {"series_id": asked.series, "file_type": "json", "limit": str(self._page_rows)}
        params |= {"observation_start": iso_date(asked.start_ns)} if asked.start_ns > 0 else {}
        # Always from the first vintage on: FRED cuts realtime_start off at what is asked, and with it known_at.
        params |= _ALL_VINTAGES if vintages else {}
        rows, count = asked.page(client.document(asked.symbol, {**params, "offset": "0"}))
        while len(rows) < count:
            page, now_count = asked.page(client.document(asked.symbol, {**params, "offset": str(len(rows))}))
            if not page or now_count != count:
                raise BadAnswer(NAME, asked.symbol, f"{len(rows)} of {count} values, then {len(page)} of {now_count}")
            rows = rows + page
        if len(rows) != count:
            raise BadAnswer(NAME, asked.symbol, f"{len(rows)} values where {count} were announced")
        periods = asked.days([row["date"] for row in rows])
        values = asked.values([row["value"] for row in rows])
        if not vintages:
            return periods, asked.rule.known_at(periods), values
        dates = asked.days([row["realtime_start"] for row in rows])
        # On the vintage's own date, at the time of day at which the series comes out.
        return periods, replace(asked.rule, kind="session_close").known_at(dates), values


class _Asked:
    """One question, and how the cells of its answer are read."""

    def __init__(self, instrument: Instrument, series: str, rule: PublicationRule, start_ns: int) -> None:
        self.symbol, self.series, self.rule, self.start_ns = instrument.symbol, series, rule, start_ns

    def page(self, document: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
        rows, count = document.get("observations"), document.get("count")
        if not isinstance(rows, list) or not isinstance(count, int):
            raise BadAnswer(NAME, self.symbol, "an answer without observations and their count")
        needed = {"date", "value", "realtime_start"}
        if any(not isinstance(row, dict) or not needed <= row.keys() for row in rows):
            raise BadAnswer(NAME, self.symbol, f"an observation without {', '.join(sorted(needed))}")
        return rows, count

    def days(self, texts: Sequence[Any]) -> IntArray:
        """00:00 UTC of ISO dates."""
        try:
            found = np.array(texts, dtype="datetime64[D]")
        except (TypeError, ValueError):
            raise BadAnswer(NAME, self.symbol, "a date that is none") from None
        if np.isnat(found).any():
            raise BadAnswer(NAME, self.symbol, "a row without its date")
        days: IntArray = found.astype("datetime64[ns]").astype(np.int64)
        return days

    def values(self, texts: Sequence[Any]) -> FloatArray:
        """Numbers; ``.`` and nothing are missing values."""
        try:
            return np.array([np.nan if text in (".", "") else float(text) for text in texts], dtype=np.float64)
        except (TypeError, ValueError):
            raise BadAnswer(NAME, self.symbol, "a value that is no number") from None
