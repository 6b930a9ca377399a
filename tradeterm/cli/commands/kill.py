"""``tradeterm kill`` where global options stand before it; on its own it never gets here (see ``__main__``)."""

from __future__ import annotations

import typer

from tradeterm import killcommand
from tradeterm.cli.groups import single
from tradeterm.cli.invocation import invocation_of

__all__ = ["app"]

app = single()


@app.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
    options_metavar="[--reason TEXT] [--by WHO] [--flatten]",
)
def kill(context: typer.Context) -> None:
    """Latch the kill switch: no new orders, cancel what is working; never asks back."""
    invocation = invocation_of(context)
    words = list(context.args)
    if invocation.workspace_option:
        words += ["--workspace", invocation.workspace_option]
    if invocation.json:
        words.append("--json")
    raise typer.Exit(killcommand.run(words))
