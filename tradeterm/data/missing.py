"""Bars that the calendar expected and that did not come: which of them are carried forward.

A carried bar repeats the last close with no volume, so that windows over an instrument's own bars go on at their pace.
It is flagged, and makes no trade and no signal by itself. What is missing for longer than ``limit`` bars in a row is a
gap, and stays empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.market import Timeframe
from tradeterm.core.time import H4_NS, HOUR_NS
from tradeterm.data.calendar import bar_ends, expected_opens, sessions

if TYPE_CHECKING:
    from tradeterm.core.types import IntArray
    from tradeterm.store.bar_table import BarMeta

__all__ = ["carried_times", "expected_closes", "source_step"]


def source_step(meta: BarMeta) -> int:
    """Length of the source bars that H4 bars were built from, ns; of several the longest, an hour where unsaid."""
    _, _, told = meta.source.partition(":")
    known = [Timeframe(part).step_ns for part in told.split("+") if part in list(Timeframe)]
    return max(known, default=HOUR_NS)


def expected_closes(calendar: str, start_ns: int, end_ns: int, step_ns: int) -> IntArray:
    """Closes in (start, end] of the bars that a regular source of that step gives; a day or more: session closes."""
    if step_ns > H4_NS:
        closes = sessions(calendar).close_ns
    else:
        opens = expected_opens(calendar, start_ns - step_ns, end_ns, step_ns)
        closes = bar_ends(calendar, opens, step_ns)
    found: IntArray = closes[(closes > start_ns) & (closes <= end_ns)]
    return found


def carried_times(there: IntArray, expected: IntArray, limit: int) -> IntArray:
    """Decisions without a bar that get a carried one.

    there : decisions at which the instrument's own bars came, ascending; expected : those that the calendar expects one
    at, ascending
    limit : most bars in a row that are carried
    """
    if not len(there) or limit <= 0:
        return there[:0]
    due = expected[np.searchsorted(expected, there[0], side="right") :]
    place = np.minimum(np.searchsorted(there, due), len(there) - 1)
    absent: IntArray = due[there[place] != due]
    if not len(absent):
        return there[:0]
    before = there[np.searchsorted(there, absent) - 1]
    missing = np.searchsorted(expected, absent, side="right") - np.searchsorted(expected, before, side="right")
    found: IntArray = absent[missing <= limit]
    return found
