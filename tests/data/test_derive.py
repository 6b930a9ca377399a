"""H4 and daily bars of a symbol with several source files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_stock import BTC, SPY, brought_in, key_of

from tradeterm.core.errors import DataError
from tradeterm.core.market import Timeframe
from tradeterm.core.time import DAY_NS, H4_NS, HOUR_NS, MINUTE_NS, from_iso, iso
from tradeterm.data.calendar import expected_opens
from tradeterm.store.bars import BarStore

H1, H4, DAILY, M30 = Timeframe.H1, Timeframe.H4, Timeframe.DAILY, Timeframe.M30
START = from_iso("2024-03-04")


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "data")


def _file(folder: Path, name: str, stamps: list[int], price: float, volume: float = 1.0) -> Path:
    path = folder / name
    rows = [f"{iso(ts)},{price},{price},{price},{price},{volume}" for ts in stamps]
    path.write_text("\n".join(["ts,open,high,low,close,volume", *rows]) + "\n")
    return path


def _clock(first: int, end: int, step: int) -> list[int]:
    return list(range(first, end, step))


def _state(store: BarStore) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(store.data_dir.rglob("*.parquet"))}


def test_a_week_of_finer_bars_takes_no_row_of_a_year_away(store, tmp_path):
    hours = expected_opens("XNYS", from_iso("2023-03-01"), from_iso("2024-03-01"), HOUR_NS).tolist()
    halves = expected_opens("XNYS", from_iso("2023-06-05"), from_iso("2023-06-10"), 30 * MINUTE_NS).tolist()
    brought_in(store, _file(tmp_path, "hours.csv", hours, 100.0), SPY, H1)
    before = {timeframe: store.read(key_of(SPY, timeframe)) for timeframe in (H4, DAILY)}
    brought_in(store, _file(tmp_path, "halves.csv", halves, 200.0), SPY, M30)
    for timeframe, old in before.items():
        new = store.read(key_of(SPY, timeframe))
        np.testing.assert_array_equal(new.ts, old.ts)
        week = (new.ts >= from_iso("2023-06-05")) & (new.ts < from_iso("2023-06-10"))
        np.testing.assert_array_equal(new.known_at[~week], old.known_at[~week])
        # Half hours are known up to 16:00, hours up to 15:30.
        later = (new.known_at - old.known_at)[week] // MINUTE_NS
        assert sorted(set(later.tolist())) == {H4: [0, 30], DAILY: [0]}[timeframe]
        assert week.sum() == {H4: 10, DAILY: 5}[timeframe]
        assert set(new.close[week]) == {200.0}
        assert set(new.close[~week]) == {100.0}
    # 211 sessions from March to December 2023, 21 in January and 20 in February 2024.
    assert len(before[DAILY]) == 252
    meta = store.meta(key_of(SPY, H4))
    assert (meta.source, meta.extra["origin"]) == ("derived:30m+1h", "import:hours.csv")


def test_the_order_of_files_and_importing_them_again_make_no_difference(store, tmp_path):
    hours = _file(tmp_path, "hours.csv", _clock(START, START + 3 * DAY_NS, HOUR_NS), 100.0)
    halves = _file(tmp_path, "halves.csv", _clock(START + DAY_NS, START + 4 * DAY_NS, 30 * MINUTE_NS), 200.0)
    other = BarStore(tmp_path / "other")
    brought_in(store, hours, BTC, H1)
    brought_in(store, halves, BTC, M30)
    brought_in(other, halves, BTC, M30)
    brought_in(other, hours, BTC, H1)
    made = [key_of(BTC, timeframe) for timeframe in (M30, H1, H4, DAILY)]
    assert [store.fingerprint(key) for key in made] == [other.fingerprint(key) for key in made]
    assert store.read(key_of(BTC, DAILY)).close.tolist() == [100.0, 200.0, 200.0, 200.0]
    before = _state(store)
    for path, timeframe in ((hours, H1), (halves, M30), (hours, H1)):
        again = brought_in(store, path, BTC, timeframe)
        assert (again.added, again.restated) == (0, ())
        assert _state(store) == before


def test_of_an_interval_the_finest_file_that_is_complete_is_taken(store, tmp_path):
    hours = _clock(START, START + DAY_NS, HOUR_NS)
    del hours[9]  # of 08:00 to 12:00
    halves = _clock(START, START + DAY_NS, 30 * MINUTE_NS)
    # Whole in 00:00; a hole in 04:00, where hours are whole; one in 08:00 that is smaller than that of the hours.
    halves = [ts for ts in halves if ts not in (START + H4_NS, START + 2 * H4_NS + HOUR_NS)]
    brought_in(store, _file(tmp_path, "halves.csv", halves, 200.0, volume=1.0), BTC, M30)
    brought_in(store, _file(tmp_path, "hours.csv", hours, 100.0, volume=10.0), BTC, H1)
    bars = store.read(key_of(BTC, H4))
    assert bars.close.tolist() == [200.0, 100.0, 200.0, 200.0, 200.0, 200.0]
    assert bars.volume.tolist() == [8.0, 40.0, 7.0, 8.0, 8.0, 8.0]
    assert bars.fill.open.tolist() == bars.close.tolist()
    assert bars.fill.at.tolist() == bars.ts.tolist()
    # Both lack one bar of the day: an hour of it, two half hours.
    assert store.read(key_of(BTC, DAILY)).close.tolist() == [200.0]


def test_files_with_other_adjustments_are_not_derived_from_together(store, tmp_path):
    brought_in(store, _file(tmp_path, "hours.csv", _clock(START, START + DAY_NS, HOUR_NS), 100.0), BTC, H1)
    before = _state(store)
    halves = _file(tmp_path, "halves.csv", _clock(START, START + DAY_NS, 30 * MINUTE_NS), 50.0)
    with pytest.raises(DataError, match=r"BTC/USDT 1h: stored bars have adjustment none, the file has split"):
        brought_in(store, halves, BTC, M30, adjustment="split")
    assert _state(store) == before


def test_every_file_says_how_many_gaps_it_has(store, tmp_path):
    stamps = _clock(START, START + 8 * DAY_NS, HOUR_NS)
    # Six hours are a gap, four aren't; of the H4 and daily bars only runs of five would be one.
    kept = [ts for place, ts in enumerate(stamps) if not (30 <= place < 36 or 60 <= place < 64)]
    brought_in(store, _file(tmp_path, "hours.csv", kept, 100.0), BTC, H1)
    assert store.meta(key_of(BTC, H1)).extra["gaps"] == 1
    assert store.meta(key_of(BTC, H4)).extra["gaps"] == 0
    later = [ts for ts in stamps if not START + 3 * DAY_NS <= ts < START + 4 * DAY_NS]
    other = BarStore(tmp_path / "other")
    brought_in(other, _file(tmp_path, "later.csv", later, 100.0), BTC, H1)
    assert [other.meta(key_of(BTC, timeframe)).extra["gaps"] for timeframe in (H1, H4, DAILY)] == [1, 1, 0]
