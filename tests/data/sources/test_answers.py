from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeterm.core.errors import BadAnswer, DataError
from tradeterm.core.market import AssetClass, Bars, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, from_iso, iso
from tradeterm.data.publication import PublicationRule
from tradeterm.data.sources.answers import checked_bars, checked_observations, no_actions, no_bars

SPY = Instrument(symbol="SPY", asset_class=AssetClass.EQUITY, calendar="XNYS")
BTC = Instrument(symbol="BTC/USDT", asset_class=AssetClass.CRYPTO, calendar="24/7")
VIX = Instrument(symbol="VIX", asset_class=AssetClass.MACRO, calendar="XNYS")
NOW = from_iso("2025-01-01")

# (ts, open, high, low, close, volume)
Row = tuple[Any, ...]


def ns(*texts: str) -> list[int]:
    return [from_iso(text) for text in texts]


def rows(*stamps: str) -> list[Row]:
    return [(from_iso(stamp), 10.0 + n, 12.0 + n, 9.0 + n, 11.0 + n, 100.0 * n) for n, stamp in enumerate(stamps)]


def checked(
    given_rows: list[Row],
    *,
    instrument: Instrument = SPY,
    timeframe: Timeframe = Timeframe.H1,
    start: str = "2024-01-01",
    end: str = "2024-12-31",
    now_ns: int = NOW,
    **more: Any,
) -> Bars:
    names = ("ts", "open", "high", "low", "close", "volume")
    columns = {name: [row[place] for row in given_rows] for place, name in enumerate(names)}
    return checked_bars(
        "acme",
        instrument,
        timeframe,
        start_ns=from_iso(start),
        end_ns=from_iso(end),
        now_ns=now_ns,
        **{**columns, **more},
    )


def times(stamps: Any) -> list[str]:
    return [iso(int(stamp)) for stamp in stamps]


def test_hourly_bars_close_an_hour_later_or_with_the_session() -> None:
    # 2024-11-29 is a half day: New York closes at 13:00, 18:00 UTC.
    bars = checked(rows("2024-11-29T14:30Z", "2024-11-29T15:30Z", "2024-11-29T16:30Z", "2024-11-29T17:30Z"))
    assert times(bars.known_at) == [
        "2024-11-29T15:30:00Z",
        "2024-11-29T16:30:00Z",
        "2024-11-29T17:30:00Z",
        "2024-11-29T18:00:00Z",
    ]
    assert bars.open.tolist() == [10, 11, 12, 13]
    assert bars.high.tolist() == [12, 13, 14, 15]
    assert bars.low.tolist() == [9, 10, 11, 12]
    assert bars.close.tolist() == [11, 12, 13, 14]
    assert bars.volume.tolist() == [0, 100, 200, 300]


def test_bars_outside_the_sessions_are_left_out() -> None:
    stamps = ("2024-07-03T12:30Z", "2024-07-03T13:30Z", "2024-07-03T17:00Z", "2024-07-04T14:30Z", "2024-07-06T14:30Z")
    # Before the open, in the session, at the early close, on Independence Day, on a Saturday.
    assert times(checked(rows(*stamps)).ts) == ["2024-07-03T13:30:00Z"]


def test_the_unfinished_last_bar_is_left_out_until_it_closes() -> None:
    asked = rows("2024-08-30T14:30Z", "2024-08-30T15:30Z")
    assert len(checked(asked, end="2024-08-30T16:29:59Z", start="2024-08-30T14:00Z")) == 1
    assert len(checked(asked, end="2024-08-30T16:30Z", start="2024-08-30T14:00Z")) == 2


def test_what_was_not_asked_for_is_left_out() -> None:
    asked = rows("2024-08-28T14:30Z", "2024-08-29T14:30Z", "2024-08-30T14:30Z")
    found = checked(asked, start="2024-08-29T14:30Z", end="2024-08-30T15:29Z")
    assert times(found.ts) == ["2024-08-29T14:30:00Z"]


@pytest.mark.parametrize(
    ("stamp", "convention"),
    [
        ("2024-08-30T04:00Z", "midnight of New York"),
        ("2024-08-30T13:30Z", "the open"),
        ("2024-08-30T20:00Z", "the close"),
        ("2024-08-31T03:59Z", "last minute of its date"),
    ],
)
def test_a_daily_bar_takes_the_session_of_its_local_date(stamp: str, convention: str) -> None:
    bars = checked(rows(stamp), timeframe=Timeframe.DAILY)
    assert times(bars.ts) == ["2024-08-30T13:30:00Z"], convention
    assert times(bars.known_at) == ["2024-08-30T20:00:00Z"]


def test_a_daily_bar_in_winter_takes_midnight_of_winter_time() -> None:
    bars = checked(rows("2024-12-24T05:00Z", "2024-12-25T05:00Z", "2024-12-26T05:00Z"), timeframe=Timeframe.DAILY)
    assert times(bars.ts) == ["2024-12-24T14:30:00Z", "2024-12-26T14:30:00Z"]
    assert times(bars.known_at) == ["2024-12-24T18:00:00Z", "2024-12-26T21:00:00Z"]
    # One hour before midnight of New York is the day before.
    assert times(checked(rows("2024-12-24T04:00Z"), timeframe=Timeframe.DAILY).ts) == ["2024-12-23T14:30:00Z"]


def test_a_coins_day_is_known_when_it_ends() -> None:
    bars = checked(
        rows("2024-03-09T00:00Z", "2024-03-10T00:00Z"),
        instrument=BTC,
        timeframe=Timeframe.DAILY,
        start="2024-03-09",
        end="2024-03-10T23:59Z",
    )
    assert times(bars.ts) == ["2024-03-09T00:00:00Z"]
    assert times(bars.known_at) == ["2024-03-10T00:00:00Z"]


def test_a_macro_series_takes_its_date_and_its_publication_rule() -> None:
    rule = PublicationRule(kind="session_close", at="16:15")
    bars = checked(rows("2024-08-30T04:00Z"), instrument=VIX, timeframe=Timeframe.DAILY, rule=rule, volume=None)
    assert times(bars.ts) == ["2024-08-30T00:00:00Z"]
    assert times(bars.known_at) == ["2024-08-30T20:15:00Z"]
    assert np.isnan(bars.volume).all()


@given(
    count=st.integers(1, 30),
    seed=st.randoms(use_true_random=False),
    repeats=st.lists(st.integers(0, 29), max_size=10),
)
def test_order_and_exact_repeats_change_nothing(count: int, seed: Any, repeats: list[int]) -> None:
    first = from_iso("2024-05-01")
    plain = [(first + n * HOUR_NS, 5.0 + n, 6.0 + n, 4.0 + n, 5.5 + n, float(n)) for n in range(count)]
    shaken = plain + [plain[place % count] for place in repeats]
    seed.shuffle(shaken)
    straight, other = checked(plain, instrument=BTC), checked(shaken, instrument=BTC)
    assert len(straight) == count
    assert straight.ts.tolist() == [row[0] for row in plain]
    for name in ("ts", "open", "high", "low", "close", "volume", "known_at"):
        assert np.array_equal(getattr(straight, name), getattr(other, name))


@pytest.mark.parametrize("column", range(1, 6))
def test_two_rows_of_one_bar_that_differ_are_a_bad_answer(column: int) -> None:
    one = rows("2024-08-30T14:30Z")[0]
    other = (*one[:column], one[column] + 0.01, *one[column + 1 :])
    with pytest.raises(BadAnswer, match=r"^acme SPY: \w+ at 2024-08-30T14:30:00Z came twice, "):
        checked([one, other])


def test_two_stamps_of_one_session_are_two_rows_of_one_daily_bar() -> None:
    with pytest.raises(BadAnswer, match="came twice"):
        checked(rows("2024-08-30T04:00Z", "2024-08-30T19:59Z"), timeframe=Timeframe.DAILY)


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "n/a", 0.0, -1.0])
@pytest.mark.parametrize("column", range(1, 5))
def test_a_price_that_is_none_is_a_bad_answer(column: int, value: Any) -> None:
    one = rows("2024-08-30T14:30Z")[0]
    with pytest.raises(BadAnswer, match="acme SPY: "):
        checked([(*one[:column], value, *one[column + 1 :])])


@pytest.mark.parametrize("value", [None, float("nan"), -1.0, "many"])
def test_a_volume_that_is_none_is_a_bad_answer(value: Any) -> None:
    with pytest.raises(BadAnswer, match="volume"):
        checked([(*rows("2024-08-30T14:30Z")[0][:5], value)])


def test_a_slope_may_be_below_zero() -> None:
    rule = PublicationRule(kind="next_business_day", at="09:00")
    row = (from_iso("2024-08-30T12:00Z"), -0.4, -0.4, -0.4, -0.4, 0.0)
    bars = checked([row], instrument=VIX, timeframe=Timeframe.DAILY, rule=rule)
    assert bars.close.tolist() == [-0.4]
    # Labor Day is no business day.
    assert times(bars.known_at) == ["2024-09-03T13:00:00Z"]


def test_a_bar_of_the_future_is_a_bad_answer_even_if_it_was_not_asked_for() -> None:
    now = from_iso("2024-08-30T15:00Z")
    asked = {"start": "2024-08-29", "end": "2024-08-30", "now_ns": now}
    assert len(checked(rows("2024-08-29T14:30Z", "2024-08-30T14:30Z"), **asked)) == 1
    with pytest.raises(BadAnswer, match="2024-08-30T15:30:00Z, which is after now"):
        checked(rows("2024-08-29T14:30Z", "2024-08-30T15:30Z"), **asked)


@pytest.mark.parametrize("stamp", ["2024-08-30", None, 1.5, float("nan"), 2**70])
def test_a_time_that_is_none_is_a_bad_answer(stamp: Any) -> None:
    with pytest.raises(BadAnswer, match="time"):
        checked([(stamp, 1.0, 1.0, 1.0, 1.0, 1.0)])


@pytest.mark.parametrize("column", ["open", "high", "low", "close", "volume"])
def test_columns_of_different_lengths_are_a_bad_answer(column: str) -> None:
    with pytest.raises(BadAnswer, match=f"2 times with 1 values of {column}"):
        checked(rows("2024-08-29T14:30Z", "2024-08-30T14:30Z"), **{column: [1.0]})


def test_nothing_is_an_answer_only_where_no_whole_session_was_asked_for() -> None:
    assert len(checked([], start="2024-08-30T14:00Z", end="2024-08-31")) == 0
    assert len(checked([], start="2024-08-31", end="2024-09-03")) == 0
    with pytest.raises(
        BadAnswer, match=r"no bars from 2024-08-30T13:30:00Z to 2024-08-31T00:00:00Z, holding 1 whole session;"
    ):
        checked([], start="2024-08-30T13:30Z", end="2024-08-31")
    with pytest.raises(BadAnswer, match="1 whole session"):
        checked([], start="2024-08-30T13:30Z", end="2024-08-30T20:00Z")
    assert len(checked([], start="2024-08-30T13:30:01Z", end="2024-08-31")) == 0
    assert len(checked([], start="2024-01-01", end="2024-12-31", may_be_empty=True)) == 0
    # Rows that were all left out are nothing, too.
    with pytest.raises(BadAnswer, match="no bars"):
        checked(rows("2024-08-31T14:30Z"), start="2024-08-30", end="2024-09-02")


@pytest.mark.parametrize("timeframe", [Timeframe.H4, Timeframe.MONTHLY])
def test_derived_timeframes_are_not_taken_from_a_source(timeframe: Timeframe) -> None:
    with pytest.raises(DataError, match=r"acme SPY: no \w+ bars are taken"):
        checked(rows("2024-08-30T14:30Z"), timeframe=timeframe)


def observed(*vintages: tuple[str, str, float], start: str = "2024-01-01", end: str = "2024-12-31") -> Bars:
    return checked_observations(
        "acme",
        VIX,
        start_ns=from_iso(start),
        end_ns=from_iso(end),
        now_ns=NOW,
        ts=ns(*(vintage[0] for vintage in vintages)),
        known_at=ns(*(vintage[1] for vintage in vintages)),
        value=[vintage[2] for vintage in vintages],
    )


def told(bars: Bars) -> list[tuple[str, str, float]]:
    return [
        (iso(int(ts))[:10], iso(int(known))[:10], float(value))
        for ts, known, value in zip(bars.ts, bars.known_at, bars.close, strict=True)
    ]


def test_a_revised_value_is_a_further_row() -> None:
    found = observed(
        ("2024-02-01", "2024-03-20", 2.0), ("2024-01-01", "2024-03-20", 1.5), ("2024-01-01", "2024-02-20", 1.0)
    )
    assert told(found) == [
        ("2024-01-01", "2024-02-20", 1.0),
        ("2024-01-01", "2024-03-20", 1.5),
        ("2024-02-01", "2024-03-20", 2.0),
    ]
    assert np.array_equal(found.open, found.close)
    assert np.array_equal(found.high, found.low)
    assert np.isnan(found.volume).all()


def test_a_vintage_that_says_nothing_new_is_left_out_and_a_return_to_an_old_value_is_not() -> None:
    month = "2024-01-01"
    found = observed(
        (month, "2024-02-20", 1.0), (month, "2024-03-20", 1.0), (month, "2024-04-20", 2.0), (month, "2024-05-20", 1.0)
    )
    assert [row[1:] for row in told(found)] == [("2024-02-20", 1.0), ("2024-04-20", 2.0), ("2024-05-20", 1.0)]


def test_missing_values_and_what_was_not_asked_for_are_left_out() -> None:
    found = observed(
        ("2023-12-01", "2024-01-20", 1.0),
        ("2024-01-01", "2024-02-20", float("nan")),
        ("2024-02-01", "2024-03-20", 3.0),
        ("2024-03-01", "2024-04-20", 4.0),
        end="2024-03-20",
    )
    assert told(found) == [("2024-02-01", "2024-03-20", 3.0)]


def test_two_values_of_one_vintage_are_a_bad_answer() -> None:
    twice = ("2024-01-01", "2024-02-20", 1.0)
    assert len(observed(twice, twice)) == 1
    with pytest.raises(BadAnswer, match="value at 2024-01-01T00:00:00Z came twice, 1 and 2"):
        observed(twice, ("2024-01-01", "2024-02-20", 2.0))


def test_a_period_of_the_future_and_an_infinite_value_are_bad_answers() -> None:
    with pytest.raises(BadAnswer, match="after now"):
        observed(("2025-01-02", "2025-02-20", 1.0))
    with pytest.raises(BadAnswer, match="was inf"):
        observed(("2024-01-01", "2024-02-20", float("inf")))
    with pytest.raises(BadAnswer, match="1 periods with 0 publications"):
        checked_observations("acme", VIX, start_ns=0, end_ns=NOW, now_ns=NOW, ts=[DAY_NS], known_at=[], value=[1.0])


def test_nothing_has_the_shape_of_something() -> None:
    assert len(no_bars()) == len(no_actions()) == 0
    assert no_bars().ts.dtype == no_actions().ex_ns.dtype == np.int64
    assert no_bars().close.dtype == no_actions().value.dtype == np.float64
