"""How far judged states agree with labels, counted over days.

Days on which nothing was judged, or nothing is labelled, are no disagreement: they are counted apart, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tradeterm.core.types import IntArray, StateArray

__all__ = ["NOTHING", "Agreement", "Stretch", "agreement"]

NOTHING = -1


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days in a row [start, stop) of one labelled period, all judged alike and unlike their label.

    period : index of the labelled period; judged : the other state, NOTHING where none was known
    """

    start: int
    stop: int
    period: int
    judged: int

    @property
    def days(self) -> int:
        """How many days."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Counts over the labelled days of one axis with S states.

    confusion : (S, S) days by label (row) and judged state (column)
    unjudged : (S,) days by label on which no state was known
    stretches : where label and judgement differ, and where nothing was judged, in order
    """

    confusion: IntArray
    unjudged: IntArray
    stretches: tuple[Stretch, ...]

    @property
    def compared(self) -> int:
        """Days that have a label and a judged state."""
        return int(self.confusion.sum())

    @property
    def agreed(self) -> int:
        """Days on which both are the same."""
        return int(np.trace(self.confusion))

    @property
    def share(self) -> float | None:
        """Fraction of the compared days that agree; None where none could be compared."""
        return self.agreed / self.compared if self.compared else None


def agreement(period: IntArray, label: StateArray, judged: StateArray, states: int) -> Agreement:
    """Count over days in order.

    period : (K,) index of the labelled period that each day lies in, NOTHING outside all
    label : (P,) state of each period; judged : (K,) state of each day, NOTHING where none was known
    """
    there = period != NOTHING
    wanted = label[period[there]].astype(np.int64)
    found = judged[there].astype(np.int64)
    known = found != NOTHING
    cells = np.bincount(wanted[known] * states + found[known], minlength=states * states)
    return Agreement(
        confusion=cells.reshape(states, states).astype(np.int64),
        unjudged=np.bincount(wanted[~known], minlength=states).astype(np.int64),
        stretches=_stretches(period, label, judged),
    )


def _stretches(period: IntArray, label: StateArray, judged: StateArray) -> tuple[Stretch, ...]:
    if not len(period):
        return ()
    changed = (np.diff(period) != 0) | (np.diff(judged) != 0)
    starts = np.concatenate([[0], np.flatnonzero(changed) + 1]).astype(np.int64)
    stops = np.append(starts[1:], len(period))
    found = []
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        inside, state = int(period[start]), int(judged[start])
        if inside != NOTHING and state != int(label[inside]):
            found.append(Stretch(start, stop, inside, state))
    return tuple(found)
