"""``tradeterm predict``: the signals of one instant, one per strategy and symbol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tradeterm.cli.groups import single
from tradeterm.cli.invocation import invocation_of
from tradeterm.cli.progress import progress
from tradeterm.cli.signal_rows import HEADINGS, cells
from tradeterm.core.time import iso

if TYPE_CHECKING:
    from tradeterm.cli.output import Page

__all__ = ["app"]

app = single()


@app.command()
def predict(
    context: typer.Context,
    asof: Annotated[str, typer.Option("--asof", help="Date, instant or today: what is known by then.")] = "today",
) -> None:
    """Record the signals of one instant from the stored bars, one per strategy and symbol, and show them."""
    invocation = invocation_of(context)
    settings = invocation.settings()
    invocation.use_engine()
    asof_ns = invocation.instant(asof)
    from tradeterm.daily import run_daily
    from tradeterm.views.base import plain
    from tradeterm.views.signals import build_named

    with invocation.logged("predict"), invocation.ledger() as ledger, progress() as report:
        result = run_daily(settings, ledger, asof_ns=asof_ns, steps=("predict",), progress=report)
    left = result.steps[0].outputs
    rows = build_named(invocation.workspace(), left["keys"])

    def show(page: Page) -> None:
        page.title(f"signals of {iso(asof_ns)}{'  SAMPLE' if settings.made_up else ''}")
        page.table(HEADINGS, [cells(row) for row in rows])
        for symbol in left["withheld"]:
            page.line(f"! no signal for {symbol}: its bars are stale; run `tradeterm data update`")
        for key in left["refused"]:
            page.line(f"! {key}: another answer was recorded before, which stands; see `tradeterm incidents list`")

    document = {
        "schema": "tradeterm.predict.v1",
        "daily_id": result.daily_id,
        "asof": iso(asof_ns),
        "sample": settings.made_up,
        "signals": plain(rows),
        "withheld": left["withheld"],
        "refused": left["refused"],
        "exit_code": result.exit_code,
    }
    invocation.out.result(document, show, next_command="tradeterm signals outcomes")
    if result.exit_code:
        raise typer.Exit(result.exit_code)
