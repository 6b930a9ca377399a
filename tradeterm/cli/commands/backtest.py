"""``tradeterm backtest``: run, list, show, compare and report backtests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradeterm.cli.groups import group
from tradeterm.cli.invocation import invocation_of
from tradeterm.cli.progress import progress
from tradeterm.core.errors import UsageError, nearest
from tradeterm.core.time import from_iso, iso, iso_date

if TYPE_CHECKING:
    from tradeterm.cli.invocation import Invocation
    from tradeterm.cli.output import Page
    from tradeterm.config.workspace import Workspace
    from tradeterm.research.trials import Deflated

__all__ = ["app"]

app = group("Run, list, show, compare and report backtests.")

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
    name: Annotated[str, typer.Option("--name", help="Only runs whose name holds this.")] = "",
    strategy: Annotated[str, typer.Option("--strategy", help="Only runs that hold NAME or NAME@VERSION.")] = "",
    since: Annotated[str, typer.Option("--since", help="Only runs kept at or after this day or instant.")] = "",
    sort: Annotated[
        str, typer.Option("--sort", help="recorded, start, end, name, profile or a metric; the best comes first.")
    ] = "recorded",
    reverse: Annotated[bool, typer.Option("--reverse", help="The other way round.")] = False,
) -> None:
    """List the stored runs, newest first; with --profile NAME those of that profile alone."""
    from dataclasses import replace

    from tradeterm.cli.performance import show_runs
    from tradeterm.views.runs import build
    from tradeterm.views.selection import Selection, select

    invocation = invocation_of(context)
    asked = Selection(
        name=name,
        profile=invocation.profile or "",
        strategy=strategy,
        since_ns=from_iso(since) if since else None,
        order=sort,
        backward=reverse,
    )
    view = select(build(invocation.workspace(), time.time_ns()), asked)
    view = replace(view, runs=view.runs[:newest])
    follow = f"tradeterm backtest show {view.runs[0].run_id}" if view.runs else "tradeterm backtest run"
    invocation.out.result(view.to_json(), lambda page: show_runs(page, view.runs), next_command=follow)


@app.command()
def show(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Run id or its beginning; nothing = the newest.")] = "",
    why: Annotated[
        str, typer.Option("--why", metavar="SYMBOL@TIME", help="Explain one decision; no @TIME = the last one.")
    ] = "",
) -> None:
    """Show one run: certificate, metrics of the book and of each strategy; or why it decided as it did."""
    from tradeterm.views.runs import build_run

    invocation = invocation_of(context)
    workspace = invocation.workspace()
    chosen = _named(invocation, run_id)
    if why:
        _explain(invocation, chosen, why)
        return
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
        if view.trials is not None:
            page.line(_tried(view.trials), style="dim")
        if view.stress:
            page.line("under stress, on the recorded wishes of the strategies", style="dim")
            columns = ("scenario", *(f">{name}" for name in _STRESSED))
            page.table(columns, [(item.scenario, *(getattr(item, name) for name in _STRESSED)) for item in view.stress])
        page.line(f"{view.fills} fills, {len(view.points)} days", style="dim")
        _more(page, workspace, chosen)

    invocation.out.result(view.to_json(), lay_out, next_command=f"tradeterm backtest report {chosen}")


@app.command()
def report(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Run id or its beginning; nothing = the newest.")] = "",
) -> None:
    """Make the report of a run: PNG and SVG pictures and one page of HTML below results/plots/."""
    from tradeterm.views.performance import make

    invocation = invocation_of(context)
    chosen = _named(invocation, run_id)
    view = make(invocation.workspace(), chosen)
    if view is None:
        raise UsageError(f"no run '{chosen}' in the ledger; see `tradeterm backtest list`")
    page_path, *pictures = view.files

    def show(page: Page) -> None:
        page.line(f"report of run {chosen}: {page_path}")
        page.line(_certified(view.to_json()["row"]["certificate"]))
        _assumed(page, view.row.fill, sample=view.row.sample)
        if pictures:
            page.line(f"{len(pictures)} pictures beside it, PNG and SVG")

    invocation.out.result(view.to_json(), show, outcome=f"report {page_path}")


@app.command()
def compare(
    context: typer.Context,
    run_ids: Annotated[list[str], typer.Argument(metavar="RUN...", help="Two to four run ids or their beginnings.")],
) -> None:
    """Show runs side by side: metrics, what is configured differently, correlation of their days."""
    from tradeterm.cli.performance import show_comparison
    from tradeterm.views.comparison import build

    invocation = invocation_of(context)
    view = build(invocation.workspace(), [_named(invocation, run_id) for run_id in run_ids])
    follow = f"tradeterm backtest report {view.runs[0].run_id}"
    invocation.out.result(view.to_json(), lambda page: show_comparison(page, view), next_command=follow)


def _named(invocation: Invocation, asked: str) -> str:
    """Return the id of a run that is named by its beginning, or of the newest."""
    from tradeterm.views.runs import build

    return _chosen(asked, [row.run_id for row in build(invocation.workspace(), time.time_ns()).runs])


def _more(page: Page, workspace: Workspace, run_id: str) -> None:
    """Show curves, months, regimes and benchmarks; a line where they can't be read."""
    from tradeterm.cli.performance import charts, show_performance
    from tradeterm.core.errors import StoreError
    from tradeterm.views.performance import build

    try:
        view = build(workspace, run_id)
    except StoreError as failure:
        page.line(f"! {failure}")
        return
    if view is not None and view.performance is not None:
        charts(page, view.performance)
        show_performance(page, view.performance)


def _explain(invocation: Invocation, run_id: str, asked: str) -> None:
    from tradeterm.views.why import build, instant_of
    from tradeterm.views.why_page import sections

    symbol, _, when = asked.partition("@")
    if not symbol:
        raise UsageError(f"--why '{asked}' names no symbol; give SYMBOL@TIME, such as SPY@2024-05-31T20:00:00Z")
    view = build(invocation.workspace(), run_id, symbol, instant_of(when))

    def show(page: Page) -> None:
        for section in sections(view):
            page.title(section.title)
            for line in section.lines:
                page.line(line)
            if section.columns:
                page.table(section.columns, section.rows)
            page.line()

    follow = f"tradeterm backtest show {run_id} --why {symbol}@{iso(view.earlier_ns)}" if view.earlier_ns else ""
    invocation.out.result(view.to_json(), show, next_command=follow)


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


def _tried(trials: Deflated) -> str:
    said = f"{trials.trials} trials of these strategies, {trials.measured} with a Sharpe ratio"
    chance = "unknown" if trials.probability is None else f"{trials.probability:.1%}"
    record = "no record is long enough" if trials.track_days is None else f"{trials.track_days:,} days"
    return f"{said}: deflated, it is true with {chance}; a record for 95 % that it is over 0: {record}"


def _certified(certificate: dict[str, Any]) -> str:
    audit = certificate.get("audit")
    if audit is not None and not audit["ok"]:
        return "audit FAILED: no metrics are shown; what happened does not follow from the bars and the terms"
    if not certificate["ok"]:
        return "certificate FAILED: no metrics are shown; see `tradeterm strategy check NAME --all`"
    fills = "" if audit is None else f"; audit: {audit['fills']} fills, cash to {audit['residual']:.0e} of NAV"
    return f"certificate: no look-ahead found, {certificate['coverage']}{fills}"
