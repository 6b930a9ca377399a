"""Candles as they are drawn: each glyph against bars that were made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fixed_views import shown_bars
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from tradeterm.core.market import Bars
from tradeterm.core.time import DAY_NS, from_iso
from tradeterm.tui.cells import date
from tradeterm.tui.widgets.candles import CandleChart, _digits, _Sheet, _short
from tradeterm.views.candles import Shown, shown

START = from_iso("2026-11-02")


def series(*rows: tuple[float, float, float, float], volume: float = 0.0) -> Shown:
    opens, highs, lows, closes = (np.array(column) for column in zip(*rows, strict=True))
    ts = START + DAY_NS * np.arange(len(rows))
    return Shown(
        Bars(
            ts=ts,
            open=opens,
            high=highs,
            low=lows,
            close=closes,
            volume=np.full(len(rows), volume),
            known_at=ts + DAY_NS,
        )
    )


def drawn(found: Shown, width: int, height: int, labels: int = 0, **asked: Any) -> list[str]:
    view = shown(found, **({"count": 999, "end": None, "at_most": width - labels} | asked))
    assert view is not None
    return [line.plain.rstrip() for line in _Sheet(view, width, height, labels, date).lines()]


def test_bodies_and_wicks_have_half_a_row_of_precision_and_falls_are_dashed() -> None:
    # Four rows are eight halves, 0 to 7, as the prices are here; one column each.
    found = series((2, 7, 0, 5), (5, 6, 0, 1), (3, 3, 3, 3), (0, 7, 0, 7), (7, 7, 4, 6))
    rows = drawn(found, 5, 7)[2:6]
    assert [row[:5].replace("┈", " ").ljust(5) for row in rows] == [
        "│╷ ┃┇",
        "┃┇ ┃│",
        "┃┇╹┃ ",
        "│╿ ┃ ",
    ]


def test_the_head_says_how_many_bars_of_which_time_and_the_newest_prices() -> None:
    lines = drawn(shown_bars(), 60, 12, 10, count=200)
    assert lines[0] == "200 of 12,345 bars, 4 a candle  2026-10-18 to 2026-11-20"
    assert lines[1].startswith("O ")
    assert all(f"  {name} " in lines[1] for name in "HLCV")
    assert lines[-1].startswith("2026-10-18")
    assert lines[-1].endswith("2026-11-20")


def test_a_price_is_labelled_in_its_row_and_the_newest_stands_out() -> None:
    lines = drawn(series((100, 110, 100, 110), (110, 112, 104, 105)), 20, 9, 10)
    labels = [line.split()[-1] for line in lines[2:8] if line.endswith("0")]
    assert labels == ["110.00", "105.00", "100.00"]
    assert lines[7].endswith("100.00")


def test_values_without_a_range_are_a_line() -> None:
    lines = drawn(series(*((float(price),) * 4 for price in (1, 2, 3, 4))), 4, 7)
    assert lines[1] == "last 4.00"
    assert "V" not in lines[0] + lines[1]
    glyphs = set("".join(line[:4] for line in lines[2:6])) - {" ", "┈"}
    assert glyphs
    assert all(0x2800 < ord(glyph) <= 0x28FF for glyph in glyphs)


@given(
    st.lists(st.tuples(*[st.floats(0.001, 1e6)] * 4), min_size=1, max_size=60),
    st.integers(10, 90),
    st.integers(4, 40),
    st.sampled_from([0.0, 5.0, np.nan]),
)
def test_a_drawing_never_leaves_its_room(rows: list[tuple[float, ...]], width: int, height: int, volume: float) -> None:
    bars = [(first, max(row), min(row), last) for row in rows for first, _, _, last in [row]]
    view = shown(series(*bars, volume=volume), count=60, end=None, at_most=width)
    assert view is not None
    lines = _Sheet(view, width + 16, height, 16, date).lines()
    assert len(lines) == height
    # The head alone may be longer, and ends in an ellipsis then.
    assert all(line.cell_len <= width + 16 for line in lines[2:-1])


@pytest.mark.parametrize(
    ("prices", "digits"),
    [
        ([12.34, 560.0], 2),
        ([0.71, -0.38], 2),
        ([0.7123, 0.7], 4),
        ([1.2345678], 3),
        ([0.0001234], 7),
        ([0.0], 2),
        ([97_210.123], 2),
    ],
)
def test_prices_have_the_decimals_that_tell_them_apart(prices: list[float], digits: int) -> None:
    assert _digits(prices) == digits


@pytest.mark.parametrize(
    ("value", "text"), [(12.0, "12"), (0.5, "0.5"), (1234.0, "1.2k"), (2.5e6, "2.5M"), (3.14e9, "3.1G")]
)
def test_a_volume_is_short(value: float, text: str) -> None:
    assert _short(value) == text


class Bench(App[None]):
    def compose(self) -> ComposeResult:
        yield CandleChart()

    CSS = "CandleChart { height: 100%; }"


async def test_never_more_candles_than_columns_whatever_the_width() -> None:
    app = Bench()
    async with app.run_test(size=(80, 20)) as pilot:
        chart = app.query_one(CandleChart)
        chart.show(shown_bars(), intraday=True)
        for width in (80, 31, 200, 17):
            await pilot.resize_terminal(width, 20)
            await pilot.pause()
            for _ in range(14):
                view = chart.view
                assert view is not None
                assert len(view.candles) <= width
                assert "bars" in str(chart.render())
                chart.zoom(-1)
            assert view.per_candle > 1
            chart.newest()


async def test_new_bars_are_drawn_where_the_newest_were_shown_and_not_where_older_ones_were() -> None:
    app = Bench()
    async with app.run_test(size=(80, 20)) as pilot:
        chart = app.query_one(CandleChart)
        chart.show(shown_bars(1000), intraday=True)
        await pilot.pause()
        chart.show(shown_bars(1001), intraday=True)
        assert chart.view is not None
        assert chart.view.end == 1001
        chart.scroll_bars(-1)
        end = chart.view.end
        chart.show(shown_bars(1002), intraday=True)
        assert chart.view.end == end


async def test_without_bars_it_says_why() -> None:
    app = Bench()
    async with app.run_test(size=(80, 20)):
        chart = app.query_one(CandleChart)
        assert "reading" in str(chart.render())
        chart.say("! the file is cut")
        assert "the file is cut" in str(chart.render())
        chart.zoom(1)
        chart.scroll_bars(1)
        chart.show(shown_bars(0), intraday=True)
        assert "no bar has a price" in str(chart.render())
