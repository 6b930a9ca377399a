"""Data status: what is stored per symbol and timeframe, how late it is by its calendar, what the sources said last."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tradeterm.core.errors import DataError
from tradeterm.core.market import AssetClass, BarKey, Timeframe
from tradeterm.core.time import from_iso
from tradeterm.store.bars import BarStore
from tradeterm.store.ledger import Ledger
from tradeterm.views.base import View, hours_since
from tradeterm.views.newest import newest_step

if TYPE_CHECKING:
    from pathlib import Path

    from tradeterm.config.schema import Config, InstrumentEntry
    from tradeterm.config.workspace import Workspace
    from tradeterm.store.bars import BarMeta
    from tradeterm.views.newest import Step

__all__ = ["LATE_HOURS", "DataView", "RestatementRow", "SeriesRow", "SourceRow", "build"]

# Overdue by more than a day: the next daily run should have fetched it.
LATE_HOURS = 24
_LISTED_RESTATEMENTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRow:
    """One stored file, or an instrument without one.

    last_ns : open of the last bar; due_ns : when the next one was or is due by the calendar
    late_hours : whole hours since then, 0 while it isn't due, None when unknown
    state : ok, LATE, missing, unreadable, or unused (stored, but no instrument of the universe)
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
    quarantined: int
    restated: int
    state: str
    problem: str | None
    note: str | None = None
    pieces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RestatementRow:
    """A bar that a source told differently later: open, high, low, close, volume (of an action its one value).

    timeframe : of the bar; of corporate actions split or dividend
    runs : those that had read the bar before
    """

    symbol: str
    timeframe: str
    ts_ns: int
    found_ns: int
    source: str
    before: tuple[float | None, ...]
    after: tuple[float | None, ...]
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """What a source gave at the newest refresh, and how often another one had to step in, or none could."""

    source: str
    tried_ns: int
    files: int
    failed: int
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataView(View):
    """All series, and the counts that matter; sources are empty while no daily run has refreshed.

    gaps : None where a stored file has no count of its own
    restatements : the newest of them, newest first
    """

    SCHEMA: ClassVar[str] = "tradeterm.data.v1"

    series: tuple[SeriesRow, ...]
    sources: tuple[SourceRow, ...]
    ok: int
    late: int
    bad: int
    gaps: int | None
    quarantined: int
    restated: int
    restatements: tuple[RestatementRow, ...] = ()


def build(workspace: Workspace, now_ns: int, *, config: Config | None, profile: str | None = None) -> DataView:
    """Read what is stored; a file that can't be read is a row that says so.

    config : whose universe is expected; None lists only what is there
    """
    with Ledger.reader(workspace.results) as ledger:
        refreshed = newest_step(ledger, "refresh", profile=profile)
        changes = ledger.facts("restatement")
    restated = Counter("|".join(fact.key.split("|")[:2]) for fact in changes)
    stored = _Stored(workspace.data, now_ns, config, restated)
    rows = stored.rows()
    return DataView(
        series=rows,
        sources=_sources(refreshed) if refreshed is not None else (),
        ok=sum(row.state == "ok" for row in rows),
        late=sum(row.state == "LATE" for row in rows),
        bad=sum(row.state in ("missing", "unreadable") for row in rows),
        gaps=_total([row.gaps for row in rows if row.rows is not None]),
        quarantined=sum(row.quarantined for row in rows),
        restated=sum(row.restated for row in rows),
        restatements=tuple(_restatement(fact.payload) for fact in changes[: -_LISTED_RESTATEMENTS - 1 : -1]),
    )


class _Stored:
    def __init__(self, data: Path, now_ns: int, config: Config | None, restated: Counter[str]) -> None:
        self._store = BarStore(data)
        self._now_ns = now_ns
        self._config = config
        self._restated = restated
        self._quarantine = data / "quarantine"
        self._wanted = {entry.symbol: entry for entry in (config.universe.instruments if config else ())}

    def rows(self) -> tuple[SeriesRow, ...]:
        keys = self._store.keys()
        found = {key.symbol for key in keys}
        rows = [self._row(key) for key in keys]
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

    def _row(self, key: BarKey) -> SeriesRow:
        try:
            meta = self._store.meta(key)
        except DataError as failure:
            return _plain(key, state="unreadable", problem=str(failure))
        due = self._due(meta)
        late = None if due is None else hours_since(due, self._now_ns)
        state = "LATE" if late is not None and late >= LATE_HOURS else "ok"
        if self._wanted and key.symbol not in self._wanted:
            state = "unused"
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
            state=state,
            problem=None,
            note=str(meta.extra["note"]) if meta.extra.get("note") else None,
            pieces=tuple(f"{name} from {first}" for name, first in meta.extra.get("pieces", ())),
        )

    def _is_sample(self, key: BarKey, meta: BarMeta) -> bool:
        """Whether bars are made up, or derived from made-up ones."""
        base, _, timeframe = meta.source.partition(":")
        if base != "derived" or timeframe not in list(Timeframe):
            return meta.source == "sample"
        try:
            return self._store.meta(BarKey(key.asset_class, key.symbol, Timeframe(timeframe))).source == "sample"
        except DataError:
            return False

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

    def _quarantined(self, key: BarKey) -> int:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._quarantine / key.relative_path.partition("/")[2]
        try:
            return int(pq.read_metadata(path).num_rows)
        except (OSError, pa.ArrowException):
            return 0


def _total(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None


def _gaps(meta: BarMeta) -> int | None:
    found = meta.extra.get("gaps")
    if isinstance(found, (list, tuple)):
        return len(found)
    return found if isinstance(found, int) else None


def _plain(key: BarKey, *, state: str, problem: str | None) -> SeriesRow:
    return _empty(key.symbol, key.asset_class.value, key.timeframe.value, state=state, problem=problem)


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


def _restatement(payload: dict[str, Any]) -> RestatementRow:
    return RestatementRow(
        symbol=str(payload["symbol"]),
        timeframe=str(payload["timeframe"]),
        ts_ns=from_iso(str(payload["ts"])),
        found_ns=from_iso(str(payload["found_at"])),
        # Of imports before sources were recorded: the file.
        source=str(payload.get("source") or f"import:{payload.get('file', '')}"),
        before=tuple(payload["before"]),
        after=tuple(payload["after"]),
        runs=tuple(str(run) for run in payload.get("runs", ())),
    )


def _sources(step: Step) -> tuple[SourceRow, ...]:
    files: Counter[str] = Counter(str(item["source"]) for item in step.outputs.get("bars", ()))
    source_of = {str(item["bars"]): str(item["source"]) for item in step.outputs.get("bars", ())}
    failed: dict[str, list[str]] = {}
    for item in step.outputs.get("tries", ()):
        failed.setdefault(str(item["source"]), []).append(str(item["error"]))
    tried = {str(item["bars"]) for item in step.outputs.get("tries", ())}
    for item in step.outputs.get("failed", ()):
        if str(item["bars"]) not in tried:
            failed.setdefault(source_of.get(str(item["bars"]), "unknown"), []).append(str(item["error"]))
    return tuple(
        SourceRow(
            source=name,
            tried_ns=step.recorded_ns,
            files=files[name],
            failed=len(failed.get(name, ())),
            problem=failed[name][0] if name in failed else None,
        )
        for name in sorted(files.keys() | failed.keys())
    )
