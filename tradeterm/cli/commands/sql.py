"""``tradeterm sql``: DuckDB over everything that is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tradeterm.cli.groups import single
from tradeterm.cli.invocation import invocation_of

if TYPE_CHECKING:
    from tradeterm.cli.output import Page

__all__ = ["app"]

app = single()


@app.command()
def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="SQL text; `show tables` lists what there is.")],
) -> None:
    """Ask DuckDB over bars, runs and facts; nothing can be changed by it."""
    from tradeterm.store.sql import query as ask

    invocation = invocation_of(context)
    workspace = invocation.workspace()
    columns, rows = ask(workspace.data, workspace.results, query)

    def show(page: Page) -> None:
        page.table(columns, rows)
        page.line(f"{len(rows)} rows", style="dim")

    plain = [[_plain(cell) for cell in row] for row in rows]
    document = {"schema": "tradeterm.sql.v1", "columns": list(columns), "rows": plain}
    invocation.out.result(document, show)


def _plain(cell: object) -> object:
    return cell if cell is None or isinstance(cell, (bool, int, float, str, list, dict)) else str(cell)
