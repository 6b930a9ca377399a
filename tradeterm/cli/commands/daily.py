"""``tradeterm daily``: the whole day, headless."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradeterm.cli.groups import single
from tradeterm.cli.invocation import invocation_of
from tradeterm.cli.progress import progress
from tradeterm.core.errors import UsageError
from tradeterm.core.time import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.cli.invocation import Invocation
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
    steps: Annotated[str, typer.Option("--steps", help="These alone, such as predict,realise; nothing = all.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    from_: Annotated[str, typer.Option("--from", help="First day of a replay of the past.")] = "",
    to: Annotated[str, typer.Option("--to", help="Last day of the replay; nothing = --asof.")] = "",
    every_day_at: Annotated[
        str, typer.Option("--every-day-at", help="Stay, and run each day at HH:MM UTC, until it is stopped.")
    ] = "",
) -> None:
    """Refresh, validate, train if due, predict, score what has matured, snapshot the backtest, report."""
    invocation = invocation_of(context)
    chosen = tuple(name.strip() for name in steps.split(",") if name.strip())
    _one_of({"--from": from_, "--every-day-at": every_day_at, "--dry-run": "dry" if dry_run else ""})
    if to and not from_:
        raise UsageError("--to had no --from; give the first day too")
    if every_day_at:
        _stay(invocation, every_day_at, steps)
        return
    settings = invocation.settings()
    invocation.use_engine()
    drawn = None if seed < 0 else seed
    if from_:
        _replay(invocation, settings, from_, to or asof, drawn)
        return
    asof_ns = invocation.instant(asof)
    from tradeterm.daily import STEPS, plan_daily, run_daily

    if dry_run:
        _plan(invocation, plan_daily, settings, asof_ns, drawn, chosen or STEPS)
        return
    with invocation.logged("daily"), invocation.ledger() as ledger, progress() as report:
        result = run_daily(settings, ledger, asof_ns=asof_ns, seed=drawn, steps=chosen or STEPS, progress=report)
    _tell(invocation, settings, result)


def _one_of(given: dict[str, str]) -> None:
    named = [name for name, value in given.items() if value]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} were given together; give one of them")


def _stay(invocation: Invocation, at: str, steps: str) -> None:
    from tradeterm.cli.every_day import keep_running

    words = ["--steps", steps] if steps else []
    keep_running(invocation, at, words)


def _replay(invocation: Invocation, settings: Settings, first: str, last: str, seed: int | None) -> None:
    from tradeterm.daily.past import replay_days

    with invocation.logged("daily"), invocation.ledger() as ledger, progress() as report:
        result = replay_days(
            settings,
            ledger,
            from_ns=invocation.instant(first),
            to_ns=invocation.instant(last),
            seed=seed,
            progress=report,
        )
    _tell(invocation, settings, result)


def _plan(
    invocation: Invocation, plan: Any, settings: Settings, asof_ns: int, seed: int | None, steps: Sequence[str]
) -> None:
    from tradeterm.store.ledger import Ledger

    with Ledger.reader(settings.workspace.results) as ledger:
        found = plan(settings, ledger, asof_ns=asof_ns, seed=seed, steps=steps)

    def show(page: Page) -> None:
        page.title(f"daily {iso(found.asof_ns)}  {_bars_of(settings)}  id {found.daily_id}  (dry run: nothing is done)")
        rows = [(name, "is recorded" if recorded else "would run", on) for name, recorded, on in found.steps]
        page.table(("step", "", "on"), rows)

    document = {
        "schema": "tradeterm.daily_plan.v1",
        "daily_id": found.daily_id,
        "asof": iso(found.asof_ns),
        "profile": found.profile,
        "steps": [{"name": name, "recorded": recorded, "on": on} for name, recorded, on in found.steps],
    }
    invocation.out.result(document, show, next_command="tradeterm daily")


def _tell(invocation: Invocation, settings: Settings, result: DailyResult) -> None:
    def show(page: Page) -> None:
        from tradeterm.cli.report import show_report

        page.title(f"daily {iso(result.asof_ns)}  {_bars_of(settings)}  id {result.daily_id}")
        if result.killed is not None:
            page.line(f"KILLED at {result.killed.at} by {result.killed.by}: predicts and reports, trades nothing")
        if result.report is not None:
            show_report(page, result.report)
        else:
            for line in _troubles(result.steps):
                page.line(line)
        page.line()
        steps = [
            (step.name, "repeated" if step.repeated else step.status, _outputs(step.outputs), f"{step.seconds:.1f} s")
            for step in result.steps
        ]
        page.table(("step", "status", "result", ">time"), steps)
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
        "report": result.report,
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
    """What was left out, a line each, where no report tells it."""
    outputs = {step.name: step.outputs for step in steps}
    refreshed, predicted = outputs.get("refresh", {}), outputs.get("predict", {})
    failed = [f"! {item['bars']}: {item['error']}" for item in refreshed.get("failed", [])]
    late = [f"! {bars}: bars are overdue; run `tradeterm data update`" for bars in refreshed.get("stale", [])]
    withheld = [f"! no signal for {symbol}: its bars are stale" for symbol in predicted.get("withheld", [])]
    refused = [f"! signal refused: {key}" for key in predicted.get("refused", [])]
    return failed + late + withheld + refused


def _outputs(outputs: object) -> str:
    if not isinstance(outputs, dict):
        return ""
    from tradeterm.cli.output import shown

    plain = {name: value for name, value in outputs.items() if isinstance(value, (bool, int, float, str))}
    return ", ".join(f"{name} {shown(value)}" for name, value in plain.items() if name != "document")
