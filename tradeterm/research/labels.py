"""Labels of regimes that a person wrote: a CSV file of dated periods, checked line by line."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NoReturn

from tradeterm.core.errors import BadInstant, NotLabels, nearest
from tradeterm.core.time import DAY_NS, from_iso, iso_date
from tradeterm.engine.regime import AXES, STATES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["LabelledPeriod", "read_labels"]

_NEEDED = ("axis", "first", "last", "state")
_COLUMNS = (*_NEEDED, "event")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPeriod:
    """One line of the file.

    first_ns, last_ns : 00:00 UTC of its first and last day, both inside
    event : what justifies it, empty where the file doesn't say
    """

    line: int
    axis: str
    first_ns: int
    last_ns: int
    state: str
    event: str


def read_labels(path: Path, *, today_ns: int) -> tuple[LabelledPeriod, ...]:
    """Periods by axis and first day; an axis may have holes, and need not be there at all.

    Raises
    ------
    NotLabels
        When the file can't be read, or a line can't be used; it names the line.
    """
    periods = [_period(path, line, row, today_ns) for line, row in _rows(path)]
    if not periods:
        raise NotLabels(path, "no periods", f"write a line per period below {','.join(_COLUMNS)}")
    periods.sort(key=lambda item: (AXES.index(item.axis), item.first_ns))
    for before, item in pairwise(periods):
        if before.axis == item.axis and item.first_ns <= before.last_ns:
            late, early = max(before, item, key=_line), min(before, item, key=_line)
            found = f"{late.axis} {_days(late)} overlaps {_days(early)} of line {early.line}"
            raise NotLabels(f"{path}:{late.line}", found, "a day has one state per axis")
    return tuple(periods)


def _line(period: LabelledPeriod) -> int:
    return period.line


def _days(period: LabelledPeriod) -> str:
    return f"{iso_date(period.first_ns)} to {iso_date(period.last_ns)}"


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells of every line that isn't blank."""
    try:
        # A byte-order mark is what spreadsheets begin with.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip().lower() for name in next(reader, [])]
            _check_header(path, header)
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield reader.line_num, _row(f"{path}:{reader.line_num}", header, cells)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise NotLabels(path, f"can't be read as CSV ({reason})", f"give a CSV file of {','.join(_COLUMNS)}") from None


def _check_header(path: Path, header: list[str]) -> None:
    for name in _NEEDED:
        if header.count(name) != 1:
            found = f"no column '{name}'" if name not in header else f"column '{name}' is there twice"
            raise NotLabels(f"{path}:1", found, f"the first line names the columns: {','.join(_COLUMNS)}")


def _row(where: str, header: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) != len(header):
        found = f"{len(cells)} fields where the first line names {len(header)}"
        raise NotLabels(where, found, 'put an event that holds a comma in "quotes"')
    return {name: cell.strip() for name, cell in zip(header, cells, strict=True)}


def _period(path: Path, line: int, row: dict[str, str], today_ns: int) -> LabelledPeriod:
    where = f"{path}:{line}"
    axis = row["axis"].lower()
    if axis not in AXES:
        _unknown(where, f"no axis '{row['axis']}'", axis, AXES)
    states = STATES[AXES.index(axis)]
    state = row["state"].upper()
    if state not in states:
        _unknown(where, f"{axis} has no state '{row['state']}'", state, states)
    first, last = _day(where, "first", row["first"]), _day(where, "last", row["last"])
    if last < first:
        raise NotLabels(
            where, f"last {row['last']} lies before first {row['first']}", "both days are inside; swap them"
        )
    if last >= today_ns:
        raise NotLabels(where, f"last {row['last']} is not over", f"end it by {iso_date(today_ns - DAY_NS)}")
    return LabelledPeriod(line=line, axis=axis, first_ns=first, last_ns=last, state=state, event=row.get("event", ""))


def _unknown(where: str, found: str, word: str, known: tuple[str, ...]) -> NoReturn:
    near = nearest(word, known)
    raise NotLabels(where, found, f"did you mean '{near}'?" if near else f"one of {', '.join(known)} is needed")


def _day(where: str, column: str, text: str) -> int:
    try:
        instant = from_iso(text)
    except BadInstant:
        instant = -1
    if instant < 0 or len(text) != len("2024-08-30"):
        raise NotLabels(where, f"{column} '{text}' is no date since 1970", "write it as 2024-08-30")
    return instant
