"""Yahoo, through the unmodified client: raw prices whatever it adjusts, whole bars or an error."""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire.case import QUICK
from wire.loopback import Fault, Reply, Stub
from wire.proxy import Authority, ConnectProxy
from wire.yahoo_service import (
    CHART,
    HOSTS,
    TOO_OLD,
    History,
    Row,
    YahooService,
    drifting,
    redirected,
    whole_days,
)
from yfinance.data import SingletonMeta

from tradeterm.core.errors import BadAnswer, DataError, SourceDown, SourceError, SourceRefused, UnknownSymbol
from tradeterm.core.market import AssetClass, Bars, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, date_ns, from_iso, iso
from tradeterm.data.publication import PublicationRule
from tradeterm.data.sources.wire import Line
from tradeterm.data.sources.yahoo import Yahoo

if TYPE_CHECKING:
    from wire.loopback import Request


@pytest.fixture(autouse=True)
def _fresh_client() -> None:
    """The library keeps one session, cookie and crumb per process: each test begins without."""
    SingletonMeta._instances.clear()


AAPL = Instrument(symbol="AAPL", asset_class=AssetClass.EQUITY, calendar="XNYS")
BITCOIN = Instrument(symbol="BTC/USDT", asset_class=AssetClass.CRYPTO, calendar="24/7")
VIX = Instrument(symbol="VIX", asset_class=AssetClass.MACRO, calendar="XNYS")
H1, DAILY = Timeframe.H1, Timeframe.DAILY


def yahoo(stub: Stub, now: str, **options: Any) -> Yahoo:
    """Yahoo on the stub at an instant, without waits."""
    line = Line("yahoo", QUICK, sleep=lambda _: None)
    return Yahoo(line=line, session=redirected(stub), now_ns=lambda: from_iso(now), **options)


def asked(source: Yahoo, instrument: Instrument, timeframe: Timeframe, start: str, end: str) -> Bars:
    return source.bars(instrument, timeframe, from_iso(start), from_iso(end))


def printed(
    stub: Stub, opens: list[str], closes: list[float], volumes: list[float], *, splits: Any = (), dividends: Any = ()
) -> None:
    """Serve a daily chart as it stands here, word for word: nothing of it is computed."""
    stamps = [from_iso(text) // SECOND_NS for text in opens]
    events = {
        "splits": {
            str(at): {"date": from_iso(at) // SECOND_NS, "numerator": new, "denominator": old}
            for at, new, old in splits
        },
        "dividends": {str(at): {"date": from_iso(at) // SECOND_NS, "amount": cash} for at, cash in dividends},
    }
    result = {
        "meta": {
            "currency": "USD",
            "exchangeTimezoneName": "America/New_York",
            "instrumentType": "EQUITY",
            "validRanges": [],
        },
        "timestamp": stamps,
        "events": events,
        "indicators": {
            "quote": [{"open": closes, "high": closes, "low": closes, "close": closes, "volume": volumes}],
            "adjclose": [{"adjclose": closes}],
        },
    }
    stub.route(CHART, lambda _: Reply({"chart": {"result": [result], "error": None}}))


def apple_of_2020(stub: Stub) -> None:
    printed(
        stub,
        ["2020-08-28T13:30Z", "2020-08-31T13:30Z", "2020-09-01T13:30Z"],
        [124.8075, 129.04, 134.18],
        [187_630_000, 225_702_700, 151_948_100],
        splits=[("2020-08-31T13:30Z", 4, 1)],
        dividends=[("2020-08-28T13:30Z", 0.205), ("2020-09-01T13:30Z", 0.205)],
    )


def test_bars_before_a_split_are_what_was_quoted_then(stub: Stub) -> None:
    apple_of_2020(stub)
    bars = asked(yahoo(stub, "2020-09-02T00:00Z"), AAPL, DAILY, "2020-08-28", "2020-09-02")
    # 28 August 2020: 499.23 and 46.9 million shares on the tape; the session after it is the first of the new shares.
    assert bars.close.tolist() == pytest.approx([499.23, 129.04, 134.18], rel=1e-12)
    assert bars.high.tolist() == pytest.approx([499.23, 129.04, 134.18], rel=1e-12)
    assert bars.volume.tolist() == [46_907_500, 225_702_700, 151_948_100]
    assert [iso(at) for at in bars.ts.tolist()] == [
        "2020-08-28T13:30:00Z",
        "2020-08-31T13:30:00Z",
        "2020-09-01T13:30:00Z",
    ]
    assert [iso(at) for at in bars.known_at.tolist()] == [
        "2020-08-28T20:00:00Z",
        "2020-08-31T20:00:00Z",
        "2020-09-01T20:00:00Z",
    ]


def test_dividends_are_the_cash_that_was_paid_then(stub: Stub) -> None:
    apple_of_2020(stub)
    actions = yahoo(stub, "2020-09-02T00:00Z").actions(AAPL, from_iso("2020-08-28"), from_iso("2020-09-02"))
    assert actions.kind == ("dividend", "split", "dividend")
    assert actions.value.tolist() == pytest.approx([0.82, 4.0, 0.205], rel=1e-12)
    assert [iso(at) for at in actions.ex_ns.tolist()] == [
        "2020-08-28T13:30:00Z",
        "2020-08-31T13:30:00Z",
        "2020-09-01T13:30:00Z",
    ]


def test_two_splits_multiply_before_the_first_of_them(stub: Stub) -> None:
    printed(
        stub,
        ["2014-06-06T13:30Z", "2014-06-09T13:30Z", "2020-08-28T13:30Z", "2020-08-31T13:30Z"],
        [23.05607, 23.425, 124.8075, 129.04],
        [349_938_400, 301_660_000, 187_630_000, 225_702_700],
        splits=[("2014-06-09T13:30Z", 7, 1), ("2020-08-31T13:30Z", 4, 1)],
        dividends=[("2014-06-06T13:30Z", 0.1175), ("2014-06-09T13:30Z", 0.1175), ("2020-08-28T13:30Z", 0.205)],
    )
    source = yahoo(stub, "2020-09-01T00:00Z")
    bars = asked(source, AAPL, DAILY, "2014-06-06", "2020-09-01")
    # 645.57 was the last close of the old shares, 93.70 the first of those that were split 7 for 1.
    assert bars.close.tolist() == pytest.approx([645.56996, 93.70, 499.23, 129.04], rel=1e-9)
    assert bars.volume.tolist() == pytest.approx([349_938_400 / 28, 301_660_000 / 4, 46_907_500, 225_702_700])
    actions = source.actions(AAPL, from_iso("2014-06-01"), from_iso("2020-08-30"))
    assert actions.kind == ("dividend", "split", "dividend", "dividend")
    assert actions.value.tolist() == pytest.approx([3.29, 7.0, 0.47, 0.82], rel=1e-9)


def test_an_answer_for_the_past_is_unsplit_by_what_came_after_it(stub: Stub) -> None:
    apple_of_2020(stub)
    bars = asked(yahoo(stub, "2020-09-02T00:00Z"), AAPL, DAILY, "2020-08-28", "2020-08-29")
    assert bars.close.tolist() == pytest.approx([499.23], rel=1e-12)


def test_from_the_beginning_means_all_that_there_is(stub: Stub) -> None:
    apple_of_2020(stub)
    bars = yahoo(stub, "2020-09-02T00:00Z").bars(AAPL, DAILY, 0, from_iso("2020-09-02"))
    assert bars.close.tolist() == pytest.approx([499.23, 129.04, 134.18], rel=1e-12)
    assert int(stub.asked(CHART)[-1].query["period1"]) <= from_iso("1970-01-02T14:30Z") // SECOND_NS


def test_a_reverse_split_lowers_what_was_before_it(stub: Stub) -> None:
    printed(
        stub,
        ["2024-03-07T14:30Z", "2024-03-08T14:30Z"],
        [20.0, 21.0],
        [100.0, 110.0],
        splits=[("2024-03-08T14:30Z", 1, 10)],
    )
    bars = asked(yahoo(stub, "2024-03-09T00:00Z"), AAPL, DAILY, "2024-03-07", "2024-03-09")
    assert bars.close.tolist() == pytest.approx([2.0, 21.0])
    assert bars.volume.tolist() == pytest.approx([1000.0, 110.0])


@st.composite
def histories(draw: st.DrawFn) -> History:
    days = whole_days("2024-05-28", "2024-06-28")
    ex_dates = draw(st.lists(st.sampled_from(days[1:-1]), unique=True, max_size=3))
    ratios = st.sampled_from([2.0, 3.0, 4.0, 7.0, 20.0, 1.5, 1.05, 0.1, 1 / 3])
    splits = {day: draw(ratios) for day in sorted(ex_dates)}
    paid = draw(st.dictionaries(st.sampled_from(days), st.floats(0.001, 9.0), max_size=4))
    return History(rows=drifting(days, splits=splits), splits=splits, dividends=paid)


@settings(max_examples=25)
@given(history=histories(), timeframe=st.sampled_from([H1, DAILY]))
def test_what_was_adjusted_for_any_splits_comes_back_raw(history: History, timeframe: Timeframe) -> None:
    with Stub() as stub:
        YahooService({"AAPL": history}).serve(stub)
        source = yahoo(stub, "2024-06-29T00:00Z")
        bars = source.bars(AAPL, timeframe, from_iso("2024-05-28"), from_iso("2024-06-29"))
        actions = source.actions(AAPL, 0, from_iso("2024-06-29"))
    raw = np.array(history.rows["1h" if timeframe is H1 else "1d"])
    found = np.array([bars.open, bars.high, bars.low, bars.close]).T
    assert np.array_equal(bars.ts, raw[:, 0])
    np.testing.assert_allclose(found, raw[:, 1:5], rtol=1e-9)
    # Yahoo's volumes are whole after adjustment: what it rounds off can't be had back.
    dates = raw[:, 0].astype(np.int64) // DAY_NS * DAY_NS
    later = np.array([math.prod(r for day, r in history.splits.items() if date_ns(day) > at) for at in dates])
    assert (np.abs(bars.volume - raw[:, 5]) * later <= 0.5 + 1e-6).all()
    told = list(zip(actions.kind, actions.value.tolist(), strict=True))
    assert sorted(value for kind, value in told if kind == "split") == sorted(history.splits.values())
    assert sorted(value for kind, value in told if kind == "dividend") == pytest.approx(
        sorted(history.dividends.values()), rel=1e-9
    )


def test_a_later_split_changes_nothing_of_what_was_raw(stub: Stub) -> None:
    days = whole_days("2024-05-20", "2024-06-14")
    splits = {date(2024, 6, 10): 10.0}
    rows = drifting(days, splits=splits)
    before = History(rows={name: [row for row in of if row[0] < from_iso("2024-06-08")] for name, of in rows.items()})
    service = YahooService({"AAPL": before})
    service.serve(stub)
    session = redirected(stub)
    one = Yahoo(patience=QUICK, session=session, now_ns=lambda: from_iso("2024-06-08"))
    other = Yahoo(patience=QUICK, session=session, now_ns=lambda: from_iso("2024-06-15"))
    stored = asked(one, AAPL, DAILY, "2024-05-21", "2024-06-08")
    service.histories["AAPL"] = History(rows=rows, splits=splits)
    # The same question in the same process: an answer kept from before the split would be ten times off.
    again = asked(other, AAPL, DAILY, "2024-05-21", "2024-06-08")
    assert np.array_equal(again.ts, stored.ts)
    np.testing.assert_allclose(again.close, stored.close, rtol=1e-9)
    np.testing.assert_allclose(again.volume, stored.volume, rtol=1e-9)


def test_prices_that_a_listed_split_is_not_in_yet_are_refused(stub: Stub) -> None:
    splits = {date(2024, 6, 10): 10.0}
    rows = drifting(whole_days("2024-05-20", "2024-06-14"), splits=splits)
    YahooService({"AAPL": History(rows=rows, splits=splits)}, adjusts=set()).serve(stub)
    for timeframe in (DAILY, H1):
        with pytest.raises(BadAnswer, match=r"2024-06-10 \(10 for 1\).*can't be seen"):
            asked(yahoo(stub, "2024-06-15T00:00Z"), AAPL, timeframe, "2024-05-21", "2024-06-15")


def test_hourly_prices_that_follow_a_split_later_than_daily_ones_are_refused(stub: Stub) -> None:
    splits = {date(2024, 6, 10): 10.0}
    rows = drifting(whole_days("2024-05-20", "2024-06-14"), splits=splits)
    adjusted = YahooService({"AAPL": History(rows=rows, splits=splits)})
    raw = YahooService(adjusted.histories, adjusts=set())
    adjusted.serve(stub)
    stub.route(CHART, lambda request: (raw if request.query["interval"] == "1h" else adjusted).chart(request))
    with pytest.raises(BadAnswer, match="2024-06-10"):
        asked(yahoo(stub, "2024-06-15T00:00Z"), AAPL, H1, "2024-05-21", "2024-06-15")


def test_a_split_without_a_bar_of_its_day_is_waited_for(stub: Stub) -> None:
    printed(
        stub,
        ["2020-08-27T13:30Z", "2020-08-28T13:30Z"],
        [125.01, 124.8075],
        [155_552_400, 187_630_000],
        splits=[("2020-08-31T13:30Z", 4, 1)],
    )
    with pytest.raises(BadAnswer, match="2020-08-31"):
        asked(yahoo(stub, "2020-08-31T12:00Z"), AAPL, DAILY, "2020-08-27", "2020-08-31")


def test_without_the_splits_bars_are_refused_or_marked(stub: Stub) -> None:
    splits = {date(2024, 6, 10): 10.0}
    history = History(rows=drifting(whole_days("2024-05-20", "2024-06-14"), splits=splits), splits=splits)
    service = YahooService({"AAPL": history})
    service.serve(stub)

    def hourly_alone(request: Request) -> Reply:
        return service.chart(request) if request.query["interval"] == "1h" else Reply("broken", 500)

    stub.route(CHART, hourly_alone)
    source = yahoo(stub, "2024-06-15T00:00Z")
    span = (from_iso("2024-06-03"), from_iso("2024-06-15"))
    with pytest.raises(SourceDown):
        source.bars(AAPL, H1, *span)
    found = source.fetch(AAPL, H1, *span)
    assert found.adjustment == "split"
    raw = [row for row in history.rows["1h"] if row[0] >= span[0]]
    factor = [10.0 if row[0] < from_iso("2024-06-10") else 1.0 for row in raw]
    np.testing.assert_allclose(found.bars.close, [row[4] / by for row, by in zip(raw, factor, strict=True)])
    service.serve(stub)
    assert source.fetch(AAPL, H1, *span).adjustment == "none"


def test_a_split_without_a_ratio_is_no_reason_to_guess(stub: Stub) -> None:
    printed(
        stub,
        ["2020-08-28T13:30Z", "2020-08-31T13:30Z"],
        [124.8075, 129.04],
        [187_630_000, 225_702_700],
        splits=[("2020-08-31T13:30Z", 4, 0)],
    )
    source = yahoo(stub, "2020-09-01T00:00Z")
    with pytest.raises(BadAnswer, match="split of 2020-08-31 without a ratio"):
        asked(source, AAPL, DAILY, "2020-08-28", "2020-09-01")
    found = source.fetch(AAPL, DAILY, from_iso("2020-08-28"), from_iso("2020-09-01"))
    assert found.adjustment == "split"
    assert found.bars.close.tolist() == [124.8075, 129.04]


@pytest.mark.parametrize(
    ("first", "last", "before", "after"),
    [
        ("2024-03-08", "2024-03-11", ("14:30", "21:00"), ("13:30", "20:00")),
        ("2024-11-01", "2024-11-04", ("13:30", "20:00"), ("14:30", "21:00")),
    ],
)
def test_hours_follow_new_york_through_the_change_of_clocks(
    stub: Stub, first: str, last: str, before: tuple[str, str], after: tuple[str, str]
) -> None:
    YahooService({"AAPL": History(rows=drifting(whole_days("2024-02-20", "2024-11-08")))}).serve(stub)
    source = yahoo(stub, "2024-11-09T00:00Z")
    end = iso(from_iso(last) + DAY_NS)
    hours, days = asked(source, AAPL, H1, first, end), asked(source, AAPL, DAILY, first, end)
    assert len(hours) == 14
    assert hours.known_at[:6].tolist() == hours.ts[1:7].tolist()
    assert hours.known_at[6] - hours.ts[6] == 30 * MINUTE_NS
    for day, at, (opened, closed) in ((first, 0, before), (last, 1, after)):
        expected = from_iso(f"{day}T{opened}Z"), from_iso(f"{day}T{closed}Z")
        assert (hours.ts[7 * at], hours.known_at[7 * at + 6]) == expected
        assert (days.ts[at], days.known_at[at]) == expected


def test_a_half_day_ends_at_one_and_what_is_traded_behind_it_is_left_out(stub: Stub) -> None:
    rows = drifting(whole_days("2024-11-25", "2024-12-02"))
    late: Row = (from_iso("2024-11-29T18:30Z"), 400.0, 401.0, 399.0, 400.0, 10.0)
    rows["1h"] = sorted([*rows["1h"], late])
    YahooService({"AAPL": History(rows=rows)}).serve(stub)
    source = yahoo(stub, "2024-12-02T23:00Z")
    hours = asked(source, AAPL, H1, "2024-11-28", "2024-11-30")
    assert [iso(at)[11:16] for at in hours.ts.tolist()] == ["14:30", "15:30", "16:30", "17:30"]
    assert iso(int(hours.known_at[-1])) == "2024-11-29T18:00:00Z"
    day = asked(source, AAPL, DAILY, "2024-11-28", "2024-11-30")
    assert [iso(at) for at in day.known_at.tolist()] == ["2024-11-29T18:00:00Z"]


def test_hours_from_before_the_limit_are_an_error_that_says_so(stub: Stub) -> None:
    source = yahoo(stub, "2024-12-02T23:00Z")
    for days in (731, 2000):
        with pytest.raises(SourceError, match=r"last 730 days only; ask from 2022-12-05 on, or import") as caught:
            source.bars(AAPL, H1, from_iso("2024-12-02T23:00Z") - days * DAY_NS, from_iso("2024-12-02"))
        assert type(caught.value) is SourceError
    assert not stub.log


def test_the_service_may_count_its_730_days_by_another_clock(stub: Stub) -> None:
    stub.route(CHART, lambda _: TOO_OLD)
    with pytest.raises(SourceError, match=r"within the last 730 days.*ask from a later day") as caught:
        asked(yahoo(stub, "2024-12-02T23:00Z"), AAPL, H1, "2024-11-25", "2024-12-02")
    assert type(caught.value) is SourceError


def test_hours_from_the_beginning_are_those_of_whole_sessions_inside_the_limit(stub: Stub) -> None:
    rows = drifting(whole_days("2022-11-20", "2024-12-02"))
    YahooService({"AAPL": History(rows=rows)}, until_ns=from_iso("2024-12-02T17:00Z")).serve(stub)
    source = yahoo(stub, "2024-12-02T17:00Z")
    bars = source.bars(AAPL, H1, 0, from_iso("2024-12-02T17:00Z"))
    # 730 days before is Saturday, 3 December 2022.
    assert iso(int(bars.ts[0])) == "2022-12-05T14:30:00Z"
    assert int(bars.ts[0]) == source.earliest_ns(AAPL, H1)
    # Every hour of every session since: none is left out anywhere.
    opens = [row[0] for row in drifting(whole_days("2022-12-05", "2024-12-02"))["1h"]]
    assert bars.ts.tolist() == [at for at in opens if at < from_iso("2024-12-02T16:00Z")]


def test_no_request_goes_behind_the_limit_and_no_bar_inside_it_is_lost(stub: Stub) -> None:
    rows = drifting(whole_days("2022-12-01", "2022-12-06"))
    YahooService({"AAPL": History(rows=rows)}).serve(stub)
    # The limit is at noon in New York of Monday, 5 December 2022.
    source = yahoo(stub, "2024-12-04T17:00Z")
    bars = asked(source, AAPL, H1, "2022-12-05T17:10Z", "2022-12-06")
    assert [iso(at)[11:16] for at in bars.ts.tolist()] == ["17:30", "18:30", "19:30", "20:30"]
    hourly = [request for request in stub.asked(CHART) if request.query["interval"] == "1h"]
    assert int(hourly[0].query["period1"]) >= from_iso("2022-12-05T17:00Z") // SECOND_NS
    with pytest.raises(SourceError, match="last 730 days only"):
        asked(source, AAPL, H1, "2022-12-05T16:59Z", "2022-12-06")


def test_every_request_has_the_limits_of_patience_also_those_for_cookies(stub: Stub) -> None:
    YahooService({"AAPL": History(rows=drifting(whole_days("2024-05-28", "2024-06-07")))}).serve(stub)
    session = redirected(stub)
    beneath, noted = session.request, {}

    def request(method: str, url: str, **options: Any) -> Any:
        noted[url] = options["timeout"]
        return beneath(method, url, **options)

    session.request = request
    source = Yahoo(patience=QUICK, session=session, now_ns=lambda: from_iso("2024-06-08"))
    asked(source, AAPL, DAILY, "2024-06-03", "2024-06-08")
    assert len(noted) >= 3
    # For connecting, and for all the rest of an answer.
    assert set(noted.values()) == {(QUICK.connect_s, QUICK.answer_s - QUICK.connect_s)}


def test_the_bar_that_is_being_made_is_never_returned(stub: Stub) -> None:
    rows = drifting(whole_days("2024-06-03", "2024-06-07"))
    now = from_iso("2024-06-07T15:47:12Z")
    hours = [row for row in rows["1h"] if row[0] <= now]
    # While an hour is traded, the latest quote stands behind it as a row of its own second.
    latest: Row = (now, 400.0, 400.0, 400.0, 400.0, 0.0)
    YahooService({"AAPL": History(rows={"1h": [*hours, latest], "1d": rows["1d"]})}).serve(stub)
    source = yahoo(stub, iso(now))
    found = source.bars(AAPL, H1, from_iso("2024-06-06"), now + DAY_NS)
    assert [iso(at) for at in found.ts[-2:].tolist()] == ["2024-06-07T13:30:00Z", "2024-06-07T14:30:00Z"]
    days = source.bars(AAPL, DAILY, from_iso("2024-06-03"), now + DAY_NS)
    assert iso(int(days.ts[-1])) == "2024-06-06T13:30:00Z"
    # A minute after its close, and not before, an hour is taken as settled.
    for second, count in (("15:30:30", 1), ("15:31:00", 2)):
        bars = yahoo(stub, f"2024-06-07T{second}Z").bars(AAPL, H1, from_iso("2024-06-07"), now)
        assert len(bars) == count


def test_a_quote_behind_an_hour_that_did_not_come_is_no_bar(stub: Stub) -> None:
    rows = drifting(whole_days("2024-06-03", "2024-06-07"))
    now = from_iso("2024-06-07T15:47:12Z")
    hours = [row for row in rows["1h"] if row[0] < from_iso("2024-06-07T15:30Z")]
    latest: Row = (now - 10 * MINUTE_NS, 400.0, 400.0, 400.0, 400.0, 0.0)
    YahooService({"AAPL": History(rows={"1h": [*hours, latest], "1d": rows["1d"]})}).serve(stub)
    # Nor does it become one when an hour has passed since.
    for at in (now, now + HOUR_NS):
        bars = yahoo(stub, iso(at)).bars(AAPL, H1, from_iso("2024-06-07"), at)
        assert [iso(opened)[11:16] for opened in bars.ts.tolist()] == ["13:30", "14:30"]


def test_hours_that_are_off_the_grid_are_refused(stub: Stub) -> None:
    rows = drifting(whole_days("2024-06-03", "2024-06-07"))
    shifted = [(row[0] + 13 * MINUTE_NS, *row[1:]) for row in rows["1h"]]
    YahooService({"AAPL": History(rows={"1h": shifted, "1d": rows["1d"]})}).serve(stub)
    with pytest.raises(BadAnswer, match="no whole hour after the session's open"):
        asked(yahoo(stub, "2024-06-08T00:00Z"), AAPL, H1, "2024-06-04", "2024-06-08")


def test_rows_without_a_price_are_no_bars_and_half_a_price_is_refused(stub: Stub) -> None:
    rows = drifting(whole_days("2024-06-03", "2024-06-07"))
    nan = float("nan")
    empty = rows["1h"][3]
    rows["1h"][3] = (empty[0], nan, nan, nan, nan, nan)
    YahooService({"AAPL": History(rows=rows)}).serve(stub)
    source = yahoo(stub, "2024-06-08T00:00Z")
    bars = asked(source, AAPL, H1, "2024-06-03", "2024-06-08")
    assert len(bars) == 5 * 7 - 1
    assert empty[0] not in bars.ts
    rows["1h"][3] = (empty[0], nan, *empty[2:])
    with pytest.raises(BadAnswer, match="open at 2024-06-03T16:30:00Z was nan"):
        asked(source, AAPL, H1, "2024-06-03", "2024-06-08")


def test_where_no_bar_is_due_nothing_is_asked(stub: Stub) -> None:
    source = yahoo(stub, "2024-06-09T12:00Z")
    for timeframe in (H1, DAILY):
        assert len(asked(source, AAPL, timeframe, "2024-06-08", "2024-06-09")) == 0
    assert len(asked(source, AAPL, H1, "2024-06-07T19:30:01Z", "2024-06-10")) == 0
    assert not stub.log


def test_an_index_is_a_value_of_its_day_known_at_a_quarter_past_four(stub: Stub) -> None:
    history = History(
        rows=drifting(whole_days("2024-06-03", "2024-06-07"), start=14.0), zone="America/Chicago", kind="INDEX"
    )
    YahooService({"^VIX": history}).serve(stub)
    source = yahoo(stub, "2024-06-08T00:00Z")
    bars = asked(source, VIX, DAILY, "2024-06-05", "2024-06-08")
    assert [iso(at) for at in bars.ts.tolist()] == [f"2024-06-0{day}T00:00:00Z" for day in (5, 6, 7)]
    assert iso(int(bars.known_at[0])) == "2024-06-05T20:15:00Z"
    assert bars.close.tolist() == [row[4] for row in history.rows["1d"][2:]]
    assert np.array_equal(bars.open, bars.close)
    assert np.isnan(bars.volume).all()
    count = len(stub.log)
    # The last one is there, the next isn't published: no answer is asked for, none is missed.
    assert len(source.bars(VIX, DAILY, int(bars.ts[-1]) + 1, from_iso("2024-06-10T20:10Z"))) == 0
    assert len(stub.log) == count
    late = yahoo(stub, "2024-06-08T00:00Z", publication={"VIX": PublicationRule(kind="session_close", at="18:00")})
    assert iso(int(asked(late, VIX, DAILY, "2024-06-05", "2024-06-08").known_at[0])) == "2024-06-05T22:00:00Z"


def test_coins_are_asked_by_their_dollar_names_and_have_no_volume(stub: Stub) -> None:
    days = whole_days("2024-06-01", "2024-06-05", calendar="24/7")
    history = History(rows=drifting(days, calendar="24/7"), calendar="24/7", zone="UTC", kind="CRYPTOCURRENCY")
    YahooService({"BTC-USD": history}, until_ns=from_iso("2024-06-05T12:30Z")).serve(stub)
    source = yahoo(stub, "2024-06-05T12:30Z", symbols={"BTC/USDT": "BTC-USD"})
    hours, daily = (asked(source, BITCOIN, timeframe, "2024-06-03", "2024-06-05T12:30Z") for timeframe in (H1, DAILY))
    assert [iso(at) for at in daily.ts.tolist()] == ["2024-06-03T00:00:00Z", "2024-06-04T00:00:00Z"]
    assert (daily.known_at - daily.ts == DAY_NS).all()
    assert len(hours) == 60
    assert (hours.known_at - hours.ts == HOUR_NS).all()
    assert np.isnan(hours.volume).all()
    assert {request.path for request in stub.asked(CHART)} == {f"{CHART}BTC-USD"}
    assert len(source.actions(BITCOIN, 0, from_iso("2024-06-05"))) == 0


def test_a_failure_is_not_remembered(stub: Stub) -> None:
    YahooService({"AAPL": History(rows=drifting(whole_days("2024-05-28", "2024-06-07")))}).serve(stub)
    source = yahoo(stub, "2024-06-08T00:00Z")
    for fault in (Fault.HTML, Fault.NO_ROWS, Fault.EMPTY, Fault.OTHER_SHAPE):
        stub.fail_next(fault, 1, path=CHART)
        with pytest.raises(BadAnswer):
            asked(source, AAPL, DAILY, "2024-06-03", "2024-06-08")
        assert len(asked(source, AAPL, DAILY, "2024-06-03", "2024-06-08")) == 5


def test_a_refused_client_begins_again_with_a_new_crumb(stub: Stub) -> None:
    YahooService({"AAPL": History(rows=drifting(whole_days("2024-05-28", "2024-06-07")))}).serve(stub)
    source = yahoo(stub, "2024-06-08T00:00Z")
    stub.fail_next(Fault.WRONG_KEY, 1, path=CHART)
    with pytest.raises(SourceRefused, match="ask again in an hour"):
        asked(source, AAPL, DAILY, "2024-06-03", "2024-06-08")
    crumbs = len(stub.asked("/v1/test/getcrumb"))
    assert len(asked(source, AAPL, DAILY, "2024-06-03", "2024-06-08")) == 5
    assert len(stub.asked("/v1/test/getcrumb")) == crumbs + 1


@pytest.mark.parametrize("fault", [Fault.STALLED, Fault.BUSY, Fault.ERROR_500, Fault.HTML, Fault.RESET])
def test_bars_come_without_the_crumb_that_they_do_not_need(stub: Stub, fault: Fault) -> None:
    YahooService({"AAPL": History(rows=drifting(whole_days("2024-05-28", "2024-06-07")))}).serve(stub)
    source = yahoo(stub, "2024-06-08T00:00Z")
    # A refusal first, so that a new crumb is asked for.
    stub.fail_next(Fault.WRONG_KEY, 1, path=CHART)
    with pytest.raises(SourceRefused):
        asked(source, AAPL, DAILY, "2024-06-03", "2024-06-08")
    stub.fail_next(fault, 9, path="/v1/test/getcrumb")
    assert len(asked(source, AAPL, DAILY, "2024-06-03", "2024-06-08")) == 5


def test_production_urls_reach_the_stub_through_the_proxy_and_nothing_else_is_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    with Stub(tls=authority.server(*HOSTS)) as stub, ConnectProxy(dict.fromkeys(HOSTS, stub.port)) as proxy:
        YahooService({"AAPL": History(rows=drifting(whole_days("2024-05-28", "2024-06-07")))}).serve(stub)
        # Nothing is handed in: its own session finds proxy and authority as it would in a company's network.
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
        source = Yahoo(patience=replace(QUICK, connect_s=2.0, read_s=2.0), now_ns=lambda: from_iso("2024-06-08"))
        assert len(asked(source, AAPL, H1, "2024-06-03", "2024-06-08")) == 35
        hosts = {request.headers["host"] for request in stub.asked(CHART)}
        assert not proxy.denied
        stub.fail_next(Fault.UNKNOWN_SYMBOL, 1, path=CHART)
        with pytest.raises(UnknownSymbol, match="may be delisted"):
            asked(source, AAPL, H1, "2024-06-03", "2024-06-08")
    assert hosts == {"query2.finance.yahoo.com"}


def test_other_timeframes_and_hourly_values_of_an_index_are_refused(stub: Stub) -> None:
    source = yahoo(stub, "2024-06-08T00:00Z")
    for instrument, timeframe in ((AAPL, Timeframe.H4), (AAPL, Timeframe.M5), (VIX, H1)):
        with pytest.raises(DataError, match=rf"yahoo {instrument.symbol}: no {timeframe} bars"):
            asked(source, instrument, timeframe, "2024-06-03", "2024-06-08")
    assert not stub.log


def test_its_caches_lie_in_a_folder_of_this_process(stub: Stub) -> None:
    YahooService({"AAPL": History(rows=drifting(whole_days("2024-05-28", "2024-06-07")))}).serve(stub)
    asked(yahoo(stub, "2024-06-08T00:00Z"), AAPL, DAILY, "2024-06-03", "2024-06-08")
    from yfinance.cache import _CookieDBManager, _TzDBManager

    for database in (_TzDBManager, _CookieDBManager):
        folder = Path(database.get_location())
        assert folder.parent == Path(tempfile.gettempdir())
        assert folder.name.startswith("tradeterm-yahoo-")


def test_the_client_is_imported_when_it_is_used_and_not_before() -> None:
    code = (
        "import sys; from tradeterm.data.sources.yahoo import Yahoo; Yahoo();"
        "print([name for name in ('yfinance', 'pandas', 'curl_cffi', 'requests') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- exchanges outside New York


@pytest.mark.parametrize(
    ("calendar", "zone", "hours"),
    [("XLON", "Europe/London", 9), ("XETR", "Europe/Berlin", 9), ("XTKS", "Asia/Tokyo", 6)],
)
def test_bars_of_another_exchange_are_placed_by_its_own_clock(stub: Stub, calendar: str, zone: str, hours: int) -> None:
    # London and Berlin changed their clocks on 31 March 2024, New York three weeks before.
    days = whole_days("2024-03-25", "2024-04-05", calendar=calendar)
    history = History(rows=drifting(days, calendar=calendar), calendar=calendar, zone=zone)
    YahooService({"ACME": history}).serve(stub)
    acme = Instrument(symbol="ACME", asset_class=AssetClass.EQUITY, calendar=calendar)
    for timeframe, count in ((DAILY, 1), (H1, hours)):
        bars = asked(yahoo(stub, "2024-04-08T00:00Z"), acme, timeframe, "2024-03-25", "2024-04-06")
        expected = history.rows["1h" if timeframe is H1 else "1d"]
        assert len(bars) == len(expected) == count * len(days)
        np.testing.assert_array_equal(bars.ts, [row[0] for row in expected])
        np.testing.assert_allclose(bars.close, [row[4] for row in expected])


def test_hours_on_the_clock_after_a_break_are_whole_hours_too(stub: Stub) -> None:
    days = whole_days("2024-08-29", "2024-08-30", calendar="XTKS")
    rows = drifting(days, calendar="XTKS")
    # 12:30, 13:30 and 14:30 in Tokyo, stamped 12:00, 13:00 and 14:00.
    rows["1h"] = [(row[0] - HOUR_NS // 2 if row[0] % HOUR_NS else row[0], *row[1:]) for row in rows["1h"]]
    YahooService({"7203.T": History(rows=rows, calendar="XTKS", zone="Asia/Tokyo")}).serve(stub)
    toyota = Instrument(symbol="7203.T", asset_class=AssetClass.EQUITY, calendar="XTKS")
    bars = asked(yahoo(stub, "2024-08-31T00:00Z"), toyota, H1, "2024-08-30", "2024-08-31")
    opens = [iso(int(ts))[11:16] for ts in bars.ts]
    assert opens == ["00:00", "01:00", "02:00", "03:30", "04:00", "05:00"]
    assert [iso(int(ts))[11:16] for ts in bars.known_at] == ["01:00", "02:00", "02:30", "04:00", "05:00", "06:00"]
