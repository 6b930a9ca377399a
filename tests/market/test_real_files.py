"""Every real file through the real command: counts worked out by pandas straight from the file, and told in a table.

A row of the table is a file, what is said of it, and what becomes of its rows. The same figures stand in
docs/first-real-run.md.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import exchange_calendars
import numpy as np
import pandas as pd
import pytest
from desks import ROOT, new_workspace

from tradeterm.cli.diagnostics import run
from tradeterm.core.market import AssetClass, BarKey, Timeframe
from tradeterm.core.time import from_iso
from tradeterm.store.bars import BarStore

MARKET = ROOT.parent / "shared" / "market"
NEW_YORK = "America/New_York"
FIELDS = ["open", "high", "low", "close", "volume"]

pytestmark = [
    pytest.mark.market,
    pytest.mark.skipif(not MARKET.is_dir(), reason=f"no real bars: {MARKET} is missing"),
    # exchange_calendars uses pandas in ways that a later pandas will change; both are pinned.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

# Counts of rows: in, stored, left out, crossing, blank (series: or not known yet), and quarantined by rule.
Counts = tuple[int, int, int, int, int, dict[str, int]]
BTC, VIX = "BTC/USDT", "VIX"
CRYPTO_DATA, BINANCE = "raw/cryptodatadownload_Binance_BTCUSDT_1h.csv.gz", "raw/binanceapi_BTCUSDT_1h.csv.gz"
PSAGI, YAHOO_HOURS = "raw/psagi_SPY_60min.csv.gz", "SPY_1h__yahoo_ext.csv.gz"
BY_UNIX = ("--column", "ts=unix")
HOURS, DAYS, SERIES = "hours", "days", "series"


class Case(NamedTuple):
    """A file, what is said of it beside its symbol, how pandas reads it, and what becomes of its rows."""

    file: str
    symbol: str
    said: tuple[str, ...]
    kind: str
    timeframe: str
    label: str
    counts: Counts


CASES = [
    Case(PSAGI, "SPY", (), HOURS, "1h", "close", (7936, 2970, 4966, 496, 0, {})),
    Case("raw/yahoo_QQQ_1h.csv.gz", "QQQ", (), HOURS, "1h", "open", (8643, 3624, 5019, 0, 0, {})),
    Case("raw/yahoo_SPY_1d.csv.gz", "SPY", (), DAYS, "daily", "", (7957, 7954, 0, 0, 0, {"duplicate-stamp": 3})),
    Case("raw/yahoo_BTC-USD.csv.gz", BTC, (), DAYS, "daily", "", (3993, 3993, 0, 0, 0, {})),
    Case(
        CRYPTO_DATA,
        BTC,
        (),
        HOURS,
        "1h",
        "open",
        (37550, 34810, 0, 0, 0, {"duplicate-stamp": 2649, "stamps-disagree": 91}),
    ),
    Case(CRYPTO_DATA, BTC, BY_UNIX, HOURS, "1h", "open", (37550, 34901, 0, 0, 0, {"duplicate-stamp": 2649})),
    Case(BINANCE, BTC, ("--tz", "UTC"), HOURS, "1h", "open", (43780, 43780, 0, 0, 0, {})),
    Case("raw/cboe_vix-daily.csv.gz", VIX, (), DAYS, "daily", "", (9235, 9188, 0, 0, 0, {"ohlc-consistency": 47})),
    Case("raw/fred_T10Y2Y.csv.gz", "T10Y2Y", (), SERIES, "daily", "", (12002, 11500, 0, 0, 502, {})),
    Case("raw/fred_DGS10.csv.gz", "DGS10", (), SERIES, "daily", "", (12001, 11499, 0, 0, 502, {})),
    Case("raw/fred_DGS2.csv.gz", "DGS2", (), SERIES, "daily", "", (12001, 11499, 0, 0, 502, {})),
    Case("macro/T10Y2Y.csv", "T10Y2Y", (), SERIES, "daily", "", (12002, 11500, 0, 0, 502, {})),
    Case("macro/DGS10.csv", "DGS10", (), SERIES, "daily", "", (12001, 11499, 0, 0, 502, {})),
    Case("macro/DGS2.csv", "DGS2", (), SERIES, "daily", "", (12001, 11499, 0, 0, 502, {})),
    Case("macro/FEDFUNDS.csv", "FEDFUNDS", (), SERIES, "monthly", "", (551, 551, 0, 0, 0, {})),
    Case("macro/INDPRO.csv", "INDPRO", (), SERIES, "monthly", "", (551, 551, 0, 0, 0, {})),
    Case("macro/CFNAI.csv", "CFNAI", (), SERIES, "monthly", "", (549, 549, 0, 0, 0, {})),
    Case("macro/USREC.csv", "USREC", (), SERIES, "monthly", "", (552, 535, 0, 0, 17, {})),
    Case(YAHOO_HOURS, "SPY", (), HOURS, "1h", "open", (8760, 3666, 5094, 0, 0, {})),
    Case(
        "SPY_1h__psagi_adj.csv.gz", "SPY", ("--adjustment", "all"), HOURS, "1h", "open", (7936, 2970, 4966, 496, 0, {})
    ),
    Case("QQQ_1h__yahoo_ext.csv.gz", "QQQ", (), HOURS, "1h", "open", (8643, 3624, 5019, 0, 0, {})),
    Case("BTCUSDT_1h__binance.csv.gz", BTC, ("--label", "open"), HOURS, "1h", "open", (71318, 71318, 0, 0, 0, {})),
    Case("SPY_1d__yahoo.csv.gz", "SPY", ("--adjustment", "split"), DAYS, "daily", "", (7954, 7954, 0, 0, 0, {})),
    Case("SPY_1d__yahoo_adj.csv.gz", "SPY", ("--adjustment", "all"), DAYS, "daily", "", (3774, 3774, 0, 0, 0, {})),
    Case("QQQ_1d__yahoo.csv.gz", "QQQ", ("--adjustment", "split"), DAYS, "daily", "", (6412, 6412, 0, 0, 0, {})),
    Case("GLD_1d__yahoo_adj.csv.gz", "GLD", ("--adjustment", "all"), DAYS, "daily", "", (3774, 3774, 0, 0, 0, {})),
    Case("BTCUSD_1d__yahoo.csv.gz", BTC, (), DAYS, "daily", "", (3993, 3993, 0, 0, 0, {})),
    Case("VIX_1d__cboe.csv.gz", VIX, (), DAYS, "daily", "", (9235, 9188, 0, 0, 0, {"ohlc-consistency": 47})),
]
NAMES = [f"{case.file} {' '.join(case.said)}".strip() for case in CASES]
NOW = from_iso("2026-08-01")

Command = Callable[..., dict[str, Any]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return new_workspace(tmp_path / "workspace").root


@pytest.fixture
def called(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    monkeypatch.setattr(time, "time_ns", lambda: NOW)

    def command(*words: str) -> tuple[int, str, str]:
        everywhere = ("--profile", "paper", "--experiment", "real-bars", "--workspace", str(root))
        code = run([*words, *everywhere])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


@pytest.fixture
def imported(called: Callable[..., Any]) -> Command:
    """Import a file by the command; returns its JSON."""

    def command(file: str, symbol: str, *said: str) -> dict[str, Any]:
        kind = "macro" if file.startswith("macro/") or "fred_" in file or symbol == VIX else ""
        kind = "equity" if symbol == "GLD" else kind
        words = ("--asset-class", kind) if kind else ()
        code, out, err = called("data", "import", str(MARKET / file), "--symbol", symbol, *words, *said, "--json")
        assert code == 0, err
        found: dict[str, Any] = json.loads(out)
        return found

    return command


# What pandas makes of a file.


def _frame(case: Case) -> pd.DataFrame:
    """Rows as they stand, with an ``instant`` each (days and series: midnight UTC of the date)."""
    frame = pd.read_csv(MARKET / case.file)
    named = frame.rename(columns={"Volume BTC": "volume"}).rename(columns=str.lower)
    if case.file == CRYPTO_DATA:
        seconds = named["unix"].where(named["unix"] < 1e11, named["unix"] / 1000)
        named["instant"] = pd.to_datetime(seconds, unit="s", utc=True)
        return named
    column = next(name for name in ("ts", "time", "datetime", "date", "open_time") if name in named)
    stamps = pd.to_datetime(named[column])
    if case.kind != HOURS:
        # What stands at half past nine in New York has the same date in UTC.
        stamps = stamps.dt.tz_localize(None) if stamps.dt.tz is not None else stamps
        named["instant"] = stamps.dt.normalize().dt.tz_localize("UTC")
        return named
    if stamps.dt.tz is None:
        stamps = stamps.dt.tz_localize("UTC" if case.symbol == BTC else NEW_YORK)
    named["instant"] = stamps.dt.tz_convert("UTC") - pd.Timedelta(hours=int(case.label == "close"))
    return named


def _schedule() -> pd.DataFrame:
    calendar = exchange_calendars.get_calendar("XNYS", start="1990-01-01", end="2026-12-31")
    return calendar.schedule[["open", "close"]]


def _by_pandas(case: Case) -> tuple[Counts, pd.DataFrame]:
    """Counts of a file's rows, and the bars that remain, by their instants."""
    frame = _frame(case)
    rows_in, rejected, left_out, crossing = len(frame), {}, 0, 0
    if case.kind == SERIES:
        there = frame.dropna(subset="value").set_index("instant")
        if case.symbol == "USREC":
            # Told two years after the end of its month: what is younger isn't known.
            ends = there.index.tz_localize(None) + pd.offsets.MonthEnd(1) + pd.Timedelta(days=730)
            there = there[ends < pd.Timestamp("2026-08-01")]
        return (rows_in, len(there), 0, 0, rows_in - len(there), {}), there[["value"]]
    frame["volume"] = frame.get("volume", np.nan)
    if case.file == CRYPTO_DATA and not case.said:
        # 2021-08-11 00:00:00 and 2017-08-17 04-AM.
        long = frame["date"].str.len() == 19
        first = pd.to_datetime(frame["date"][long], format="%Y-%m-%d %H:%M:%S", utc=True)
        second = pd.to_datetime(frame["date"][~long], format="%Y-%m-%d %I-%p", utc=True)
        agree = frame["instant"] == pd.concat([first, second]).reindex(frame.index)
        rejected["stamps-disagree"] = int((~agree).sum())
        frame = frame[agree]
    if case.kind == HOURS and case.symbol != BTC:
        day = frame["instant"].dt.tz_convert(NEW_YORK).dt.tz_localize(None).dt.normalize()
        sessions = _schedule().reindex(day)
        opens, closes = (pd.Series(pd.DatetimeIndex(sessions[name]), frame.index) for name in ("open", "close"))
        inside = (frame["instant"] >= opens) & (frame["instant"] < closes)
        ends = np.minimum(
            frame["instant"] + pd.Timedelta(hours=1), frame["instant"].shift(-1).fillna(frame["instant"].max())
        )
        crossing = int(((frame["instant"] < opens) & (ends > opens)).sum())
        left_out = int((~inside).sum())
        frame = frame[inside]
    high, low = frame[FIELDS[:4]].max(axis=1), frame[FIELDS[:4]].min(axis=1)
    # Adjusted prices carry noise in their last digits.
    broken = (frame["high"] < high * (1 - 1e-9)) | (frame["low"] > low * (1 + 1e-9))
    rejected["ohlc-consistency"] = int(broken.sum())
    frame = frame[~broken]
    # Of rows of one time: more volume, unless one is the other rounded to a hundredth, then the one with more digits.
    digits = frame["volume"].map(lambda volume: len(str(volume).partition(".")[2]))
    order = frame.assign(size=frame["volume"].round(2), digits=digits)
    kept = order.sort_values(["instant", "size", "digits"], ascending=[True, False, False], kind="stable")
    bars = kept.drop_duplicates("instant").set_index("instant")[FIELDS]
    rejected["duplicate-stamp"] = len(frame) - len(bars)
    if case.kind == DAYS and case.symbol not in (BTC, VIX):
        bars.index = pd.DatetimeIndex(_schedule()["open"].reindex(bars.index.tz_localize(None)))
    return (rows_in, len(bars), left_out, crossing, 0, {rule: count for rule, count in rejected.items() if count}), bars


def _counts(report: dict[str, Any]) -> Counts:
    rejected = {rule: len(lines) for rule, lines in report["quarantined"].items()}
    absent = report["blank"] + report["unfinished"]
    return report["rows_in"], report["stored"], report["left_out"], report["crosses"], absent, rejected


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_every_row_of_a_real_file_is_where_pandas_counts_it(imported: Command, root: Path, case: Case) -> None:
    counts, bars = _by_pandas(case)
    report = imported(case.file, case.symbol, *case.said)
    assert counts == case.counts
    assert _counts(report) == case.counts
    assert (report["repeated"], report["restated"]) == (0, 0)
    assert report["timeframe"] == case.timeframe
    _compare(root, case, bars)


def _compare(root: Path, case: Case, bars: pd.DataFrame) -> None:
    kind = AssetClass.CRYPTO if case.symbol == BTC else AssetClass.EQUITY
    kind = AssetClass.MACRO if case.kind == SERIES or case.symbol == VIX else kind
    stored = BarStore(root / "data").read(BarKey(kind, case.symbol, Timeframe(case.timeframe)))
    np.testing.assert_array_equal(stored.ts, bars.index.as_unit("ns").asi8)
    for field in FIELDS:
        if case.kind != SERIES:
            np.testing.assert_array_equal(getattr(stored, field), bars[field].to_numpy())
        elif field != "volume":
            np.testing.assert_array_equal(getattr(stored, field), bars["value"].to_numpy())


@pytest.mark.parametrize("case", [case for case in CASES if case.kind == HOURS], ids=lambda case: case.file)
def test_zone_and_label_of_real_hours_are_proven_or_asked_for(called: Callable[..., Any], case: Case) -> None:
    code, out, err = called("data", "import", str(MARKET / case.file), "--symbol", case.symbol, "--json")
    if code:
        # Around the clock no stamp proves these.
        assert (code, case.symbol, err.count("\n")) == (2, BTC, 1)
        assert f"say it with {case.said[0]}; nothing was changed" in err
        return
    found = {item["what"]: item["value"] for item in json.loads(out)["recognised"]}
    assert found["timeframe"] == "1h"
    assert found["label"] == case.label
    assert found["tz"] == (NEW_YORK if case.file.startswith("raw/") and case.symbol != BTC else "UTC")


# Where two files cover the same hours.


def _hours(file: str) -> pd.DataFrame:
    case = next(case for case in CASES if case.file == file)
    return _frame(case).set_index("instant")


def _told_twice() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The two revisions of the hours that the older file tells twice: in seconds (rounded), in milliseconds."""
    frame = _hours(CRYPTO_DATA).sort_index()
    twice = frame[frame.index.duplicated(keep=False)]
    return twice[twice["unix"] < 1e11], twice[twice["unix"] > 1e11]


def test_two_revisions_of_one_file_differ_in_opens_of_which_one_are_made_up() -> None:
    rounded, exact = _told_twice()
    assert len(rounded) == len(exact) == 2649
    assert [str(exact.index[place]) for place in (0, -1)] == ["2020-08-01 23:00:00+00:00", "2020-11-20 07:00:00+00:00"]
    differ = {field: int((rounded[field] != exact[field]).sum()) for field in FIELDS}
    assert differ == {"open": 1442, "high": 17, "low": 15, "close": 1, "volume": 2648}
    # The rounded one has the close before as its open, always; the exchange's own opens don't.
    assert (rounded["open"] == rounded["close"].shift())[1:].all()
    assert int((exact["open"] == exact["close"].shift())[1:].sum()) == 1207
    exchange = _hours(BINANCE)[FIELDS].reindex(exact.index).dropna()
    assert len(exchange) == 1046
    apart = {
        name: {field: int((revision[field].reindex(exchange.index) != exchange[field]).sum()) for field in FIELDS}
        for name, revision in (("rounded", rounded), ("exact", exact))
    }
    assert apart["exact"] == {"open": 0, "high": 0, "low": 0, "close": 0, "volume": 1}
    assert apart["rounded"] == {"open": 558, "high": 6, "low": 5, "close": 1, "volume": 1046}
    assert (rounded["open"] / exact["open"] - 1).abs().max() == pytest.approx(0.001296, abs=1e-6)


CHANGED = {
    "2020-10-27T06:00:00Z": ["open", "volume"],
    "2020-12-21T13:00:00Z": ["high", "close", "volume"],
    "2021-01-11T08:00:00Z": ["low", "volume"],
    "2021-01-21T09:00:00Z": ["volume"],
    "2021-04-23T01:00:00Z": ["close", "volume"],
    "2021-08-11T00:00:00Z": ["high", "low", "close", "volume"],
}


def test_of_7362_shared_hours_the_exchange_tells_six_otherwise(
    called: Callable[..., Any], imported: Command, root: Path
) -> None:
    imported(CRYPTO_DATA, BTC, *BY_UNIX)
    report = imported(BINANCE, BTC, "--tz", "UTC")
    assert (report["stored"], report["added"], report["restated"]) == (43780, 36418, len(CHANGED))
    _, out, _ = called("sql", "select payload from facts where kind = 'restatement'", "--json")
    facts = [json.loads(row[0]) if isinstance(row[0], str) else row[0] for row in json.loads(out)["rows"]]
    found = {
        fact["ts"]: [name for name, one, two in zip(FIELDS, fact["before"], fact["after"], strict=True) if one != two]
        for fact in facts
    }
    assert found == CHANGED
    # What the older file had of those hours was less: it had been asked while they, or an outage, lasted. Of the first
    # one its exact revision had less, its rounded one all; that has the close before as its open.
    assert [fact["ts"] for fact in facts if fact["before"][4] > fact["after"][4] + 0.005] == []
    # Both together are the normalised file, bit for bit, and an hour without a trade that the exchange doesn't list.
    stored = BarStore(root / "data").read(BarKey(AssetClass.CRYPTO, BTC, Timeframe.H1))
    both = pd.DataFrame({field: getattr(stored, field) for field in FIELDS}, index=pd.to_datetime(stored.ts, utc=True))
    idle = both.drop(_hours("BTCUSDT_1h__binance.csv.gz").index)
    assert [str(ts) for ts in idle.index] == ["2020-12-21 14:00:00+00:00"]
    assert idle["volume"].tolist() == [0]
    pd.testing.assert_frame_equal(
        both.drop(idle.index), _hours("BTCUSDT_1h__binance.csv.gz")[FIELDS], check_names=False, check_index_type=False
    )


def test_the_91_hours_of_two_times_are_right_by_the_one_and_wrong_by_the_other() -> None:
    frame = _hours(CRYPTO_DATA).sort_index()
    old = frame[frame.index < "2017-11-01"]
    date = pd.to_datetime(old["date"], format="%Y-%m-%d %I-%p", utc=True)
    apart = (old.index - pd.DatetimeIndex(date)) / pd.Timedelta(hours=1)
    block = old[apart != 0]
    assert len(block) == 91
    assert set(apart[apart != 0]) == {4}
    assert [str(block.index[place]) for place in (0, -1)] == ["2017-09-23 00:00:00+00:00", "2017-09-26 18:00:00+00:00"]
    # In these months an hour opens where the one before closed; the block follows seamlessly on its later edge alone.
    next_hour = old.index[1:] - old.index[:-1] == pd.Timedelta(hours=1)
    seamless = (old["open"].to_numpy()[1:] == old["close"].to_numpy()[:-1]) & next_hour
    assert (int(seamless.sum()), int(next_hour.sum())) == (1810, 1814)
    before, after = old.loc[:"2017-09-22 19:00"].iloc[-1], old.loc["2017-09-26 19:00":].iloc[0]
    assert (before["close"], block["open"].iloc[0]) == (3590.0, 3595.87)
    assert block["close"].iloc[-1] == after["open"] == 3900.0
    # Another venue's daily closes: by `date` they'd be up to 1.85 % apart, on the other side.
    daily = pd.read_csv(MARKET / "raw/yahoo_BTC-USD.csv.gz", index_col="date", parse_dates=True)["close"]
    spread = {}
    for name, index in (("unix", old.index), ("date", pd.DatetimeIndex(date))):
        close = old["close"].set_axis(index).sort_index()
        last = close.groupby(index.sort_values().tz_localize(None).normalize()).last()
        ratio = (last / daily - 1).loc["2017-09-22":"2017-09-25"]
        spread[name] = (round(100 * ratio.min(), 2), round(100 * ratio.max(), 2))
    assert spread == {"unix": (-1.12, -0.14), "date": (-0.77, 1.85)}


def test_adjusted_hours_and_raw_ones_are_a_dividend_apart_and_on_another_grid() -> None:
    closes = {}
    for file, clock in ((PSAGI, "15:00"), (YAHOO_HOURS, "15:30")):
        frame = _hours(file)
        local = frame.index.tz_convert(NEW_YORK)
        last = frame[local.strftime("%H:%M") == clock]
        closes[file] = last["close"].set_axis(last.index.tz_convert(NEW_YORK).tz_localize(None).normalize())
    ratio = (closes[PSAGI] / closes[YAHOO_HOURS]).dropna()
    assert (len(ratio), str(ratio.index[0])[:10], str(ratio.index[-1])[:10]) == (145, "2022-07-29", "2023-02-27")
    # Two ex-dates lie in them. Between, the ratio stands still.
    parts = [ratio[:"2022-09-15"], ratio["2022-09-16":"2022-12-15"], ratio["2022-12-16":]]
    assert [len(part) for part in parts] == [34, 63, 48]
    assert [round(part.median(), 4) for part in parts] == [0.9913, 0.9954, 1.0]
    assert max(part.max() - part.min() for part in parts) < 0.0025


REFUSED = [
    ((PSAGI,), (YAHOO_HOURS,), "872 of 1018 bars of the file open within bars that are stored already"),
    ((YAHOO_HOURS,), (PSAGI,), "873 of 873 bars of the file open within bars that are stored already"),
    ((YAHOO_HOURS,), (PSAGI, "--adjustment", "all"), "stored bars have adjustment none, the file has all"),
    (
        ("SPY_1d__yahoo.csv.gz",),
        ("SPY_1d__yahoo_adj.csv.gz",),
        "3690 of 3690 bars that are stored already have another",
    ),
]


@pytest.mark.parametrize(("first", "second", "told"), REFUSED)
def test_files_that_do_not_belong_together_are_refused_in_one_line(
    called: Callable[..., Any], imported: Command, root: Path, first: Any, second: Any, told: str
) -> None:
    imported(first[0], "SPY", *first[1:])
    before = {path: path.read_bytes() for path in (root / "data").rglob("*.parquet")}
    code, out, err = called("data", "import", str(MARKET / second[0]), "--symbol", "SPY", *second[1:])
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert told in err
    assert {path: path.read_bytes() for path in (root / "data").rglob("*.parquet")} == before


def _daily(file: str) -> pd.DataFrame:
    case = next(case for case in CASES if case.file == file)
    return _by_pandas(case)[1]


def test_daily_closes_adjusted_for_dividends_step_on_58_ex_dates() -> None:
    raw, adjusted = _daily("SPY_1d__yahoo.csv.gz"), _daily("SPY_1d__yahoo_adj.csv.gz")
    shared = raw.index.intersection(adjusted.index)
    ratio = adjusted["close"][shared] / raw["close"][shared]
    step = (ratio / ratio.shift() - 1)[1:]
    ex_dates = step[step.abs() > 1e-5]
    assert (len(shared), len(ex_dates)) == (3690, 58)
    assert (ex_dates > 0).all()
    assert step.drop(ex_dates.index).abs().max() < 1e-6
    assert {ts.month for ts in ex_dates.index} == {3, 6, 9, 12}
    assert (round(ratio.iloc[0], 4), round(ratio.iloc[-1], 4)) == (0.7525, 0.985)


@pytest.mark.parametrize(
    ("symbol", "hourly", "days", "apart"),
    [
        ("SPY", YAHOO_HOURS, 526, []),
        ("QQQ", "QQQ_1h__yahoo_ext.csv.gz", 520, ["2022-11-25", "2023-07-03", "2024-05-31"]),
    ],
)
def test_the_last_hour_of_a_session_closes_near_the_daily_bar(
    symbol: str, hourly: str, days: int, apart: list[str]
) -> None:
    case = next(case for case in CASES if case.file == hourly)
    hours = _by_pandas(case)[1]
    daily = _daily(f"{symbol}_1d__yahoo.csv.gz")["close"]
    last = hours["close"].groupby(hours.index.tz_convert(NEW_YORK).date).last()
    off = (last / daily.set_axis(daily.index.tz_convert(NEW_YORK).date)[last.index] - 1).abs()
    assert len(off) == days
    assert off.median() < 0.0001
    # The official close is an auction's price; of the two half days the source lacks the last hour.
    assert [str(day) for day in off.index[off > 0.001]] == apart
    assert off.max() < 0.0023


def test_bitcoin_of_two_venues_is_a_tenth_of_a_percent_apart_at_the_median() -> None:
    hours = _hours("BTCUSDT_1h__binance.csv.gz")["close"]
    last = hours[hours.index.hour == 23]
    last.index = last.index.normalize()
    daily = _daily("raw/yahoo_BTC-USD.csv.gz")["close"]
    apart = (last / daily - 1).dropna().abs()
    assert len(apart) == 2971
    assert (round(100 * apart.median(), 2), round((apart < 0.01).mean(), 2)) == (0.09, 0.93)
    assert (str(apart.idxmax())[:10], round(100 * apart.max(), 1)) == ("2017-12-23", 9.5)


def test_series_of_two_folders_are_one_and_the_spread_is_the_difference_of_its_yields() -> None:
    series = {}
    for name in ("T10Y2Y", "DGS10", "DGS2"):
        raw, macro = (_daily_values(file) for file in (f"raw/fred_{name}.csv.gz", f"macro/{name}.csv"))
        pd.testing.assert_series_equal(raw, macro)
        series[name] = macro
    difference = (series["DGS10"] - series["DGS2"] - series["T10Y2Y"]).dropna()
    assert len(difference) == 11499
    off = difference[difference.abs() > 0.005]
    assert [str(day)[:10] for day in off.index] == ["1990-11-21", "1991-01-29", "1995-11-29"]
    assert off.abs().max() < 0.0200001


def _daily_values(file: str) -> pd.Series:
    return _daily(file)["value"]
