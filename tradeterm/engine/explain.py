"""Why a decision came out as it did: each limit that cut, its value, the headroom and the size that passes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.engine.book import DERISKED, HALTED
from tradeterm.engine.risk import asset_limit, scale_to_caps

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray
    from tradeterm.engine.replay import Replay

__all__ = ["Cut", "Exposure", "cuts", "exposures", "position_weights"]


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


def cuts(run: Replay, row: int) -> list[Cut]:
    """Limits that cut at one decision, in the order of the steps; found by the kernel's own functions."""
    desired = run.record.contribution[0, row].sum(axis=0)
    held = position_weights(run, row)
    movable = run.market.tradable[row] & np.isfinite(run.market.mark[row])
    scale, class_factor = np.ones(len(desired)), np.ones(run.terms.class_cap.shape[2])
    scale_to_caps(desired, held, movable, run.market.asset_class, run.terms, 0, row, scale, class_factor)
    found = _asset_cuts(run, row, desired)
    capped = np.array([min(abs(desired[j]), asset_limit(run.terms, 0, row, j)) for j in range(len(desired))])
    found += _class_cuts(run, row, capped, held, movable)
    found += _gross_cut(run, row, capped * class_factor[run.market.asset_class], held, movable)
    return found + _ladder_cut(run, row, float(np.abs(desired * scale).sum()))


def _asset_cuts(run: Replay, row: int, desired: FloatArray) -> list[Cut]:
    found = []
    for j, item in enumerate(run.spec.instruments):
        cap = asset_limit(run.terms, 0, row, j)
        wanted = abs(float(desired[j]))
        if wanted > cap:
            found.append(Cut(limit="asset", symbol=item.symbol, wanted=wanted, cap=cap, headroom=cap, passes=cap))
    return found


def _sum_cut(
    limit: str, cap: float, wanted: FloatArray, held: FloatArray, movable: BoolArray, part: BoolArray
) -> list[Cut]:
    total = float(wanted[movable & part].sum())
    headroom = max(0.0, cap - float(np.abs(held[~movable & part]).sum()))
    if total <= headroom:
        return []
    return [Cut(limit=limit, symbol=None, wanted=total, cap=cap, headroom=headroom, passes=headroom)]


def _class_cuts(run: Replay, row: int, wanted: FloatArray, held: FloatArray, movable: BoolArray) -> list[Cut]:
    found = []
    for c, name in enumerate(run.spec.classes):
        part = run.market.asset_class == c
        cap = float(run.terms.class_cap[0, row, c])
        found += _sum_cut(f"class {name}", cap, wanted, held, movable, part)
    return found


def _gross_cut(run: Replay, row: int, wanted: FloatArray, held: FloatArray, movable: BoolArray) -> list[Cut]:
    every = np.ones(len(wanted), dtype=np.bool_)
    return _sum_cut("gross", float(run.terms.gross_cap[0, row]), wanted, held, movable, every)


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
    found = [Exposure(name="gross", now=float(held.sum()), cap=float(run.terms.gross_cap[0, row]))]
    asset_caps = np.minimum(run.terms.asset_cap[0], run.terms.asset_tight[0, row])
    found.append(Exposure(name="max asset", now=float(held.max(initial=0.0)), cap=float(asset_caps.min())))
    for c, name in enumerate(run.spec.classes):
        now = float(held[run.market.asset_class == c].sum())
        found.append(Exposure(name=f"class {name}", now=now, cap=float(run.terms.class_cap[0, row, c])))
    drawdown = float(run.record.drawdown[0, row])
    found.append(Exposure(name="drawdown", now=drawdown, cap=run.spec.ladder.derisk))
    return [item for item in found if math.isfinite(item.cap)]
