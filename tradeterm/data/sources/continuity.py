"""Whether an answer goes on to its end: a hole at the end of a page is the sign of one that was cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import BadAnswer
from tradeterm.core.time import DAY_NS, MINUTE_NS, iso
from tradeterm.data.calendar import bar_ends, expected_opens

if TYPE_CHECKING:
    from tradeterm.core.market import Instrument, Timeframe

__all__ = ["missing_bars", "refuse_hole"]

# Far enough back to see any cut, and not thousands of days of minutes.
_LOOK_NS = 14 * DAY_NS
# In so long a time even a feed of one venue has a trade in whatever is worth trading.
_QUIET_NS = 30 * MINUTE_NS


def missing_bars(calendar: str, timeframe: Timeframe, from_ns: int, until_ns: int) -> int:
    """Count the bars that open at or after ``from_ns`` and close by ``until_ns``, looking back two weeks at most."""
    step = timeframe.step_ns
    opens = expected_opens(calendar, max(from_ns, until_ns - _LOOK_NS), until_ns, step)
    return int(np.count_nonzero(bar_ends(calendar, opens, step) <= until_ns))


def refuse_hole(source: str, instrument: Instrument, timeframe: Timeframe, from_ns: int, until_ns: int) -> None:
    """Refuse an answer that has no bar between these instants although the market was open.

    Bars shorter than half an hour may be missing for less than that: a bar is made by a trade.

    Raises
    ------
    BadAnswer
        When bars are missing.
    """
    count = missing_bars(instrument.calendar, timeframe, from_ns, until_ns)
    if count and count * timeframe.step_ns >= _QUIET_NS:
        found = f"no {timeframe} bars from {iso(from_ns)} to {iso(until_ns)} though the market was open"
        raise BadAnswer(source, instrument.symbol, found)
