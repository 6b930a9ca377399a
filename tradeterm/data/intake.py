"""Rows of a file to bars: times read, extended hours left out, rules applied, repeats resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tradeterm.core.errors import NotBars
from tradeterm.core.exchanges import zone_of
from tradeterm.core.market import AssetClass, Bars, Timeframe
from tradeterm.core.time import DAY_NS
from tradeterm.data.calendar import after_break, next_close_after, sessions
from tradeterm.data.declared import refuse_other_dates, refuse_other_length, refuse_other_zone
from tradeterm.data.resample import in_session, opens_of_closes, source_closes
from tradeterm.data.rules import broken_rules
from tradeterm.data.sources.csv import PRICES
from tradeterm.data.stamps import BAD, dates_of, instants_of, known_zone, parse_stamps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tradeterm.core.market import BarKey
    from tradeterm.core.types import BoolArray, FloatArray, IntArray
    from tradeterm.data.publication import PublicationRule
    from tradeterm.data.sources.csv import RawTable

__all__ = ["Intake", "take_in"]

_MISSING = {"", ".", "nan", "null", "none", "n/a", "na"}
_CELLS = ("open", "high", "low", "close", "volume")
# In the place of an instant, as BAD is: a date without a session, and one before the calendar begins.
_NO_SESSION, _BEFORE = BAD + 1, BAD + 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What became of the rows of a file.

    bars : those let in, sorted
    rejected : (line, text) of the others by rule
    """

    bars: Bars
    rejected: dict[str, list[tuple[int, str]]]
    left_out: int = 0
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
    *,
    path: Path,
    key: BarKey,
    zone: str,
    label: Literal["open", "close"],
    calendar: str,
    now_ns: int,
    publication: PublicationRule | None,
) -> Intake:
    """Judge the rows of a file; those that come through have a place in the calendar and keep every rule.

    Raises
    ------
    NotBars
        When its dates can't be told apart into months and days.
    UsageError
        When its stamps are not those of bars of that length, in that zone; or there is no such zone.
    """
    known_zone(zone)
    stamps = _stamped(table, path, key, zone, label, calendar)
    sieve = _Sieve(table=table, rows=np.arange(len(table)), ts=stamps)
    sieve.reject("unparsable-stamp", sieve.ts == BAD)
    sieve.reject("no-session", sieve.ts == _NO_SESSION)
    sieve.reject("before-calendar", sieve.ts == _BEFORE)
    sorted_here = bool((np.diff(sieve.ts) < 0).any())
    sieve.sort()
    intraday = key.timeframe.is_intraday_source
    if intraday and label == "close":
        sieve.ts = opens_of_closes(sieve.ts, key.timeframe.step_ns)
    sieve.reject("future-stamp", sieve.ts > now_ns)
    left_out = 0
    if intraday and key.asset_class is AssetClass.EQUITY:
        sieve.reject("before-calendar", sieve.ts < sessions(calendar).open_ns[0])
        sieve.ts = after_break(calendar, sieve.ts, key.timeframe.step_ns)
        inside = in_session(calendar, sieve.ts)
        refuse_other_zone(path, sieve.ts, inside, calendar)
        left_out = sieve.keep(inside)
    refuse_other_length(path, key, sieve.ts, calendar)
    cells = _numbers(table)
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
        unfinished=unfinished,
        blank=blank,
        repeated=repeated,
        sorted_here=sorted_here,
    )


def _stamped(
    table: RawTable, path: Path, key: BarKey, zone: str, label: Literal["open", "close"], calendar: str
) -> IntArray:
    """``ts`` of each row (of close-labelled hours: their close), BAD where it can't be read."""
    stamps = parse_stamps(table.stamps)
    for row in np.flatnonzero(stamps.wall == BAD).tolist():
        if isinstance(table.stamps[row], str) and "/" in table.stamps[row]:
            raise NotBars(
                path,
                f"line {table.lines[row]}: '{table.stamps[row]}' is no month/day/year, so that days and months of the "
                "others can't be trusted; write dates as 2024-12-31",
            )
    if key.timeframe.is_intraday_source:
        return instants_of(stamps, zone)
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
    elif key.asset_class is AssetClass.CRYPTO and label == "close":
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


def _numbers(table: RawTable) -> dict[str, FloatArray]:
    """Open, high, low, close, volume of every row; NaN where missing, infinite where no number."""
    if table.observations:
        value = _floats(table.columns["value"])
        return dict.fromkeys(PRICES, value) | {"volume": np.full(len(table), np.nan)}
    found = {name: _floats(table.columns[name]) for name in PRICES}
    volume = table.columns.get("volume")
    return found | {"volume": np.full(len(table), np.nan) if volume is None else _floats(volume)}


def _floats(cells: Sequence[Any]) -> FloatArray:
    return np.array([_float(cell) for cell in cells], dtype=np.float64)


def _float(cell: Any) -> float:
    if cell is None:
        return np.nan
    try:
        return float(cell)
    except (TypeError, ValueError):
        return np.nan if str(cell).lower() in _MISSING else np.inf


def _reject_broken(sieve: _Sieve, cells: dict[str, FloatArray], *, positive: bool) -> None:
    found = broken_rules(sieve.cells(cells), positive=positive)
    gone = np.zeros(len(sieve.rows), dtype=np.bool_)
    for rule, bad in found:
        # A row is named by the gravest rule that it breaks.
        sieve.note(rule, bad & ~gone)
        gone |= bad
    sieve.keep(~gone)


def _resolve_repeats(sieve: _Sieve, cells: dict[str, FloatArray]) -> int:
    """Of rows with one time keep the one with most volume (the first of equals); exact repeats are only counted."""
    repeated = 0
    dropped = np.zeros(len(sieve.ts), dtype=np.bool_)
    conflicting = dropped.copy()
    same = np.flatnonzero(np.diff(sieve.ts) == 0)
    for ts in np.unique(sieve.ts[same]):
        group = np.arange(np.searchsorted(sieve.ts, ts), np.searchsorted(sieve.ts, ts, side="right"))
        rows = [tuple(np.nan_to_num(cells[name][sieve.rows[at]], nan=-1.0) for name in _CELLS) for at in group]
        best = max(range(len(rows)), key=lambda at: (rows[at][-1], -at))
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
