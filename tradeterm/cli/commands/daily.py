"""``tradeterm daily``: the whole day, headless."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from tradeterm.cli.groups import single
from tradeterm.cli.invocation import invocation_of
from tradeterm.cli.progress import progress
from tradeterm.core.time import asof_instant, iso

if TYPE_CHECKING:
    from tradeterm.cli.output import Page

__all__ = ["app"]

app = single()


@app.command()
def daily(
    context: typer.Context,
    asof: Annotated[str, typer.Option("--asof", help="Date, instant or today: what is known by then.")] = "today",
    seed: Annotated[int, typer.Option("--seed", help="Seed of what is drawn; -1 = system.seed.")] = -1,
) -> None:
    """Refresh data, train if due, predict, score what has matured, snapshot the backtest, report."""
    invocation = invocation_of(context)
    settings = invocation.settings()
    invocation.use_engine()
    asof_ns = asof_instant(asof, time.time_ns())
    from tradeterm.daily import run_daily

    log = invocation.start_log("daily")
    try:
        with progress() as report:
            result = run_daily(
                invocation.workspace(),
                settings,
                asof_ns=asof_ns,
                seed=settings.config.system.seed if seed < 0 else seed,
                progress=report,
            )
    finally:
        log.close()

    def show(page: Page) -> None:
        page.title(f"daily {iso(result.asof_ns)}  profile {settings.profile}  id {result.daily_id}")
        steps = [(step.name, step.status, _outputs(step.outputs), f"{step.seconds:.1f} s") for step in result.steps]
        page.table(("step", "status", "result", ">time"), steps)
        if result.written:
            page.line()
            page.table(("written", "path"), result.written)

    document = {
        "schema": "tradeterm.daily.v1",
        "daily_id": result.daily_id,
        "asof": iso(result.asof_ns),
        "profile": settings.profile,
        "config_hash": settings.config_hash,
        "steps": [
            {"name": step.name, "status": step.status, "outputs": step.outputs, "seconds": step.seconds}
            for step in result.steps
        ],
        "written": [{"what": what, "path": str(path)} for what, path in result.written],
        "exit_code": result.exit_code,
        "next": result.next_command,
    }
    invocation.out.result(document, show, next_command=result.next_command)
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def _outputs(outputs: object) -> str:
    if not isinstance(outputs, dict):
        return ""
    from tradeterm.cli.output import shown

    plain = {name: value for name, value in outputs.items() if isinstance(value, (bool, int, float, str))}
    return ", ".join(f"{name} {shown(value)}" for name, value in plain.items())
