"""Features of a panel equal their textbook, skip rows without an own bar, and depend on their look-back alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panels import made_panel, with_days

from tradeterm.engine import features
from tradeterm.engine.panel import Panel

Feature = Callable[[Panel, int], np.ndarray]

# name: (feature, its look-back, window of own bars before the first value)
FEATURES: dict[str, tuple[Feature, Callable[[int], int], Callable[[int], int]]] = {
    "sma": (features.sma, lambda n: n, lambda n: n - 1),
    "ema": (features.ema, features.lookback_ema, lambda n: n - 1),
    "rsi": (features.rsi, features.lookback_wilder, lambda n: n),
    "atr": (features.atr, features.lookback_wilder, lambda n: n),
    "momentum": (features.momentum, lambda n: n + 1, lambda n: n),
    "volatility": (lambda p, n: features.volatility(p, n + 1, 252.0), lambda n: n + 2, lambda n: n + 1),
    "middle": (lambda p, n: features.bollinger(p, n).middle, lambda n: n, lambda n: n - 1),
    "upper": (lambda p, n: features.bollinger(p, n).upper, lambda n: n, lambda n: n - 1),
    "lower": (lambda p, n: features.bollinger(p, n, 1.5).lower, lambda n: n, lambda n: n - 1),
    "returns": (lambda p, _: features.returns(p), lambda _: 2, lambda _: 1),
}
named = pytest.mark.parametrize("name", FEATURES)


def own(panel: Panel, values: np.ndarray, column: int) -> np.ndarray:
    """Values in the rows of one instrument's own bars."""
    return values[panel.bar_no[:, column] >= 0, column]


def wilder_loop(values: list[float], window: int) -> list[float]:
    """Wilder's mean in plain Python; ``values`` start at the second bar."""
    out = [np.nan] * window
    level = sum(values[:window]) / window
    out.append(level)
    for value in values[window:]:
        level = (level * (window - 1) + value) / window
        out.append(level)
    return out


def rsi_loop(close: list[float], window: int) -> list[float]:
    steps = [b - a for a, b in pairwise(close)]
    up = wilder_loop([max(step, 0.0) for step in steps], window)
    down = wilder_loop([max(-step, 0.0) for step in steps], window)
    return [100.0 - 100.0 / (1.0 + u / d) if d else 100.0 for u, d in zip(up, down, strict=True)]


def atr_loop(high: list[float], low: list[float], close: list[float], window: int) -> list[float]:
    ranges = [
        max(high[i] - low[i], abs(high[i] - close[i - 1]), abs(low[i] - close[i - 1])) for i in range(1, len(close))
    ]
    return wilder_loop(ranges, window)


def textbook(name: str, panel: Panel, column: int, window: int) -> np.ndarray:
    high, low, close = (own(panel, getattr(panel, key), column) for key in ("high", "low", "close"))
    frame = pd.Series(close)
    middle, spread = frame.rolling(window).mean(), frame.rolling(window).std(ddof=0)
    answers = {
        "sma": lambda: middle,
        "ema": lambda: frame.ewm(span=window, adjust=False, min_periods=window).mean(),
        "rsi": lambda: rsi_loop(close.tolist(), window),
        "atr": lambda: atr_loop(high.tolist(), low.tolist(), close.tolist(), window),
        "momentum": lambda: frame.pct_change(window),
        "volatility": lambda: frame.pct_change().rolling(window + 1).std() * np.sqrt(252.0),
        "middle": lambda: middle,
        "upper": lambda: middle + 2.0 * spread,
        "lower": lambda: middle - 1.5 * spread,
        "returns": lambda: frame.pct_change(),
    }
    return np.asarray(answers[name](), dtype=np.float64)


@named
@pytest.mark.parametrize("window", [2, 14, 20, 50])
def test_a_feature_equals_its_textbook(name: str, window: int) -> None:
    panel = made_panel(11, 2500)
    feature, _, _ = FEATURES[name]
    values = feature(panel, window)
    for column in range(2):
        expected = textbook(name, panel, column, window)
        np.testing.assert_allclose(own(panel, values, column), expected, rtol=1e-10, atol=1e-12)


@named
def test_rows_without_an_own_bar_have_no_value(name: str) -> None:
    panel = made_panel(12)
    values = FEATURES[name][0](panel, 5)
    assert np.isnan(values[panel.bar_no < 0]).all()
    assert np.isfinite(values[panel.bar_no >= 0]).any()


@named
@pytest.mark.parametrize("window", [2, 5, 14])
def test_no_value_before_the_window_is_whole(name: str, window: int) -> None:
    panel = made_panel(13)
    feature, _, warm = FEATURES[name]
    values = own(panel, feature(panel, window), 0)
    assert np.isnan(values[: warm(window)]).all()
    assert np.isfinite(values[warm(window) :]).all()


@named
@settings(max_examples=60)
@given(seed=st.integers(0, 50), window=st.integers(2, 9), extra=st.integers(0, 400), stop=st.integers(0, 150))
def test_the_newest_bits_depend_on_the_look_back_alone(
    name: str, seed: int, window: int, extra: int, stop: int
) -> None:
    """Any start that leaves the declared look-back gives the same bits; any other gives them or nothing."""
    panel = made_panel(seed, 900)
    feature, lookback, _ = FEATURES[name]
    whole = feature(panel, window)
    end = len(panel) - stop
    for column in range(2):
        rows = np.flatnonzero(panel.bar_no[:end, column] >= 0)
        need = lookback(window) + extra
        first = rows[-need] if need <= len(rows) else 0
        part = feature(panel.rows(int(first), end), window)
        newest = rows[-1] - first
        assert part[newest, column] == whole[rows[-1], column]
        found = part[:, column]
        expected = whole[first:end, column]
        np.testing.assert_array_equal(found[np.isfinite(found)], expected[np.isfinite(found)])


@named
def test_the_declared_look_back_is_enough_at_windows_of_everyday(name: str) -> None:
    panel = made_panel(14, 2500)
    feature, lookback, _ = FEATURES[name]
    whole = feature(panel, 14)
    rows = np.flatnonzero(panel.bar_no[:, 0] >= 0)
    for last in rows[-400::37]:
        first = rows[rows <= last][-lookback(14)]
        assert feature(panel.rows(int(first), int(last) + 1), 14)[-1, 0] == whole[last, 0]


@named
def test_adding_a_symbol_changes_no_bit_of_the_others(name: str) -> None:
    feature = FEATURES[name][0]
    two, three = made_panel(15), made_panel(15, symbols=("A", "B", "C"))
    np.testing.assert_array_equal(feature(three, 5)[:, :2], feature(two, 5))
    np.testing.assert_array_equal(feature(three.select(("B",)), 5)[:, 0], feature(two, 5)[:, 1])


@named
def test_rows_without_a_bar_between_change_no_bit(name: str) -> None:
    feature = FEATURES[name][0]
    panel = made_panel(16, symbols=("A",))
    dense = {key: getattr(panel, key)[panel.bar_no[:, 0] >= 0] for key in ("times", "bar_no", "known_at")}
    prices = {key: own(panel, getattr(panel, key), 0)[:, None] for key in ("open", "high", "low", "close", "volume")}
    np.testing.assert_array_equal(feature(replace(panel, **dense, **prices), 5)[:, 0], own(panel, feature(panel, 5), 0))


@named
def test_a_source_without_volume_changes_no_feature(name: str) -> None:
    feature = FEATURES[name][0]
    panel = made_panel(17)
    silent = replace(panel, volume=np.full_like(panel.volume, np.nan))
    np.testing.assert_array_equal(feature(silent, 5), feature(panel, 5))


def test_the_relative_strength_of_what_never_fell_or_never_moved() -> None:
    def one(close: list[float]) -> float:
        count = len(close)
        prices = np.array(close)[:, None]
        panel = Panel(
            times=np.arange(count),
            symbols=("A",),
            asset_class=("equity",),
            open=prices,
            high=prices,
            low=prices,
            close=prices,
            volume=prices,
            bar_no=np.arange(count)[:, None],
            known_at=np.arange(count)[:, None],
        )
        return float(features.rsi(panel, 3)[-1, 0])

    assert one([1.0, 2.0, 3.0, 4.0, 5.0]) == 100.0
    assert one([5.0, 4.0, 3.0, 2.0, 1.0]) == 0.0
    assert one([5.0] * 5) == 50.0


def test_a_value_is_carried_from_the_newest_own_bar() -> None:
    panel = made_panel(18)
    carried = features.carried(panel, panel.close)
    for column in range(2):
        expected = pd.Series(panel.close[:, column]).ffill().to_numpy()
        np.testing.assert_array_equal(carried[:, column], expected)


def test_a_daily_value_is_carried_from_the_newest_daily_bar() -> None:
    panel = with_days(made_panel(19))
    assert panel.daily is not None
    carried = features.daily_carried(panel, panel.daily.close)
    for column in range(2):
        for row, now in enumerate(panel.times):
            known = [
                close
                for at, close in zip(panel.daily.known_at[:, column], panel.daily.close[:, column], strict=True)
                if 0 <= at <= now
            ]
            expected = known[-1] if known else np.nan
            np.testing.assert_equal(carried[row, column], expected)


def test_in_a_daily_panel_a_daily_value_is_its_own() -> None:
    panel = made_panel(20)
    np.testing.assert_array_equal(features.daily_carried(panel, panel.close), features.carried(panel, panel.close))


def test_an_empty_daily_panel_carries_nothing() -> None:
    panel = with_days(made_panel(21, rows=4))
    assert panel.daily is not None
    assert len(panel.daily) == 0
    assert np.isnan(features.daily_carried(panel, panel.daily.close)).all()
