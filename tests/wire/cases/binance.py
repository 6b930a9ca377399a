"""Binance spot: 1500 hours of BTC/USDT on two pages, and the hour that has just begun."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wire.adapters import redirected
from wire.case import Case
from wire.loopback import Fault, Reply, Request, Stub

from tradeterm.core.market import AssetClass, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, from_iso
from tradeterm.data.sources.ccxt import Exchange
from tradeterm.data.sources.wire import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wire.case import Bench

HOST = "api.binance.com"
MARKETS_PATH, PATH = "/api/v3/exchangeInfo", "/api/v3/klines"
MS = 1_000_000
STEPS = {"1h": HOUR_NS, "1d": DAY_NS, "1m": HOUR_NS // 60}
START = from_iso("2024-03-01")
HOURS = 1500
NOW = START + HOURS * HOUR_NS + HOUR_NS // 2
BTC = Instrument(symbol="BTC/USDT", asset_class=AssetClass.CRYPTO, calendar="24/7", lot=0.00001)


def candle(index: int, step: int = HOUR_NS, start: int = START) -> list[Any]:
    """A row as the exchange words it: prices are text."""
    ms = (start + index * step) // MS
    base = 60000 + index
    prices = (f"{base}.01000000", f"{base + 9}.99000000", f"{base - 9}.10000000", f"{base + 1}.07000000")
    return [ms, *prices, f"{index + 1}.12345000", ms + step // MS - 1, "1.0", 7, "0.5", "0.5", "0"]


def market(base: str, quote: str) -> dict[str, Any]:
    """An entry of the list of markets, with the filters that ccxt reads."""
    return {
        "symbol": base + quote,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": quote,
        "isSpotTradingAllowed": True,
        "permissions": ["SPOT"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001000"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
        ],
    }


def shaken(rows: list[list[Any]], request: Request, step: int) -> Any:
    """Rows of one page after a fault of the answer."""
    fault = request.fault
    if fault is Fault.OTHER_SHAPE:
        return {"rows": rows}
    if fault is Fault.NO_ROWS:
        return []
    if fault is Fault.OUT_OF_ORDER:
        return rows[::-1]
    if fault is Fault.REPEATED:
        return [row for row in rows for _ in range(2)]
    if fault is Fault.FUTURE:
        return [*rows[:-1], candle(HOURS + 24, step)]
    if fault is Fault.CHANGED_PAST:
        return [[*row[:4], "60000.00000000", *row[5:]] if row[0] == START // MS else row for row in rows]
    return rows


def serve(stub: Stub, rows: Sequence[list[Any]] | None = None) -> None:
    """Put the exchange on ``stub``."""
    there = [candle(index) for index in range(HOURS + 1)] if rows is None else list(rows)

    def klines(request: Request) -> Reply:
        since, limit = int(request.query["startTime"]), int(request.query["limit"])
        page = [row for row in there if row[0] >= since][: min(limit, 1000)]
        return Reply(shaken(page, request, STEPS[request.query["interval"]]))

    stub.route(PATH, klines)
    stub.route(MARKETS_PATH, lambda _: Reply({"symbols": [market("BTC", "USDT"), market("ETH", "USDT")]}))
    stub.shape(Fault.UNKNOWN_SYMBOL, Reply({"code": -1121, "msg": "Invalid symbol."}, 400))
    stub.shape(Fault.BUSY, Reply({"code": -1003, "msg": "Too much request weight used."}, 418))


def build(bench: Bench) -> Exchange:
    line = Line("binance", bench.patience, sleep=bench.sleep)
    return Exchange("binance", session=redirected({HOST: bench.stub.url}), line=line, now_ns=lambda: NOW)


CASES = [
    Case(
        name="binance",
        data_path=PATH,
        serve=serve,
        build=build,
        instrument=BTC,
        timeframe=Timeframe.H1,
        start_ns=START,
        end_ns=NOW,
        rows=HOURS,
    ),
]
