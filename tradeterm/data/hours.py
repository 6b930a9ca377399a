"""Which readings of a file's stamps an exchange's hours allow: no bar opens where nothing was traded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from tradeterm.core.exchanges import NEW_YORK, zone_of
from tradeterm.core.time import DAY_NS, HOUR_NS, MINUTE_NS
from tradeterm.data.calendar import local_instants, sessions, stretches
from tradeterm.data.resample import opens_of_closes
from tradeterm.data.stamps import BAD, instants_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.core.types import BoolArray, IntArray
    from tradeterm.data.stamps import ParsedStamps

__all__ = ["NONE_ALLOWED", "Allowed", "Hypothesis", "Label", "allowed", "crossing", "shown_by"]

Label = Literal["open", "close"]

# Hours in which US stocks trade at all, outside the session too. Of other exchanges none are known here.
_EARLIEST_NS, _LATEST_NS = 4 * HOUR_NS, 20 * HOUR_NS
# A reading is right where hardly a day has a bar that can't be, and wrong where most days have one.
_HARDLY, _MOST = 0.05, 0.5
# Fewer days prove nothing.
_FEWEST_DAYS = 3
# Nor do days that don't reach from end to end: bars in the middle of them lie there in several readings. Around the
# session little is traded, and the first bar comes late.
_LATE_NS, _LATE_AROUND_NS = 15 * MINUTE_NS, HOUR_NS


class Hypothesis(NamedTuple):
    """One way to read stamps."""

    zone: str
    label: Label


class Allowed(NamedTuple):
    """Readings that the hours allow, none where they prove nothing; and these hours."""

    readings: tuple[Hypothesis, ...]
    hours: str


NONE_ALLOWED = Allowed((), "")


def allowed(stamps: ParsedStamps, candidates: Sequence[Hypothesis], calendar: str, step_ns: int) -> Allowed:
    """Judge each reading by the days on which some bar lies outside the session, or outside all trading.

    A reading stands where hardly a day has such a bar and most days are filled from end to end. Others that the hours
    don't rule out are given with it. Of readings that give the same bars, the first one counts.
    """
    opens: dict[Hypothesis, IntArray] = {}
    for item in candidates:
        ts = _opens(stamps, item, step_ns)
        if not any(np.array_equal(ts, other) for other in opens.values()):
            opens[item] = ts
    around_the_session = [("within 04:00 to 20:00 in New York", True)] if zone_of(calendar) == NEW_YORK else []
    for hours, around in [("in its sessions", False), *around_the_session]:
        judged = {item: _judged(ts, calendar, step_ns, around=around) for item, ts in opens.items()}
        if any(off <= _HARDLY and filled >= _MOST for off, filled in judged.values()):
            return Allowed(tuple(item for item, (off, _) in judged.items() if off < _MOST), hours)
    return NONE_ALLOWED


def shown_by(zone: str, instants: IntArray) -> IntArray:
    """What the zone's clock shows (at a change of its offset, as if that came at 00:00 UTC)."""
    days = instants // DAY_NS * DAY_NS
    found: IntArray = instants + days - local_instants(days, 0, zone)
    return found


def crossing(calendar: str, opens: IntArray, step_ns: int) -> BoolArray:
    """Which bars open before a session does and close in it: their length, or the next bar's open, after they open.

    opens : ascending
    """
    days = sessions(calendar)
    unique, position = np.unique(opens, return_inverse=True)
    closes = unique + step_ns
    closes[:-1] = np.minimum(closes[:-1], unique[1:])
    session = days.open_ns[np.minimum(np.searchsorted(days.open_ns, unique, side="right"), len(days) - 1)]
    found: BoolArray = ((unique < session) & (closes > session))[position]
    return found


def _opens(stamps: ParsedStamps, reading: Hypothesis, step_ns: int) -> IntArray:
    instants = instants_of(stamps, reading.zone)
    ts = np.unique(instants[instants != BAD])
    return opens_of_closes(ts, step_ns) if reading.label == "close" and len(ts) else ts


def _judged(opens: IntArray, calendar: str, step_ns: int, *, around: bool) -> tuple[float, float]:
    """Share of days with a bar where none can be, and of days that bars fill from end to end."""
    if not len(opens):
        return 1.0, 0.0
    dates, first = np.unique(shown_by(zone_of(calendar), opens) // DAY_NS * DAY_NS, return_index=True)
    if len(dates) < _FEWEST_DAYS:
        return 1.0, 0.0
    begin, end = _hours_of(dates, calendar, around=around)
    day = np.repeat(np.arange(len(dates)), np.diff(np.append(first, len(opens))))
    outside = _outside(opens, begin[day], end[day], calendar, step_ns, around=around)
    late = _LATE_AROUND_NS if around else _LATE_NS
    last = np.append(first[1:], len(opens)) - 1
    filled = (opens[first] < begin + late) & (opens[last] + step_ns > end - late) & (begin < end)
    return len(np.unique(day[outside])) / len(dates), float(np.mean(filled))


def _hours_of(dates: IntArray, calendar: str, *, around: bool) -> tuple[IntArray, IntArray]:
    """Begin and end of trading on each date, in ns UTC; on dates without a session the end is no later."""
    days = sessions(calendar)
    place = np.minimum(np.searchsorted(days.date_ns, dates), len(days) - 1)
    there = days.date_ns[place] == dates
    if around:
        midnight = local_instants(dates, 0, zone_of(calendar))
        begin, end = midnight + _EARLIEST_NS, midnight + _LATEST_NS
    else:
        begin, end = days.open_ns[place], days.close_ns[place]
    return np.where(there, begin, dates), np.where(there, end, dates)


def _outside(
    opens: IntArray, begin: IntArray, end: IntArray, calendar: str, step_ns: int, *, around: bool
) -> BoolArray:
    """Bars that can't be: outside those hours or in a break, or off the grid of the others."""
    # On the clock, a bar may open before the session and close in it.
    outside: BoolArray = (opens + step_ns <= begin) | (opens >= end) | _off_grid(opens, calendar, step_ns)
    if not around:
        spans = stretches(calendar)
        following = np.minimum(np.searchsorted(spans.close_ns, opens, side="right"), len(spans) - 1)
        outside |= opens + step_ns <= spans.open_ns[following]
    return outside


def _off_grid(opens: IntArray, calendar: str, step_ns: int) -> BoolArray:
    """Bars within sessions that aren't on the grid of most: counted from where trading begins, or on the clock."""
    spans = stretches(calendar)
    index = np.maximum(np.searchsorted(spans.open_ns, opens, side="right") - 1, 0)
    inside = (opens >= spans.open_ns[index]) & (opens < spans.close_ns[index])
    counted = inside & ((opens - spans.open_ns[index]) % step_ns != 0)
    on_clock = inside & (shown_by(zone_of(calendar), opens) % step_ns != 0)
    found: BoolArray = counted if counted.sum() <= on_clock.sum() else on_clock
    return found
