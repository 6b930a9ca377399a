"""Why a decision came out as it did: each limit that cut, its value, the headroom and the size that passes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.engine.book import DERISKED, HALTED, plan_of, terms_of
from tradeterm.engine.risk import asset_limit, scale_to_caps

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray
    from tradeterm.engine.book import Terms
    from tradeterm.engine.replay import Replay

__all__ = ["Cut", "Exposure", "cuts", "exposures", "movable", "position_weights"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A limit that made a wish smaller; all fractions of NAV.

    limit : ``asset``, ``class crypto``, ``gross``, ``ladder DERISKED`` …; symbol : the instrument, None for a sum
    wanted : what was asked of it; cap : the limit; headroom : what it left; passes : the size that passed
    """

    limit: str
    symbol: str | None
    wanted: float
    cap: float
    headroom: float
    passes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How much of a limit is used now, fractions of NAV."""

    name: str
    now: float
    cap: float


def position_weights(run: Replay, row: int) -> FloatArray:
    """(N,) weights held at a decision, fractions of NAV; NaN when NAV is unknown."""
    nav = float(run.record.nav[0, row])
    lots = run.record.position[0, row]
    worth = run.market.unit * run.market.mark[row]
    return np.where(lots != 0.0, lots * worth / nav, 0.0)


def movable(run: Replay, row: int) -> BoolArray:
    """(N,) whether each instrument can trade before the next decision."""
    gone = (run.market.gone >= 0) & (run.market.gone <= row)
    return np.asarray(run.market.tradable[row] & np.isfinite(run.market.mark[row]) & ~gone)


def cuts(run: Replay, row: int) -> list[Cut]:
    """Limits that cut at one decision, in the order of the steps; found by the kernel's own functions."""
    desired = run.record.contribution[0, row].sum(axis=0)
    held, able, terms = position_weights(run, row), movable(run, row), terms_of(run.terms, 0)
    scale, class_factor, sum_factor = np.ones(len(desired)), np.ones(terms.class_cap.shape[1]), np.ones(2)
    scale_to_caps(desired, held, able, run.market.asset_class, terms, row, scale, class_factor, sum_factor)
    found = _strategy_cuts(run, row) + _asset_cuts(run, terms, row, desired)
    capped = np.array([min(abs(desired[j]), asset_limit(terms, row, j)) for j in range(len(desired))])
    found += _class_cuts(run, terms, row, capped, held, able)
    within = capped * class_factor[run.market.asset_class]
    every = np.ones(len(within), dtype=np.bool_)
    found += _sum_cut("gross", float(terms.gross_cap[row]), within, held, able, every)
    found += _net_cut(float(terms.net_cap[row]), np.copysign(within, desired) * sum_factor[0], held, able)
    return found + _ladder_cut(run, row, float(np.abs(desired * scale).sum()))


def _strategy_cuts(run: Replay, row: int) -> list[Cut]:
    """Own caps of strategies: what they ask for together, after budgets and overrides."""
    found = []
    plan = plan_of(run.plan, 0)
    for m, name in enumerate(run.spec.names):
        cap = float(plan.cap[m])
        if math.isfinite(cap):
            wish = plan.weights[row, m] * plan.budget[row, m] * plan.multiplier[m]
            asked = float(np.abs(wish).sum())
            if asked > cap:
                found.append(
                    Cut(limit=f"strategy {name}", symbol=None, wanted=asked, cap=cap, headroom=cap, passes=cap)
                )
    return found


def _asset_cuts(run: Replay, terms: Terms, row: int, desired: FloatArray) -> list[Cut]:
    found = []
    for j, item in enumerate(run.spec.instruments):
        cap = asset_limit(terms, row, j)
        wanted = abs(float(desired[j]))
        if wanted > cap:
            found.append(Cut(limit="asset", symbol=item.symbol, wanted=wanted, cap=cap, headroom=cap, passes=cap))
    return found


def _sum_cut(
    limit: str, cap: float, wanted: FloatArray, held: FloatArray, able: BoolArray, part: BoolArray
) -> list[Cut]:
    total = float(wanted[able & part].sum())
    headroom = max(0.0, cap - float(np.abs(held[~able & part]).sum()))
    if total <= headroom:
        return []
    return [Cut(limit=limit, symbol=None, wanted=total, cap=cap, headroom=headroom, passes=headroom)]


def _class_cuts(
    run: Replay, terms: Terms, row: int, wanted: FloatArray, held: FloatArray, able: BoolArray
) -> list[Cut]:
    found = []
    for c, name in enumerate(run.spec.classes):
        part = run.market.asset_class == c
        found += _sum_cut(f"class {name}", float(terms.class_cap[row, c]), wanted, held, able, part)
    return found


def _net_cut(cap: float, wanted: FloatArray, held: FloatArray, able: BoolArray) -> list[Cut]:
    """Cut of the sum of all weights; wanted and headroom are of the longer side of what can move."""
    total = float(np.where(able, wanted, held).sum())
    if abs(total) <= cap:
        return []
    side = np.sign(total)
    same = float(np.abs(wanted[able & (wanted * side > 0.0)]).sum())
    passes = max(0.0, same - (abs(total) - cap))
    return [Cut(limit="net", symbol=None, wanted=same, cap=cap, headroom=passes, passes=passes)]


def _ladder_cut(run: Replay, row: int, wanted: float) -> list[Cut]:
    state = int(run.record.ladder[0, row])
    if wanted == 0.0 or state not in (DERISKED, HALTED):
        return []
    factor = run.spec.ladder.derisk_scale if state == DERISKED else 0.0
    name = "ladder DERISKED" if state == DERISKED else "ladder HALTED"
    passes = wanted * factor
    return [Cut(limit=name, symbol=None, wanted=wanted, cap=passes, headroom=passes, passes=passes)]


def exposures(run: Replay, row: int) -> list[Exposure]:
    """How much of each limit the book held at one decision uses; infinite caps are left out."""
    held = np.abs(position_weights(run, row))
    net = abs(float(position_weights(run, row).sum()))
    found = [Exposure(name="gross", now=float(held.sum()), cap=float(run.terms.gross_cap[0, row]))]
    found.append(Exposure(name="net", now=net, cap=float(run.terms.net_cap[0, row])))
    asset_caps = np.minimum(run.terms.asset_cap[0], run.terms.asset_tight[0, row])
    found.append(Exposure(name="max asset", now=float(held.max(initial=0.0)), cap=float(asset_caps.min())))
    for c, name in enumerate(run.spec.classes):
        now = float(held[run.market.asset_class == c].sum())
        found.append(Exposure(name=f"class {name}", now=now, cap=float(run.terms.class_cap[0, row, c])))
    drawdown = float(run.record.drawdown[0, row])
    found.append(Exposure(name="drawdown", now=drawdown, cap=run.spec.ladder.derisk))
    return [item for item in found if math.isfinite(item.cap)]
