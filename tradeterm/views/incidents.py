"""Incidents: what went wrong, what was done because of it, and whether a person has closed it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tradeterm.store.incidents import incidents
from tradeterm.store.ledger import Ledger
from tradeterm.views.base import View

if TYPE_CHECKING:
    from tradeterm.config.workspace import Workspace
    from tradeterm.store.incidents import Incident

__all__ = ["IncidentsView", "build"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentsView(View):
    """The newest incidents, newest first; counts are of all."""

    SCHEMA: ClassVar[str] = "tradeterm.incidents.v1"

    incidents: tuple[Incident, ...]
    total: int
    open: int


def build(workspace: Workspace, *, newest: int = 100, only_open: bool = False) -> IncidentsView:
    """Read the incidents.

    Raises
    ------
    StoreError
        When the ledger can't be read.
    """
    with Ledger.reader(workspace.results) as ledger:
        found = incidents(ledger)[::-1]
    still = [item for item in found if item.state == "open"]
    return IncidentsView(incidents=tuple((still if only_open else found)[:newest]), total=len(found), open=len(still))
