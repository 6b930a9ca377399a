"""A user's own file into the store: read, judged row by row, merged with what is there, H4 and daily bars derived."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from tradeterm.core.errors import DataError, NotBars, UsageError
from tradeterm.core.market import AssetClass, BarKey, Bars, Timeframe, checked_symbol
from tradeterm.data.counting import with_gaps
from tradeterm.data.declared import refuse_adjusted_otherwise
from tradeterm.data.derive import derive, origin
from tradeterm.data.evidence import Declared, read_as
from tradeterm.data.files.table import read_table
from tradeterm.data.files.wanted import Wanted
from tradeterm.data.intake import Intake, take_in
from tradeterm.data.merging import CELLS, Merged, merge_bars, merge_observations, refuse_other_grid, refuse_other_prices
from tradeterm.data.provenance import MADE_UP, drop_made_up, refuse_foreign, refuse_other_calendar
from tradeterm.data.quarantine import QuarantinedRow, quarantine
from tradeterm.data.resample import source_closes
from tradeterm.data.rules import DETAILS
from tradeterm.data.stamps import stamps_of
from tradeterm.store.bar_table import BarMeta, content_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tradeterm.data.hours import Label
    from tradeterm.data.merging import Restatement
    from tradeterm.data.publication import PublicationRule
    from tradeterm.data.recognised import Recognised
    from tradeterm.data.stamps import DateOrder
    from tradeterm.store.bars import BarStore

__all__ = ["ImportReport", "import_file"]

_WITHIN_MACRO = (Timeframe.DAILY, Timeframe.MONTHLY)
_STEPS = 4
# Examples; when a series really comes out, its publisher says.
_SCHEDULES = {
    Timeframe.DAILY: "{kind: next_business_day, at: '16:15', tz: America/New_York}",
    Timeframe.MONTHLY: "{kind: month_end_lag, lag_days: 30, at: '08:30', tz: America/New_York}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did.

    rows_in : rows of the file; each is one of stored, quarantined, left out, unfinished, blank or repeated
    stored : rows of the file that are in the store now; of these, added are new, and restated had other values
    quarantined : lines of the file by rule
    left_out : bars outside the exchange's sessions; unfinished : bars that hadn't closed
    blank : observations without a value; repeated : exact repeats of another row
    sorted_here : whether the file's rows were out of order
    crosses : of those left out, bars that open before a session and close in it: the stored session begins after them
    derived : keys of the H4 and daily bars built from these
    replaced : files of made-up bars that gave way
    first_ns, last_ns : ``ts`` of the first and last row that is stored under ``key``, -1 where there is none
    shown : the first and the last bar of the file as they are stored
    recognised : what nobody said of the file and it says itself, with the reason
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
    crosses: int = 0
    shown: tuple[ShownBar, ...] = ()
    recognised: tuple[Recognised, ...] = ()


class ShownBar(NamedTuple):
    """A bar to look at."""

    ts_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float


def import_file(
    store: BarStore,
    path: Path,
    *,
    symbol: str,
    asset_class: AssetClass,
    calendar: str,
    now_ns: int,
    timeframe: Timeframe | None = None,
    tz: str | None = None,
    label: Label | None = None,
    dates: DateOrder | None = None,
    adjustment: Literal["none", "split", "all"] = "none",
    ticker: str = "",
    columns: Mapping[str, str] | None = None,
    aliases: Sequence[str] = (),
    publication: PublicationRule | None = None,
    restated: Callable[[BarKey, tuple[Restatement, ...]], object] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> ImportReport:
    """Bring the rows of a file into the store.

    timeframe, tz, label, dates : length of a bar; zone of stamps that don't say their own; whether a stamp is the open
        or the close of its bar; what comes first in 01/02/2024. Nothing = as the file proves it
    ticker, columns : the file's names of the instrument, and of columns by ours, where they are not the usual ones
    aliases : other names of the symbol, as services use them
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
        the stamps are not those of bars of that timeframe in that zone, or don't prove what wasn't said.
    DataError
        When the stored bars are adjusted in another way, keep other hours, are another symbol's, or have other prices
        throughout.
    """
    checked_symbol(symbol)
    declared = Declared(timeframe=timeframe, tz=tz, label=label, dates=dates)
    if timeframe is not None:
        _refuse_timeframe(BarKey(asset_class, symbol, timeframe), publication)
    wanted = Wanted(symbol=symbol, aliases=aliases, ticker=ticker, columns=columns or {})
    tell = progress or _silent
    tell("read", 0, _STEPS)
    table = read_table(path, wanted)
    tell("judge rows", 1, _STEPS)
    if table.observations and asset_class is not AssetClass.MACRO:
        raise NotBars(path, "has one value per time, as macro series have", "give bars, or --asset-class macro")
    if not len(table):
        raise NotBars(path, "has a header and no rows", "give a file with rows")
    stamps = stamps_of(table.times.cells, dates)
    reading = read_as(path, table, stamps, declared, asset_class, calendar)
    key = BarKey(asset_class, symbol, reading.timeframe)
    _refuse_timeframe(key, publication)
    refuse_foreign(store, key)
    taken = take_in(
        table,
        stamps,
        reading,
        path=path,
        key=key,
        calendar=calendar,
        now_ns=now_ns,
        publication=publication,
        dates=dates,
    )
    if not len(taken.bars):
        raise NotBars(path, f"none of its {len(table)} rows could be let in ({_summary(taken)})", "look at its rows")
    refuse_adjusted_otherwise(path, table, stamps, adjustment)
    meta = BarMeta(
        symbol=symbol,
        asset_class=asset_class,
        timeframe=key.timeframe,
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
        derived = derive(store, key, merged.bars, meta) if key.timeframe.is_intraday_source else {}
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
        crosses=taken.crosses,
        shown=tuple(_shown(taken.bars, row) for row in dict.fromkeys((0, len(taken.bars) - 1))),
        recognised=(*table.recognised, *reading.recognised),
    )


def _silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""


def _shown(bars: Bars, row: int) -> ShownBar:
    return ShownBar(int(bars.ts[row]), *(float(getattr(bars, name)[row]) for name in CELLS))


def _refuse_timeframe(key: BarKey, publication: PublicationRule | None) -> None:
    macro = key.asset_class is AssetClass.MACRO
    if macro and key.timeframe not in _WITHIN_MACRO:
        raise UsageError(f"{key.symbol}: a macro series is daily or monthly, was {key.timeframe}")
    if macro and publication is None:
        rule = _SCHEDULES[key.timeframe]
        raise UsageError(
            f"{key.symbol}: a macro series needs its release schedule, as no value is known on its own date; add one "
            f'to universe.publication, such as --set "universe.publication.{key.symbol}={rule}"'
        )
    if macro and publication is not None and key.timeframe is Timeframe.MONTHLY and not publication.monthly:
        raise UsageError(
            f"{key.symbol}: its schedule in universe.publication is of kind {publication.kind}, by which monthly "
            "values would be known before their month is over; monthly ones are of kind month_end_lag"
        )
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
    if there is not None and not macro:
        refuse_other_grid(key, store.path(key), there, new)
        refuse_other_prices(key, store.path(key), there, new)
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
