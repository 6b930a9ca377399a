"""``tradeterm models``: fitted models as they were recorded, and one in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tradeterm.cli.groups import group
from tradeterm.cli.invocation import invocation_of
from tradeterm.core.time import iso

if TYPE_CHECKING:
    from tradeterm.cli.output import Page

__all__ = ["app"]

app = group("List and show fitted models.")


@app.command("list")
def list_(
    context: typer.Context,
    newest: Annotated[int, typer.Option("--newest", min=1, help="At most this many.")] = 50,
    strategy: Annotated[str, typer.Option("--strategy", help="Only those of this strategy.")] = "",
) -> None:
    """List the models that training recorded, newest first."""
    from tradeterm.views.models import build

    invocation = invocation_of(context)
    view = build(invocation.workspace(), newest=newest, strategy=strategy or None)

    def show(page: Page) -> None:
        rows = [
            (row.strategy, row.model_hash, iso(row.known_from_ns), row.status, row.score, row.samples, row.before)
            for row in view.models
        ]
        page.table(("strategy", "model", "known from", "status", ">score", ">decisions", "before"), rows)

    follow = f"tradeterm models show {view.models[0].model_hash}" if view.models else "tradeterm train"
    invocation.out.result(view.to_json(), show, next_command=follow)


@app.command()
def show(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Hash of a model, or its beginning.")],
) -> None:
    """Show one model: what it was fitted on, its scores per fold, and where it came from."""
    from tradeterm.views.models import show as shown

    invocation = invocation_of(context)
    view = shown(invocation.workspace(), model)
    told = view.manifest

    def lay_out(page: Page) -> None:
        page.title(f"{view.strategy}+{view.model_hash}")
        data, git = told["data"], told["git"]
        tree = {True: "clean", False: "with changes", None: "unknown"}[git["clean"]]
        page.pairs(
            {
                "decisions": data["samples"],
                "from": data["from"],
                "to": data["to"],
                "labels": ", ".join(f"{sign}: {count}" for sign, count in data["labels"].items()),
                "data": data["fingerprint"],
                "features": ", ".join(told["features"]),
                "regime axes": ", ".join(told["axes"]),
                "params": ", ".join(f"{name} {value}" for name, value in told["params"].items()),
                "seed": told["seed"],
                "score": view.score,
                "git": f"{git['sha'] or 'unknown'} ({tree})",
                "libraries": ", ".join(f"{name} {version}" for name, version in told["libraries"].items()),
                "processor": told["processor"],
            }
        )
        page.line()
        rows = [
            (
                *(iso(instant)[:10] for instant in (fold.test_from_ns, fold.test_to_ns)),
                *(fold.trained, fold.purged, fold.tested),
                *(fold.log_loss, fold.base, fold.skill, fold.accuracy),
            )
            for fold in view.folds
        ]
        columns = ("test from", "to", ">trained on", ">purged", ">tested", ">log loss", ">base", ">skill", ">accuracy")
        page.table(columns, rows)
        for record in view.records:
            page.line(f"{record.status}, may be used from {iso(record.known_from_ns)}")

    invocation.out.result(view.to_json(), lay_out, next_command="tradeterm models list")
