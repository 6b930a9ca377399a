"""Files in the forms that services write, small and made by hand: which bars come of them without an option.

Each case has the text of a file, what it is imported as, and the bars that a person reads in it.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from data_stock import BTC, ETH, PMI, SLOPE, SPY, VIX, key_of, proven

from tradeterm.core.errors import NotBars, UsageError
from tradeterm.core.market import Instrument, Timeframe
from tradeterm.core.time import iso
from tradeterm.data.importing import ImportReport
from tradeterm.store.bars import BarStore

M1, M30, H1, DAILY, MONTHLY = Timeframe.M1, Timeframe.M30, Timeframe.H1, Timeframe.DAILY, Timeframe.MONTHLY
# ts, open, high, low, close, volume
Bar = tuple[str, float, float, float, float, float]
NONE = float("nan")


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "data")


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"


THREE_DAYS: list[Bar] = [
    ("2024-01-02T14:30:00Z", 10, 12, 9, 11, 100),
    ("2024-01-03T14:30:00Z", 11, 13, 10, 12, 200),
    ("2024-01-04T14:30:00Z", 12, 14, 11, 13, 300),
]
THREE_HOURS: list[Bar] = [
    ("2021-01-01T00:00:00Z", 10, 12, 9, 11, 1.5),
    ("2021-01-01T01:00:00Z", 11, 13, 10, 12, 2.5),
    ("2021-01-01T02:00:00Z", 12, 14, 11, 13, 3.5),
]
FIVE_DAYS_INDEX: list[Bar] = [
    ("2024-01-11T00:00:00Z", 12.5, 13.0, 12.0, 12.5, NONE),
    ("2024-01-12T00:00:00Z", 12.5, 13.5, 12.25, 13.0, NONE),
    ("2024-01-16T00:00:00Z", 13.0, 14.5, 13.0, 14.0, NONE),
]

CASES: dict[str, tuple[Instrument, Timeframe, str, list[Bar]]] = {
    "CryptoDataDownload: address above, newest first, two units of time, two forms of dates, two volumes": (
        ETH,
        H1,
        _lines(
            "https://www.CryptoDataDownload.com",
            "unix,date,symbol,open,high,low,close,Volume ETH,Volume USDT,tradecount",
            "1609466400000,2021-01-01 02:00:00,ETH/USDT,12.00000000,14.00000000,11.00000000,13.00000000,3.5,45.5,7",
            "1609462800.0,2021-01-01 01-AM,ETH/USDT,11,13,10,12,2.5,30,NULL",
            "1609459200.0,2021-01-01 12-AM,ETH/USDT,10,12,9,11,1.5,16.5,NULL",
        ),
        THREE_HOURS,
    ),
    "CryptoDataDownload of another year: capitals, a pair without a stroke, AM and PM": (
        ETH,
        H1,
        _lines(
            "Unix Timestamp,Date,Symbol,Open,High,Low,Close,Volume ETH,Volume USDT",
            "1609466400000,2021-01-01 02-AM,ETHUSDT,12,14,11,13,3.5,45.5",
            "1609462800000,2021-01-01 01-AM,ETHUSDT,11,13,10,12,2.5,30",
            "1609459200000,2021-01-01 12-AM,ETHUSDT,10,12,9,11,1.5,16.5",
        ),
        THREE_HOURS,
    ),
    "Binance klines without names, in milliseconds": (
        BTC,
        H1,
        _lines(
            "1609459200000,10,12,9,11,1.5,1609462799999,16.5,7,1,11,0",
            "1609462800000,11,13,10,12,2.5,1609466399999,30,8,1,12,0",
            "1609466400000,12,14,11,13,3.5,1609469999999,45.5,9,1,13,0",
        ),
        THREE_HOURS,
    ),
    "Binance klines without names, in microseconds": (
        BTC,
        M1,
        _lines(
            "1735689600000000,10,12,9,11,1.5,1735689659999999,16.5,7,1,11,0",
            "1735689660000000,11,13,10,12,2.5,1735689719999999,30,8,1,12,0",
        ),
        [("2025-01-01T00:00:00Z", 10, 12, 9, 11, 1.5), ("2025-01-01T00:01:00Z", 11, 13, 10, 12, 2.5)],
    ),
    "Binance klines with names": (
        BTC,
        DAILY,
        _lines(
            "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
            "taker_buy_quote_volume,ignore",
            "1609459200000,10,12,9,11,1.5,1609545599999,16.5,7,1,11,0",
        ),
        [("2021-01-01T00:00:00Z", 10, 12, 9, 11, 1.5)],
    ),
    "Kraken OHLCVT": (
        BTC,
        H1,
        _lines(
            "1609459200,10.0,12.0,9.0,11.0,1.5,7",
            "1609462800,11.0,13.0,10.0,12.0,2.5,8",
            "1609466400,12.0,14.0,11.0,13.0,3.5,9",
        ),
        THREE_HOURS,
    ),
    "yf.download: names of fields and tickers in two lines, the index's name in a third": (
        SPY,
        DAILY,
        _lines(
            "Price,Close,High,Low,Open,Volume",
            "Ticker,SPY,SPY,SPY,SPY,SPY",
            "Date,,,,,",
            "2024-01-02,11,12,9,10,100",
            "2024-01-03,12,13,10,11,200",
            "2024-01-04,13,14,11,12,300",
        ),
        THREE_DAYS,
    ),
    "yf.download of two tickers, grouped by ticker": (
        SPY,
        DAILY,
        _lines(
            "Ticker,QQQ,QQQ,QQQ,QQQ,QQQ,SPY,SPY,SPY,SPY,SPY",
            "Price,Open,High,Low,Close,Volume,Open,High,Low,Close,Volume",
            "Date,,,,,,,,,,",
            "2024-01-02,1,1,1,1,1,10,12,9,11,100",
            "2024-01-03,1,1,1,1,1,11,13,10,12,200",
            "2024-01-04,1,1,1,1,1,12,14,11,13,300",
        ),
        THREE_DAYS,
    ),
    "yf.download of two tickers by older versions: no names of the levels": (
        SPY,
        DAILY,
        _lines(
            ",Adj Close,Adj Close,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume",
            ",QQQ,SPY,QQQ,SPY,QQQ,SPY,QQQ,SPY,QQQ,SPY,QQQ,SPY",
            "Date,,,,,,,,,,,,",
            "2024-01-02,1,10.5,1,11,1,12,1,9,1,10,1,100",
            "2024-01-03,1,11.5,1,12,1,13,1,10,1,11,1,200",
            "2024-01-04,1,12.5,1,13,1,14,1,11,1,12,1,300",
        ),
        THREE_DAYS,
    ),
    "yfinance history: midnight of New York, dividends and splits": (
        SPY,
        DAILY,
        _lines(
            "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits",
            "2024-01-02 00:00:00-05:00,10,12,9,11,100,0.0,0.0",
            "2024-01-03 00:00:00-05:00,11,13,10,12,200,0.5,0.0",
            "2024-01-04 00:00:00-05:00,12,14,11,13,300,0.0,0.0",
        ),
        THREE_DAYS,
    ),
    "yfinance of older versions: an adjusted close beside the close": (
        SPY,
        DAILY,
        _lines(
            "Date,Open,High,Low,Close,Adj Close,Volume",
            "2024-01-02,10,12,9,11,10.5,100",
            "2024-01-03,11,13,10,12,11.5,200",
            "2024-01-04,12,14,11,13,12.5,300",
        ),
        THREE_DAYS,
    ),
    "yfinance hours whose offset changes with the clock": (
        SPY,
        H1,
        _lines(
            "Datetime,Open,High,Low,Close,Volume,Dividends,Stock Splits",
            "2024-03-08 09:30:00-05:00,10,12,9,11,100,0,0",
            "2024-03-08 10:30:00-05:00,10,12,9,11,100,0,0",
            "2024-03-11 09:30:00-04:00,11,13,10,12,200,0,0",
            "2024-03-11 10:30:00-04:00,12,14,11,13,300,0,0",
            "2024-03-11 11:30:00-04:00,12,14,11,13,300,0,0",
        ),
        [
            ("2024-03-08T14:30:00Z", 10, 12, 9, 11, 100),
            ("2024-03-08T15:30:00Z", 10, 12, 9, 11, 100),
            ("2024-03-11T13:30:00Z", 11, 13, 10, 12, 200),
            ("2024-03-11T14:30:00Z", 12, 14, 11, 13, 300),
            ("2024-03-11T15:30:00Z", 12, 14, 11, 13, 300),
        ],
    ),
    "an index without a name": (
        SPY,
        DAILY,
        _lines(
            ",Open,High,Low,Close,Volume",
            "2024-01-02 00:00:00,10,12,9,11,100",
            "2024-01-03 00:00:00,11,13,10,12,200",
            "2024-01-04 00:00:00,12,14,11,13,300",
        ),
        THREE_DAYS,
    ),
    "two sets of columns, of which each row has one or both": (
        SPY,
        DAILY,
        _lines(
            ",Datetime,open,high,low,close,volume,Open,High,Low,Close,Volume",
            "0,2024-01-02,10,12,9,11,100.0,,,,,",
            "1,2024-01-03,,,,,,11,13,10,12,0.0",
            "2,2024-01-03,11,13,10,12,200.0,11,13,10,12,200.0",
            "3,2024-01-04,,,,,,12,14,11,13,300.0",
        ),
        THREE_DAYS,
    ),
    "FRED: a point or nothing where there was no observation": (
        SLOPE,
        DAILY,
        _lines("observation_date,T10Y2Y", "2024-01-11,-0.21", "2024-01-12,.", "2024-01-15,", "2024-01-16,-0.19"),
        [
            ("2024-01-11T00:00:00Z", -0.21, -0.21, -0.21, -0.21, NONE),
            ("2024-01-16T00:00:00Z", -0.19, -0.19, -0.19, -0.19, NONE),
        ],
    ),
    "FRED of several series: the one that is called as the symbol": (
        SLOPE,
        DAILY,
        _lines(
            "observation_date,DGS10,T10Y2Y",
            "2024-01-10,4,-0.2",
            "2024-01-11,4.1,-0.21",
            "2024-01-12,4.1,",
            "2024-01-16,4.1,-0.19",
        ),
        [
            ("2024-01-10T00:00:00Z", -0.2, -0.2, -0.2, -0.2, NONE),
            ("2024-01-11T00:00:00Z", -0.21, -0.21, -0.21, -0.21, NONE),
            ("2024-01-16T00:00:00Z", -0.19, -0.19, -0.19, -0.19, NONE),
        ],
    ),
    "FRED, monthly": (
        PMI,
        MONTHLY,
        _lines("DATE,PMI", "2024-01-01,49.1", "2024-02-01,47.8", "2024-03-01,50.3"),
        [
            ("2024-01-01T00:00:00Z", 49.1, 49.1, 49.1, 49.1, NONE),
            ("2024-02-01T00:00:00Z", 47.8, 47.8, 47.8, 47.8, NONE),
            ("2024-03-01T00:00:00Z", 50.3, 50.3, 50.3, 50.3, NONE),
        ],
    ),
    "Cboe: American dates, no volume": (
        VIX,
        DAILY,
        _lines(
            "DATE,OPEN,HIGH,LOW,CLOSE",
            "01/11/2024,12.500000,13.000000,12.000000,12.500000",
            "01/12/2024,12.500000,13.500000,12.250000,13.000000",
            "01/16/2024,13.000000,14.500000,13.000000,14.000000",
        ),
        FIVE_DAYS_INDEX,
    ),
    "stooq: signs around names, a date and a time without separators": (
        SPY,
        DAILY,
        _lines(
            "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
            "SPY.US,D,20240102,000000,10,12,9,11,100,0",
            "SPY.US,D,20240103,000000,11,13,10,12,200,0",
            "SPY.US,D,20240104,000000,12,14,11,13,300,0",
        ),
        THREE_DAYS,
    ),
    "Investing.com: quoted, thousands apart, volumes in K and M, newest first": (
        SPY,
        DAILY,
        _lines(
            '"Date","Price","Open","High","Low","Vol.","Change %"',
            '"01/17/2024","4,739.21","4,739.13","4,744.23","4,714.82","1.25M","-0.56%"',
            '"01/16/2024","4,765.98","4,772.35","4,782.34","4,747.12","850.5K","-0.37%"',
            '"01/12/2024","4,783.83","4,791.18","4,802.40","4,768.98","-","0.08%"',
        ),
        [
            ("2024-01-12T14:30:00Z", 4791.18, 4802.40, 4768.98, 4783.83, NONE),
            ("2024-01-16T14:30:00Z", 4772.35, 4782.34, 4747.12, 4765.98, 850500),
            ("2024-01-17T14:30:00Z", 4739.13, 4744.23, 4714.82, 4739.21, 1250000),
        ],
    ),
    "Nasdaq: signs of money, the close called otherwise, newest first": (
        SPY,
        DAILY,
        _lines(
            "Date,Close/Last,Volume,Open,High,Low",
            "01/17/2024,$13.00,300,$12.00,$14.00,$11.00",
            '01/16/2024,$12.00,"1,200",$11.00,$13.00,$10.00',
        ),
        [("2024-01-16T14:30:00Z", 11, 13, 10, 12, 1200), ("2024-01-17T14:30:00Z", 12, 14, 11, 13, 300)],
    ),
    "semicolons and decimal commas, day before month": (
        SPY,
        DAILY,
        _lines(
            "Date;Open;High;Low;Close;Volume",
            "12.01.2024;4.791,18;4.802,4;4.768,98;4.783,83;1.200",
            "16.01.2024;4.772,35;4.782,34;4.747,12;4.765,98;900",
            "17.01.2024;4.739,13;4.744,23;4.714,82;4.739,21;",
        ),
        [
            ("2024-01-12T14:30:00Z", 4791.18, 4802.40, 4768.98, 4783.83, 1200),
            ("2024-01-16T14:30:00Z", 4772.35, 4782.34, 4747.12, 4765.98, 900),
            ("2024-01-17T14:30:00Z", 4739.13, 4744.23, 4714.82, 4739.21, NONE),
        ],
    ),
    "MetaTrader: tabs, date and time apart, ticks beside volume": (
        SPY,
        M30,
        _lines(
            "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
            *(
                f"2024.01.{day:02d}\t{clock}:00\t10\t12\t9\t11\t7\t100\t1"
                for day in (2, 3, 4)
                for clock in ("09:30", "10:00", "10:30", "11:00", "15:30")
            ),
        ),
        [
            (f"2024-01-{day:02d}T{clock}:00Z", 10, 12, 9, 11, 100)
            for day in (2, 3, 4)
            for clock in ("14:30", "15:00", "15:30", "16:00", "20:30")
        ],
    ),
    "Dukascopy: the column says the zone, days before months": (
        BTC,
        DAILY,
        _lines(
            "Gmt time,Open,High,Low,Close,Volume",
            "30.01.2024 00:00:00.000,10,12,9,11,1.5",
            "31.01.2024 00:00:00.000,11,13,10,12,2.5",
            "01.02.2024 00:00:00.000,12,14,11,13,3.5",
        ),
        [
            ("2024-01-30T00:00:00Z", 10, 12, 9, 11, 1.5),
            ("2024-01-31T00:00:00Z", 11, 13, 10, 12, 2.5),
            ("2024-02-01T00:00:00Z", 12, 14, 11, 13, 3.5),
        ],
    ),
    "names in words, months in letters, comments, blank lines, empty cells at the end": (
        SPY,
        DAILY,
        _lines(
            "# prices of a fund",
            "",
            "Date, Open, High, Low, Close, Volume,,",
            '"Jan 02, 2024", 10, 12, 9, 11, 100,,',
            ",,,,,,,",
            "# a note",
            "3-Jan-24, 11, 13, 10, 12, 200,,",
            "04 January 2024, 12, 14, 11, 13, 300",
        ),
        THREE_DAYS,
    ),
    "names of one letter": (
        BTC,
        DAILY,
        _lines("t,o,h,l,c,v,n,vw", "1704153600000,10,12,9,11,1.5,7,10.5", "1704240000000,11,13,10,12,2.5,7,11")
        + "1704326400000,12,14,11,13,3.5,7,12\n",
        [
            ("2024-01-02T00:00:00Z", 10, 12, 9, 11, 1.5),
            ("2024-01-03T00:00:00Z", 11, 13, 10, 12, 2.5),
            ("2024-01-04T00:00:00Z", 12, 14, 11, 13, 3.5),
        ],
    ),
    "numbers before names, as the answers of an interface have them": (
        SPY,
        DAILY,
        _lines(
            "timestamp,1. open,2. high,3. low,4. close,5. volume",
            "2024-01-04,12,14,11,13,300",
            "2024-01-03,11,13,10,12,200",
            "2024-01-02,10,12,9,11,100",
        ),
        THREE_DAYS,
    ),
    "quantmod: the ticker before each name, the index without one": (
        SPY,
        DAILY,
        _lines(
            '"","SPY.Open","SPY.High","SPY.Low","SPY.Close","SPY.Volume","SPY.Adjusted"',
            '"2024-01-02",10,12,9,11,100,10.5',
            '"2024-01-03",11,13,10,12,200,11.5',
            '"2024-01-04",12,14,11,13,300,12.5',
        ),
        THREE_DAYS,
    ),
    "one level of names out of two, the ticker behind": (
        SPY,
        DAILY,
        _lines(
            "Date,Close_QQQ,Close_SPY,High_QQQ,High_SPY,Low_QQQ,Low_SPY,Open_QQQ,Open_SPY,Volume_QQQ,Volume_SPY",
            "2024-01-02,1,11,1,12,1,9,1,10,1,100",
            "2024-01-03,1,12,1,13,1,10,1,11,1,200",
            "2024-01-04,1,13,1,14,1,11,1,12,1,300",
        ),
        THREE_DAYS,
    ),
    "Cboe of older years: a line of text, the index's name in each": (
        VIX,
        DAILY,
        _lines(
            "VIX data for 2004 to present",
            "Date,VIX Open,VIX High,VIX Low,VIX Close",
            "1/11/2024,12.5,13.0,12.0,12.5",
            "1/12/2024,12.5,13.5,12.25,13.0",
            "1/16/2024,13.0,14.5,13.0,14.0",
        ),
        FIVE_DAYS_INDEX,
    ),
    "Polygon: the beginning of a bar in nanoseconds": (
        ETH,
        H1,
        _lines(
            "ticker,volume,open,close,high,low,window_start,transactions",
            "ETH-USDT,1.5,10,11,12,9,1609459200000000000,7",
            "ETH-USDT,2.5,11,12,13,10,1609462800000000000,7",
            "ETH-USDT,3.5,12,13,14,11,1609466400000000000,7",
        ),
        THREE_HOURS,
    ),
    "Barchart: the last price for the close, a line of text at the end": (
        SPY,
        DAILY,
        _lines(
            "Time,Open,High,Low,Last,Change,%Chg,Volume",
            "01/17/2024,12,14,11,13,1,8%,300",
            "01/16/2024,11,13,10,12,1,9%,200",
            '"Downloaded from a service as of 01-18-2024 05:00am CST"',
        ),
        [("2024-01-16T14:30:00Z", 11, 13, 10, 12, 200), ("2024-01-17T14:30:00Z", 12, 14, 11, 13, 300)],
    ),
    "rows of several tickers": (
        SPY,
        DAILY,
        _lines(
            "date,symbol,open,high,low,close,volume",
            "2024-01-02,QQQ,1,1,1,1,1",
            "2024-01-02,SPY,10,12,9,11,100",
            "2024-01-03,SPY,11,13,10,12,200",
            "2024-01-03,QQQ,1,1,1,1,1",
            "2024-01-04,SPY,12,14,11,13,300",
        ),
        THREE_DAYS,
    ),
}


def _check(
    store: BarStore, report: ImportReport, instrument: Instrument, timeframe: Timeframe, bars: list[Bar]
) -> None:
    assert report.key == key_of(instrument, timeframe)
    stored = store.read(report.key)
    assert [iso(int(ts)) for ts in stored.ts] == [bar[0] for bar in bars]
    found = np.stack([stored.open, stored.high, stored.low, stored.close, stored.volume], axis=1)
    np.testing.assert_array_equal(found, np.array([bar[1:] for bar in bars]))


@pytest.mark.parametrize("case", CASES)
def test_a_known_form_is_read_without_an_option(store, tmp_path, case):
    instrument, timeframe, text, bars = CASES[case]
    path = tmp_path / "file.csv"
    path.write_text(text, encoding="utf-8")
    _check(store, proven(store, path, instrument), instrument, timeframe, bars)


def _zipped(text: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("__MACOSX/._file.csv", b"\x00")
        archive.writestr("file.csv", text)
    return buffer.getvalue()


DAYS = "Date,Open,High,Low,Close,Volume,Note\n" + "".join(
    f"{bar[0][:10]},{','.join(str(value) for value in bar[1:])},plain\n" for bar in THREE_DAYS
)


@pytest.mark.parametrize(
    "content",
    [
        DAYS.encode(),
        codecs.BOM_UTF8 + DAYS.encode(),
        DAYS.encode("utf-16"),
        DAYS.replace("plain", "caf\u00e9 \u20ac").encode("cp1252"),
        DAYS.replace("\n", "\r\n").encode(),
        DAYS.replace("\n", "\r").encode(),
        DAYS.rstrip().encode(),
        DAYS.replace(",", ";").encode(),
        ("sep=;\n" + DAYS.replace(",", ";")).encode(),
        DAYS.replace(",", "\t").encode(),
        DAYS.replace(",", "|").encode(),
        "\n".join('"' + line.replace(",", '","') + '"' for line in DAYS.splitlines()).encode(),
        gzip.compress(DAYS.encode()),
        _zipped(DAYS.encode()),
        _zipped(gzip.compress(DAYS.encode())),
    ],
    ids=[
        "plain",
        "mark",
        "utf-16",
        "cp1252",
        "crlf",
        "cr",
        "no end",
        ";",
        "sep",
        "tab",
        "|",
        "quoted",
        "gz",
        "zip",
        "gz.zip",
    ],
)
def test_bytes_of_any_dress_hold_the_same_bars(store, tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    _check(store, proven(store, path, SPY), SPY, DAILY, THREE_DAYS)


def _frame() -> pd.DataFrame:
    index = pd.DatetimeIndex([bar[0] for bar in THREE_DAYS]).tz_convert("America/New_York").normalize()
    columns = ["Open", "High", "Low", "Close", "Volume"]
    return pd.DataFrame([bar[1:] for bar in THREE_DAYS], index=index.rename("Date"), columns=columns)


@pytest.mark.parametrize(
    "made",
    [
        lambda frame: frame,
        lambda frame: frame.rename_axis(None),
        lambda frame: frame.reset_index(),
        lambda frame: frame.tz_localize(None),
        lambda frame: frame.set_index(frame.index.date).rename_axis("date"),
        lambda frame: frame.set_index(frame.index.strftime("%m/%d/%Y")).rename_axis("day").rename({}),
        lambda frame: frame.astype({"Volume": "int64"}),
        lambda frame: frame.astype("string").rename(columns=str.lower),
        lambda frame: pd.concat({"SPY": frame, "QQQ": frame * 2}, axis=1).swaplevel(axis=1),
    ],
    ids=["index", "no name", "column", "no zone", "dates", "texts", "whole volumes", "strings", "two tickers"],
)
def test_parquet_of_pandas_in_its_many_forms(store, tmp_path, made):
    frame = made(_frame())
    path = tmp_path / "file.parquet"
    frame.to_parquet(path)
    if isinstance(frame.index[0], str):
        # The days of one week in January: 01/02 may be a February.
        with pytest.raises(UsageError, match="--dates month-first or --dates day-first"):
            proven(store, path, SPY)
        _check(store, proven(store, path, SPY, dates="month-first"), SPY, DAILY, THREE_DAYS)
    else:
        _check(store, proven(store, path, SPY), SPY, DAILY, THREE_DAYS)


def test_a_series_in_parquet(store, tmp_path):
    path = tmp_path / "file.parquet"
    frame = pd.DataFrame({"date": pd.date_range("2024-01-10", periods=3), "value": [1.5, None, 2.5]})
    frame.to_parquet(path)
    report = proven(store, path, SLOPE)
    assert (report.stored, report.blank) == (2, 1)


# What of a column is meant: what the report says, and what a person may say instead.


def _told(report: ImportReport, what: str) -> list[tuple[str, str]]:
    return [(item.value, item.why) for item in report.recognised if item.what == what]


def test_the_volume_in_units_is_taken_and_one_in_money_never(store, tmp_path):
    path = tmp_path / "file.csv"
    rows = "2021-01-01,10,12,9,11,16.5,1.5\n2021-01-02,10,12,9,11,16.5,1.5\n2021-01-03,10,12,9,11,16.5,1.5\n"
    path.write_text("date,open,high,low,close,Volume USDT,Volume BTC\n" + rows)
    report = proven(store, path, BTC)
    assert store.read(report.key).volume.tolist() == [1.5] * 3
    assert _told(report, "volume") == [("Volume BTC", "counts BTC")]
    path.write_text("date,open,high,low,close,Volume USDT,Volume USD\n" + rows)
    other = BarStore(tmp_path / "other")
    report = proven(other, path, BTC)
    assert np.isnan(other.read(report.key).volume).all()
    ((value, why),) = _told(report, "volume")
    assert value == "none"
    assert "name one with --column" in why
    named = BarStore(tmp_path / "named")
    report = proven(named, path, BTC, columns={"volume": "Volume USD"})
    assert named.read(report.key).volume.tolist() == [1.5] * 3


def test_what_a_set_of_columns_gave_is_said(store, tmp_path):
    instrument, _, text, _ = CASES["two sets of columns, of which each row has one or both"]
    path = tmp_path / "file.csv"
    path.write_text(text)
    report = proven(store, path, instrument)
    ((value, why),) = _told(report, "columns")
    assert (value, why[-13:]) == ("set 2 in 2 rows", "0 rows differ")
    # The row of the third of January that came without a volume gave way.
    assert report.quarantined == {"duplicate-stamp": (3,)}


def test_a_column_is_taken_as_it_was_named(store, tmp_path):
    path = tmp_path / "file.csv"
    path.write_text(
        "When,First,Top,Bottom,Last trade\n2024-01-02,10,12,9,11\n2024-01-03,11,13,10,12\n2024-01-04,12,14,11,13\n"
    )
    with pytest.raises(NotBars, match="no known header"):
        proven(store, path, SPY)
    named = {"ts": "When", "open": "First", "high": "Top", "low": "Bottom", "close": "Last trade"}
    report = proven(store, path, SPY, columns=named)
    assert store.read(report.key).close.tolist() == [11, 12, 13]
    with pytest.raises(UsageError, match=r"--column ts=Whenever: .* has no column of that name; it has When, First"):
        proven(store, path, SPY, columns=named | {"ts": "Whenever"})


def test_a_close_that_is_there_twice_is_refused(store, tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("date,open,high,low,close,Close\n2024-01-02,1,1,1,1,2\n")
    with pytest.raises(NotBars, match=r"has 2 columns of the close \(close, Close\); rename what isn't meant"):
        proven(store, path, SPY)


def test_several_series_without_the_one_that_is_meant_are_refused(store, tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("observation_date,DGS10,DGS2\n2024-01-10,4,5\n2024-01-11,4,5\n2024-01-12,4,5\n")
    with pytest.raises(NotBars, match=r"holds 2 series \(DGS10, DGS2\); name one with --column, such as value=DGS10"):
        proven(store, path, SLOPE)
    assert proven(store, path, SLOPE, columns={"value": "DGS2"}).shown[0].close == 5


@pytest.mark.parametrize(
    "case",
    ["CryptoDataDownload of another year: capitals, a pair without a stroke, AM and PM", "rows of several tickers"],
)
def test_a_file_of_another_instrument_is_refused_unless_it_is_meant(store, tmp_path, case):
    _, _, text, bars = CASES[case]
    path = tmp_path / "file.csv"
    path.write_text(text)
    meant = BTC if "ETHUSDT" in text else VIX
    ticker = "ETHUSDT" if "ETHUSDT" in text else "SPY"
    with pytest.raises(UsageError, match=r"holds .*, not .*; name what is meant with --ticker") as caught:
        proven(store, path, meant)
    assert "\n" not in str(caught.value)
    assert proven(store, path, meant, ticker=ticker).stored == len(bars)
    # A service's name of the symbol, as the configuration has it.
    other = BarStore(tmp_path / "other")
    assert proven(other, path, meant, aliases=(ticker,)).stored == len(bars)


def test_rows_with_more_cells_than_names_are_not_trusted(store, tmp_path):
    path = tmp_path / "file.csv"
    path.write_text(
        "date,open,high,low,close\n2024-01-02,10,12,9,11\n2024-01-03,1,100.5,1,200.5,9,11\n2024-01-04,1,2,1,2,\n"
    )
    report = proven(store, path, SPY, timeframe=DAILY)
    assert report.quarantined == {"crowded-row": (3,)}
    assert report.stored == 2


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"\x00" * 50, "neither text"),
        (b"PK\x03\x04 and nothing else", "damaged or locked zip"),
        (b"<!DOCTYPE html><html><body>Too many requests</body></html>", "no known header"),
        (b'{"Note": "Thank you for using"}', "no known header"),
        (b"\x1b[2Jdate,open\n", r"no known header \('\[2Jdate,open'\)"),
        (b"date;open;high;low;close\n2024-01-02;1,234;1,234;1,234;1,234\n", "line 2: a comma there may part thousands"),
        (b"date;open;high;low;close\n2024-01-02;1,5;1.7;1;1\n", "lines 2 and 2 write numbers in two ways"),
        (b"date,open,high,low,close,x\nyesterday,1,1,1,1,1\n", "line 2: 'yesterday' in date is no time"),
        (b"1609459200,10,9,12,11,1.5,7\n", "no known header"),
        (b"open,high,low,close\n1,1,1,1\n", "no known header"),
    ],
)
def test_what_is_no_file_of_bars_is_refused_in_one_line(store, tmp_path, content, found):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(NotBars, match=found) as caught:
        proven(store, path, SPY, timeframe=DAILY if b"2024" in content else None)
    assert "\n" not in str(caught.value)
    assert not list(store.data_dir.rglob("*.parquet"))


def test_a_zip_of_several_files_names_them(store, tmp_path):
    path = tmp_path / "file.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("XBTUSD_60.csv", "1")
        archive.writestr("XBTUSD_1440.csv", "1")
    with pytest.raises(NotBars, match=r"is a zip of 2 files \(XBTUSD_60.csv, XBTUSD_1440.csv\); unpack it"):
        proven(store, path, BTC)


def test_a_spreadsheet_is_told_from_a_zip(store, tmp_path):
    path = tmp_path / "file.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    with pytest.raises(NotBars, match="is a spreadsheet; save the sheet as CSV"):
        proven(store, path, BTC)


@pytest.mark.parametrize(
    "times",
    [
        pd.Series([None] * 3, dtype="datetime64[ns]"),
        pd.Series([[1], [2], [3]]),
        pd.Series([b"2024-01-02", b"2024-01-03", b"2024-01-04"]),
        pd.Series([True, False, True]),
        pd.to_timedelta([1, 2, 3], unit="D").to_series(),
    ],
    ids=["nothing", "lists", "bytes", "bools", "lengths"],
)
def test_a_parquet_column_that_holds_no_times_is_refused(store, tmp_path, times):
    path = tmp_path / "file.parquet"
    frame = pd.DataFrame({"date": times.to_numpy(), "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0})
    frame.to_parquet(path)
    with pytest.raises(NotBars, match=r"line 1: .* in date is no time"):
        proven(store, path, SPY)


@pytest.mark.parametrize("close", [pd.date_range("2024-01-02", periods=3), [[1], [2], [3]], [None] * 3, [True] * 3])
def test_a_parquet_column_that_holds_no_numbers_lets_no_row_in(store, tmp_path, close):
    path = tmp_path / "file.parquet"
    days = pd.date_range("2024-01-02", periods=3)
    pd.DataFrame({"date": days, "open": 1.0, "high": 1.0, "low": 1.0, "close": close}).to_parquet(path)
    with pytest.raises(NotBars, match=r"none of its 3 rows could be let in \(3 unparsable-value\)"):
        proven(store, path, SPY)
