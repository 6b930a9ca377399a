"""Binance and Kraken through ccxt as it is, at production URLs that lead to the loopback."""

from __future__ import annotations

import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire.adapters import redirected
from wire.case import QUICK
from wire.cases import binance, kraken
from wire.loopback import Fault, Reply, Stub

from tradeterm.core.errors import (
    BadAnswer,
    DataError,
    OutOfReach,
    SourceBusy,
    SourceDown,
    SourceRefused,
    UnknownSymbol,
)
from tradeterm.core.market import AssetClass, Bars, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, from_iso, iso
from tradeterm.data.sources.ccxt import Exchange
from tradeterm.data.sources.wire import Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

START = binance.START
BTC = binance.BTC


def exchange(name: Any, stub: Stub, now: int, **options: Any) -> Exchange:
    hosts = {"binance": binance.HOST, "kraken": kraken.HOST}
    line = Line(name, QUICK, sleep=lambda _: None)
    return Exchange(name, session=redirected({hosts[name]: stub.url}), line=line, now_ns=lambda: now, **options)


def hours_of_binance(stub: Stub, count: int, **options: Any) -> Exchange:
    """The exchange with ``count`` finished hours and one that has begun."""
    binance.serve(stub, [binance.candle(index) for index in range(count + 1)])
    return exchange("binance", stub, START + count * HOUR_NS + HOUR_NS // 3, **options)


def at(hour: int) -> int:
    return START + hour * HOUR_NS


def hourly(source: Exchange, start: int, end: int) -> Bars:
    return source.bars(BTC, Timeframe.H1, start, end)


def opens(bars: Bars) -> list[str]:
    return [iso(int(ts)) for ts in bars.ts]


# What comes, comes as it was sent.


def test_prices_and_volumes_of_binance_are_those_that_were_sent(stub):
    bars = hourly(hours_of_binance(stub, 2), at(0), at(2))
    assert bars.open.tolist() == [60000.01, 60001.01]
    assert bars.high.tolist() == [60009.99, 60010.99]
    assert bars.low.tolist() == [59991.1, 59992.1]
    assert bars.close.tolist() == [60001.07, 60002.07]
    assert bars.volume.tolist() == [1.12345, 2.12345]


def test_the_volume_of_kraken_is_not_its_average_price(stub):
    kraken.serve(stub)
    source = exchange("kraken", stub, kraken.NOW, symbols=kraken.SYMBOLS)
    bars = source.bars(BTC, Timeframe.H1, START, START + HOUR_NS)
    row = [bars.open[0], bars.high[0], bars.low[0], bars.close[0], bars.volume[0]]
    assert row == [60000.1, 60009.9, 59991.3, 60001.7, 1.12345678]


@pytest.mark.parametrize("text", ["0.00000001", "123456789.12345678", "0.1", "29999.999999999996", "1e-7"])
def test_a_price_is_the_number_nearest_to_its_text(stub, text):
    row = binance.candle(0)
    row[1:5] = [text] * 4
    binance.serve(stub, [row, binance.candle(1)])
    bars = hourly(exchange("binance", stub, at(1)), at(0), at(1))
    assert bars.open.tolist() == [float(text)]


def test_the_pair_is_asked_for_under_the_name_that_the_exchange_gives_it(stub):
    hourly(hours_of_binance(stub, 3), at(0), at(3))
    asked = stub.asked(binance.PATH)[0].query
    assert asked == {"symbol": "BTCUSDT", "interval": "1h", "limit": "1000", "startTime": str(at(0) // 1_000_000)}


def test_kraken_is_asked_for_the_pair_of_the_configuration(stub):
    kraken.serve(stub)
    source = exchange("kraken", stub, kraken.NOW, symbols={"BTC/USDT": "BTC/USD"})
    source.bars(BTC, Timeframe.H1, at(100), kraken.NOW)
    asked = stub.asked(kraken.PATH)[0].query
    # One hour early: kraken gives what is after the instant.
    assert asked == {"pair": "XXBTZUSD", "interval": "60", "since": str((at(99)) // 1_000_000_000)}
    assert source.note(BTC) == "kraken spot, BTC/USD"


def test_no_other_host_is_asked_and_no_key_is_sent(stub):
    hourly(hours_of_binance(stub, 3), at(0), at(3))
    assert [request.path for request in stub.log] == [binance.MARKETS_PATH, binance.PATH]
    for request in stub.log:
        assert request.headers["host"] == binance.HOST
        assert not {"x-mbx-apikey", "authorization", "cookie"} & set(request.headers)


# The range: start inclusive, known at the end.


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (at(2), at(5), [2, 3, 4]),
        (at(2) + 1, at(5), [3, 4]),
        (at(2) - 1, at(5), [2, 3, 4]),
        (at(2), at(5) - 1, [2, 3]),
        (at(2), at(5) + 1, [2, 3, 4]),
        (at(2), at(2), []),
        (at(2), at(3) - 1, []),
        (at(2), at(3), [2]),
        (at(5), at(2), []),
    ],
)
def test_a_range_holds_what_opens_from_its_start_on_and_is_known_at_its_end(stub, start, end, expected):
    bars = hourly(hours_of_binance(stub, 10), start, end)
    assert bars.ts.tolist() == [at(hour) for hour in expected]
    assert bars.known_at.tolist() == [at(hour + 1) for hour in expected]


def test_the_unfinished_candle_is_never_given(stub):
    bars = hourly(hours_of_binance(stub, 10), at(0), at(100))
    assert bars.ts[-1] == at(9)
    assert bars.known_at[-1] == at(10)


def test_a_candle_ends_by_the_clock_of_the_exchange_when_ours_runs_ahead(stub, monkeypatch):
    monkeypatch.setattr(
        BaseHTTPRequestHandler, "date_time_string", lambda *_: "Fri, 01 Mar 2024 04:59:59 GMT", raising=True
    )
    binance.serve(stub, [binance.candle(index) for index in range(5)])
    ahead = exchange("binance", stub, from_iso("2024-03-01T05:00:20Z"))
    assert opens(hourly(ahead, at(0), at(5)))[-1] == "2024-03-01T03:00:00Z"


def test_a_candle_that_has_begun_at_the_exchange_and_not_yet_here_is_no_error(stub):
    binance.serve(stub, [binance.candle(index) for index in range(5)])
    behind = exchange("binance", stub, at(4) - 2_000_000_000)
    assert hourly(behind, at(0), at(4)).ts.tolist() == [at(0), at(1), at(2)]


def test_a_second_call_from_the_last_bar_on_asks_nothing_and_gives_nothing(stub):
    source = hours_of_binance(stub, 10)
    last = int(hourly(source, 0, at(11)).ts[-1])
    asked = len(stub.log)
    assert len(hourly(source, last + 1, at(11))) == 0
    assert len(stub.log) == asked


def test_an_hour_later_there_is_one_bar_more(stub):
    first = hourly(hours_of_binance(stub, 10), 0, at(10))
    second = hourly(hours_of_binance(stub, 11), int(first.ts[-1]) + 1, at(11))
    assert second.ts.tolist() == [at(10)]


@pytest.fixture(scope="module")
def long_history() -> Iterator[Exchange]:
    with Stub() as service:
        yield hours_of_binance(service, 2300)


@given(st.integers(-5, 2310), st.integers(0, 2310), st.integers(-1, 1), st.integers(-1, 1))
def test_any_range_is_the_filter_of_all_bars(long_history, first, count, early, late):
    start, end = at(first) + early, at(first + count) + late
    bars = hourly(long_history, start, end)
    expected = [at(hour) for hour in range(2300) if at(hour) >= start and at(hour + 1) <= end]
    assert bars.ts.tolist() == expected


# Pages.


def test_a_long_history_is_asked_for_in_pages_each_from_the_bar_after_the_last(stub):
    bars = hourly(hours_of_binance(stub, 2300), at(0), at(2300))
    assert bars.ts.tolist() == [at(hour) for hour in range(2300)]
    starts = [int(request.query["startTime"]) * 1_000_000 for request in stub.asked(binance.PATH)]
    assert starts == [at(0), at(1000), at(2000)]


def test_a_full_page_up_to_the_end_is_the_last_one(stub):
    assert len(hourly(hours_of_binance(stub, 2000), at(0), at(1000))) == 1000
    assert len(stub.asked(binance.PATH)) == 1


def test_all_that_there_is_begins_where_the_exchange_does(stub):
    bars = hourly(hours_of_binance(stub, 1100), 0, at(1100))
    assert (len(bars), bars.ts[0]) == (1100, at(0))


@pytest.mark.parametrize("cut", [400, 999])
def test_a_page_that_ends_early_in_the_middle_of_the_range_is_refused(stub, cut):
    rows = [binance.candle(index) for index in range(2001)]

    def klines(request: Any) -> Reply:
        since = int(request.query["startTime"])
        page = [row for row in rows if row[0] >= since][:1000]
        return Reply(page[:cut] if since == at(1000) // 1_000_000 else page)

    binance.serve(stub)
    stub.route(binance.PATH, klines)
    with pytest.raises(BadAnswer, match="1h bars end at"):
        hourly(exchange("binance", stub, at(2000)), at(0), at(2000))


def test_bars_that_end_before_the_end_of_the_range_are_refused_and_not_taken_for_all(stub):
    binance.serve(stub, [binance.candle(index) for index in range(8)])
    with pytest.raises(BadAnswer, match="end at 2024-03-01T08:00:00Z, asked until 2024-03-01T10:00:00Z"):
        hourly(exchange("binance", stub, at(10)), at(0), at(10))


def test_hours_in_which_the_exchange_was_closed_are_no_bars_and_no_error(stub):
    closed = {5, 6, 1200}
    binance.serve(stub, [binance.candle(index) for index in range(1501) if index not in closed])
    bars = hourly(exchange("binance", stub, at(1500)), at(0), at(1500))
    assert bars.ts.tolist() == [at(hour) for hour in range(1500) if hour not in closed]


def test_a_candle_at_an_odd_time_is_refused(stub):
    rows = [binance.candle(0), binance.candle(1)]
    rows[1][0] += 60_000
    binance.serve(stub, rows)
    with pytest.raises(BadAnswer, match="no time for a 1h bar"):
        hourly(exchange("binance", stub, at(2)), at(0), at(2))


@pytest.mark.parametrize("cell", [None, "", "abc", "nan", "-1", "0"])
def test_a_price_that_is_none_is_refused(stub, cell):
    row = binance.candle(0)
    row[2] = cell
    binance.serve(stub, [row, binance.candle(1)])
    with pytest.raises(BadAnswer, match="high"):
        hourly(exchange("binance", stub, at(1)), at(0), at(1))


# Kraken's newest 720.


def krakens(stub: Stub) -> Exchange:
    """The exchange with its newest 720 hours, the first of which is hour 80."""
    kraken.serve(stub, [kraken.candle(index) for index in range(800)])
    return exchange("kraken", stub, at(799) + HOUR_NS // 2, symbols=kraken.SYMBOLS)


def test_kraken_says_that_older_bars_are_out_of_reach(stub):
    with pytest.raises(OutOfReach) as caught:
        hourly(krakens(stub), at(79), at(799))
    assert "no 1h bars before 2024-03-04T08:00:00Z, asked from 2024-03-04T07:00:00Z" in str(caught.value)
    assert "data import" in str(caught.value)


def test_kraken_gives_what_is_within_its_reach(stub):
    assert hourly(krakens(stub), at(80), at(799)).ts.tolist() == [at(hour) for hour in range(80, 799)]


def test_all_that_kraken_has_are_its_newest_bars(stub):
    bars = hourly(krakens(stub), 0, at(799))
    assert bars.ts.tolist() == [at(hour) for hour in range(80, 799)]
    assert "since" not in stub.asked(kraken.PATH)[0].query


def test_kraken_whose_bars_end_early_is_refused(stub):
    kraken.serve(stub, [kraken.candle(index) for index in range(100)])
    source = exchange("kraken", stub, at(110), symbols=kraken.SYMBOLS)
    with pytest.raises(BadAnswer, match="end at"):
        hourly(source, at(50), at(110))


# Days.


def daily_rows(days: Sequence[int]) -> list[list[Any]]:
    return [binance.candle(day, DAY_NS) for day in days]


def test_days_are_those_of_utc_and_known_at_the_next_midnight(stub):
    binance.serve(stub, daily_rows(range(32)))
    source = exchange("binance", stub, START + 31 * DAY_NS + HOUR_NS)
    bars = source.bars(BTC, Timeframe.DAILY, from_iso("2024-03-09"), from_iso("2024-03-12"))
    assert opens(bars) == ["2024-03-09T00:00:00Z", "2024-03-10T00:00:00Z", "2024-03-11T00:00:00Z"]
    assert [iso(int(ns)) for ns in bars.known_at] == [
        "2024-03-10T00:00:00Z",
        "2024-03-11T00:00:00Z",
        "2024-03-12T00:00:00Z",
    ]
    assert stub.asked(binance.PATH)[0].query["interval"] == "1d"


@pytest.mark.parametrize("day", ["2024-03-10", "2024-03-31", "2024-11-03"])
def test_a_coin_knows_no_daylight_saving(stub, day):
    first = from_iso(day)
    binance.serve(stub, [binance.candle(index, start=first) for index in range(30)])
    bars = hourly(exchange("binance", stub, first + 30 * HOUR_NS), first, first + DAY_NS)
    assert np.diff(bars.known_at).tolist() == [HOUR_NS] * 23
    assert bars.known_at[-1] == first + DAY_NS


def test_minutes_come_too(stub):
    minute = HOUR_NS // 60
    binance.serve(stub, [binance.candle(index, minute) for index in range(20)])
    bars = exchange("binance", stub, START + 19 * minute).bars(BTC, Timeframe.M1, START, START + 10 * minute)
    assert np.array_equal(bars.known_at, START + minute * np.arange(1, 11))


# Markets.


def test_markets_are_asked_for_once(stub):
    source = hours_of_binance(stub, 10)
    for start in (at(0), at(3), at(5)):
        hourly(source, start, at(10))
    eth = Instrument(symbol="ETH/USDT", asset_class=AssetClass.CRYPTO, calendar="24/7")
    source.bars(eth, Timeframe.H1, at(0), at(10))
    assert len(stub.asked(binance.MARKETS_PATH)) == 1


def test_a_pair_that_is_not_listed_is_unknown_and_the_nearest_is_named(stub):
    doge = Instrument(symbol="BTC/USDC", asset_class=AssetClass.CRYPTO, calendar="24/7")
    with pytest.raises(UnknownSymbol, match="no pair BTC/USDC, did you mean BTC/USDT"):
        hours_of_binance(stub, 3).bars(doge, Timeframe.H1, at(0), at(3))
    assert not stub.asked(binance.PATH)


@pytest.mark.parametrize("fault", [Fault.HTML, Fault.EMPTY, Fault.TRUNCATED])
@pytest.mark.parametrize("name", ["binance", "kraken"])
def test_a_list_of_markets_that_is_none_is_a_bad_answer_and_asked_for_again(stub, name, fault):
    source = hours_of_binance(stub, 700) if name == "binance" else krakens(stub)
    path = {"binance": binance.MARKETS_PATH, "kraken": kraken.MARKETS_PATH}[name]
    stub.fail_next(fault, 1, path=path)
    with pytest.raises(BadAnswer):
        hourly(source, at(600), at(700))
    assert len(hourly(source, at(600), at(700))) == 100


def test_a_list_of_markets_that_does_not_come_is_waited_for(stub):
    source = hours_of_binance(stub, 3)
    stub.fail_next(Fault.RESET, 2, path=binance.MARKETS_PATH)
    assert len(hourly(source, at(0), at(3))) == 3


# Errors, read as in production.


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply({"code": -1008, "msg": "Server is currently overloaded."}, 503), SourceDown),
        (Reply({"code": -1004, "msg": "Server is busy, please wait and try again."}, 400), SourceDown),
        (Reply({"code": -1003, "msg": "Too many requests."}, 429), SourceBusy),
        (Reply({"code": -1003, "msg": "Banned until tomorrow."}, 418), SourceBusy),
        (Reply({"code": -1100, "msg": "Illegal characters found in a parameter."}, 400), BadAnswer),
        (Reply("<html>Request blocked</html>", 403, {"Content-Type": "text/html"}), SourceRefused),
        (Reply({"code": 0, "msg": "Service unavailable from a restricted location."}, 451), SourceRefused),
        (
            Reply("<html>Moved</html>", 302, {"Location": "https://example.com/", "Content-Type": "text/html"}),
            BadAnswer,
        ),
        (Reply("<html>Bad Gateway</html>", 502, {"Content-Type": "text/html"}), SourceDown),
        (Reply("[[1,2", 200), BadAnswer),
        (Reply("null", 200), BadAnswer),
        (Reply([1, 2, 3]), BadAnswer),
        (Reply([{"openTime": 1}]), BadAnswer),
        (Reply([["x", "1", "1", "1", "1", "1", 0]]), BadAnswer),
    ],
)
def test_what_binance_answers_is_read_as_in_production(stub, reply, expected):
    source = hours_of_binance(stub, 3)
    stub.route(binance.PATH, lambda _: reply)
    with pytest.raises(expected) as caught:
        hourly(source, at(0), at(3))
    assert type(caught.value) is expected
    assert "http" not in str(caught.value)
    assert "<" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("EService:Busy", SourceDown),
        ("EService:Market in cancel_only mode", SourceDown),
        ("EGeneral:Internal error", SourceDown),
        ("EGeneral:Temporary lockout", SourceBusy),
        ("EGeneral:Too many requests", SourceBusy),
        ("EGeneral:Permission denied", SourceRefused),
        ("EGeneral:Invalid arguments", BadAnswer),
        ("EQuery:Unknown asset pair", BadAnswer),
        ("EQuery:Unknown asset", UnknownSymbol),
    ],
)
def test_what_kraken_says_with_http_200_is_an_error(stub, said, expected):
    source = krakens(stub)
    stub.route(kraken.PATH, lambda _: Reply({"error": [said]}))
    with pytest.raises(expected, match=said) as caught:
        hourly(source, at(80), at(799))
    assert type(caught.value) is expected


def test_a_redirect_is_not_followed(stub):
    source = hours_of_binance(stub, 3)
    stub.route(binance.PATH, lambda _: Reply(b"", 302, {"Location": f"https://{binance.HOST}{binance.MARKETS_PATH}"}))
    with pytest.raises(BadAnswer):
        hourly(source, at(0), at(3))
    assert len(stub.asked(binance.MARKETS_PATH)) == 1


def test_another_host_is_not_reached(stub):
    line = Line("binance", QUICK, sleep=lambda _: None)
    source = Exchange("binance", session=redirected({}), line=line, now_ns=lambda: at(3))
    with pytest.raises(SourceDown, match="the connection failed"):
        hourly(source, at(0), at(3))


# What it doesn't have.


@pytest.mark.parametrize("timeframe", [Timeframe.H4, Timeframe.MONTHLY])
def test_bars_that_it_does_not_have_are_named_with_those_that_it_has(stub, timeframe):
    with pytest.raises(DataError, match=r"no .* bars of crypto here; it has 1m, 5m, 15m, 30m, 1h, daily of crypto"):
        hours_of_binance(stub, 3).bars(BTC, timeframe, at(0), at(3))


def test_a_share_is_not_asked_for(stub):
    spy = Instrument(symbol="SPY", asset_class=AssetClass.EQUITY, calendar="XNYS")
    with pytest.raises(DataError, match="of equity"):
        hours_of_binance(stub, 3).bars(spy, Timeframe.H1, at(0), at(3))
    assert not stub.log


def test_coins_have_no_corporate_actions(stub):
    assert len(hours_of_binance(stub, 3).actions(BTC, at(0), at(3))) == 0
    assert not stub.log


def test_the_client_is_imported_when_it_is_used_and_not_before():
    code = (
        "import sys; from tradeterm.data.sources.ccxt import Exchange; Exchange('binance');"
        "print([name for name in ('ccxt', 'requests', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
