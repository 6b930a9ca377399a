"""Two times of one row against each other: where they disagree, one is wrong, and the row doesn't say which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import UsageError
from tradeterm.core.exchanges import zone_of
from tradeterm.core.time import DAY_NS
from tradeterm.data.hours import shown_by
from tradeterm.data.stamps import BAD, dates_of, instants_of, stamps_of

if TYPE_CHECKING:
    from pathlib import Path

    from tradeterm.core.types import BoolArray
    from tradeterm.data.files.table import RawTable
    from tradeterm.data.stamps import DateOrder, ParsedStamps

__all__ = ["disagreeing"]


def disagreeing(
    path: Path,
    table: RawTable,
    stamps: ParsedStamps,
    zone: str,
    calendar: str,
    dates: DateOrder | None,
    *,
    intraday: bool,
) -> BoolArray:
    """Rows in which another column of the file tells another time.

    A wall clock is read in the zone that fits it best: the declared one, UTC, or the exchange's. What can't be read
    tells nothing.

    Raises
    ------
    UsageError
        When the two columns differ in most rows: they mean different things.
    """
    found = np.zeros(len(table), dtype=np.bool_)
    for name, cells in table.times.others:
        other = stamps_of(cells, dates)
        both = (stamps.wall != BAD) & (other.wall != BAD)
        zones = dict.fromkeys((zone, "UTC", zone_of(calendar)))
        compare = _differ if intraday else _differ_in_days
        differs = min((compare(stamps, other, zone, one) & both for one in zones), key=np.sum)
        apart, rows = int(np.count_nonzero(differs)), int(np.count_nonzero(both))
        if 2 * apart > rows:
            raise UsageError(
                f"{path}: its columns {table.times.name} and {name} tell different times in {apart} of {rows} rows; "
                f"say which is meant with --column, such as ts='{table.times.name}'; nothing was changed"
            )
        found |= differs
    return found


def _differ_in_days(stamps: ParsedStamps, other: ParsedStamps, zone: str, of_other: str) -> BoolArray:
    found: BoolArray = dates_of(stamps, of_other) != dates_of(other, of_other)
    return found


def _differ(stamps: ParsedStamps, other: ParsedStamps, zone: str, of_other: str) -> BoolArray:
    mine, theirs = instants_of(stamps, zone), instants_of(other, of_other)
    if (other.wall[other.wall != BAD] % DAY_NS == 0).all():
        # A date alone: of the day that the other's clock shows.
        mine, theirs = shown_by(of_other, np.where(mine == BAD, 0, mine)) // DAY_NS * DAY_NS, other.wall
    found: BoolArray = mine != theirs
    return found
