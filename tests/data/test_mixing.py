"""Files of one symbol that must not stand in one file, and rows of one time of which one must be chosen."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_stock import BTC, SPY, brought_in, key_of

from tradeterm.core.errors import DataError
from tradeterm.core.market import Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, MINUTE_NS, from_iso, iso
from tradeterm.data.calendar import expected_opens
from tradeterm.store.bars import BarStore

H1, DAILY = Timeframe.H1, Timeframe.DAILY
START, END = from_iso("2024-03-04"), from_iso("2024-05-04")


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "data")


def _file(folder: Path, stamps: list[int], *, times: float = 1.0, name: str = "bars.csv") -> Path:
    """Bars whose close goes up by one each, times a factor."""
    path = folder / name
    rows = [
        f"{iso(ts)},{times * (100 + place)},{times * 999},1,{times * (100 + place)},5"
        for place, ts in enumerate(stamps)
    ]
    path.write_text("\n".join(["ts,open,high,low,close,volume", *rows]) + "\n")
    return path


def _days() -> list[int]:
    found: list[int] = expected_opens("XNYS", START, END, DAY_NS).tolist()
    return found


def test_bars_of_other_prices_do_not_continue_stored_ones(store, tmp_path):
    days = _days()
    brought_in(store, _file(tmp_path, days[:30]), SPY, DAILY)
    before = store.fingerprint(key_of(SPY, DAILY))
    # From the fifth day on, a dividend lower.
    later = _file(tmp_path, [*days[:4], *days[4:]], times=0.99, name="adjusted.csv")
    lines = later.read_text().splitlines()
    later.write_text("\n".join([lines[0], *lines[5:]]) + "\n")
    with pytest.raises(
        DataError, match=r"26 of 26 bars that are stored already have another close .*median 1.00% apart"
    ):
        brought_in(store, later, SPY, DAILY)
    assert store.fingerprint(key_of(SPY, DAILY)) == before


def test_a_file_that_tells_every_stored_bar_anew_is_taken(store, tmp_path):
    days = _days()
    brought_in(store, _file(tmp_path, days[:30]), SPY, DAILY)
    report = brought_in(store, _file(tmp_path, days, times=0.99, name="anew.csv"), SPY, DAILY)
    assert (report.added, len(report.restated)) == (len(days) - 30, 30)


def test_a_few_bars_told_otherwise_are_restatements(store, tmp_path):
    days = _days()
    brought_in(store, _file(tmp_path, days[:30]), SPY, DAILY)
    path = _file(tmp_path, days, name="later.csv")
    lines = path.read_text().splitlines()
    lines[20:30] = [line.replace("999.0", "998.0") for line in lines[20:30]]
    path.write_text("\n".join([lines[0], *lines[5:]]) + "\n")
    report = brought_in(store, path, SPY, DAILY)
    assert (report.added, len(report.restated)) == (len(days) - 30, 10)


@pytest.mark.parametrize("first", [0, 30 * MINUTE_NS])
def test_hours_of_another_grid_are_refused_in_either_order(store, tmp_path, first):
    half = expected_opens("XNYS", START, END, HOUR_NS).tolist()
    clock = [ts - 30 * MINUTE_NS for ts in half]
    one, other = (half, clock) if first else (clock, half)
    brought_in(store, _file(tmp_path, one), SPY, H1)
    with pytest.raises(DataError, match="open within bars that are stored already: their grid is another one"):
        brought_in(store, _file(tmp_path, other, name="other.csv"), SPY, H1)
    # What opens before a session is left out.
    assert set(store.read(key_of(SPY, H1)).ts.tolist()) <= set(one)


def _repeats(folder: Path, volumes: list[str]) -> Path:
    path = folder / "repeats.csv"
    rows = [f"2024-03-04T00:00:00Z,{10 + place},99,1,{10 + place},{volume}" for place, volume in enumerate(volumes)]
    path.write_text("\n".join(["ts,open,high,low,close,volume", *rows]) + "\n")
    return path


@pytest.mark.parametrize(
    ("volumes", "kept"),
    [
        # A part of a bar beside the whole of it.
        (["5", "6"], 1),
        (["0", "14106955.0"], 1),
        (["6097.86638", "4940.76"], 0),
        # A rounded copy, rounded up or down: the row with more digits is the original.
        (["2194.598589", "2194.6"], 0),
        (["2194.6", "2194.598589"], 1),
        (["1317.40002", "1317.4"], 0),
        (["1317.4", "1317.40002"], 1),
        # Nothing tells: the first.
        (["7", "7"], 0),
        (["7", "7.0"], 0),
        (["", ""], 0),
        (["", "3"], 1),
    ],
)
def test_of_rows_of_one_time_the_fuller_one_is_kept(store, tmp_path, volumes, kept):
    report = brought_in(store, _repeats(tmp_path, volumes), BTC, H1)
    assert store.read(report.key).open.tolist() == [10 + kept]
    assert report.quarantined == {"duplicate-stamp": (3 - kept,)}
