"""Alpaca's own clients against the loopback."""

from __future__ import annotations

import subprocess
import sys
import traceback
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from wire.case import QUICK, Bench
from wire.cases.alpaca import (
    ACTIONS_PATH,
    COIN_PATH,
    KEY,
    NOW,
    SECRET,
    SPY,
    START,
    STOCK_PATH,
    bar,
    bars_route,
    build,
    halves,
)
from wire.loopback import Fault, Reply, Request, Stub

from tradeterm.core.errors import BadAnswer, DataError, SourceBusy, SourceDown, SourceRefused, UnknownSymbol
from tradeterm.core.market import AssetClass, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, MINUTE_NS, from_iso, iso
from tradeterm.data.sources.alpaca import Alpaca
from tradeterm.data.sources.wire import Line

if TYPE_CHECKING:
    from pathlib import Path

BTC = Instrument(symbol="BTC/USD", asset_class=AssetClass.CRYPTO, calendar="24/7", lot=0.0001)


@pytest.fixture
def bench(stub: Stub, tmp_path: Path) -> Bench:
    return Bench(stub=stub, patience=QUICK, folder=tmp_path)


def texts(stamps: Any) -> list[str]:
    return [iso(int(ns)) for ns in stamps]


def row(ts: str, *values: float) -> dict[str, Any]:
    return {"t": ts, **dict(zip("ohlcv", values, strict=True)), "n": 1, "vw": values[0]}


def stamps_only(stamps: list[int]) -> list[dict[str, Any]]:
    return [bar(ts, index) for index, ts in enumerate(stamps)]


# Hours of a session, from half hours.


def test_hours_are_joined_from_half_hours_and_begin_with_the_session(bench):
    # The early close of 29 November 2024, 13:00 in New York.
    rows = [
        row("2024-11-29T14:00:00Z", 1.0, 999.0, 0.5, 1.0, 77),  # before the open
        row("2024-11-29T14:30:00Z", 10.0, 12.0, 9.0, 11.0, 100),
        row("2024-11-29T15:00:00Z", 11.0, 15.0, 10.5, 14.0, 50),
        row("2024-11-29T15:30:00Z", 14.0, 14.5, 8.0, 9.0, 30),
        row("2024-11-29T16:00:00Z", 9.0, 9.5, 8.5, 9.25, 20),
        row("2024-11-29T16:30:00Z", 9.25, 9.75, 9.0, 9.5, 10),
        row("2024-11-29T17:00:00Z", 9.5, 10.0, 9.25, 9.75, 11),
        row("2024-11-29T17:30:00Z", 9.75, 10.25, 9.5, 10.0, 12),
        row("2024-11-29T18:00:00Z", 1.0, 999.0, 0.5, 1.0, 77),  # after the close
    ]
    bench.stub.route(STOCK_PATH, bars_route(rows))
    source = build(bench, now_ns=lambda: from_iso("2024-11-30"))
    bars = source.bars(SPY, Timeframe.H1, from_iso("2024-11-29"), from_iso("2024-11-30"))
    assert [at[11:16] for at in texts(bars.ts)] == ["14:30", "15:30", "16:30", "17:30"]
    assert [at[11:16] for at in texts(bars.known_at)] == ["15:30", "16:30", "17:30", "18:00"]
    assert bars.open.tolist() == [10.0, 14.0, 9.25, 9.75]
    assert bars.high.tolist() == [15.0, 14.5, 10.0, 10.25]
    assert bars.low.tolist() == [9.0, 8.0, 9.0, 9.5]
    assert bars.close.tolist() == [14.0, 9.25, 9.75, 10.0]
    assert bars.volume.tolist() == [150.0, 50.0, 21.0, 12.0]
    assert bench.stub.asked(STOCK_PATH)[0].query["timeframe"] == "30Min"


def test_an_hour_whose_second_half_is_still_traded_is_not_given(bench):
    bench.stub.route(STOCK_PATH, bars_route(halves()))
    bars = build(bench).bars(SPY, Timeframe.H1, from_iso("2024-03-15"), from_iso("2024-03-15T15:00Z"))
    assert texts(bars.ts) == ["2024-03-15T13:30:00Z"]


def test_an_hour_of_which_half_was_asked_for_is_not_given(bench):
    bench.stub.route(STOCK_PATH, bars_route(halves()))
    bars = build(bench).bars(SPY, Timeframe.H1, from_iso("2024-03-14T14:00Z"), from_iso("2024-03-14T16:30Z"))
    assert texts(bars.ts) == ["2024-03-14T14:30:00Z", "2024-03-14T15:30:00Z"]


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        ("2024-03-08", "14:30", "21:00"),
        ("2024-03-11", "13:30", "20:00"),
        ("2024-11-01", "13:30", "20:00"),
        ("2024-11-04", "14:30", "21:00"),
    ],
)
def test_sessions_around_a_change_of_clocks_have_seven_hours(bench, day, opens, closes):
    first = from_iso(day)
    bench.stub.route(STOCK_PATH, bars_route(halves(first, first + DAY_NS)))
    source = build(bench, now_ns=lambda: first + 2 * DAY_NS)
    bars = source.bars(SPY, Timeframe.H1, first, first + DAY_NS)
    assert len(bars) == 7
    assert texts(bars.ts)[0] == f"{day}T{opens}:00Z"
    assert texts(bars.known_at)[-1] == f"{day}T{closes}:00Z"
    assert np.diff(bars.known_at).tolist() == [HOUR_NS] * 5 + [HOUR_NS // 2]


# What is asked.


def test_raw_prices_of_the_configured_feed_are_asked_for(bench):
    bench.stub.route(STOCK_PATH, bars_route(halves(), page=10_000))
    source = build(bench, feed="sip")
    source.bars(SPY, Timeframe.M30, START, NOW)
    (asked,) = bench.stub.asked(STOCK_PATH)
    assert asked.query == {
        "symbols": "SPY",
        "timeframe": "30Min",
        "start": "2024-03-04T00:00:00+00:00",
        "end": "2024-03-15T18:10:00+00:00",
        "limit": "10000",
        "adjustment": "raw",
        "feed": "sip",
    }
    assert asked.headers["apca-api-key-id"] == KEY
    assert asked.headers["apca-api-secret-key"] == SECRET
    assert "feed sip" in source.note(SPY)


def test_the_delayed_feed_is_not_asked_for_what_it_has_not_yet(bench):
    bench.stub.route(STOCK_PATH, bars_route(halves(), page=10_000))
    bars = build(bench, feed="delayed_sip").bars(SPY, Timeframe.M30, START, NOW)
    assert bench.stub.asked(STOCK_PATH)[0].query["end"] == "2024-03-15T17:54:00+00:00"
    assert texts(bars.known_at)[-1] == "2024-03-15T17:30:00Z"


@pytest.mark.parametrize(
    ("timeframe", "name"),
    [(Timeframe.M1, "1Min"), (Timeframe.M5, "5Min"), (Timeframe.M15, "15Min"), (Timeframe.DAILY, "1Day")],
)
def test_each_timeframe_has_its_name(bench, timeframe, name):
    bench.stub.route(STOCK_PATH, lambda _: Reply({"bars": {}, "next_page_token": None}))
    with pytest.raises(BadAnswer):
        build(bench).bars(SPY, timeframe, START, NOW)
    assert bench.stub.asked(STOCK_PATH)[0].query["timeframe"] == name


def test_prices_and_volumes_are_those_that_were_sent(bench):
    rows = [row("2024-03-04T14:30:00Z", 511.29, 511.9999, 510.005, 511.3000000000001, 123456789.5)]
    bench.stub.route(STOCK_PATH, bars_route(rows))
    bars = build(bench).bars(SPY, Timeframe.M30, START, from_iso("2024-03-04T15:00Z"))
    values = [bars.open[0], bars.high[0], bars.low[0], bars.close[0], bars.volume[0]]
    assert values == [511.29, 511.9999, 510.005, 511.3000000000001, 123456789.5]


def test_the_service_may_have_another_name_for_a_symbol(bench):
    brk = Instrument(symbol="BRK-B", asset_class=AssetClass.EQUITY, calendar="XNYS")
    bench.stub.route(STOCK_PATH, bars_route(halves(), symbol="BRK.B", page=10_000))
    assert len(build(bench, symbols={"BRK-B": "BRK.B"}).bars(brk, Timeframe.M30, START, NOW)) == 126
    assert bench.stub.asked(STOCK_PATH)[0].query["symbols"] == "BRK.B"


# The range.


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2024-03-13T13:30:00Z", "2024-03-13T14:30:00Z", ["13:30", "14:00"]),
        ("2024-03-13T13:30:00.000001Z", "2024-03-13T14:30:00Z", ["14:00"]),
        ("2024-03-13T13:30:00Z", "2024-03-13T14:29:59.999999Z", ["13:30"]),
        ("2024-03-12T19:30:00Z", "2024-03-13T14:00:00Z", ["19:30", "13:30"]),
        ("2024-03-12T20:00:00Z", "2024-03-13T13:59:00Z", []),
        ("2024-03-09T00:00:00Z", "2024-03-11T13:30:00Z", []),
        ("2024-03-13T14:30:00Z", "2024-03-13T13:30:00Z", []),
    ],
)
def test_a_range_holds_what_opens_from_its_start_on_and_is_known_at_its_end(bench, start, end, expected):
    bench.stub.route(STOCK_PATH, bars_route(halves()))
    bars = build(bench).bars(SPY, Timeframe.M30, from_iso(start), from_iso(end))
    assert [at[11:16] for at in texts(bars.ts)] == expected


@pytest.mark.parametrize("timeframe", [Timeframe.M30, Timeframe.H1])
def test_a_second_call_from_the_last_bar_on_asks_nothing_and_gives_nothing(bench, timeframe):
    bench.stub.route(STOCK_PATH, bars_route(halves()))
    source = build(bench)
    last = int(source.bars(SPY, timeframe, START, NOW).ts[-1])
    asked = len(bench.stub.log)
    assert len(source.bars(SPY, timeframe, last + 1, NOW)) == 0
    assert len(bench.stub.log) == asked


def test_two_calls_give_the_same_hours_as_one(bench):
    bench.stub.route(STOCK_PATH, bars_route(halves()))
    whole = build(bench).bars(SPY, Timeframe.H1, START, NOW)
    cut = from_iso("2024-03-12T15:10Z")
    first = build(bench, now_ns=lambda: cut).bars(SPY, Timeframe.H1, START, NOW)
    second = build(bench).bars(SPY, Timeframe.H1, int(first.ts[-1]) + 1, NOW)
    for name in ("ts", "open", "high", "low", "close", "volume", "known_at"):
        assert np.array_equal(np.concatenate((getattr(first, name), getattr(second, name))), getattr(whole, name))


def test_a_bar_ends_by_the_clock_of_the_service_when_ours_runs_ahead(bench, monkeypatch):
    monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", lambda *_: "Fri, 15 Mar 2024 17:59:58 GMT")
    bench.stub.route(STOCK_PATH, bars_route(halves()))
    assert texts(build(bench).bars(SPY, Timeframe.M30, START, NOW).ts)[-1] == "2024-03-15T17:00:00Z"
    assert texts(build(bench).bars(SPY, Timeframe.H1, START, NOW).ts)[-1] == "2024-03-15T16:30:00Z"


# Pages.


def test_pages_are_followed_by_their_tokens(bench):
    bench.stub.route(STOCK_PATH, bars_route(halves(), page=40))
    bars = build(bench).bars(SPY, Timeframe.M30, START, NOW)
    assert len(bars) == 126
    tokens = [request.query.get("page_token") for request in bench.stub.asked(STOCK_PATH)]
    assert tokens == [None, "40", "80", "120"]


def test_a_page_may_be_empty_and_still_name_the_next(bench):
    rows = halves()

    def answer(request: Request) -> Reply:
        if "page_token" not in request.query:
            return Reply({"bars": {}, "next_page_token": "x"})
        return Reply({"bars": {"SPY": rows}, "next_page_token": None})

    bench.stub.route(STOCK_PATH, answer)
    assert len(build(bench).bars(SPY, Timeframe.M30, START, NOW)) == 126


def test_pages_that_lead_in_a_circle_end(bench):
    rows = halves()[:20]
    bench.stub.route(STOCK_PATH, lambda _: Reply({"bars": {"SPY": rows}, "next_page_token": "again"}))
    with pytest.raises(BadAnswer, match="lead back"):
        build(bench).bars(SPY, Timeframe.M30, START, NOW)
    assert len(bench.stub.asked(STOCK_PATH)) == 2


def test_a_last_page_that_is_left_out_is_refused(bench):
    rows = halves()[:100]
    bench.stub.route(STOCK_PATH, lambda _: Reply({"bars": {"SPY": rows}, "next_page_token": None}))
    with pytest.raises(BadAnswer, match=r"no 30m bars from 2024-03-12.* though the market was open"):
        build(bench).bars(SPY, Timeframe.M30, START, NOW)


def test_a_page_that_is_left_out_in_the_middle_is_refused(bench):
    rows = halves()

    def answer(request: Request) -> Reply:
        first = request.query.get("page_token") is None
        part = rows[:40] if first else rows[80:]
        return Reply({"bars": {"SPY": part}, "next_page_token": "b" if first else None})

    bench.stub.route(STOCK_PATH, answer)
    with pytest.raises(BadAnswer, match="though the market was open"):
        build(bench).bars(SPY, Timeframe.M30, START, NOW)


@pytest.mark.parametrize(("missing", "refused"), [(0, False), (29, False), (30, True)])
def test_minutes_without_a_trade_are_missing_for_less_than_half_an_hour(bench, missing, refused):
    first = from_iso("2024-03-13T13:30Z")
    rows = stamps_only([first + minute * MINUTE_NS for minute in range(120 - missing)])
    bench.stub.route(STOCK_PATH, bars_route(rows))
    source = build(bench)
    if refused:
        with pytest.raises(BadAnswer, match="no 1m bars from"):
            source.bars(SPY, Timeframe.M1, first, first + 120 * MINUTE_NS)
        return
    assert len(source.bars(SPY, Timeframe.M1, first, first + 120 * MINUTE_NS)) == 120 - missing


@pytest.mark.parametrize(
    "answer",
    [
        {"bars": {"QQQ": [bar(START, 0)]}, "next_page_token": None},
        {"bars": [bar(START, 0)], "next_page_token": None},
        {"bars": {"SPY": [[1, 2, 3]]}, "next_page_token": None},
        {"bars": {"SPY": "rows"}, "next_page_token": None},
        {"bars": {"SPY": [{**bar(START, 0), "t": "yesterday"}]}, "next_page_token": None},
        {"bars": {"SPY": [{**bar(START, 0), "t": 1709562600}]}, "next_page_token": None},
        {"bars": {"SPY": [bar(START, 0)]}},
        {"bars": {"SPY": [bar(START, 0)]}, "next_page_token": 7},
        ["bars"],
        "bars",
        7,
    ],
)
def test_an_answer_of_another_shape_is_refused(bench, answer):
    bench.stub.route(STOCK_PATH, lambda _: Reply(f'"{answer}"' if isinstance(answer, str) else answer))
    with pytest.raises(BadAnswer):
        build(bench).bars(SPY, Timeframe.M30, START, NOW)


# Days.


def test_a_day_is_its_session_whatever_the_clocks_do(bench):
    # Stamped with midnight in New York; 10 March is the change of clocks.
    stamps = [f"2024-03-{day:02d}T05:00:00Z" for day in (6, 7, 8)] + [f"2024-03-{day}T04:00:00Z" for day in (11, 12)]
    rows = [row(ts, 10.0 + index, 11.0 + index, 9.0, 10.5, 100) for index, ts in enumerate(stamps)]
    bench.stub.route(STOCK_PATH, bars_route(rows))
    bars = build(bench).bars(SPY, Timeframe.DAILY, from_iso("2024-03-06"), from_iso("2024-03-12T20:00Z"))
    assert texts(bars.ts) == [
        "2024-03-06T14:30:00Z",
        "2024-03-07T14:30:00Z",
        "2024-03-08T14:30:00Z",
        "2024-03-11T13:30:00Z",
        "2024-03-12T13:30:00Z",
    ]
    assert texts(bars.known_at)[-2:] == ["2024-03-11T20:00:00Z", "2024-03-12T20:00:00Z"]
    assert bars.open.tolist() == [10.0, 11.0, 12.0, 13.0, 14.0]


def test_the_day_that_is_still_traded_is_not_given(bench):
    rows = [row("2024-03-12T04:00:00Z", 1, 1, 1, 1, 1), row("2024-03-13T04:00:00Z", 2, 2, 2, 2, 2)]
    bench.stub.route(STOCK_PATH, bars_route(rows))
    bars = build(bench).bars(SPY, Timeframe.DAILY, from_iso("2024-03-12"), from_iso("2024-03-13T19:59Z"))
    assert texts(bars.ts) == ["2024-03-12T13:30:00Z"]


def test_the_day_after_the_last_one_is_asked_for_from_its_midnight_on(bench):
    rows = [row("2024-03-12T04:00:00Z", 1, 1, 1, 1, 1), row("2024-03-13T04:00:00Z", 2, 2, 2, 2, 2)]
    bench.stub.route(STOCK_PATH, bars_route(rows))
    bars = build(bench).bars(SPY, Timeframe.DAILY, from_iso("2024-03-12T13:30Z") + 1, from_iso("2024-03-13T20:00Z"))
    assert texts(bars.ts) == ["2024-03-13T13:30:00Z"]


def test_a_day_whose_session_opens_at_the_start_is_given(bench):
    rows = [row("2024-03-11T04:00:00Z", 1, 1, 1, 1, 1), row("2024-03-12T04:00:00Z", 2, 2, 2, 2, 2)]
    bench.stub.route(STOCK_PATH, bars_route(rows))
    bars = build(bench).bars(SPY, Timeframe.DAILY, from_iso("2024-03-12T13:30Z"), from_iso("2024-03-12T20:00Z"))
    assert texts(bars.ts) == ["2024-03-12T13:30:00Z"]


def test_a_last_day_that_is_left_out_is_refused(bench):
    bench.stub.route(STOCK_PATH, bars_route([row("2024-03-12T04:00:00Z", 1, 1, 1, 1, 1)]))
    with pytest.raises(BadAnswer, match="no daily bars from"):
        build(bench).bars(SPY, Timeframe.DAILY, from_iso("2024-03-12"), from_iso("2024-03-13T20:00Z"))


# Coins.


def coins(bench: Bench, hours: int, **options: Any) -> Alpaca:
    rows = stamps_only([START + hour * HOUR_NS for hour in range(hours)])
    bench.stub.route(COIN_PATH, bars_route(rows, symbol="BTC/USD"))
    return build(bench, **options)


def test_days_of_coins_are_those_of_utc_joined_from_hours(bench):
    source = coins(bench, 24 * 9)
    bars = source.bars(BTC, Timeframe.DAILY, from_iso("2024-03-09"), from_iso("2024-03-12T12:00Z"))
    assert texts(bars.ts) == ["2024-03-09T00:00:00Z", "2024-03-10T00:00:00Z", "2024-03-11T00:00:00Z"]
    assert bars.known_at.tolist() == (bars.ts + DAY_NS).tolist()
    first = bar(0, 24 * 5)
    last = bar(0, 24 * 6 - 1)
    assert (bars.open[0], bars.close[0]) == (first["o"], last["c"])
    assert (bars.low[0], bars.high[0]) == (first["l"], last["h"])
    assert bars.volume[0] == sum(1000 + index for index in range(24 * 5, 24 * 6))
    assert bench.stub.asked(COIN_PATH)[0].query["timeframe"] == "1Hour"


def test_a_day_of_a_coin_that_was_asked_for_from_its_middle_on_is_not_given(bench):
    bars = coins(bench, 100).bars(BTC, Timeframe.DAILY, START + HOUR_NS, START + 2 * DAY_NS)
    assert texts(bars.ts) == ["2024-03-05T00:00:00Z"]


def test_coins_need_no_key(bench):
    rows = stamps_only([START + hour * HOUR_NS for hour in range(5)])
    bench.stub.route(COIN_PATH, bars_route(rows, symbol="BTC/USD"))
    line = Line("alpaca", QUICK, sleep=bench.sleep)
    source = Alpaca(None, None, base_url=bench.stub.url, line=line, now_ns=lambda: START + 5 * HOUR_NS)
    assert len(source.bars(BTC, Timeframe.H1, START, NOW)) == 5
    assert "apca-api-key-id" not in bench.stub.log[0].headers


def test_a_coin_that_the_service_does_not_know_has_no_bars_at_all(bench):
    bench.stub.route(COIN_PATH, lambda _: Reply({"bars": {}, "next_page_token": None}))
    with pytest.raises(UnknownSymbol, match="no bars at all of BTC/USD"):
        build(bench).bars(BTC, Timeframe.H1, 0, NOW)


# Errors.


def test_without_a_key_equities_are_not_asked_for(bench):
    source = Alpaca(None, None, base_url=bench.stub.url, line=Line("alpaca", QUICK), now_ns=lambda: NOW)
    with pytest.raises(SourceRefused, match="set ALPACA_API_KEY and ALPACA_SECRET_KEY"):
        source.bars(SPY, Timeframe.H1, START, NOW)
    with pytest.raises(SourceRefused):
        source.actions(SPY, START, NOW)
    assert not bench.stub.log


@pytest.mark.parametrize(
    ("reply", "expected", "words"),
    [
        (Reply({"message": "unauthorized."}, 401), SourceRefused, "unauthorized"),
        (
            Reply({"message": "subscription does not permit querying recent SIP data"}, 403),
            SourceRefused,
            "use the feed iex or delayed_sip",
        ),
        (Reply({"message": "invalid symbol: SPY"}, 400), UnknownSymbol, "invalid symbol"),
        (Reply({"message": "invalid start"}, 422), BadAnswer, "invalid start"),
        (Reply({"message": "end should not be before start"}, 400), BadAnswer, "HTTP 400"),
        (Reply({"code": 42910000, "message": "rate limit exceeded"}, 429), SourceBusy, "rate limit"),
        (Reply("<html><h1>504 Gateway</h1></html>", 504), SourceDown, "HTTP 504, a page of HTML"),
        (Reply(b"", 302, {"Location": "/login"}), BadAnswer, "HTTP 302"),
        (Reply("<html>login</html>", 302, {"Location": "/login"}), BadAnswer, "HTTP 302"),
        (Reply(b"", 204), BadAnswer, "an empty answer"),
        (Reply("null"), BadAnswer, "an empty answer"),
        (Reply('{"bars": {"SPY": ['), BadAnswer, "no JSON"),
    ],
)
def test_what_the_service_answers_is_a_typed_error_with_its_words(bench, reply, expected, words):
    bench.stub.route(STOCK_PATH, lambda _: reply)
    with pytest.raises(expected, match=words) as caught:
        build(bench).bars(SPY, Timeframe.H1, START, NOW)
    assert type(caught.value) is expected


def test_a_key_that_the_service_repeats_is_in_no_message(bench):
    bench.stub.route(STOCK_PATH, lambda _: Reply({"message": f"key {KEY} with {SECRET} is unknown"}, 401))
    with pytest.raises(SourceRefused) as caught:
        build(bench).bars(SPY, Timeframe.H1, START, NOW)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "key *** with *** is unknown" in shown
    assert KEY not in shown
    assert SECRET not in shown


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.ERROR_503, Fault.STALLED])
def test_the_client_does_not_ask_again_by_itself_nor_wait_for_ever(bench, fault, monkeypatch):
    monkeypatch.setattr("alpaca.common.rest.time.sleep", lambda _: pytest.fail("the client slept"))
    bench.stub.route(STOCK_PATH, bars_route(halves()))
    bench.stub.fail_next(fault, 100)
    with pytest.raises((SourceBusy, SourceDown)):
        build(bench).bars(SPY, Timeframe.H1, START, NOW)
    assert len(bench.stub.log) == QUICK.attempts


@pytest.mark.parametrize("timeframe", [Timeframe.H4, Timeframe.MONTHLY])
def test_bars_that_it_does_not_have_are_named_with_those_that_it_has(bench, timeframe):
    with pytest.raises(DataError, match="it has 1m, 5m, 15m, 30m, 1h, daily of equity and crypto"):
        build(bench).bars(SPY, timeframe, START, NOW)


def test_macro_series_are_not_asked_for(bench):
    vix = Instrument(symbol="VIX", asset_class=AssetClass.MACRO, calendar="XNYS")
    with pytest.raises(DataError, match="of macro"):
        build(bench).bars(vix, Timeframe.DAILY, START, NOW)
    assert not bench.stub.log


# Corporate actions.

AAPL = Instrument(symbol="AAPL", asset_class=AssetClass.EQUITY, calendar="XNYS")
FROM, TO = from_iso("2020-01-01"), from_iso("2021-01-01")


def dividend(identity: str, ex: str, rate: float, **more: Any) -> dict[str, Any]:
    return {"id": identity, "symbol": "AAPL", "ex_date": ex, "rate": rate, "special": False, "foreign": False, **more}


def split(identity: str, ex: str, new: float, old: float) -> dict[str, Any]:
    return {"id": identity, "symbol": "AAPL", "ex_date": ex, "new_rate": new, "old_rate": old}


def actions_of(bench: Bench, *pages: dict[str, Any]) -> Any:
    def answer(request: Request) -> Reply:
        number = int(request.query.get("page_token", "0"))
        token = str(number + 1) if number + 1 < len(pages) else None
        return Reply({"corporate_actions": pages[number], "next_page_token": token})

    bench.stub.route(ACTIONS_PATH, answer)
    return build(bench).actions(AAPL, FROM, TO)


def test_actions_hold_from_the_open_of_their_ex_date(bench):
    found = actions_of(
        bench,
        {"cash_dividends": [dividend("a", "2020-02-07", 0.77), dividend("b", "2020-11-06", 0.205)]},
        {
            "forward_splits": [split("c", "2020-08-31", 4, 1)],
            "reverse_splits": [split("d", "2020-09-14", 1, 8)],
            "stock_dividends": [dividend("e", "2020-10-01", 0.05)],
        },
    )
    assert list(zip(texts(found.ex_ns), found.kind, found.value.tolist(), strict=True)) == [
        ("2020-02-07T14:30:00Z", "dividend", 0.77),
        ("2020-08-31T13:30:00Z", "split", 4.0),
        ("2020-09-14T13:30:00Z", "split", 0.125),
        ("2020-10-01T13:30:00Z", "split", 1.05),
        ("2020-11-06T14:30:00Z", "dividend", 0.205),
    ]


def test_actions_are_looked_for_beyond_the_day_on_which_they_are_booked(bench):
    actions_of(bench, {})
    asked = bench.stub.asked(ACTIONS_PATH)[0].query
    assert asked["symbols"] == "AAPL"
    assert asked["types"] == "forward_split,reverse_split,stock_dividend,cash_dividend"
    assert asked["start"] == "2020-01-01"
    assert datetime.fromisoformat(asked["end"]).replace(tzinfo=UTC) > datetime(2021, 5, 1, tzinfo=UTC)


def test_actions_outside_the_range_are_left_out(bench):
    rows = [dividend(ex, ex, 0.2) for ex in ("2019-12-31", "2020-01-02", "2020-12-31", "2021-01-04")]
    assert [at[:10] for at in texts(actions_of(bench, {"cash_dividends": rows}).ex_ns)] == ["2020-01-02", "2020-12-31"]


def test_an_ex_date_without_a_session_counts_from_the_next_one(bench):
    found = actions_of(bench, {"forward_splits": [split("a", "2020-08-29", 2, 1)]})
    assert texts(found.ex_ns) == ["2020-08-31T13:30:00Z"]


def test_an_action_that_comes_twice_counts_once_and_two_dividends_of_a_day_are_two(bench):
    row_, other = dividend("a", "2020-02-07", 0.5), dividend("b", "2020-02-07", 0.5, special=True)
    found = actions_of(bench, {"cash_dividends": [row_, other]}, {"cash_dividends": [row_]})
    assert found.value.tolist() == [0.5, 0.5]


def test_a_dividend_is_paid_on_what_was_held_before_a_split_of_the_same_day(bench):
    found = actions_of(
        bench,
        {"forward_splits": [split("a", "2020-08-31", 2, 1)], "cash_dividends": [dividend("b", "2020-08-31", 0.3)]},
    )
    assert found.kind == ("dividend", "split")


def test_no_actions_are_an_answer(bench):
    assert len(actions_of(bench, {})) == 0


@pytest.mark.parametrize(
    "page",
    [
        {"forward_splits": [split("a", "2020-08-31", 4, 0)]},
        {"forward_splits": [split("a", "2020-08-31", -4, 1)]},
        {"cash_dividends": [dividend("a", "2020-02-07", float("nan"))]},
        {"cash_dividends": [dividend("a", "soon", 0.7)]},
        {"cash_dividends": [dividend("a", "2020-02-07", "much")]},  # type: ignore[arg-type]  # what is tested
        {"cash_dividends": [dividend("a", "2020-02-07", 0.7, symbol="MSFT")]},
        {"cash_dividends": [{"rate": 0.7}]},
        {"cash_dividends": ["0.7"]},
        {"mergers_of_a_new_kind": []},
        [],
    ],
)
def test_actions_of_another_shape_are_refused(bench, page):
    with pytest.raises(BadAnswer):
        actions_of(bench, page)


def test_coins_have_no_corporate_actions(bench):
    assert len(build(bench).actions(BTC, FROM, TO)) == 0
    assert not bench.stub.log


def test_the_client_is_imported_when_it_is_used_and_not_before():
    code = (
        "import sys; from tradeterm.data.sources.alpaca import Alpaca; Alpaca(None, None);"
        "print([name for name in ('alpaca', 'requests', 'pandas', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("calendar", ["XLON", "XTSE", "24/7"])
def test_an_equity_of_another_country_is_not_taken_for_a_us_one_of_its_name(bench: Bench, calendar: str) -> None:
    abroad = Instrument(symbol="SPY", asset_class=AssetClass.EQUITY, calendar=calendar)
    with pytest.raises(DataError, match=f"alpaca SPY: no equities of {calendar} here; it has those of XNYS and XNAS"):
        build(bench).bars(abroad, Timeframe.H1, START, NOW)
    with pytest.raises(DataError, match="no equities of"):
        build(bench).actions(abroad, START, NOW)
    assert bench.stub.asked() == []
