"""Published examples, and limits that follow from the definitions."""

from __future__ import annotations

import math

import pytest

from tradeterm.engine.overfit import (
    deflated_sharpe,
    expected_best_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
)


def test_the_published_example_of_the_deflated_ratio() -> None:
    # 1,250 days, SR 2.5 a year of 250 days, skew -3, kurtosis 10, 100 trials whose yearly ratios vary by 0.5.
    daily = 2.5 / math.sqrt(250)
    assert expected_best_sharpe(100, 0.5 / 250) == pytest.approx(0.1132, abs=5e-5)
    found = deflated_sharpe(daily, skew=-3.0, kurtosis=10.0, periods=1250, trials=100, variance=0.5 / 250)
    assert found == pytest.approx(0.9004, abs=5e-5)


def test_the_published_example_of_the_minimum_track_record() -> None:
    # Daily normal returns, an observed ratio of 2 a year against 1, 95 %: 2.73 years.
    days = minimum_track_record(2.0 / math.sqrt(252), 1.0 / math.sqrt(252), skew=0.0, kurtosis=3.0)
    assert days is not None
    assert days / 252 == pytest.approx(2.73, abs=5e-3)


def test_a_record_of_the_minimum_length_has_just_that_confidence() -> None:
    needed = minimum_track_record(0.1, 0.04, skew=-0.7, kurtosis=6.0, confidence=0.9)
    assert needed is not None
    periods = math.ceil(needed)
    enough = probabilistic_sharpe(0.1, 0.04, skew=-0.7, kurtosis=6.0, periods=periods)
    before = probabilistic_sharpe(0.1, 0.04, skew=-0.7, kurtosis=6.0, periods=periods - 1)
    assert before is not None
    assert enough is not None
    assert before < 0.9 <= enough


def test_one_trial_deflates_nothing_and_more_deflate_more() -> None:
    given = {"skew": 0.0, "kurtosis": 3.0, "periods": 500}
    plain = probabilistic_sharpe(0.08, 0.0, **given)
    found = [deflated_sharpe(0.08, **given, trials=trials, variance=0.001) for trials in (1, 2, 10, 100)]
    assert found[0] == plain
    assert found == sorted(found, reverse=True)


def test_what_is_not_defined_is_unknown() -> None:
    assert minimum_track_record(0.1, 0.1, skew=0.0, kurtosis=3.0) is None
    assert probabilistic_sharpe(0.1, 0.0, skew=0.0, kurtosis=3.0, periods=1) is None
    assert probabilistic_sharpe(2.0, 0.0, skew=3.0, kurtosis=3.0, periods=10) is None
