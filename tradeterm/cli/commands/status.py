"""``tradeterm status``: the state in one glance, from the ledger and the kill latch alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from tradeterm import killfile
from tradeterm.cli.groups import single
from tradeterm.cli.invocation import invocation_of

if TYPE_CHECKING:
    from tradeterm.cli.output import Page
    from tradeterm.store.ledger import LedgerReader

__all__ = ["app"]

app = single()


@app.command()
def status(context: typer.Context) -> None:
    """Show kill state, last daily run, newest run and regimes."""
    from tradeterm.store.ledger import Ledger

    invocation = invocation_of(context)
    workspace = invocation.workspace()
    latch = killfile.read(workspace.results)
    with Ledger.reader(workspace.results) as ledger:
        document: dict[str, Any] = {
            "schema": "tradeterm.status.v1",
            "workspace": str(workspace.root),
            "kill": latch._asdict() if latch is not None else None,
            **{name: _newest(ledger, kind) for name, kind in (("daily", "daily"), ("run", "run"))},
            "regime": _newest(ledger, "regime_state"),
        }

    def show(page: Page) -> None:
        page.line("KILLED " + " ".join(latch[:3]) if latch is not None else "kill: not latched")
        page.pairs({"workspace": document["workspace"], **_told(document)})

    invocation.out.result(document, show, next_command="tradeterm" if document["daily"] else "tradeterm daily")


def _newest(ledger: LedgerReader, kind: str) -> dict[str, Any] | None:
    fact = ledger.latest(kind)
    return {"key": fact.key, **fact.payload} if fact is not None else None


def _told(document: dict[str, Any]) -> dict[str, Any]:
    daily, run, regime = document["daily"] or {}, document["run"] or {}, document["regime"] or {}
    metrics, ladder = run.get("metrics") or {}, run.get("ladder") or {}
    states = ", ".join(f"{axis} {item.get('state')}" for axis, item in regime.get("axes", {}).items())
    return {
        "last daily": daily.get("asof"),
        "newest run": run.get("key"),
        "bps_score": metrics.get("bps_score"),
        "ladder": ladder.get("state"),
        "regimes": states or None,
    }
