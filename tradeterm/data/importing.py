"""A user's own file into the store: read, judged row by row, merged with what is there, H4 and daily bars derived."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from tradeterm.core.errors import DataError, NotBars, UsageError
from tradeterm.core.market import AssetClass, BarKey, Bars, Timeframe, checked_symbol
from tradeterm.data.counting import with_gaps
from tradeterm.data.derive import derive, origin
from tradeterm.data.intake import Intake, take_in
from tradeterm.data.merging import Merged, merge_bars, merge_observations
from tradeterm.data.provenance import MADE_UP, drop_made_up, refuse_foreign, refuse_other_calendar
from tradeterm.data.quarantine import QuarantinedRow, quarantine
from tradeterm.data.resample import source_closes
from tradeterm.data.rules import DETAILS
from tradeterm.data.sources.csv import read_table
from tradeterm.store.bar_table import BarMeta, content_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tradeterm.data.merging import Restatement
    from tradeterm.data.publication import PublicationRule
    from tradeterm.store.bars import BarStore

__all__ = ["ImportReport", "import_file"]

_WITHIN_MACRO = (Timeframe.DAILY, Timeframe.MONTHLY)
_STEPS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did.

    rows_in : rows of the file; each is one of stored, quarantined, left out, unfinished, blank or repeated
    stored : rows of the file that are in the store now; of these, added are new, and restated had other values
    quarantined : lines of the file by rule
    left_out : bars outside the exchange's sessions; unfinished : bars that hadn't closed
    blank : observations without a value; repeated : exact repeats of another row
    sorted_here : whether the file's rows were out of order
    derived : keys of the H4 and daily bars built from these
    replaced : files of made-up bars that gave way
    first_ns, last_ns : ``ts`` of the first and last row that is stored under ``key``, -1 where there is none
    """

    key: BarKey
    rows_in: int
    stored: int
    added: int
    restated: tuple[Restatement, ...]
    quarantined: Mapping[str, tuple[int, ...]]
    left_out: int
    unfinished: int
    blank: int
    repeated: int
    sorted_here: bool
    derived: tuple[BarKey, ...] = ()
    replaced: tuple[str, ...] = field(default=())
    first_ns: int = -1
    last_ns: int = -1


def import_file(
    store: BarStore,
    path: Path,
    *,
    symbol: str,
    asset_class: AssetClass,
    timeframe: Timeframe,
    tz: str,
    label: Literal["open", "close"],
    calendar: str,
    now_ns: int,
    adjustment: Literal["none", "split", "all"] = "none",
    publication: PublicationRule | None = None,
    restated: Callable[[BarKey, tuple[Restatement, ...]], object] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> ImportReport:
    """Bring the rows of a CSV, CSV.gz or Parquet file into the store.

    tz : zone of stamps that don't say their own
    label : whether a stamp is the open or the close of its bar
    publication : release schedule, for macro series
    restated : told of changed bars before they are stored, so that none goes unrecorded
    progress : told which of the steps has begun

    Importing a file again changes nothing.

    Raises
    ------
    NotBars
        When the file holds no bars, or none that could be let in; nothing was changed.
    UsageError
        When the timeframe can't be imported, a macro series comes without its release schedule, the symbol is none,
        or the stamps are not those of bars of that timeframe in that zone.
    DataError
        When the stored bars are adjusted in another way, keep other hours, or are another symbol's.
    """
    key = BarKey(asset_class, checked_symbol(symbol), timeframe)
    _refuse_timeframe(key, publication)
    refuse_foreign(store, key)
    tell = progress or _silent
    tell("read", 0, _STEPS)
    table = read_table(path)
    tell("judge rows", 1, _STEPS)
    if table.observations and asset_class is not AssetClass.MACRO:
        raise NotBars(path, "has one value per time, as macro series have")
    taken = take_in(
        table, path=path, key=key, zone=tz, label=label, calendar=calendar, now_ns=now_ns, publication=publication
    )
    if not len(taken.bars):
        raise NotBars(path, f"none of its {len(table)} rows could be let in ({_summary(taken)})")
    meta = BarMeta(
        symbol=symbol,
        asset_class=asset_class,
        timeframe=timeframe,
        calendar=calendar,
        source=f"import:{path.name}",
        adjustment=adjustment,
    )
    tell("store", 2, _STEPS)
    with store.locked(key):
        _refuse_other_adjustment(store, key, adjustment)
        refuse_other_calendar(store, key, calendar)
        replaced = drop_made_up(store, key)
        merged = _stored(store, key, taken.bars, meta, now_ns, restated)
        tell("derive", 3, _STEPS)
        derived = derive(store, key, merged.bars, meta) if timeframe.is_intraday_source else {}
    quarantine(store.data_dir, key, _quarantined(path, taken, now_ns))
    return ImportReport(
        key=key,
        rows_in=len(table),
        stored=len(taken.bars),
        added=merged.added,
        restated=merged.restated,
        quarantined={rule: tuple(line for line, _ in rows) for rule, rows in taken.rejected.items()},
        left_out=taken.left_out,
        unfinished=taken.unfinished,
        blank=taken.blank,
        repeated=taken.repeated,
        sorted_here=taken.sorted_here,
        derived=tuple(derived),
        replaced=replaced,
        first_ns=int(merged.bars.ts[0]),
        last_ns=int(merged.bars.ts[-1]),
    )


def _silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""


def _refuse_timeframe(key: BarKey, publication: PublicationRule | None) -> None:
    macro = key.asset_class is AssetClass.MACRO
    if macro and publication is None:
        raise UsageError(f"{key.symbol}: a macro series needs its release schedule; add one to universe.publication")
    if macro and key.timeframe not in _WITHIN_MACRO:
        raise UsageError(f"{key.symbol}: a macro series is daily or monthly, was {key.timeframe}")
    if not macro and not (key.timeframe.is_intraday_source or key.timeframe is Timeframe.DAILY):
        raise UsageError(f"{key.symbol}: {key.timeframe} bars can't be imported; give 1h or finer ones, or daily ones")


def _refuse_other_adjustment(store: BarStore, key: BarKey, adjustment: str) -> None:
    # Source bars of any length are derived from together.
    together = [timeframe for timeframe in Timeframe if timeframe.is_intraday_source]
    for timeframe in together if key.timeframe in together else [key.timeframe]:
        other = replace(key, timeframe=timeframe)
        if not store.exists(other):
            continue
        stored = store.meta(other)
        if origin(stored) != MADE_UP and not stored.derived and stored.adjustment != adjustment:
            raise DataError(
                f"{other}: stored bars have adjustment {stored.adjustment}, the file has {adjustment}; "
                f"move {store.path(other)} away first, or give --adjustment {stored.adjustment}"
            )


def _stored(
    store: BarStore,
    key: BarKey,
    new: Bars,
    meta: BarMeta,
    now_ns: int,
    restated: Callable[[BarKey, tuple[Restatement, ...]], object] | None,
) -> Merged:
    there = store.read(key) if store.exists(key) and not store.meta(key).derived else None
    macro = key.asset_class is AssetClass.MACRO
    merged = merge_observations(there, new, now_ns) if macro else merge_bars(there, new)
    if key.timeframe.is_intraday_source:
        # A bar of the other file may open before this one's would close.
        bars = merged.bars
        merged = merged._replace(
            bars=replace(bars, known_at=source_closes(meta.calendar, bars.ts, key.timeframe.step_ns))
        )
    if merged.restated and restated is not None:
        restated(key, merged.restated)
    if there is None or content_hash(merged.bars) != content_hash(there):
        store.write(key, merged.bars, with_gaps(key, merged.bars, meta))
    return merged


def _quarantined(path: Path, taken: Intake, now_ns: int) -> list[QuarantinedRow]:
    return [
        QuarantinedRow(file=path.name, line=line, rule=rule, detail=DETAILS[rule], raw=text, found_at_ns=now_ns)
        for rule, rows in taken.rejected.items()
        for line, text in rows
    ]


def _summary(taken: Intake) -> str:
    parts = [f"{len(rows)} {rule}" for rule, rows in taken.rejected.items()]
    parts += [f"{taken.left_out} outside sessions"] if taken.left_out else []
    parts += [f"{taken.unfinished} unfinished"] if taken.unfinished else []
    parts += [f"{taken.blank} blank"] if taken.blank else []
    return ", ".join(parts) or "it has none"
