"""Times as files write them, to instants."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np

from tradeterm.core.errors import UsageError, nearest
from tradeterm.core.time import DAY_NS, SECOND_NS, to_ns
from tradeterm.data.calendar import local_instants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.core.types import BoolArray, IntArray

__all__ = ["BAD", "ParsedStamps", "dates_of", "instants_of", "known_zone", "parse_stamps"]

BAD = np.int64(np.iinfo(np.int64).min)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_FORMATS = ("%Y-%m-%d %I-%p", "%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%Y.%m.%d %H:%M:%S", "%Y.%m.%d %H:%M")
# Seconds, milliseconds, microseconds or nanoseconds, by size: each unit serves the years 1973 to 5138.
_UNITS = ((1e11, SECOND_NS), (1e14, 1_000_000), (1e17, 1_000), (math.inf, 1))


class ParsedStamps(NamedTuple):
    """Stamps by row: ``wall`` ns of the clock they show (UTC where they are instants), BAD where there is none."""

    wall: IntArray
    is_instant: BoolArray


def parse_stamps(cells: Sequence[Any]) -> ParsedStamps:
    """Read each cell as an ISO or US date or time, or as a Unix time in any unit."""
    wall = np.full(len(cells), BAD, dtype=np.int64)
    is_instant = np.zeros(len(cells), dtype=np.bool_)
    for row, cell in enumerate(cells):
        found = _parsed(cell)
        if found is not None:
            wall[row], is_instant[row] = found
    return ParsedStamps(wall, is_instant)


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


def _parsed(cell: Any) -> tuple[int, bool] | None:
    if isinstance(cell, datetime):
        return _moment(cell)
    if isinstance(cell, date):
        return _moment(datetime(cell.year, cell.month, cell.day))  # noqa: DTZ001 - a date has no zone
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return _unix(f"{cell:f}" if isinstance(cell, float) else str(cell)) if math.isfinite(cell) else None
    if not isinstance(cell, str):
        return None
    if _NUMBER.fullmatch(cell):
        return _unix(cell)
    try:
        return _moment(datetime.fromisoformat(cell))
    except ValueError:
        return _other_format(cell)


def _other_format(cell: str) -> tuple[int, bool] | None:
    for pattern in _FORMATS:
        try:
            return _moment(datetime.strptime(cell, pattern))  # noqa: DTZ007 - a wall clock; its zone is told apart
        except ValueError:
            continue
    return None


def _unix(text: str) -> tuple[int, bool] | None:
    whole, _, fraction = text.partition(".")
    size = abs(int(whole))
    # Eight digits or fewer are a date without separators or a row number, no time since 1970.
    if len(whole) == 8:
        return _other_date(whole)
    if size < 10**8:
        return None
    unit = next(unit for bound, unit in _UNITS if size < bound)
    ns = int(whole) * unit + (round(float(f"0.{fraction}") * unit) if fraction else 0)
    return (ns, True) if abs(ns) < 4 * 10**18 else None


def _other_date(digits: str) -> tuple[int, bool] | None:
    try:
        return _moment(datetime.strptime(digits, "%Y%m%d"))  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return None


def _moment(moment: datetime) -> tuple[int, bool] | None:
    aware = moment.tzinfo is not None
    ns = to_ns(moment if aware else moment.replace(tzinfo=UTC))
    return (ns, aware) if abs(ns) < 4 * 10**18 else None


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
