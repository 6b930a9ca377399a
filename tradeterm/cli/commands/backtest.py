"""``tradeterm backtest``: run, list and show backtests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradeterm.cli.groups import group
from tradeterm.cli.invocation import invocation_of
from tradeterm.cli.progress import progress
from tradeterm.core.errors import UsageError, nearest
from tradeterm.core.time import from_iso, iso_date

if TYPE_CHECKING:
    from tradeterm.cli.output import Page

__all__ = ["app"]

app = group("Run, list and show backtests.")

_SHOWN = 20
_STRESSED = ("total_return", "cagr", "sharpe", "max_drawdown")
_LISTED = ("total_return", "cagr", "sharpe", "max_drawdown", "win_rate", "trades", "bps_score")


@app.command()
def run(
    context: typer.Context,
    name: Annotated[str, typer.Option("--name", help="Name that lists show.")] = "backtest",
    start: Annotated[str, typer.Option("--start", help="First day; nothing = system.start.")] = "",
    end: Annotated[str, typer.Option("--end", help="Last day or instant, or today.")] = "today",
) -> None:
    """Run the configured book over the stored bars; a run that is stored already is verified bit for bit."""
    invocation = invocation_of(context)
    settings = invocation.settings()
    start_ns = from_iso(start or settings.config.system.start)
    end_ns = invocation.instant(end)
    if end_ns <= start_ns:
        raise UsageError(f"--end {end} is not after --start {start or settings.config.system.start}; give a later day")
    invocation.use_engine()
    from tradeterm.research.backtest import run_backtest

    with invocation.logged("backtest"), invocation.ledger() as ledger, progress() as report:
        result = run_backtest(settings, ledger, name=name, start_ns=start_ns, end_ns=end_ns, progress=report)
    certificate = result.fact["certificate"]
    metrics = result.fact["metrics"]

    def show(page: Page) -> None:
        page.line(f"run {result.run_id} {result.status}: {result.path}")
        page.line(_certified(certificate))
        _assumed(page, result.fact["fill"], sample=result.fact["made_up"])
        page.pairs({key: metrics.get(key) for key in _LISTED})

    document = {
        "schema": "tradeterm.backtest.v1",
        "run_id": result.run_id,
        "status": result.status,
        "path": str(result.path),
        "metrics": metrics,
        "certificate": certificate,
        "fill": result.fact["fill"],
        "optimistic": result.fact["fill"] == "close",
        "sample": result.fact["made_up"],
    }
    told = f"run {result.run_id} {result.status}; {_certified(certificate)}"
    invocation.out.result(document, show, outcome=told, next_command=f"tradeterm backtest show {result.run_id}")


@app.command("list")
def list_(
    context: typer.Context,
    newest: Annotated[int, typer.Option("--newest", min=1, help="At most this many.")] = 20,
) -> None:
    """List the stored runs, newest first."""
    from tradeterm.views.runs import build

    invocation = invocation_of(context)
    view = build(invocation.workspace(), time.time_ns(), newest=newest)

    def show(page: Page) -> None:
        rows = [
            (
                row.run_id,
                row.name,
                f"{iso_date(row.start_ns)}..{iso_date(row.end_ns)}",
                "close: OPTIMISTIC" if row.fill == "close" else row.fill,
                "ok" if row.certificate.ok else "FAILED",
                *(getattr(row, name) for name in _LISTED),
            )
            for row in view.runs
        ]
        page.table(("run", "name", "period", "fill", "certificate", *(f">{name}" for name in _LISTED)), rows)

    follow = f"tradeterm backtest show {view.runs[0].run_id}" if view.runs else "tradeterm backtest run"
    invocation.out.result(view.to_json(), show, next_command=follow)


@app.command()
def show(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Run id or its beginning; nothing = the newest.")] = "",
) -> None:
    """Show one run: certificate, metrics of the book and of each strategy."""
    from tradeterm.views.runs import build, build_run

    invocation = invocation_of(context)
    workspace = invocation.workspace()
    chosen = _chosen(run_id, [row.run_id for row in build(workspace, time.time_ns()).runs])
    view = build_run(workspace, chosen)
    if view is None:
        raise UsageError(f"no run '{chosen}' in the ledger; see `tradeterm backtest list`")

    def lay_out(page: Page) -> None:
        row = view.row
        page.title(f"run {row.run_id}  {row.name}  {iso_date(row.start_ns)}..{iso_date(row.end_ns)}")
        page.line(_certified(view.to_json()["row"]["certificate"]))
        _assumed(page, row.fill, sample=row.sample)
        for failure in view.failures[:_SHOWN]:
            page.line(failure)
        if view.metrics:
            names = list(view.strategies)
            columns = ("", ">book", *(f">{name}" for name in names))
            page.table(
                columns,
                [
                    (key, value, *(view.strategies[name].get(key) for name in names))
                    for key, value in view.metrics.items()
                ],
            )
        if view.stress:
            page.line("under stress, on the recorded wishes of the strategies", style="dim")
            columns = ("scenario", *(f">{name}" for name in _STRESSED))
            page.table(columns, [(item.scenario, *(getattr(item, name) for name in _STRESSED)) for item in view.stress])
        page.line(f"{view.fills} fills, {len(view.points)} days", style="dim")

    invocation.out.result(view.to_json(), lay_out, next_command="tradeterm backtest list")


def _assumed(page: Page, fill: str, *, sample: bool) -> None:
    if sample:
        page.line("SAMPLE: bars are made up")
    if fill == "close":
        page.line("OPTIMISTIC: fills at the last close, which the decision has already seen")


def _chosen(asked: str, newest_first: list[str]) -> str:
    if not newest_first:
        raise UsageError("no run stored; run `tradeterm backtest run`")
    if not asked:
        return newest_first[0]
    found = [run_id for run_id in newest_first if run_id.startswith(asked)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"'{asked}' begins {len(found)} run ids; give more of it")
    near = nearest(asked, newest_first)
    hint = f"did you mean {near}?" if near else "see `tradeterm backtest list`"
    raise UsageError(f"no run '{asked}'; {hint}")


def _certified(certificate: dict[str, Any]) -> str:
    audit = certificate.get("audit")
    if audit is not None and not audit["ok"]:
        return "audit FAILED: no metrics are shown; what happened does not follow from the bars and the terms"
    if not certificate["ok"]:
        return "certificate FAILED: no metrics are shown; see `tradeterm strategy check NAME --all`"
    fills = "" if audit is None else f"; audit: {audit['fills']} fills, cash to {audit['residual']:.0e} of NAV"
    return f"certificate: no look-ahead found, {certificate['coverage']}{fills}"
