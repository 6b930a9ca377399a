"""Real bars as they are, put into the store without the import's filter: findings against the counts of QUALITY.tsv."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tradeterm.core.market import AssetClass, BarKey, Bars, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, from_iso, iso
from tradeterm.data.calendar import next_close_after
from tradeterm.data.derive import derive
from tradeterm.data.findings import Finding
from tradeterm.data.importing import import_file
from tradeterm.data.validate import ValidationRules, validate
from tradeterm.store.bars import BarMeta, BarStore

pytestmark = pytest.mark.market

H1, DAILY = Timeframe.H1, Timeframe.DAILY
_NOW = from_iso("2026-08-01")
_FILES = {
    "BTCUSDT_1h__binance": (AssetClass.CRYPTO, H1, "none"),
    "BTCUSD_1d__yahoo": (AssetClass.CRYPTO, DAILY, "none"),
    "GLD_1d__yahoo_adj": (AssetClass.EQUITY, DAILY, "all"),
    "QQQ_1d__yahoo": (AssetClass.EQUITY, DAILY, "split"),
    "QQQ_1h__yahoo_ext": (AssetClass.EQUITY, H1, "none"),
    "SPY_1d__yahoo": (AssetClass.EQUITY, DAILY, "split"),
    "SPY_1d__yahoo_adj": (AssetClass.EQUITY, DAILY, "all"),
    "SPY_1h__psagi_adj": (AssetClass.EQUITY, H1, "all"),
    "SPY_1h__yahoo_ext": (AssetClass.EQUITY, H1, "none"),
    "VIX_1d__cboe": (AssetClass.MACRO, DAILY, "none"),
}


# One bar from 09:00 to 10:00 New York on each of its sessions.
_EARLY = {"SPY_1h__psagi_adj": 496}


def _as_it_is(path: Path, asset_class: AssetClass, timeframe: Timeframe) -> Bars:
    frame = pd.read_csv(path, parse_dates=["ts"])
    ts = pd.DatetimeIndex(frame["ts"]).as_unit("ns").asi8.copy()
    if asset_class is AssetClass.MACRO:
        # A series is named by its day.
        ts = ts // DAY_NS * DAY_NS
        known_at = ts + DAY_NS
    elif timeframe is DAILY:
        known_at = next_close_after("XNYS" if asset_class is AssetClass.EQUITY else "24/7", ts)
    else:
        known_at = ts + HOUR_NS
    cells = {name: frame[name].to_numpy(dtype=np.float64) for name in ("open", "high", "low", "close", "volume")}
    return Bars(ts=ts, known_at=known_at, **cells)


@pytest.fixture(scope="module")
def findings(market, tmp_path_factory) -> dict[str, list[Finding]]:
    found = {}
    for name, (asset_class, timeframe, adjustment) in _FILES.items():
        store = BarStore(tmp_path_factory.mktemp("as-it-is") / "data")
        meta = BarMeta(
            symbol="X",
            asset_class=asset_class,
            timeframe=timeframe,
            calendar="24/7" if asset_class is AssetClass.CRYPTO else "XNYS",
            source=f"import:{name}",
            adjustment=adjustment,
        )
        bars = _as_it_is(market / f"{name}.csv.gz", asset_class, timeframe)
        store.write(BarKey(asset_class, "X", timeframe), bars, meta)
        found[name] = validate(store, ValidationRules(gap_bars=1), _NOW)
    return found


@pytest.fixture(scope="module")
def quality(market) -> dict[str, dict[str, str]]:
    with (market / "QUALITY.tsv").open() as file:
        return {row["file"].removesuffix(".csv.gz"): row for row in csv.DictReader(file, delimiter="\t")}


@pytest.mark.parametrize("name", _FILES)
def test_findings_are_as_many_as_were_counted_apart_from_this_project(findings, quality, name):
    counted = Counter(item.rule for item in findings[name])
    told = {column: int(quality[name][column] or 0) for column in quality[name] if quality[name][column].isdigit()}
    assert counted["duplicate-stamp"] == told["dup_ts"]
    assert counted["unparsable-value"] == told["nan_ohlc_rows"]
    assert counted["non-positive-price"] == told["nonpos_price"]
    assert counted["ohlc-consistency"] == told["ohlc_violations"]
    assert counted["no-session"] == told.get("extra_bars", 0)
    # VIX is a series: idle days are not judged, and it has no volume at all.
    assert counted["zero-volume"] == told["zero_vol_rows"]
    # The README counts the bar that opens half an hour before the session to it; such a bar isn't known by sessions.
    early = _EARLY.get(name, 0)
    assert counted["outside-session"] == told.get("outside_rth", 0) + early
    assert counted.keys().isdisjoint({"unsorted", "off-grid", "known-too-early", "negative-volume", "split-like"})


def test_errors_are_extended_hours_and_broken_rows_alone(findings):
    errors = Counter(
        (name, item.rule) for name, found in findings.items() for item in found if item.severity == "error"
    )
    assert errors == {
        ("QQQ_1h__yahoo_ext", "outside-session"): 5019,
        ("SPY_1h__psagi_adj", "outside-session"): 4470 + 496,
        ("SPY_1h__yahoo_ext", "outside-session"): 5094,
        ("VIX_1d__cboe", "ohlc-consistency"): 47,
    }


def test_missing_bars_are_those_of_the_calendar(findings, quality):
    gaps = {name: [item for item in found if item.rule == "gap"] for name, found in findings.items()}
    missing = {name: sum(int(item.detail.split()[0]) for item in found) for name, found in gaps.items() if found}
    # Offices were closed on the last day of 1999, on which the exchange was open: no release was due.
    assert missing.pop("VIX_1d__cboe") == int(quality["VIX_1d__cboe"]["gap_bars"]) - 1
    assert missing == {
        name: int(row["gap_bars"])
        for name, row in quality.items()
        if name in missing or int(row["gap_bars"] or 0)
        if name != "VIX_1d__cboe"
    }
    assert len(gaps["BTCUSDT_1h__binance"]) == 11


def test_the_corrupt_first_bar_and_the_worst_wicks_are_spikes(findings):
    hours = [item for item in findings["BTCUSDT_1h__binance"] if item.rule == "spike"]
    assert iso(hours[0].ts_ns) == "2017-08-17T04:00:00Z"
    # 149 wicks of more than 5 %, all in extended hours: nearly all are far beyond the usual move.
    wicks = [item for item in findings["SPY_1h__yahoo_ext"] if item.rule == "spike"]
    assert len(wicks) > 140


def test_real_files_of_two_sources_are_told_apart_in_one_line_each(market, tmp_path):
    store = BarStore(tmp_path / "data")
    for file, symbol, asset_class, timeframe in (
        ("SPY_1h__yahoo_ext", "SPY", AssetClass.EQUITY, H1),
        ("SPY_1d__yahoo", "SPY", AssetClass.EQUITY, DAILY),
        ("QQQ_1h__yahoo_ext", "QQQ", AssetClass.EQUITY, H1),
        ("QQQ_1d__yahoo", "QQQ", AssetClass.EQUITY, DAILY),
        ("BTCUSDT_1h__binance", "BTC/USDT", AssetClass.CRYPTO, H1),
        ("BTCUSD_1d__yahoo", "BTC/USDT", AssetClass.CRYPTO, DAILY),
    ):
        import_file(
            store,
            market / f"{file}.csv.gz",
            symbol=symbol,
            asset_class=asset_class,
            timeframe=timeframe,
            tz="UTC",
            label="open",
            calendar="24/7" if asset_class is AssetClass.CRYPTO else "XNYS",
            now_ns=_NOW,
        )
    found = validate(store, ValidationRules(), _NOW)
    assert not [item for item in found if item.severity == "error"]
    lines = {item.symbol: item.detail for item in found if item.rule == "sources-differ"}
    # README: closes of SPY within 0.1 % on all 526 sessions; bitcoin's median 0.09 % (another venue).
    assert lines["SPY"].startswith("3 of 526 bars of import:SPY_1d__yahoo.csv.gz are more than 0.01 ")
    assert "(closes: median 0.09%)" in lines["BTC/USDT"]
    assert set(lines) == {"SPY", "BTC/USDT"}
    assert {item.rule for item in found} == {"zero-volume", "spike", "stale", "sources-differ"}


@pytest.mark.parametrize("name", ["SPY_1h__yahoo_ext", "QQQ_1h__yahoo_ext", "SPY_1h__psagi_adj", "BTCUSDT_1h__binance"])
def test_derived_bars_of_real_hours_agree_with_each_other(market, tmp_path, name):
    asset_class, timeframe, _ = _FILES[name]
    calendar = "24/7" if asset_class is AssetClass.CRYPTO else "XNYS"
    store = BarStore(tmp_path / "data")
    report = import_file(
        store,
        market / f"{name}.csv.gz",
        symbol="X",
        asset_class=asset_class,
        timeframe=timeframe,
        tz="UTC",
        label="open",
        calendar=calendar,
        now_ns=_NOW,
    )
    assert {key.timeframe for key in report.derived} == {Timeframe.H4, DAILY}
    assert {item.rule for item in validate(store, ValidationRules(), _NOW)} <= {"zero-volume", "spike", "stale"}
    # A revised hour whose derived bars were not built again is found.
    key = BarKey(asset_class, "X", timeframe)
    bars, meta = store.read(key), store.meta(key)
    daily = store.read(BarKey(asset_class, "X", DAILY))
    daily_meta = store.meta(BarKey(asset_class, "X", DAILY))
    middle = len(bars) // 2
    high = bars.high.copy()
    high[middle] = high.max() * 2
    derive(store, key, replace(bars, high=high), meta)
    store.write(BarKey(asset_class, "X", DAILY), daily, daily_meta)
    (finding,) = [item for item in validate(store, ValidationRules(), _NOW) if item.severity == "error"]
    assert finding.rule == "derived-differs"
    assert 0 <= bars.ts[middle] - finding.ts_ns < DAY_NS
