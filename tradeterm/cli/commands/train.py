"""``tradeterm train``: the models of learned strategies that are due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tradeterm.cli.groups import single
from tradeterm.cli.invocation import invocation_of
from tradeterm.cli.progress import progress
from tradeterm.core.errors import UsageError
from tradeterm.core.time import iso

if TYPE_CHECKING:
    from tradeterm.cli.output import Page

__all__ = ["app"]

app = single()


@app.command()
def train(
    context: typer.Context,
    asof: Annotated[
        str, typer.Option("--asof", help="Date, instant or today: what is due and known by then.")
    ] = "today",
    strategy: Annotated[
        str, typer.Option("--strategy", help="This learned strategy; nothing = each of models.strategies.")
    ] = "",
) -> None:
    """Fit what the schedule has due by an instant, each model on what was known at its own."""
    invocation = invocation_of(context)
    settings = invocation.settings()
    invocation.use_engine()
    asof_ns = invocation.instant(asof)
    from tradeterm.research.train import learned_names
    from tradeterm.research.train import train as train_due
    from tradeterm.views.base import plain
    from tradeterm.views.models import ModelsView, row_of

    names = [strategy] if strategy else learned_names(settings)
    if not names:
        raise UsageError("models.strategies: no strategy of it learns, so there is nothing to train; name one there")
    with invocation.logged("train"), invocation.ledger() as ledger, progress() as report:
        found = train_due(settings, ledger, names, asof_ns=asof_ns, progress=report)
    view = ModelsView(models=tuple(row_of(item.fact) for item in found))

    def show(page: Page) -> None:
        page.title(f"models due by {iso(asof_ns)}{'  SAMPLE' if settings.made_up else ''}")
        rows = [
            (row.strategy, row.model_hash, iso(row.known_from_ns), row.status, row.score, row.samples, item.fits)
            for row, item in zip(view.models, found, strict=True)
        ]
        page.table(("strategy", "model", "known from", "status", ">score", ">decisions", ">fits"), rows)
        for row in view.models:
            if row.status == "candidate":
                page.line(f"! {row.strategy}: scores too much worse than {row.before}, which stays in use")

    document = {
        "schema": "tradeterm.train.v1",
        "asof": iso(asof_ns),
        "sample": settings.made_up,
        "models": [
            plain(view.to_json()["models"][place]) | {"fits": item.fits, "new": item.new}
            for place, item in enumerate(found)
        ],
    }
    told = ", ".join(f"{row.strategy} {row.model_hash} {row.status}" for row in view.models)
    invocation.out.result(
        document, show, outcome=told, next_command=f"tradeterm models show {view.models[0].model_hash}"
    )
