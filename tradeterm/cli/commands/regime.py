"""``tradeterm regime``: states now and their transitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tradeterm.cli.groups import group
from tradeterm.cli.invocation import invocation_of

if TYPE_CHECKING:
    from tradeterm.cli.output import Page

__all__ = ["app"]

app = group("Regimes now and their history.")


@app.command()
def show(context: typer.Context) -> None:
    """Show the regimes, budgets and limits as the newest daily run judged them."""
    from tradeterm.store.ledger import Ledger

    invocation = invocation_of(context)
    with Ledger.reader(invocation.workspace().results) as ledger:
        fact = ledger.latest("regime_state")
    state = fact.payload if fact is not None else {"asof": None, "axes": {}, "budgets": [], "limits": {}}

    def lay_out(page: Page) -> None:
        if fact is None:
            page.line("no regime judged yet")
            return
        page.title(f"regimes at {state['asof']}")
        rows = [
            (axis, item.get("state"), item.get("status"), item.get("age_hours"), item.get("since"), item.get("input"))
            for axis, item in state["axes"].items()
        ]
        page.table(("axis", "state", "status", ">age h", "since", "input"), rows)
        budgets = [(item.get("strategy"), item.get("base"), item.get("now")) for item in state["budgets"]]
        page.table(("strategy", ">budget", ">now"), budgets)

    follow = "tradeterm regime history" if fact is not None else "tradeterm daily"
    invocation.out.result({"schema": "tradeterm.regime.v1", **state}, lay_out, next_command=follow)


@app.command()
def history(
    context: typer.Context,
    axis: Annotated[str, typer.Option("--axis", help="Only equity, volatility, crypto or macro.")] = "",
    newest: Annotated[int, typer.Option("--newest", min=1, help="At most this many.")] = 50,
) -> None:
    """List the transitions between regimes, newest first."""
    from tradeterm.store.ledger import Ledger

    invocation = invocation_of(context)
    with Ledger.reader(invocation.workspace().results) as ledger:
        facts = ledger.facts("regime", prefix=f"{axis}|" if axis else None)
    # Recorded together by the first run: their order is that of their own instants, not of the recording.
    found = sorted((fact.payload for fact in facts), key=lambda item: str(item.get("ts")), reverse=True)[:newest]

    def lay_out(page: Page) -> None:
        columns = ("ts", "axis", "from", "to", "input")
        page.table(columns, [[item.get(column) for column in columns] for item in found])
        page.line(f"{len(found)} transitions", style="dim")

    document = {"schema": "tradeterm.regimes.v1", "transitions": found}
    invocation.out.result(document, lay_out, next_command="tradeterm regime show")
