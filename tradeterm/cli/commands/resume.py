"""``tradeterm resume``: take back a kill or a drawdown halt, with a reason."""

from __future__ import annotations

import getpass
import time
from typing import TYPE_CHECKING, Annotated

import typer

from tradeterm.cli.groups import single
from tradeterm.cli.invocation import invocation_of

if TYPE_CHECKING:
    from tradeterm.cli.output import Page

__all__ = ["app"]

app = single()


@app.command()
def resume(
    context: typer.Context,
    reason: Annotated[str, typer.Option("--reason", help="Why it is safe to go on; recorded.")],
    kill: Annotated[bool, typer.Option("--kill", help="Clear the kill latch.")] = False,
    halt: Annotated[bool, typer.Option("--halt", help="Clear the drawdown halt; the peak is rebased to NAV.")] = False,
    by: Annotated[str, typer.Option("--by", help="Who resumes (default: your user name).")] = "",
) -> None:
    """Take back a kill or a halt; with both standing, say which."""
    from tradeterm.trading.kill import resume as take_back

    invocation = invocation_of(context)
    who = by or f"operator:{getpass.getuser()}"
    results = invocation.workspace().results
    with invocation.ledger() as ledger:
        done = take_back(
            ledger, results, reason=reason, by=who, now_ns=time.time_ns(), clear_kill=kill, clear_halt=halt
        )

    def show(page: Page) -> None:
        page.line(f"cleared {' and '.join(done.cleared)} by {done.by}: {done.reason}")

    document = {
        "schema": "tradeterm.resume.v1",
        "at": done.at,
        "cleared": list(done.cleared),
        "reason": done.reason,
        "by": done.by,
        "kill": done.kill._asdict(),
    }
    invocation.out.result(document, show, next_command="tradeterm status")
