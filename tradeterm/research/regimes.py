"""The regime as facts: its state at an instant, what it does to budgets and limits, and its transitions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.time import HOUR_NS, from_iso, iso
from tradeterm.engine.regime import AXES, NEVER, UNKNOWN_WORD, known_states, transitions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tradeterm.config.settings import Settings
    from tradeterm.engine.replay import Replay
    from tradeterm.store.ledger import Fact

__all__ = ["regime_hash", "state_fact", "transition_facts"]

_SECTIONS = ("regime_budgets.thresholds", "universe.roles", "universe.publication", "system.timeframe")


def regime_hash(settings: Settings) -> str:
    """Identity of the lines, inputs and publication rules that the regime is judged by."""
    return settings.hash_of(*_SECTIONS)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def state_fact(settings: Settings, run: Replay, daily_id: str) -> tuple[str, str, dict[str, Any]]:
    """Fact ``regime_state`` at the last decision of ``run``, as this daily run saw it."""
    row = len(run.frame) - 1
    now = run.frame.at_row(row)
    roles = settings.config.universe.roles
    sources = (roles.equity, roles.volatility or roles.equity, roles.crypto, roles.activity)
    since = {name: _since(run, axis) for axis, name in enumerate(AXES)}
    axes = {
        name: {
            "state": now.state[axis],
            "last": now.last[axis],
            "status": now.status[axis],
            "age_hours": now.age_ns[axis] / HOUR_NS,
            "since": since[name],
            "input": sources[axis],
            "value": _number(now.reading[axis]),
            "reference": _number(now.reference[axis]),
        }
        for axis, name in enumerate(AXES)
    }
    last = len(run.times) - 1
    limits = settings.config.system.limits
    payload = {
        "asof": iso(now.time_ns),
        "axes": axes,
        "budgets": [
            {"strategy": member.strategy.name, "base": member.budget, "now": float(run.plan.budget[0, last, m])}
            for m, member in enumerate(run.spec.members)
        ],
        "limits": {
            "asset": {"base": limits.asset, "now": float(run.terms.asset_tight[0, last])},
            "gross": {"base": limits.gross, "now": float(run.terms.gross_cap[0, last])},
            "classes": {
                name: {
                    "base": _number(run.spec.limits.classes.get(name, math.inf)),
                    "now": _number(float(run.terms.class_cap[0, last, c])),
                }
                for c, name in enumerate(run.spec.classes)
            },
        },
    }
    # Another attempt at the same instant may know more: it has a fact of its own.
    key = f"{iso(now.time_ns)}|{regime_hash(settings)}|{settings.config_hash}|{daily_id}"
    return "regime_state", key, payload


def _since(run: Replay, axis: int) -> str | None:
    """When the present state began, or became unknown; None where nothing was known since the first decision."""
    codes = known_states(run.frame)[:, axis]
    changed = np.flatnonzero(np.diff(codes)) + 1
    if len(changed):
        return iso(int(run.frame.times[changed[-1]]))
    return iso(int(run.frame.times[0])) if codes[0] != NEVER else None


def transition_facts(
    settings: Settings, run: Replay, states: Sequence[Fact], recorded: Sequence[Fact]
) -> list[tuple[str, str, dict[str, Any]]]:
    """Facts ``regime`` for every change of a known state inside the run that comes after what is recorded.

    What was recorded stands, as it was seen in its own time. Bars that were restated since, of which most of a macro
    series may be, change no transition of the past: where they change the present, that is one at the next decision.

    states, recorded : facts ``regime_state`` and ``regime`` of the ledger
    """
    judged_by = regime_hash(settings)
    seen = sorted(fact.payload["asof"] for fact in states if fact.key.split("|")[1] == judged_by)
    first, before = run.first_row, None
    if seen:
        first = max(first, int(np.searchsorted(run.frame.times, from_iso(seen[-1]), side="right")))
        before = _chain(judged_by, states, recorded)
    found = []
    for item in transitions(run.frame.rows(first, len(run.frame)), before):
        at = iso(item.time_ns)
        payload = {
            "axis": item.axis,
            "ts": at,
            "from": item.before,
            "to": item.after,
            "value": _number(item.reading),
            "judged_by": judged_by,
        }
        found.append(("regime", f"{item.axis}|{at}|{judged_by}", payload))
    return found


def _chain(judged_by: str, states: Sequence[Fact], recorded: Sequence[Fact]) -> dict[str, str]:
    """State by axis in which the recorded transitions end: the first recorded state where there are none."""
    mine = [fact for fact in states if fact.key.split("|")[1] == judged_by]
    oldest = min(mine, key=lambda fact: (str(fact.payload["asof"]), fact.seq))
    ends = {name: _word(axis) for name, axis in oldest.payload["axes"].items()}
    changes = [fact.payload for fact in recorded if fact.payload["judged_by"] == judged_by]
    for change in sorted(changes, key=lambda payload: str(payload["ts"])):
        ends[change["axis"]] = str(change["to"])
    return ends


def _word(axis: Mapping[str, Any]) -> str:
    return UNKNOWN_WORD if axis["status"] == "unknown" else str(axis["state"])
