"""``tradeterm signals``: predictions as they were made, and their outcomes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from tradeterm.cli.groups import group
from tradeterm.cli.invocation import invocation_of
from tradeterm.core.time import iso

if TYPE_CHECKING:
    from tradeterm.cli.output import Page
    from tradeterm.views.signals import SignalsView

__all__ = ["app"]

app = group("Predictions as they were made, and what became of them.")

Newest = Annotated[int, typer.Option("--newest", min=1, help="At most this many.")]
Symbol = Annotated[str, typer.Option("--symbol", help="Only this symbol.")]


@app.command("list")
def list_(context: typer.Context, newest: Newest = 50, symbol: Symbol = "") -> None:
    """List signals, newest first."""
    view = _view(context, newest, symbol)

    def show(page: Page) -> None:
        rows = [
            (iso(row.ts_ns), row.symbol, row.side, row.prob, row.ev, row.sample, row.horizon, row.model_version)
            for row in view.signals
        ]
        page.table(("ts", "symbol", "side", ">prob", ">ev", ">sample", ">horizon", "model"), rows)
        page.line(f"{view.total} signals, {view.waiting} not matured", style="dim")

    follow = "tradeterm signals outcomes" if view.total else "tradeterm daily"
    invocation_of(context).out.result(view.to_json(), show, next_command=follow)


@app.command()
def outcomes(context: typer.Context, newest: Newest = 50, symbol: Symbol = "") -> None:
    """List what became of matured signals, newest first, with hit rates."""
    from tradeterm.views.base import plain

    # Enough to fill the list although the newest signals have not matured.
    view = _view(context, 1_000_000, symbol)
    matured = [row for row in view.signals if row.matured][:newest]

    def show(page: Page) -> None:
        rows = [(iso(row.ts_ns), row.symbol, row.side, row.prob, row.net, row.hit, row.strategy) for row in matured]
        page.table(("ts", "symbol", "side", ">prob", ">net", "hit", "strategy"), rows)
        page.line()
        page.table(("strategy", ">hit rate", ">signals"), [(item.strategy, item.rate, item.n) for item in view.rates])

    document = {"schema": "tradeterm.outcomes.v1", "outcomes": plain(matured), "rates": plain(view.rates)}
    invocation_of(context).out.result(document, show, next_command="tradeterm signals list")


def _view(context: typer.Context, newest: int, symbol: str) -> SignalsView:
    from tradeterm.views.signals import build

    workspace = invocation_of(context).workspace()
    return build(workspace, time.time_ns(), newest=newest, symbol=symbol or None)
