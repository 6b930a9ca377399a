from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from data_stock import BTC, NOW, PMI, SLOPE, SPY, VIX, brought_in, key_of

from tradeterm.core.errors import DataError, NotBars, UsageError
from tradeterm.core.market import AssetClass, BarKey, Timeframe
from tradeterm.core.time import from_iso, iso
from tradeterm.data.quarantine import quarantined
from tradeterm.data.refresh import RefreshPlan, refresh
from tradeterm.store.bars import BarStore

H1, H4, DAILY, MONTHLY, M30 = Timeframe.H1, Timeframe.H4, Timeframe.DAILY, Timeframe.MONTHLY, Timeframe.M30

_HOURS = """ts,open,high,low,close,volume
2024-03-08T09:00:00Z,90,99,80,91,0
2024-03-08T14:30:00Z,100,103,99,101,10
2024-03-08T15:30:00Z,101,108,100,107,11
2024-03-08T16:30:00Z,107,109,104,105,12
2024-03-08T17:30:00Z,105,106,95,96,13
2024-03-08T18:30:00Z,96,98,94,97,14
2024-03-08T19:30:00Z,97,120,90,110,15
2024-03-08T20:30:00Z,110,112,109,111,16
2024-03-08T21:00:00Z,111,500,1,111,0
"""


@pytest.fixture
def store(tmp_path) -> BarStore:
    return BarStore(tmp_path / "data")


def _file(tmp_path: Path, text: str, name: str = "bars.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def _state(store: BarStore) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(store.data_dir.rglob("*.parquet"))
    }


def test_hours_become_h4_and_daily_bars_without_extended_hours(store, tmp_path):
    report = brought_in(store, _file(tmp_path, _HOURS), SPY, H1)
    assert (report.rows_in, report.stored, report.left_out) == (9, 7, 2)
    assert report.quarantined == {}
    assert [str(key) for key in report.derived] == ["SPY h4", "SPY daily"]
    h4 = store.read(key_of(SPY, H4))
    assert [iso(int(ts)) for ts in h4.ts] == ["2024-03-08T12:00:00Z", "2024-03-08T16:00:00Z", "2024-03-08T20:00:00Z"]
    assert h4.close.tolist() == [101, 97, 111]
    daily = store.read(key_of(SPY, DAILY))
    assert (daily.high.tolist(), daily.low.tolist(), daily.volume.tolist()) == ([120], [90], [91])
    meta = store.meta(key_of(SPY, DAILY))
    assert (meta.source, meta.derived, meta.extra) == ("derived:1h", True, {"origin": "import:bars.csv", "gaps": 0})


def test_importing_again_changes_nothing(store, tmp_path):
    text = _HOURS + "2024-03-08T19:00:00Z,97,1,90,110,15\n"
    brought_in(store, _file(tmp_path, text), SPY, H1)
    before = _state(store)
    again = brought_in(store, _file(tmp_path, text), SPY, H1, now_ns=NOW + 1)
    assert (again.added, again.restated) == (0, ())
    assert _state(store) == before


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("2024-03-08T15:30:00Z,101,100.5,100,107,11", "ohlc-consistency"),
        ("2024-03-08T15:30:00Z,101,108,102,107,11", "ohlc-consistency"),
        ("2024-03-08T15:30:00Z,0,108,0,107,11", "non-positive-price"),
        ("2024-03-08T15:30:00Z,101,108,-1,107,11", "non-positive-price"),
        ("2024-03-08T15:30:00Z,101,108,100,107,-5", "negative-volume"),
        ("2024-03-08T15:30:00Z,101,108,100,many,11", "unparsable-value"),
        ("2024-03-08T15:30:00Z,101,108,100,,11", "unparsable-value"),
        ("2024-03-08T15:30:00Z,101,108", "unparsable-value"),
        ("2024-03-08T15:30:00Z,inf,inf,inf,inf,11", "unparsable-value"),
        ("2024-03-08T15:30:00Z,101,108,100,107,lots", "unparsable-value"),
        ("half past three,101,108,100,107,11", "unparsable-stamp"),
        ("2025-08-08T15:30:00Z,101,108,100,107,11", "future-stamp"),
    ],
)
def test_a_bad_row_is_named_by_line_and_rule_and_the_rest_goes_in(store, tmp_path, row, rule):
    lines = _HOURS.splitlines()
    lines[3] = row
    report = brought_in(store, _file(tmp_path, "\n".join(lines)), SPY, H1)
    assert report.quarantined == {rule: (4,)}
    assert (report.stored, report.left_out) == (6, 2)
    (kept,) = quarantined(store.data_dir, key_of(SPY, H1))
    assert (kept.file, kept.line, kept.rule, kept.raw, kept.found_at_ns) == ("bars.csv", 4, rule, row, NOW)


def test_bad_ticks_outside_the_session_are_left_out_before_any_rule(store, tmp_path):
    text = _HOURS.replace("2024-03-08T21:00:00Z,111,500,1,111,0", "2024-03-08T21:00:00Z,111,5,600,-1,0")
    report = brought_in(store, _file(tmp_path, text), SPY, H1)
    assert (report.quarantined, report.left_out) == ({}, 2)


def test_a_repeated_row_is_counted_and_of_conflicting_ones_the_larger_volume_stays(store, tmp_path):
    text = (
        "ts,open,high,low,close,volume\n"
        "2024-03-08T00:00:00Z,1,2,1,2,5\n"
        "2024-03-08T00:00:00Z,1,2,1,2,5\n"
        "2024-03-08T01:00:00Z,2,3,2,3,5\n"
        "2024-03-08T01:00:00Z,2,9,2,9,6\n"
        "2024-03-08T01:00:00Z,2,3,2,3,5\n"
    )
    report = brought_in(store, _file(tmp_path, text), BTC, H1)
    assert report.repeated == 2
    assert report.quarantined == {"duplicate-stamp": (4,)}
    assert store.read(key_of(BTC, H1)).close.tolist() == [2, 9]


def test_every_row_is_accounted_for(store, tmp_path):
    text = _HOURS + "x,1,1,1,1,1\n2024-03-08T20:30:00Z,110,112,109,111,16\n2025-06-02T13:30:00Z,1,1,1,1,1\n"
    report = brought_in(store, _file(tmp_path, text), SPY, H1)
    rejected = sum(len(lines) for lines in report.quarantined.values())
    counted = report.stored + rejected + report.left_out + report.unfinished + report.blank + report.repeated
    assert (report.rows_in, counted) == (12, 12)


def test_newest_first_files_are_sorted_and_said_so(store, tmp_path):
    head, *rows = _HOURS.splitlines()
    one = brought_in(store, _file(tmp_path, _HOURS), SPY, H1)
    other = BarStore(tmp_path / "other")
    two = brought_in(other, _file(tmp_path, "\n".join([head, *rows[::-1]])), SPY, H1)
    assert (one.sorted_here, two.sorted_here) == (False, True)
    assert store.fingerprint(key_of(SPY, H1)) == other.fingerprint(key_of(SPY, H1))


def test_close_labels_in_local_time_are_the_same_bars(store, tmp_path):
    closes = ["10:30", "11:30", "12:30", "13:30", "14:30", "15:30", "16:00"]
    rows = _HOURS.splitlines()[2:9]
    text = "Time,Open,High,Low,Close,Volume\n" + "\n".join(
        f"2024-03-08 {at},{row.partition(',')[2]}" for at, row in zip(closes, rows, strict=True)
    )
    brought_in(store, _file(tmp_path, text), SPY, H1, label="close", tz="America/New_York")
    other = BarStore(tmp_path / "other")
    brought_in(other, _file(tmp_path, _HOURS), SPY, H1)
    for timeframe in (H1, H4, DAILY):
        assert store.fingerprint(key_of(SPY, timeframe)) == other.fingerprint(key_of(SPY, timeframe))


def test_gzip_and_parquet_hold_the_same_bars_as_csv(store, tmp_path):
    plain = _file(tmp_path, _HOURS)
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(_HOURS.encode()))
    columns = tmp_path / "bars.parquet"
    table = pyarrow.csv.read_csv(plain)
    pq.write_table(table.set_column(0, "Date", table["ts"].cast(pa.timestamp("ns", tz="UTC"))), columns)
    prints = set()
    for name, path in {"a": plain, "b": packed, "c": columns}.items():
        other = BarStore(tmp_path / name)
        assert brought_in(other, path, SPY, H1).stored == 7
        prints.add(other.fingerprint(key_of(SPY, H4)))
    assert len(prints) == 1


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("Date,Close,High,Low,Open,Volume", "2024-03-08,4,5,1,2,7"),
        ("timestamp;OPEN;HIGH;LOW;CLOSE;VOL", "2024-03-08;2;5;1;4;7"),
        (",Datetime,Open,High,Low,Close,Volume", "0,2024-03-08,2,5,1,4,7"),
        ("https://example.org\nunix,date,symbol,open,high,low,close,Volume BTC", "1709856000,x,BTCUSDT,2,5,1,4,7"),
        ("open_time,open,high,low,close,volume", "2024-03-08 00:00:00,2,5,1,4,7"),
        ("\ufefftime,open,high,low,close,volume", '"2024-03-08",2,5,1,4,7'),
    ],
)
def test_headers_are_recognised_in_any_case_and_order(store, tmp_path, head, row):
    report = brought_in(store, _file(tmp_path, f"{head}\n{row}\n"), BTC, DAILY)
    bars = store.read(report.key)
    values = [float(getattr(bars, name)[0]) for name in ("open", "high", "low", "close", "volume")]
    assert values == [2, 5, 1, 4, 7]
    assert (iso(report.first_ns), iso(int(bars.known_at[0]))) == ("2024-03-08T00:00:00Z", "2024-03-09T00:00:00Z")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "is empty"),
        (b"hello world\n1,2,3\n", "no known header"),
        (b"date,price,size\n2024-01-01,1,2\n", "no known header"),
        (b"\xff\xfe\x00\x01binary", "neither text"),
        (b"PAR1nonsense", "damaged Parquet"),
        (b"\x1f\x8bnonsense", "damaged gzip"),
        (b"ts,open,high,low,close\n", "has a header and no rows"),
        (b"ts,open,high,low,close\nx,1,1,1,1\n", "none of its 1 rows could be let in .1 unparsable-stamp"),
        (b"ts,value\n2024-01-01,1\n", "one value per time"),
        (
            b"date,open,high,low,close\n01/31/2024,1,1,1,1\n31/01/2024,1,1,1,1\n",
            "line 3: '31/01/2024' has day and month in another order than other lines",
        ),
    ],
)
def test_a_file_without_bars_changes_nothing(store, tmp_path, content, found):
    path = tmp_path / "strange.csv"
    path.write_bytes(content)
    with pytest.raises(NotBars, match=found):
        brought_in(store, path, BTC, DAILY)
    assert _state(store) == {}


def test_an_absent_file_is_named(store, tmp_path):
    with pytest.raises(NotBars, match=r"nowhere.csv: can't be read"):
        brought_in(store, tmp_path / "nowhere.csv", BTC, DAILY)


def test_daily_equity_bars_stand_at_their_session(store, tmp_path):
    text = "Date,Open,High,Low,Close,Volume\n2024-07-03,1,2,1,2,5\n2024-07-04,1,2,1,2,5\n2024-07-05,1,2,1,2,5\n"
    report = brought_in(store, _file(tmp_path, text), SPY, DAILY)
    bars = store.read(key_of(SPY, DAILY))
    assert [iso(int(ts)) for ts in bars.ts] == ["2024-07-03T13:30:00Z", "2024-07-05T13:30:00Z"]
    assert [iso(int(at)) for at in bars.known_at] == ["2024-07-03T17:00:00Z", "2024-07-05T20:00:00Z"]
    assert report.quarantined == {"no-session": (3,)}


def test_a_bar_that_has_not_closed_is_not_stored(store, tmp_path):
    now = from_iso("2024-03-08T19:00Z")
    text = "\n".join(_HOURS.splitlines()[:7])
    report = brought_in(store, _file(tmp_path, text), SPY, H1, now_ns=now)
    assert (report.stored, report.unfinished, report.left_out) == (4, 1, 1)
    assert [iso(int(ts)) for ts in store.read(key_of(SPY, H4)).ts] == ["2024-03-08T12:00:00Z"]
    assert not store.exists(key_of(SPY, DAILY))


def test_a_sourced_daily_file_is_never_replaced_by_a_derived_one_but_replaces_it(store, tmp_path):
    hours = _file(tmp_path, _HOURS)
    brought_in(store, hours, SPY, H1)
    days = _file(tmp_path, "Date,Open,High,Low,Close,Volume\n2024-03-07,1,2,1,2,5\n2024-03-08,1,2,1,2,5\n", "days.csv")
    brought_in(store, days, SPY, DAILY)
    assert store.read(key_of(SPY, DAILY)).close.tolist() == [2, 2]
    more = _HOURS + "2024-03-11T13:30:00Z,100,103,99,101,10\n2024-03-11T14:30:00Z,100,103,99,101,10\n"
    report = brought_in(store, _file(tmp_path, more), SPY, H1)
    assert report.added == 2
    assert [str(key) for key in report.derived] == ["SPY h4"]
    assert store.meta(key_of(SPY, DAILY)).source == "import:days.csv"


def test_an_overlapping_file_adds_what_is_new_and_reports_what_changed(store, tmp_path):
    brought_in(store, _file(tmp_path, _HOURS), SPY, H1)
    later = _HOURS.replace("2024-03-08T20:30:00Z,110,112,109,111,16", "2024-03-08T20:30:00Z,110,113,109,112,17")
    later += "2024-03-11T13:30:00Z,115,116,113,114,20\n"
    report = brought_in(store, _file(tmp_path, later, "later.csv"), SPY, H1)
    assert report.added == 1
    (changed,) = report.restated
    assert iso(changed.ts_ns) == "2024-03-08T20:30:00Z"
    assert (changed.before, changed.after) == ((110, 112, 109, 111, 16), (110, 113, 109, 112, 17))
    assert store.read(key_of(SPY, DAILY)).close.tolist() == [112]
    whole = BarStore(tmp_path / "whole")
    brought_in(whole, _file(tmp_path, later), SPY, H1)
    for timeframe in (H1, H4, DAILY):
        assert store.fingerprint(key_of(SPY, timeframe)) == whole.fingerprint(key_of(SPY, timeframe))


def test_a_file_in_two_halves_gives_the_same_store_in_either_order(store, tmp_path):
    head, *rows = _HOURS.splitlines()
    halves = [_file(tmp_path, "\n".join([head, *part]), f"{at}.csv") for at, part in enumerate((rows[:4], rows[4:]))]
    other = BarStore(tmp_path / "other")
    for path in halves:
        brought_in(store, path, SPY, H1)
    for path in halves[::-1]:
        brought_in(other, path, SPY, H1)
    for timeframe in (H1, H4, DAILY):
        assert store.fingerprint(key_of(SPY, timeframe)) == other.fingerprint(key_of(SPY, timeframe))


def test_bars_of_another_adjustment_are_refused(store, tmp_path):
    path = _file(tmp_path, _HOURS)
    brought_in(store, path, SPY, H1)
    before = _state(store)
    with pytest.raises(DataError, match="stored bars have adjustment none, the file has all"):
        brought_in(store, path, SPY, H1, adjustment="all")
    assert _state(store) == before


def test_real_bars_take_the_place_of_made_up_ones_whole(store, tmp_path):
    plan = RefreshPlan(instruments=(SPY,), sources={"SPY": ("sample",)}, publication={})
    refresh(store, plan, asof_ns=from_iso("2016-03-01"))
    report = brought_in(store, _file(tmp_path, "Date,Open,High,Low,Close\n2024-03-08,1,2,1,2\n"), SPY, DAILY)
    assert report.replaced == ("equities/SPY_1h.parquet", "equities/SPY_h4.parquet", "equities/SPY_daily.parquet")
    assert store.keys() == [key_of(SPY, DAILY)]
    assert store.read(key_of(SPY, DAILY)).close.tolist() == [2]


def test_spread_values_are_known_when_published_and_blanks_are_no_values(store, tmp_path):
    text = "observation_date,T10Y2Y\n2024-10-10,-0.13\n2024-10-11,0.13\n2024-10-14,\n2024-10-15,.\n2025-05-30,0.5\n"
    report = brought_in(store, _file(tmp_path, text), SLOPE, DAILY)
    assert (report.stored, report.blank, report.unfinished, report.quarantined) == (2, 2, 1, {})
    bars = store.read(key_of(SLOPE, DAILY))
    assert bars.close.tolist() == bars.open.tolist() == [-0.13, 0.13]
    assert np.isnan(bars.volume).all()
    assert [iso(int(at)) for at in bars.known_at] == ["2024-10-11T13:00:00Z", "2024-10-15T13:00:00Z"]


def test_monthly_values_stand_at_the_month_and_are_known_after_it(store, tmp_path):
    text = "date,value\n2024-03-01,50.3\n2024-04-30,49.2\n"
    brought_in(store, _file(tmp_path, text), PMI, MONTHLY)
    bars = store.read(BarKey(AssetClass.MACRO, "PMI", MONTHLY))
    assert [iso(int(ts)) for ts in bars.ts] == ["2024-03-01T00:00:00Z", "2024-04-01T00:00:00Z"]
    assert [iso(int(at)) for at in bars.known_at] == ["2024-04-01T14:00:00Z", "2024-05-01T14:00:00Z"]


def test_a_revised_value_is_a_further_row_known_from_the_import_on(store, tmp_path):
    brought_in(store, _file(tmp_path, "date,value\n2024-03-01,50.3\n2024-04-01,49.2\n"), PMI, MONTHLY)
    revised = _file(tmp_path, "date,value\n2024-03-01,50.1\n2024-04-01,49.2\n2024-05-01,48.7\n")
    report = brought_in(store, revised, PMI, MONTHLY, now_ns=NOW + 5)
    assert (report.added, len(report.restated)) == (2, 1)
    bars = store.read(key_of(PMI, MONTHLY))
    assert bars.close.tolist() == [50.3, 50.1, 49.2, 48.7]
    assert iso(int(bars.known_at[0])) == "2024-04-01T14:00:00Z"
    assert int(bars.known_at[1]) == NOW + 5
    again = brought_in(store, revised, PMI, MONTHLY, now_ns=NOW + 9)
    assert (again.added, again.restated) == (0, ())


def test_an_index_without_volume_keeps_its_range(store, tmp_path):
    text = "DATE,OPEN,HIGH,LOW,CLOSE\n2024-03-08,14.4,15.1,14.0,14.7\n"
    brought_in(store, _file(tmp_path, text), VIX, DAILY)
    bars = store.read(key_of(VIX, DAILY))
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0]) == (14.4, 15.1, 14.0, 14.7)
    assert iso(int(bars.known_at[0])) == "2024-03-08T21:15:00Z"


def test_what_cannot_be_imported_is_wrong_usage(store, tmp_path):
    path = _file(tmp_path, _HOURS)
    with pytest.raises(UsageError, match="h4 bars can't be imported"):
        brought_in(store, path, SPY, H4)
    with pytest.raises(UsageError, match="release schedule"):
        brought_in(store, path, VIX, DAILY, publication=None)
    with pytest.raises(UsageError, match="daily or monthly, was 1h"):
        brought_in(store, path, VIX, H1)


def test_thirty_minute_bars_are_kept_as_they_are_and_derived_from(store, tmp_path):
    text = "ts,open,high,low,close,volume\n2024-03-08T14:30:00Z,1,2,1,2,3\n2024-03-08T15:00:00Z,2,4,2,3,4\n"
    text += "2024-03-08T15:30:00Z,3,3,2,2,5\n2024-03-08T16:00:00Z,2,4,2,3,4\n"
    report = brought_in(store, _file(tmp_path, text), SPY, M30)
    assert store.exists(key_of(SPY, M30))
    assert store.meta(key_of(SPY, H4)).source == "derived:30m"
    h4 = store.read(key_of(SPY, H4))
    assert (h4.high.tolist(), h4.volume.tolist(), h4.straddles.tolist()) == ([4], [12], [0])
    assert report.derived == (key_of(SPY, H4),)
