"""Real files through the import: every count is worked out here from the raw file by pandas, or told by its README."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import exchange_calendars
import numpy as np
import pandas as pd
import pytest

from tradeterm.core.market import AssetClass, BarKey, Timeframe
from tradeterm.core.time import HOUR_NS, from_iso, iso
from tradeterm.data.importing import ImportReport, import_file
from tradeterm.data.publication import PublicationRule
from tradeterm.data.quarantine import quarantined
from tradeterm.data.resample import in_session
from tradeterm.data.validate import ValidationRules, validate
from tradeterm.store.bars import BarStore

pytestmark = [pytest.mark.market, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

H1, H4, DAILY, MONTHLY = Timeframe.H1, Timeframe.H4, Timeframe.DAILY, Timeframe.MONTHLY
_NOW = from_iso("2026-08-01")
_RULES = {
    "VIX": PublicationRule(kind="session_close", at="16:15"),
    "T10Y2Y": PublicationRule(kind="next_business_day", at="09:00"),
    "CFNAI": PublicationRule(kind="month_end_lag", lag_days=25, at="08:30"),
}
_FILES: dict[str, tuple[str, AssetClass, Timeframe]] = {
    "SPY 1h": ("SPY_1h__yahoo_ext.csv.gz", AssetClass.EQUITY, H1),
    "QQQ 1h": ("QQQ_1h__yahoo_ext.csv.gz", AssetClass.EQUITY, H1),
    "BTC/USDT 1h": ("BTCUSDT_1h__binance.csv.gz", AssetClass.CRYPTO, H1),
    "SPY daily": ("SPY_1d__yahoo.csv.gz", AssetClass.EQUITY, DAILY),
    "QQQ daily": ("QQQ_1d__yahoo.csv.gz", AssetClass.EQUITY, DAILY),
    "BTC/USDT daily": ("BTCUSD_1d__yahoo.csv.gz", AssetClass.CRYPTO, DAILY),
    "VIX daily": ("VIX_1d__cboe.csv.gz", AssetClass.MACRO, DAILY),
    "T10Y2Y daily": ("macro/T10Y2Y.csv", AssetClass.MACRO, DAILY),
    "CFNAI monthly": ("macro/CFNAI.csv", AssetClass.MACRO, MONTHLY),
}


def _import(
    store: BarStore, path: Path, symbol: str, asset_class: AssetClass, timeframe: Timeframe, **more: Any
) -> Any:
    wanted: dict[str, Any] = {
        "tz": "UTC",
        "label": "open",
        "calendar": "24/7" if asset_class is AssetClass.CRYPTO else "XNYS",
        "now_ns": _NOW,
        "publication": _RULES.get(symbol),
    }
    return import_file(store, path, symbol=symbol, asset_class=asset_class, timeframe=timeframe, **(wanted | more))


@pytest.fixture(scope="module")
def stored(market, tmp_path_factory) -> tuple[BarStore, dict[str, ImportReport]]:
    store = BarStore(tmp_path_factory.mktemp("market") / "data")
    reports = {
        name: _import(store, market / file, name.rpartition(" ")[0], asset_class, timeframe)
        for name, (file, asset_class, timeframe) in _FILES.items()
    }
    return store, reports


def _raw(market: Path, name: str) -> pd.DataFrame:
    frame = pd.read_csv(market / _FILES[name][0], parse_dates=["ts"])
    return frame.set_index("ts")


def _schedule(start: str, end: str) -> pd.DataFrame:
    return exchange_calendars.get_calendar("XNYS", start="1990-01-01", end="2026-12-31").schedule.loc[start:end]


@pytest.mark.parametrize(
    ("name", "rows", "stored_rows", "left_out", "blank", "rejected"),
    [
        ("SPY 1h", 8760, 3666, 5094, 0, {}),
        ("QQQ 1h", 8643, 3624, 5019, 0, {}),
        ("BTC/USDT 1h", 71318, 71318, 0, 0, {}),
        ("SPY daily", 7954, 7954, 0, 0, {}),
        ("QQQ daily", 6412, 6412, 0, 0, {}),
        ("BTC/USDT daily", 3993, 3993, 0, 0, {}),
        ("VIX daily", 9235, 9188, 0, 0, {"ohlc-consistency": 47}),
        ("T10Y2Y daily", 12002, 11500, 0, 502, {}),
        ("CFNAI monthly", 549, 549, 0, 0, {}),
    ],
)
def test_every_row_of_a_real_file_is_accounted_for(stored, name, rows, stored_rows, left_out, blank, rejected):
    report = stored[1][name]
    found = {rule: len(lines) for rule, lines in report.quarantined.items()}
    assert (report.rows_in, report.stored, report.left_out, report.blank) == (rows, stored_rows, left_out, blank)
    assert found == rejected
    assert (report.unfinished, report.repeated, report.sorted_here, report.restated) == (0, 0, False, ())


@pytest.mark.parametrize(("symbol", "first", "missing"), [("SPY", "2022-07-29", 4), ("QQQ", "2022-08-08", 4)])
def test_regular_hours_are_seven_a_session_less_what_the_source_lacks(stored, symbol, first, missing):
    schedule = _schedule(first, "2024-08-30")
    hours = np.ceil((schedule["close"] - schedule["open"]).dt.total_seconds() / 3600)
    assert stored[1][f"{symbol} 1h"].stored == int(hours.sum()) - missing
    bars = stored[0].read(BarKey(AssetClass.EQUITY, symbol, H1))
    per_day = pd.Series(1, index=pd.to_datetime(bars.ts, utc=True).tz_convert("America/New_York").date)
    assert per_day.groupby(level=0).sum().value_counts().to_dict() == {7: len(schedule) - 4, 3: 4}
    assert (hours == 4).sum() == 4


@pytest.mark.parametrize("symbol", ["SPY", "QQQ"])
def test_the_grid_of_new_york_stocks_by_pandas(market, stored, symbol):
    """H4 closes and volumes regrouped by pandas, from the raw file and the exchange's schedule alone."""
    raw = _raw(market, f"{symbol} 1h")
    schedule = _schedule("2022-07-28", "2024-08-30")
    day = raw.index.tz_convert("America/New_York").normalize().tz_localize(None)
    opens, closes = (pd.DatetimeIndex(schedule[name].reindex(day)) for name in ("open", "close"))
    inside = (raw.index >= opens) & (raw.index < closes)
    regular = raw[inside]
    ends = np.minimum(regular.index.as_unit("ns").asi8 + HOUR_NS, closes[inside].as_unit("ns").asi8)
    label = (pd.to_datetime(ends, utc=True) - pd.Timedelta(1, "ns")).floor("4h")
    grouped = regular.groupby(label).agg(
        {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    )
    bars = stored[0].read(BarKey(AssetClass.EQUITY, symbol, H4))
    np.testing.assert_array_equal(bars.ts, grouped.index.as_unit("ns").asi8)
    for column in grouped:
        np.testing.assert_allclose(getattr(bars, column), grouped[column].to_numpy(), rtol=1e-12)
    fills = regular.groupby(regular.index.floor("4h"))["open"].first()
    np.testing.assert_array_equal(bars.fill.open[bars.fill.at >= 0], fills.to_numpy())


def test_bitcoin_on_the_grid_by_pandas(market, stored):
    raw = _raw(market, "BTC/USDT 1h")
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    whole = raw.resample("4h").agg(rules).dropna(subset="close").iloc[:-1]
    bars = stored[0].read(BarKey(AssetClass.CRYPTO, "BTC/USDT", H4))
    # The file ends with 2025-10-06 17:00Z: the interval of 16:00Z is unfinished.
    assert iso(int(bars.ts[-1])) == "2025-10-06T12:00:00Z"
    np.testing.assert_array_equal(bars.ts, whole.index.as_unit("ns").asi8)
    for column in rules:
        np.testing.assert_allclose(getattr(bars, column), whole[column].to_numpy(), rtol=1e-12)
    np.testing.assert_array_equal(bars.fill.open, bars.open)
    assert not bars.straddles.any()


def test_new_york_hours_straddle_the_grid_and_say_so(stored):
    bars = stored[0].read(BarKey(AssetClass.EQUITY, "SPY", H4))
    assert bars.straddles.all()
    starts = Counter(iso(int(ts))[11:13] for ts in bars.ts)
    schedule = _schedule("2022-07-29", "2024-08-30")
    # Two rows on summer days and half days, three where the session ends at 21:00Z.
    winter = int((schedule["close"].dt.hour == 21).sum())
    assert starts == {"12": len(schedule), "16": len(schedule), "20": winter}


def test_no_bad_tick_of_extended_hours_comes_in(market, stored):
    raw = _raw(market, "SPY 1h")
    wicks = (raw["high"] > 1.05 * raw[["open", "close"]].max(axis=1)) | (
        raw["low"] < 0.95 * raw[["open", "close"]].min(axis=1)
    )
    assert int(wicks.sum()) == 149
    assert not in_session("XNYS", raw.index.as_unit("ns").asi8)[wicks.to_numpy()].any()
    bars = stored[0].read(BarKey(AssetClass.EQUITY, "SPY", H1))
    assert (bars.high <= 1.05 * np.maximum(bars.open, bars.close)).all()


def test_derived_days_agree_with_the_sourced_ones(market, stored, tmp_path):
    store = BarStore(tmp_path / "data")
    _import(store, market / _FILES["SPY 1h"][0], "SPY", AssetClass.EQUITY, H1)
    key = BarKey(AssetClass.EQUITY, "SPY", DAILY)
    derived, sourced = store.read(key), stored[0].read(key)
    rows = np.searchsorted(sourced.ts, derived.ts)
    np.testing.assert_array_equal(sourced.ts[rows], derived.ts)
    np.testing.assert_array_equal(sourced.known_at[rows], derived.known_at)
    assert len(derived) == 526
    # Except for the four half days whose last hour the source lacks.
    assert (np.abs(derived.close / sourced.close[rows] - 1) < 0.001).sum() >= 522
    assert stored[0].meta(key).source == "import:SPY_1d__yahoo.csv.gz"


def test_the_index_rows_with_an_open_outside_their_range_are_quarantined_with_line_and_text(market, stored):
    raw = _raw(market, "VIX daily")
    bad = (raw["open"] > raw["high"]) | (raw["open"] < raw["low"])
    rows = quarantined(stored[0].data_dir, BarKey(AssetClass.MACRO, "VIX", DAILY))
    assert [row.line for row in rows] == (np.flatnonzero(bad) + 2).tolist()
    assert {row.rule for row in rows} == {"ohlc-consistency"}
    assert {int(row.raw[:4]) for row in rows} <= set(range(1992, 2007))


def test_index_and_spread_are_known_after_their_day(stored):
    vix = stored[0].read(BarKey(AssetClass.MACRO, "VIX", DAILY))
    local = pd.to_datetime(vix.known_at, utc=True).tz_convert("America/New_York")
    assert {(at.hour, at.minute) for at in local} == {(16, 15)}
    np.testing.assert_array_equal(local.date, pd.to_datetime(vix.ts, utc=True).date)
    slope = stored[0].read(BarKey(AssetClass.MACRO, "T10Y2Y", DAILY))
    lag = (slope.known_at - slope.ts) / (24 * HOUR_NS)
    assert lag.min() > 1.5
    # The longest wait: New York was closed after 10 September 2001 until the 17th.
    assert iso(int(slope.ts[lag.argmax()])) == "2001-09-10T00:00:00Z"
    assert iso(int(slope.known_at[lag.argmax()])) == "2001-09-17T13:00:00Z"


def test_activity_of_a_month_is_known_near_the_end_of_the_next(stored):
    bars = stored[0].read(BarKey(AssetClass.MACRO, "CFNAI", MONTHLY))
    known = pd.to_datetime(bars.known_at, utc=True)
    period = pd.to_datetime(bars.ts, utc=True)
    months = (known.year - period.year) * 12 + known.month - period.month
    assert set(months) == {1}
    assert known.day.min() >= 24


def test_findings_name_the_corrupt_first_bar_and_no_false_gaps(stored):
    findings = validate(stored[0], ValidationRules(), _NOW)
    assert Counter((item.symbol, item.timeframe, item.rule) for item in findings if item.severity != "warning") == {
        ("BTC/USDT", "1h", "zero-volume"): 117,
        ("QQQ", "1h", "zero-volume"): 4,
        ("SPY", "1h", "zero-volume"): 4,
        ("VIX", "daily", "no-session"): 33,
        ("T10Y2Y", "daily", "no-session"): 13,
    }
    spikes = [item for item in findings if item.rule == "spike"]
    assert ("BTC/USDT", from_iso("2017-08-17T04:00Z")) in {(item.symbol, item.ts_ns) for item in spikes}
    assert {item.symbol for item in spikes} == {"BTC/USDT"}


def test_missing_hours_of_bitcoin_are_counted_at_a_low_threshold(market, stored):
    findings = validate(stored[0], ValidationRules(gap_bars=1), _NOW)
    gaps = [item for item in findings if (item.symbol, item.timeframe, item.rule) == ("BTC/USDT", "1h", "gap")]
    assert len(gaps) == 11
    assert sum(int(item.detail.split()[0]) for item in gaps) == 24
    halves = [iso(item.ts_ns) for item in findings if (item.symbol, item.timeframe, item.rule) == ("SPY", "1h", "gap")]
    assert [text[:10] for text in halves] == ["2022-11-25", "2023-07-03", "2023-11-24", "2024-07-03"]


@pytest.mark.parametrize(
    ("raw", "normalised", "asset_class", "timeframe", "more"),
    [
        ("yahoo_QQQ_1h", "QQQ_1h__yahoo_ext", AssetClass.EQUITY, H1, {"tz": "America/New_York"}),
        ("yahoo_SPY_1d", "SPY_1d__yahoo", AssetClass.EQUITY, DAILY, {"tz": "America/New_York"}),
        ("yahoo_BTC-USD", "BTCUSD_1d__yahoo", AssetClass.CRYPTO, DAILY, {}),
        ("psagi_SPY_60min", "SPY_1h__psagi_adj", AssetClass.EQUITY, H1, {"tz": "America/New_York", "label": "close"}),
        ("cboe_vix-daily", "VIX_1d__cboe", AssetClass.MACRO, DAILY, {"publication": _RULES["VIX"]}),
    ],
)
def test_untouched_originals_give_the_bars_of_their_normalised_files(
    market, tmp_path, raw, normalised, asset_class, timeframe, more
):
    one, other = BarStore(tmp_path / "one"), BarStore(tmp_path / "other")
    _import(one, market / "raw" / f"{raw}.csv.gz", "X", asset_class, timeframe, **more)
    extra = {"publication": more["publication"]} if "publication" in more else {}
    _import(other, market / f"{normalised}.csv.gz", "X", asset_class, timeframe, **extra)
    assert one.keys() == other.keys()
    key = BarKey(asset_class, "X", timeframe)
    a, b = one.read(key), other.read(key)
    for name in ("ts", "known_at"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-12)
