"""Budgets and limits by regime: minimum of what matches, ``*``, and the lower row while an axis is unknown."""

from __future__ import annotations

import math

import numpy as np
import pytest
from panels import DAY, series

from tradeterm.engine.budgets import Limits, RegimeRule, asset_caps, budgets, class_caps, gross_caps
from tradeterm.engine.inputs import RegimeInputs
from tradeterm.engine.regime import RegimeFrame, Thresholds, classify


def frame(level: float | None = 20.0, *, late: bool = False, activity: float | None = None) -> RegimeFrame:
    """One row: volatility judged on ``level``, long stale if ``late``; macro on ``activity``; the rest never known."""
    inputs = RegimeInputs(
        volatility=None if level is None else series([level], due=[DAY if late else 99 * DAY]),
        activity=None if activity is None else series([activity], due=[99 * DAY]),
        slope=None if activity is None else series([1.0], due=[99 * DAY]),
    )
    return classify(np.array([50 * DAY]), inputs, Thresholds())


def rule(axis: str, state: str, limits: Limits | None = None, **multipliers: float) -> RegimeRule:
    named = {"*" if name == "every" else name: factor for name, factor in multipliers.items()}
    return RegimeRule(axis=axis, state=state, multipliers=named, limits=limits or Limits())


def shares(rules: list[RegimeRule], at: RegimeFrame) -> list[float]:
    """Budgets of A (60 %) and B (40 %)."""
    return budgets(("A", "B"), (0.6, 0.4), rules, at)[0].tolist()


def test_without_a_matching_rule_the_base_budget_stands() -> None:
    assert shares([rule("volatility", "HIGH", A=0.5)], frame(20.0)) == [0.6, 0.4]


def test_a_rule_holds_for_the_strategies_it_names() -> None:
    assert shares([rule("volatility", "HIGH", A=0.5)], frame(30.0)) == [0.3, 0.4]


def test_a_star_holds_for_those_not_named() -> None:
    assert shares([rule("volatility", "HIGH", A=1.0, every=0.5)], frame(30.0)) == [0.6, 0.2]


def test_matching_rules_combine_by_minimum_not_by_product() -> None:
    rules = [rule("volatility", "HIGH", every=0.5), rule("macro", "RECESSION", A=0.8, every=0.25)]
    assert shares(rules, frame(30.0, activity=40.0)) == [0.3, 0.1]


def test_an_unknown_axis_takes_the_lower_of_its_last_and_its_neutral_row() -> None:
    rules = [rule("volatility", "HIGH", A=0.5, B=1.0), rule("volatility", "NORMAL", A=1.0, B=0.75)]
    assert shares(rules, frame(30.0)) == [0.3, 0.4]
    assert shares(rules, frame(30.0, late=True)) == pytest.approx([0.3, 0.3])


def test_an_axis_that_never_was_known_takes_its_neutral_row() -> None:
    rules = [rule("crypto", "RISK_OFF", A=0.0), rule("crypto", "RISK_ON", B=0.0)]
    assert shares(rules, frame()) == [0.0, 0.4]


def test_every_row_has_its_own_budget() -> None:
    inputs = RegimeInputs(volatility=series([20.0, 30.0, 20.0]))
    at = classify(DAY * np.arange(1, 4), inputs, Thresholds())
    found = budgets(("A",), (1.0,), [rule("volatility", "HIGH", A=0.5)], at)
    assert found[:, 0].tolist() == [1.0, 0.5, 1.0]


def test_limits_are_the_tightest_that_matches() -> None:
    rules = [
        rule("volatility", "HIGH", Limits(asset=0.3, gross=0.8, classes={"crypto": 0.05})),
        rule("macro", "RECESSION", Limits(gross=0.9, classes={"crypto": 0.1, "equity": 0.7})),
    ]
    calm, wild = frame(20.0), frame(30.0, activity=40.0)
    assert asset_caps(0.4, rules, calm).tolist() == [0.4]
    assert asset_caps(0.4, rules, wild).tolist() == [0.3]
    assert asset_caps(0.2, rules, wild).tolist() == [0.2]
    assert gross_caps(1.2, rules, wild).tolist() == [0.8]
    assert class_caps(("crypto", "equity"), {"crypto": 0.2}, rules, calm).tolist() == [[0.2, math.inf]]
    assert class_caps(("crypto", "equity"), {"crypto": 0.2}, rules, wild).tolist() == [[0.05, 0.7]]


def test_limits_of_an_unknown_axis_are_the_lower_of_two_rows() -> None:
    rules = [rule("volatility", "HIGH", Limits(gross=0.8)), rule("volatility", "NORMAL", Limits(gross=1.0))]
    assert gross_caps(1.2, rules, frame(12.0, late=True)).tolist() == [1.0]
    assert gross_caps(1.2, rules, frame(30.0, late=True)).tolist() == [0.8]


def test_a_cap_of_nothing_is_a_cap() -> None:
    rules = [rule("volatility", "HIGH", Limits(gross=0.0, asset=0.0, classes={"crypto": 0.0}))]
    assert gross_caps(1.2, rules, frame(30.0)).tolist() == [0.0]
    assert class_caps(("crypto",), {}, rules, frame(30.0)).tolist() == [[0.0]]


def test_no_classes_give_no_columns() -> None:
    assert class_caps((), {}, [], frame()).shape == (1, 0)
