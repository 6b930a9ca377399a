"""A run as it stood at an earlier decision, so that past signals are made by the code that makes tonight's.

No decision of a run depends on what came after it (its certificate says so), so the first rows of one run are the run
that would have ended there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tradeterm.core.types import IntArray
    from tradeterm.engine.replay import Replay

__all__ = ["decisions_between", "until"]


def until(run: Replay, row: int) -> Replay:
    """View of ``run`` whose last decision is ``row``; its book (state, record) stays that of the whole run."""
    stop = run.first_row + row + 1
    return replace(
        run,
        panel=run.panel.rows(0, stop),
        frame=run.frame.rows(0, stop),
        market=run.market._replace(times=run.market.times[: row + 1]),
        plan=run.plan._replace(weights=run.plan.weights[:, : row + 1]),
    )


def decisions_between(run: Replay, start_ns: int, end_ns: int, step_ns: int) -> IntArray:
    """Rows of ``run`` whose times lie on the grid of ``step_ns`` within [start, end]."""
    times = run.times
    return np.flatnonzero((times >= start_ns) & (times <= end_ns) & (times % step_ns == 0))
