"""Data status: what is stored per symbol and timeframe, how late it is by its calendar, what the sources said last."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import tee
from typing import TYPE_CHECKING, Any, ClassVar

from tradeterm.core.time import from_iso
from tradeterm.store.ledger import Ledger
from tradeterm.views.base import View
from tradeterm.views.refreshes import file_problems, refreshes, source_rows
from tradeterm.views.stored import Shelf

if TYPE_CHECKING:
    from tradeterm.config.schema import Config
    from tradeterm.config.workspace import Workspace
    from tradeterm.views.refreshes import SourceRow
    from tradeterm.views.stored import SeriesRow

__all__ = ["DataView", "RestatementRow", "build"]

_LISTED_RESTATEMENTS = 200


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
class DataView(View):
    """All series, the health of the sources, and the counts that matter.

    gaps, quarantined : None where a stored file has no count of its own
    restatements : the newest of them, newest first
    """

    SCHEMA: ClassVar[str] = "tradeterm.data.v1"

    series: tuple[SeriesRow, ...]
    sources: tuple[SourceRow, ...]
    ok: int
    late: int
    bad: int
    gaps: int | None
    quarantined: int | None
    restated: int
    restatements: tuple[RestatementRow, ...] = ()


def build(workspace: Workspace, now_ns: int, *, config: Config | None, profile: str | None = None) -> DataView:
    """Read what is stored; a file that can't be read is a row that says so.

    config : whose universe is expected; None lists only what is there
    """
    with Ledger.reader(workspace.results) as ledger:
        changes = ledger.facts("restatement")
        rounds, again = tee(refreshes(ledger, profile=profile))
        sources = source_rows(rounds, configured=_asked(config))
        problems = file_problems(again)
    restated = Counter("|".join(fact.key.split("|")[:2]) for fact in changes)
    rows = Shelf(workspace.data, now_ns, config, restated=restated, problems=problems).rows()
    return DataView(
        series=rows,
        sources=sources,
        ok=sum(row.state == "ok" for row in rows),
        late=sum(row.state == "LATE" for row in rows),
        bad=sum(row.state in ("missing", "unreadable") for row in rows),
        gaps=_total([row.gaps for row in rows if row.rows is not None]),
        quarantined=_total([0, *(row.quarantined for row in rows)]),
        restated=sum(row.restated for row in rows),
        restatements=tuple(_restatement(fact.payload) for fact in changes[: -_LISTED_RESTATEMENTS - 1 : -1]),
    )


def _asked(config: Config | None) -> set[str]:
    """Sources that the universe names, but the user's own files, which nobody is asked for."""
    from tradeterm.data.refresh import IMPORTED

    entries = config.universe.instruments if config is not None else ()
    return {name for entry in entries for name in entry.source if name != IMPORTED}


def _total(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None


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
