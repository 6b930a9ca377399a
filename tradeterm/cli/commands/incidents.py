"""``tradeterm incidents``: what went wrong, and that somebody has looked at it."""

from __future__ import annotations

import getpass
import time
from typing import TYPE_CHECKING, Annotated

import typer

from tradeterm.cli.groups import group
from tradeterm.cli.invocation import invocation_of
from tradeterm.core.errors import UsageError
from tradeterm.core.time import iso

if TYPE_CHECKING:
    from tradeterm.cli.output import Page

__all__ = ["app"]

app = group("What went wrong, and closing it.")


@app.command("list")
def list_(
    context: typer.Context,
    newest: Annotated[int, typer.Option("--newest", min=1, help="At most this many.")] = 50,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that nobody has closed.")] = False,
) -> None:
    """List incidents, newest first."""
    from tradeterm.views.incidents import build

    view = build(invocation_of(context).workspace(), newest=newest, only_open=only_open)

    def show(page: Page) -> None:
        rows = [
            (item.id, iso(item.recorded_ns), item.at, item.state, item.what, item.effect, item.reason)
            for item in view.incidents
        ]
        page.table(("id", "recorded", "as of", "state", "what", "effect", "closed because"), rows)
        page.line(f"{view.total} incidents, {view.open} open", style="dim")

    follow = 'tradeterm incidents close ID --reason "..."' if view.open else "tradeterm status"
    invocation_of(context).out.result(view.to_json(), show, next_command=follow)


@app.command()
def close(
    context: typer.Context,
    incident: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it can be closed; needed.")] = "",
    by: Annotated[str, typer.Option("--by", help="Who closes it; nothing = this user.")] = "",
) -> None:
    """Close an incident: it stays in the ledger, with who closed it and why."""
    from tradeterm.store.incidents import close_incident, write_incidents
    from tradeterm.views.base import plain

    if not reason.strip():
        raise UsageError('--reason had no value; say why, such as --reason "source was down for an hour"')
    invocation = invocation_of(context)
    with invocation.ledger() as ledger:
        done = close_incident(
            ledger, incident, at=iso(time.time_ns()), by=by or getpass.getuser(), reason=reason.strip()
        )
        write_incidents(invocation.workspace().root, ledger)

    def show(page: Page) -> None:
        page.line(f"closed {done.id} by {done.closed_by}: {done.what}")

    document = {"schema": "tradeterm.incident.v1", **plain(done)}
    invocation.out.result(document, show, next_command="tradeterm incidents list --open")
