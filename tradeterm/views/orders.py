"""Orders: what a session has working. None runs yet, so there are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tradeterm import killfile
from tradeterm.core.time import from_iso
from tradeterm.store.ledger import Ledger
from tradeterm.views.base import View
from tradeterm.views.status import KillState

if TYPE_CHECKING:
    from tradeterm.config.workspace import Workspace
    from tradeterm.store.ledger import LedgerReader

__all__ = ["NO_SESSION", "KillEvent", "OrdersView", "build"]

NO_SESSION = "no session; orders appear here once a paper or live session runs"
_MOST_EVENTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class KillEvent:
    """A kill or a resume in the ledger."""

    at_ns: int
    what: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersView(View):
    """The session, and the kill latch with its history, newest first; ``message`` says why there are no orders."""

    SCHEMA: ClassVar[str] = "tradeterm.orders.v1"

    session: str
    message: str
    kill: KillState | None
    events: tuple[KillEvent, ...]


def build(workspace: Workspace, now_ns: int) -> OrdersView:
    """Read the kill latch and its history.

    Raises
    ------
    StoreError
        When the ledger can't be read.
    """
    latch = killfile.read(workspace.results)
    with Ledger.reader(workspace.results) as ledger:
        events = _events(ledger)
    return OrdersView(
        session="none",
        message=NO_SESSION,
        kill=KillState(at=latch.at, by=latch.by, reason=latch.reason, flatten=latch.flatten) if latch else None,
        events=events,
    )


def _events(ledger: LedgerReader) -> tuple[KillEvent, ...]:
    facts = [*ledger.facts("kill", newest=_MOST_EVENTS), *ledger.facts("resume", newest=_MOST_EVENTS)]
    newest = sorted(facts, key=lambda fact: (fact.payload["at"], fact.seq), reverse=True)[:_MOST_EVENTS]
    return tuple(
        KillEvent(
            at_ns=from_iso(fact.payload["at"]),
            what=fact.kind,
            by=str(fact.payload["by"]),
            reason=str(fact.payload["reason"]),
        )
        for fact in newest
    )
