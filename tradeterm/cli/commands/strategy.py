"""``tradeterm strategy``: the workspace's strategies and their look-ahead check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tradeterm.cli.groups import group
from tradeterm.cli.invocation import invocation_of
from tradeterm.cli.progress import progress
from tradeterm.core.errors import CertificateFailed

if TYPE_CHECKING:
    from tradeterm.cli.output import Page
    from tradeterm.research.check import CheckResult

__all__ = ["app"]

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
) -> None:
    """Decide again with the future cut off and with garbage in its place; any difference fails."""
    invocation = invocation_of(context)
    workspace, settings = invocation.workspace(), invocation.settings()
    invocation.use_engine()
    from tradeterm.research.check import check_strategy

    with progress():
        result = check_strategy(workspace, settings, name, every=every)
    raise typer.Exit(_report(context, name, result))


def _report(context: typer.Context, name: str, result: CheckResult) -> int:
    failures = list(result.failures)

    def show(page: Page) -> None:
        verdict = "no look-ahead found" if result.ok else "LOOK-AHEAD: decisions changed when the future was cut off"
        page.line(f"{name}: {verdict}; {result.checked} of {result.decisions} decisions, {result.coverage}")
        if failures:
            columns = ("time", "symbol", "found", "expected")
            page.table(columns, [[failure.get(column) for column in columns] for failure in failures])

    document = {
        "schema": "tradeterm.check.v1",
        "strategy": name,
        "ok": result.ok,
        "checked": result.checked,
        "decisions": result.decisions,
        "coverage": result.coverage,
        "failures": failures,
    }
    follow = (
        f"tradeterm backtest run --name {name}"
        if result.ok
        else f"mend the strategy, then tradeterm strategy check {name} --all"
    )
    invocation_of(context).out.result(document, show, next_command=follow)
    return 0 if result.ok else CertificateFailed.exit_code
