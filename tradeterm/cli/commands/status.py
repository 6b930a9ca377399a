"""``tradeterm status``: the state in one glance, from the ledger and the kill latch alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import typer

from tradeterm.cli.groups import LightCommand, single
from tradeterm.cli.invocation import invocation_of
from tradeterm.core.errors import UsageError
from tradeterm.core.time import iso

if TYPE_CHECKING:
    from tradeterm.cli.output import Page
    from tradeterm.views.status import StatusView

__all__ = ["app"]

app = single()


@app.command(cls=LightCommand)
def status(context: typer.Context) -> None:
    """Show mode, NAV, drawdown, regimes, next decision and kill state; fast enough for a prompt."""
    from tradeterm.views.status import build

    invocation = invocation_of(context)
    workspace, profile = invocation.workspace(), invocation.profile
    if profile and not (workspace.configs / "profiles" / f"{profile}.yaml").exists():
        raise UsageError(f"{workspace.configs / 'profiles'}: no profile '{profile}'; see `ls` there")
    view = build(workspace, time.time_ns(), profile=profile)
    follow = 'tradeterm resume --reason "…"' if view.kill else "tradeterm" if view.daily_id else "tradeterm daily"
    invocation.out.result(view.to_json(), lambda page: _lay_out(page, view), next_command=follow)
    if view.problem is not None:
        raise typer.Exit(1)


def _lay_out(page: Page, view: StatusView) -> None:
    from tradeterm.cli.output import money, percent

    page.title(f"{view.mode if view.profile or view.kill else 'no daily run yet'}  {view.workspace}")
    if view.kill is not None:
        flat = ", positions to be closed" if view.kill.flatten else ""
        page.line(f"KILLED at {view.kill.at} by {view.kill.by}: {view.kill.reason or 'no reason given'}{flat}")
    regimes = "  ".join(f"{axis.axis} {axis.state}{' (stale)' if axis.stale else ''}" for axis in view.regimes)
    page.pairs(
        {
            "NAV": f"{money(view.nav)} ({percent(view.day_change, signed=True)} on the day), simulated",
            "drawdown": f"{percent(view.drawdown)}, ladder {view.ladder or '-'}",
            "regimes": regimes or None,
            "last daily": iso(view.daily_asof_ns) if view.daily_asof_ns is not None else None,
            "next decision": iso(view.next_decision_ns),
            "session": view.session,
        }
    )
    if view.problem is not None:
        page.line(f"ledger: {view.problem}")
