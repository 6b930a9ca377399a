"""``tradeterm strategy``: the workspace's strategies and their look-ahead check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tradeterm.cli.groups import group
from tradeterm.cli.invocation import invocation_of
from tradeterm.cli.progress import progress
from tradeterm.core.errors import CertificateFailed
from tradeterm.core.time import iso

if TYPE_CHECKING:
    from tradeterm.cli.output import Page
    from tradeterm.research.certificate import StrategyCheck

__all__ = ["app"]

_SHOWN = 20

app = group("List strategies, and check one for look-ahead.")


@app.command("list")
def list_(context: typer.Context) -> None:
    """List the strategies of the workspace; a file that doesn't load is shown with its error."""
    invocation = invocation_of(context)
    workspace, settings = invocation.workspace(), invocation.settings()
    invocation.use_engine()
    from tradeterm.store.strategies import discover

    budgets = {entry.name: entry.budget for entry in settings.config.models.strategies if entry.enabled}
    rows = [
        {
            "name": found.name,
            "version": found.version,
            "budget": budgets.get(found.name),
            "file": found.path.name,
            "content_hash": found.content_hash,
            "error": found.error,
        }
        for found in discover(workspace.strategies)
    ]

    def show(page: Page) -> None:
        columns = ("name", "version", ">budget", "file", "error")
        page.table(columns, [[row[column.removeprefix(">")] for column in columns] for row in rows])

    document = {"schema": "tradeterm.strategies.v1", "strategies": rows}
    invocation.out.result(document, show, next_command="tradeterm strategy check NAME")


@app.command()
def check(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Strategy, as `tradeterm strategy list` names it.")],
    every: Annotated[bool, typer.Option("--all", help="Decide again at every time, not at a sample.")] = False,
    asof: Annotated[str, typer.Option("--asof", help="Date, instant or today: the newest decision.")] = "today",
) -> None:
    """Decide again with the future cut off and with garbage in its place; any difference fails."""
    invocation = invocation_of(context)
    settings = invocation.settings()
    invocation.use_engine()
    from tradeterm.research.certificate import check_strategy

    with progress() as report:
        result = check_strategy(settings, name, end_ns=invocation.instant(asof), every=every, progress=report)
    raise typer.Exit(_report(context, result))


def _report(context: typer.Context, result: StrategyCheck) -> int:
    certificate = result.certificate
    failures = [
        {
            "strategy": item.strategy,
            "time": iso(item.time_ns),
            "what": item.what,
            "expected": item.expected,
            "found": item.found,
        }
        for item in certificate.differences
    ]

    def show(page: Page) -> None:
        verdict = (
            "no look-ahead found" if certificate.ok else "LOOK-AHEAD: decisions changed when the future was cut off"
        )
        page.line(f"{result.name} {result.version}: {verdict}")
        page.line(f"decided again: {certificate.coverage}")
        if failures:
            columns = ("time", "what", "expected", "found")
            page.table(columns, [[failure[column] for column in columns] for failure in failures[:_SHOWN]])

    document = {
        "schema": "tradeterm.check.v1",
        "strategy": result.name,
        "version": result.version,
        "start": iso(result.start_ns),
        "end": iso(result.end_ns),
        "ok": certificate.ok,
        "checked": certificate.checked,
        "decisions": certificate.decisions,
        "coverage": certificate.coverage,
        "failures": failures,
    }
    mend = f"mend the strategy, then tradeterm strategy check {result.name} --all"
    follow = "tradeterm backtest run" if certificate.ok else mend
    invocation_of(context).out.result(document, show, next_command=follow)
    return 0 if certificate.ok else CertificateFailed.exit_code
