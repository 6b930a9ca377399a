"""Lifecycle board: every strategy file of the workspace, and what the gate to the next stage needs and has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tradeterm.core.errors import StoreError
from tradeterm.core.stages import Stage
from tradeterm.lifecycle.board import stages
from tradeterm.lifecycle.gates import candidate_gate
from tradeterm.store.ledger import Ledger
from tradeterm.store.runs import RunStore
from tradeterm.views.base import View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tradeterm.config.schema import Config
    from tradeterm.config.workspace import Workspace
    from tradeterm.lifecycle.gates import GateCheck
    from tradeterm.store.ledger import Fact

__all__ = ["BoardView", "Check", "Listed", "StrategyRow", "build", "listed"]

_LOOKED_AT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A strategy of a file in the workspace, or a file that gives none and says why."""

    name: str
    version: str
    file: str
    content_hash: str
    error: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Listed:
        """Take a row of ``tradeterm strategy list --json``."""
        error = row.get("error")
        texts = {name: str(row[name]) for name in ("name", "version", "file", "content_hash")}
        return cls(**texts, error=str(error) if error else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One condition of a gate; ``passed`` is None while nothing tells."""

    what: str
    need: str
    have: str
    passed: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyRow:
    """One strategy on the board.

    budget : configured share of NAV, None when it takes no part
    gate : the stage that the checks lead to, None where there is none yet
    evidence : the run that they were read from, None without one
    """

    name: str
    version: str
    file: str
    content_hash: str
    error: str | None
    stage: str
    budget: float | None
    gate: str | None
    evidence: str | None
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardView(View):
    """The board by stage; ``broken`` counts files that don't load."""

    SCHEMA: ClassVar[str] = "tradeterm.board.v1"

    strategies: tuple[StrategyRow, ...]
    broken: int
    problem: str | None


def listed(folder: Path) -> tuple[Listed, ...]:
    """Load the strategy files of a folder; runs the user's code and imports numba, so not in the workstation."""
    from tradeterm.store.strategies import discover

    return tuple(
        Listed(
            name=found.name,
            version=found.version,
            file=found.path.name,
            content_hash=found.content_hash,
            error=found.error,
        )
        for found in discover(folder)
    )


def build(
    workspace: Workspace, now_ns: int, *, config: Config, strategies: Sequence[Listed], problem: str | None = None
) -> BoardView:
    """Put the strategies on the board and read the newest evidence for each.

    Raises
    ------
    StoreError
        When the ledger can't be read.
    """
    budgets = {entry.name: entry.budget for entry in config.models.strategies if entry.enabled}
    with Ledger.reader(workspace.results) as ledger:
        runs = ledger.facts("run", newest=_LOOKED_AT)[::-1]
        reached = stages(ledger, [item.name for item in strategies])
    store = RunStore(workspace.results)
    rows = tuple(
        _row(item, reached[item.name], budgets.get(item.name), config, store, _evidence(runs, item))
        for item in strategies
    )
    return BoardView(strategies=rows, broken=sum(row.error is not None for row in rows), problem=problem)


def _evidence(runs: list[Fact], item: Listed) -> Fact | None:
    """Return the newest run that holds exactly this strategy's file."""
    for fact in runs:
        for part in fact.payload["strategies"]:
            if part["name"] == item.name and part.get("content_hash") == item.content_hash:
                return fact
    return None


def _row(
    item: Listed, stage: Stage, budget: float | None, config: Config, store: RunStore, fact: Fact | None
) -> StrategyRow:
    metrics = _metrics(store, item, fact)
    # A run without usable metrics is no evidence; pane 2 says what is wrong with it.
    evidence = fact if metrics is not None else None
    checks = candidate_gate(
        config.lifecycle.candidate, metrics=metrics, run=evidence.payload if evidence is not None else None
    )
    return StrategyRow(
        name=item.name,
        version=item.version,
        file=item.file,
        content_hash=item.content_hash,
        error=item.error,
        stage=stage.value,
        budget=budget,
        gate=Stage.CANDIDATE.value if stage is Stage.RESEARCH else None,
        evidence=evidence.key if evidence is not None else None,
        checks=()
        if item.error or stage is not Stage.RESEARCH
        else tuple(_check(check, known=evidence is not None) for check in checks),
    )


def _metrics(store: RunStore, item: Listed, fact: Fact | None) -> dict[str, Any] | None:
    if fact is None or fact.payload["certificate"]["ok"] is not True:
        return None
    try:
        found: dict[str, Any] | None = (store.document(fact.key, "metrics").get("strategies") or {}).get(item.name)
    except StoreError:
        return None
    return found


def _check(found: GateCheck, *, known: bool) -> Check:
    """Word a check; without a run nothing is known, not even that a certificate is missing."""
    if not known or found.have is None:
        return Check(what=found.name, need=found.need, have="-", passed=None)
    return Check(what=found.name, need=found.need, have=_told(found), passed=found.ok)


def _told(found: GateCheck) -> str:
    if isinstance(found.have, bool):
        return "yes" if found.have else "no"
    return f"{found.have:.1%}" if found.need.endswith("%") else f"{found.have:.2f}".rstrip("0").rstrip(".")
