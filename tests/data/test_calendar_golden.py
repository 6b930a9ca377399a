"""Whole years of each exchange against the answer files of ``golden/calendars``: a new year is a new file."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from golden_years import FILES, golden_sessions, in_force, instant, read, sessions_of

from tradeterm.core.exchanges import CALENDARS, zone_of
from tradeterm.core.time import DAY_NS, HOUR_NS, MINUTE_NS, from_iso, iso
from tradeterm.data.calendar import (
    after_break,
    expected_opens,
    is_tradable,
    local_dates,
    next_expected_close,
    session_index,
    sessions,
    stretches,
)

YEARS = [
    pytest.param(read(path), calendar, id=f"{path.stem}-{calendar.replace('/', '-')}")
    for path in FILES
    for calendar in read(path)["exchanges"]
]
EVERY_YEAR = pytest.mark.parametrize(("year", "calendar"), YEARS)


def bounds(year: dict[str, Any]) -> tuple[int, int]:
    return from_iso(f"{year['year']}-01-01"), from_iso(f"{year['year'] + 1}-01-01")


@EVERY_YEAR
def test_a_year_has_the_sessions_of_its_file_and_no_other(year: dict[str, Any], calendar: str) -> None:
    days = sessions(calendar)
    first, last = np.searchsorted(days.date_ns, bounds(year))
    expected = sessions_of(year)
    assert last - first == len(expected) == year["sessions"]
    found = zip(days.date_ns[first:last], days.open_ns[first:last], days.close_ns[first:last], strict=True)
    assert [tuple(map(int, row)) for row in found] == [
        (from_iso(item.day.isoformat()), item.open_ns, item.close_ns) for item in expected
    ]


@EVERY_YEAR
def test_a_year_trades_in_the_stretches_of_its_file(year: dict[str, Any], calendar: str) -> None:
    spans = stretches(calendar)
    expected = [stretch for item in sessions_of(year) for stretch in item.stretches]
    first = int(np.searchsorted(spans.open_ns, expected[0][0]))
    part = slice(first, first + len(expected))
    assert list(zip(spans.open_ns[part].tolist(), spans.close_ns[part].tolist(), strict=True)) == expected
    days = sessions(calendar)
    assert (days.open_ns[spans.session] <= spans.open_ns).all()
    assert (days.close_ns[spans.session] >= spans.close_ns).all()


@EVERY_YEAR
def test_each_day_that_is_named_is_what_the_file_says(year: dict[str, Any], calendar: str) -> None:
    days = sessions(calendar)

    def told(day: str) -> tuple[str, str] | None:
        found = np.flatnonzero(days.date_ns == from_iso(day))
        return (iso(int(days.open_ns[found[0]])), iso(int(days.close_ns[found[0]]))) if len(found) else None

    def at(day: str, time: str) -> int:
        return instant(date.fromisoformat(day), time, in_force(year["offsets"], date.fromisoformat(day))[1])

    for day, _ in year["holidays"] + year["unscheduled"]:
        assert told(day) is None, day
    for day, time, _ in year["early_closes"]:
        assert (told(day) or ("", ""))[1] == iso(at(day, time))
    for day, time, _ in year["late_opens"]:
        assert (told(day) or ("", ""))[0] == iso(at(day, time))
    for day, time, _ in year["delayed_minutes"]:
        # Orders are taken from the open on, and sources stamp the first bar with it.
        assert 0 < at(day, time) - from_iso((told(day) or ("", ""))[0]) <= 5 * MINUTE_NS


@EVERY_YEAR
def test_the_clock_changes_when_the_file_says(year: dict[str, Any], calendar: str) -> None:
    opens = sessions(calendar).open_ns
    for before, after in year["clock_changes"]:
        place = int(np.searchsorted(opens, from_iso(before)))
        assert [iso(int(ns)) for ns in opens[place : place + 2]] == [iso(from_iso(text)) for text in (before, after)]
        assert (from_iso(after) - from_iso(before)) % DAY_NS in (HOUR_NS, DAY_NS - HOUR_NS)
    assert len(year["clock_changes"]) == len(year["offsets"]) - 1
    assert year["zone"] == zone_of(calendar)


@EVERY_YEAR
def test_each_minute_of_a_year_is_tradable_where_the_file_trades(year: dict[str, Any], calendar: str) -> None:
    start, end = bounds(year)
    minutes = np.arange(start, end, MINUTE_NS, dtype=np.int64)
    open_ = np.zeros(len(minutes), dtype=np.bool_)
    for item in sessions_of(year):
        for opens, closes in item.stretches:
            open_[(opens - start) // MINUTE_NS : (closes - start) // MINUTE_NS] = True
    np.testing.assert_array_equal(is_tradable(calendar, minutes, MINUTE_NS), open_)
    np.testing.assert_array_equal(session_index(calendar, minutes) >= 0, open_)
    np.testing.assert_array_equal(expected_opens(calendar, start, end, MINUTE_NS), minutes[open_])


@pytest.mark.parametrize("calendar", CALENDARS)
def test_each_calendar_has_answer_files_with_a_leap_year(calendar: str) -> None:
    years = golden_sessions(calendar)
    assert len(years) >= 3
    assert any(year % 4 == 0 for year in years)


@pytest.mark.parametrize("calendar", CALENDARS)
@pytest.mark.parametrize("minutes", [1, 5, 15, 30, 60])
def test_one_bar_is_expected_after_the_other(calendar: str, minutes: int) -> None:
    step = minutes * MINUTE_NS
    for item in golden_sessions(calendar)[2024][:30]:
        closes = [min(opens + step, last) for first, last in item.stretches for opens in range(first, last, step)]
        for close, following in pairwise(closes):
            assert next_expected_close(calendar, close, step) == following
        assert next_expected_close(calendar, item.open_ns, DAY_NS) == item.close_ns


def test_a_bar_that_opens_in_the_break_opens_where_it_ends_if_it_reaches_beyond() -> None:
    clock = ["2024-08-30T02:00Z", "2024-08-30T02:30Z", "2024-08-30T03:00Z", "2024-08-30T03:29Z", "2024-08-30T03:30Z"]
    opens = np.array([from_iso(text) for text in clock], dtype=np.int64)
    moved = [2, 3.5, 3.5, 3.5, 3.5]
    # Tokyo's break is from 02:30Z to 03:30Z.
    for minutes, hours in ((61, moved), (60, [2, 2.5, 3.5, 3.5, 3.5]), (31, [2, 2.5, 3.5, 3.5, 3.5])):
        found = (after_break("XTKS", opens, minutes * MINUTE_NS) - from_iso("2024-08-30")) / HOUR_NS
        np.testing.assert_allclose(found, hours)
    found = (after_break("XTKS", opens, 30 * MINUTE_NS) - from_iso("2024-08-30")) / HOUR_NS
    np.testing.assert_allclose(found, [2, 2.5, 3, 3.5, 3.5])
    for calendar in ("XNYS", "XLON", "24/7"):
        np.testing.assert_array_equal(after_break(calendar, opens, HOUR_NS), opens)


def test_no_bar_is_moved_over_a_night() -> None:
    spans = stretches("XTKS")
    nights = spans.close_ns[1::2]
    np.testing.assert_array_equal(after_break("XTKS", nights, HOUR_NS), nights)
    np.testing.assert_array_equal(after_break("XTKS", nights[:-1], 30 * DAY_NS), nights[:-1])


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Europe/Berlin", "Asia/Tokyo", "UTC"])
def test_the_date_at_an_exchange_is_that_of_its_clock(zone: str) -> None:
    import pandas as pd

    instants = np.arange(from_iso("2024-01-01"), from_iso("2025-01-01"), 97 * MINUTE_NS, dtype=np.int64)
    clock = pd.DatetimeIndex(instants, tz="UTC").tz_convert(zone)
    np.testing.assert_array_equal(local_dates(instants, zone), clock.tz_localize(None).normalize().as_unit("ns").asi8)
