"""``tradeterm data``: bars from the sources and from the user's own files."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from tradeterm.cli.groups import group
from tradeterm.cli.invocation import invocation_of
from tradeterm.cli.progress import progress
from tradeterm.core.errors import StaleData
from tradeterm.core.time import iso

if TYPE_CHECKING:
    from tradeterm.cli.output import Page

__all__ = ["app"]

app = group("Bars: update, import, status, validate.")


@app.command()
def update(
    context: typer.Context,
    asof: Annotated[str, typer.Option("--asof", help="Date, instant or today: fetch what is known by then.")] = "today",
) -> None:
    """Fetch what is new from each source; a source that fails doesn't stop the others (exit code 4)."""
    invocation = invocation_of(context)
    settings, asof_ns = invocation.settings(), invocation.instant(asof)
    from tradeterm.data.refresh import refresh
    from tradeterm.research.plan import refresh_plan
    from tradeterm.store.bars import BarStore

    with invocation.logged("update"), progress() as report:
        done = refresh(BarStore(settings.workspace.data), refresh_plan(settings), asof_ns=asof_ns, progress=report)
    rows = [
        {
            "bars": str(item.key),
            "source": item.source,
            "state": item.state,
            "added": item.added,
            "last": iso(item.last_ns) if item.last_ns >= 0 else None,
            "late_hours": round(item.lag_ns / 3.6e12, 1),
            "error": item.error or None,
        }
        for item in done.items
    ]

    def show(page: Page) -> None:
        page.table(
            ("bars", "source", "state", ">added", "last", ">late h", "error"), [tuple(row.values()) for row in rows]
        )

    document = {"schema": "tradeterm.update.v1", "asof": iso(asof_ns), "ok": done.ok, "items": rows}
    invocation.out.result(document, show, next_command="tradeterm data status")
    if not done.ok:
        raise typer.Exit(StaleData.exit_code)


@app.command()
def status(context: typer.Context) -> None:
    """Show each file: last bar, lag against the calendar, gaps, quarantined rows, source."""
    from tradeterm.views.data import build

    invocation = invocation_of(context)
    settings = invocation.settings()
    view = build(settings.workspace, time.time_ns(), config=settings.config, profile=invocation.profile)

    def show(page: Page) -> None:
        rows = [
            (
                row.symbol,
                row.timeframe,
                "SAMPLE" if row.sample else row.source,
                row.rows,
                None if row.last_ns is None else iso(row.last_ns),
                row.late_hours,
                row.gaps,
                row.quarantined,
                row.state,
                row.problem,
            )
            for row in view.series
        ]
        columns = ("symbol", "bars", "source", ">rows", "last", ">late h", ">gaps", ">quarantined", "state", "problem")
        page.table(columns, rows)
        page.line(f"{view.ok} ok, {view.late} late, {view.bad} missing or unreadable", style="dim")

    follow = "tradeterm data update" if view.late or view.bad else "tradeterm data validate"
    invocation.out.result(view.to_json(), show, next_command=follow)
