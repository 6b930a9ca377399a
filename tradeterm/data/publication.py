"""When a value of a macro series becomes known, and when the next one is due."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from tradeterm.core.errors import DataError
from tradeterm.core.exchanges import NEW_YORK
from tradeterm.core.time import DAY_NS
from tradeterm.data.calendar import local_instants, sessions

if TYPE_CHECKING:
    from tradeterm.core.types import IntArray

__all__ = ["PublicationRule", "business_days"]

_MONDAY = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationRule:
    """Release schedule of a series.

    kind : ``next_business_day`` after the observation's day; ``month_end_lag``: the first business day at or after
        ``lag_days`` days past the last day of the observation's month; ``session_close``: on its own day
    at : wall-clock time in ``tz``, HH:MM
    """

    kind: Literal["next_business_day", "month_end_lag", "session_close"]
    lag_days: int = 0
    at: str = "08:30"
    tz: str = NEW_YORK

    @property
    def monthly(self) -> bool:
        """Whether the series has one value a month."""
        return self.kind == "month_end_lag"

    def known_at(self, periods: IntArray) -> IntArray:
        """Publication of the values of these reference periods (00:00 UTC of a day, or of a day of a month)."""
        if self.kind == "session_close":
            return self._instants(periods)
        if self.kind == "next_business_day":
            return self._instants(_at_or_after(business_days(), periods + DAY_NS))
        end = _month_start(periods, 1) - DAY_NS
        return self._instants(_at_or_after(business_days(), end + self.lag_days * DAY_NS))

    def due_after(self, periods: IntArray) -> IntArray:
        """Publication of the values that follow those of ``periods``."""
        return self.known_at(self.next_period(periods))

    def next_period(self, periods: IntArray) -> IntArray:
        """Return the reference periods that follow."""
        if self.monthly:
            return _month_start(periods, 1)
        days = sessions("XNYS").date_ns if self.kind == "session_close" else business_days()
        return _at_or_after(days, periods + DAY_NS)

    def _instants(self, days: IntArray) -> IntArray:
        hours, _, minutes = self.at.partition(":")
        return local_instants(days, 60 * int(hours) + int(minutes), self.tz)


@lru_cache(maxsize=1)
def business_days() -> IntArray:
    """Days on which US statistics are released: exchange sessions without the federal holidays that exchanges trade on.

    Where the exchange is closed and offices are open (Good Friday), a value counts as known one day late, never early.
    """
    days = sessions("XNYS").date_ns
    dates = days.astype("datetime64[ns]").astype("datetime64[D]")
    month = dates.astype("datetime64[M]").astype(np.int64) % 12 + 1
    day = (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1
    weekday = (dates.astype(np.int64) + 3) % 7
    columbus = (month == 10) & (weekday == _MONDAY) & (day >= 8) & (day <= 14)
    veterans = (month == 11) & (
        (day == 11) | ((day == 12) & (weekday == _MONDAY)) | ((day == 10) & (weekday == _MONDAY + 4))
    )
    new_year = (month == 12) & (day == 31) & (weekday == _MONDAY + 4)
    kept: IntArray = days[~(columbus | veterans | new_year)]
    kept.setflags(write=False)
    return kept


def _at_or_after(days: IntArray, instants: IntArray) -> IntArray:
    index = np.searchsorted(days, instants, side="left")
    if len(index) and int(index.max()) >= len(days):
        raise DataError("publication: the calendar ends in 2035; give an earlier date")
    found: IntArray = days[index]
    return found


def _month_start(periods: IntArray, months: int) -> IntArray:
    start = periods.astype("datetime64[ns]").astype("datetime64[M]") + months
    found: IntArray = start.astype("datetime64[ns]").astype(np.int64)
    return found
