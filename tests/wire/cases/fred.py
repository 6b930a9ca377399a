"""FRED: a monthly series with three vintages per month on the JSON route, and the same months as a CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr
from wire.case import Case
from wire.loopback import Fault, Reply, Request, Stub

from tradeterm.core.market import AssetClass, Instrument, Timeframe
from tradeterm.core.time import from_iso
from tradeterm.data.publication import PublicationRule
from tradeterm.data.sources.fred import Fred
from tradeterm.data.sources.wire import Line

if TYPE_CHECKING:
    from wire.case import Bench

KEY = "0123456789abcdef0123456789abcdef"
NOW = from_iso("2024-12-01")
JSON_PATH, CSV_PATH = "/fred/series/observations", "/graph/fredgraph.csv"
CFNAI = Instrument(symbol="CFNAI", asset_class=AssetClass.MACRO, calendar="XNYS")
RULES = {"CFNAI": PublicationRule(kind="month_end_lag", lag_days=22, at="08:30")}

# Month m is published in the months m+1 (first), m+2 and m+3 (revised): seven months, 21 rows.
MONTHS = range(1, 8)
ROWS = [
    {
        "realtime_start": f"2024-{month + later:02d}-23",
        "realtime_end": "9999-12-31" if later == 3 else f"2024-{month + later + 1:02d}-22",
        "date": f"2024-{month:02d}-01",
        "value": f"{month / 10 + later / 100:.2f}",
    }
    for month in MONTHS
    for later in (1, 2, 3)
]


def shaken(rows: list[dict[str, str]], fault: Fault | None) -> list[dict[str, str]]:
    """Rows of one series after a fault of the answer."""
    if fault is Fault.NO_ROWS:
        return []
    if fault is Fault.OUT_OF_ORDER:
        return rows[::-1]
    if fault is Fault.REPEATED:
        return [row for row in rows for _ in range(2)]
    if fault is Fault.FUTURE:
        return [*rows, {**rows[-1], "date": "2024-12-02"}]
    if fault is Fault.CHANGED_PAST:
        return [{**rows[0], "value": "9.99"}, *rows[1:]]
    return rows


def observations(request: Request) -> Reply:
    """The JSON route, page by page."""
    if request.fault is Fault.OTHER_SHAPE:
        return Reply({"seriess": [{"id": "CFNAI"}]})
    rows = shaken(ROWS, request.fault)
    offset, limit = int(request.query["offset"]), int(request.query["limit"])
    page = rows[offset : offset + limit]
    return Reply({"count": len(rows), "offset": offset, "limit": limit, "observations": page})


def graph(request: Request) -> Reply:
    """The CSV: of each month its last value."""
    if request.fault is Fault.OTHER_SHAPE:
        return Reply("Date;Close\n2024-01-01;1\n")
    rows = shaken(ROWS[2::3], request.fault)
    lines = ["observation_date,CFNAI", *(f"{row['date']},{row['value']}" for row in rows)]
    return Reply("\n".join(lines) + "\n", headers={"Content-Type": "application/csv"})


def serve_json(stub: Stub) -> None:
    stub.route(JSON_PATH, observations)
    for fault, message in {
        Fault.WRONG_KEY: f"Bad Request.  The value for variable api_key ({KEY}) is not registered.",
        Fault.UNKNOWN_SYMBOL: "Bad Request.  The series does not exist.",
    }.items():
        stub.shape(fault, Reply({"error_code": 400, "error_message": message}, 400))


def build_json(bench: Bench) -> Fred:
    line = Line("fred", bench.patience, sleep=bench.sleep)
    return Fred(
        SecretStr(KEY), RULES, base_url=bench.stub.url + JSON_PATH, line=line, now=lambda: NOW, page_rows=len(ROWS) - 4
    )


def build_csv(bench: Bench) -> Fred:
    line = Line("fred", bench.patience, sleep=bench.sleep)
    return Fred(None, RULES, csv_url=bench.stub.url + CSV_PATH, line=line, now=lambda: NOW)


CASES = [
    Case(
        name="fred",
        data_path=JSON_PATH,
        serve=serve_json,
        build=build_json,
        instrument=CFNAI,
        timeframe=Timeframe.MONTHLY,
        start_ns=0,
        end_ns=NOW,
        rows=len(ROWS),
        secrets=(KEY,),
    ),
    Case(
        name="fred",
        variant="csv",
        data_path=CSV_PATH,
        serve=lambda stub: stub.route(CSV_PATH, graph),
        build=build_csv,
        instrument=CFNAI,
        timeframe=Timeframe.MONTHLY,
        start_ns=0,
        end_ns=NOW,
        rows=len(ROWS) // 3,
        leaves_out={
            Fault.WRONG_KEY: "this route asks for no key",
            Fault.PAGE_CUT: "this route has one page",
        },
    ),
]
