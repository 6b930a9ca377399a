"""``tradeterm ledger``: the chain of facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from tradeterm.cli.groups import group
from tradeterm.cli.invocation import invocation_of
from tradeterm.core.errors import LedgerBroken

if TYPE_CHECKING:
    from tradeterm.cli.output import Page

__all__ = ["app"]

app = group("Verify the chain of facts.")


@app.command()
def verify(context: typer.Context) -> None:
    """Walk the whole chain: an altered, missing or cut row is named."""
    from tradeterm.store.ledger import Ledger

    invocation = invocation_of(context)
    with Ledger.reader(invocation.workspace().results) as ledger:
        found = ledger.verify()
    if not found.ok and not invocation.json:
        raise LedgerBroken(f"{found.problem}; keep a copy of results/ and find out who changed it")

    def show(page: Page) -> None:
        page.line(f"ledger whole: {found.rows} facts")

    document = {"schema": "tradeterm.ledger.v1", "ok": found.ok, "rows": found.rows, "problem": found.problem}
    invocation.out.result(document, show, next_command="tradeterm status")
    if not found.ok:
        raise typer.Exit(LedgerBroken.exit_code)
