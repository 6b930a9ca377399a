"""What a file's own stamps prove of it: how long a bar is, in which zone they are, which end of a bar they name.

What isn't proven is asked for, never guessed: an hour on the wrong side is look-ahead, in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradeterm.core.errors import NotBars, UsageError
from tradeterm.core.exchanges import zone_of
from tradeterm.core.market import AssetClass, Timeframe
from tradeterm.data.files.names import BINANCE, CRYPTO_DATA_DOWNLOAD, KRAKEN, YFINANCE
from tradeterm.data.hours import NONE_ALLOWED, Hypothesis, allowed
from tradeterm.data.length import proven_length
from tradeterm.data.recognised import Recognised
from tradeterm.data.stamps import BAD, known_zone

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tradeterm.data.files.table import RawTable
    from tradeterm.data.hours import Label
    from tradeterm.data.stamps import DateOrder, ParsedStamps

__all__ = ["Declared", "Reading", "read_as"]

# Services that name a bar by its open.
_BY_OPEN = (BINANCE, KRAKEN, CRYPTO_DATA_DOWNLOAD, YFINANCE)
_LABELS: tuple[Label, ...] = ("open", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a person said of a file; nothing where the file is to prove it."""

    timeframe: Timeframe | None = None
    tz: str | None = None
    label: Label | None = None
    dates: DateOrder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a file is read, and what of that was found in it."""

    timeframe: Timeframe
    tz: str
    label: Label
    recognised: tuple[Recognised, ...] = ()


def read_as(
    path: Path, table: RawTable, stamps: ParsedStamps, declared: Declared, asset_class: AssetClass, calendar: str
) -> Reading:
    """Settle what wasn't said of a file by what it proves.

    Raises
    ------
    NotBars
        When none of its stamps can be read, or its dates contradict each other.
    UsageError
        When it doesn't prove what wasn't said, or what it proves can't be imported; or there is no such zone.
    """
    _refuse_doubtful_dates(path, table, stamps)
    if declared.tz is not None:
        known_zone(declared.tz)
    timeframe, said = declared.timeframe, tuple[Recognised, ...]()
    if timeframe is None:
        length = proven_length(path, table, stamps, asset_class)
        timeframe, said = Timeframe(length.value), (length,)
    if not timeframe.is_intraday_source or asset_class is AssetClass.MACRO:
        # A stamp names the day, wherever it stands in it.
        tz, label = declared.tz or "UTC", declared.label or "open"
        return Reading(timeframe=timeframe, tz=tz, label=label, recognised=said)
    # Without an exchange's hours nothing is left that could prove a zone or a label.
    hours = calendar if asset_class is AssetClass.EQUITY else ""
    zones, of_zone = _zones(table, stamps, declared, hours)
    labels, of_label = _labels(table, declared)
    candidates = [Hypothesis(zone, label) for zone in zones for label in labels]
    reading, proof = _by_hours(path, stamps, candidates, labels, hours, timeframe.step_ns)
    found = (*said, *of_zone, *of_label, *proof)
    return Reading(timeframe=timeframe, tz=reading.zone, label=reading.label, recognised=found)


def _refuse_doubtful_dates(path: Path, table: RawTable, stamps: ParsedStamps) -> None:
    if stamps.order not in ("ambiguous", "mixed"):
        return
    where = f"line {table.lines[stamps.doubt]}: '{table.times.cells[stamps.doubt]}'"
    if stamps.order == "mixed":
        found = f"{where} has day and month in another order than other lines"
        raise NotBars(path, found, "write dates as 2024-12-31")
    raise UsageError(
        f"{path}: {where} may name the month or the day first, and no line proves which; say it with --dates "
        "month-first or --dates day-first; nothing was changed"
    )


def _zones(
    table: RawTable, stamps: ParsedStamps, declared: Declared, calendar: str
) -> tuple[tuple[str, ...], tuple[Recognised, ...]]:
    """Zones that the stamps may be in, and what settles it where there is one."""
    if declared.tz is not None:
        return (declared.tz,), ()
    there = stamps.wall != BAD
    if there.any() and stamps.is_instant[there].all():
        return ("UTC",), (Recognised("tz", "UTC", "every stamp says its offset, or counts from 1970"),)
    if table.times.is_utc:
        return ("UTC",), (Recognised("tz", "UTC", f"the column is called {table.times.name}"),)
    return ("UTC", zone_of(calendar)) if calendar else (), ()


def _labels(table: RawTable, declared: Declared) -> tuple[tuple[Label, ...], tuple[Recognised, ...]]:
    """Ends of a bar that the stamps may name, and what settles it where there is one."""
    if declared.label is not None:
        return (declared.label,), ()
    if table.times.is_end:
        return ("close",), (Recognised("label", "close", f"the column is called {table.times.name}"),)
    if table.times.is_open:
        return ("open",), (Recognised("label", "open", f"the column is called {table.times.name}"),)
    if table.times.ends is not None:
        return ("open",), (Recognised("label", "open", "another column tells when a bar closes"),)
    if table.shape in _BY_OPEN:
        return ("open",), (Recognised("label", "open", f"{table.shape} names a bar by its open"),)
    return _LABELS, ()


def _by_hours(
    path: Path,
    stamps: ParsedStamps,
    candidates: Sequence[Hypothesis],
    labels: Sequence[Label],
    calendar: str,
    step_ns: int,
) -> tuple[Hypothesis, tuple[Recognised, ...]]:
    """Return the one way to read the stamps that is left, or that an exchange's hours allow."""
    if len(candidates) == 1:
        return candidates[0], ()
    left = allowed(stamps, candidates, calendar, step_ns) if calendar else NONE_ALLOWED
    if calendar and not left.readings:
        _refuse_contradiction(path, stamps, calendar, step_ns)
    possible = left.readings or candidates
    zones = {item.zone for item in possible}
    if len(possible) == 1:
        reading, why = possible[0], f"read in this way alone its bars lie {left.hours}"
        said = [Recognised("tz", reading.zone, why)] if len({item.zone for item in candidates}) > 1 else []
        return reading, (*said, *([Recognised("label", reading.label, why)] if len(labels) > 1 else []))
    missing = [] if len(zones) == 1 else [("in which time zone they are", "--tz")]
    if len(labels) > 1 and len({item.label for item in possible}) != 1:
        missing.append(("whether they are the opens or the closes of bars", "--label"))
    what, options = (" and ".join(words) for words in zip(*missing, strict=True))
    raise UsageError(f"{path}: its stamps don't prove {what}; say it with {options}; nothing was changed")


def _refuse_contradiction(path: Path, stamps: ParsedStamps, calendar: str, step_ns: int) -> None:
    """Refuse what was said of stamps where an exchange's hours allow something else alone."""
    every = [Hypothesis(zone, label) for zone in ("UTC", zone_of(calendar)) for label in _LABELS]
    left = allowed(stamps, every, calendar, step_ns)
    if len(left.readings) == 1:
        zone, label = left.readings[0]
        raise UsageError(
            f"{path}: its bars lie {left.hours} only where stamps are in {zone} and are their {label}s, and --tz or "
            "--label says otherwise; leave them out; nothing was changed"
        )
