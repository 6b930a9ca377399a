"""``tradeterm backtest``: run, list and show backtests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradeterm.cli.groups import group
from tradeterm.cli.invocation import invocation_of
from tradeterm.cli.progress import progress
from tradeterm.core.errors import UsageError, nearest
from tradeterm.core.time import from_iso

if TYPE_CHECKING:
    from pathlib import Path

    from tradeterm.cli.output import Page

__all__ = ["app"]

app = group("Run, list and show backtests.")

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

    log = invocation.start_log("backtest")
    try:
        with invocation.ledger() as ledger, progress() as report:
            result = run_backtest(settings, ledger, name=name, start_ns=start_ns, end_ns=end_ns, progress=report)
    finally:
        log.close()
    certificate = result.fact["certificate"]
    metrics = result.fact["metrics"]

    def show(page: Page) -> None:
        page.line(f"run {result.run_id} {result.status}: {result.path}")
        page.line(_certified(certificate))
        page.pairs({key: metrics.get(key) for key in _LISTED})

    document = {
        "schema": "tradeterm.backtest.v1",
        "run_id": result.run_id,
        "status": result.status,
        "path": str(result.path),
        "metrics": metrics,
        "certificate": certificate,
    }
    invocation.out.result(document, show, next_command=f"tradeterm backtest show {result.run_id}")


@app.command("list")
def list_(
    context: typer.Context,
    newest: Annotated[int, typer.Option("--newest", min=1, help="At most this many.")] = 20,
) -> None:
    """List the stored runs, newest first."""
    invocation = invocation_of(context)
    runs = [dict(fact.payload, run_id=fact.key) for fact in _facts(invocation.workspace().results, newest)]

    def show(page: Page) -> None:
        rows = []
        for item in runs:
            metrics = item.get("metrics") or {}
            period = f"{str(item.get('start'))[:10]}..{str(item.get('end'))[:10]}"
            rows.append((item["run_id"], item.get("name"), period, *(metrics.get(key) for key in _LISTED)))
        page.table(("run", "name", "period", *(f">{key}" for key in _LISTED)), rows)

    document = {"schema": "tradeterm.backtests.v1", "runs": runs}
    follow = f"tradeterm backtest show {runs[0]['run_id']}" if runs else "tradeterm backtest run"
    invocation.out.result(document, show, next_command=follow)


@app.command()
def show(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Run id or its beginning; nothing = the newest.")] = "",
) -> None:
    """Show one run: metrics, conventions and certificate."""
    from tradeterm.store.runs import RunStore

    invocation = invocation_of(context)
    results = invocation.workspace().results
    store = RunStore(results)
    chosen = _chosen(run_id, list(store.ids()), results)
    documents: dict[str, Any] = {part: store.document(chosen, part) for part in ("manifest", "metrics", "certificate")}

    def lay_out(page: Page) -> None:
        page.title(f"run {chosen}")
        page.line(_certified(documents["certificate"]))
        if documents["certificate"].get("ok"):
            page.pairs(documents["metrics"].get("portfolio", {}))

    document = {"schema": "tradeterm.run.v1", "run_id": chosen, **documents}
    invocation.out.result(document, lay_out, next_command="tradeterm backtest list")


def _facts(results: Path, newest: int | None) -> list[Any]:
    from tradeterm.store.ledger import Ledger

    with Ledger.reader(results) as ledger:
        return ledger.facts("run", newest=newest)[::-1]


def _chosen(asked: str, ids: list[str], results: Path) -> str:
    if not ids:
        raise UsageError(f"{results / 'runs'}: no run stored; run `tradeterm backtest run`")
    if not asked:
        recorded = _facts(results, 1)
        return str(recorded[0].key) if recorded else ids[-1]
    found = [run_id for run_id in ids if run_id.startswith(asked)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"'{asked}' begins {len(found)} run ids; give more of it")
    near = nearest(asked, ids)
    raise UsageError(f"no run '{asked}'; {f'did you mean {near}?' if near else 'see `tradeterm backtest list`'}")


def _certified(certificate: dict[str, Any]) -> str:
    if certificate.get("ok"):
        return f"certificate: no look-ahead found ({certificate.get('coverage')})"
    return "certificate FAILED: no metrics are shown; see `tradeterm strategy check NAME --all`"
