"""``tradeterm signals``: predictions as they were made, and their outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradeterm.cli.groups import group
from tradeterm.cli.invocation import invocation_of

if TYPE_CHECKING:
    from tradeterm.cli.output import Page

__all__ = ["app"]

app = group("Predictions as they were made, and what became of them.")

Newest = Annotated[int, typer.Option("--newest", min=1, help="At most this many.")]
Symbol = Annotated[str, typer.Option("--symbol", help="Only this symbol.")]


@app.command("list")
def list_(context: typer.Context, newest: Newest = 50, symbol: Symbol = "") -> None:
    """List signals, newest first."""
    found = _facts(context, "signal", newest, symbol)
    columns = ("ts", "symbol", "horizon", "side", "prob", "ev", "sample", "model_version", "config_hash")
    _show(context, "tradeterm.signals.v1", "signals", columns, found, "tradeterm signals outcomes")


@app.command()
def outcomes(context: typer.Context, newest: Newest = 50, symbol: Symbol = "") -> None:
    """List outcomes of matured signals, newest first."""
    found = _facts(context, "outcome", newest, symbol)
    columns = ("signal", "entry_at", "exit_at", "entry_price", "exit_price", "gross", "net", "hit")
    _show(context, "tradeterm.outcomes.v1", "outcomes", columns, found, "tradeterm signals list")


def _facts(context: typer.Context, kind: str, newest: int, symbol: str) -> list[dict[str, Any]]:
    from tradeterm.store.ledger import Ledger

    with Ledger.reader(invocation_of(context).workspace().results) as ledger:
        facts = ledger.facts(kind, newest=None if symbol else newest)[::-1]
    # Keys are `ts|symbol|horizon|…`, of an outcome as of its signal.
    chosen = [fact.payload for fact in facts if not symbol or fact.key.split("|")[1:2] == [symbol]]
    return chosen[:newest]


def _show(
    context: typer.Context, schema: str, name: str, columns: tuple[str, ...], found: list[dict[str, Any]], follow: str
) -> None:
    def show(page: Page) -> None:
        numbers = {"horizon", "prob", "ev", "sample", "entry_price", "exit_price", "gross", "net"}
        heads = [f">{column}" if column in numbers else column for column in columns]
        page.table(heads, [[item.get(column) for column in columns] for item in found])
        page.line(f"{len(found)} {name}", style="dim")

    invocation_of(context).out.result(
        {"schema": schema, name: found}, show, next_command=follow if found else "tradeterm daily"
    )
