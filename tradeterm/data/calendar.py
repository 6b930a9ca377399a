"""Trading calendars as arrays: sessions, tradable windows, expected bars, next due instants.

New York sessions come from exchange_calendars once; then they are read from a small file in the user's cache
folder, so that later calls import neither pandas nor exchange_calendars. UTC days are the sessions of "24/7".
"""

from __future__ import annotations

import io
import warnings
import zipfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from tradeterm.core.errors import DataError, StoreUnwritable
from tradeterm.core.time import DAY_NS, MINUTE_NS, SECOND_NS, from_iso, iso
from tradeterm.store.atomic import write_bytes_atomic

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, IntArray

__all__ = [
    "CALENDARS",
    "Sessions",
    "expected_opens",
    "is_tradable",
    "local_instants",
    "next_close_after",
    "next_expected_close",
    "session_index",
    "sessions",
    "use_calendar_cache",
]

CALENDARS = ("XNYS", "24/7")
_FIRST, _LAST = "1970-01-01", "2035-12-31"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Trading sessions in order, shape (S,) each, ns UTC.

    date_ns : 00:00 UTC of the session's date
    open_ns, close_ns : half-open trading time [open, close)
    """

    date_ns: IntArray
    open_ns: IntArray
    close_ns: IntArray

    def __len__(self) -> int:
        return len(self.date_ns)


_cache_folder: list[Path | None] = []


def use_calendar_cache(folder: Path | None) -> None:
    """Keep calendars in ``folder`` instead of the user's cache folder; None keeps them in memory alone."""
    _cache_folder[:] = [folder]
    sessions.cache_clear()


@lru_cache(maxsize=8)
def sessions(calendar: str) -> Sessions:
    """All sessions of a calendar from 1970 to 2035.

    Raises
    ------
    DataError
        When the calendar is none of :data:`CALENDARS`.
    """
    if calendar == "24/7":
        days = np.arange(from_iso(_FIRST), from_iso(_LAST) + DAY_NS, DAY_NS, dtype=np.int64)
        return _frozen(days, days, days + DAY_NS)
    if calendar != "XNYS":
        raise DataError(f"calendar '{calendar}': not known; use one of {', '.join(CALENDARS)}")
    path = _cache_path(calendar)
    found = _read(path) if path is not None else None
    if found is None:
        found = _build(calendar)
        if path is not None:
            _keep(path, found)
    return found


def session_index(calendar: str, instants: IntArray) -> IntArray:
    """Index of the session that holds each instant, -1 outside of all sessions."""
    days = sessions(calendar)
    index = np.searchsorted(days.open_ns, instants, side="right") - 1
    inside = (index >= 0) & (instants < days.close_ns[np.maximum(index, 0)])
    found: IntArray = np.where(inside, index, -1).astype(np.int64)
    return found


def is_tradable(calendar: str, times: IntArray, step_ns: int) -> BoolArray:
    """Whether the market is open at some instant of [t, t + step), for each t."""
    days = sessions(calendar)
    following = _index_after(days.close_ns, times)
    tradable: BoolArray = days.open_ns[following] < times + step_ns
    return tradable


def next_close_after(calendar: str, instants: IntArray) -> IntArray:
    """First session close after each instant."""
    days = sessions(calendar)
    closes: IntArray = days.close_ns[_index_after(days.close_ns, instants)]
    return closes


def next_expected_close(calendar: str, close_ns: int, step_ns: int) -> int:
    """When the source bar after the one that closed at ``close_ns`` is expected to close."""
    days = sessions(calendar)
    index = int(_index_after(days.close_ns, np.array([close_ns], dtype=np.int64))[0])
    start = max(close_ns, int(days.open_ns[index]))
    return min(start + step_ns, int(days.close_ns[index]))


def expected_opens(calendar: str, start_ns: int, end_ns: int, step_ns: int) -> IntArray:
    """Opens in [start, end) of the bars that a regular source of that step gives, anchored at each session's open."""
    days = sessions(calendar)
    first = int(np.searchsorted(days.close_ns, start_ns, side="right"))
    last = int(np.searchsorted(days.open_ns, end_ns, side="left"))
    opens, closes = days.open_ns[first:last], days.close_ns[first:last]
    counts = -((opens - closes) // step_ns)
    starts = np.repeat(opens, counts)
    position = np.arange(len(starts)) - np.repeat(np.cumsum(counts) - counts, counts)
    found = starts + position * step_ns
    kept: IntArray = found[(found >= start_ns) & (found < end_ns)]
    return kept


def local_instants(days: IntArray, minutes: int, zone: str) -> IntArray:
    """Instants of a wall-clock time on each date.

    days : 00:00 UTC of the dates, ns
    minutes : wall-clock time in ``zone``, minutes after midnight
    """
    unique, position = np.unique(days, return_inverse=True)
    tz = ZoneInfo(zone)
    epoch = datetime(1970, 1, 1)  # noqa: DTZ001 - naive on purpose: a wall clock, its offset is what is asked for
    shift = timedelta(minutes=minutes)
    offsets = []
    for day in unique:
        moment = (epoch + timedelta(seconds=int(day) // SECOND_NS) + shift).replace(tzinfo=tz)
        offset = moment.utcoffset()
        offsets.append(0 if offset is None else round(offset.total_seconds()) * SECOND_NS)
    found: IntArray = (unique + minutes * MINUTE_NS - np.array(offsets, dtype=np.int64))[position]
    return found


def _index_after(closes: IntArray, instants: IntArray) -> IntArray:
    index = np.searchsorted(closes, instants, side="right")
    if len(index) and int(index.max()) >= len(closes):
        raise DataError(
            f"calendar: {iso(int(np.max(instants)))} is after its last session ({iso(int(closes[-1]))}); "
            "give an earlier date"
        )
    found: IntArray = index.astype(np.int64)
    return found


def _frozen(date_ns: IntArray, open_ns: IntArray, close_ns: IntArray) -> Sessions:
    for values in (date_ns, open_ns, close_ns):
        values.setflags(write=False)
    return Sessions(date_ns=date_ns, open_ns=open_ns, close_ns=close_ns)


def _cache_path(calendar: str) -> Path | None:
    if _cache_folder:
        folder = _cache_folder[0]
    else:
        from platformdirs import user_cache_path

        folder = user_cache_path() / "tradeterm"
    if folder is None:
        return None
    name = f"{calendar}-{_FIRST}-{_LAST}-{version('exchange_calendars')}.npz"
    return folder / "calendars" / name


def _read(path: Path) -> Sessions | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            return _frozen(file["date_ns"], file["open_ns"], file["close_ns"])
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        # Not there, or damaged: it is built again.
        return None


def _build(calendar: str) -> Sessions:
    # 0.7 s, nearly all of it the import of pandas; explicit bounds, as the default ones move with today's date.
    from exchange_calendars import get_calendar

    with warnings.catch_warnings():
        # It uses pandas in ways that a later pandas will change; both are pinned.
        warnings.simplefilter("ignore", DeprecationWarning)
        found = get_calendar(calendar, start=_FIRST, end=_LAST)
    dates = found.sessions.as_unit("ns").asi8
    opens = found.schedule["open"].dt.as_unit("ns").astype("int64").to_numpy()
    closes = found.schedule["close"].dt.as_unit("ns").astype("int64").to_numpy()
    return _frozen(*(np.array(values, dtype=np.int64) for values in (dates, opens, closes)))


def _keep(path: Path, found: Sessions) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, date_ns=found.date_ns, open_ns=found.open_ns, close_ns=found.close_ns)
    try:
        write_bytes_atomic(path, buffer.getvalue(), durable=False)
    except StoreUnwritable:
        # A read-only home costs time at each start and nothing else.
        return
