"""Alpaca: half hours of SPY over two weeks with a change of clocks, extended hours among them, in pages of 100."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from wire.case import Case
from wire.loopback import Fault, Reply, Request, Stub

from tradeterm.core.market import AssetClass, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, from_iso, iso
from tradeterm.data.calendar import sessions
from tradeterm.data.sources.alpaca import Alpaca
from tradeterm.data.sources.wire import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wire.case import Bench

KEY, SECRET = "PKCANARYKEY0000000", "canary/secret+0123456789abcdefghijklmnop"
STOCK_PATH, COIN_PATH, ACTIONS_PATH = "/v2/stocks/bars", "/v1beta3/crypto/us/bars", "/v1/corporate-actions"
HALF = HOUR_NS // 2
SPY = Instrument(symbol="SPY", asset_class=AssetClass.EQUITY, calendar="XNYS")
START, NOW = from_iso("2024-03-04"), from_iso("2024-03-15T18:10Z")
PAGE = 100


def bar(ts: int, index: int) -> dict[str, Any]:
    """A row as the service words it."""
    base = 500 + index / 100
    return {
        "t": iso(ts),
        "o": round(base, 2),
        "h": round(base + 1.13, 2),
        "l": round(base - 1.07, 2),
        "c": round(base + 0.21, 2),
        "v": 1000 + index,
        "n": 12,
        "vw": round(base + 0.1, 4),
    }


def halves(start: int = START, until: int = NOW) -> list[dict[str, Any]]:
    """Half hours of each session in the range, with one before and one after it."""
    days = sessions("XNYS")
    stamps = [
        ts
        for opens, closes in zip(days.open_ns, days.close_ns, strict=True)
        if start <= opens < until
        for ts in range(int(opens) - HALF, int(closes) + HALF, HALF)
        if ts <= until
    ]
    return [bar(ts, index) for index, ts in enumerate(stamps)]


def shaken(rows: list[dict[str, Any]], fault: Fault | None) -> list[dict[str, Any]]:
    """Rows of the whole answer after a fault of it."""
    if fault is Fault.NO_ROWS:
        return []
    if fault is Fault.OUT_OF_ORDER:
        return rows[::-1]
    if fault is Fault.REPEATED:
        return [row for row in rows for _ in range(2)]
    if fault is Fault.CHANGED_PAST:
        # The last half hour of an hour: its close is the hour's.
        return [{**row, "c": 499.0} if row["t"] == "2024-03-05T15:00:00Z" else row for row in rows]
    return rows


def bars_route(rows: Sequence[dict[str, Any]], symbol: str = "SPY", page: int = PAGE) -> Any:
    """Answer for bars, page by page; the token is the row that comes next."""

    def answer(request: Request) -> Reply:
        if request.fault is Fault.OTHER_SHAPE:
            return Reply({"bars": {symbol: [{"time": 1, "price": 2}]}, "next_page_token": None})
        start, end = from_iso(request.query["start"]), from_iso(request.query["end"])
        asked = shaken([row for row in rows if start <= from_iso(row["t"]) <= end], request.fault)
        first = int(request.query.get("page_token", "0"))
        token = str(first + page) if first + page < len(asked) else None
        part = asked[first : first + page]
        if request.fault is Fault.FUTURE:
            part.append(bar(NOW + DAY_NS, len(rows)))
        return Reply({"bars": {symbol: part} if part else {}, "next_page_token": token})

    return answer


def serve(stub: Stub) -> None:
    stub.route(STOCK_PATH, bars_route(halves()))
    stub.shape(Fault.WRONG_KEY, Reply({"message": f"forbidden: {KEY} {SECRET}"}, 403))
    stub.shape(Fault.UNKNOWN_SYMBOL, Reply({"message": "invalid symbol: SPY"}, 400))


def build(bench: Bench, **options: Any) -> Alpaca:
    line = Line("alpaca", bench.patience, sleep=bench.sleep)
    key, secret = SecretStr(KEY), SecretStr(SECRET)
    return Alpaca(key, secret, base_url=bench.stub.url, line=line, **{"now_ns": lambda: NOW, **options})


CASES = [
    Case(
        name="alpaca",
        variant=variant,
        data_path=STOCK_PATH,
        serve=serve,
        build=build,
        instrument=SPY,
        timeframe=timeframe,
        start_ns=START,
        end_ns=NOW,
        rows=rows,
        secrets=(KEY, SECRET),
    )
    # Nine whole sessions; in the tenth, the market opened at 13:30 and it is 18:10.
    for variant, timeframe, rows in (("halves", Timeframe.M30, 9 * 13 + 9), ("hours", Timeframe.H1, 9 * 7 + 4))
]
