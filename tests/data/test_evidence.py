"""What a file proves of itself: length, zone and label of its bars, by stamps that are made here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from data_stock import BTC, PMI, SLOPE, SPY, proven

from tradeterm.core.errors import UsageError
from tradeterm.core.market import Instrument, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, MINUTE_NS, from_iso, from_ns, iso
from tradeterm.data.calendar import expected_opens, sessions, stretches
from tradeterm.store.bars import BarStore

# Two weeks of New York, in the middle of which its clock goes forward.
START, END = from_iso("2024-03-04"), from_iso("2024-03-16")
NEW_YORK = "America/New_York"
M1_NS, M15_NS = MINUTE_NS, 15 * MINUTE_NS


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "data")


def _file(folder: Path, stamps: list[str], head: str = "time") -> Path:
    path = folder / "bars.csv"
    path.write_text("\n".join([f"{head},open,high,low,close,volume", *(f"{ts},1,1,1,1,1" for ts in stamps)]) + "\n")
    return path


def _opens(step_ns: int) -> list[int]:
    found: list[int] = expected_opens("XNYS", START, END, step_ns).tolist()
    return found


def _closes(step_ns: int) -> list[int]:
    """Ends of the bars of each session, the last of which ends with it."""
    return [min(ts + step_ns, _close_of(ts)) for ts in _opens(step_ns)]


def _close_of(ts: int) -> int:
    days = sessions("XNYS")
    return int(days.close_ns[np.searchsorted(days.close_ns, ts, side="right")])


def _daily(first: str, last: str, step_ns: int) -> list[int]:
    """Instants between two wall-clock times of New York on each session, both included."""
    found = []
    for day in sessions("XNYS").date_ns:
        if START <= day < END:
            zone = ZoneInfo(NEW_YORK)
            begin, end = (
                from_ns(int(day)).replace(hour=int(text[:2]), minute=int(text[3:]), tzinfo=zone)
                for text in (first, last)
            )
            at = int(begin.timestamp()) * 10**9
            found += list(range(at, int(end.timestamp()) * 10**9 + 1, step_ns))
    return found


def _wall(stamps: list[int], zone: str) -> list[str]:
    return [from_ns(ts).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S") for ts in stamps]


def _utc(stamps: list[int]) -> list[str]:
    return [iso(ts) for ts in stamps]


def _offset(stamps: list[int]) -> list[str]:
    return [from_ns(ts).astimezone(ZoneInfo(NEW_YORK)).isoformat(sep=" ") for ts in stamps]


def _mixed() -> list[int]:
    """Yahoo's grid: hours on the clock around a session of hours from half past nine."""
    around = _daily("04:00", "09:00", HOUR_NS) + _daily("16:00", "19:00", HOUR_NS)
    return sorted(_opens(HOUR_NS) + around)


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        (_wall(_opens(HOUR_NS), NEW_YORK), ("1h", NEW_YORK, "open")),
        (_wall(_closes(HOUR_NS), NEW_YORK), ("1h", NEW_YORK, "close")),
        (_wall([ts + HOUR_NS for ts in _opens(HOUR_NS)], NEW_YORK), ("1h", NEW_YORK, "close")),
        (_wall(_opens(HOUR_NS), "UTC"), ("1h", "UTC", "open")),
        (_wall(_closes(HOUR_NS), "UTC"), ("1h", "UTC", "close")),
        (_utc(_opens(HOUR_NS)), ("1h", "UTC", "open")),
        (_offset(_closes(HOUR_NS)), ("1h", "UTC", "close")),
        ([str(ts // 10**9) for ts in _opens(HOUR_NS)], ("1h", "UTC", "open")),
        (_wall(_mixed(), NEW_YORK), ("1h", NEW_YORK, "open")),
        (_wall(_daily("04:00", "19:00", HOUR_NS), NEW_YORK), ("1h", NEW_YORK, "open")),
        (_wall(_daily("05:00", "20:00", HOUR_NS), NEW_YORK), ("1h", NEW_YORK, "close")),
        (_wall(_daily("04:15", "20:00", M15_NS), NEW_YORK), ("15m", NEW_YORK, "close")),
        (_wall(_daily("09:00", "15:00", HOUR_NS), NEW_YORK), ("1h", NEW_YORK, "open")),
        (_wall(_daily("10:00", "16:00", HOUR_NS), NEW_YORK), ("1h", NEW_YORK, "close")),
        (_wall(_opens(M1_NS), NEW_YORK), ("1m", NEW_YORK, "open")),
        (_wall(_closes(M1_NS), NEW_YORK), ("1m", NEW_YORK, "close")),
        (_wall(_opens(M1_NS), NEW_YORK)[::-1], ("1m", NEW_YORK, "open")),
    ],
)
def test_the_hours_of_an_exchange_prove_zone_and_label(store, tmp_path, stamps, expected):
    report = proven(store, _file(tmp_path, stamps), SPY)
    found = {item.what: item.value for item in report.recognised if item.what in ("timeframe", "tz", "label")}
    assert (found["timeframe"], found["tz"], found["label"]) == expected
    assert report.quarantined == {}


@pytest.mark.parametrize(
    ("calendar", "zone"), [("XLON", "Europe/London"), ("XETR", "Europe/Berlin"), ("XTKS", "Asia/Tokyo")]
)
@pytest.mark.parametrize("label", ["open", "close"])
@pytest.mark.parametrize("step_ns", [HOUR_NS, M15_NS])
def test_so_do_those_of_exchanges_abroad(store, tmp_path, calendar, zone, label, step_ns):
    # Two weeks around the day on which the clocks of Europe go forward.
    start, end = from_iso("2024-03-25"), from_iso("2024-04-06")
    opens = expected_opens(calendar, start, end, step_ns)
    spans = stretches(calendar)
    ends = spans.close_ns[np.searchsorted(spans.close_ns, opens, side="right")]
    stamps = opens if label == "open" else np.minimum(opens + step_ns, ends)
    path = _file(tmp_path, _wall(stamps.tolist(), zone))
    abroad = Instrument(symbol="ABC", asset_class=SPY.asset_class, calendar=calendar)
    # Of Tokyo's hours as many end after half an hour as after a whole one.
    length = {"timeframe": Timeframe.H1} if step_ns == HOUR_NS else {}
    report = proven(store, path, abroad, **length)
    found = {item.what: item.value for item in report.recognised}
    assert (found["tz"], found["label"]) == (zone, label)
    assert store.read(report.key).ts.tolist() == opens.tolist()


def test_zones_that_give_the_same_bars_are_one(store, tmp_path):
    # In winter London's clock shows UTC.
    opens = expected_opens("XLON", from_iso("2024-01-08"), from_iso("2024-01-20"), HOUR_NS).tolist()
    report = proven(store, _file(tmp_path, _wall(opens, "Europe/London")), replace(SPY, calendar="XLON"))
    assert store.read(report.key).ts.tolist() == opens


def test_the_bars_of_a_proven_reading_are_those_of_the_declared_one(store, tmp_path):
    path = _file(tmp_path, _wall(_closes(HOUR_NS), NEW_YORK))
    one = proven(store, path, SPY)
    other = BarStore(tmp_path / "other")
    two = proven(other, path, SPY, tz=NEW_YORK, label="close")
    assert store.fingerprint(one.key) == other.fingerprint(two.key)
    assert store.read(one.key).ts.tolist() == _opens(HOUR_NS)
    assert not any(item.what in ("tz", "label") for item in two.recognised)


@pytest.mark.parametrize(
    ("stamps", "more", "missing"),
    [
        # In the middle of a session both ends of a bar lie in it, and those of other zones too.
        (_wall(_daily("11:00", "15:00", HOUR_NS), NEW_YORK), {}, "--tz and --label"),
        (_wall(_daily("11:00", "15:00", HOUR_NS), NEW_YORK), {"tz": NEW_YORK}, "--label"),
        (_wall(_daily("08:00", "17:00", HOUR_NS), NEW_YORK), {"tz": NEW_YORK}, "--label"),
        # A bar for the auction at four beside the one at half past nine.
        (_wall(_daily("09:30", "16:00", M1_NS), NEW_YORK), {}, "--tz and --label"),
        (_wall(_opens(30 * M1_NS), "Europe/Warsaw"), {}, "--tz and --label"),
        (_wall(_opens(30 * M1_NS), "Europe/Warsaw"), {"label": "open"}, "--tz"),
        (_wall(_opens(30 * M1_NS), "America/Chicago"), {}, "--tz and --label"),
        # The ends of Chicago's hours are the opens of New York's, but for the last one, which is half an hour long.
        (_wall(_closes(HOUR_NS), "America/Chicago"), {}, "--tz and --label"),
        (_wall(_opens(HOUR_NS)[:14], NEW_YORK), {}, "--tz and --label"),
    ],
)
def test_what_the_hours_leave_open_is_asked_for(store, tmp_path, stamps, more, missing):
    with pytest.raises(UsageError, match=f"; say it with {missing}; nothing was changed$") as caught:
        proven(store, _file(tmp_path, stamps), SPY, **more)
    assert "\n" not in str(caught.value)


def test_a_zone_that_is_said_lets_the_hours_prove_the_label(store, tmp_path):
    path = _file(tmp_path, _wall(_closes(HOUR_NS), "Europe/Warsaw"))
    report = proven(store, path, SPY, tz="Europe/Warsaw")
    assert [item.value for item in report.recognised if item.what in ("tz", "label")] == ["close"]
    assert store.read(report.key).ts.tolist() == _opens(HOUR_NS)


@pytest.mark.parametrize(
    ("stamps", "more", "told"),
    [
        (
            _wall(_mixed(), NEW_YORK),
            {"label": "close"},
            "are in America/New_York and are their opens, and --tz or --label",
        ),
        (_wall(_mixed(), NEW_YORK), {"tz": "UTC"}, "are in America/New_York and are their opens, and --tz or --label"),
        (_utc(_opens(HOUR_NS)), {"label": "close"}, "only where stamps are their opens, here they are taken for"),
        (_wall(_closes(M1_NS), NEW_YORK), {"tz": NEW_YORK, "label": "open"}, "only where stamps are their closes"),
        (_utc(_daily("05:00", "20:00", HOUR_NS)), {"label": "open"}, "only where stamps are their closes"),
    ],
)
def test_what_the_hours_prove_wrong_is_refused_though_it_was_said(store, tmp_path, stamps, more, told):
    with pytest.raises(UsageError, match=told) as caught:
        proven(store, _file(tmp_path, stamps), SPY, **more)
    assert "\n" not in str(caught.value)
    assert not list(store.data_dir.rglob("*.parquet"))


def _every(step_ns: int, count: int = 40) -> list[int]:
    return [START + place * step_ns for place in range(count)]


@pytest.mark.parametrize(
    ("head", "stamps", "more", "missing"),
    [
        ("time", _wall(_every(HOUR_NS), "UTC"), {}, "--tz and --label"),
        ("time", _wall(_every(HOUR_NS), "UTC"), {"label": "open"}, "--tz"),
        ("open_time", _wall(_every(HOUR_NS), "UTC"), {}, "--tz"),
        ("time", _utc(_every(HOUR_NS)), {}, "--label"),
        ("unix", [str(ts // 10**9) for ts in _every(HOUR_NS)], {}, "--label"),
        ("Gmt time", _wall(_every(HOUR_NS), "UTC"), {}, "--label"),
    ],
)
def test_around_the_clock_nothing_but_names_proves_a_label_or_zone(store, tmp_path, head, stamps, more, missing):
    with pytest.raises(UsageError, match=f"; say it with {missing}; nothing was changed$"):
        proven(store, _file(tmp_path, stamps, head), BTC, **more)


@pytest.mark.parametrize(
    ("head", "shift"), [("open_time", 0), ("Open time", 0), ("close_time", HOUR_NS), ("Close time", HOUR_NS)]
)
def test_a_name_says_which_end_of_a_bar_its_stamps_are(store, tmp_path, head, shift):
    report = proven(store, _file(tmp_path, _utc([ts + shift for ts in _every(HOUR_NS)]), head), BTC)
    assert store.read(report.key).ts.tolist() == _every(HOUR_NS)


@pytest.mark.parametrize(
    ("instrument", "stamps", "told"),
    [
        (BTC, _utc(_every(4 * HOUR_NS)), "are 240 min apart at 39 of 39 places; bars of 1m, 5m, 15m, 30m and 1h"),
        (BTC, _utc(_every(3 * MINUTE_NS)), "are 3 min apart"),
        (SPY, [text[:10] for text in _utc(_every(7 * DAY_NS))], "most often 7 days apart; daily bars can be imported"),
        (SPY, [f"2024-{month:02d}-01" for month in range(1, 13)], "most often 31 days apart"),
        (
            BTC,
            _utc(_every(HOUR_NS, 2)),
            r"don't prove how long a bar is \(there are 2 of them\); say it with --timeframe",
        ),
        (BTC, _utc([START, START + 7 * DAY_NS]), "don't prove how long a bar is"),
        (
            BTC,
            _utc([START + step * MINUTE_NS for step in (0, 1, 3, 8, 20, 21, 43, 60, 90)]),
            r"\(most often they are 1 min apart at 2 of 8 places\)",
        ),
    ],
)
def test_a_length_that_is_not_proven_or_cannot_be_imported_is_refused(store, tmp_path, instrument, stamps, told):
    with pytest.raises(UsageError, match=told):
        proven(store, _file(tmp_path, stamps), instrument, label="open")


@pytest.mark.parametrize(
    ("instrument", "stamps", "timeframe"),
    [
        (SLOPE, ["2024-01-05", "2024-01-08", "2024-01-09", "2024-01-10"], "daily"),
        (PMI, ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"], "monthly"),
        (PMI, ["2024-01-01", "2024-02-01", "2024-04-01", "2024-05-01"], "monthly"),
    ],
)
def test_a_series_is_daily_or_monthly_by_its_dates(store, tmp_path, instrument: Instrument, stamps, timeframe):
    path = tmp_path / "values.csv"
    path.write_text("date,value\n" + "".join(f"{stamp},1\n" for stamp in stamps))
    assert proven(store, path, instrument).key.timeframe == timeframe


def test_a_quarterly_series_is_refused(store, tmp_path):
    path = tmp_path / "values.csv"
    path.write_text("date,value\n" + "".join(f"2024-{month:02d}-01,1\n" for month in (1, 4, 7, 10)))
    with pytest.raises(
        UsageError, match=r"most often 9[12] days apart; daily bars can be imported, and monthly values"
    ):
        proven(store, path, PMI)


# Days and months.


@pytest.mark.parametrize(
    ("stamps", "more", "days"),
    [
        (["12/31/2023", "01/02/2024", "01/03/2024"], {}, ["2024-01-02", "2024-01-03"]),
        (["31/12/2023", "02/01/2024", "03/01/2024"], {}, ["2024-01-02", "2024-01-03"]),
        (["31.12.2023", "02.01.2024", "03.01.2024"], {}, ["2024-01-02", "2024-01-03"]),
        (["12/29/23", "1/2/24", "1/3/24"], {}, ["2023-12-29", "2024-01-02", "2024-01-03"]),
        (["02/01/2024", "03/01/2024"], {"dates": "day-first"}, ["2024-01-02", "2024-01-03"]),
        (["1/2/2024", "1/3/2024"], {"dates": "month-first"}, ["2024-01-02", "2024-01-03"]),
        (["29/12/23", "02/01/24", "03/01/24"], {"dates": "day-first"}, ["2023-12-29", "2024-01-02", "2024-01-03"]),
    ],
)
def test_a_thirteenth_day_proves_the_order_of_all_dates(store, tmp_path, stamps, more, days):
    report = proven(store, _file(tmp_path, stamps), SPY, timeframe=Timeframe.DAILY, **more)
    assert [iso(ts)[:10] for ts in store.read(report.key).ts.tolist()] == days


@pytest.mark.parametrize(
    "stamps", [["02/01/2024", "03/01/2024"], ["02.01.2024", "03.01.2024"], ["29/12/23", "02/01/24"]]
)
def test_an_order_that_nothing_proves_is_asked_for(store, tmp_path, stamps):
    with pytest.raises(
        UsageError, match=r"line 2: '.*' may name the month or the day first, .* --dates month-first or"
    ):
        proven(store, _file(tmp_path, stamps), SPY, timeframe=Timeframe.DAILY)


SPLIT = [
    "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits",
    "2024-01-02,{a},{a},{a},{a},1,0,0",
    "2024-01-03,{b},{b},{b},{b},1,0,{ratio}",
    "2024-01-04,{b},{b},{b},{b},1,0,0",
]


@pytest.mark.parametrize(
    ("before", "after", "ratio", "right", "wrong"),
    [
        (400, 101, 4, "none", "split"),
        (100, 101, 4, "split", "none"),
        (2, 19, 0.1, "none", "all"),
        (20, 19, 0.1, "all", "none"),
    ],
)
def test_a_split_in_the_file_shows_how_its_prices_are_adjusted(
    store, tmp_path, before, after, ratio, right, wrong
) -> None:
    path = tmp_path / "split.csv"
    path.write_text("\n".join(SPLIT).format(a=before, b=after, ratio=ratio) + "\n")
    with pytest.raises(UsageError, match=r"line 3: the split of .* to 1 is (not )?in its prices; say --adjustment"):
        proven(store, path, SPY, adjustment=wrong)
    assert proven(store, path, SPY, adjustment=right).stored == 3


def test_a_close_that_differs_from_the_adjusted_one_holds_no_dividends(store, tmp_path):
    path = tmp_path / "adjusted.csv"
    rows = "2024-01-02,10,12,9,11,10.5\n2024-01-03,11,13,10,12,12\n2024-01-04,12,14,11,13,13\n"
    path.write_text("Date,Open,High,Low,Close,Adj Close\n" + rows)
    with pytest.raises(UsageError, match="its adjusted close differs from its close in 1 rows"):
        proven(store, path, SPY, adjustment="all")
    assert proven(store, path, SPY, adjustment="split").stored == 3


def test_a_report_shows_the_first_and_the_last_bar_as_stored(store, tmp_path):
    path = _file(tmp_path, _wall(_closes(HOUR_NS), NEW_YORK))
    first, last = proven(store, path, SPY).shown
    assert (iso(first.ts_ns), iso(last.ts_ns)) == ("2024-03-04T14:30:00Z", "2024-03-15T19:30:00Z")
    assert (last.open, last.volume) == (1, 1)


def test_bars_that_cross_the_open_of_a_session_are_counted(store, tmp_path):
    on_the_clock = proven(store, _file(tmp_path, _wall(_daily("04:00", "19:00", HOUR_NS), NEW_YORK)), SPY)
    assert (on_the_clock.crosses, on_the_clock.left_out, on_the_clock.stored) == (10, 100, 60)
    # Where a bar opens with the session, the one before is over by then.
    other = BarStore(tmp_path / "other")
    assert proven(other, _file(tmp_path, _wall(_mixed(), NEW_YORK)), SPY).crosses == 0


def test_a_series_of_hours_is_refused_for_what_it_is(store, tmp_path):
    path = tmp_path / "values.csv"
    path.write_text("time,value\n" + "".join(f"{text},1\n" for text in _wall(_every(HOUR_NS), "UTC")))
    with pytest.raises(UsageError, match="a macro series is daily or monthly, was 1h"):
        proven(store, path, SLOPE)


def test_monthly_values_need_a_schedule_of_months(store, tmp_path):
    path = tmp_path / "values.csv"
    path.write_text("date,value\n2024-01-01,1\n2024-02-01,1\n2024-03-01,1\n2024-04-01,1\n")
    with pytest.raises(UsageError, match="kind next_business_day, by which monthly values would be known before"):
        proven(store, path, SLOPE)
    with pytest.raises(UsageError, match=r"release schedule, .*T10Y2Y={kind: month_end_lag, lag_days: 30, "):
        proven(store, path, SLOPE, publication=None)
