"""Folds of a time series: what is trained on was known before what is tested on begins."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tradeterm.core.types import IntArray

__all__ = ["Fold", "purged_folds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Rows to train on and rows to test on; ``purged`` counts the earlier rows that are in neither."""

    train: IntArray
    test: IntArray
    purged: int


def purged_folds(time_ns: IntArray, matures_at: IntArray, count: int, embargo_ns: int) -> tuple[Fold, ...]:
    """Walk-forward folds, oldest first: ``count`` tests of about as many decision times each, after a first block.

    A test's training rows are those whose label was known ``embargo_ns`` before the test's first decision. What was
    decided before it and matured later is purged, so no label reaches into the test. Rows of one decision time are
    never torn apart.

    time_ns, matures_at : (S,) when each row was decided, and when its label was known; in any order
    """
    moments = np.unique(time_ns)
    edges = [len(moments) * block // (count + 1) for block in range(count + 2)]
    folds = []
    for first, last in pairwise(edges[1:]):
        if first == last:
            continue
        start = moments[first]
        test = np.flatnonzero((time_ns >= start) & (time_ns <= moments[last - 1]))
        train = np.flatnonzero(matures_at <= start - embargo_ns)
        purged = int(np.count_nonzero(time_ns < start)) - len(train)
        folds.append(Fold(train=train, test=test, purged=purged))
    return tuple(folds)
