"""Which column of a file is the time of a row; others that say the same are kept to be compared with it."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from tradeterm.core.errors import NotBars
from tradeterm.data.files.names import BEGINS, CLOCKS, DAYS, ENDS, PERIODS, TIMES, UNNAMED, plain_name
from tradeterm.data.files.numerals import is_missing
from tradeterm.data.recognised import Recognised
from tradeterm.data.stamps import BAD, ParsedStamps, parse_stamps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Times", "find_times"]

_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(\s*[AaPp][Mm])?|\d{1,6}")
_SAMPLE = 5
_ROW_NUMBERS = "index"


class Times(NamedTuple):
    """Cells of times.

    name : of the column that is the time of a row
    cells : its cells, or its stamps where they are read already
    others : name and cells of further columns that tell the same time
    ends : when each bar ended, where a further column tells that
    periods : what the file says of the length of each bar
    is_end : whether the name says that the stamps are the ends of the bars
    is_open : whether the name says that they are their opens
    is_utc : whether the name says that they are in UTC
    """

    name: str
    cells: Sequence[Any] | ParsedStamps
    others: tuple[tuple[str, Sequence[Any] | ParsedStamps], ...] = ()
    ends: Sequence[Any] | ParsedStamps | None = None
    periods: Sequence[Any] | ParsedStamps | None = None
    is_end: bool = False
    is_open: bool = False
    is_utc: bool = False
    recognised: tuple[Recognised, ...] = ()


class _Candidate(NamedTuple):
    name: str
    cells: Sequence[Any] | ParsedStamps
    reads: bool
    instant: bool


def find_times(
    path: Path, names: Mapping[int, str], cells: Callable[[int], Any], *, chosen: int | None = None
) -> Times:
    """Find the time: an instant before a wall clock, whose zone would have to be known, else in the usual order.

    chosen : the column that a person named; nothing is compared with it

    Raises
    ------
    NotBars
        When no column is a time.
    """
    plain = {place: plain_name(name) for place, name in names.items()}
    ends = next((place for place, name in plain.items() if name in ENDS), None)
    periods = next((place for place, name in plain.items() if name in PERIODS), None)
    kept = {"periods": None if periods is None else cells(periods)}
    if chosen is not None:
        named = Recognised("time", names[chosen], "named with --column")
        return _times(names[chosen], cells(chosen), recognised=(named,), **kept)
    candidates = _candidates(names, plain, cells)
    if not candidates and ends is not None:
        return _times(names[ends], cells(ends), **kept)
    if not candidates:
        raise NotBars(path, f"no column of times ({', '.join(filter(None, names.values()))})")
    best = min(candidates, key=lambda item: (not item.instant, not item.reads))
    others = tuple((item.name, item.cells) for item in candidates if item is not best and item.reads)
    why = f"rather than {', '.join(name for name, _ in others)}"
    said = (Recognised("time", best.name, why),) if others else ()
    kept |= {"ends": None if ends is None else cells(ends)}
    return _times(best.name, best.cells, others=others, recognised=said, **kept)


def _times(name: str, cells: Any, **more: Any) -> Times:
    plain = plain_name(name)
    return Times(
        name,
        cells,
        is_end=plain in ENDS,
        is_open=plain in BEGINS,
        is_utc=bool({"utc", "gmt"} & set(plain.split())),
        **more,
    )


def _candidates(names: Mapping[int, str], plain: Mapping[int, str], cells: Callable[[int], Any]) -> list[_Candidate]:
    """Columns that may be the time of a row, in the usual order."""
    paired = _day_and_clock(plain, cells)
    found = []
    for name in TIMES:
        for place in (place for place, known in plain.items() if known == name):
            if place == paired[0]:
                found.append(_candidate(f"{names[place]} {names[paired[1]]}", _joined(cells(place), cells(paired[1]))))
            elif place != paired[1]:
                found.append(_candidate(names[place], cells(place)))
    # A column of row numbers is called so, too.
    found = [item for item in found if item.reads or plain_name(item.name) != _ROW_NUMBERS]
    first = min(plain)
    if not found and plain[first] in UNNAMED:
        unnamed = _candidate(names[first], cells(first))
        found = [unnamed] if unnamed.reads else []
    return found


def _candidate(name: str, cells: Any) -> _Candidate:
    if isinstance(cells, ParsedStamps):
        return _Candidate(name, cells, bool((cells.wall != BAD).any()), bool(cells.is_instant.any()))
    stamps = parse_stamps(_sample(cells))
    reads = bool((stamps.wall != BAD).any()) or bool(stamps.order)
    return _Candidate(name, cells, reads, bool(stamps.is_instant.any()))


def _day_and_clock(plain: Mapping[int, str], cells: Callable[[int], Any]) -> tuple[int, int]:
    """Places of a date and of a clock time, -1 where they aren't in two columns."""
    day = next((place for name in DAYS for place, known in plain.items() if known == name), -1)
    clock = next((place for place, known in plain.items() if known in CLOCKS), -1)
    if day < 0 or clock < 0 or isinstance(cells(day), ParsedStamps) or isinstance(cells(clock), ParsedStamps):
        return -1, -1
    shown = [str(cell) for cell in _sample(cells(clock))]
    return (day, clock) if shown and all(map(_CLOCK.fullmatch, shown)) else (-1, -1)


def _sample(cells: Sequence[Any]) -> list[Any]:
    return list(islice((cell for cell in cells if not is_missing(cell)), _SAMPLE))


def _joined(days: Sequence[Any], clocks: Sequence[Any]) -> list[str]:
    """Date and time of each row as one text; dates alone where every clock stands at midnight."""
    texts = [str(clock).strip() for clock in clocks]
    dates = [(str(day).split() or [""])[0] for day in days]
    if all(text.strip("0:. ") == "" for text in texts):
        return dates
    width = 4 if all(len(text) <= 4 for text in texts) else 6
    return [f"{day} {text.zfill(width) if text.isdigit() else text}" for day, text in zip(dates, texts, strict=True)]
