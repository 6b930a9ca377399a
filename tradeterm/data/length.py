"""How long a bar of a file is, as far as the file proves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import NotBars, UsageError
from tradeterm.core.market import AssetClass, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from tradeterm.data.recognised import Recognised
from tradeterm.data.stamps import BAD, ParsedStamps, stamps_of

if TYPE_CHECKING:
    from pathlib import Path

    from tradeterm.core.types import IntArray
    from tradeterm.data.files.table import RawTable

__all__ = ["proven_length"]

_STEPS = {timeframe.step_ns: timeframe for timeframe in Timeframe if timeframe.is_intraday_source}
_PERIODS = {"1": "1m", "5": "5m", "15": "15m", "30": "30m", "60": "1h", "D": "daily"}
_FEWEST = 3
# Most spacings are a bar's length; shorter ones stand at the edges of sessions alone.
_MOST, _FEW = 0.5, 0.25
# From here on stamps are days apart, also where a clock changes.
_DAYS_APART_NS = 20 * HOUR_NS
_MONTH_DAYS = (28, 31)


def proven_length(path: Path, table: RawTable, stamps: ParsedStamps, asset_class: AssetClass) -> Recognised:
    """Length of a bar: what a column of the file says, else what most of its stamps lie apart.

    Raises
    ------
    NotBars
        When none of its stamps can be read.
    UsageError
        When neither proves it, or it can't be imported.
    """
    told = _by_periods(table) or _by_ends(table, stamps)
    if told is not None:
        return told
    wall = np.unique(stamps.wall[stamps.wall != BAD])
    if not len(wall):
        cells = table.times.cells
        first = "nothing" if isinstance(cells, ParsedStamps) else f"'{cells[0]}'"
        found = f"line {table.lines[0]}: {first} in {table.times.name} is no time"
        raise NotBars(path, found, "write times as 2024-12-31 or 2024-12-31T09:30:00-05:00")
    if len(wall) < _FEWEST and not _next_days(wall):
        raise _unproven(path, f"there are {len(wall)} of them")
    spacings, counts = np.unique(np.diff(wall), return_counts=True)
    usual = int(spacings[counts.argmax()])
    if usual >= _DAYS_APART_NS:
        return _by_days(path, wall, asset_class)
    text = f"{usual / MINUTE_NS:g} min apart at {counts.max()} of {counts.sum()} places"
    if counts.max() < _MOST * counts.sum() or counts[spacings < usual].sum() > _FEW * counts.sum():
        raise _unproven(path, f"most often they are {text}")
    if usual not in _STEPS:
        raise UsageError(
            f"{path}: its stamps are {text}; bars of 1m, 5m, 15m, 30m and 1h can be imported, and daily ones; nothing "
            "was changed"
        )
    return Recognised("timeframe", _STEPS[usual].value, f"stamps are {text}")


def _next_days(wall: IntArray) -> bool:
    """Whether these are a date and the next: no longer bar fits between them, and no shorter one is a date."""
    return len(wall) == 2 and wall[1] - wall[0] == DAY_NS and wall[0] % DAY_NS == 0


def _unproven(path: Path, found: str) -> UsageError:
    return UsageError(
        f"{path}: its stamps don't prove how long a bar is ({found}); say it with --timeframe; nothing was changed"
    )


def _by_periods(table: RawTable) -> Recognised | None:
    if table.times.periods is None or isinstance(table.times.periods, ParsedStamps):
        return None
    said = {str(cell) for cell in table.times.periods}
    known = _PERIODS.get(next(iter(said))) if len(said) == 1 else None
    return None if known is None else Recognised("timeframe", known, f"its periods are {said.pop()}")


def _by_ends(table: RawTable, stamps: ParsedStamps) -> Recognised | None:
    """By the times at which bars end: some write the last instant of a bar, some the first one after it."""
    if table.times.ends is None:
        return None
    ends = stamps_of(table.times.ends)
    both = (stamps.wall != BAD) & (ends.wall != BAD)
    lengths = (ends.wall[both] - stamps.wall[both] + SECOND_NS - 1) // SECOND_NS * SECOND_NS
    values, counts = np.unique(lengths, return_counts=True)
    if not len(values) or counts.max() <= _MOST * counts.sum():
        return None
    length = int(values[counts.argmax()])
    timeframe = Timeframe.DAILY if length == DAY_NS else _STEPS.get(length)
    if timeframe is None:
        return None
    return Recognised("timeframe", timeframe.value, "by the times at which bars open and close")


def _by_days(path: Path, wall: IntArray, asset_class: AssetClass) -> Recognised:
    apart = np.diff(np.unique(wall // DAY_NS))
    days, counts = np.unique(apart, return_counts=True)
    usual = int(days[counts.argmax()])
    if usual == 1:
        return Recognised("timeframe", "daily", f"stamps are one day apart at {counts.max()} of {counts.sum()} places")
    monthly = int(((apart >= _MONTH_DAYS[0]) & (apart <= _MONTH_DAYS[1])).sum())
    if asset_class is AssetClass.MACRO and monthly > _MOST * len(apart):
        return Recognised("timeframe", "monthly", f"stamps are one month apart at {monthly} of {len(apart)} places")
    raise UsageError(
        f"{path}: its stamps are most often {usual} days apart; daily bars can be imported, and monthly values of a "
        "macro series; nothing was changed"
    )
