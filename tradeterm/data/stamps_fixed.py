"""Times in the forms of fixed width that most files have, read a column at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from tradeterm.core.types import BoolArray, IntArray

__all__ = ["fixed_stamps"]

# Y M D h m s f: a digit of it; x: A or P; z and w: hours and minutes of an offset; -: any sign between parts of a
# date; ~: a blank or a T; everything else is itself.
_FORMS = (
    "YYYY-MM-DD",
    "YYYY-MM-DD~hh:mm",
    "YYYY-MM-DD~hh:mm:ss",
    "YYYY-MM-DD~hh:mm:ssZ",
    "YYYY-MM-DD~hh:mm:ss+zz:ww",
    "YYYY-MM-DD~hh:mm:ss.fff",
    "YYYY-MM-DD~hh:mm:ss.fffZ",
    "YYYY-MM-DD~hh:mm:ss.ffffff",
    "YYYY-MM-DD hh_xM",
    "YYYYMMDD hh:mm:ss",
    "YYYYMMDD hhmmss",
)
_OF_LENGTH: dict[int, list[str]] = {}
for _form in _FORMS:
    _OF_LENGTH.setdefault(len(_form), []).append(_form)
_SIGNS = {"-": b"-/.", "~": b" T", "x": b"AP", "+": b"+-", "_": b"-"}
_DIGITS = frozenset("YMDhmsfzw")
# Beyond these an int64 of ns would overflow, or the year is no year of a market.
_MOST_DAYS = 46_000
_MOST_NS = 4 * 10**18
_SHORTEST_UNIX, _LONGEST_UNIX = 9, 18


def fixed_stamps(cells: Sequence[Any], bad: np.int64) -> tuple[IntArray, BoolArray, list[int]]:
    """Read the cells whose form has a fixed width.

    Returns
    -------
    wall, is_instant
        As in ``ParsedStamps``; ``bad`` where a cell is in none of the forms.
    rest
        Rows of those.
    """
    wall = np.full(len(cells), bad, dtype=np.int64)
    is_instant = np.zeros(len(cells), dtype=np.bool_)
    lengths = np.array([len(cell) if isinstance(cell, str) else 0 for cell in cells], dtype=np.int64)
    rest: list[int] = []
    for length in np.unique(lengths).tolist():
        rows = np.flatnonzero(lengths == length)
        left = rows
        if length in _OF_LENGTH or _SHORTEST_UNIX <= length <= _LONGEST_UNIX:
            values, instant, read = _read([cells[row] for row in rows.tolist()], length)
            wall[rows[read]], is_instant[rows[read]] = values[read], instant[read]
            left = rows[~read]
        rest.extend(left.tolist())
    return wall, is_instant, sorted(rest)


def _read(cells: list[str], length: int) -> tuple[IntArray, BoolArray, BoolArray]:
    values = np.zeros(len(cells), dtype=np.int64)
    instant, read = np.zeros(len(cells), dtype=np.bool_), np.zeros(len(cells), dtype=np.bool_)
    try:
        table = np.array(cells, dtype=f"S{length}").view(np.uint8).reshape(len(cells), length)
    except UnicodeEncodeError:
        return values, instant, read
    for form in _OF_LENGTH.get(length, ()):
        found, ok = _by_form(table, form)
        fresh = ok & ~read
        values[fresh], instant[fresh] = found[fresh], form[-1] in "Zw"
        read |= fresh
    if _SHORTEST_UNIX <= length <= _LONGEST_UNIX:
        found, ok = _unix(table)
        fresh = ok & ~read
        values[fresh], instant[fresh] = found[fresh], True
        read |= fresh
    return values, instant, read


def _by_form(table: npt.NDArray[np.uint8], form: str) -> tuple[IntArray, BoolArray]:
    """Instants or wall times in ns of the rows that have this form."""
    ok = np.ones(len(table), dtype=np.bool_)
    parts = dict.fromkeys("YMDhmsfzw", np.zeros(len(table), dtype=np.int64))
    for place, kind in enumerate(form):
        column = table[:, place]
        if kind in _DIGITS:
            digit = column.astype(np.int64) - 48
            ok &= (digit >= 0) & (digit <= 9)
            parts[kind] = parts[kind] * 10 + digit
        else:
            ok &= np.isin(column, np.frombuffer(_SIGNS.get(kind, kind.encode()), dtype=np.uint8))
    if form.startswith("YYYY-"):
        ok &= table[:, 4] == table[:, 7]
    days, is_day = _days(parts["Y"], parts["M"], parts["D"])
    hours, is_hour = _hours(parts["h"], table, form)
    ok &= is_day & is_hour & (parts["m"] < 60) & (parts["s"] < 60)
    part = parts["f"] * 10 ** (9 - form.count("f"))
    values = np.where(ok, days, 0) * DAY_NS + hours * HOUR_NS + parts["m"] * MINUTE_NS + parts["s"] * SECOND_NS + part
    if "+" in form:
        ok &= (parts["z"] < 24) & (parts["w"] < 60)
        shift = parts["z"] * HOUR_NS + parts["w"] * MINUTE_NS
        values -= np.where(table[:, form.index("+")] == ord("+"), shift, -shift)
    return values, ok


def _days(year: IntArray, month: IntArray, day: IntArray) -> tuple[IntArray, BoolArray]:
    """Days since 1970-01-01, and whether there is such a date."""
    months = (year - 1970) * 12 + month - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    after = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    days = first + day - 1
    ok = (month >= 1) & (month <= 12) & (day >= 1) & (days < after) & (np.abs(days) < _MOST_DAYS)
    return days, ok


def _hours(hour: IntArray, table: npt.NDArray[np.uint8], form: str) -> tuple[IntArray, BoolArray]:
    if "x" not in form:
        return hour, hour < 24
    afternoon = table[:, form.index("x")] == ord("P")
    return hour % 12 + 12 * afternoon, (hour >= 1) & (hour <= 12)


def _unix(table: npt.NDArray[np.uint8]) -> tuple[IntArray, BoolArray]:
    """Unix times in ns, of whole units (also where a ``.0`` follows)."""
    whole = table[:, :-2] if len(table) and (table[:, -2] == ord(".")).all() else table
    ok = (table[:, -1] == ord("0")) if whole is not table else np.ones(len(table), dtype=np.bool_)
    number = np.zeros(len(table), dtype=np.int64)
    for place in range(whole.shape[1]):
        digit = whole[:, place].astype(np.int64) - 48
        ok &= (digit >= 0) & (digit <= 9)
        number = number * 10 + np.where(ok, digit, 0)
    unit = np.select([number < 10**11, number < 10**14, number < 10**17], [SECOND_NS, 1_000_000, 1_000], default=1)
    # The longest of each unit are beyond any market; they would overflow.
    ok &= (number >= 10**8) & (number < _MOST_NS // unit)
    return np.where(ok, number, 0) * unit, ok
