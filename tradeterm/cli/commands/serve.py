"""``tradeterm serve``: the stores over HTTP, read-only."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tradeterm.cli.groups import single
from tradeterm.cli.invocation import invocation_of
from tradeterm.core.errors import UsageError

__all__ = ["app"]

app = single()


@app.command()
def serve(
    context: typer.Context,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; any but this machine's own needs TRADETERM_API_TOKEN.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="Port; 0 takes a free one.")] = 8710,
) -> None:
    """Answer programs over HTTP, read-only: signals, history, metrics, health, Prometheus; until it is stopped."""
    invocation = invocation_of(context)
    if invocation.service is None:
        raise UsageError("the service isn't part of this installation; use a command, see `tradeterm --help`")
    workspace, settings = invocation.workspace(), invocation.settings()

    def announce(url: str) -> None:
        sys.stderr.write(f"serving {workspace.root} on {url}, read-only; ctrl+c or SIGTERM stops it\n")
        sys.stderr.flush()

    with invocation.logged("serve", needed=False):
        code = invocation.service(
            workspace, settings, host=host, port=port, profile=invocation.profile, announce=announce
        )
    raise typer.Exit(code)
