"""Times as files write them, to instants."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np

from tradeterm.core.errors import UsageError, nearest
from tradeterm.core.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, to_ns
from tradeterm.data.calendar import local_instants
from tradeterm.data.stamps_fixed import fixed_stamps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.core.types import BoolArray, IntArray

__all__ = ["BAD", "DateOrder", "ParsedStamps", "dates_of", "instants_of", "known_zone", "parse_stamps", "stamps_of"]

BAD = np.int64(np.iinfo(np.int64).min)
DateOrder = Literal["month-first", "day-first"]

_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
# Seconds, milliseconds, microseconds or nanoseconds, by size: each unit serves the years 1973 to 5138.
_UNITS = ((1e11, SECOND_NS), (1e14, 1_000_000), (1e17, 1_000), (math.inf, 1))
_FARTHEST_NS = 4 * 10**18

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october")
_MONTH_NAMES = (*_MONTHS, "november", "december")
_DATE = (
    r"(?P<year>\d{4})(?P<by>[-/.])(?P<month>\d{1,2})(?P=by)(?P<day>\d{1,2})"
    r"|(?P<one>\d{1,2})(?P<between>[-/.])(?P<two>\d{1,2})(?P=between)(?P<last>\d{4}|\d{2})"
    r"|(?P<name>[A-Za-z]{3,9})\.?\s+(?P<nday>\d{1,2}),?\s+(?P<nyear>\d{4})"
    r"|(?P<dday>\d{1,2})[-\s](?P<dname>[A-Za-z]{3,9})\.?[-\s,]+(?P<dyear>\d{4}|\d{2})"
    r"|(?P<packed>\d{8})(?=[T\s])"
)
_CLOCK = (
    r"(?:[T\s,]+(?:(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?|-(?=[AP]M))"
    r"\s*(?:(?P<half>[AaPp])\.?[Mm]\.?)?|(?P<digits>\d{4}(?:\d{2})?)))?"
)
_ZONE = r"\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?"
_WRITTEN = re.compile(f"(?:{_DATE}){_CLOCK}{_ZONE}", re.ASCII)


class ParsedStamps(NamedTuple):
    """Stamps by row.

    wall : ns of the clock they show (UTC where they are instants), BAD where there is none
    is_instant : whether a stamp says its offset, or counts from 1970
    order : which of day and month comes first in dates such as 01/02/2024; ``ambiguous`` where nothing tells,
        ``mixed`` where one date can only be the one and another only the other, empty where there are none
    doubt : a row that makes them so, -1 where there is none
    """

    wall: IntArray
    is_instant: BoolArray
    order: Literal["", "month-first", "day-first", "ambiguous", "mixed"] = ""
    doubt: int = -1


def parse_stamps(cells: Sequence[Any], order: DateOrder | None = None) -> ParsedStamps:
    """Read each cell as a date or time in one of the usual forms, or as a Unix time in any unit.

    order : of day and month in dates such as 01/02/2024; nothing = as they prove themselves, where a 13th or later
        day stands among them
    """
    wall, is_instant, rest = fixed_stamps(cells, BAD)
    dates = {}
    for row in rest:
        cell = cells[row]
        written = _WRITTEN.fullmatch(cell.strip()) if isinstance(cell, str) else None
        if written is not None and written["one"]:
            dates[row] = written
            continue
        found = _parsed(cell) if written is None else _moment_of(written, month_first=True)
        if found is not None:
            wall[row], is_instant[row] = found
    told, doubt = _order(dates, order)
    if told in ("month-first", "day-first"):
        for row, written in dates.items():
            found = _moment_of(written, month_first=told == "month-first")
            if found is not None:
                wall[row], is_instant[row] = found
    return ParsedStamps(wall, is_instant, told, doubt)


def stamps_of(cells: Sequence[Any] | ParsedStamps, order: DateOrder | None = None) -> ParsedStamps:
    """Stamps of a column of times, which some files hold as such."""
    return cells if isinstance(cells, ParsedStamps) else parse_stamps(cells, order)


def instants_of(stamps: ParsedStamps, zone: str) -> IntArray:
    """Instants in ns UTC; wall-clock times are those of ``zone``, BAD where that clock never showed them.

    An hour that the clock showed twice (autumn) is its first pass, and its second where a stamp comes again.
    """
    instants = stamps.wall.copy()
    local = ~stamps.is_instant & (stamps.wall != BAD)
    if local.any():
        instants[local] = _from_local(stamps.wall[local], known_zone(zone))
    return instants


def dates_of(stamps: ParsedStamps, zone: str) -> IntArray:
    """00:00 UTC of the date each stamp means.

    An instant at 00:00 UTC means that date, any other instant the date that ``zone``'s clock shows then.
    """
    dates = stamps.wall // DAY_NS * DAY_NS
    other = stamps.is_instant & (stamps.wall % DAY_NS != 0)
    tz = known_zone(zone)
    for row in np.flatnonzero(other):
        moment = datetime.fromtimestamp(int(stamps.wall[row]) // SECOND_NS, tz)
        dates[row] = to_ns(datetime(moment.year, moment.month, moment.day, tzinfo=UTC))
    found: IntArray = np.where(stamps.wall == BAD, BAD, dates)
    return found


def known_zone(name: str) -> ZoneInfo:
    """Return the time zone of that name.

    Raises
    ------
    UsageError
        When there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = nearest(name, sorted(available_timezones()))
        hint = f"did you mean '{near}'?" if near else "write UTC, America/New_York or the like"
        raise UsageError(f"time zone '{name}': not known; {hint}") from None


def _order(
    dates: dict[int, re.Match[str]], given: DateOrder | None
) -> tuple[Literal["", "month-first", "day-first", "ambiguous", "mixed"], int]:
    """Which order the dates have, and a row that speaks against it or leaves it open."""
    month_first = [row for row, written in dates.items() if int(written["two"]) > 12]
    day_first = [row for row, written in dates.items() if int(written["one"]) > 12]
    if not dates:
        return "", -1
    if month_first and day_first:
        return "mixed", max(month_first[0], day_first[0])
    against = day_first if given == "month-first" else month_first
    if given is not None:
        return ("mixed", against[0]) if against else (given, -1)
    if month_first:
        return "month-first", -1
    # 24/08/30 may be a year, a month and a day: only what says its year in full proves that a day comes first.
    in_full = [row for row in day_first if len(dates[row]["last"]) == 4]
    return ("day-first", -1) if in_full else ("ambiguous", next(iter(dates)))


def _parsed(cell: Any) -> tuple[int, bool] | None:
    if isinstance(cell, datetime):
        return _moment(cell)
    if isinstance(cell, date):
        return _moment(datetime(cell.year, cell.month, cell.day))  # noqa: DTZ001 - a date has no zone
    if isinstance(cell, (int, float, np.integer, np.floating)) and not isinstance(cell, bool):
        return _unix(str(cell) if isinstance(cell, (int, np.integer)) else f"{cell:f}") if math.isfinite(cell) else None
    if not isinstance(cell, str):
        return None
    text = cell.strip()
    if _NUMBER.fullmatch(text):
        return _unix(text)
    try:
        return _moment(datetime.fromisoformat(text))
    except ValueError:
        return None


def _moment_of(written: re.Match[str], *, month_first: bool) -> tuple[int, bool] | None:
    """What the clock shows in a written time, and whether it says its offset."""
    day = _day_of(written, month_first=month_first)
    clock = _clock_of(written)
    if day is None or clock is None:
        return None
    try:
        ns = to_ns(datetime(*day, tzinfo=UTC)) + clock
    except ValueError:
        return None
    zone = written["zone"]
    if zone is not None and zone[0] in "+-":
        hours, minutes = int(zone[1:3]), int(zone[-2:] if len(zone) > 3 else 0)
        if hours > 23 or minutes > 59:
            return None
        shift = hours * HOUR_NS + minutes * MINUTE_NS
        ns -= shift if zone[0] == "+" else -shift
    return (ns, zone is not None) if abs(ns) < _FARTHEST_NS else None


def _day_of(written: re.Match[str], *, month_first: bool) -> tuple[int, int, int] | None:
    if written["year"]:
        return int(written["year"]), int(written["month"]), int(written["day"])
    if written["packed"]:
        digits = written["packed"]
        return int(digits[:4]), int(digits[4:6]), int(digits[6:])
    if written["one"]:
        first, second = int(written["one"]), int(written["two"])
        month, day = (first, second) if month_first else (second, first)
        return _full_year(written["last"]), month, day
    name = (written["name"] or written["dname"]).lower()
    month = next((place for place, known in enumerate(_MONTH_NAMES, 1) if known.startswith(name)), 0)
    # "sept" is written, too.
    month = 9 if name == "sept" else month
    return (_full_year(written["nyear"] or written["dyear"]), month, int(written["nday"] or written["dday"]))


def _full_year(text: str) -> int:
    year = int(text)
    return year if len(text) == 4 else year + (1900 if year >= 70 else 2000)


def _clock_of(written: re.Match[str]) -> int | None:
    """Time of day in ns; None where no clock shows it."""
    if written["digits"]:
        digits = written["digits"]
        hour, minute, second = int(digits[:2]), int(digits[2:4]), int(digits[4:] or 0)
    elif written["hour"] is None:
        return 0
    else:
        hour, minute, second = int(written["hour"]), int(written["minute"] or 0), int(written["second"] or 0)
    if written["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if written["half"] in "Pp" else 0)
    elif written["minute"] is None and not written["digits"]:
        return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    part = int((written["part"] or "0").ljust(9, "0"))
    return hour * HOUR_NS + minute * MINUTE_NS + second * SECOND_NS + part


def _unix(text: str) -> tuple[int, bool] | None:
    whole, _, fraction = text.partition(".")
    # Eight digits or fewer are a date without separators or a row number, no time since 1970.
    if len(whole) == 8:
        return _packed_date(whole)
    if len(whole) > 20 or abs(int(whole)) < 10**8:
        return None
    unit = next(unit for bound, unit in _UNITS if abs(int(whole)) < bound)
    ns = int(whole) * unit + (round(float(f"0.{fraction}") * unit) if fraction else 0)
    return (ns, True) if abs(ns) < _FARTHEST_NS else None


def _packed_date(digits: str) -> tuple[int, bool] | None:
    try:
        return _moment(datetime(int(digits[:4]), int(digits[4:6]), int(digits[6:])))  # noqa: DTZ001 - a date has no zone
    except ValueError:
        return None


def _moment(moment: datetime) -> tuple[int, bool] | None:
    aware = moment.tzinfo is not None
    try:
        ns = to_ns(moment if aware else moment.replace(tzinfo=UTC))
    except OverflowError:
        return None
    return (ns, aware) if abs(ns) < _FARTHEST_NS else None


def _from_local(wall: IntArray, zone: ZoneInfo) -> IntArray:
    days = wall // DAY_NS * DAY_NS
    offset = days - local_instants(days, 0, zone.key)
    changes = offset != (days + DAY_NS) - local_instants(days + DAY_NS, 0, zone.key)
    instants = wall - offset
    order = np.flatnonzero(changes)
    if len(wall) and wall[0] > wall[-1]:
        order = order[::-1]
    seen: set[int] = set()
    for row in order:
        value = int(wall[row])
        instants[row] = _on_change(value, zone, again=value in seen)
        seen.add(value)
    return instants


def _on_change(wall: int, zone: ZoneInfo, *, again: bool) -> int:
    shown = datetime.fromtimestamp(wall // SECOND_NS, UTC).replace(tzinfo=None)
    moment = shown.replace(tzinfo=zone, fold=int(again)).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != shown:
        return int(BAD)
    return to_ns(moment) + wall % SECOND_NS
