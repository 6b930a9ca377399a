"""Steps 3 and 4 of a decision: caps and the drawdown ladder. Limits are tested with 1e-9 relative tolerance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tradeterm.engine.book import DERISKED, HALTED, NORMAL
from tradeterm.engine.jit import inner, kernel, merged, pasted

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray, IndexArray, IntArray
    from tradeterm.engine.book import State, Terms

__all__ = ["TOLERANCE", "asset_limit", "ladder_factor", "ladder_step", "scale_to_caps"]

TOLERANCE = 1e-9


@kernel
def asset_limit(terms: Terms, row: int, j: int) -> float:
    """Cap of one asset at one decision: its own, or the regime's if that is tighter."""
    return float(min(terms.asset_cap[j], terms.asset_tight[row]))


@pasted
def _fit(wanted: float, cap: float, fixed: float) -> float:
    """Factor that brings ``wanted`` into what ``fixed`` leaves of ``cap``."""
    room = max(0.0, cap - fixed)
    return room / wanted if wanted > room else 1.0


@merged
def scale_to_caps(
    active: IndexArray,
    count: int,
    desired: FloatArray,
    position: FloatArray,
    movable: BoolArray,
    asset_class: IntArray,
    terms: Terms,
    row: int,
    scale: FloatArray,
    class_factor: FloatArray,
    sum_factor: FloatArray,
) -> None:
    """Step 3: per-asset cap, class caps, gross cap and net cap, each proportional.

    active, count : the instruments that are wished for or held; the others add nothing, and are scaled as they would be
    desired, position : (N,) wished weight and weight held; movable : (N,) whether it can trade now
    scale, class_factor : (N,), (C,) written; sum_factor : (2,) written, of the gross cap, and of the net cap on the
    longer side. What can't trade keeps its asset factor alone, and its holding takes room from the others.
    """
    instruments = desired.shape[0]
    tight = terms.asset_tight[row]
    for j in range(instruments):
        scale[j] = 1.0
    for i in range(count):
        j = active[i]
        scale[j] = _fit(abs(desired[j]), min(terms.asset_cap[j], tight), 0.0)
    if class_factor.shape[0] > 1 or math.isfinite(terms.class_cap[row, 0]):
        _class_factors(active, count, desired, position, movable, asset_class, terms, row, scale, class_factor)
    else:
        class_factor[0] = 1.0
    total, taken = 0.0, 0.0
    for i in range(count):
        j = active[i]
        if movable[j]:
            total += abs(desired[j]) * scale[j]
        else:
            taken += abs(position[j])
    factor = _fit(total, terms.gross_cap[row], taken)
    sum_factor[0] = factor
    if factor < 1.0:
        for j in range(instruments):
            if movable[j]:
                scale[j] *= factor
    sum_factor[1] = 1.0
    if math.isfinite(terms.net_cap[row]):
        sum_factor[1] = _fit_net(active, count, desired, position, movable, terms.net_cap[row], scale)


@inner
def _class_factors(
    active: IndexArray,
    count: int,
    desired: FloatArray,
    position: FloatArray,
    movable: BoolArray,
    asset_class: IntArray,
    terms: Terms,
    row: int,
    scale: FloatArray,
    class_factor: FloatArray,
) -> None:
    instruments = desired.shape[0]
    for c in range(class_factor.shape[0]):
        total, taken = 0.0, 0.0
        for i in range(count):
            j = active[i]
            if asset_class[j] == c:
                if movable[j]:
                    total += abs(desired[j]) * scale[j]
                else:
                    taken += abs(position[j])
        class_factor[c] = _fit(total, terms.class_cap[row, c], taken)
    for j in range(instruments):
        if movable[j]:
            scale[j] *= class_factor[asset_class[j]]


@inner
def _fit_net(
    active: IndexArray,
    count: int,
    desired: FloatArray,
    position: FloatArray,
    movable: BoolArray,
    cap: float,
    scale: FloatArray,
) -> float:
    """Bring the sum of all weights into the net cap by what can move on its longer side; returns that factor."""
    total, side = 0.0, 1.0
    for i in range(count):
        j = active[i]
        total += desired[j] * scale[j] if movable[j] else position[j]
    if total < 0.0:
        side = -1.0
    over = abs(total) - cap
    if over <= 0.0:
        return 1.0
    same = 0.0
    for i in range(count):
        j = active[i]
        if movable[j] and desired[j] * side > 0.0:
            same += abs(desired[j]) * scale[j]
    factor = float(max(0.0, same - over) / same) if same > 0.0 else 1.0
    for i in range(count):
        j = active[i]
        if movable[j] and desired[j] * side > 0.0:
            scale[j] *= factor
    return factor


@merged
def ladder_step(state: State, terms: Terms, nav: float, time_ns: int) -> float:
    """Step 4a: move the ladder by the drawdown at this NAV; returns the drawdown (>= 0).

    normal -> derisked at the derisk level, back to normal under the recovery level; -> halted at the halt level, where
    it stays until a person resumes, or until the resume time of a backtest; resuming rebases the peak to NAV.
    """
    derisk, halt, recovery = terms.ladder[0], terms.ladder[1], terms.ladder[2]
    if state.ladder[0] == HALTED and time_ns - state.halted_at[0] >= terms.ladder[4]:
        state.ladder[0] = NORMAL
        state.halted_at[0] = -1
        state.peak[0] = nav
    state.peak[0] = max(state.peak[0], nav)
    drawdown = float(1.0 - nav / state.peak[0])
    if state.ladder[0] == HALTED:
        return drawdown
    if drawdown >= halt * (1.0 - TOLERANCE):
        state.ladder[0] = HALTED
        state.halted_at[0] = time_ns
    elif drawdown >= derisk * (1.0 - TOLERANCE):
        state.ladder[0] = DERISKED
    elif state.ladder[0] == DERISKED and drawdown < recovery * (1.0 - TOLERANCE):
        state.ladder[0] = NORMAL
    return drawdown


@pasted
def ladder_factor(state: State, terms: Terms) -> float:
    """Step 4b: what the ladder leaves of the capped book."""
    if state.ladder[0] == HALTED:
        return 0.0
    if state.ladder[0] == DERISKED:
        return float(terms.ladder[3])
    return 1.0
