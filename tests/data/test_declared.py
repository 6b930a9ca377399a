"""Files that are not what they are declared to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from data_stock import BTC, PMI, SLOPE, SPY, brought_in, key_of

from tradeterm.core.errors import DataError, UsageError
from tradeterm.core.market import AssetClass, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, MINUTE_NS, from_iso, iso
from tradeterm.data.calendar import expected_opens
from tradeterm.store.bars import BarStore

M1, M30, H1, DAILY, MONTHLY = Timeframe.M1, Timeframe.M30, Timeframe.H1, Timeframe.DAILY, Timeframe.MONTHLY
START, END = from_iso("2024-03-04"), from_iso("2024-03-16")


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "data")


def _file(folder: Path, stamps: list[str]) -> Path:
    path = folder / "bars.csv"
    path.write_text("\n".join(["ts,open,high,low,close,volume", *(f"{ts},1,1,1,1,1" for ts in stamps)]) + "\n")
    return path


def _session(step: int) -> list[int]:
    found: list[int] = expected_opens("XNYS", START, END, step).tolist()
    return found


def _texts(stamps: list[int]) -> list[str]:
    return [iso(ts) for ts in stamps]


def _refused(store: BarStore, path: Path, instrument: Instrument, timeframe: Timeframe, **more: Any) -> str:
    with pytest.raises(UsageError) as caught:
        brought_in(store, path, instrument, timeframe, **more)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith("nothing was changed")
    assert not list(store.data_dir.rglob("*.parquet"))
    return text


@pytest.mark.parametrize(
    ("step", "declared", "found"),
    [
        (HOUR_NS, M30, "bars are 60 min apart, --timeframe says 30m"),
        (HOUR_NS, M1, "bars are 60 min apart, --timeframe says 1m"),
        (30 * MINUTE_NS, H1, "bars are 30 min apart, --timeframe says 1h"),
        (DAY_NS, H1, "bars are 1440 min apart, --timeframe says 1h"),
    ],
)
@pytest.mark.parametrize("instrument", [SPY, BTC])
def test_bars_of_another_length_are_refused(store, tmp_path, instrument, step, declared, found):
    stamps = _session(step) if instrument is SPY else list(range(START, END, step))
    assert found in _refused(store, _file(tmp_path, _texts(stamps)), instrument, declared)


def test_holes_are_no_other_length_and_two_bars_have_none(store, tmp_path):
    stamps = [ts for place, ts in enumerate(_session(30 * MINUTE_NS)) if place % 4]
    assert brought_in(store, _file(tmp_path, _texts(stamps)), SPY, M30).stored == len(stamps)
    two = _texts([START, START + 7 * HOUR_NS])
    assert brought_in(store, _file(tmp_path, two), BTC, H1).stored == 2


def test_extended_hours_on_the_hour_beside_a_session_on_the_half_hour_are_hours(store, tmp_path):
    inside = _session(HOUR_NS)
    opens = [ts for place, ts in enumerate(inside) if place % 7 == 0]
    around = [at + shift * HOUR_NS - 30 * MINUTE_NS for at in opens for shift in (-4, -3, -2, -1, 0, 7, 8, 9, 10)]
    report = brought_in(store, _file(tmp_path, _texts(sorted(inside + around))), SPY, H1)
    assert (report.stored, report.left_out) == (len(inside), len(around))


def test_daily_bars_are_one_a_session_in_every_session(store, tmp_path):
    hours = _texts(list(range(START, END, HOUR_NS)))
    assert "24 stamps on one date, --timeframe says daily" in _refused(store, _file(tmp_path, hours), BTC, DAILY)
    weeks = _texts(list(range(START, START + 70 * DAY_NS, 7 * DAY_NS)))
    # Good Friday was in one of the weeks.
    assert "bars are 5 sessions apart" in _refused(store, _file(tmp_path, weeks), SPY, DAILY)
    assert "bars are 7 sessions apart" in _refused(store, _file(tmp_path, weeks), BTC, DAILY)
    days = [text[:10] for text in _texts(_session(DAY_NS))]
    # A last bar that was told twice is an exception, no rule.
    report = brought_in(store, _file(tmp_path, [*days, f"{days[-1]} 16:00"]), SPY, DAILY)
    assert (report.stored, report.repeated) == (10, 1)


def test_monthly_values_are_one_a_month(store, tmp_path):
    def values(stamps: list[str]) -> Path:
        path = tmp_path / "values.csv"
        path.write_text("date,value\n" + "\n".join(f"{ts},50" for ts in stamps) + "\n")
        return path

    days = [iso(ts)[:10] for ts in range(from_iso("2024-01-01"), from_iso("2024-05-01"), DAY_NS)]
    text = _refused(store, values(days), PMI, MONTHLY)
    assert "stamps on one month, --timeframe says monthly" in text
    assert brought_in(store, values(["2024-01-01", "2024-02-01", "2024-03-31", "2024-04-30"]), PMI, MONTHLY).stored == 4
    assert brought_in(store, values(days), SLOPE, DAILY).stored == len(days)


def test_wall_times_of_new_york_are_not_taken_for_utc(store, tmp_path):
    # Winter and summer time: in UTC the sessions open at 14:30, then at 13:30.
    walls = [
        f"{day} {hour}:30" for day in ("2024-03-06", "2024-03-07", "2024-03-08", "2024-03-11") for hour in range(9, 16)
    ]
    walls = [text.replace(" 9:", " 09:") for text in walls]
    path = _file(tmp_path, walls)
    text = _refused(store, path, SPY, H1)
    # Winter: 04:30 to 10:30 there, of which 09:30 and 10:30 are inside; summer: 05:30 to 11:30, of which three are.
    assert "68% of 28 bars lie outside the sessions of XNYS (they open 04:30 to 11:30 in New York)" in text
    assert "check --tz and --label" in text
    assert brought_in(store, path, SPY, H1, tz="America/New_York").left_out == 0


def test_a_zone_is_checked_also_where_stamps_say_their_own(store, tmp_path):
    path = _file(tmp_path, _texts(_session(HOUR_NS)))
    with pytest.raises(UsageError, match=r"time zone 'America/NewYork': not known; did you mean 'America/New_York'"):
        brought_in(store, path, SPY, H1, tz="America/NewYork")
    for name in ("", "../etc", "New\x00York"):
        with pytest.raises(UsageError, match="not known"):
            brought_in(store, path, SPY, H1, tz=name)
    assert not store.exists(key_of(SPY, H1))


@pytest.mark.parametrize("symbol", ["", "../../x", "spy"])
def test_what_is_no_symbol_gets_no_file(store, tmp_path, symbol):
    path = _file(tmp_path, _texts(_session(HOUR_NS)))
    with pytest.raises(UsageError, match="symbol '"):
        brought_in(store, path, Instrument(symbol=symbol, asset_class=AssetClass.EQUITY, calendar="XNYS"), H1)
    assert [found for found in tmp_path.rglob("*") if found != path] == []


def test_a_file_of_another_symbol_is_not_written_over(store, tmp_path):
    path = _file(tmp_path, _texts(list(range(START, END, HOUR_NS))))
    brought_in(store, path, BTC, H1)
    other = Instrument(symbol="BTC-USDT", asset_class=AssetClass.CRYPTO, calendar="24/7")
    for timeframe in (H1, DAILY):
        with pytest.raises(DataError, match=r"BTC-USDT_1h.parquet holds the bars of BTC/USDT; did you mean 'BTC/USDT'"):
            brought_in(store, path, other, timeframe)
    assert store.meta(key_of(BTC, DAILY)).symbol == store.meta(key_of(BTC, H1)).symbol == "BTC/USDT"
