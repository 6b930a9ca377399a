"""Lifecycle board: every strategy file of the workspace, and what the gate to the next stage needs and has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tradeterm.core.errors import StoreError
from tradeterm.core.stages import Stage
from tradeterm.core.time import DAY_NS, from_iso
from tradeterm.store.ledger import Ledger
from tradeterm.store.runs import RunStore
from tradeterm.views.base import View, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tradeterm.config.schema import Config, Gate
    from tradeterm.config.workspace import Workspace
    from tradeterm.store.ledger import Fact, LedgerReader

__all__ = ["BoardView", "Check", "Listed", "StrategyRow", "build", "listed"]

_YEAR_NS = 365.25 * DAY_NS
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
    gate : the stage that the checks lead to; evidence : the run that they were read from, None without one
    """

    name: str
    version: str
    file: str
    content_hash: str
    error: str | None
    stage: str
    budget: float | None
    gate: str
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
        facts = {item.name: _evidence(ledger, runs, item) for item in strategies}
    store = RunStore(workspace.results)
    rows = tuple(_row(item, budgets.get(item.name), config, store, facts[item.name]) for item in strategies)
    return BoardView(strategies=rows, broken=sum(row.error is not None for row in rows), problem=problem)


def _evidence(ledger: LedgerReader, runs: list[Fact], item: Listed) -> Fact | None:
    """Return the newest run that holds exactly this strategy's file."""
    for fact in runs:
        for part in fact.payload["strategies"]:
            if part["name"] == item.name and part.get("content_hash") == item.content_hash:
                return fact
    return None


def _row(item: Listed, budget: float | None, config: Config, store: RunStore, fact: Fact | None) -> StrategyRow:
    metrics: dict[str, Any] = {}
    if fact is not None and fact.payload["certificate"]["ok"] is True:
        try:
            metrics = (store.document(fact.key, "metrics").get("strategies") or {}).get(item.name) or {}
        except StoreError:
            # A damaged run is no evidence; pane 2 says what is wrong with it.
            fact = None
    return StrategyRow(
        name=item.name,
        version=item.version,
        file=item.file,
        content_hash=item.content_hash,
        error=item.error,
        stage=Stage.RESEARCH.value,
        budget=budget,
        gate=Stage.CANDIDATE.value,
        evidence=fact.key if fact is not None else None,
        checks=() if item.error else tuple(_checks(config.lifecycle.candidate, metrics, fact)),
    )


def _checks(gate: Gate, metrics: dict[str, Any], fact: Fact | None) -> Iterable[Check]:
    sharpe, trades = number(metrics.get("sharpe")), number(metrics.get("trades"))
    depth = number(metrics.get("max_drawdown"))
    years = None
    if fact is not None:
        years = (from_iso(fact.payload["end"]) - from_iso(fact.payload["start"])) / _YEAR_NS
    yield _at_least("Sharpe", sharpe, gate.min_sharpe, "{:.2f}")
    yield Check(
        what="drawdown",
        need=f"<= {gate.max_drawdown:.0%}",
        have="-" if depth is None else f"{abs(depth):.1%}",
        passed=None if depth is None else abs(depth) <= gate.max_drawdown,
    )
    yield _at_least("years", years, gate.min_years, "{:.1f}")
    yield _at_least("round trips", trades, float(gate.min_trades), "{:.0f}")
    if gate.certificate:
        yield _certificate(fact)


def _at_least(what: str, have: float | None, need: float, form: str) -> Check:
    return Check(
        what=what,
        need=f">= {form.format(need)}",
        have="-" if have is None else form.format(have),
        passed=None if have is None else have >= need,
    )


def _certificate(fact: Fact | None) -> Check:
    """Promotion needs every decision decided again, not the sample that a stored run has."""
    found = fact.payload["certificate"] if fact is not None else None
    whole = found is not None and found["ok"] is True and found["checked"] >= found["decisions"]
    return Check(
        what="certificate",
        need="all decisions",
        have="-" if found is None else f"{found['checked']:,} of {found['decisions']:,}" if found["ok"] else "failed",
        passed=None if found is None else whole,
    )
