"""Which stage each strategy is in: the newest lifecycle event of the ledger, research without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradeterm.core.stages import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradeterm.store.ledger import LedgerReader

__all__ = ["stages"]


def stages(ledger: LedgerReader, names: Iterable[str]) -> dict[str, Stage]:
    """Stage of every named strategy."""
    moved = {fact.payload["strategy"]: Stage(fact.payload["to"]) for fact in ledger.facts("lifecycle")}
    return {name: moved.get(name, Stage.RESEARCH) for name in names}
