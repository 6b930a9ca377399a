"""One run as its report shows it: curves, months, trips, models, benchmarks and regimes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tradeterm.research.performance import Performance, read_performance
from tradeterm.store.ledger import Ledger
from tradeterm.store.runs import RunStore
from tradeterm.views.base import View
from tradeterm.views.runs import RunRow, row_of

if TYPE_CHECKING:
    from tradeterm.config.workspace import Workspace

__all__ = ["PerformanceView", "ReportView", "build", "make"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceView(View):
    """A run and what it came to; ``performance`` is None without a certificate."""

    SCHEMA: ClassVar[str] = "tradeterm.performance.v1"

    row: RunRow
    performance: Performance | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView(View):
    """A report that was made: its files, the page first, and what they show."""

    SCHEMA: ClassVar[str] = "tradeterm.report.v1"

    row: RunRow
    files: tuple[str, ...]
    performance: Performance | None


def build(workspace: Workspace, run_id: str) -> PerformanceView | None:
    """Read one run; None when the ledger has no such run.

    Raises
    ------
    StoreError
        When a file of the run is missing or damaged.
    """
    fact = _fact(workspace, run_id)
    if fact is None:
        return None
    row = row_of(fact)
    found = read_performance(RunStore(workspace.results), run_id) if row.certificate.ok else None
    return PerformanceView(row=row, performance=found)


def make(workspace: Workspace, run_id: str) -> ReportView | None:
    """Write the report of a run below ``results/plots/``; None when the ledger has no such run.

    Raises
    ------
    StoreError
        When a file of the run is missing or damaged, or the folder can't be written.
    """
    from tradeterm.research.reporting import write_report

    fact = _fact(workspace, run_id)
    if fact is None:
        return None
    files, found = write_report(RunStore(workspace.results), workspace.results, run_id, fact.payload)
    return ReportView(row=row_of(fact), files=tuple(map(str, files)), performance=found)


def _fact(workspace: Workspace, run_id: str) -> Any:
    with Ledger.reader(workspace.results) as ledger:
        return ledger.get("run", run_id)
