"""Bars as candles, against the same thing done slowly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeterm.core.market import Bars
from tradeterm.core.time import DAY_NS, from_iso
from tradeterm.views.candles import Candle, Shown, shown

START = from_iso("2020-01-01")
PRICE = st.floats(1.0, 1000.0)


def bars(rows: list[tuple[float, ...]], **changes: Any) -> Bars:
    """Daily bars with these opens, highs, lows, closes and volumes."""
    columns = np.array(rows, dtype=np.float64).reshape(len(rows), 5)
    ts = START + DAY_NS * np.arange(len(rows))
    cells = dict(zip(("open", "high", "low", "close", "volume"), columns.T, strict=True))
    return Bars(**({"ts": ts, "known_at": ts + DAY_NS} | cells | changes))


def slowly(rows: list[tuple[float, ...]], first: int) -> Candle:
    opens, highs, lows, closes, volumes = zip(*rows, strict=True)
    volume = float(np.sum(volumes))
    return Candle(
        ts_ns=START + DAY_NS * first,
        open=opens[0],
        high=max(highs),
        low=min(lows),
        close=closes[-1],
        volume=None if math.isnan(volume) else pytest.approx(volume),
    )


ROW = st.tuples(PRICE, PRICE, PRICE, PRICE, st.one_of(st.floats(0, 1e6), st.just(math.nan)))


@given(st.lists(ROW, min_size=1, max_size=120), st.integers(1, 200), st.integers(-5, 200), st.integers(1, 40))
def test_candles_are_what_their_bars_are_and_never_more_than_asked_for(
    rows: list[tuple[float, ...]], count: int, end: int, at_most: int
) -> None:
    found = shown(Shown(bars(rows)), count=count, end=end, at_most=at_most)
    assert found is not None
    assert 1 <= len(found.candles) <= at_most
    assert found.end - found.first == min(count, found.end)
    assert 0 <= found.first < found.end <= len(rows) == found.total
    # From the end on, so that the newest one is whole.
    size, places = found.per_candle, []
    for last in range(found.end, found.first, -size):
        places.append((max(found.first, last - size), last))
    assert found.candles == tuple(slowly(rows[low:high], low) for low, high in reversed(places))
    assert (found.first_ns, found.last_ns) == (START + DAY_NS * found.first, START + DAY_NS * (found.end - 1))


def test_as_many_bars_as_candles_are_drawn_one_by_one() -> None:
    found = shown(Shown(bars([(1, 2, 0.5, 1.5, 3)] * 50)), count=20, end=None, at_most=20)
    assert found is not None
    assert (found.per_candle, len(found.candles), found.first, found.end) == (1, 20, 30, 50)


def test_rows_without_a_price_are_no_candle() -> None:
    nothing = (math.nan,) * 5
    series = Shown(bars([(1, 2, 1, 2, 1), nothing, (2, 3, 2, 3, 1)]))
    assert len(series) == 2
    assert shown(Shown(bars([nothing])), count=5, end=None, at_most=5) is None


def test_of_several_vintages_the_newest_is_drawn() -> None:
    ts = np.array([START, START, START + DAY_NS])
    known = np.array([START + 9 * DAY_NS, START + DAY_NS, START + 2 * DAY_NS])
    series = Shown(bars([(3, 3, 3, 3, 1), (1, 1, 1, 1, 1), (2, 2, 2, 2, 1)], ts=ts, known_at=known))
    assert series.close.tolist() == [3.0, 2.0]
    assert series.flat


def test_a_series_with_a_range_is_not_flat() -> None:
    assert not Shown(bars([(1, 1, 1, 1, 1), (1, 2, 1, 1, 1)])).flat
