"""Years of the folder ``golden/calendars`` in plain Python: nothing here is shared with the code under test."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted((GOLDEN / "calendars").glob("*.json"))
Stretch = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session: its date, and when it trades, ns UTC, in one stretch or two."""

    day: date
    stretches: tuple[Stretch, ...]

    @property
    def open_ns(self) -> int:
        return self.stretches[0][0]

    @property
    def close_ns(self) -> int:
        return self.stretches[-1][1]


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def sessions_of(year: dict[str, Any]) -> list[Session]:
    """Every session of a year's file, in order."""
    closed = {day for day, _ in year["holidays"] + year["unscheduled"]}
    early = {day: time for day, time, _ in year["early_closes"]}
    late = {day: time for day, time, _ in year["late_opens"]}
    found = []
    day = date(year["year"], 1, 1)
    while day.year == year["year"]:
        if f"{day:%A}" not in year["weekend"] and day.isoformat() not in closed:
            _, opens, closes = in_force(year["hours"], day)
            offset = in_force(year["offsets"], day)[1]
            opens, closes = late.get(day.isoformat(), opens), early.get(day.isoformat(), closes)
            times = [opens, *year.get("break", []), closes]
            instants = [instant(day, time, offset) for time in times]
            found.append(Session(day=day, stretches=tuple(zip(instants[::2], instants[1::2], strict=True))))
        day += timedelta(days=1)
    return found


def in_force(rows: list[list[str]], day: date) -> list[str]:
    """The last row that begins on that day or before it."""
    return [row for row in rows if row[0] <= day.isoformat()][-1]


def instant(day: date, time: str, offset: str) -> int:
    """Wall-clock time HH:MM (24:00 too) at that offset from UTC, ns."""
    hours, minutes = (int(part) for part in time.split(":"))
    ahead = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6])) * (-1 if offset[0] == "-" else 1)
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hours, minutes=minutes) - ahead
    return nanoseconds(moment)


def nanoseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


@lru_cache
def golden_sessions(calendar: str) -> dict[int, tuple[Session, ...]]:
    """Sessions of each year that there is a file of."""
    years = [read(path) for path in FILES]
    return {year["year"]: tuple(sessions_of(year)) for year in years if calendar in year["exchanges"]}
