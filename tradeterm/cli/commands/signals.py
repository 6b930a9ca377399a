"""``tradeterm signals``: predictions as they were made, and their outcomes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from tradeterm.cli.groups import group
from tradeterm.cli.invocation import invocation_of
from tradeterm.cli.signal_rows import HEADINGS, cells

if TYPE_CHECKING:
    from tradeterm.cli.output import Page

__all__ = ["app"]

app = group("Predictions as they were made, and what became of them.")

Newest = Annotated[int, typer.Option("--newest", min=1, help="At most this many.")]
Symbol = Annotated[str, typer.Option("--symbol", help="Only this symbol.")]


@app.command("list")
def list_(context: typer.Context, newest: Newest = 50, symbol: Symbol = "") -> None:
    """List signals, newest first."""
    from tradeterm.views.signals import build

    workspace = invocation_of(context).workspace()
    view = build(workspace, time.time_ns(), newest=newest, symbol=symbol or None)

    def show(page: Page) -> None:
        page.table(HEADINGS, [cells(row) for row in view.signals])
        behind = f"; {view.uncounted} newer facts not counted yet" if view.uncounted else ""
        page.line(f"{view.total} signals, {view.waiting} not matured{behind}", style="dim")

    follow = "tradeterm signals outcomes" if view.total else "tradeterm daily"
    invocation_of(context).out.result(view.to_json(), show, next_command=follow)


@app.command()
def outcomes(context: typer.Context, newest: Newest = 20, symbol: Symbol = "") -> None:
    """Show how good signals were: hit rate, calibration and information coefficient, and the newest outcomes."""
    from tradeterm.views.signals import build_outcomes

    workspace = invocation_of(context).workspace()
    view = build_outcomes(workspace, time.time_ns(), newest=newest, symbol=symbol or None)

    def show(page: Page) -> None:
        # Not before it is needed: --json draws nothing.
        from tradeterm.cli.scored import show_outcomes

        show_outcomes(page, view)

    invocation_of(context).out.result(view.to_json(), show, next_command="tradeterm signals list")
