"""Drift of a model's inputs: against its training window, and against what windows of that length were in it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tradeterm.core.time import DAY_NS, iso
from tradeterm.engine.drift import Bands, psi, unusual_psi
from tradeterm.signals.course import Course, Shown
from tradeterm.signals.input_drift import watch_inputs
from tradeterm.signals.timeline import Refit
from tradeterm.signals.watch import Watched

BANDS = Bands(moderate=0.1, major=0.25, least=30, hit_rate_z=2.5)
DAYS, TRAINED, WINDOW = 1000, 900, 60
START = 19_000 * DAY_NS


def course(given: Shown) -> Course:
    """A course of which only what models are shown is asked."""
    return cast("Course", SimpleNamespace(strategy=SimpleNamespace(name="Some_v1"), shown=lambda: given))


def noise(seed: int = 3) -> np.ndarray:
    """Independent draws, the same in whatever order tests run."""
    return np.random.default_rng(seed).normal(size=DAYS)


def shown(values: np.ndarray, states: np.ndarray | None = None) -> Shown:
    states = np.zeros((DAYS, 1), dtype=np.int8) if states is None else states
    times = START + np.arange(DAYS) * DAY_NS
    return Shown(names=("x",), axes=("equity",), time_ns=times, features=values[:, None], states=states)


def bins(given: Shown) -> dict[str, Any]:
    values = given.features[:TRAINED, 0]
    edges = np.quantile(values, np.arange(1, 10) / 10)
    return {
        "x": {"edges": edges.tolist(), "counts": np.bincount(np.searchsorted(edges, values, side="right")).tolist()},
        "regime equity": {"counts": np.bincount(given.states[:TRAINED, 0]).tolist()},
    }


def watched(given: Shown, decisions: int = WINDOW) -> dict[str, Watched]:
    manifest = {
        "bins": bins(given),
        "data": {"from": iso(int(given.time_ns[0])), "to": iso(int(given.time_ns[TRAINED - 1]))},
    }
    used = cast("Refit", SimpleNamespace(manifest=manifest))
    found = watch_inputs(course(given), used, decisions=decisions, bands=BANDS)
    return {item.feature: item for item in found}


def test_independent_values_of_one_spread_are_stable_and_a_shift_of_one_deviation_is_major() -> None:
    values = noise()
    calm = watched(shown(values))["x"]
    assert (calm.band, calm.measure, calm.n, calm.strategy) == ("stable", "psi", WINDOW, "Some_v1")
    moved = values.copy()
    moved[-WINDOW:] += 1.0
    assert watched(shown(moved))["x"].band == "major"


def test_the_value_is_the_index_of_the_newest_window_against_the_manifest() -> None:
    values = noise()
    given = shown(values)
    told = bins(given)["x"]
    now = np.histogram(values[-WINDOW:], bins=[-np.inf, *told["edges"], np.inf])[0]
    assert watched(given)["x"].value == pytest.approx(psi(told["counts"], now), rel=1e-12)


def test_a_slow_feature_is_no_drift_where_the_training_window_had_such_quarters() -> None:
    slow = np.sin(np.arange(DAYS) * 2 * np.pi / 250) + 0.01 * noise()
    found = watched(shown(slow))["x"]
    assert found.value is not None
    assert found.value > BANDS.major, "a quarter of a cycle lies in few of the deciles"
    assert found.band == "stable"
    gone = slow.copy()
    gone[-WINDOW:] = 2.0
    assert watched(shown(gone))["x"].band == "major"


def test_a_state_that_the_training_window_never_had_is_drift() -> None:
    states = (np.arange(DAYS) % 2).astype(np.int8)[:, None]
    calm = watched(shown(noise(), states))["regime equity"]
    assert calm.band == "stable"
    states = states.copy()
    states[-WINDOW:] = 3
    assert watched(shown(noise(), states))["regime equity"].band == "major"


def test_too_short_a_training_window_judges_nothing() -> None:
    given = shown(noise() + np.where(np.arange(DAYS) >= TRAINED, 5.0, 0.0))
    assert watched(given)["x"].band == "major"
    assert watched(given, decisions=TRAINED // 3)["x"].band == "unknown"
    nothing = replace(given, time_ns=given.time_ns[:0], features=given.features[:0], states=given.states[:0])
    manifest = {"bins": bins(given), "data": {"from": iso(START), "to": iso(START)}}
    used = cast("Refit", SimpleNamespace(manifest=manifest))
    found = watch_inputs(course(nothing), used, decisions=WINDOW, bands=BANDS)
    assert {item.band for item in found} == {"unknown"}


def test_what_is_usual_is_the_largest_of_overlapping_windows() -> None:
    times = np.repeat(np.arange(8), 2)
    placed = np.array([0, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1])
    whole = [8, 8]
    windows = [placed[2 * start : 2 * start + 4] for start in range(7)]
    expected = max(psi(whole, np.bincount(part, minlength=2)) for part in windows)
    assert unusual_psi(placed, times, 2, 2) == expected
    assert unusual_psi(placed, times, 2, 3) is None
