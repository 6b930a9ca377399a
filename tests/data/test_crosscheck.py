"""Files that tell the time of a row twice."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from data_stock import BTC, SPY, key_of, proven

from tradeterm.core.errors import UsageError
from tradeterm.core.market import Timeframe
from tradeterm.core.time import HOUR_NS, from_iso, from_ns, iso
from tradeterm.data.calendar import expected_opens
from tradeterm.data.quarantine import quarantined
from tradeterm.store.bars import BarStore

START = from_iso("2024-03-04")


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "data")


def _file(folder: Path, rows: list[tuple[str, str]], head: str = "unix,date") -> Path:
    path = folder / "twice.csv"
    path.write_text("\n".join([f"{head},open,high,low,close", *(f"{one},{two},1,1,1,1" for one, two in rows)]) + "\n")
    return path


def _rows(shift_hours: list[int]) -> list[tuple[str, str]]:
    """Hours in seconds, and a clock of UTC that is so many hours off."""
    stamps = [START + place * HOUR_NS for place in range(len(shift_hours))]
    return [
        (str(ts // 10**9), from_ns(ts + shift * HOUR_NS).strftime("%Y-%m-%d %H:%M:%S"))
        for ts, shift in zip(stamps, shift_hours, strict=True)
    ]


def test_rows_whose_times_disagree_are_named_and_kept_out(store, tmp_path):
    path = _file(tmp_path, _rows([0, 0, -4, -4, 0, 0, 0]))
    report = proven(store, path, BTC, label="open")
    assert report.quarantined == {"stamps-disagree": (4, 5)}
    assert [iso(int(ts))[11:13] for ts in store.read(report.key).ts] == ["00", "01", "04", "05", "06"]
    kept = quarantined(store.data_dir, key_of(BTC, Timeframe.H1))
    assert {row.detail for row in kept} == {"two columns tell different times of this row"}


@pytest.mark.parametrize(("column", "hours"), [("unix", "00 01 02 03 04 05 06"), ("date", "22 23 00 01 04 05 06")])
def test_who_names_a_column_takes_its_word(store, tmp_path, column, hours):
    path = _file(tmp_path, _rows([-2, -2, -2, -2, 0, 0, 0]))
    report = proven(store, path, BTC, label="open", tz="UTC", columns={"ts": column})
    assert report.quarantined == {}
    assert " ".join(iso(int(ts))[11:13] for ts in store.read(report.key).ts) == hours


def test_columns_that_differ_throughout_mean_different_things(store, tmp_path):
    path = _file(tmp_path, _rows([3] * 6))
    with pytest.raises(
        UsageError, match=r"columns unix and date tell different times in 6 of 6 rows; say which .*'unix'"
    ):
        proven(store, path, BTC, label="open")
    assert not list(store.data_dir.rglob("*.parquet"))


@pytest.mark.parametrize(
    "text",
    [
        lambda ts: from_ns(ts).strftime("%Y-%m-%d %H:%M"),
        lambda ts: from_ns(ts).strftime("%Y-%m-%d"),
        lambda ts: iso(ts),
        lambda ts: str(ts // 10**6),
        lambda ts: "later",
        lambda ts: "",
    ],
    ids=["clock", "date", "instant", "millis", "words", "blank"],
)
def test_the_same_time_in_other_words_is_no_disagreement(store, tmp_path, text):
    stamps = [START + place * HOUR_NS for place in range(30)]
    path = _file(tmp_path, [(str(ts // 10**9), text(ts)) for ts in stamps])
    report = proven(store, path, BTC, label="open")
    assert (report.stored, report.quarantined) == (30, {})


def test_a_daily_bar_has_two_times_only_where_they_mean_two_days(store, tmp_path):
    rows = [
        ("2024-03-04T14:30:00Z", "2024-03-04"),
        ("2024-03-05T14:30:00Z", "03/05/2024"),
        ("2024-03-06", "2024-03-07"),
    ]
    rows += [("2024-03-07T05:00:00Z", "2024-03-07"), ("2024-03-13T13:30:00Z", "03/13/2024")]
    report = proven(store, _file(tmp_path, rows, "timestamp,date"), SPY, timeframe=Timeframe.DAILY)
    assert report.quarantined == {"stamps-disagree": (4,)}
    assert report.stored == 4


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M", "%m/%d/%Y", "%Y-%m-%d %I:%M %p"])
def test_the_clock_of_the_exchange_tells_the_same_time(store, tmp_path, form):
    # Winter and summer time of New York.
    stamps = [*expected_opens("XNYS", from_iso("2024-03-06"), from_iso("2024-03-20"), HOUR_NS).tolist()]
    clocks = [from_ns(ts).astimezone(ZoneInfo("America/New_York")).strftime(form) for ts in stamps]
    path = _file(tmp_path, [(str(ts // 10**9), clock) for ts, clock in zip(stamps, clocks, strict=True)])
    report = proven(store, path, SPY)
    assert (report.stored, report.quarantined) == (len(stamps), {})
