"""The trading calendars that are known here, and the clock of each: the one place that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from tradeterm.core.errors import DataError, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CALENDARS",
    "EXCHANGES",
    "NEW_YORK",
    "CalendarName",
    "Exchange",
    "checked_calendar",
    "city_of",
    "exchange_of",
    "zone_of",
]

CalendarName = Literal["XNYS", "XNAS", "XLON", "XETR", "XTSE", "XTKS", "24/7"]
CALENDARS: tuple[str, ...] = get_args(CalendarName)
NEW_YORK = "America/New_York"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One calendar.

    zone : whose clock its hours are told by
    first : its first day; what is older is kept out
    sessions : calendar whose sessions it has, a code of exchange_calendars; None: every UTC day
    """

    zone: str
    first: str
    sessions: str | None


# Of the others nothing is taken from before 2012, as their hours were others then and exchange_calendars doesn't know:
# Tokyo's break began at 11:00 until November 2011. New York's history is wanted as a whole: its days are right, its
# hours before 1993 not exact (docs/time.md).
EXCHANGES: Mapping[str, Exchange] = {
    "XNYS": Exchange(zone=NEW_YORK, first="1970-01-01", sessions="XNYS"),
    "XNAS": Exchange(zone=NEW_YORK, first="1970-01-01", sessions="XNYS"),
    "XLON": Exchange(zone="Europe/London", first="2012-01-01", sessions="XLON"),
    "XETR": Exchange(zone="Europe/Berlin", first="2012-01-01", sessions="XETR"),
    "XTSE": Exchange(zone="America/Toronto", first="2012-01-01", sessions="XTSE"),
    "XTKS": Exchange(zone="Asia/Tokyo", first="2012-01-01", sessions="XTKS"),
    "24/7": Exchange(zone="UTC", first="1970-01-01", sessions=None),
}


def checked_calendar(text: str) -> str:
    """Return ``text``, which a person wrote, where it names a calendar.

    Raises
    ------
    UsageError
        When it is none of :data:`CALENDARS`, with the nearest one.
    """
    if text not in EXCHANGES:
        raise UsageError(_unknown(text))
    return text


def exchange_of(calendar: str) -> Exchange:
    """Return what is known of a calendar that a file or an instrument names.

    Raises
    ------
    DataError
        When it is none of :data:`CALENDARS`.
    """
    if calendar not in EXCHANGES:
        raise DataError(_unknown(calendar))
    return EXCHANGES[calendar]


def zone_of(calendar: str) -> str:
    """Return the time zone of an exchange's clock."""
    return exchange_of(calendar).zone


def city_of(calendar: str) -> str:
    """Return the place whose clock that is, as it stands in a sentence: New York."""
    return zone_of(calendar).rpartition("/")[2].replace("_", " ")


def _unknown(text: str) -> str:
    near = nearest(text.upper(), CALENDARS)
    hint = f"did you mean '{near}'?" if near else f"use one of {', '.join(CALENDARS)}"
    return f"calendar '{text}': not known; {hint}"
