from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from data_stock import BTC, SLOPE, SPY, VIX, key_of

from tradeterm.core.market import Bars, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, from_iso, iso
from tradeterm.data.calendar import expected_opens
from tradeterm.data.resample import source_closes
from tradeterm.data.validate import Finding, ValidationRules, validate
from tradeterm.store.bars import BarMeta, BarStore

H1 = Timeframe.H1
_START, _END = from_iso("2024-03-01"), from_iso("2024-04-01")
_RULES = ValidationRules()


@pytest.fixture
def store(tmp_path) -> BarStore:
    return BarStore(tmp_path / "data")


def _quiet(instrument: Instrument) -> Bars:
    """Hours of March 2024 that move a little, as they should."""
    ts = expected_opens(instrument.calendar, _START, _END, HOUR_NS)
    close = 100 * np.exp(np.cumsum(np.random.default_rng(7).uniform(-0.002, 0.002, len(ts))))
    open_ = np.append(100.0, close[:-1])
    return Bars(
        ts=ts,
        known_at=source_closes(instrument.calendar, ts, HOUR_NS),
        open=open_,
        high=np.maximum(open_, close),
        low=np.minimum(open_, close),
        close=close,
        volume=np.full(len(ts), 10.0),
    )


def _without(bars: Bars, rows: slice | list[int]) -> Bars:
    kept = np.ones(len(bars), dtype=bool)
    kept[rows] = False
    return Bars(**{name: getattr(bars, name)[kept] for name in Bars.__slots__ if name not in ("straddles", "fill")})


def _found(store: BarStore, instrument: Instrument, bars: Bars, *, timeframe: Timeframe = H1) -> list[Finding]:
    key = key_of(instrument, timeframe)
    meta = BarMeta(
        symbol=instrument.symbol,
        asset_class=instrument.asset_class,
        timeframe=timeframe,
        calendar=instrument.calendar,
        source="import:x.csv",
    )
    store.write(key, bars, meta)
    return validate(store, _RULES, from_iso("2025-01-01"))


@pytest.mark.parametrize("instrument", [SPY, BTC], ids=["SPY", "BTC"])
def test_sound_bars_have_no_findings(store, instrument):
    assert _found(store, instrument, _quiet(instrument)) == []


@pytest.mark.parametrize(("missing", "reported"), [(4, 0), (5, 1), (9, 1)])
def test_a_gap_is_reported_from_the_threshold_on(store, missing, reported):
    bars = _quiet(BTC)
    found = _found(store, BTC, _without(bars, slice(100, 100 + missing)))
    assert len(found) == reported
    for finding in found:
        assert (finding.symbol, finding.timeframe, finding.rule, finding.severity) == (
            "BTC/USDT",
            "1h",
            "gap",
            "warning",
        )
        assert finding.ts_ns == bars.ts[100]
        assert finding.detail.startswith(f"{missing} expected bars missing, {iso(int(bars.ts[100]))} to ")


def test_nights_weekends_and_holidays_are_no_gaps_but_a_missing_session_is_one(store):
    bars = _quiet(SPY)
    thursday = (bars.ts >= from_iso("2024-03-14")) & (bars.ts < from_iso("2024-03-15"))
    (finding,) = _found(store, SPY, _without(bars, np.flatnonzero(thursday).tolist()))
    assert finding.detail == "7 expected bars missing, 2024-03-14T13:30:00Z to 2024-03-14T19:30:00Z"


def test_bars_on_the_hour_fill_the_slots_of_a_half_hour_grid(store):
    bars = _quiet(SPY)
    late = replace(bars, ts=bars.ts + HOUR_NS // 2)
    kept = source_closes("XNYS", bars.ts, HOUR_NS) > late.ts
    assert _found(store, SPY, _without(late, np.flatnonzero(~kept).tolist())) == []


def test_a_spike_is_flagged_at_the_bar_and_left_in(store):
    bars = _quiet(BTC)
    close = bars.close.copy()
    close[200] *= 0.8
    spiked = replace(bars, close=close, low=np.minimum(bars.low, close))
    found = _found(store, BTC, spiked)
    assert [(item.rule, item.severity, item.ts_ns) for item in found] == [
        ("spike", "warning", int(bars.ts[200])),
        ("spike", "warning", int(bars.ts[201])),
    ]
    assert found[0].detail.startswith(("close against open: -20", "close against open: -19"))
    assert len(store.read(key_of(BTC, H1))) == len(bars)


def test_a_corrupt_first_bar_is_a_spike(store):
    bars = _quiet(BTC)
    open_, high = bars.open.copy(), bars.high.copy()
    open_[0] = high[0] = 400.0
    (finding,) = _found(store, BTC, replace(bars, open=open_, high=high))
    assert (finding.rule, finding.ts_ns) == ("spike", int(bars.ts[0]))


def test_stored_bars_that_break_a_rule_are_errors(store):
    bars = _quiet(BTC)
    high, volume = bars.high.copy(), bars.volume.copy()
    high[5], volume[6], volume[7] = 1.0, -1.0, 0.0
    found = _found(store, BTC, replace(bars, high=high, volume=volume))
    assert [(item.rule, item.severity, item.ts_ns) for item in found] == [
        ("ohlc-consistency", "error", int(bars.ts[5])),
        ("negative-volume", "error", int(bars.ts[6])),
        ("zero-volume", "info", int(bars.ts[7])),
    ]


def test_times_out_of_order_or_known_too_early_are_errors(store):
    bars = _quiet(BTC)
    ts, known_at = bars.ts.copy(), bars.known_at.copy()
    ts[10], known_at[20] = ts[9], ts[20]
    rules = {(item.rule, item.ts_ns) for item in _found(store, BTC, replace(bars, ts=ts, known_at=known_at))}
    assert rules == {("unsorted", int(ts[9])), ("known-too-early", int(ts[20]))}


def test_bars_outside_every_session_are_errors_for_what_trades_and_notes_for_series(store):
    bars = _quiet(SPY)
    ts = bars.ts.copy()
    ts[-1] += 12 * HOUR_NS
    found = _found(store, SPY, replace(bars, ts=ts, known_at=bars.known_at + 13 * HOUR_NS))
    assert [(item.rule, item.severity) for item in found if item.rule != "gap"] == [("no-session", "error")]
    days = np.array([from_iso("2024-07-03"), from_iso("2024-07-04"), from_iso("2024-07-05")])
    values = Bars(
        ts=days,
        known_at=days + DAY_NS,
        **dict.fromkeys(("open", "high", "low", "close"), np.array([13.0, 14.0, 15.0])),
        volume=np.full(3, np.nan),
    )
    found = _found(store, VIX, values, timeframe=Timeframe.DAILY)
    assert [(item.symbol, item.rule, item.severity) for item in found][-1] == ("VIX", "no-session", "info")


def test_negative_values_of_a_spread_are_sound(store):
    days = np.array([from_iso("2024-03-07"), from_iso("2024-03-08")])
    cells = dict.fromkeys(("open", "high", "low", "close"), np.array([-0.3, -0.2]))
    values = Bars(ts=days, known_at=days + DAY_NS, volume=np.full(2, np.nan), **cells)
    assert _found(store, SLOPE, values, timeframe=Timeframe.DAILY) == []


def test_a_damaged_file_is_a_finding_and_stops_nothing(store):
    _found(store, BTC, _quiet(BTC))
    bars = _without(_quiet(SPY), slice(50, 60))
    _found(store, SPY, bars)
    store.path(key_of(BTC, H1)).write_bytes(b"PAR1 cut")
    found = validate(store, _RULES, from_iso("2025-01-01"))
    assert [(item.rule, item.severity) for item in found] == [("unreadable", "error"), ("gap", "warning")]


def test_what_was_not_known_at_the_instant_is_not_judged(store):
    bars = _quiet(BTC)
    _found(store, BTC, _without(bars, slice(700, 720)))
    assert validate(store, _RULES, int(bars.ts[690])) == []
