"""The regime as facts: its state at an instant, what it does to budgets and limits, and its transitions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.time import HOUR_NS, iso
from tradeterm.engine.regime import AXES, FRESH, transitions

if TYPE_CHECKING:
    from tradeterm.config.settings import Settings
    from tradeterm.engine.replay import Replay

__all__ = ["regime_hash", "state_fact", "transition_facts"]

_SECTIONS = ("regime_budgets.thresholds", "universe.roles", "universe.publication", "system.timeframe")


def regime_hash(settings: Settings) -> str:
    """Identity of the lines, inputs and publication rules that the regime is judged by."""
    return settings.hash_of(*_SECTIONS)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def state_fact(settings: Settings, run: Replay) -> tuple[str, str, dict[str, Any]]:
    """Fact ``regime_state`` at the last decision of ``run``."""
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
    return "regime_state", f"{iso(now.time_ns)}|{regime_hash(settings)}|{settings.config_hash}", payload


def _since(run: Replay, axis: int) -> str | None:
    """When the shown state began; None while nothing was known since the first decision."""
    codes = run.frame.state[:, axis]
    changed = np.flatnonzero(np.diff(codes)) + 1
    if len(changed):
        return iso(int(run.frame.times[changed[-1]]))
    known = np.flatnonzero(run.frame.status[:, axis] == FRESH)
    return iso(int(run.frame.times[known[0]])) if len(known) else None


def transition_facts(settings: Settings, run: Replay) -> list[tuple[str, str, dict[str, Any]]]:
    """Facts ``regime`` for every change of a shown state inside the run."""
    judged_by = regime_hash(settings)
    found = []
    for item in transitions(run.frame.rows(run.first_row, len(run.frame))):
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
