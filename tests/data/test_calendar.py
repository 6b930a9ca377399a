from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tradeterm.core.errors import DataError
from tradeterm.core.exchanges import CALENDARS, EXCHANGES
from tradeterm.core.time import DAY_NS, H4_NS, HOUR_NS, from_iso, iso, iso_date
from tradeterm.data.calendar import (
    expected_opens,
    is_tradable,
    local_instants,
    next_close_after,
    next_expected_close,
    session_index,
    sessions,
    stretches,
)


def _ns(*texts: str) -> np.ndarray:
    return np.array([from_iso(text) for text in texts], dtype=np.int64)


@pytest.mark.parametrize("calendar", CALENDARS)
def test_sessions_and_their_stretches_are_in_order_and_never_overlap(calendar):
    days = sessions(calendar)
    for parts in (days, stretches(calendar)):
        assert (parts.close_ns > parts.open_ns).all()
        assert (parts.open_ns[1:] >= parts.close_ns[:-1]).all()
    assert ((days.pause_ns > days.open_ns) & (days.resume_ns >= days.pause_ns)).all()
    assert (days.resume_ns <= days.close_ns).all()


def test_every_utc_day_is_a_session_around_the_clock():
    days = sessions("24/7")
    assert (np.diff(days.open_ns) == DAY_NS).all()
    assert iso_date(int(days.open_ns[-1])) == "2035-12-31"


def test_intervals_are_tradable_where_the_exchange_is_open_in_them():
    times = from_iso("2024-03-07") + H4_NS * np.arange(30, dtype=np.int64)
    open_ = {iso(int(time)) for time in times[is_tradable("XNYS", times, H4_NS)]}
    # Winter: 14:30Z-21:00Z reaches into three intervals; summer, from Monday: 13:30Z-20:00Z into two.
    assert open_ == {
        *(f"2024-03-0{day}T{hour}:00:00Z" for day in (7, 8) for hour in (12, 16, 20)),
        *(f"2024-03-11T{hour}:00:00Z" for hour in (12, 16)),
    }
    assert is_tradable("24/7", times, H4_NS).all()


def test_days_without_a_session_are_not_tradable():
    times = _ns("2024-07-03", "2024-07-04", "2024-07-05", "2024-07-06", "2025-01-09")
    assert is_tradable("XNYS", times, DAY_NS).tolist() == [True, False, True, False, False]


def test_the_interval_after_a_half_day_is_not_tradable():
    times = _ns("2024-11-29T12:00Z", "2024-11-29T16:00Z", "2024-11-29T20:00Z")
    assert is_tradable("XNYS", times, H4_NS).tolist() == [True, True, False]


def test_the_next_close_skips_nights_weekends_and_holidays():
    found = next_close_after("XNYS", _ns("2024-07-03T16:59Z", "2024-07-03T17:00Z", "2024-03-08T21:00Z"))
    np.testing.assert_array_equal(found, _ns("2024-07-03T17:00Z", "2024-07-05T20:00Z", "2024-03-11T20:00Z"))


def test_expected_hours_of_a_half_day_and_of_the_year():
    found = expected_opens("XNYS", from_iso("2024-11-28"), from_iso("2024-11-30"), HOUR_NS)
    np.testing.assert_array_equal(
        found, _ns("2024-11-29T14:30Z", "2024-11-29T15:30Z", "2024-11-29T16:30Z", "2024-11-29T17:30Z")
    )
    # 252 sessions, three of them half days with 4 bars instead of 7.
    assert len(expected_opens("XNYS", from_iso("2024-01-01"), from_iso("2025-01-01"), HOUR_NS)) == 249 * 7 + 3 * 4
    assert len(expected_opens("24/7", from_iso("2024-01-01"), from_iso("2025-01-01"), HOUR_NS)) == 366 * 24


def test_expected_opens_start_and_end_inside_a_session():
    found = expected_opens("XNYS", from_iso("2024-03-08T15:00Z"), from_iso("2024-03-08T17:30Z"), HOUR_NS)
    np.testing.assert_array_equal(found, _ns("2024-03-08T15:30Z", "2024-03-08T16:30Z"))


def test_the_next_bar_is_expected_within_its_session():
    assert next_expected_close("XNYS", from_iso("2024-03-08T20:30Z"), HOUR_NS) == from_iso("2024-03-08T21:00Z")
    assert next_expected_close("XNYS", from_iso("2024-03-08T21:00Z"), HOUR_NS) == from_iso("2024-03-11T14:30Z")


def test_instants_outside_sessions_have_no_session():
    found = session_index("XNYS", _ns("2024-03-08T14:29Z", "2024-03-08T14:30Z", "2024-03-08T21:00Z"))
    assert found[0] == found[2] == -1
    assert sessions("XNYS").date_ns[found[1]] == from_iso("2024-03-08")


def test_wall_clock_times_follow_the_zone_of_their_date():
    found = local_instants(_ns("2024-03-08", "2024-03-11", "2024-03-08"), 16 * 60 + 15, "America/New_York")
    np.testing.assert_array_equal(found, _ns("2024-03-08T21:15Z", "2024-03-11T20:15Z", "2024-03-08T21:15Z"))


def test_an_unknown_calendar_and_a_time_after_the_last_session_are_named():
    with pytest.raises(DataError, match="calendar 'XNSY': not known; did you mean 'XNYS'"):
        sessions("XNSY")
    with pytest.raises(DataError, match="2036-06-01T00:00:00Z is after its last session"):
        next_close_after("24/7", _ns("2036-06-01"))


_PROBE = """
import sys
from pathlib import Path
from tradeterm.data.calendar import stretches, use_calendar_cache
use_calendar_cache(Path(sys.argv[1]) if sys.argv[1] else None)
whole = [stretches(name) for name in sys.argv[2:]]
heavy = "pandas" in sys.modules or "exchange_calendars" in sys.modules
print(sum(map(len, whole)), sum(int(part.close_ns.sum() % 2**40) for part in whole), heavy)
"""


def _probe(folder: Path | str, *calendars: str) -> list[str]:
    words = [sys.executable, "-c", _PROBE, str(folder), *(calendars or ("XTKS",))]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.split()


def test_the_second_process_imports_neither_pandas_nor_exchange_calendars(tmp_path):
    first, second = _probe(tmp_path, *CALENDARS), _probe(tmp_path, *CALENDARS)
    assert len(list((tmp_path / "calendars").iterdir())) == len({item.sessions for item in EXCHANGES.values()} - {None})
    assert first[:2] == second[:2]
    assert (first[2], second[2]) == ("True", "False")


def test_a_damaged_cache_is_built_again_and_an_unwritable_one_is_done_without(tmp_path):
    whole = _probe("")
    assert _probe(tmp_path)[:2] == whole[:2]
    (file,) = (tmp_path / "calendars").iterdir()
    file.write_bytes(file.read_bytes()[:500])
    assert _probe(tmp_path) == [*whole[:2], "True"]
    assert _probe(tmp_path) == [*whole[:2], "False"]
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder would be")
    assert _probe(blocked)[:2] == whole[:2]
