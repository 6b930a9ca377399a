"""Numbers as text, columns that fit, and charts of few points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from tradeterm.core.time import HOUR_NS, MINUTE_NS
from tradeterm.tui.cells import (
    Column,
    Row,
    age,
    bar,
    cell,
    countdown,
    fit,
    initials,
    money,
    pairs,
    percent,
    quantity,
    signed,
    stamp,
    table,
    tone,
)
from tradeterm.tui.widgets.chart import envelope

COLUMNS = (
    Column(name="symbol", width=9, grow=True),
    Column(name="price", width=10, right=True),
    Column(name="source", width=8, rank=2),
    Column(name="gaps", width=4, right=True, rank=1),
)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (percent(0.1234), "12.3%"),
        (percent(-0.0042, 2, sign=True), "-0.42%"),
        (percent(None), "-"),
        (signed(1.2), "+1.20"),
        (money(101234.549), "101,234.55"),
        (money(None), "-"),
        (quantity(0.05), "0.05"),
        (quantity(52.0), "52"),
        (quantity(1234.5), "1,234.5"),
        (quantity(-0.0), "0"),
        (stamp(None), "-"),
        (age(5), "5h"),
        (age(71), "71h"),
        (age(96), "4d"),
        (age(None), "-"),
        (countdown(2 * HOUR_NS + 13 * MINUTE_NS + 1), "02:14"),
        (countdown(-5), "00:00"),
        (initials("EquityTrendModel_v1"), "ETM1"),
        (initials("carry"), "carry"),
    ],
)
def test_values_read_as_people_write_them(found: str, expected: str) -> None:
    assert found == expected


def test_gains_and_losses_have_a_sign_beside_their_colour() -> None:
    assert (tone(0.1), percent(0.1, sign=True)) == ("green", "+10.0%")
    assert (tone(-0.1), percent(-0.1, sign=True)) == ("red", "-10.0%")
    assert tone(0.0) == tone(None) == ""


@given(st.integers(1, 60))
def test_the_least_important_columns_go_first_and_lines_never_exceed_the_width(width: int) -> None:
    fitted = fit(COLUMNS, width)
    names = [column.name for _, column, _ in fitted]
    assert names in (["symbol", "price"], ["symbol", "price", "gaps"], ["symbol", "price", "source", "gaps"])
    used = sum(each for _, _, each in fitted) + 2 * (len(fitted) - 1)
    assert used == max(width, 9 + 2 + 10)


@given(st.text(max_size=30), st.integers(1, 20), st.booleans())
def test_a_cell_has_exactly_its_width(text: str, width: int, right: bool) -> None:
    made = cell(Text(text.replace("\n", " ").replace("\t", " ")), width, right=right)
    # Wide characters may leave their last half empty.
    assert made.cell_len == width or made.cell_len == width - 1


def test_numbers_are_aligned_right_and_words_left() -> None:
    rows = [Row(key="a", cells=("SPY", "1.5", "sample", "0")), Row(key="b", cells=("QQQ", "10.25", "csv", "12"))]
    assert [line.plain for line in table(COLUMNS, rows, 37)] == [
        "symbol          price  source    gaps",
        "SPY               1.5  sample       0",
        "QQQ             10.25  csv         12",
    ]


def test_long_values_go_on_beneath_themselves() -> None:
    lines = [line.plain for line in pairs({"file": "a.py", "what": "one two three four five six seven"}, 26)]
    assert lines == ["file  a.py", "what  one two three four", "      five six seven"]


def test_a_bar_is_full_at_its_cap_and_never_longer() -> None:
    assert [bar(share, 4).plain for share in (0.0, 0.5, 1.0, 7.0)] == ["────", "━━──", "━━━━", "━━━━"]


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=2000), st.integers(2, 100))
def test_an_envelope_keeps_the_extremes_in_at_most_two_points_per_column(values: list[float], columns: int) -> None:
    points = envelope(values, columns)
    indices = [index for index, _ in points]
    assert len(points) <= 2 * columns
    assert indices == sorted(set(indices))
    assert all(values[index] == value for index, value in points)
    shown = [value for _, value in points]
    assert (min(shown), max(shown)) == (min(values), max(values))
