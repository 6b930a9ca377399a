"""One decision of a replay as :mod:`tradeterm.engine.explain` reads it, and the numbers that the record leaves out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.engine.book import DERISKED, HALTED, LADDER_STATES
from tradeterm.engine.explain import CARRIED, AxisState, Decided, Rule
from tradeterm.engine.regime import AXES

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray, IntArray, StateArray
    from tradeterm.engine.budgets import RegimeRule
    from tradeterm.engine.regime import RegimeState
    from tradeterm.engine.replay import Replay

__all__ = [
    "aims",
    "axis_states",
    "decided",
    "flags_at",
    "ladder_factor_of",
    "limit_prices",
    "movable",
    "position_weights",
    "rules_of",
    "worth",
]

# As the decision has them: what is this near to a whole lot, or to a tick, is on it.
_HAIR = 1e-9


def worth(run: Replay, rows: IntArray) -> FloatArray:
    """(K, N) weight of one lot, fraction of NAV; NaN where NAV is unknown, 0 where it is not above zero."""
    nav = run.record.nav[0, rows]
    share = np.where(nav > 0.0, 1.0 / np.where(nav > 0.0, nav, 1.0), np.where(np.isnan(nav), np.nan, 0.0))
    found: FloatArray = run.market.unit * run.market.mark[rows] * share[:, None]
    return found


def position_weights(run: Replay, rows: IntArray) -> FloatArray:
    """(K, N) weights held at decisions, fractions of NAV; NaN where NAV is unknown."""
    lots = run.record.position[0, rows]
    found: FloatArray = np.where(lots != 0.0, lots * worth(run, rows), 0.0)
    return found


def movable(run: Replay, rows: IntArray) -> BoolArray:
    """(K, N) whether each instrument can trade before the next decision."""
    gone = (run.market.gone >= 0) & (run.market.gone <= rows[:, None])
    return np.asarray(run.market.tradable[rows] & np.isfinite(run.market.mark[rows]) & ~gone)


def flags_at(run: Replay, rows: IntArray) -> StateArray:
    """(K, M, N) overrides in force, places in :data:`tradeterm.engine.explain.FLAGS`."""
    carried = run.market.carried[rows][:, None, :] & run.plan.carries[0][None, :, None]
    return np.where(carried, np.int8(CARRIED), run.plan.flags[0][None]).astype(np.int8)


def aims(run: Replay, rows: IntArray) -> FloatArray:
    """(K, N) whole lots that the weights came to, before anything held an order back."""
    record, market = run.record, run.market
    net = np.zeros((len(rows), len(market.unit)))
    for m in range(record.contribution.shape[2]):
        net = net + record.contribution[0, rows, m]
    price, base = _sizing(run, rows)
    with np.errstate(all="ignore"):
        exact = net * record.scale[0, rows] * (base[:, None] / (market.unit * price))
    whole = np.copysign(np.floor(np.abs(exact) + _HAIR), exact)
    found = np.where(np.isfinite(price), np.where(market.rounds, whole, exact), record.position[0, rows])
    ordered = record.target[0, rows] != record.position[0, rows]
    known = np.isfinite(record.nav[0, rows])[:, None]
    aimed: FloatArray = np.where(ordered | ~known, record.target[0, rows], found)
    return aimed


def _sizing(run: Replay, rows: IntArray) -> tuple[FloatArray, FloatArray]:
    """(K, N) prices that quantities are sized at, and (K,) the money that the weights are of."""
    market, record = run.market, run.record
    mark = market.mark[rows]
    if not run.terms.at_fill[0]:
        return mark, record.nav[0, rows]
    opens = market.fill_open[rows]
    actions = market.split.shape[0] > 0
    price = np.where(np.isfinite(opens) & np.isfinite(mark), opens * (market.split[rows] if actions else 1.0), mark)
    each = price + np.where(np.isfinite(opens), market.dividend[rows] if actions else 0.0, 0.0)
    lots = record.position[0, rows]
    value = np.where(lots != 0.0, lots * market.unit * each, 0.0)
    return price, record.cash[0, rows] + value.sum(axis=1)


def limit_prices(run: Replay, rows: IntArray) -> FloatArray:
    """(K, N) prices of limit orders; NaN for market orders and where nothing is ordered."""
    away, tick, mark = run.terms.limit[0], run.market.tick, run.market.mark[rows]
    if not np.isfinite(away).any():
        return np.full(mark.shape, np.nan)
    order = run.record.target[0, rows] - run.record.position[0, rows]
    buys = np.floor(mark * (1.0 - away) / tick + _HAIR) * tick
    sells = np.ceil(mark * (1.0 + away) / tick - _HAIR) * tick
    return np.where(order > 0.0, buys, np.where(order < 0.0, sells, np.nan))


def axis_states(state: RegimeState) -> tuple[AxisState, ...]:
    """The regime of one decision, by axis."""
    return tuple(
        AxisState(
            axis=axis,
            state=state.state[place],
            last=state.last[place],
            status=state.status[place],
            reading=state.reading[place],
            reference=state.reference[place],
        )
        for place, axis in enumerate(AXES)
    )


def rules_of(rules: tuple[RegimeRule, ...]) -> tuple[Rule, ...]:
    """Regime rules with their caps by the name of the limit."""
    return tuple(
        Rule(axis=rule.axis, state=rule.state, multipliers=dict(rule.multipliers), caps=_caps(rule)) for rule in rules
    )


def _caps(rule: RegimeRule) -> dict[str, float]:
    limits = rule.limits
    named = {"asset": limits.asset, "gross": limits.gross, "net": limits.net}
    named |= {f"class {name}": cap for name, cap in limits.classes.items()}
    return {name: cap for name, cap in named.items() if math.isfinite(cap)}


def ladder_factor_of(code: int, nav: float, derisk_scale: float) -> float:
    """What the ladder leaves of the capped book; nothing where NAV is not above zero."""
    if code == HALTED or not nav > 0.0:
        return 0.0
    return derisk_scale if code == DERISKED else 1.0


def decided(run: Replay, row: int) -> Decided:
    """Return one decision of a replay with all that it was made of."""
    rows = np.array([row], dtype=np.int64)
    market, record, plan, terms = run.market, run.record, run.plan, run.terms
    lots, held_lots = record.position[0, row], record.held[0, row]
    flags = flags_at(run, rows)[0]
    nav, code = float(record.nav[0, row]), int(record.ladder[0, row])
    return Decided(
        time_ns=int(run.times[row]),
        strategies=run.spec.names,
        symbols=tuple(item.symbol for item in run.spec.instruments),
        classes=run.spec.classes,
        weights=plan.weights[0, row],
        budget=plan.budget[0, row],
        base=np.array([member.budget for member in run.spec.members]),
        multiplier=plan.multiplier[0],
        flags=flags,
        contribution=record.contribution[0, row],
        held=np.where(held_lots != 0.0, held_lots * worth(run, rows)[0], 0.0),
        own_cap=plan.cap[0],
        position=position_weights(run, rows)[0],
        movable=movable(run, rows)[0],
        asset_class=market.asset_class,
        asset_cap=np.minimum(terms.asset_cap[0], terms.asset_tight[0, row]),
        class_cap=terms.class_cap[0, row],
        gross_cap=float(terms.gross_cap[0, row]),
        net_cap=float(terms.net_cap[0, row]),
        nav=nav,
        drawdown=float(record.drawdown[0, row]),
        ladder=LADDER_STATES[code],
        ladder_factor=ladder_factor_of(code, nav, float(terms.ladder[0, 3])),
        mark=market.mark[row],
        unit=market.unit,
        lots=lots,
        aim=aims(run, rows)[0],
        order=record.target[0, row] - lots,
        limit=limit_prices(run, rows)[0],
        band=float(terms.band[0]),
        least=terms.least[0],
        rules=rules_of(run.spec.rules),
        regime=axis_states(run.frame.at_row(run.first_row + row)),
    )
