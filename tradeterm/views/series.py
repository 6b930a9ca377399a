"""One symbol in full: each of its files with gaps, restatements, quarantined rows and provenance, and its actions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from tradeterm.core.errors import DataError, UsageError, nearest
from tradeterm.core.market import file_stem
from tradeterm.core.time import from_iso
from tradeterm.store.ledger import Ledger
from tradeterm.views.base import View, number
from tradeterm.views.refreshes import file_problems, refreshes
from tradeterm.views.stored import Shelf

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable, Iterator

    from tradeterm.config.schema import Config
    from tradeterm.config.workspace import Workspace
    from tradeterm.core.market import Actions, BarKey, Bars
    from tradeterm.data.quarantine import QuarantinedRow
    from tradeterm.store.bars import BarMeta
    from tradeterm.store.ledger import Fact
    from tradeterm.views.stored import SeriesRow

__all__ = [
    "Action",
    "ActionsDetail",
    "Change",
    "FileDetail",
    "Gap",
    "Piece",
    "Provenance",
    "SeriesView",
    "build",
    "read",
]

_FIELDS = ("open", "high", "low", "close", "volume")
_ACTIONS = ("split", "dividend")
# A file may be replaced between its footer and its bars; three times in a row it isn't.
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Expected bars in a row that are missing: the opens of the first and of the last, and how many."""

    from_ns: int
    to_ns: int
    bars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One value of one bar that a source told differently later (of an action: its value).

    timeframe : of the bar, for derived files that of the bars they are built from; of actions split or dividend
    before, after : None where there is none; found_ns : when it was found
    runs : those that had read the bar before
    """

    timeframe: str
    ts_ns: int
    field: str
    before: float | None
    after: float | None
    found_ns: int
    source: str
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A source, and the open of the first bar that it gave."""

    source: str
    from_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the bars of a file come from.

    path : below the workspace; size_bytes, written_ns : of the file
    origin : of derived bars the source of what they were built from, else the source
    derived_from : timeframes of the files that they were built from
    pieces : where several sources gave them
    adjustment : what prices are adjusted for: none, split or all
    fingerprint : hash of the bars; runs keep it to say what they read
    """

    path: str
    size_bytes: int
    written_ns: int
    source: str
    origin: str
    derived_from: tuple[str, ...]
    pieces: tuple[Piece, ...]
    note: str | None
    adjustment: str
    calendar: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDetail:
    """One file; what can't be read is None, and ``problems`` says why.

    gap_bars : so many missing bars in a row are a gap; scattered : bars that are missing in shorter runs
    gaps, restatements, quarantined : newest first
    """

    row: SeriesRow
    gap_bars: int
    gaps: tuple[Gap, ...] | None = None
    scattered: int | None = None
    restatements: tuple[Change, ...] = ()
    quarantined: tuple[QuarantinedRow, ...] | None = None
    provenance: Provenance | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A split (new units per old one) or a dividend (cash per unit) from the session that opens at ``ex_ns`` on."""

    ex_ns: int
    kind: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionsDetail:
    """Corporate actions of the symbol, newest first, and for which time the source was asked for them."""

    source: str | None
    asked_from_ns: int | None
    asked_until_ns: int | None
    events: tuple[Action, ...]
    restatements: tuple[Change, ...]
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesView(View):
    """The files of one symbol, the finest first; actions are None where no source was ever asked for them."""

    SCHEMA: ClassVar[str] = "tradeterm.series.v1"

    symbol: str
    files: tuple[FileDetail, ...]
    actions: ActionsDetail | None


def build(
    workspace: Workspace, now_ns: int, symbol: str, *, config: Config | None, profile: str | None = None
) -> SeriesView:
    """Read all files of a symbol; a damaged one is told, and doesn't hide the others.

    Raises
    ------
    UsageError
        When nothing of that name is stored or configured.
    """
    reader = _Reader(workspace, now_ns, symbol, config, profile)
    keys = reader.keys()
    rows = [row for row in reader.shelf.rows() if row.symbol == symbol and row.timeframe is None]
    if not keys and not rows:
        known = {row.symbol for row in reader.shelf.rows()}
        near = nearest(symbol.upper(), known)
        hint = f"did you mean '{near}'?" if near else f"there are {', '.join(sorted(known)) or 'none'}"
        raise UsageError(f"{symbol}: nothing is stored or configured under that name; {hint}")
    return SeriesView(
        symbol=symbol,
        files=(*(reader.file(key)[0] for key in keys), *map(_unstored, rows)),
        actions=reader.actions(),
    )


def read(
    workspace: Workspace, now_ns: int, key: BarKey, *, config: Config | None, profile: str | None = None
) -> tuple[SeriesView, Bars | None]:
    """Read one file of a symbol, and its bars; None where they can't be read."""
    reader = _Reader(workspace, now_ns, key.symbol, config, profile)
    found, bars = reader.file(key)
    return SeriesView(symbol=key.symbol, files=(found,), actions=reader.actions()), bars


class _Reader:
    def __init__(
        self, workspace: Workspace, now_ns: int, symbol: str, config: Config | None, profile: str | None
    ) -> None:
        self._root = workspace.root
        self._symbol = symbol
        with Ledger.reader(workspace.results) as ledger:
            self._changes = ledger.facts("restatement", prefix=f"{symbol}|")
            problems = file_problems(refreshes(ledger, profile=profile))
        restated = Counter("|".join(fact.key.split("|")[:2]) for fact in self._changes)
        self.shelf = Shelf(workspace.data, now_ns, config, restated=restated, problems=problems)

    def keys(self) -> list[BarKey]:
        """Files of the symbol; a damaged one is known by its name alone."""
        names = (self._symbol, file_stem(self._symbol))
        stored = self.shelf.store.keys()
        return sorted(
            (key for key in stored if key.symbol in names), key=lambda key: (key.asset_class, key.timeframe.step_ns)
        )

    def file(self, key: BarKey) -> tuple[FileDetail, Bars | None]:
        """One file in full, and its bars."""
        for _ in range(_ATTEMPTS):
            stamp = self.shelf.store.stamp(key)
            found = self._file(key)
            if self.shelf.store.stamp(key) == stamp:
                break
        return found

    def _file(self, key: BarKey) -> tuple[FileDetail, Bars | None]:
        from tradeterm.data.counting import GAP_BARS
        from tradeterm.data.derive import built_from

        row = self.shelf.row(key)
        quarantined, problem = self._quarantined(key)
        problems = [each for each in (row.problem, problem) if each is not None]
        detail = FileDetail(row=row, gap_bars=GAP_BARS, quarantined=quarantined, problems=tuple(problems))
        if row.problem is not None:
            return detail, None
        store = self.shelf.store
        try:
            (bars, meta), stat = store.read_whole(key), store.path(key).stat()
        except (DataError, OSError) as failure:
            return replace(detail, problems=(*problems, str(failure))), None
        gaps, scattered = _missing(key, bars, meta)
        detail = replace(
            detail,
            gaps=gaps,
            scattered=scattered,
            restatements=_newest_first(self._changes, (meta.timeframe.value, *built_from(meta))),
            provenance=self._provenance(key, meta, bars, stat),
        )
        return detail, bars

    def actions(self) -> ActionsDetail | None:
        """Corporate actions of the symbol."""
        from tradeterm.store.actions import ActionStore

        store = ActionStore(self.shelf.store.data_dir)
        changes = _newest_first(self._changes, _ACTIONS)
        try:
            meta, actions = store.meta(self._symbol), store.read(self._symbol)
        except DataError as failure:
            return ActionsDetail(
                source=None,
                asked_from_ns=None,
                asked_until_ns=None,
                events=(),
                restatements=changes,
                problem=str(failure),
            )
        if meta is None:
            return None
        return ActionsDetail(
            source=meta.source,
            asked_from_ns=meta.asked_from_ns,
            asked_until_ns=meta.asked_until_ns,
            events=_events(actions),
            restatements=changes,
            problem=None,
        )

    def _quarantined(self, key: BarKey) -> tuple[tuple[QuarantinedRow, ...] | None, str | None]:
        from tradeterm.data.quarantine import quarantined

        try:
            found = quarantined(self.shelf.store.data_dir, key)
        except DataError as failure:
            return None, str(failure)
        return tuple(sorted(found, key=lambda row: (-row.found_at_ns, row.file, row.rule, row.line))), None

    def _provenance(self, key: BarKey, meta: BarMeta, bars: Bars, stat: os.stat_result) -> Provenance:
        from tradeterm.data.derive import built_from, origin
        from tradeterm.store.bar_table import content_hash

        pieces = meta.extra.get("pieces", ())
        return Provenance(
            path=self.shelf.store.path(key).relative_to(self._root).as_posix(),
            size_bytes=stat.st_size,
            written_ns=stat.st_mtime_ns,
            source=meta.source,
            origin=origin(meta),
            derived_from=tuple(timeframe.value for timeframe in built_from(meta)),
            pieces=tuple(Piece(source=str(name), from_ns=from_iso(first)) for name, first in pieces),
            note=str(meta.extra["note"]) if meta.extra.get("note") else None,
            adjustment=meta.adjustment,
            calendar=meta.calendar,
            fingerprint=content_hash(bars),
        )


def _unstored(row: SeriesRow) -> FileDetail:
    from tradeterm.data.counting import GAP_BARS

    problems = () if row.problem is None else (row.problem,)
    return FileDetail(row=row, gap_bars=GAP_BARS, quarantined=(), problems=problems)


def _missing(key: BarKey, bars: Bars, meta: BarMeta) -> tuple[tuple[Gap, ...] | None, int | None]:
    """Gaps, and how many bars are missing beside them; None where the calendar can't say."""
    from tradeterm.data.counting import GAP_BARS
    from tradeterm.data.findings_grid import holes

    try:
        found = list(holes(key, bars, meta))
    except DataError:
        # A calendar of another program's file.
        return None, None
    gaps = [Gap(from_ns=hole.first_ns, to_ns=hole.last_ns, bars=hole.bars) for hole in found if hole.bars >= GAP_BARS]
    return tuple(reversed(gaps)), sum(hole.bars for hole in found if hole.bars < GAP_BARS)


def _newest_first(facts: Iterable[Fact], timeframes: Collection[str]) -> tuple[Change, ...]:
    """Changed values of these timeframes, those that were found last first."""
    chosen = [fact.payload for fact in facts if str(fact.payload["timeframe"]) in timeframes]
    return tuple(change for payload in reversed(chosen) for change in _changes(payload))


def _changes(payload: dict[str, Any]) -> Iterator[Change]:
    before, after = payload["before"], payload["after"]
    fields = _FIELDS if len(before) == len(_FIELDS) else (str(payload["timeframe"]),)
    for field, old, new in zip(fields, before, after, strict=True):
        if old != new:
            yield Change(
                timeframe=str(payload["timeframe"]),
                ts_ns=from_iso(str(payload["ts"])),
                field=field,
                before=number(old),
                after=number(new),
                found_ns=from_iso(str(payload["found_at"])),
                # Of imports before sources were recorded: the file.
                source=str(payload.get("source") or f"import:{payload.get('file', '')}"),
                runs=tuple(str(run) for run in payload.get("runs", ())),
            )


def _events(actions: Actions) -> tuple[Action, ...]:
    found = zip(actions.ex_ns.tolist(), actions.kind, actions.value.tolist(), strict=True)
    return tuple(Action(ex_ns=ex_ns, kind=kind, value=value) for ex_ns, kind, value in found)[::-1]
