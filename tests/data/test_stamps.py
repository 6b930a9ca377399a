from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeterm.core.errors import UsageError
from tradeterm.core.time import from_iso, iso
from tradeterm.data.stamps import BAD, dates_of, instants_of, parse_stamps

_NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("cell", "instant"),
    [
        ("2024-08-30T13:30:00Z", "2024-08-30T13:30:00Z"),
        ("2024-08-30 09:30:00-04:00", "2024-08-30T13:30:00Z"),
        ("2024-08-30 09:30:00", "2024-08-30T13:30:00Z"),
        ("2024-12-30 09:30", "2024-12-30T14:30:00Z"),
        ("1725024600", "2024-08-30T13:30:00Z"),
        ("1725024600.0", "2024-08-30T13:30:00Z"),
        ("1725024600000", "2024-08-30T13:30:00Z"),
        ("1725024600000000", "2024-08-30T13:30:00Z"),
        (1725024600000000000, "2024-08-30T13:30:00Z"),
        (datetime(2024, 8, 30, 13, 30, tzinfo=UTC), "2024-08-30T13:30:00Z"),
        ("2024-08-30 04-AM", "2024-08-30T08:00:00Z"),
        ("08/30/2024 09:30", "2024-08-30T13:30:00Z"),
    ],
)
def test_times_of_many_shapes_are_one_instant(cell, instant):
    assert iso(int(instants_of(parse_stamps([cell]), _NEW_YORK)[0])) == instant


@pytest.mark.parametrize("cell", ["", "yesterday", "2024-13-01", "12", "30/30/2024", None, "nan", float("nan"), True])
def test_what_is_no_time_is_marked(cell):
    assert instants_of(parse_stamps([cell]), "UTC")[0] == BAD


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2024-08-30", "2024-08-30"),
        ("20240830", "2024-08-30"),
        ("08/30/2024", "2024-08-30"),
        (date(2024, 8, 30), "2024-08-30"),
        ("2024-08-30T00:00:00Z", "2024-08-30"),
        ("2024-08-30T13:30:00Z", "2024-08-30"),
        ("2024-08-30 00:00:00-04:00", "2024-08-30"),
        ("2024-08-31T01:00:00Z", "2024-08-30"),
        ("2024-08-30 16:00:00", "2024-08-30"),
    ],
)
def test_a_daily_stamp_means_the_date_of_the_market(cell, day):
    assert dates_of(parse_stamps([cell]), _NEW_YORK)[0] == from_iso(day)


def test_the_hour_that_a_clock_shows_twice_is_told_apart_by_order():
    cells = ["2024-11-03 00:30", "2024-11-03 01:30", "2024-11-03 01:30", "2024-11-03 02:30"]
    instants = ["2024-11-03T04:30:00Z", "2024-11-03T05:30:00Z", "2024-11-03T06:30:00Z", "2024-11-03T07:30:00Z"]
    assert [iso(int(item)) for item in instants_of(parse_stamps(cells), _NEW_YORK)] == instants
    assert [iso(int(item)) for item in instants_of(parse_stamps(cells[::-1]), _NEW_YORK)] == instants[::-1]


def test_an_hour_that_a_clock_never_showed_is_no_time():
    found = instants_of(parse_stamps(["2024-03-10 01:30", "2024-03-10 02:30", "2024-03-10 03:30"]), _NEW_YORK)
    assert (found == BAD).tolist() == [False, True, False]
    assert [iso(int(item)) for item in found[[0, 2]]] == ["2024-03-10T06:30:00Z", "2024-03-10T07:30:00Z"]


def test_an_unknown_zone_is_wrong_usage():
    with pytest.raises(UsageError, match="time zone 'Mars/Base': not known"):
        instants_of(parse_stamps(["2024-03-10 01:30"]), "Mars/Base")


def test_many_local_times_agree_with_pandas():
    import pandas as pd

    clock = pd.date_range("2023-01-01", "2024-12-31", freq="37min")
    clock = clock[(clock.hour > 3)]
    found = instants_of(parse_stamps([str(item) for item in clock]), _NEW_YORK)
    np.testing.assert_array_equal(found, clock.tz_localize(_NEW_YORK).as_unit("ns").asi8)


@pytest.mark.parametrize(
    ("cell", "instant"),
    [
        ("2024-08-30T13:30:00.250Z", "2024-08-30T13:30:00.250000Z"),
        ("2024-08-30 13:30:00.250000", "2024-08-30T13:30:00.250000Z"),
        ("2024/08/30 13:30", "2024-08-30T13:30:00Z"),
        ("2024.08.30 13:30:05", "2024-08-30T13:30:05Z"),
        ("20240830 13:30:00", "2024-08-30T13:30:00Z"),
        ("20240830 133000", "2024-08-30T13:30:00Z"),
        ("20240830 1330", "2024-08-30T13:30:00Z"),
        ("2024-08-30 12-AM", "2024-08-30T00:00:00Z"),
        ("2024-08-30 12-PM", "2024-08-30T12:00:00Z"),
        ("2024-08-30 1-PM", "2024-08-30T13:00:00Z"),
        ("8/30/2024 1:30:00 PM", "2024-08-30T13:30:00Z"),
        ("8/30/2024, 1:30 p.m.", "2024-08-30T13:30:00Z"),
        ("30.08.2024 13:30:00.000", "2024-08-30T13:30:00Z"),
        ("30-08-2024 13:30", "2024-08-30T13:30:00Z"),
        ("Aug 30, 2024", "2024-08-30T00:00:00Z"),
        ("August 30 2024 13:30", "2024-08-30T13:30:00Z"),
        ("30-Aug-2024", "2024-08-30T00:00:00Z"),
        ("30 Sept 24", "2024-09-30T00:00:00Z"),
        ("30-Aug-99", "1999-08-30T00:00:00Z"),
        ("2024-08-30 13:30:00 UTC", "2024-08-30T13:30:00Z"),
        ("2024-08-30 09:30:00-0400", "2024-08-30T13:30:00Z"),
        ("2024-08-30 09:30:00-04", "2024-08-30T13:30:00Z"),
        ("2024-08-30 19:00:00+05:30", "2024-08-30T13:30:00Z"),
        ("1725024600.5", "2024-08-30T13:30:00.500000Z"),
        (" 2024-08-30 13:30 ", "2024-08-30T13:30:00Z"),
        (1725024600, "2024-08-30T13:30:00Z"),
        (1725024600000.0, "2024-08-30T13:30:00Z"),
    ],
)
def test_times_of_more_shapes_are_one_instant(cell, instant):
    assert iso(int(instants_of(parse_stamps([cell]), "UTC")[0])) == instant


@pytest.mark.parametrize(
    "cell",
    [
        "2024-02-30",
        "2023-02-29 10:00:00",
        "2024-08-30 24:01:00",
        "2024-08-30 10:60:00",
        "2024-08-30 13-PM",
        "2024-08-30 0-AM",
        "2024-08.30",
        "30 Nonsense 2024",
        "31/31/2024",
        "9999-12-31",
        "0001-01-01",
        "99999999999999999999999",
        "1e9",
        "09:30:00",
        "2024-08-30 5",
        "\u0662\u0660\u0662\u0664-08-30",
        "2024-08-30T13:30:00+25:00",
    ],
)
def test_what_no_clock_or_calendar_shows_is_no_time(cell):
    assert parse_stamps([cell]).wall[0] == BAD


_FORMS = ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f"]
_FORMS += ["%Y-%m-%d %I-%p", "%Y%m%d %H:%M:%S", "%Y%m%d %H%M%S"]
_FIRST, _LAST = datetime(1900, 1, 1), datetime(2090, 1, 1)  # noqa: DTZ001 - what is drawn are wall clocks


@given(
    moments=st.lists(st.datetimes(_FIRST, _LAST), min_size=1, max_size=20),
    form=st.sampled_from(_FORMS),
    zone=st.sampled_from(["", "Z", "+05:30", "-04:00"]),
)
def test_a_column_read_at_once_is_read_as_each_of_its_cells(moments, form, zone):
    clocked = "%M" in form and "%Y%m" not in form
    cells = [moment.strftime(form) + (zone if clocked else "") for moment in moments]
    found = parse_stamps(cells)
    for row, cell in enumerate(cells):
        read = datetime.strptime(
            cell + ("" if zone and clocked else " +0000"), f"{form}{'' if zone and clocked else ' '}%z"
        )
        assert found.wall[row] == (read - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
        assert found.is_instant[row] == bool(zone and clocked)


@given(number=st.integers(10**8, 4 * 10**18), fraction=st.sampled_from(["", ".0"]))
def test_a_number_counts_from_1970_in_the_unit_of_its_size(number, fraction):
    unit = next(unit for bound, unit in ((1e11, 10**9), (1e14, 10**6), (1e17, 10**3), (1e19, 1)) if number < bound)
    wall = parse_stamps([f"{number}{fraction}"]).wall[0]
    assert wall == (number * unit if number * unit < 4 * 10**18 else BAD)


def test_the_order_of_days_and_months_is_that_of_all_dates():
    assert parse_stamps(["01/02/2024", "01/31/2024"]).order == "month-first"
    assert parse_stamps(["01/02/2024", "31/01/2024"]).order == "day-first"
    assert parse_stamps(["01/02/2024", "02/02/2024"]).order == "ambiguous"
    mixed = parse_stamps(["01/02/2024", "31/01/2024", "01/31/2024"])
    assert (mixed.order, mixed.doubt, mixed.wall.tolist()) == ("mixed", 2, [BAD] * 3)
    # 24/08/30 is a year first as likely as a day first.
    assert parse_stamps(["24/08/30"]).order == "ambiguous"
    assert parse_stamps(["08/30/24"]).order == "month-first"
    assert parse_stamps(["2024-01-02"]).order == ""
