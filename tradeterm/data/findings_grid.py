"""Checks of the times of bars: order, grid, sessions, gaps against the calendar, and the bar that is overdue."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tradeterm.core.exchanges import zone_of
from tradeterm.core.market import AssetClass, Timeframe
from tradeterm.core.time import DAY_NS, H4_NS, HOUR_NS, iso, iso_date
from tradeterm.data.calendar import (
    expected_opens,
    local_dates,
    next_expected_close,
    session_index,
    sessions,
    stretches,
)
from tradeterm.data.findings import finding
from tradeterm.data.knowing import earliest_known, known_too_early
from tradeterm.data.publication import business_days

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradeterm.core.market import BarKey, Bars
    from tradeterm.core.types import BoolArray, IntArray
    from tradeterm.data.calendar import Sessions
    from tradeterm.data.findings import Finding
    from tradeterm.data.publication import PublicationRule
    from tradeterm.store.bar_table import BarMeta

__all__ = ["Hole", "early", "gaps", "grid", "holes", "order", "stale"]

_MONTH_AND_SLACK_NS = 34 * DAY_NS
_CLOCK = "on the grid of the UTC clock"
_CLOCK_OR_SESSION = "on the grid of the clock or of the session's open"


class Hole(NamedTuple):
    """Expected bars in a row that are missing: how many, the open of the first and of the last."""

    first_ns: int
    last_ns: int
    bars: int


def order(key: BarKey, bars: Bars) -> Iterator[Finding]:
    """Times must ascend; only macro series have several vintages of one period."""
    back = np.diff(bars.ts) < 0
    for row in np.flatnonzero(back).tolist():
        detail = f"comes after {iso(int(bars.ts[row]))} in the file; import it again"
        yield finding(key, "unsorted", bars.ts[row + 1], detail)
    # Repeats are apart from each other where rows are out of order.
    sequence = np.lexsort((bars.known_at, bars.ts)) if back.any() else np.arange(len(bars))
    ts, known_at = bars.ts[sequence], bars.known_at[sequence]
    same = np.diff(ts) == 0
    if key.asset_class is AssetClass.MACRO:
        same &= np.diff(known_at) == 0
    for row in np.flatnonzero(same).tolist():
        yield finding(key, "duplicate-stamp", ts[row + 1], "another row of the file has the same time; import it again")


def early(key: BarKey, bars: Bars, meta: BarMeta, rule: PublicationRule | None) -> Iterator[Finding]:
    """Find bars that are said to have been known before they can have been."""
    rows = np.flatnonzero(known_too_early(key, bars, meta, rule))
    first = earliest_known(key, bars.ts, meta, rule) if len(rows) else bars.ts
    for row in rows.tolist():
        detail = f"known at {iso(int(bars.known_at[row]))}, and it can't have been before {iso(int(first[row]))}"
        yield finding(key, "known-too-early", bars.ts[row], detail)


def grid(key: BarKey, bars: Bars, meta: BarMeta) -> Iterator[Finding]:
    """Find bars at times that none of their timeframe can have, and bars outside of all sessions."""
    if key.asset_class is AssetClass.EQUITY and key.timeframe is not Timeframe.H4:
        yield from _exchange(key, bars, meta.calendar)
        return
    step = H4_NS if key.timeframe is Timeframe.H4 else min(key.timeframe.step_ns, DAY_NS)
    off = bars.ts % step != 0
    if key.timeframe is Timeframe.MONTHLY:
        off |= bars.ts.astype("datetime64[ns]").astype("datetime64[M]").astype("datetime64[ns]").astype(int) != bars.ts
    for row in np.flatnonzero(off).tolist():
        yield finding(key, "off-grid", bars.ts[row], f"no {key.timeframe} bar opens then, {_CLOCK}")
    if key.asset_class is AssetClass.MACRO and key.timeframe is Timeframe.DAILY:
        absent = ~np.isin(bars.ts // DAY_NS * DAY_NS, sessions(meta.calendar).date_ns)
        for row in np.flatnonzero(absent).tolist():
            # Statistics and indices are at times told for a holiday.
            yield finding(key, "no-session", bars.ts[row], _no_session(meta.calendar, bars.ts[row]), severity="info")


def _exchange(key: BarKey, bars: Bars, calendar: str) -> Iterator[Finding]:
    days, spans = sessions(calendar), stretches(calendar)
    outside = session_index(calendar, bars.ts) < 0
    dates = local_dates(bars.ts[outside], zone_of(calendar)).tolist()
    for ts, date_ns in zip(bars.ts[outside].tolist(), dates, strict=True):
        day = int(np.searchsorted(days.date_ns, date_ns))
        if day < len(days) and days.date_ns[day] == date_ns:
            yield finding(key, "outside-session", ts, f"the session of {calendar} was {_hours(days, day)}")
        else:
            yield finding(key, "no-session", ts, _no_session(calendar, date_ns))
    held = np.maximum(np.searchsorted(spans.open_ns, bars.ts, side="right") - 1, 0)
    since_open = bars.ts - days.open_ns[spans.session[held]]
    step = key.timeframe.step_ns
    if key.timeframe is Timeframe.DAILY:
        off, where = since_open != 0, "at the session's open"
    else:
        # After a break bars may be counted from its end.
        resumed = (bars.ts - spans.open_ns[held]) % step != 0
        off, where = (since_open % step != 0) & resumed & (bars.ts % step != 0), _CLOCK_OR_SESSION
    for row in np.flatnonzero(off & ~outside).tolist():
        yield finding(key, "off-grid", bars.ts[row], f"no {key.timeframe} bar opens then, {where}")


def _hours(days: Sessions, day: int) -> str:
    opened, paused, resumed, closed = (
        iso(int(values[day])) for values in (days.open_ns, days.pause_ns, days.resume_ns, days.close_ns)
    )
    return f"{opened} to {closed}" + (f" with a break from {paused} to {resumed}" if resumed != closed else "")


def _no_session(calendar: str, ts_ns: int) -> str:
    return f"{calendar} had no session on {iso_date(int(ts_ns))}"


def gaps(key: BarKey, bars: Bars, meta: BarMeta, at_least: int) -> Iterator[Finding]:
    """Find runs of at least that many expected bars which are missing."""
    for hole in holes(key, bars, meta, at_least):
        detail = f"{hole.bars} expected bars missing, {iso(hole.first_ns)} to {iso(hole.last_ns)}"
        yield finding(key, "gap", hole.first_ns, detail)


def holes(key: BarKey, bars: Bars, meta: BarMeta, at_least: int = 1) -> Iterator[Hole]:
    """Say where expected bars are missing between the first bar and the last: runs of so many or more, by time."""
    if not len(bars):
        return
    expected = _expected(key, bars, meta)
    if not len(expected):
        return
    # A slot is filled by any bar that opens in it, so that grids on the hour and on the half hour both count.
    filled = bars.ts
    if key.asset_class is AssetClass.EQUITY:
        # The first bar after an early close is no stand-in for the last one before it; and on the hour, the last bar
        # opens in the slot before the last and closes with the session, or where its break begins.
        inside = session_index(meta.calendar, bars.ts) >= 0
        closing = inside & np.isin(bars.known_at, stretches(meta.calendar).close_ns)
        filled = np.concatenate((bars.ts[inside], bars.known_at[closing] - 1))
    slot = np.searchsorted(expected, filled, side="right") - 1
    there = (slot >= 0) & (filled < expected[np.maximum(slot, 0)] + key.timeframe.step_ns)
    missing = np.ones(len(expected), dtype=np.bool_)
    missing[slot[there]] = False
    for first, last in _runs(missing, at_least):
        yield Hole(int(expected[first]), int(expected[last]), last - first + 1)


def _expected(key: BarKey, bars: Bars, meta: BarMeta) -> IntArray:
    first, last = int(bars.ts.min()), int(bars.ts.max())
    if key.timeframe is Timeframe.MONTHLY:
        months = np.arange(_month(first), _month(last) + 1)
        return months.astype("datetime64[M]").astype("datetime64[ns]").astype(np.int64)
    if key.asset_class is AssetClass.MACRO:
        days = business_days()
        return days[(days >= first) & (days <= last)]
    return expected_opens(meta.calendar, first, last + 1, key.timeframe.step_ns)


def _month(ns: int) -> int:
    return int(np.datetime64(ns, "ns").astype("datetime64[M]").astype(np.int64))


def _runs(flags: BoolArray, at_least: int) -> Iterator[tuple[int, int]]:
    edges = np.diff(np.concatenate(([0], flags.astype(np.int8), [0])))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    long = ends - starts >= at_least
    for start, end in zip(starts[long].tolist(), ends[long].tolist(), strict=True):
        yield start, end - 1


def stale(key: BarKey, bars: Bars, meta: BarMeta, hours: float, asof_ns: int) -> Iterator[Finding]:
    """Find out whether the bar after the last one is overdue by more than that many hours."""
    if not len(bars):
        return
    due = _due(key, int(bars.known_at.max()), meta.calendar)
    late = (asof_ns - due) / HOUR_NS
    if late > hours:
        detail = f"the next bar was due {iso(due)}, {late:.0f} h before {iso(asof_ns)} (more than {hours:g} h)"
        yield finding(key, "stale", bars.ts.max(), detail)


def _due(key: BarKey, known_ns: int, calendar: str) -> int:
    """When the next bar should be known; of a macro series, a period after the last one was."""
    if key.timeframe is Timeframe.MONTHLY:
        return known_ns + _MONTH_AND_SLACK_NS
    if key.asset_class is AssetClass.MACRO:
        days = business_days()
        following = min(int(np.searchsorted(days, known_ns, side="right")), len(days) - 1)
        return int(days[following]) + known_ns % DAY_NS
    return next_expected_close(calendar, known_ns, key.timeframe.step_ns)
