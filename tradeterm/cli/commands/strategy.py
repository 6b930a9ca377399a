"""``tradeterm strategy``: the workspace's strategies and their look-ahead check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

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
    name: Annotated[str, typer.Argument(help="Strategy, as `tradeterm strategy list` names it; nothing = each.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Decide again at every time, not at a sample.")] = False,
    asof: Annotated[str, typer.Option("--asof", help="Date, instant or today: the newest decision.")] = "today",
) -> None:
    """Decide again on each decision's look-back alone, with the future cut off; any difference fails."""
    invocation = invocation_of(context)
    settings = invocation.settings()
    invocation.use_engine()
    from tradeterm.research.certificate import check_strategy

    names = [name] if name else [entry.name for entry in settings.config.models.strategies if entry.enabled]
    with progress() as report:
        results = [
            check_strategy(settings, each, end_ns=invocation.instant(asof), every=every, progress=report)
            for each in names
        ]
    failed = [result.name for result in results if not result.proof.ok]

    def show(page: Page) -> None:
        for result in results:
            _show(page, result)

    document = {"schema": "tradeterm.check.v1", "ok": not failed, "strategies": [_document(each) for each in results]}
    mend = f"mend the strategy, then tradeterm strategy check {failed[0]} --all" if failed else ""
    invocation.out.result(document, show, next_command=mend or "tradeterm backtest run")
    if failed:
        raise typer.Exit(CertificateFailed.exit_code)


def _show(page: Page, result: StrategyCheck) -> None:
    proof = result.proof
    found = "no look-ahead found"
    if not proof.certificate.ok:
        found = "LOOK-AHEAD: decisions changed when the future was cut off or replaced by garbage"
    page.line(f"{result.name} {result.version}: {found}")
    page.line(f"decided again: {proof.certificate.coverage}")
    audit = "every one within its bar, and the cash adds up" if proof.audit.ok else f"{proof.audit.count} BREACHES"
    page.line(f"audit: {proof.audit.fills} fills, {audit}")
    document = proof.document(result.symbols)
    for key, columns in (
        ("failures", ("time", "what", "test", "expected", "found")),
        ("violations", ("time", "rule", "symbol", "expected", "found")),
    ):
        rows = document["failures"] if key == "failures" else document["audit"]["violations"]
        if rows:
            page.table(columns, [[row[column] for column in columns] for row in rows[:_SHOWN]])


def _document(result: StrategyCheck) -> dict[str, Any]:
    return {
        "strategy": result.name,
        "version": result.version,
        "start": iso(result.start_ns),
        "end": iso(result.end_ns),
    } | result.proof.document(result.symbols)
