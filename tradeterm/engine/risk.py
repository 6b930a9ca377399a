"""Steps 3 and 4 of a decision: caps and the drawdown ladder. Limits are tested with 1e-9 relative tolerance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradeterm.engine.book import DERISKED, HALTED, NORMAL
from tradeterm.engine.jit import kernel

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray, IntArray
    from tradeterm.engine.book import State, Terms

__all__ = ["TOLERANCE", "asset_limit", "ladder_factor", "ladder_step", "scale_to_caps"]

TOLERANCE = 1e-9


@kernel
def asset_limit(terms: Terms, run: int, row: int, j: int) -> float:
    """Cap of one asset at one decision: its own, or the regime's if that is tighter."""
    return float(min(terms.asset_cap[run, j], terms.asset_tight[run, row]))


@kernel
def _fit(wanted: float, cap: float, fixed: float) -> float:
    """Factor that brings ``wanted`` into what ``fixed`` leaves of ``cap``."""
    room = max(0.0, cap - fixed)
    return room / wanted if wanted > room else 1.0


@kernel
def scale_to_caps(
    desired: FloatArray,
    position: FloatArray,
    movable: BoolArray,
    asset_class: IntArray,
    terms: Terms,
    run: int,
    row: int,
    scale: FloatArray,
    class_factor: FloatArray,
) -> float:
    """Step 3: per-asset cap, class caps and gross cap, each proportional; returns the gross factor.

    desired, position : (N,) wished weight and weight held; movable : (N,) whether it can trade now
    scale, class_factor : (N,), (C,) written; what can't trade keeps its asset factor alone, and its holding
    takes room from the others.
    """
    instruments = desired.shape[0]
    for j in range(instruments):
        scale[j] = _fit(abs(desired[j]), asset_limit(terms, run, row, j), 0.0)
    for c in range(class_factor.shape[0]):
        total = 0.0
        taken = 0.0
        for j in range(instruments):
            if asset_class[j] == c:
                if movable[j]:
                    total += abs(desired[j]) * scale[j]
                else:
                    taken += abs(position[j])
        class_factor[c] = _fit(total, terms.class_cap[run, row, c], taken)
    total = 0.0
    taken = 0.0
    for j in range(instruments):
        if movable[j]:
            scale[j] *= class_factor[asset_class[j]]
            total += abs(desired[j]) * scale[j]
        else:
            taken += abs(position[j])
    gross_factor = _fit(total, terms.gross_cap[run, row], taken)
    for j in range(instruments):
        if movable[j]:
            scale[j] *= gross_factor
    return gross_factor


@kernel
def ladder_step(state: State, terms: Terms, run: int, nav: float, time_ns: int) -> float:
    """Step 4a: move the ladder by the drawdown at this NAV; returns the drawdown (>= 0).

    normal -> derisked at the derisk level, back to normal under the recovery level; -> halted at the halt level, where
    it stays until a person resumes, or until the resume time of a backtest; resuming rebases the peak to NAV.
    """
    derisk, halt, recovery = terms.ladder[run, 0], terms.ladder[run, 1], terms.ladder[run, 2]
    if state.ladder[run] == HALTED and time_ns - state.halted_at[run] >= terms.ladder[run, 4]:
        state.ladder[run] = NORMAL
        state.halted_at[run] = -1
        state.peak[run] = nav
    state.peak[run] = max(state.peak[run], nav)
    drawdown = float(1.0 - nav / state.peak[run])
    if state.ladder[run] == HALTED:
        return drawdown
    if drawdown >= halt * (1.0 - TOLERANCE):
        state.ladder[run] = HALTED
        state.halted_at[run] = time_ns
    elif drawdown >= derisk * (1.0 - TOLERANCE):
        state.ladder[run] = DERISKED
    elif state.ladder[run] == DERISKED and drawdown < recovery * (1.0 - TOLERANCE):
        state.ladder[run] = NORMAL
    return drawdown


@kernel
def ladder_factor(state: State, terms: Terms, run: int) -> float:
    """Step 4b: what the ladder leaves of the capped book."""
    if state.ladder[run] == HALTED:
        return 0.0
    if state.ladder[run] == DERISKED:
        return float(terms.ladder[run, 3])
    return 1.0
