"""Regimes: the four axes as the newest daily run judged them, what that does to budgets, and the last changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tradeterm.core.time import from_iso
from tradeterm.store.ledger import Ledger
from tradeterm.views.base import View, hours_since, number
from tradeterm.views.newest import newest_step
from tradeterm.views.status import STALE_HOURS, in_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.config.workspace import Workspace
    from tradeterm.store.ledger import Fact, LedgerReader

__all__ = ["Axis", "Budget", "Change", "Limit", "RegimeView", "build", "judged", "newest_changes"]

_MOST_CHANGES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis.

    state : as shown; last : the last known one; status : fresh, late or unknown
    age_hours : how long its next value was overdue at the judgement
    value, reference : the reading and the line it was held against
    """

    axis: str
    state: str
    last: str | None
    status: str
    stale: bool
    age_hours: float | None
    since_ns: int | None
    input: str | None
    value: float | None
    reference: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Share of NAV of a strategy: configured, and under the present regimes."""

    strategy: str
    base: float | None
    now: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A cap that regimes may tighten: configured, and now."""

    name: str
    base: float | None
    now: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An axis that went from one state to another, and the reading that did it."""

    ts_ns: int
    axis: str
    before: str
    after: str
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeView(View):
    """Regimes as of the newest daily run; no axes while there was none."""

    SCHEMA: ClassVar[str] = "tradeterm.regime.v1"

    asof_ns: int | None
    age_hours: int | None
    stale: bool
    axes: tuple[Axis, ...]
    budgets: tuple[Budget, ...]
    limits: tuple[Limit, ...]
    changes: tuple[Change, ...]


def build(workspace: Workspace, now_ns: int, *, profile: str | None = None) -> RegimeView:
    """Read the regimes.

    Raises
    ------
    StoreError
        When the ledger can't be read.
    """
    with Ledger.reader(workspace.results) as ledger:
        fact, changes = judged(ledger, profile)
    if fact is None:
        return RegimeView(asof_ns=None, age_hours=None, stale=False, axes=(), budgets=(), limits=(), changes=())
    asof = from_iso(fact.payload["asof"])
    age = hours_since(asof, now_ns)
    return RegimeView(
        asof_ns=asof,
        age_hours=age,
        stale=age > STALE_HOURS,
        axes=tuple(_axis(name, item) for name, item in in_order(fact.payload["axes"])),
        budgets=tuple(
            Budget(strategy=item["strategy"], base=number(item["base"]), now=number(item["now"]))
            for item in fact.payload["budgets"]
        ),
        limits=tuple(_limits(fact.payload["limits"])),
        changes=newest_changes(changes),
    )


def judged(ledger: LedgerReader, profile: str | None) -> tuple[Fact | None, list[Fact]]:
    """Return the state that the newest daily run judged, and the changes that were recorded by the same lines."""
    step = newest_step(ledger, "predict", profile=profile)
    fact = ledger.get("regime_state", str(step.outputs["regime"])) if step is not None else None
    judged_by = fact.key.split("|")[1] if fact is not None else ""
    return fact, [item for item in ledger.facts("regime") if item.payload.get("judged_by", judged_by) == judged_by]


def _axis(name: str, item: dict[str, Any]) -> Axis:
    since = item.get("since")
    return Axis(
        axis=name,
        state=str(item["state"]),
        last=item.get("last"),
        status=str(item["status"]),
        stale=item["status"] != "fresh",
        age_hours=number(item["age_hours"]),
        since_ns=from_iso(since) if since else None,
        input=item.get("input"),
        value=number(item.get("value")),
        reference=number(item.get("reference")),
    )


def _limits(found: dict[str, Any]) -> list[Limit]:
    pairs = [(name, item) for name, item in found.items() if name != "classes"]
    pairs += [(f"{name} class", item) for name, item in (found.get("classes") or {}).items()]
    return [Limit(name=name, base=number(item["base"]), now=number(item["now"])) for name, item in pairs]


def newest_changes(facts: Sequence[Fact]) -> tuple[Change, ...]:
    """Return as many of these facts ``regime`` as a screen is for, the newest first."""
    # The first run records years of changes at once: their own instants order them, not the recording.
    rows = sorted((fact.payload for fact in facts), key=lambda item: str(item["ts"]), reverse=True)[:_MOST_CHANGES]
    return tuple(
        Change(
            ts_ns=from_iso(item["ts"]),
            axis=str(item["axis"]),
            before=str(item["from"]),
            after=str(item["to"]),
            value=number(item.get("value")),
        )
        for item in rows
    )
