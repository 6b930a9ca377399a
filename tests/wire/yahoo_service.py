"""A Yahoo on the loopback: charts of raw histories, adjusted for every split up to its own now, as the real one's."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

import numpy as np
from curl_cffi import CurlOpt
from curl_cffi.requests import Session
from wire.loopback import Fault, Reply

from tradeterm.core.time import DAY_NS, HOUR_NS, SECOND_NS, date_ns
from tradeterm.data.calendar import expected_opens, sessions

if TYPE_CHECKING:
    from wire.loopback import Request, Stub

CHART = "/v8/finance/chart/"
HOSTS = ("query1.finance.yahoo.com", "query2.finance.yahoo.com", "fc.yahoo.com")
Row = tuple[int, float, float, float, float, float]

UNKNOWN = Reply(
    {"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found, symbol may be delisted"}}},
    404,
)
TOO_OLD = Reply(
    {
        "chart": {
            "result": None,
            "error": {
                "code": "Unprocessable Entity",
                "description": "1h data not available for startTime=1 and endTime=2. "
                "The requested range must be within the last 730 days.",
            },
        }
    },
    422,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What really happened to one instrument.

    rows : raw open, high, low, close, volume by the instant at which the bar opens (ns), per interval
    splits, dividends : ratio, cash paid, by ex-date
    """

    rows: dict[str, list[Row]]
    splits: dict[date, float] = field(default_factory=dict)
    dividends: dict[date, float] = field(default_factory=dict)
    calendar: str = "XNYS"
    zone: str = "America/New_York"
    kind: str = "EQUITY"


@dataclass(slots=True)
class YahooService:
    """Answers chart requests.

    adjusts : the splits that its prices know, if not all that it lists
    until_ns : its own now: no row opens later
    """

    histories: dict[str, History]
    adjusts: set[date] | None = None
    until_ns: int = 2**62

    def serve(self, stub: Stub) -> None:
        stub.route("/", lambda _: Reply("", 404))
        stub.route("/v1/test/getcrumb", lambda _: Reply("a.crumb"))
        stub.route(CHART, self.chart)
        stub.shape(Fault.UNKNOWN_SYMBOL, UNKNOWN)

    def chart(self, request: Request) -> Reply:
        history = self.histories.get(_ticker(request))
        if history is None:
            return UNKNOWN
        if request.fault is Fault.OTHER_SHAPE:
            return Reply({"chart": {"result": [{"meta": {}, "rows": []}], "error": None}})
        interval = request.query["interval"]
        first, last = (int(request.query[name]) * SECOND_NS for name in ("period1", "period2"))
        last = min(last, self.until_ns)
        rows = [self._adjusted(history, row) for row in history.rows[interval] if first <= row[0] < last]
        if request.fault is Fault.NO_ROWS:
            rows = []
        return Reply(
            {"chart": {"result": [self._result(request, history, _harmed(rows, request.fault))], "error": None}}
        )

    def _adjusted(self, history: History, row: Row) -> Row:
        factor = math.prod(
            ratio
            for day, ratio in history.splits.items()
            if ex_ns(history, day) > row[0] and (self.adjusts is None or day in self.adjusts)
        )
        ts, *prices, volume = row
        # Volumes are whole, adjusted ones too.
        units = volume if math.isnan(volume) else float(round(volume * factor))
        return (ts, *(price / factor for price in prices), units)  # type: ignore[return-value]  # five floats

    def _result(self, request: Request, history: History, rows: list[Row]) -> dict[str, Any]:
        columns = [[None if math.isnan(row[at]) else row[at] for row in rows] for at in range(1, 6)]
        names = ("open", "high", "low", "close", "volume")
        quote = dict(zip(names, columns, strict=True)) if rows else {}
        found: dict[str, Any] = {
            "meta": _meta(request, history, rows),
            "indicators": {"quote": [quote]},
            "events": _events(request, history),
        }
        if rows:
            found["timestamp"] = [row[0] // SECOND_NS for row in rows]
        if request.query["interval"] == "1d":
            found["indicators"]["adjclose"] = [{"adjclose": columns[3]}]
        return found


def redirected(stub: Stub) -> Session[Any]:
    """The client's own kind of session: production URLs go to the stub, every other host is refused."""

    class Redirected(Session[Any]):
        def request(self, method: Any, url: str, **options: Any) -> Any:  # type: ignore[override]  # passes all on
            parts = urlsplit(url)
            if parts.hostname not in HOSTS:
                raise ConnectionRefusedError(f"egress denied: {url}")
            return super().request(method, f"{stub.url}{parts.path}", **options)

    # A connection of its own for each request: curl silently repeats one on a kept connection that was reset.
    return Redirected(impersonate="chrome", trust_env=False, curl_options={CurlOpt.FRESH_CONNECT: 1})


def ex_ns(history: History, day: date) -> int:
    days = sessions(history.calendar)
    return int(days.open_ns[np.searchsorted(days.date_ns, date_ns(day))])


def whole_days(first: str, last: str, *, calendar: str = "XNYS") -> list[date]:
    """Dates of the sessions from ``first`` to ``last``, both included."""
    days = sessions(calendar).date_ns
    ends = [date_ns(date.fromisoformat(text)) for text in (first, last)]
    kept = days[(days >= ends[0]) & (days <= ends[1])]
    return [datetime.fromtimestamp(int(day) // SECOND_NS, tz=UTC).date() for day in kept]


def drifting(
    days: list[date], *, splits: dict[date, float] | None = None, calendar: str = "XNYS", start: float = 400.0
) -> dict[str, list[Row]]:
    """Raw daily and hourly rows of a price that drifts a little and falls by each split."""
    splits = splits or {}
    every = sessions(calendar)
    first, last = (int(np.searchsorted(every.date_ns, date_ns(day))) for day in (days[0], days[-1]))
    daily: list[Row] = []
    hourly: list[Row] = []
    price, units = start, 1.0
    for at in range(first, last + 1):
        day = datetime.fromtimestamp(int(every.date_ns[at]) // SECOND_NS, tz=UTC).date()
        price, units = price / splits.get(day, 1.0), units * splits.get(day, 1.0)
        opens = expected_opens(calendar, int(every.open_ns[at]), int(every.close_ns[at]), HOUR_NS)
        bars: list[Row] = []
        for ts in opens.tolist():
            close = price * (1.0 + 0.002 * math.sin(ts / HOUR_NS))
            bars.append((ts, price, max(price, close) * 1.001, min(price, close) * 0.999, close, 1000.0 * units))
            price = close
        hourly.extend(bars)
        high, low = max(bar[2] for bar in bars), min(bar[3] for bar in bars)
        daily.append((bars[0][0], bars[0][1], high, low, bars[-1][4], sum(bar[5] for bar in bars)))
    return {"1h": hourly, "1d": daily}


def _ticker(request: Request) -> str:
    return unquote(request.path.removeprefix(CHART))


def _harmed(rows: list[Row], fault: Fault | None) -> list[Row]:
    if fault is Fault.OUT_OF_ORDER:
        return rows[::-1]
    if fault is Fault.REPEATED:
        return [row for row in rows for _ in range(2)]
    if fault is Fault.FUTURE:
        ts, *values = rows[-1]
        return [*rows, (ts + 3 * DAY_NS, *values)]  # type: ignore[list-item]  # five floats
    if fault is Fault.CHANGED_PAST:
        ts, opens, high, low, close, volume = rows[len(rows) // 2]
        changed = (ts, opens, high, low, (high + low + close) / 3.0, volume)
        return [changed if row[0] == ts else row for row in rows]
    return rows


def _meta(request: Request, history: History, rows: list[Row]) -> dict[str, Any]:
    zone = ZoneInfo(history.zone)
    found: dict[str, Any] = {
        "currency": "USD",
        "symbol": _ticker(request),
        "exchangeTimezoneName": history.zone,
        "instrumentType": history.kind,
        "dataGranularity": request.query["interval"],
        "validRanges": ["1d", "5d", "1mo", "max"],
    }
    if request.query["interval"] != "1d":
        days = sessions(history.calendar)
        held = sorted({int(np.searchsorted(days.open_ns, row[0], side="right")) - 1 for row in rows})
        found["tradingPeriods"] = [
            [
                {
                    "timezone": datetime.fromtimestamp(int(days.open_ns[at]) // SECOND_NS, tz=zone).tzname(),
                    "start": int(days.open_ns[at]) // SECOND_NS,
                    "end": int(days.close_ns[at]) // SECOND_NS,
                    "gmtoffset": 0,
                }
            ]
            for at in held
        ]
    return found


def _events(request: Request, history: History) -> dict[str, Any]:
    first, last = int(request.query["period1"]), int(request.query["period2"])

    def stamped(values: dict[date, float]) -> list[tuple[int, date, float]]:
        stamps = [(ex_ns(history, day) // SECOND_NS, day, value) for day, value in values.items()]
        return [stamp for stamp in stamps if first <= stamp[0] < last]

    def later(day: date) -> float:
        return math.prod(ratio for ex, ratio in history.splits.items() if ex > day)

    return {
        "splits": {
            str(at): {"date": at, "numerator": ratio, "denominator": 1.0, "splitRatio": f"{ratio:g}:1"}
            for at, _, ratio in stamped(history.splits)
        },
        "dividends": {
            str(at): {"date": at, "amount": cash / later(day)} for at, day, cash in stamped(history.dividends)
        },
    }
