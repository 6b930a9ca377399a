"""Rows of a file to bars: times read, extended hours left out, rules applied, repeats resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.exchanges import zone_of
from tradeterm.core.market import AssetClass, Bars, Timeframe
from tradeterm.core.time import DAY_NS
from tradeterm.data.calendar import after_break, next_close_after, sessions
from tradeterm.data.crosscheck import disagreeing
from tradeterm.data.declared import refuse_other_dates, refuse_other_label, refuse_other_length, refuse_other_zone
from tradeterm.data.files.names import PRICES
from tradeterm.data.files.numerals import read_numbers
from tradeterm.data.hours import Hypothesis, crossing
from tradeterm.data.resample import in_session, opens_of_closes, source_closes
from tradeterm.data.rules import broken_rules
from tradeterm.data.stamps import BAD, dates_of, instants_of, known_zone

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tradeterm.core.market import BarKey
    from tradeterm.core.types import BoolArray, FloatArray, IntArray
    from tradeterm.data.evidence import Reading
    from tradeterm.data.files.table import RawTable
    from tradeterm.data.publication import PublicationRule
    from tradeterm.data.stamps import DateOrder, ParsedStamps

__all__ = ["Intake", "take_in"]

_CELLS = ("open", "high", "low", "close", "volume")
# In the place of an instant, as BAD is: a date without a session, and one before the calendar begins.
_NO_SESSION, _BEFORE = BAD + 1, BAD + 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What became of the rows of a file.

    bars : those let in, sorted
    rejected : (line, text) of the others by rule
    crosses : of those left out, how many open before a session and close in it
    """

    bars: Bars
    rejected: dict[str, list[tuple[int, str]]]
    left_out: int = 0
    crosses: int = 0
    unfinished: int = 0
    blank: int = 0
    repeated: int = 0
    sorted_here: bool = False


@dataclass(slots=True, kw_only=True)
class _Sieve:
    """Rows still in, with what was counted out so far; each step narrows ``rows``."""

    table: RawTable
    rows: IntArray
    ts: IntArray
    rejected: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def reject(self, rule: str, bad: BoolArray) -> None:
        """Quarantine the rows still in where ``bad``."""
        self.note(rule, bad)
        self.keep(~bad)

    def note(self, rule: str, bad: BoolArray) -> None:
        """Write the rows down where ``bad``, and leave them in."""
        if bad.any():
            lines = [(int(self.table.lines[row]), self.table.raw[row]) for row in self.rows[bad]]
            self.rejected[rule] = sorted([*self.rejected.get(rule, []), *lines])

    def sort(self) -> None:
        """Order by time; rows of one time stay in the order of the file."""
        order = np.argsort(self.ts, kind="stable")
        self.rows, self.ts = self.rows[order], self.ts[order]

    def cells(self, cells: Mapping[str, FloatArray]) -> dict[str, Any]:
        """Prices and volume of the rows still in."""
        return {name: cells[name][self.rows] for name in _CELLS}

    def keep(self, kept: BoolArray) -> int:
        """Narrow to ``kept``; how many went."""
        gone = int(np.count_nonzero(~kept))
        self.rows, self.ts = self.rows[kept], self.ts[kept]
        return gone


def take_in(
    table: RawTable,
    stamps: ParsedStamps,
    reading: Reading,
    *,
    path: Path,
    key: BarKey,
    calendar: str,
    now_ns: int,
    publication: PublicationRule | None,
    dates: DateOrder | None = None,
) -> Intake:
    """Judge the rows of a file; those that come through have a place in the calendar and keep every rule.

    Raises
    ------
    NotBars
        When its numbers are written in two ways.
    UsageError
        When its stamps are not those of bars of that length, in that zone, with that label; there is no such zone; or
        two columns of time mean different things.
    """
    known_zone(reading.tz)
    intraday = key.timeframe.is_intraday_source
    disagree = disagreeing(path, table, stamps, reading.tz, calendar, dates, intraday=intraday)
    sieve = _Sieve(table=table, rows=np.arange(len(table)), ts=_stamped(path, key, stamps, reading, calendar))
    sieve.reject("crowded-row", table.crowded[sieve.rows])
    sieve.reject("unparsable-stamp", sieve.ts == BAD)
    sieve.reject("stamps-disagree", disagree[sieve.rows])
    sieve.reject("no-session", sieve.ts == _NO_SESSION)
    sieve.reject("before-calendar", sieve.ts == _BEFORE)
    sorted_here = bool((np.diff(sieve.ts) < 0).any())
    sieve.sort()
    if intraday and reading.label == "close" and len(sieve.ts):
        sieve.ts = opens_of_closes(sieve.ts, key.timeframe.step_ns)
    sieve.reject("future-stamp", sieve.ts > now_ns)
    left_out = crosses = 0
    if intraday and key.asset_class is AssetClass.EQUITY:
        sieve.reject("before-calendar", sieve.ts < sessions(calendar).open_ns[0])
        sieve.ts = after_break(calendar, sieve.ts, key.timeframe.step_ns)
        inside = in_session(calendar, sieve.ts)
        refuse_other_zone(path, sieve.ts, inside, calendar)
        refuse_other_label(path, stamps, Hypothesis(reading.tz, reading.label), calendar, key.timeframe.step_ns)
        crosses = int(np.count_nonzero(crossing(calendar, sieve.ts, key.timeframe.step_ns) & ~inside))
        left_out = sieve.keep(inside)
    refuse_other_length(path, key, sieve.ts, calendar)
    cells = _numbers(path, table)
    blank = sieve.keep(~np.isnan(cells["close"][sieve.rows])) if table.observations else 0
    _reject_broken(sieve, cells, positive=key.asset_class is not AssetClass.MACRO)
    repeated = _resolve_repeats(sieve, cells)
    known_at = _known_at(key, sieve.ts, calendar, publication)
    finished = known_at <= now_ns
    unfinished = sieve.keep(finished)
    return Intake(
        bars=Bars(ts=sieve.ts, known_at=known_at[finished], **sieve.cells(cells)),
        rejected=sieve.rejected,
        left_out=left_out,
        crosses=crosses,
        unfinished=unfinished,
        blank=blank,
        repeated=repeated,
        sorted_here=sorted_here,
    )


def _stamped(path: Path, key: BarKey, stamps: ParsedStamps, reading: Reading, calendar: str) -> IntArray:
    """``ts`` of each row (of close-labelled hours: their close), BAD where it can't be read."""
    if key.timeframe.is_intraday_source:
        return instants_of(stamps, reading.tz)
    # A daily stamp that is an instant means the date that the market's own clock shows then.
    dates = dates_of(stamps, zone_of(calendar))
    there = dates != BAD
    found = dates.copy()
    if key.timeframe is Timeframe.MONTHLY:
        found[there] = (
            dates[there].astype("datetime64[ns]").astype("datetime64[M]").astype("datetime64[ns]").astype(int)
        )
    elif key.asset_class is AssetClass.EQUITY:
        found[there] = _session_opens(calendar, dates[there])
    elif key.asset_class is AssetClass.CRYPTO and reading.label == "close":
        found[there] = dates[there] - DAY_NS
    placed = found > _BEFORE
    refuse_other_dates(path, key, stamps.wall[placed], found[placed])
    return found


def _session_opens(calendar: str, dates: IntArray) -> IntArray:
    days = sessions(calendar)
    position = np.minimum(np.searchsorted(days.date_ns, dates), len(days) - 1)
    absent = np.where(dates < days.date_ns[0], _BEFORE, _NO_SESSION)
    found: IntArray = np.where(days.date_ns[position] == dates, days.open_ns[position], absent)
    return found


def _known_at(key: BarKey, ts: IntArray, calendar: str, publication: PublicationRule | None) -> IntArray:
    if publication is not None and key.asset_class is AssetClass.MACRO:
        return publication.known_at(ts)
    if key.timeframe.is_intraday_source:
        return source_closes(calendar, ts, key.timeframe.step_ns)
    return next_close_after(calendar, ts)


def _numbers(path: Path, table: RawTable) -> dict[str, FloatArray]:
    """Open, high, low, close, volume of every row; NaN where missing, infinite where no number."""
    found = read_numbers(path, table.columns, table.lines)
    nothing = np.full(len(table), np.nan)
    if table.observations:
        return dict.fromkeys(PRICES, found["value"]) | {"volume": nothing}
    return {"volume": nothing} | found


def _reject_broken(sieve: _Sieve, cells: dict[str, FloatArray], *, positive: bool) -> None:
    found = broken_rules(sieve.cells(cells), positive=positive)
    gone = np.zeros(len(sieve.rows), dtype=np.bool_)
    for rule, bad in found:
        # A row is named by the gravest rule that it breaks.
        sieve.note(rule, bad & ~gone)
        gone |= bad
    sieve.keep(~gone)


def _resolve_repeats(sieve: _Sieve, cells: dict[str, FloatArray]) -> int:
    """Of rows with one time keep the one that tells most (the first of equals); exact repeats are only counted."""
    repeated = 0
    dropped = np.zeros(len(sieve.ts), dtype=np.bool_)
    conflicting = dropped.copy()
    same = np.flatnonzero(np.diff(sieve.ts) == 0)
    for ts in np.unique(sieve.ts[same]):
        group = np.arange(np.searchsorted(sieve.ts, ts), np.searchsorted(sieve.ts, ts, side="right"))
        rows = [tuple(np.nan_to_num(cells[name][sieve.rows[at]], nan=-1.0) for name in _CELLS) for at in group]
        best = 0
        for at, row in enumerate(rows):
            best = at if _tells_more(row[-1], rows[best][-1]) else best
        for at, row in enumerate(rows):
            if at == best:
                continue
            dropped[group[at]] = True
            first = rows.index(row) == at and row != rows[best]
            conflicting[group[at]] = first
            repeated += not first
    sieve.note("duplicate-stamp", conflicting)
    sieve.keep(~dropped)
    return repeated


def _tells_more(volume: float, other: float) -> bool:
    """Whether a row of this volume is the fuller one: more was traded in it, or the other's is this one rounded.

    A copy with fewer digits is as likely to be rounded up as down: there, size says nothing.
    """
    digits, others = _decimals(volume), _decimals(other)
    if digits != others and round(volume, min(digits, others)) == round(other, min(digits, others)):
        return digits > others
    return volume > other


def _decimals(value: float) -> int:
    _, point, part = f"{value:.9f}".rstrip("0").partition(".")
    return len(part) if point else 0
