"""Instants are int64 nanoseconds of the Unix epoch in UTC; text is ISO-8601 with a Z.

The decision grid is 00, 04, 08, 12, 16, 20 UTC. No clock is read here: ``now`` comes in.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from tradeterm.core.errors import BadInstant

__all__ = [
    "DAY_NS",
    "H4_NS",
    "HOUR_NS",
    "MINUTE_NS",
    "SECOND_NS",
    "asof_instant",
    "date_ns",
    "from_iso",
    "from_ns",
    "grid_floor",
    "iso",
    "iso_date",
    "to_ns",
]

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
H4_NS = 4 * HOUR_NS
DAY_NS = 24 * HOUR_NS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def to_ns(moment: datetime) -> int:
    """Nanoseconds of an aware datetime, exact to the microsecond."""
    if moment.tzinfo is None:
        raise BadInstant(moment.isoformat())
    delta = moment.astimezone(UTC) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND_NS + delta.microseconds * 1_000


def from_ns(ns: int) -> datetime:
    """Aware UTC datetime of ``ns``; what is finer than a microsecond is dropped."""
    return _EPOCH + timedelta(microseconds=int(ns) // 1_000)


def date_ns(day: date) -> int:
    """Nanoseconds of 00:00 UTC of ``day``."""
    return to_ns(datetime(day.year, day.month, day.day, tzinfo=UTC))


def iso(ns: int) -> str:
    """ISO-8601 text of ``ns``: ``2024-08-30T16:00:00Z``, with a fraction only if there is one."""
    moment = from_ns(ns)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{moment.microsecond:06d}Z" if moment.microsecond else f"{text}Z"


def iso_date(ns: int) -> str:
    """UTC date of ``ns``: ``2024-08-30``."""
    return from_ns(ns).strftime("%Y-%m-%d")


def from_iso(text: str) -> int:
    """Nanoseconds of an ISO-8601 instant that states its offset, or of a date at 00:00 UTC."""
    try:
        if _DATE.fullmatch(text):
            return date_ns(date.fromisoformat(text))
        return to_ns(datetime.fromisoformat(text))
    except ValueError:
        raise BadInstant(text) from None


def grid_floor(ns: int, step_ns: int = H4_NS) -> int:
    """Last grid time at or before ``ns`` (grids of 4 h and 24 h are anchored at 00:00 UTC)."""
    return ns - ns % step_ns


def asof_instant(text: str | None, now_ns: int, step_ns: int = H4_NS) -> int:
    """Instant that an ``--asof`` means.

    A date D means D+1 00:00Z (all of D is known); ``today`` or nothing means the last grid time that has
    passed; an instant is itself.
    """
    if text is None or text in ("", "today", "now"):
        return grid_floor(now_ns, step_ns)
    ns = from_iso(text)
    return ns + DAY_NS if _DATE.fullmatch(text) else ns
