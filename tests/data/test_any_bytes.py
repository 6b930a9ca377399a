"""Whatever lies in a file: bars whose rows are all accounted for, or one line that says what is wrong."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import pytest
from data_stock import BTC, PMI, SLOPE, SPY, proven
from hypothesis import given
from hypothesis import strategies as st

from tradeterm.core.errors import NotBars, UsageError
from tradeterm.core.market import Instrument, Timeframe
from tradeterm.store.bars import BarStore

_INSTRUMENTS = st.sampled_from([SPY, BTC, SLOPE, PMI])
_OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "timeframe": st.sampled_from([Timeframe.H1, Timeframe.M1, Timeframe.DAILY, Timeframe.MONTHLY]),
        "tz": st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"]),
        "label": st.sampled_from(["open", "close"]),
        "dates": st.sampled_from(["month-first", "day-first"]),
        "adjustment": st.sampled_from(["none", "split", "all"]),
        "columns": st.dictionaries(st.sampled_from(["ts", "close", "volume", "value"]), st.sampled_from(["date", "x"])),
    },
)
_HEADS = (
    "date,open,high,low,close,volume",
    ",Datetime,open,high,low,close,volume,Open,High,Low,Close,Volume",
    "unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT,tradecount",
    "Date,Open,High,Low,Close,Adj Close,Volume,Stock Splits",
    "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
    "open_time,open,high,low,close,volume,close_time",
    "observation_date,T10Y2Y,DGS2",
    "date,value",
    "Price,Close,High,Low,Open\nTicker,SPY,SPY,SPY,SPY\nDate,,,,",
)
_DATES = (
    "2024-01-0{}",
    "0{}/02/2024",
    "3{}.12.2023",
    "2024010{}",
    "Jan 0{}, 2024",
    "2024-01-02 1{}:30",
    "2024-03-10 02:3{}",
)
_OTHERS = (
    "170420340{}",
    "1704203{}00000",
    "2024-01-02T1{}:30:00Z",
    "2024-11-03 01:0{}:00",
    "9999-12-3{}",
    "1843-01-0{}",
    "{}",
)
_CELLS = st.one_of(
    st.builds(str.format, st.sampled_from([*_DATES, *_OTHERS]), st.integers(0, 9)),
    st.sampled_from(
        ["", ".", "nan", "inf", "-1", "1e400", "1,5", '"1,234.5"', "1.2K", "$3", "BTC/USDT", "SPY", "D", "60", "x"]
    ),
    st.floats(allow_nan=False).map(str),
    st.text(max_size=5),
)
_TABLES = st.builds(
    lambda head, rows, delimiter: "\n".join([head, *(",".join(row) for row in rows)]).replace(",", delimiter),
    st.sampled_from(_HEADS),
    st.lists(st.lists(_CELLS, max_size=12), max_size=12),
    st.sampled_from([",", ";", "\t"]),
)


def _judge(content: bytes, instrument: Instrument, options: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        store = BarStore(Path(folder) / "data")
        try:
            report = proven(store, path, instrument, **options)
        except (NotBars, UsageError) as caught:
            refused, left = str(caught), list(store.data_dir.rglob("*.parquet"))
        else:
            refused, left = "", []
    if refused:
        assert "\n" not in refused
        assert left == []
        return
    rejected = sum(map(len, report.quarantined.values()))
    counted = report.stored + rejected + report.left_out + report.unfinished + report.blank + report.repeated
    assert report.rows_in == counted
    assert report.stored > 0


@given(content=st.binary(max_size=400), instrument=_INSTRUMENTS, options=_OPTIONS)
def test_any_bytes_are_bars_or_refused_in_one_line(content, instrument, options):
    _judge(content, instrument, options)


@given(
    content=st.binary(max_size=100),
    start=st.sampled_from([b"PAR1", b"PK\x03\x04", b"\x1f\x8b", b"\xff\xfe", b"\xef\xbb\xbf"]),
)
def test_any_bytes_behind_a_known_beginning_are_refused(content, start):
    _judge(start + content, SPY, {})


@given(table=_TABLES, instrument=_INSTRUMENTS, options=_OPTIONS)
def test_any_cells_under_a_known_header_are_accounted_for(table, instrument, options):
    _judge(table.encode("utf-8", errors="surrogatepass"), instrument, options)


@given(
    closes=st.lists(st.floats(0.01, 1e6), min_size=3, max_size=40),
    times=st.lists(st.integers(0, 60), min_size=3, max_size=40),
)
def test_hours_in_any_order_with_any_repeats_are_accounted_for(closes, times):
    text = "ts,open,high,low,close\n" + "\n".join(
        f"{1709251200 + 3600 * hour},{close},{close},{close},{close}"
        for hour, close in zip(times, closes, strict=False)
    )
    _judge(gzip.compress(text.encode()), BTC, {"label": "open", "timeframe": Timeframe.H1})


@pytest.mark.parametrize("name", ["", ".", "nowhere", "a\x00b"])
def test_what_is_no_file_is_named(tmp_path, name):
    store = BarStore(tmp_path / "data")
    with pytest.raises(NotBars, match=r"can't be read|is no name of a file"):
        proven(store, tmp_path / name, SPY)
