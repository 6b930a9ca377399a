"""What a signal came to, worked by hand on equity hours and around the clock."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeterm.core.time import H4_NS, from_iso, iso
from tradeterm.engine.outcomes import NEVER, forward_returns, replay_statistics
from tradeterm.engine.panel import FillFrame, Panel

# Two summer sessions in New York, 09:30-16:00: H4 bars open 13:30 and 16:00 UTC.
OPENS = ("2024-07-01T13:30Z", "2024-07-01T16:00Z", "2024-07-02T13:30Z", "2024-07-02T16:00Z")
KNOWN = ("2024-07-01T16:00Z", "2024-07-01T20:00Z", "2024-07-02T16:00Z", "2024-07-02T20:00Z")
PRICES = np.array([100.0, 102.0, 110.0, 99.0])


def _ns(*texts: str) -> np.ndarray:
    return np.array([from_iso(text) for text in texts], dtype=np.int64)


def _forward(ts: tuple[str, ...], horizon: int, cost: float = 0.0, side: object = 1):
    return forward_returns(PRICES, _ns(*OPENS), _ns(*KNOWN), _ns(*ts), horizon, cost, side=side)


def test_a_signal_after_the_close_enters_at_the_next_mornings_open():
    found = _forward(("2024-07-01T20:00Z",), 1)
    assert iso(int(found.entry_at[0])) == "2024-07-02T13:30:00Z"
    assert iso(int(found.exit_at[0])) == "2024-07-02T16:00:00Z"
    assert (found.entry_price[0], found.exit_price[0]) == (110.0, 99.0)
    assert found.gross[0] == pytest.approx(-0.1)


def test_the_night_is_no_bar_of_the_horizon():
    found = _forward(("2024-07-01T16:00Z",), 1)
    assert (found.entry_row[0], found.exit_row[0]) == (1, 2)
    assert found.gross[0] == pytest.approx(110 / 102 - 1)


def test_a_bar_that_opens_at_the_decision_is_the_entry():
    assert _forward(("2024-07-01T13:30Z",), 1).entry_row[0] == 0
    assert _forward(("2024-07-01T13:30:00.000001Z",), 1).entry_row[0] == 1


def test_costs_are_paid_on_the_entry_and_on_the_exit_notional():
    # Long from 100 to 110 over two bars at 10 bp: 0.10 - 0.001 * (1 + 1.1).
    long = _forward(("2024-07-01T12:00Z",), 2, cost=0.001)
    assert long.net[0] == pytest.approx(0.0979)
    # Sold at 100, bought back at 110: -0.10 - 0.0021.
    short = _forward(("2024-07-01T12:00Z",), 2, cost=0.001, side=-1)
    assert short.gross[0] == pytest.approx(-0.1)
    assert short.net[0] == pytest.approx(-0.1021)


def test_a_short_earns_what_the_price_falls_and_a_flat_signal_is_scored_as_a_long():
    found = _forward(("2024-07-02T12:00Z",) * 3, 1, side=np.array([1, -1, 0]))
    assert found.gross == pytest.approx([-0.1, 0.1, -0.1])


def test_a_return_matures_when_the_bar_with_the_exit_price_has_closed():
    found = _forward(("2024-07-01T12:00Z",), 1)
    assert not found.matured(from_iso("2024-07-01T16:00Z"))[0], "the exit price is then only about to be made"
    assert not found.matured(from_iso("2024-07-01T20:00Z") - 1)[0]
    assert found.matured(from_iso("2024-07-01T20:00Z"))[0]


def test_a_horizon_beyond_the_data_never_matures():
    found = _forward(("2024-07-02T12:00Z", "2024-07-02T16:00Z", "2024-07-03T00:00Z"), 2)
    assert list(found.entry_row) == [2, 3, -1]
    assert list(found.exit_row) == [-1, -1, -1]
    assert (found.matures_at == NEVER).all()
    assert (found.exit_at == NEVER).all()
    assert np.isnan(found.gross).all()
    assert np.isnan(found.net).all()
    assert not found.matured(NEVER).any()


def test_an_exit_bar_that_is_not_known_yet_has_not_matured():
    known = _ns(*KNOWN)
    known[-1] = NEVER
    found = forward_returns(PRICES, _ns(*OPENS), known, _ns("2024-07-02T12:00Z"), 1, 0.0)
    assert found.gross[0] == pytest.approx(-0.1)
    assert not found.matured(from_iso("2030-01-01"))[0]


def test_no_bars_at_all_give_nothing():
    empty = np.empty(0, dtype=np.int64)
    found = forward_returns(np.empty(0), empty, empty, _ns("2024-07-01T12:00Z"), 1, 0.0)
    assert (found.entry_row[0], found.exit_row[0], found.matures_at[0]) == (-1, -1, NEVER)


def test_a_horizon_below_one_bar_is_refused():
    with pytest.raises(ValueError, match="horizon was 0"):
        _forward(("2024-07-01T12:00Z",), 0)


@given(
    seed=st.integers(0, 2**32 - 1),
    bars=st.integers(0, 30),
    horizon=st.integers(1, 5),
    cost=st.floats(0.0, 0.01),
)
def test_the_vectorised_answer_is_that_of_a_walk_bar_by_bar(seed: int, bars: int, horizon: int, cost: float):
    rng = np.random.default_rng(seed)
    at = np.cumsum(rng.integers(1, 20, bars)).astype(np.int64)
    prices = rng.uniform(50, 150, bars)
    ts = rng.integers(0, 320, 12).astype(np.int64)
    sides = rng.integers(-1, 2, 12).astype(np.int64)
    found = forward_returns(prices, at, at + 7, ts, horizon, cost, side=sides)
    for i, time in enumerate(ts):
        later = [row for row in range(bars) if at[row] >= time]
        if len(later) <= horizon:
            assert found.matures_at[i] == NEVER
            continue
        entry, exit_ = later[0], later[horizon]
        sold = sides[i] < 0
        paid = cost * prices[entry] + cost * prices[exit_]
        money = (prices[entry] - prices[exit_] if sold else prices[exit_] - prices[entry]) - paid
        assert found.net[i] == pytest.approx(money / prices[entry], abs=1e-12)
        assert found.matures_at[i] == at[exit_] + 7


@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(0, 30))
def test_bars_that_come_later_change_no_return_that_had_matured(seed: int, cut: int):
    rng = np.random.default_rng(seed)
    at = np.cumsum(rng.integers(1, 20, 30)).astype(np.int64)
    known = at + 3
    prices = rng.uniform(50, 150, 30)
    ts = np.sort(rng.integers(0, 320, 12)).astype(np.int64)
    before = forward_returns(prices[:cut], at[:cut], known[:cut], ts, 2, 0.001)
    after = forward_returns(prices, at, known, ts, 2, 0.001)
    asof = int(known[cut - 1]) if cut else 0
    ripe = after.matured(asof)
    assert np.array_equal(before.matured(asof), ripe)
    assert np.array_equal(before.net[ripe], after.net[ripe])


def _equity_panel() -> tuple[Panel, FillFrame]:
    """One equity on the decision grid from 12:00 of the first session to 20:00 of the second."""
    times = np.arange(from_iso("2024-07-01T12:00Z"), from_iso("2024-07-02T20:00Z") + 1, H4_NS, dtype=np.int64)
    rows = len(times)
    bar_no = np.full((rows, 1), -1, dtype=np.int64)
    known_at = bar_no.copy()
    fill_at = bar_no.copy()
    fill_open = np.full((rows, 1), np.nan)
    for number, (opens, known, price) in enumerate(zip(_ns(*OPENS), _ns(*KNOWN), PRICES, strict=True)):
        seen = int(np.searchsorted(times, known))
        bar_no[seen, 0], known_at[seen, 0] = number, known
        filled = int(np.searchsorted(times, opens, side="right")) - 1
        fill_at[filled, 0], fill_open[filled, 0] = opens, price
    blank = np.full((rows, 1), np.nan)
    panel = Panel(
        times=times, symbols=("SPY",), asset_class=("equity",), open=blank, high=blank, low=blank, close=blank,
        volume=blank, bar_no=bar_no, known_at=known_at,
    )  # fmt: skip
    fills = FillFrame(
        open=fill_open, high=blank, low=blank, volume=blank, at=fill_at, mark=blank, tradable=fill_at >= 0
    )
    return panel, fills


def test_probability_is_smoothed_and_the_mean_is_of_matured_signals_of_the_side():
    ts = ("2024-07-01T12:00Z", "2024-07-01T13:30Z", "2024-07-01T16:00Z", "2024-07-02T12:00Z")
    sides = np.array([1, 1, 1, -1])
    forward = _forward(ts, 1, side=sides)
    every = np.ones(4, dtype=bool)
    # Nets: +2 %, +2 %, +7.84 %, short +10 %; the third leaves at the open of 2 July 13:30, known at 16:00.
    asof = from_iso("2024-07-02T00:00Z")
    prob, ev, sample = replay_statistics(sides, forward, asof, side=1, counts=every)
    assert (prob, sample) == (3 / 4, 2)
    assert ev == pytest.approx(0.02)
    asof = from_iso("2024-07-02T20:00Z")
    prob, ev, sample = replay_statistics(sides, forward, asof, side=1, counts=every)
    assert (prob, sample) == (4 / 5, 3)
    assert ev == pytest.approx((0.02 + 0.02 + 110 / 102 - 1) / 3)
    prob, ev, sample = replay_statistics(sides, forward, asof, side=-1, counts=every)
    assert (prob, sample) == (2 / 3, 1)
    assert ev == pytest.approx(0.1)


def test_a_net_return_of_zero_is_no_hit():
    at = np.array([0, 1, 2], dtype=np.int64)
    forward = forward_returns(np.array([5.0, 5.0, 5.0]), at, at, at[:1], 1, 0.0)
    assert replay_statistics(np.array([1]), forward, 10, side=1, counts=np.array([True]))[0] == 1 / 3


def test_nothing_matured_or_a_flat_side_has_neither_probability_nor_mean():
    sides = np.array([1])
    forward = _forward(("2024-07-01T12:00Z",), 1)
    every = np.ones(1, dtype=bool)
    late = from_iso("2024-08-01")
    assert replay_statistics(sides, forward, from_iso("2024-07-01"), side=1, counts=every) == (None, None, 0)
    assert replay_statistics(sides, forward, late, side=-1, counts=every) == (None, None, 0)
    assert replay_statistics(np.array([0]), forward, late, side=0, counts=every) == (None, None, 0)
