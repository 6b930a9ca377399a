"""Budgets and limits by regime: rules name one axis state each; matching multipliers and limits combine by minimum."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.engine.regime import AXES, STATES, active_states

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tradeterm.core.types import BoolArray, FloatArray
    from tradeterm.engine.regime import RegimeFrame

__all__ = ["EVERY", "Limits", "RegimeRule", "asset_caps", "budgets", "class_caps", "gross_caps", "net_caps"]

EVERY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Hard limits, fractions of NAV; infinite where there is none.

    asset : of any one asset; classes : by asset class; gross : of the absolute sum; net : of the sum, either way
    strategies : of the absolute sum that one strategy asks for, by name
    """

    asset: float = math.inf
    classes: Mapping[str, float] = field(default_factory=dict)
    gross: float = math.inf
    net: float = math.inf
    strategies: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeRule:
    """What holds while an axis is in a state.

    multipliers : factor of a strategy's budget by name, ``*`` for those not named; limits : tighter limits
    """

    axis: str
    state: str
    multipliers: Mapping[str, float] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


def _matches(rule: RegimeRule, frame: RegimeFrame) -> BoolArray:
    axis = AXES.index(rule.axis)
    code = STATES[axis].index(rule.state)
    first, second = active_states(frame, axis)
    matched: BoolArray = (first == code) | (second == code)
    return matched


def _tightest(base: float, limits: Sequence[float], rules: Sequence[RegimeRule], frame: RegimeFrame) -> FloatArray:
    out = np.full(len(frame), base)
    for rule, limit in zip(rules, limits, strict=True):
        if math.isfinite(limit):
            out = np.where(_matches(rule, frame), np.minimum(out, limit), out)
    return out


def budgets(names: Sequence[str], base: Sequence[float], rules: Sequence[RegimeRule], frame: RegimeFrame) -> FloatArray:
    """Return (T, M) budgets: the base times the lowest matching multiplier."""
    out = np.ones((len(frame), len(names)))
    for rule in rules:
        matched = _matches(rule, frame)
        for column, name in enumerate(names):
            factor = rule.multipliers.get(name, rule.multipliers.get(EVERY, 1.0))
            out[:, column] = np.where(matched, np.minimum(out[:, column], factor), out[:, column])
    return out * np.asarray(base, dtype=np.float64)


def asset_caps(base: float, rules: Sequence[RegimeRule], frame: RegimeFrame) -> FloatArray:
    """Return (T,) caps of any one asset."""
    return _tightest(base, [rule.limits.asset for rule in rules], rules, frame)


def gross_caps(base: float, rules: Sequence[RegimeRule], frame: RegimeFrame) -> FloatArray:
    """Return (T,) caps of the gross exposure."""
    return _tightest(base, [rule.limits.gross for rule in rules], rules, frame)


def net_caps(base: float, rules: Sequence[RegimeRule], frame: RegimeFrame) -> FloatArray:
    """Return (T,) caps of the net exposure."""
    return _tightest(base, [rule.limits.net for rule in rules], rules, frame)


def class_caps(
    classes: Sequence[str], base: Mapping[str, float], rules: Sequence[RegimeRule], frame: RegimeFrame
) -> FloatArray:
    """Return (T, C) caps by asset class; infinite where neither configuration nor a rule has one."""
    columns = [
        _tightest(base.get(name, math.inf), [rule.limits.classes.get(name, math.inf) for rule in rules], rules, frame)
        for name in classes
    ]
    return np.stack(columns, axis=1) if columns else np.empty((len(frame), 0))
