"""Metrics of a certified run for other programs: of the book and of each strategy, with their definitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tradeterm.core.errors import StoreError
from tradeterm.core.time import from_iso
from tradeterm.store.ledger import Ledger
from tradeterm.store.runs import RunStore
from tradeterm.views.base import View, number
from tradeterm.views.newest import newest_step
from tradeterm.views.predictions import LedgerPoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradeterm.config.workspace import Workspace
    from tradeterm.store.ledger import Fact, LedgerReader

__all__ = ["StrategyMetrics", "StrategyMetricsView", "build"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyMetrics:
    """One strategy of the run; budget is its configured share of NAV; a metric that is undefined is None."""

    name: str
    version: str
    budget: float | None
    metrics: dict[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyMetricsView(View):
    """One run: the newest daily snapshot, or the one that was asked for.

    certificate : whether its look-ahead certificate holds; without one no metric is shown; None without a run
    optimistic : whether it filled at the close it decided on
    portfolio : of the book, by name; definitions : what each metric is, and its unit
    reason : why there are no metrics, None where there are some
    readable : whether the run's file could be read
    """

    SCHEMA: ClassVar[str] = "tradeterm.metrics.v1"

    ledger: LedgerPoint
    run_id: str | None
    name: str | None
    kind: str | None
    profile: str | None
    made_up: bool | None
    optimistic: bool | None
    start_ns: int | None
    end_ns: int | None
    certificate: bool | None
    portfolio: dict[str, float | None]
    strategies: tuple[StrategyMetrics, ...]
    definitions: dict[str, str]
    reason: str | None
    readable: bool


def build(workspace: Workspace, *, run_id: str | None = None, profile: str | None = None) -> StrategyMetricsView | None:
    """Read the metrics of a run, of the newest daily snapshot where none is named; None when there is no such run.

    Raises
    ------
    StoreError
        When the ledger can't be read.
    """
    with Ledger.reader(workspace.results) as reader, reader.at_one_instant() as ledger:
        point = LedgerPoint.of(ledger.tip())
        wanted = run_id if run_id is not None else _newest(ledger, profile)
        fact = ledger.get("run", wanted) if wanted is not None else None
    if fact is not None:
        return _shown(point, fact, workspace)
    if run_id is not None:
        return None
    under = f" under profile {profile}" if profile is not None else ""
    return _none(point, f"no daily run has kept a backtest{under} yet; run `tradeterm daily`")


def _newest(ledger: LedgerReader, profile: str | None) -> str | None:
    step = newest_step(ledger, "snapshot", profile=profile)
    return str(step.outputs["run_id"]) if step is not None else None


def _shown(point: LedgerPoint, fact: Fact, workspace: Workspace) -> StrategyMetricsView:
    payload = fact.payload
    certified = (payload.get("certificate") or {}).get("ok") is True
    document: dict[str, Any] = {}
    reason, readable = None, True
    if not certified:
        reason = f"run {fact.key} has no look-ahead certificate that holds: its metrics are not shown"
    else:
        try:
            document = RunStore(workspace.results).document(fact.key, "metrics")
        except StoreError as problem:
            reason, readable = str(problem), False
    parts = document.get("strategies") or {}
    return StrategyMetricsView(
        ledger=point,
        run_id=fact.key,
        name=str(payload["name"]),
        kind=str(payload.get("kind", "backtest")),
        profile=str(payload["profile"]),
        made_up=payload["made_up"] is True,
        optimistic=payload["fill"] == "close",
        start_ns=from_iso(payload["start"]),
        end_ns=from_iso(payload["end"]),
        certificate=certified,
        portfolio=_numbers(document.get("portfolio") or {}),
        strategies=tuple(
            StrategyMetrics(
                name=str(item["name"]),
                version=str(item.get("version", "")),
                budget=number(item.get("budget")),
                metrics=_numbers(parts.get(item["name"]) or {}),
            )
            for item in payload["strategies"]
        ),
        definitions={str(name): str(text) for name, text in (document.get("conventions") or {}).items()},
        reason=reason,
        readable=readable,
    )


def _none(point: LedgerPoint, reason: str) -> StrategyMetricsView:
    return StrategyMetricsView(
        ledger=point,
        run_id=None,
        name=None,
        kind=None,
        profile=None,
        made_up=None,
        optimistic=None,
        start_ns=None,
        end_ns=None,
        certificate=None,
        portfolio={},
        strategies=(),
        definitions={},
        reason=reason,
        readable=True,
    )


def _numbers(found: Mapping[str, Any]) -> dict[str, float | None]:
    return {str(name): number(value) for name, value in found.items()}
