from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data_stock import BTC, ETH, PMI, QQQ, RULES, SLOPE, SPY, VIX, key_of

from tradeterm.core.market import Bars, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, from_iso, iso
from tradeterm.data.calendar import expected_opens
from tradeterm.data.findings import SEVERITIES
from tradeterm.data.refresh import RefreshPlan, refresh
from tradeterm.data.resample import source_closes
from tradeterm.data.validate import Finding, ValidationRules, validate
from tradeterm.store.actions import ActionStore
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


def _found(
    store: BarStore, instrument: Instrument, bars: Bars, *, timeframe: Timeframe = H1, asof_ns: int | None = None
) -> list[Finding]:
    """What is found as soon as the last bar is known."""
    key = key_of(instrument, timeframe)
    meta = BarMeta(
        symbol=instrument.symbol,
        asset_class=instrument.asset_class,
        timeframe=timeframe,
        calendar=instrument.calendar,
        source="import:x.csv",
    )
    store.write(key, bars, meta)
    return validate(store, _RULES, int(bars.known_at.max()) if asof_ns is None else asof_ns)


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
    on_the_hour = _without(late, np.flatnonzero(~kept).tolist())
    on_the_hour = replace(on_the_hour, known_at=source_closes("XNYS", on_the_hour.ts, HOUR_NS))
    assert _found(store, SPY, on_the_hour) == []
    strict = ValidationRules(gap_bars=1)
    assert validate(store, strict, _END) == []
    _found(store, SPY, _without(on_the_hour, [9]))
    assert [item.ts_ns for item in validate(store, strict, _END)] == [int(on_the_hour.ts[9]) - HOUR_NS // 2]


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


def test_repeated_times_and_bars_known_too_early_are_errors(store):
    bars = _quiet(BTC)
    ts, known_at = bars.ts.copy(), bars.known_at.copy()
    ts[10], known_at[20] = ts[9], ts[20]
    found = _found(store, BTC, replace(bars, ts=ts, known_at=known_at))
    assert [(item.rule, item.severity, item.ts_ns) for item in found] == [
        ("duplicate-stamp", "error", int(ts[9])),
        ("known-too-early", "error", int(ts[20])),
    ]


def test_a_bar_out_of_order_is_an_error_also_where_it_repeats_one_far_away(store):
    bars = _quiet(BTC)
    order = np.arange(len(bars))
    order[[30, 31]] = [31, 30]
    swapped = replace(bars, ts=bars.ts[order], known_at=bars.known_at[order])
    (finding,) = _found(store, BTC, swapped)
    assert (finding.rule, finding.severity, finding.ts_ns) == ("unsorted", "error", int(bars.ts[30]))
    ts = bars.ts.copy()
    ts[400] = ts[100]
    rules = {(item.rule, item.ts_ns) for item in _found(store, BTC, replace(bars, ts=ts))}
    assert rules == {("unsorted", int(ts[100])), ("duplicate-stamp", int(ts[100]))}


def test_vintages_of_a_series_are_no_repeats_unless_both_were_known_at_once(store):
    days = np.array([from_iso("2024-03-07"), from_iso("2024-03-07"), from_iso("2024-03-08")])
    cells = dict.fromkeys(("open", "high", "low", "close"), np.array([0.1, 0.2, 0.3]))
    values = Bars(ts=days, known_at=days + DAY_NS * np.array([1, 20, 1]), volume=np.full(3, np.nan), **cells)
    assert _found(store, SLOPE, values, timeframe=Timeframe.DAILY) == []
    twice = replace(values, known_at=days + DAY_NS)
    (finding,) = _found(store, SLOPE, twice, timeframe=Timeframe.DAILY)
    assert (finding.rule, finding.severity, finding.ts_ns) == ("duplicate-stamp", "error", int(days[0]))


@pytest.mark.parametrize(
    ("instrument", "timeframe", "opens", "off"),
    [
        (BTC, H1, "2024-03-12T04:00Z", False),
        (BTC, H1, "2024-03-12T04:00:01Z", True),
        (BTC, Timeframe.M15, "2024-03-12T04:45Z", False),
        (BTC, Timeframe.M15, "2024-03-12T04:40Z", True),
        (BTC, Timeframe.H4, "2024-03-12T08:00Z", False),
        (BTC, Timeframe.H4, "2024-03-12T09:00Z", True),
        (BTC, Timeframe.DAILY, "2024-03-12", False),
        (BTC, Timeframe.DAILY, "2024-03-12T05:00Z", True),
        # New York opens at 13:30Z in summer time, which began on 10 March.
        (SPY, H1, "2024-03-12T13:30Z", False),
        (SPY, H1, "2024-03-12T14:00Z", False),
        (SPY, H1, "2024-03-12T14:15Z", True),
        (SPY, Timeframe.DAILY, "2024-03-12T13:30Z", False),
        (SPY, Timeframe.DAILY, "2024-03-12T14:30Z", True),
        (SPY, Timeframe.DAILY, "2024-03-08T14:30Z", False),
        (VIX, Timeframe.DAILY, "2024-03-12", False),
        (VIX, Timeframe.DAILY, "2024-03-12T14:30Z", True),
        (PMI, Timeframe.MONTHLY, "2024-03-01", False),
        (PMI, Timeframe.MONTHLY, "2024-03-02", True),
    ],
)
def test_a_time_that_no_bar_of_its_timeframe_can_have_is_an_error(store, instrument, timeframe, opens, off):
    ts = np.array([from_iso(opens)])
    cells = dict.fromkeys(("open", "high", "low", "close", "volume"), np.array([5.0]))
    found = _found(store, instrument, Bars(ts=ts, known_at=ts + DAY_NS, **cells), timeframe=timeframe)
    assert [(item.rule, item.severity, item.ts_ns) for item in found] == [("off-grid", "error", int(ts[0]))] * off


@pytest.mark.parametrize(
    ("opens", "rule"),
    [
        ("2024-07-03T16:30Z", None),
        ("2024-07-03T17:00Z", "outside-session"),  # closed at 13:00 New York on the eve of the holiday
        ("2024-07-04T15:00Z", "no-session"),
        ("2024-07-05T13:00Z", "outside-session"),
        ("2024-07-05T13:30Z", None),
    ],
)
def test_bars_are_held_to_the_session_of_their_day(store, opens, rule):
    ts = np.array([from_iso(opens)])
    cells = dict.fromkeys(("open", "high", "low", "close", "volume"), np.array([5.0]))
    found = _found(store, SPY, Bars(ts=ts, known_at=ts + HOUR_NS, **cells))
    assert [(item.rule, item.severity) for item in found] == ([(rule, "error")] if rule else [])


@pytest.mark.parametrize(
    ("instrument", "timeframe", "opens", "known", "due"),
    [
        (BTC, H1, "2024-03-08T20:00Z", "2024-03-08T21:00Z", "2024-03-08T22:00:00Z"),
        # Friday's last half hour in New York; Monday opens an hour earlier by UTC.
        (SPY, H1, "2024-03-08T20:30Z", "2024-03-08T21:00Z", "2024-03-11T14:30:00Z"),
        (SPY, Timeframe.DAILY, "2024-03-08T14:30Z", "2024-03-08T21:00Z", "2024-03-11T20:00:00Z"),
        (BTC, Timeframe.DAILY, "2024-03-08", "2024-03-09", "2024-03-10T00:00:00Z"),
        (SLOPE, Timeframe.DAILY, "2024-03-07", "2024-03-08T14:00Z", "2024-03-11T14:00:00Z"),
        (PMI, Timeframe.MONTHLY, "2024-02-01", "2024-03-01T15:00Z", "2024-04-04T15:00:00Z"),
    ],
)
def test_a_file_whose_next_bar_is_long_overdue_is_stale(store, instrument, timeframe, opens, known, due):
    ts = np.array([from_iso(opens)])
    cells = dict.fromkeys(("open", "high", "low", "close", "volume"), np.array([5.0]))
    bars = Bars(ts=ts, known_at=np.array([from_iso(known)]), **cells)
    last = from_iso(due) + 48 * HOUR_NS
    assert _found(store, instrument, bars, timeframe=timeframe, asof_ns=last) == []
    (finding,) = _found(store, instrument, bars, timeframe=timeframe, asof_ns=last + HOUR_NS)
    assert (finding.rule, finding.severity, finding.ts_ns) == ("stale", "warning", int(ts[0]))
    assert finding.detail.startswith(f"the next bar was due {due}, 49 h before ")


def test_a_finding_reads_as_one_line_with_symbol_bar_and_rule(store):
    bars = _quiet(BTC)
    high = bars.high.copy()
    high[5] = 1.0
    (finding,) = _found(store, BTC, replace(bars, high=high))
    assert str(finding).startswith("BTC/USDT 1h 2024-03-01T05:00:00Z: error ohlc-consistency: high is not the highest")
    assert "\n" not in str(finding)


def test_the_documentation_names_every_rule_with_its_severity():
    text = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
    table = text.partition("## Status and validation")[2].partition("\n## ")[0]
    told = [row.split("|")[1:3] for row in table.splitlines() if row.startswith("| `")]
    assert {rule.strip(" `"): severity.strip() for rule, severity in told} == SEVERITIES


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
    found = validate(store, _RULES, int(bars.known_at[-1]))
    assert [(item.rule, item.severity) for item in found] == [("unreadable", "error"), ("gap", "warning")]


def test_what_was_not_known_at_the_instant_is_not_judged(store):
    bars = _quiet(BTC)
    _found(store, BTC, _without(bars, slice(700, 720)))
    assert validate(store, _RULES, int(bars.ts[690])) == []


def test_an_evening_in_new_york_belongs_to_its_own_date_though_it_is_the_next_by_utc(store):
    ts = np.array([from_iso("2024-03-02T00:00Z")])  # Friday, 19:00 in New York
    cells = dict.fromkeys(("open", "high", "low", "close", "volume"), np.array([5.0]))
    (finding,) = _found(store, SPY, Bars(ts=ts, known_at=ts + HOUR_NS, **cells))
    assert finding.rule == "outside-session"
    assert finding.detail == "the session of XNYS was 2024-03-01T14:30:00Z to 2024-03-01T21:00:00Z"


def test_a_value_of_an_unexpected_day_does_not_stand_in_for_the_day_before(store):
    # Monday, Columbus Day: the exchange is open, no value is due. Friday's is missing.
    days = np.array([from_iso("2024-10-10"), from_iso("2024-10-14"), from_iso("2024-10-15")])
    cells = dict.fromkeys(("open", "high", "low", "close"), np.array([0.1, 0.2, 0.3]))
    values = Bars(ts=days, known_at=days + DAY_NS, volume=np.full(3, np.nan), **cells)
    key = key_of(SLOPE, Timeframe.DAILY)
    meta = BarMeta(
        symbol="T10Y2Y", asset_class=SLOPE.asset_class, timeframe=Timeframe.DAILY, calendar="XNYS", source="fred"
    )
    store.write(key, values, meta)
    found = validate(store, ValidationRules(gap_bars=1), int(values.known_at[-1]))
    assert [(item.rule, item.ts_ns) for item in found] == [("gap", from_iso("2024-10-11"))]


def test_damaged_actions_are_a_finding_and_the_bars_are_judged_all_the_same(store):
    bars = _quiet(SPY)
    volume = bars.volume.copy()
    volume[3] = -1.0
    path = ActionStore(store.data_dir).path("SPY")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR1 cut")
    found = _found(store, SPY, replace(bars, volume=volume))
    assert [(item.rule, item.severity) for item in found] == [("unreadable", "error"), ("negative-volume", "error")]
    assert "actions/SPY.parquet" in found[0].detail


def test_the_sample_market_has_nothing_to_find(store):
    instruments = (SPY, QQQ, BTC, ETH, VIX, SLOPE, PMI)
    asof = from_iso("2018-03-17")
    plan = RefreshPlan(
        instruments=instruments, sources={item.symbol: ("sample",) for item in instruments}, publication=RULES
    )
    assert refresh(store, plan, asof_ns=asof).ok
    assert len(store.keys()) == 15
    assert validate(store, ValidationRules(gap_bars=1), asof) == []
