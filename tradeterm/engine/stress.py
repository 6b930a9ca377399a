"""The stress strip: what is left of a run when it costs more, comes later, or loses what made it.

The same kernel runs again on the recorded wishes of the strategies: what a strategy that looks at its own past would
have wished instead is not asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.engine.book import new_record, new_state
from tradeterm.engine.simulate import advance

if TYPE_CHECKING:
    from tradeterm.core.types import FloatArray
    from tradeterm.engine.book import Plan, Terms
    from tradeterm.engine.metrics import DayNav
    from tradeterm.engine.replay import Replay
    from tradeterm.engine.roundtrips import Trips

__all__ = ["BEST_DAYS", "COSTS", "Stress", "best_asset", "stress", "without_best_days"]

COSTS = (2.0, 3.0)
BEST_DAYS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Stress:
    """NAV by decision, (T,) each, of the run made again under worse terms.

    costs : with fees and slippage times each of :data:`COSTS`
    later : with every wish and budget one decision later
    without : with nothing of the asset that made most, None where no asset made anything; asset : its column
    """

    costs: tuple[FloatArray, ...]
    later: FloatArray
    without: FloatArray | None
    asset: int | None


def stress(run: Replay, asset: int | None) -> Stress:
    """Make a run again with higher costs, one bar later, and without the instrument of column ``asset``."""
    dearer = _dearer(run.terms)
    navs = _again(run, run.plan, dearer, len(COSTS))
    return Stress(
        costs=tuple(navs),
        later=_again(run, _later(run.plan), run.terms, 1)[0],
        without=None if asset is None else _again(run, _without(run.plan, asset), run.terms, 1)[0],
        asset=asset,
    )


def best_asset(trips: Trips, instruments: int) -> int | None:
    """Column of the instrument that made most, open trips at their marks; None when none made anything."""
    made = np.zeros(instruments)
    for part in (trips.closed, trips.open):
        made += np.bincount(part.instrument, weights=part.net, minlength=instruments)
    best = int(np.argmax(made)) if instruments else 0
    return best if instruments and made[best] > 0.0 else None


def without_best_days(day_nav: DayNav, count: int = BEST_DAYS) -> DayNav | None:
    """Daily series in which the best ``count`` days earned nothing; None when it has no more days than that."""
    returns = day_nav.returns.copy()
    if len(returns) <= count:
        return None
    returns[np.argsort(-returns, kind="stable")[:count]] = 0.0
    grown = day_nav.nav[0] * np.cumprod(np.concatenate([[1.0], 1.0 + returns]))
    return replace(day_nav, nav=grown)


def _again(run: Replay, plan: Plan, terms: Terms, runs: int) -> FloatArray:
    rows, strategies, instruments = len(run.times), len(run.spec.members), len(run.spec.instruments)
    state = new_state(runs, strategies, instruments, run.spec.capital)
    record = new_record(runs, rows, strategies, instruments, nav_only=True)
    advance(run.market, plan, terms, state, record, 0, rows)
    nav: FloatArray = record.nav
    return nav


def _dearer(terms: Terms) -> Terms:
    times = np.array(COSTS)[:, None]
    return terms._replace(taker=terms.taker * times, maker=terms.maker * times, slippage=terms.slippage * times)


def _later(plan: Plan) -> Plan:
    """Plan whose first decision wishes nothing, and each other one what the one before it wished."""
    weights, budget = np.empty_like(plan.weights), np.empty_like(plan.budget)
    for values, given in ((weights, plan.weights), (budget, plan.budget)):
        values[:, :1] = 0.0
        values[:, 1:] = given[:, :-1]
    return plan._replace(weights=weights, budget=budget)


def _without(plan: Plan, asset: int) -> Plan:
    weights = plan.weights.copy()
    weights[..., asset] = 0.0
    return plan._replace(weights=weights)
