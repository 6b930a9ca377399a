from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

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


@pytest.mark.parametrize("cell", ["", "yesterday", "2024-13-01", "12", "30/08/2024", None, "nan", float("nan"), True])
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
