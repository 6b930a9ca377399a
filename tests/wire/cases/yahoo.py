"""Yahoo: hourly bars need two answers (bars, then the splits up to now), daily ones a single one."""

from __future__ import annotations

from datetime import date

from wire.case import COMPLETE, Bench, Case
from wire.loopback import Fault
from wire.yahoo_service import CHART, History, YahooService, drifting, redirected, whole_days

from tradeterm.core.market import AssetClass, Instrument, Timeframe
from tradeterm.core.time import from_iso
from tradeterm.data.sources.wire import Line
from tradeterm.data.sources.yahoo import Yahoo

NOW = from_iso("2024-06-21T21:30Z")
SPLITS = {date(2024, 6, 10): 10.0}
DAYS = whole_days("2024-05-20", "2024-06-21")
SERVICE = YahooService(
    {"NVDA": History(rows=drifting(DAYS, splits=SPLITS), splits=SPLITS, dividends={date(2024, 6, 11): 0.01})}
)
# The library drops a last row behind the range that was asked for.
DROPPED = {Fault.FUTURE: COMPLETE}


def build(bench: Bench) -> Yahoo:
    line = Line("yahoo", bench.patience, sleep=bench.sleep)
    return Yahoo(line=line, session=redirected(bench.stub), now_ns=lambda: NOW)


NVDA = Instrument(symbol="NVDA", asset_class=AssetClass.EQUITY, calendar="XNYS")
HOURLY = Case(
    name="yahoo",
    variant="hourly",
    data_path=CHART,
    serve=SERVICE.serve,
    build=build,
    instrument=NVDA,
    timeframe=Timeframe.H1,
    start_ns=from_iso("2024-06-03"),
    end_ns=from_iso("2024-06-21"),
    # 13 sessions: Juneteenth is none.
    rows=13 * 7,
    overrides=DROPPED,
)
DAILY = Case(
    name="yahoo",
    variant="daily",
    data_path=CHART,
    serve=SERVICE.serve,
    build=build,
    instrument=NVDA,
    timeframe=Timeframe.DAILY,
    start_ns=from_iso("2024-06-03"),
    end_ns=from_iso("2024-06-21"),
    rows=13,
    overrides=DROPPED,
    leaves_out={Fault.PAGE_CUT: "one answer holds the whole history"},
)
CASES = [HOURLY, DAILY]
