"""Trading calendars as arrays: sessions, the stretches they trade in, expected bars, next due instants.

Sessions of an exchange come from exchange_calendars once; then they are read from a small file in the user's cache
folder, so that later calls import neither pandas nor exchange_calendars. UTC days are the sessions of "24/7".

Where an exchange closes at noon, a session has two stretches. Whatever opens and closes within the day lives in
stretches; a daily bar lives in its session.
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
from tradeterm.core.exchanges import EXCHANGES, exchange_of
from tradeterm.core.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, from_iso, iso
from tradeterm.store.atomic import write_bytes_atomic

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, IntArray

__all__ = [
    "Sessions",
    "Stretches",
    "after_break",
    "bar_ends",
    "expected_opens",
    "is_tradable",
    "local_dates",
    "local_instants",
    "next_close_after",
    "next_expected_close",
    "same_sessions",
    "session_index",
    "sessions",
    "stretches",
    "use_calendar_cache",
]

_LAST = "2035-12-31"
_COLUMNS = ("date_ns", "open_ns", "pause_ns", "resume_ns", "close_ns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Trading sessions in order, shape (S,) each, ns UTC.

    date_ns : 00:00 UTC of the session's date
    open_ns, close_ns : half-open time [open, close) that the session lies in
    pause_ns, resume_ns : nothing trades in [pause, resume), its break; both are the close where it has none
    """

    date_ns: IntArray
    open_ns: IntArray
    pause_ns: IntArray
    resume_ns: IntArray
    close_ns: IntArray

    def __len__(self) -> int:
        return len(self.date_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretches:
    """Uninterrupted trading time in order, shape (K,) each.

    open_ns, close_ns : half-open time [open, close), ns UTC
    session : index of the session that it belongs to
    """

    open_ns: IntArray
    close_ns: IntArray
    session: IntArray

    def __len__(self) -> int:
        return len(self.open_ns)


_cache_folder: list[Path | None] = []


def use_calendar_cache(folder: Path | None) -> None:
    """Keep calendars in ``folder`` instead of the user's cache folder; None keeps them in memory alone."""
    _cache_folder[:] = [folder]
    _sessions.cache_clear()
    _stretches.cache_clear()


def sessions(calendar: str) -> Sessions:
    """All sessions of a calendar from its first day on (``core/exchanges.py``) to the end of 2035.

    Raises
    ------
    DataError
        When the calendar isn't known.
    """
    exchange = exchange_of(calendar)
    return _sessions(exchange.sessions, exchange.first)


def stretches(calendar: str) -> Stretches:
    """All stretches of a calendar's sessions."""
    exchange = exchange_of(calendar)
    return _stretches(exchange.sessions, exchange.first)


def same_sessions(one: str, other: str) -> bool:
    """Whether two calendars have the same sessions; one that isn't known has those of no other."""
    known = one in EXCHANGES and other in EXCHANGES
    return one == other or (known and EXCHANGES[one].sessions == EXCHANGES[other].sessions)


@lru_cache
def _sessions(code: str | None, first: str) -> Sessions:
    if code is None:
        days = np.arange(from_iso(first), from_iso(_LAST) + DAY_NS, DAY_NS, dtype=np.int64)
        return _frozen(days, days, days + DAY_NS, days + DAY_NS, days + DAY_NS)
    path = _cache_path(code, first)
    found = _read(path) if path is not None else None
    if found is None:
        found = _build(code, first)
        if path is not None:
            _keep(path, found)
    return found


@lru_cache
def _stretches(code: str | None, first: str) -> Stretches:
    days = _sessions(code, first)
    paused = np.flatnonzero(days.resume_ns < days.close_ns)
    opens = np.concatenate((days.open_ns, days.resume_ns[paused]))
    closes = np.concatenate((days.pause_ns, days.close_ns[paused]))
    order = np.argsort(opens, kind="stable")
    session = np.concatenate((np.arange(len(days)), paused))[order]
    return Stretches(open_ns=opens[order], close_ns=closes[order], session=session)


def session_index(calendar: str, instants: IntArray) -> IntArray:
    """Index of the session that trades at each instant, -1 outside of all sessions and in their breaks."""
    spans = stretches(calendar)
    index = np.searchsorted(spans.open_ns, instants, side="right") - 1
    held = np.maximum(index, 0)
    inside = (index >= 0) & (instants < spans.close_ns[held])
    found: IntArray = np.where(inside, spans.session[held], -1).astype(np.int64)
    return found


def after_break(calendar: str, opens: IntArray, step_ns: int) -> IntArray:
    """Opens of bars of that length, moved to the end of the break where they lie in one and reach beyond it.

    Nothing trades in a break, so that whatever such a bar holds came after it.
    """
    spans = stretches(calendar)
    following = np.minimum(np.searchsorted(spans.open_ns, opens, side="right"), len(spans) - 1)
    before = np.maximum(following - 1, 0)
    resumes = spans.open_ns[following]
    same = (spans.session[following] == spans.session[before]) & (following > before)
    moved = same & (opens >= spans.close_ns[before]) & (opens < resumes) & (opens + step_ns > resumes)
    found: IntArray = np.where(moved, resumes, opens)
    return found


def is_tradable(calendar: str, times: IntArray, step_ns: int) -> BoolArray:
    """Whether the market is open at some instant of [t, t + step), for each t."""
    spans = stretches(calendar)
    following = _index_after(spans.close_ns, times)
    tradable: BoolArray = spans.open_ns[following] < times + step_ns
    return tradable


def next_close_after(calendar: str, instants: IntArray) -> IntArray:
    """First session close after each instant."""
    days = sessions(calendar)
    closes: IntArray = days.close_ns[_index_after(days.close_ns, instants)]
    return closes


def next_expected_close(calendar: str, close_ns: int, step_ns: int) -> int:
    """When the bar after the one that closed at ``close_ns`` is expected to close."""
    spans = _holding(calendar, step_ns)
    index = int(_index_after(spans.close_ns, np.array([close_ns], dtype=np.int64))[0])
    start = max(close_ns, int(spans.open_ns[index]))
    return min(start + step_ns, int(spans.close_ns[index]))


def expected_opens(calendar: str, start_ns: int, end_ns: int, step_ns: int) -> IntArray:
    """Opens in [start, end) of the bars that a regular source of that step gives, anchored where trading begins."""
    spans = _holding(calendar, step_ns)
    first = int(np.searchsorted(spans.close_ns, start_ns, side="right"))
    last = int(np.searchsorted(spans.open_ns, end_ns, side="left"))
    opens, closes = spans.open_ns[first:last], spans.close_ns[first:last]
    counts = -((opens - closes) // step_ns)
    starts = np.repeat(opens, counts)
    position = np.arange(len(starts)) - np.repeat(np.cumsum(counts) - counts, counts)
    found = starts + position * step_ns
    kept: IntArray = found[(found >= start_ns) & (found < end_ns)]
    return kept


def bar_ends(calendar: str, opens: IntArray, step_ns: int) -> IntArray:
    """Instant at which each bar of that length ends: cut where trading does."""
    spans = _holding(calendar, step_ns)
    ends: IntArray = np.minimum(opens + step_ns, spans.close_ns[_index_after(spans.close_ns, opens)])
    return ends


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


def local_dates(instants: IntArray, zone: str) -> IntArray:
    """00:00 UTC of the date that a zone's clock shows at each instant."""
    utc = instants // DAY_NS * DAY_NS
    earlier = instants < local_instants(utc, 0, zone)
    later = instants >= local_instants(utc + DAY_NS, 0, zone)
    dates: IntArray = utc + DAY_NS * (later.astype(np.int64) - earlier.astype(np.int64))
    return dates


def _holding(calendar: str, step_ns: int) -> Sessions | Stretches:
    """What bars of that length lie in: those of an hour or finer in stretches, longer ones in sessions."""
    return stretches(calendar) if step_ns <= HOUR_NS else sessions(calendar)


def _index_after(closes: IntArray, instants: IntArray) -> IntArray:
    index = np.searchsorted(closes, instants, side="right")
    if len(index) and int(index.max()) >= len(closes):
        raise DataError(
            f"calendar: {iso(int(np.max(instants)))} is after its last session ({iso(int(closes[-1]))}); "
            "give an earlier date"
        )
    found: IntArray = index.astype(np.int64)
    return found


def _frozen(
    date_ns: IntArray, open_ns: IntArray, pause_ns: IntArray, resume_ns: IntArray, close_ns: IntArray
) -> Sessions:
    for values in (date_ns, open_ns, pause_ns, resume_ns, close_ns):
        values.setflags(write=False)
    return Sessions(date_ns=date_ns, open_ns=open_ns, pause_ns=pause_ns, resume_ns=resume_ns, close_ns=close_ns)


def _cache_path(code: str, first: str) -> Path | None:
    if _cache_folder:
        folder = _cache_folder[0]
    else:
        from platformdirs import user_cache_path

        folder = user_cache_path() / "tradeterm"
    if folder is None:
        return None
    name = f"{code}-{first}-{_LAST}-{version('exchange_calendars')}.npz"
    return folder / "calendars" / name


def _read(path: Path) -> Sessions | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            return _frozen(*(file[name] for name in _COLUMNS))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        # Not there, damaged, or of a version without breaks: it is built again.
        return None


def _build(code: str, first: str) -> Sessions:
    # 0.7 s, nearly all of it the import of pandas; explicit bounds, as the default ones move with today's date.
    from exchange_calendars import get_calendar

    with warnings.catch_warnings():
        # It uses pandas in ways that a later pandas will change; both are pinned.
        warnings.simplefilter("ignore", DeprecationWarning)
        found = get_calendar(code, start=first, end=_LAST)
    dates = np.array(found.sessions.as_unit("ns").asi8, dtype=np.int64)
    opens, closes, pauses, resumes = (
        np.array(found.schedule[name].dt.as_unit("ns").astype("int64"), dtype=np.int64)
        for name in ("open", "close", "break_start", "break_end")
    )
    # No break is the smallest number of all.
    whole = found.schedule["break_start"].isna().to_numpy()
    return _frozen(dates, opens, np.where(whole, closes, pauses), np.where(whole, closes, resumes), closes)


def _keep(path: Path, found: Sessions) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: getattr(found, name) for name in _COLUMNS})
    try:
        write_bytes_atomic(path, buffer.getvalue(), durable=False)
    except StoreUnwritable:
        # A read-only home costs time at each start and nothing else.
        return
