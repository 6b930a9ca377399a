"""Kraken: its newest 720 hours of BTC/USD under the name BTC/USDT, the last of which has just begun."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wire.adapters import redirected
from wire.case import Case
from wire.loopback import Fault, Reply, Request, Stub

from tradeterm.core.market import AssetClass, Instrument, Timeframe
from tradeterm.core.time import HOUR_NS, SECOND_NS, from_iso
from tradeterm.data.sources.ccxt import Exchange
from tradeterm.data.sources.wire import Line

if TYPE_CHECKING:
    from wire.case import Bench

HOST = "api.kraken.com"
ASSETS_PATH, MARKETS_PATH, PATH = "/0/public/Assets", "/0/public/AssetPairs", "/0/public/OHLC"
START = from_iso("2024-03-01")
ROWS = 720
NOW = START + (ROWS - 1) * HOUR_NS + HOUR_NS // 2
BTC = Instrument(symbol="BTC/USDT", asset_class=AssetClass.CRYPTO, calendar="24/7", lot=0.00001)
SYMBOLS = {"BTC/USDT": "BTC/USD"}


def candle(index: int, step: int = HOUR_NS) -> list[Any]:
    """A row as the exchange words it: seconds, and the average price before the volume."""
    base = 60000 + index
    prices = (f"{base}.1", f"{base + 9}.9", f"{base - 9}.3", f"{base + 1}.7", f"{base}.5")
    return [(START + index * step) // SECOND_NS, *prices, f"{index + 1}.12345678", 42]


PAIR = {
    "altname": "XBTUSD",
    "wsname": "XBT/USD",
    "aclass_base": "currency",
    "base": "XXBT",
    "aclass_quote": "currency",
    "quote": "ZUSD",
    "pair_decimals": 1,
    "lot_decimals": 8,
    "lot_multiplier": 1,
    "leverage_buy": [],
    "leverage_sell": [],
    "fees": [[0, 0.4]],
    "fees_maker": [[0, 0.25]],
    "ordermin": "0.00005",
    "costmin": "0.5",
    "tick_size": "0.1",
    "status": "online",
}
ASSETS = {
    "XXBT": {"aclass": "currency", "altname": "XBT", "decimals": 10, "display_decimals": 5, "status": "enabled"},
    "ZUSD": {"aclass": "currency", "altname": "USD", "decimals": 4, "display_decimals": 2, "status": "enabled"},
}


def shaken(rows: list[list[Any]], fault: Fault | None) -> list[list[Any]]:
    """Rows after a fault of the answer."""
    if fault is Fault.NO_ROWS:
        return []
    if fault is Fault.OUT_OF_ORDER:
        return rows[::-1]
    if fault is Fault.REPEATED:
        return [row for row in rows for _ in range(2)]
    if fault is Fault.FUTURE:
        return [*rows, candle(ROWS + 24)]
    if fault is Fault.CHANGED_PAST:
        return [[*row[:4], "60000.0", *row[5:]] if row[0] == START // SECOND_NS else row for row in rows]
    return rows


def serve(stub: Stub, rows: list[list[Any]] | None = None) -> None:
    """Put the exchange on ``stub``."""
    there = [candle(index) for index in range(ROWS)] if rows is None else rows

    def ohlc(request: Request) -> Reply:
        if request.fault is Fault.OTHER_SHAPE:
            return Reply({"error": [], "result": {"last": 1}})
        since = int(request.query.get("since", "0"))
        newer = [row for row in there if row[0] > since][-720:]
        return Reply({"error": [], "result": {"XXBTZUSD": shaken(newer, request.fault), "last": there[-2][0]}})

    stub.route(PATH, ohlc)
    stub.route(ASSETS_PATH, lambda _: Reply({"error": [], "result": ASSETS}))
    stub.route(MARKETS_PATH, lambda _: Reply({"error": [], "result": {"XXBTZUSD": PAIR}}))
    stub.shape(Fault.WRONG_KEY, Reply({"error": ["EAPI:Invalid key"]}))
    stub.shape(Fault.UNKNOWN_SYMBOL, Reply({"error": ["EQuery:Invalid asset pair"]}))
    stub.shape(Fault.BUSY, Reply({"error": ["EAPI:Rate limit exceeded"]}))
    stub.shape(Fault.ERROR_503, Reply({"error": ["EService:Unavailable"]}))


def build(bench: Bench) -> Exchange:
    line = Line("kraken", bench.patience, sleep=bench.sleep)
    session = redirected({HOST: bench.stub.url})
    return Exchange("kraken", session=session, symbols=SYMBOLS, line=line, now_ns=lambda: NOW)


CASES = [
    Case(
        name="kraken",
        data_path=PATH,
        serve=serve,
        build=build,
        instrument=BTC,
        timeframe=Timeframe.H1,
        start_ns=START,
        end_ns=NOW,
        rows=ROWS - 1,
        leaves_out={Fault.PAGE_CUT: "it has one page"},
    ),
]
