"""Jumps that look like splits, by bars whose split is made here, and lone wicks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from data_stock import SPY, key_of

from tradeterm.core.market import Actions, Bars, Timeframe
from tradeterm.core.time import from_iso
from tradeterm.data.calendar import sessions
from tradeterm.data.findings import Finding, ValidationRules
from tradeterm.data.validate import validate
from tradeterm.store.actions import ActionStore
from tradeterm.store.bars import BarMeta, BarStore

_AT = 60
_DAYS = 120


def _quiet() -> Bars:
    """Daily bars of half a year that move a little, as do their volumes."""
    days = sessions("XNYS")
    first = int(np.searchsorted(days.open_ns, from_iso("2024-01-02")))
    rows = slice(first, first + _DAYS)
    random = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(random.uniform(-0.01, 0.01, _DAYS)))
    open_ = np.append(100.0, close[:-1]) * np.exp(random.uniform(-0.005, 0.005, _DAYS))
    return Bars(
        ts=days.open_ns[rows].copy(),
        known_at=days.close_ns[rows].copy(),
        open=open_,
        high=np.maximum(open_, close) * 1.002,
        low=np.minimum(open_, close) * 0.998,
        close=close,
        volume=1e6 * np.exp(random.uniform(-0.3, 0.3, _DAYS)),
    )


def _split(bars: Bars, ratio: float, *, volume: bool = True, until: int = _DAYS) -> Bars:
    """The same bars after ``ratio`` new units for an old one at the open of day 60."""
    prices = {}
    for name in ("open", "high", "low", "close"):
        prices[name] = getattr(bars, name).copy()
        prices[name][_AT:until] /= ratio
    traded = bars.volume.copy()
    if volume:
        traded[_AT:until] *= ratio
    return replace(bars, **prices, volume=traded)


def _found(tmp_path, bars: Bars, *, adjustment: str = "none", rule: str = "split-like") -> list[Finding]:
    store = BarStore(tmp_path / "data")
    key = key_of(SPY, Timeframe.DAILY)
    meta = BarMeta(
        symbol="SPY",
        asset_class=SPY.asset_class,
        timeframe=Timeframe.DAILY,
        calendar="XNYS",
        source="import:x.csv",
        adjustment=adjustment,
    )
    store.write(key, bars, meta)
    return [item for item in validate(store, ValidationRules(), int(bars.known_at[-1])) if item.rule == rule]


def _store_split(tmp_path, ex_ns: int, value: float) -> None:
    actions = Actions(ex_ns=np.array([ex_ns]), kind=("split",), value=np.array([value]))
    ActionStore(tmp_path / "data").merge("SPY", actions, source="yahoo", start_ns=0, end_ns=from_iso("2025-01-01"))


@pytest.mark.parametrize(
    ("ratio", "told"),
    [
        (2.0, "2 for 1"),
        (3.0, "3 for 1"),
        (4.0, "4 for 1"),
        (1.5, "3 for 2"),
        (5.0, "5 for 1"),
        (10.0, "10 for 1"),
        (20.0, "20 for 1"),
        (0.5, "1 for 2"),
        (0.1, "1 for 10"),
    ],
)
def test_a_split_that_nobody_told_is_a_warning_at_its_first_bar(tmp_path, ratio, told):
    bars = _quiet()
    (finding,) = _found(tmp_path, _split(bars, ratio))
    assert (finding.severity, finding.ts_ns) == ("warning", int(bars.ts[_AT]))
    assert f"as after a split of {told} (volume times " in finding.detail
    assert finding.detail.endswith("no split is stored")


def test_a_stored_split_explains_the_jump_where_both_agree(tmp_path):
    bars = _quiet()
    _store_split(tmp_path, int(bars.ts[_AT]), 4.0)
    assert _found(tmp_path, _split(bars, 4.0)) == []
    (finding,) = _found(tmp_path, _split(bars, 2.0))
    assert finding.detail.endswith("the stored split is 4 for 1")


@pytest.mark.parametrize("days", [-1, 1])
def test_a_stored_split_of_another_day_explains_nothing(tmp_path, days):
    bars = _quiet()
    _store_split(tmp_path, int(bars.ts[_AT + days]), 2.0)
    (finding,) = _found(tmp_path, _split(bars, 2.0))
    assert finding.ts_ns == bars.ts[_AT]


@pytest.mark.parametrize("adjustment", ["split", "all"])
def test_adjusted_prices_have_no_jump_whatever_split_is_stored(tmp_path, adjustment):
    bars = _quiet()
    _store_split(tmp_path, int(bars.ts[_AT]), 2.0)
    (finding,) = _found(tmp_path, _split(bars, 2.0), adjustment=adjustment)
    assert finding.detail.endswith(f"the bars are said to be adjusted ({adjustment})")


def test_a_crash_whose_volume_does_not_move_the_other_way_is_no_split(tmp_path):
    crashed = _split(_quiet(), 2.0, volume=False)
    assert _found(tmp_path, crashed) == []
    assert [item.ts_ns for item in _found(tmp_path, crashed, rule="spike")] == [int(crashed.ts[_AT])]


def test_prices_alone_decide_where_a_source_has_no_volume(tmp_path):
    bars = replace(_split(_quiet(), 2.0), volume=np.full(_DAYS, np.nan))
    (finding,) = _found(tmp_path, bars)
    assert "volume" not in finding.detail


def test_bars_that_come_back_are_spikes_and_no_split(tmp_path):
    bars = _split(_quiet(), 2.0, until=_AT + 2)
    assert _found(tmp_path, bars) == []
    assert {item.ts_ns for item in _found(tmp_path, bars, rule="spike")} == {int(bars.ts[_AT]), int(bars.ts[_AT + 2])}


def test_a_jump_between_the_ratios_of_splits_is_no_split(tmp_path):
    assert _found(tmp_path, _split(_quiet(), 1.75)) == []


def test_the_first_bar_and_the_last_can_stand_beside_a_split(tmp_path):
    bars = _quiet()
    for kept in (slice(_AT - 1, None), slice(None, _AT + 1)):
        split = _split(bars, 2.0)
        part = Bars(
            **{name: getattr(split, name)[kept] for name in Bars.__slots__ if name not in ("straddles", "fill")}
        )
        (finding,) = _found(tmp_path, part)
        assert finding.ts_ns == bars.ts[_AT]


@pytest.mark.parametrize(("name", "factor", "told"), [("high", 1.3, "high above"), ("low", 0.7, "low below")])
def test_a_lone_wick_is_a_spike(tmp_path, name, factor, told):
    bars = _quiet()
    prices = getattr(bars, name).copy()
    prices[30] *= factor
    (finding,) = _found(tmp_path, replace(bars, **{name: prices}), rule="spike")
    assert finding.ts_ns == bars.ts[30]
    assert finding.detail.startswith(f"{told} open and close: ")
