"""What the stamps of a file say against what was declared of it: a wrong word here would be look-ahead, in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import UsageError
from tradeterm.core.exchanges import city_of, zone_of
from tradeterm.core.market import AssetClass, Timeframe
from tradeterm.core.time import DAY_NS, MINUTE_NS
from tradeterm.data.calendar import local_instants, sessions

if TYPE_CHECKING:
    from pathlib import Path

    from tradeterm.core.market import BarKey
    from tradeterm.core.types import BoolArray, IntArray

__all__ = ["refuse_other_dates", "refuse_other_length", "refuse_other_zone"]

# Fewer bars have no spacing that is the rule.
_FEWEST = 3


def refuse_other_length(path: Path, key: BarKey, ts: IntArray, calendar: str) -> None:
    """Refuse bars whose most frequent spacing isn't their declared length; holes and short last bars are no matter.

    ts : ascending; of intraday bars the stamps inside sessions, of daily ones their sessions

    Raises
    ------
    UsageError
        When another spacing is more frequent: bars said to be shorter than they are would be known too early.
    """
    own = np.unique(ts)
    if len(own) < _FEWEST or key.timeframe is Timeframe.MONTHLY or key.asset_class is AssetClass.MACRO:
        return
    daily = key.timeframe is Timeframe.DAILY
    places = np.searchsorted(sessions(calendar).open_ns, own, side="right") if daily else own
    spacings, counts = np.unique(np.diff(places), return_counts=True)
    step = 1 if daily else key.timeframe.step_ns
    if counts[spacings == step].sum() >= counts.max():
        return
    usual = int(spacings[counts.argmax()])
    apart = f"{usual} sessions" if daily else f"{usual / MINUTE_NS:g} min"
    raise UsageError(f"{path}: bars are {apart} apart, --timeframe says {key.timeframe}; nothing was changed")


def refuse_other_dates(path: Path, key: BarKey, stamps: IntArray, ts: IntArray) -> None:
    """Refuse daily or monthly bars where several different stamps mean one session, or one month, as the rule.

    stamps : what each row's clock shows; ts : the session or month that it means
    """
    different = np.unique(np.stack((ts, stamps)), axis=1)[0]
    periods, counts = np.unique(different, return_counts=True)
    if len(different) < _FEWEST or 2 * np.count_nonzero(counts > 1) <= len(periods):
        return
    period = "month" if key.timeframe is Timeframe.MONTHLY else "date"
    raise UsageError(
        f"{path}: most often there are {int(np.median(counts[counts > 1]))} stamps on one {period}, "
        f"--timeframe says {key.timeframe}; nothing was changed"
    )


def refuse_other_zone(path: Path, ts: IntArray, inside: BoolArray, calendar: str) -> None:
    """Refuse bars of an exchange more than a third of which lie outside its sessions, unless they are extended hours.

    ts : opens; inside : which of them lie in a session
    """
    outside = int(np.count_nonzero(~inside))
    if len(ts) < _FEWEST or 3 * outside <= len(ts) or _extended(ts, calendar):
        return
    clock = (_local(ts, calendar) % DAY_NS) // MINUTE_NS
    hours = " to ".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in (int(clock.min()), int(clock.max())))
    raise UsageError(
        f"{path}: {outside / len(ts):.0%} of {len(ts)} bars lie outside the sessions of {calendar} "
        f"(they open {hours} in {city_of(calendar)}); check --tz and --label; nothing was changed"
    )


def _extended(ts: IntArray, calendar: str) -> bool:
    """Whether most sessions have bars on both sides."""
    days = sessions(calendar)
    date = _local(ts, calendar) // DAY_NS * DAY_NS
    place = np.minimum(np.searchsorted(days.date_ns, date), len(days) - 1)
    trading = days.date_ns[place] == date
    before = np.unique(place[trading & (ts < days.open_ns[place])])
    after = np.unique(place[trading & (ts >= days.close_ns[place])])
    return 2 * len(np.intersect1d(before, after)) > len(np.unique(place[trading]))


def _local(ts: IntArray, calendar: str) -> IntArray:
    """What the exchange's clock shows (at a change of its offset, what it showed at 00:00 UTC)."""
    days = ts // DAY_NS * DAY_NS
    found: IntArray = ts + days - local_instants(days, 0, zone_of(calendar))
    return found
