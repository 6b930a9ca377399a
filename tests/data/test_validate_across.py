"""Files of one symbol against each other: derived ones, sourced ones, two sources."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from data_stock import BTC, SPY, key_of
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeterm.core.market import Bars, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, from_iso
from tradeterm.data.calendar import expected_opens
from tradeterm.data.derive import derive
from tradeterm.data.findings import Finding, ValidationRules
from tradeterm.data.findings_across import Judged, across
from tradeterm.data.resample import resample_daily, resample_h4, source_closes
from tradeterm.data.validate import validate
from tradeterm.store.bars import BarMeta, BarStore

H1, H4, DAILY, M30 = Timeframe.H1, Timeframe.H4, Timeframe.DAILY, Timeframe.M30
# Summer time began on 10 March 2024, and 29 March was a holiday.
_START, _END = from_iso("2024-03-01"), from_iso("2024-04-01")
_RULES = ValidationRules()


@pytest.fixture
def store(tmp_path) -> BarStore:
    return BarStore(tmp_path / "data")


def _hours(instrument: Instrument, timeframe: Timeframe = H1) -> Bars:
    ts = expected_opens(instrument.calendar, _START, _END, timeframe.step_ns)
    random = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(random.uniform(-0.002, 0.002, len(ts))))
    open_ = np.append(100.0, close[:-1])
    return Bars(
        ts=ts,
        known_at=source_closes(instrument.calendar, ts, timeframe.step_ns),
        open=open_,
        high=np.maximum(open_, close) * 1.001,
        low=np.minimum(open_, close) * 0.999,
        close=close,
        volume=random.uniform(10.0, 20.0, len(ts)),
    )


def _meta(instrument: Instrument, timeframe: Timeframe, source: str, **more: Any) -> BarMeta:
    return BarMeta(
        symbol=instrument.symbol,
        asset_class=instrument.asset_class,
        timeframe=timeframe,
        calendar=instrument.calendar,
        source=source,
        **more,
    )


def _scaled(bars: Bars, row: int, **factors: float) -> Bars:
    changed = {}
    for name, factor in factors.items():
        changed[name] = getattr(bars, name).copy()
        changed[name][row] *= factor
    return replace(bars, **changed)


def _stored(store: BarStore, instrument: Instrument, source: str = "binance") -> Bars:
    """Hours of a source with the H4 and daily bars built from them; the daily ones are returned."""
    hours, meta = _hours(instrument), _meta(instrument, H1, source)
    store.write(key_of(instrument, H1), hours, meta)
    derive(store, key_of(instrument, H1), hours, meta)
    return store.read(key_of(instrument, DAILY))


def _found(store: BarStore) -> list[Finding]:
    return validate(store, _RULES, _END)


@pytest.mark.parametrize("instrument", [SPY, BTC], ids=["SPY", "BTC"])
def test_derived_daily_bars_are_the_sum_of_their_h4_bars(store, instrument):
    daily = _stored(store, instrument)
    assert len(daily) == (20 if instrument is SPY else 31)
    assert _found(store) == []


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume"])
@pytest.mark.parametrize("instrument", [SPY, BTC], ids=["SPY", "BTC"])
def test_a_derived_daily_bar_that_is_not_the_sum_is_an_error(store, instrument, name):
    daily = _stored(store, instrument)
    key = key_of(instrument, DAILY)
    factor = {"high": 1.0001, "low": 0.9999}.get(name, 1.00001)
    store.write(key, _scaled(daily, 7, **{name: factor}), store.meta(key))
    (finding,) = _found(store)
    assert (finding.rule, finding.severity, finding.ts_ns) == ("derived-differs", "error", int(daily.ts[7]))
    assert (finding.timeframe, finding.detail.split()[0]) == ("daily", name)


@given(st.sets(st.integers(0, 30 * 24 - 1), max_size=200), st.sampled_from([SPY, BTC]))
@settings(max_examples=40, deadline=None)
def test_whatever_hours_are_missing_the_derived_bars_agree(missing, instrument):
    hours = _hours(instrument)
    kept = ~np.isin(np.arange(len(hours)), list(missing))
    columns = {name: getattr(hours, name)[kept] for name in Bars.__slots__ if name not in ("straddles", "fill")}
    part = Bars(**columns)
    made = {H4: resample_h4(part, _END), DAILY: resample_daily(part, instrument.calendar, _END)}
    files = [
        Judged(key=key_of(instrument, tf), bars=bars, meta=_meta(instrument, tf, "derived:1h", derived=True))
        for tf, bars in made.items()
    ]
    assert list(across(files, _RULES)) == []


@pytest.mark.parametrize(("factor", "count"), [(1.009, 0), (1.011, 1)])
@pytest.mark.parametrize("without_h4", [False, True])
def test_sourced_daily_bars_may_differ_from_the_hours_of_their_source_by_one_percent(store, factor, count, without_h4):
    daily = _stored(store, SPY, "yahoo")
    official = _scaled(daily, 4, close=factor, high=factor)
    store.write(key_of(SPY, DAILY), official, _meta(SPY, DAILY, "yahoo"))
    if without_h4:
        store.path(key_of(SPY, H4)).unlink()
    found = _found(store)
    assert [(item.rule, item.severity, item.ts_ns) for item in found] == [
        ("sum-differs", "warning", int(daily.ts[4]))
    ] * count
    for finding in found:
        assert "1.09%" in finding.detail
        assert f"of its {'1h' if without_h4 else 'h4'} bars (tolerance 0.01)" in finding.detail


@pytest.mark.parametrize(("factor", "count"), [(1.9, 0), (2.1, 1), (0.6, 1)])
def test_volume_of_a_day_is_held_to_the_sum_of_its_hours(store, factor, count):
    daily = _stored(store, BTC)
    store.write(key_of(BTC, DAILY), _scaled(daily, 4, volume=factor), _meta(BTC, DAILY, "binance"))
    found = _found(store)
    assert [(item.rule, item.severity, item.ts_ns) for item in found] == [
        ("sum-volume", "info", int(daily.ts[4]))
    ] * count


def test_two_sources_are_one_line_with_the_worst_bar(store):
    daily = _stored(store, BTC)
    other = _scaled(_scaled(daily, 3, close=1.02, high=1.05), 9, low=0.9)
    # Another venue's volume is another volume.
    store.write(key_of(BTC, DAILY), replace(other, volume=other.volume * 9), _meta(BTC, DAILY, "yahoo"))
    (finding,) = [item for item in _found(store) if item.rule != "spike"]
    assert (finding.rule, finding.severity, finding.ts_ns) == ("sources-differ", "warning", int(daily.ts[9]))
    assert finding.detail.startswith("2 of 31 bars of yahoo are more than 0.01 from the h4 bars of binance")
    assert finding.detail.endswith("most here, low 11.11%")


def test_two_sources_that_agree_are_no_finding(store):
    daily = _stored(store, BTC)
    store.write(key_of(BTC, DAILY), _scaled(daily, 3, close=1.001, high=1.002), _meta(BTC, DAILY, "yahoo"))
    assert _found(store) == []


def test_bars_adjusted_differently_are_not_compared_and_that_is_told(store):
    daily = _stored(store, SPY)
    halved = replace(daily, **{name: getattr(daily, name) / 2 for name in ("open", "high", "low", "close")})
    store.write(key_of(SPY, DAILY), halved, _meta(SPY, DAILY, "binance", adjustment="all"))
    (finding,) = _found(store)
    assert (finding.rule, finding.severity, finding.ts_ns) == ("adjustments-differ", "info", -1)


def test_hours_are_compared_with_the_half_hours_that_fill_them(store):
    halves = _hours(BTC, M30)
    group = np.arange(0, len(halves), 2)
    hours = Bars(
        ts=halves.ts[group],
        known_at=halves.known_at[group + 1],
        open=halves.open[group],
        high=np.maximum(halves.high[group], halves.high[group + 1]),
        low=np.minimum(halves.low[group], halves.low[group + 1]),
        close=halves.close[group + 1],
        volume=halves.volume[group] + halves.volume[group + 1],
    )
    off = _scaled(_scaled(hours, 40, close=1.05, high=1.05), 41, close=1.05, high=1.05)
    kept = np.arange(len(halves)) != 83  # the second half of hour 41
    part = Bars(**{name: getattr(halves, name)[kept] for name in Bars.__slots__ if name not in ("straddles", "fill")})
    store.write(key_of(BTC, M30), part, _meta(BTC, M30, "binance"))
    store.write(key_of(BTC, H1), off, _meta(BTC, H1, "binance"))
    found = [item for item in _found(store) if item.rule != "spike"]
    assert [(item.timeframe, item.rule, item.ts_ns) for item in found] == [("1h", "sum-differs", int(hours.ts[40]))]


def test_days_that_the_hours_only_begin_or_end_in_are_not_compared():
    hours = _hours(BTC)
    daily = resample_daily(hours, "24/7", _END)
    columns = {name: getattr(hours, name)[5:-5] for name in Bars.__slots__ if name not in ("straddles", "fill")}
    wrong = _scaled(_scaled(daily, 0, open=0.5), -1, close=0.5)
    files = [
        Judged(key=key_of(BTC, H1), bars=Bars(**columns), meta=_meta(BTC, H1, "binance")),
        Judged(key=key_of(BTC, DAILY), bars=wrong, meta=_meta(BTC, DAILY, "binance")),
    ]
    assert list(across(files, _RULES)) == []
    (finding,) = across([files[0], replace(files[1], bars=_scaled(wrong, 1, open=0.5))], _RULES)
    assert finding.ts_ns == _START + DAY_NS


def test_bars_out_of_order_are_told_of_once_and_not_compared(store):
    daily = _stored(store, BTC)
    ts = daily.ts.copy()
    ts[[3, 4]] = ts[[4, 3]]
    key = key_of(BTC, DAILY)
    store.write(key, replace(daily, ts=ts, known_at=ts + 24 * HOUR_NS), store.meta(key))
    assert [(item.rule, item.ts_ns) for item in _found(store)] == [("unsorted", int(ts[4]))]
