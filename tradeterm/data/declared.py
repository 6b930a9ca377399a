"""What the stamps of a file say against what was declared of it: a wrong word here would be look-ahead, in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import UsageError
from tradeterm.core.exchanges import city_of, zone_of
from tradeterm.core.market import AssetClass, Timeframe
from tradeterm.core.time import DAY_NS, MINUTE_NS
from tradeterm.data.calendar import sessions
from tradeterm.data.files.numerals import read_numbers
from tradeterm.data.hours import Hypothesis, allowed, shown_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tradeterm.core.market import BarKey
    from tradeterm.core.types import BoolArray, FloatArray, IntArray
    from tradeterm.data.files.table import RawTable
    from tradeterm.data.stamps import ParsedStamps

__all__ = [
    "refuse_adjusted_otherwise",
    "refuse_other_dates",
    "refuse_other_label",
    "refuse_other_length",
    "refuse_other_zone",
]

# Fewer bars have no spacing that is the rule.
_FEWEST = 3
# Smaller splits could be moves of a day.
_CLEAR_RATIO = 1.5
_NO_NOISE = 1e-6


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


def refuse_other_label(path: Path, stamps: ParsedStamps, reading: Hypothesis, calendar: str, step_ns: int) -> None:
    """Refuse bars of an exchange whose hours allow the other label alone.

    Raises
    ------
    UsageError
        When bars lie in its hours only if stamps name the other end of a bar: each would be known at a wrong time.
    """
    both = [Hypothesis(reading.zone, "open"), Hypothesis(reading.zone, "close")]
    left = allowed(stamps, both, calendar, step_ns)
    if len(left.readings) == 1 and left.readings[0] != reading:
        raise UsageError(
            f"{path}: bars of {calendar} lie {left.hours} only where stamps are their {left.readings[0].label}s, here "
            f"they are taken for their {reading.label}s; leave --label out, or check --tz; nothing was changed"
        )


def refuse_other_zone(path: Path, ts: IntArray, inside: BoolArray, calendar: str) -> None:
    """Refuse bars of an exchange more than a third of which lie outside its sessions, unless they are extended hours.

    ts : opens; inside : which of them lie in a session
    """
    outside = int(np.count_nonzero(~inside))
    if len(ts) < _FEWEST or 3 * outside <= len(ts) or _extended(ts, calendar):
        return
    clock = (shown_by(zone_of(calendar), ts) % DAY_NS) // MINUTE_NS
    hours = " to ".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in (int(clock.min()), int(clock.max())))
    raise UsageError(
        f"{path}: {outside / len(ts):.0%} of {len(ts)} bars lie outside the sessions of {calendar} "
        f"(they open {hours} in {city_of(calendar)}); check --tz and --label; nothing was changed"
    )


def _extended(ts: IntArray, calendar: str) -> bool:
    """Whether most sessions have bars on both sides."""
    days = sessions(calendar)
    date = shown_by(zone_of(calendar), ts) // DAY_NS * DAY_NS
    place = np.minimum(np.searchsorted(days.date_ns, date), len(days) - 1)
    trading = days.date_ns[place] == date
    before = np.unique(place[trading & (ts < days.open_ns[place])])
    after = np.unique(place[trading & (ts >= days.close_ns[place])])
    return 2 * len(np.intersect1d(before, after)) > len(np.unique(place[trading]))


def refuse_adjusted_otherwise(path: Path, table: RawTable, stamps: ParsedStamps, adjustment: str) -> None:
    """Refuse prices that the file's own splits and adjusted closes show to be adjusted in another way than was said.

    Raises
    ------
    UsageError
        When a split of the file is in its prices and nobody said so, or the other way round; or they are said to hold
        dividends, and its adjusted closes differ from its closes.
    """
    if table.observations or not table.beside:
        return
    numbers = read_numbers(path, table.columns | table.beside, table.lines)
    adjusted, close = numbers.get("adjusted"), numbers["close"]
    if adjustment == "all" and adjusted is not None:
        apart = int(np.count_nonzero(np.abs(adjusted / close - 1) > _NO_NOISE))
        if apart:
            raise UsageError(
                f"{path}: its adjusted close differs from its close in {apart} rows, so that the latter holds no "
                "dividends; say --adjustment split; nothing was changed"
            )
    for row, ratio, held in _splits(stamps, numbers):
        if held == (adjustment == "none"):
            is_, said = ("is in its prices", "split") if held else ("is not in its prices", "none")
            raise UsageError(
                f"{path}: line {table.lines[row]}: the split of {ratio:g} to 1 {is_}; say --adjustment {said}; nothing "
                "was changed"
            )


def _splits(stamps: ParsedStamps, numbers: Mapping[str, FloatArray]) -> Iterator[tuple[int, float, bool]]:
    """Rows with a split, its ratio, and whether the prices hold it: no jump from the close before to the open."""
    if "splits" not in numbers:
        return
    ratios = numbers["splits"]
    rows = np.argsort(stamps.wall, kind="stable")
    with np.errstate(invalid="ignore", divide="ignore"):
        jumps = np.abs(np.log(numbers["open"][rows][1:] / numbers["close"][rows][:-1]))
        back = np.abs(np.log(numbers["open"][rows][1:] * ratios[rows][1:] / numbers["close"][rows][:-1]))
        plain = (ratios[rows][1:] >= _CLEAR_RATIO) | ((ratios[rows][1:] > 0) & (ratios[rows][1:] <= 1 / _CLEAR_RATIO))
    for place in np.flatnonzero(plain & np.isfinite(jumps) & np.isfinite(back)).tolist():
        row = int(rows[place + 1])
        yield row, float(ratios[row]), bool(jumps[place] < back[place])
