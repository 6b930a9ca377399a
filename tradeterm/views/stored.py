"""What lies in the bar store, a row per file: how far it reaches, how late it is by its calendar, what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tradeterm.core.errors import DataError
from tradeterm.core.market import AssetClass, Timeframe, file_stem
from tradeterm.store.bars import BarStore
from tradeterm.views.base import hours_since

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping
    from pathlib import Path

    from tradeterm.config.schema import Config, InstrumentEntry
    from tradeterm.core.market import BarKey
    from tradeterm.store.bars import BarMeta

__all__ = ["LATE_HOURS", "SeriesRow", "Shelf"]

# Overdue by more than a day: the next daily run should have fetched it.
LATE_HOURS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRow:
    """One stored file, or an instrument without one.

    last_ns : open of the last bar; due_ns : when the next one was or is due by the calendar
    late_hours : whole hours since then, 0 while it isn't due, None when unknown
    gaps : runs of missing bars, None where the file doesn't say; quarantined : None where that can't be read
    state : ok, LATE, missing, unreadable, or unused (stored, but no instrument of the universe)
    problem : why it is missing or unreadable
    source_problem : why a source failed to give this file, or those it is derived from, when last asked
    note : what the source says about its bars; pieces : "source from instant" where several gave them
    """

    symbol: str
    asset_class: str
    timeframe: str | None
    source: str | None
    sample: bool
    rows: int | None
    first_ns: int | None
    last_ns: int | None
    known_ns: int | None
    due_ns: int | None
    late_hours: int | None
    gaps: int | None
    quarantined: int | None
    restated: int
    state: str
    problem: str | None
    source_problem: str | None = None
    note: str | None = None
    pieces: tuple[str, ...] = ()


class Shelf:
    """The bar files of one ``data/`` folder, looked at now.

    config : whose universe is expected; None expects nothing
    restated : changed bars per ``SYMBOL|timeframe``; problems : of sources, per ``SYMBOL timeframe``
    """

    def __init__(
        self, data_dir: Path, now_ns: int, config: Config | None, *, restated: Counter[str], problems: Mapping[str, str]
    ) -> None:
        self.store = BarStore(data_dir)
        self._now_ns = now_ns
        self._config = config
        self._restated = restated
        self._problems = problems
        self._wanted = {entry.symbol: entry for entry in (config.universe.instruments if config else ())}

    def rows(self) -> tuple[SeriesRow, ...]:
        """Every file, and every instrument without one, in the order of the universe."""
        keys = self.store.keys()
        rows = [self.row(key) for key in keys]
        found = {row.symbol for row in rows}
        rows += [_missing(entry) for symbol, entry in self._wanted.items() if symbol not in found]
        order = {symbol: place for place, symbol in enumerate(self._wanted)}
        steps = list(Timeframe)
        return tuple(
            sorted(
                rows,
                key=lambda row: (
                    order.get(row.symbol, len(order)),
                    row.symbol,
                    steps.index(Timeframe(row.timeframe)) if row.timeframe else 0,
                ),
            )
        )

    def row(self, key: BarKey) -> SeriesRow:
        """What a file's footer says; one that can't be read is a row that says so."""
        try:
            meta = self.store.meta(key)
        except DataError as failure:
            # Its name is all there is to go by: BTC-USDT is BTC/USDT where the universe says so.
            symbol = next((name for name in self._wanted if file_stem(name) == key.symbol), key.symbol)
            problem = str(failure)
            return _empty(symbol, key.asset_class.value, key.timeframe.value, state="unreadable", problem=problem)
        due = self._due(meta)
        late = None if due is None else hours_since(due, self._now_ns)
        return SeriesRow(
            symbol=meta.symbol,
            asset_class=meta.asset_class.value,
            timeframe=meta.timeframe.value,
            source=meta.source,
            sample=self._is_sample(key, meta),
            rows=meta.rows,
            first_ns=meta.first_ts,
            last_ns=meta.last_ts,
            known_ns=meta.last_known_at,
            due_ns=due,
            late_hours=late,
            gaps=_gaps(meta),
            quarantined=self._quarantined(key),
            restated=self._restated[f"{meta.symbol}|{meta.timeframe.value}"],
            state=self._state(key, late),
            problem=None,
            source_problem=self._source_problem(key, meta),
            note=str(meta.extra["note"]) if meta.extra.get("note") else None,
            pieces=tuple(f"{name} from {first}" for name, first in meta.extra.get("pieces", ())),
        )

    def _state(self, key: BarKey, late_hours: int | None) -> str:
        if self._wanted and key.symbol not in self._wanted:
            return "unused"
        return "LATE" if late_hours is not None and late_hours >= LATE_HOURS else "ok"

    def _is_sample(self, key: BarKey, meta: BarMeta) -> bool:
        """Whether bars are made up, or derived from made-up ones."""
        from tradeterm.data.derive import built_from, origin
        from tradeterm.data.provenance import MADE_UP

        if origin(meta) == MADE_UP:
            return True
        try:
            bases = [self.store.meta(replace(key, timeframe=timeframe)) for timeframe in built_from(meta)]
        except DataError:
            return False
        return any(base.source == MADE_UP for base in bases)

    def _source_problem(self, key: BarKey, meta: BarMeta) -> str | None:
        from tradeterm.data.derive import built_from

        asked = [key, *(replace(key, timeframe=timeframe) for timeframe in built_from(meta))]
        return next((self._problems[str(each)] for each in asked if str(each) in self._problems), None)

    def _due(self, meta: BarMeta) -> int | None:
        if meta.last_ts is None or meta.last_known_at is None:
            return None
        try:
            return self._due_after(meta, meta.last_ts, meta.last_known_at)
        except DataError:
            # A calendar of another program's file, or past the calendar's end: unknown, not late.
            return None

    def _due_after(self, meta: BarMeta, last_ns: int, known_ns: int) -> int | None:
        import numpy as np

        from tradeterm.data.calendar import next_close_after, next_expected_close
        from tradeterm.data.publication import PublicationRule

        rule = self._config.universe.publication.get(meta.symbol) if self._config is not None else None
        if meta.asset_class is AssetClass.MACRO:
            if rule is None:
                return None
            schedule = PublicationRule(kind=rule.kind, lag_days=rule.lag_days, at=rule.at, tz=rule.tz)
            return int(schedule.due_after(np.array([last_ns], dtype=np.int64))[0])
        if meta.timeframe in (Timeframe.DAILY, Timeframe.MONTHLY):
            return int(next_close_after(meta.calendar, np.array([known_ns], dtype=np.int64))[0])
        return next_expected_close(meta.calendar, known_ns, meta.timeframe.step_ns)

    def _quarantined(self, key: BarKey) -> int | None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from tradeterm.data.quarantine import quarantine_path

        try:
            return int(pq.read_metadata(quarantine_path(self.store.data_dir, key)).num_rows)
        except FileNotFoundError:
            return 0
        except (OSError, pa.ArrowException):
            return None


def _gaps(meta: BarMeta) -> int | None:
    found = meta.extra.get("gaps")
    if isinstance(found, (list, tuple)):
        return len(found)
    return found if isinstance(found, int) else None


def _missing(entry: InstrumentEntry) -> SeriesRow:
    remedy = "tradeterm data import" if entry.source == ("import",) else "tradeterm data update"
    return _empty(entry.symbol, entry.asset_class, None, state="missing", problem=f"no bars stored; run `{remedy}`")


def _empty(symbol: str, asset_class: str, timeframe: str | None, *, state: str, problem: str | None) -> SeriesRow:
    return SeriesRow(
        symbol=symbol,
        asset_class=asset_class,
        timeframe=timeframe,
        source=None,
        sample=False,
        rows=None,
        first_ns=None,
        last_ns=None,
        known_ns=None,
        due_ns=None,
        late_hours=None,
        gaps=None,
        quarantined=0,
        restated=0,
        state=state,
        problem=problem,
    )
