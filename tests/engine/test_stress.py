"""The strip's figures are those of whole runs under the worse terms, and of days taken out by hand."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from shipped import START, SYMBOLS, book, market

from tradeterm.core.time import DAY_NS
from tradeterm.engine.book import new_record, new_state
from tradeterm.engine.features import Lookback, carried
from tradeterm.engine.metrics import DayNav
from tradeterm.engine.panel import Panel
from tradeterm.engine.regime import RegimeFrame
from tradeterm.engine.replay import Costs, Member, Orders, Replay, replay
from tradeterm.engine.roundtrips import book_round_trips
from tradeterm.engine.simulate import advance
from tradeterm.engine.strategy import VectorStrategy
from tradeterm.engine.stress import COSTS, best_asset, stress, without_best_days


class Turning(VectorStrategy):
    """Each symbol in turn, whatever it holds; ``lag`` rows late and never what is ``left_out``."""

    name: ClassVar[str] = "Turning_v1"
    version: ClassVar[str] = "1.0.0"
    universe: ClassVar[tuple[str, ...]] = SYMBOLS
    lookback = Lookback()

    def __init__(self, lag: int = 0, left_out: int | None = None) -> None:
        super().__init__()
        self.lag, self.left_out = lag, left_out

    def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
        seen = np.isfinite(carried(panel, panel.close))
        turn = panel.bar_no.max(axis=1) // 3 % len(SYMBOLS)
        out = np.where(seen & (turn[:, None] == np.arange(len(SYMBOLS))), 0.9, 0.0)
        if self.lag:
            out = np.vstack([np.zeros((self.lag, len(SYMBOLS))), out[: -self.lag]])
        if self.left_out is not None:
            out[:, self.left_out] = 0.0
        return out


COST = {"equity": Costs(fee=3e-4, slippage=2e-4, maker=1e-4), "crypto": Costs(fee=1e-3, slippage=5e-4)}


def run(strategy: VectorStrategy, costs: dict[str, Costs] = COST, orders: Orders | None = None) -> Replay:
    panel, fills, inputs = market()
    spec = book(
        parts=(Member(strategy, 1.0, SYMBOLS),), costs=costs, rules=(), orders=Orders() if orders is None else orders
    )
    return replay(panel, fills, inputs, spec, start_ns=START)


def dearer(times: float) -> dict[str, Costs]:
    return {
        name: Costs(
            fee=cost.fee * times,
            slippage=cost.slippage * times,
            maker=None if cost.maker is None else cost.maker * times,
        )
        for name, cost in COST.items()
    }


@pytest.mark.parametrize("orders", [Orders(), Orders(limit=0.002)])
def test_higher_costs_give_the_nav_of_a_run_with_those_costs(orders: Orders) -> None:
    strip = stress(run(Turning(), orders=orders), None)
    for nav, times in zip(strip.costs, COSTS, strict=True):
        expected = run(Turning(), dearer(times), orders).record.nav[0]
        np.testing.assert_array_equal(nav, expected)
    assert strip.costs[1][-1] < strip.costs[0][-1] < run(Turning(), orders=orders).record.nav[0, -1]


def test_one_bar_later_is_a_run_whose_strategy_is_a_bar_late() -> None:
    whole = run(Turning())
    expected = run(Turning(lag=1))
    # The run begins after the panel does: its first late row would be a wish from before it.
    strip = stress(whole, None).later
    differs = expected.weights[1:] != whole.weights[:-1]
    assert not differs.any()
    assert not np.array_equal(strip, whole.record.nav[0])
    np.testing.assert_allclose(strip[-1], _first_row_idle(expected)[-1], rtol=1e-12)


def _first_row_idle(late: Replay) -> np.ndarray:
    """NAV of the late run when it wishes nothing at its first row, by the kernel of a plain run."""
    weights = late.plan.weights.copy()
    weights[:, 0] = 0.0
    rows, count = len(late.times), len(SYMBOLS)
    state, record = new_state(1, 1, count, late.spec.capital), new_record(1, rows, 1, count)
    advance(late.market, late.plan._replace(weights=weights), late.terms, state, record, 0, rows)
    nav: np.ndarray = record.nav[0]
    return nav


def test_without_the_best_asset_nothing_of_it_is_ever_wished() -> None:
    whole = run(Turning())
    trips = book_round_trips(whole.market, whole.terms, whole.record)
    made = {j: trips.closed.net[trips.closed.instrument == j].sum() for j in range(len(SYMBOLS))}
    for j in made:
        made[j] += trips.open.net[trips.open.instrument == j].sum()
    best = max(made, key=lambda j: made[j])
    asset = best_asset(trips, len(SYMBOLS))
    assert asset == (best if made[best] > 0.0 else None)
    for column in range(len(SYMBOLS)):
        np.testing.assert_array_equal(stress(whole, column).without, run(Turning(left_out=column)).record.nav[0])
    assert stress(whole, None).without is None


def test_the_best_days_are_taken_out_and_all_others_stay() -> None:
    returns = np.array([0.01, -0.02, 0.05, 0.03, -0.01, 0.04, 0.02, 0.06, 0.005])
    nav = 1000.0 * np.cumprod(np.concatenate([[1.0], 1.0 + returns]))
    days = DayNav(times=DAY_NS * np.arange(10), nav=nav, periods_per_year=365)
    left = without_best_days(days, 5)
    assert left is not None
    expected = 1000.0 * 1.01 * 0.98 * 0.99 * 1.005
    assert left.nav[-1] == pytest.approx(expected, rel=1e-12)
    assert left.nav[3] == left.nav[2] == pytest.approx(1000.0 * 1.01 * 0.98, rel=1e-12)
    assert without_best_days(days, 9) is None
    assert without_best_days(DayNav(times=days.times, nav=nav * 0.0, periods_per_year=365)) is None


def test_nothing_made_anything_in_a_book_that_lost_everywhere() -> None:
    whole = run(Turning(), {name: Costs(fee=0.05, slippage=0.0) for name in COST})
    trips = book_round_trips(whole.market, whole.terms, whole.record)
    assert best_asset(trips, len(SYMBOLS)) is None
