"""``tradeterm regime``: states now and their transitions."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradeterm.cli.groups import group
from tradeterm.cli.invocation import invocation_of
from tradeterm.cli.output import percent
from tradeterm.core.errors import UsageError, nearest
from tradeterm.core.time import iso, iso_date

if TYPE_CHECKING:
    from tradeterm.cli.output import Page
    from tradeterm.views.regime import RegimeView
    from tradeterm.views.regime_history import RegimeHistory

__all__ = ["app"]

app = group("Regimes now and their history.")


def _view(context: typer.Context) -> RegimeView:
    from tradeterm.views.regime import build

    invocation = invocation_of(context)
    return build(invocation.workspace(), time.time_ns(), profile=invocation.profile)


@app.command()
def show(context: typer.Context) -> None:
    """Show regimes, budgets and limits as the newest daily run judged them."""
    view = _view(context)

    def lay_out(page: Page) -> None:
        if view.asof_ns is None:
            page.line("no regime judged yet")
            return
        page.title(f"regimes at {iso(view.asof_ns)}{', STALE' if view.stale else ''}")
        rows = [
            (
                axis.axis,
                axis.state,
                axis.status,
                axis.age_hours,
                None if axis.since_ns is None else iso_date(axis.since_ns),
                axis.input,
                axis.value,
                axis.reference,
            )
            for axis in view.axes
        ]
        page.table(("axis", "state", "status", ">late h", "since", "input", ">value", ">line"), rows)
        page.line()
        page.table(("strategy", ">budget", ">now"), [(item.strategy, item.base, item.now) for item in view.budgets])
        page.line()
        page.table(("limit", ">base", ">now"), [(item.name, item.base, item.now) for item in view.limits])

    follow = "tradeterm daily" if view.asof_ns is None else "tradeterm regime history"
    invocation_of(context).out.result(view.to_json(), lay_out, next_command=follow)


_AXES = ("equity", "volatility", "crypto", "macro")
_SHOWN = 10


@app.command()
def agree(
    context: typer.Context,
    labels: Annotated[
        str, typer.Argument(metavar="LABELS", help="CSV file of axis, first, last, state, event; both days inside.")
    ],
    axis: Annotated[str, typer.Option("--axis", help="Only equity, volatility, crypto or macro.")] = "",
    every: Annotated[
        bool, typer.Option("--all", help=f"Every disagreement in order of time, not the {_SHOWN} longest of an axis.")
    ] = False,
) -> None:
    """Compare your own labels with the states that the stored bars give, day by day: share, matrix, disagreements."""
    invocation = invocation_of(context)
    only = _checked_axis(axis)
    settings = invocation.settings()
    from tradeterm.cli.agreement import show_agreement
    from tradeterm.views.agreement import build

    view = build(settings, Path(labels), time.time_ns(), axis=only)
    told = ", ".join(f"{item.axis} {percent(item.agreement)}" for item in view.axes)
    invocation.out.result(
        view.to_json(),
        lambda page: show_agreement(page, view, at_most=None if every else _SHOWN),
        outcome=told,
        next_command="tradeterm regime history",
    )


def _checked_axis(axis: str) -> str:
    if axis and axis not in _AXES:
        near = nearest(axis, _AXES)
        hint = f"did you mean '{near}'?" if near else f"one of {', '.join(_AXES)}"
        raise UsageError(f"--axis: no axis '{axis}'; {hint}")
    return axis


@app.command()
def history(
    context: typer.Context,
    axis: Annotated[str, typer.Option("--axis", help="Only equity, volatility, crypto or macro.")] = "",
) -> None:
    """Draw the regimes over time, and list their newest transitions, newest first."""
    from tradeterm.views.regime_history import build

    invocation = invocation_of(context)
    view = build(invocation.workspace(), profile=invocation.profile, axis=_checked_axis(axis))

    def lay_out(page: Page) -> None:
        _draw(page, view)
        rows = [(iso(item.ts_ns), item.axis, item.before, item.after, item.value) for item in view.changes]
        page.table(("when", "axis", "from", "to", ">value"), rows)
        if view.older:
            page.line(f"and {view.older:,} older ones; `tradeterm sql` has them as regime_transitions", style="dim")

    invocation.out.result(view.to_json(), lay_out, next_command="tradeterm regime show")


def _draw(page: Page, view: RegimeHistory) -> None:
    from tradeterm.cli.strip import legend, ruler, strip

    if view.from_ns is None or view.to_ns is None or view.to_ns <= view.from_ns:
        return
    between = (view.from_ns, view.to_ns)
    width = max(len(item.axis) for item in view.axes)
    page.title(f"{iso_date(view.from_ns)} to {iso_date(view.to_ns)}")
    for item in view.axes:
        strip(page, item.axis.ljust(width), item.states, item.spans, between)
    ruler(page, " " * width, between)
    for item in view.axes:
        legend(page, item.states)
    page.line()
