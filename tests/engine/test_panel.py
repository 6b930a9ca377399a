"""A panel's views hold nothing later than asked, copy nothing, and keep their daily rows true."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panels import H4, made_fills, made_panel, with_days

from tradeterm.engine.panel import Panel, newest_row

PANELS = [with_days(made_panel(seed, rows=120, symbols=("A", "B", "C"))) for seed in range(3)]
CELLS = ("open", "high", "low", "close", "volume", "bar_no", "known_at")
panels = st.sampled_from(PANELS)


def nothing_later_than(panel: Panel, time_ns: int) -> None:
    for part in (panel, panel.days):
        assert (part.times <= time_ns).all()
        assert (part.known_at <= time_ns).all()
        for name in CELLS:
            assert len(getattr(part, name)) == len(part.times)


def daily_rows_are_true(panel: Panel, whole: Panel) -> None:
    """Every row names the same daily bar as in the whole panel, or none where that one is cut off."""
    assert panel.daily is not None
    assert panel.daily_row is not None
    assert whole.daily is not None
    assert whole.daily_row is not None
    for k, now in enumerate(panel.times):
        row = int(np.searchsorted(whole.times, now))
        for j, symbol in enumerate(panel.symbols):
            column = whole.column(symbol)
            mine, theirs = panel.daily_row[k, j], whole.daily_row[row, column]
            if mine >= 0:
                assert panel.daily.times[mine] == whole.daily.times[theirs]
                assert panel.daily.close[mine, j] == whole.daily.close[theirs, column]
                assert panel.daily.known_at[mine, j] <= now
            elif theirs >= 0:
                assert whole.daily.times[theirs] not in panel.daily.times


@given(panel=panels, time_ns=st.integers(-H4, 130 * H4))
def test_upto_holds_nothing_later_and_all_that_is_not(panel: Panel, time_ns: int) -> None:
    part = panel.upto(time_ns)
    nothing_later_than(part, time_ns)
    assert len(part) == (panel.times <= time_ns).sum()
    assert len(part.days) == 0 or part.days.times[-1] <= part.times[-1]


@given(panel=panels, time_ns=st.integers(H4, 130 * H4))
def test_upto_copies_nothing(panel: Panel, time_ns: int) -> None:
    part = panel.upto(time_ns)
    for name in CELLS:
        assert np.shares_memory(getattr(part, name), getattr(panel, name))
    assert np.shares_memory(part.times, panel.times)
    assert np.shares_memory(part.daily_row, panel.daily_row)
    if len(part.days):
        assert np.shares_memory(part.days.close, panel.days.close)


@settings(max_examples=50)
@given(panel=panels, start=st.integers(0, 120), length=st.integers(0, 120))
def test_rows_hold_their_rows_and_the_days_known_by_the_last(panel: Panel, start: int, length: int) -> None:
    stop = min(start + length, 120)
    part = panel.rows(start, stop)
    np.testing.assert_array_equal(part.close, panel.close[start:stop])
    if stop > start:
        nothing_later_than(part, int(panel.times[stop - 1]))
        daily_rows_are_true(part, panel)
    else:
        assert len(part) == 0
        assert len(part.days) == 0


@settings(max_examples=50)
@given(panel=panels, first=st.integers(0, 20))
def test_from_day_drops_the_days_before_and_keeps_what_they_meant(panel: Panel, first: int) -> None:
    part = panel.from_day(first)
    daily_rows_are_true(part, panel)
    np.testing.assert_array_equal(part.close, panel.close)
    np.testing.assert_array_equal(part.days.close, panel.days.close[first:])


@settings(max_examples=30)
@given(panel=panels, symbols=st.permutations(["A", "B", "C"]).map(tuple), count=st.integers(1, 3))
def test_select_keeps_the_rows_and_orders_the_columns(panel: Panel, symbols: tuple[str, ...], count: int) -> None:
    chosen = symbols[:count]
    part = panel.select(chosen)
    assert part.symbols == chosen
    np.testing.assert_array_equal(part.times, panel.times)
    for j, symbol in enumerate(chosen):
        for name in CELLS:
            np.testing.assert_array_equal(getattr(part, name)[:, j], getattr(panel, name)[:, panel.column(symbol)])
    daily_rows_are_true(part, panel)


def test_cutting_and_selecting_commute() -> None:
    panel = PANELS[0]
    one = panel.select(("C", "A")).upto(50 * H4)
    other = panel.upto(50 * H4).select(("C", "A"))
    for name in CELLS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.daily_row, other.daily_row)
    np.testing.assert_array_equal(one.days.close, other.days.close)


def test_the_newest_row_is_the_last_with_an_own_bar() -> None:
    bar_no = np.array([[-1, 0], [0, -1], [-1, 1], [-1, -1]])
    assert newest_row(bar_no).tolist() == [[-1, 0], [1, 0], [1, 2], [1, 2]]
    assert newest_row(np.empty((0, 2), dtype=np.int64)).shape == (0, 2)


def test_a_panel_of_daily_bars_is_its_own_days() -> None:
    panel = made_panel(5)
    assert panel.days is panel


def test_an_unknown_symbol_has_no_column() -> None:
    with pytest.raises(ValueError):
        PANELS[0].column("Z")


def test_fills_are_cut_by_rows() -> None:
    fills = made_fills(PANELS[0], 1)
    ones = np.ones(fills.open.shape)
    fills = replace(fills, split=ones * 2.0, dividend=ones * 0.5, factor=ones * 4.0)
    part = fills.upto_row(7)
    assert made_fills(PANELS[0], 1).upto_row(7).split is None
    for name in part.__slots__:
        np.testing.assert_array_equal(getattr(part, name), getattr(fills, name)[:7])
