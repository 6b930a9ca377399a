"""``tradeterm daily``: the whole day, headless."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tradeterm.cli.groups import single
from tradeterm.cli.invocation import invocation_of
from tradeterm.cli.progress import progress
from tradeterm.core.time import iso

if TYPE_CHECKING:
    from tradeterm.cli.output import Page
    from tradeterm.config.settings import Settings
    from tradeterm.daily import DailyResult, StepResult

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
    asof_ns = invocation.instant(asof)
    from tradeterm.daily import run_daily

    with invocation.logged("daily"), invocation.ledger() as ledger, progress() as report:
        result = run_daily(settings, ledger, asof_ns=asof_ns, seed=None if seed < 0 else seed, progress=report)

    def show(page: Page) -> None:
        page.title(f"daily {iso(result.asof_ns)}  {_bars_of(settings)}  id {result.daily_id}")
        if result.killed is not None:
            page.line(f"KILLED at {result.killed.at} by {result.killed.by}: predicts and reports, trades nothing")
        steps = [
            (step.name, "repeated" if step.repeated else step.status, _outputs(step.outputs), f"{step.seconds:.1f} s")
            for step in result.steps
        ]
        page.table(("step", "status", "result", ">time"), steps)
        for line in _troubles(result.steps):
            page.line(line)
        if result.written:
            page.line()
            page.table(("written", "path"), result.written)

    document = {
        "schema": "tradeterm.daily.v1",
        "daily_id": result.daily_id,
        "asof": iso(result.asof_ns),
        "profile": result.profile,
        "killed": result.killed._asdict() if result.killed is not None else None,
        "config_hash": settings.config_hash,
        "steps": [
            {
                "name": step.name,
                "status": step.status,
                "repeated": step.repeated,
                "outputs": step.outputs,
                "seconds": round(step.seconds, 3),
            }
            for step in result.steps
        ],
        "written": [{"what": what, "path": str(path)} for what, path in result.written],
        "exit_code": result.exit_code,
        "next": result.next_command,
    }
    invocation.out.result(document, show, outcome=_outcome(result), next_command=result.next_command)
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def _outcome(result: DailyResult) -> str:
    """Say what was made, in one line."""
    return ", ".join(what for what, _ in result.written if what not in ("report", "logs"))


def _bars_of(settings: Settings) -> str:
    """SAMPLE wherever bars are made up, whatever the profile is called; else what was chosen."""
    if settings.made_up:
        return "SAMPLE"
    return settings.experiment or f"profile {settings.profile}"


def _troubles(steps: tuple[StepResult, ...]) -> list[str]:
    """What was left out, a line each."""
    outputs = {step.name: step.outputs for step in steps}
    failed = [f"! {item['bars']}: {item['error']}" for item in outputs["refresh"].get("failed", [])]
    late = [f"! {bars}: bars are overdue; run `tradeterm data update`" for bars in outputs["refresh"].get("stale", [])]
    withheld = [f"! no signal for {symbol}: its bars are stale" for symbol in outputs["predict"].get("withheld", [])]
    refused = [f"! signal refused: {key}" for key in outputs["predict"].get("refused", [])]
    return failed + late + withheld + refused


def _outputs(outputs: object) -> str:
    if not isinstance(outputs, dict):
        return ""
    from tradeterm.cli.output import shown

    plain = {name: value for name, value in outputs.items() if isinstance(value, (bool, int, float, str))}
    return ", ".join(f"{name} {shown(value)}" for name, value in plain.items())
