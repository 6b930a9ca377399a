"""Runs side by side: what they share, what differs, how they move together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tradeterm.core.errors import UsageError
from tradeterm.core.time import from_iso
from tradeterm.views import comparison, performance, runs
from tradeterm.views.selection import ORDERS, Selection, select

NOW = from_iso("2026-11-21T01:45:51Z")


def navs(count: int, seed: int) -> list[float]:
    """A NAV of so many points."""
    made = np.random.default_rng(seed).standard_normal(count - 1) * 0.01
    return (100_000.0 * np.concatenate([[1.0], np.cumprod(1.0 + made)])).tolist()


def put(stores: Any, run_id: str, values: list[float], *, asof: str = "2026-11-21", **fact: Any) -> None:
    stores.run(run_id, **fact)
    stores.folder(run_id, navs=values, asof=asof)


def test_runs_of_the_same_days_say_so_and_correlate_as_numpy_says(stores: Any) -> None:
    one, other = navs(80, 1), navs(80, 2)
    put(stores, "aa", one)
    put(stores, "bb", other)
    view = comparison.build(stores.workspace, ["aa", "bb"])
    a, b = (np.array(part[1:]) / np.array(part[:-1]) - 1.0 for part in (one, other))
    assert view.note == "same window: the 79 days of each run are the same"
    assert view.correlation[0][0] == 1.0
    assert view.correlation[0][1] == pytest.approx(np.corrcoef(a, b)[0, 1], rel=1e-12)
    assert view.correlation[1][0] == pytest.approx(view.correlation[0][1], rel=1e-12)
    assert {item.name: item.values for item in view.metrics}["sharpe"] == (1.25, 1.25)
    total = next(item for item in view.common if item.name == "total_return").values
    assert total == pytest.approx((one[-1] / one[0] - 1.0, other[-1] / other[0] - 1.0), rel=1e-9)


def test_common_measures_are_of_the_shared_days_alone(stores: Any) -> None:
    long, short = navs(80, 1), navs(40, 2)
    put(stores, "aa", long)
    put(stores, "bb", short)
    view = comparison.build(stores.workspace, ["aa", "bb"])
    assert view.common_days == 39
    assert view.note.startswith("windows differ: metrics are of each run's own; the common ones are of the 39 shared")
    total = next(item for item in view.common if item.name == "total_return").values
    assert total == pytest.approx((long[-1] / long[-40] - 1.0, short[-1] / short[0] - 1.0), rel=1e-9)


def test_windows_apart_share_nothing_and_say_so(stores: Any) -> None:
    put(stores, "aa", navs(40, 1), asof="2026-11-21")
    put(stores, "bb", navs(40, 2), asof="2024-11-21")
    view = comparison.build(stores.workspace, ["aa", "bb"])
    assert (view.common, view.common_days, view.common_start_ns) == ((), 0, None)
    assert view.correlation == ((None, None), (None, None))
    assert view.note.startswith("no day is shared")


def test_a_run_without_certificate_shows_nothing_beside_the_others(stores: Any) -> None:
    put(stores, "aa", navs(40, 1))
    failed = {"ok": False, "checked": 160, "decisions": 9000, "coverage": "newest and drawn"}
    put(stores, "bb", navs(40, 2), certificate=failed, metrics={})
    view = comparison.build(stores.workspace, ["aa", "bb"])
    assert {item.name: item.values for item in view.metrics}["sharpe"] == (1.25, None)
    assert view.correlation[1] == (None, None)
    assert view.common == ()
    assert view.note == "certificate FAILED: bb; no metrics of it are shown, and no days are shared"


def test_only_what_differs_is_listed(stores: Any) -> None:
    put(stores, "aa", navs(40, 1))
    put(stores, "bb", [50_000.0, *navs(40, 2)[1:]])
    put(stores, "cc", navs(40, 3))
    view = comparison.build(stores.workspace, ["aa", "bb", "cc"])
    found = {item.key: item.values for item in view.differences}
    assert found == {"system.capital": (100_000.0, 50_000.0, 100_000.0)}


@pytest.mark.parametrize("asked", [["aa"], ["aa", "aa"], ["aa", "bb", "cc", "dd", "ee"], ["aa", "zz"]])
def test_one_run_twice_too_many_or_unknown_ones_are_refused(stores: Any, asked: list[str]) -> None:
    put(stores, "aa", navs(30, 1))
    with pytest.raises(UsageError, match=r"give two to 4 different ones|no run 'zz'"):
        comparison.build(stores.workspace, asked)


def test_a_run_is_read_with_its_curves_and_becomes_json(stores: Any) -> None:
    put(stores, "aa", navs(200, 1))
    view = performance.build(stores.workspace, "aa")
    assert view is not None
    assert view.performance is not None
    document = view.to_json()
    assert document["schema"] == "tradeterm.performance.v1"
    assert len(document["performance"]["ts"]) == len(document["performance"]["nav"]) == 200
    assert document["performance"]["ts"][-1] == "2026-11-21T00:00:00Z"
    # A benchmark that is unknown is left out, one that never moves has no Sharpe.
    (held,) = view.performance.benchmarks
    assert (held.key, held.metrics["sharpe"], held.metrics["beta"]) == ("buy_hold", None, None)
    assert [(item.axis, item.state, item.owner, item.n) for item in view.performance.regimes] == [
        ("equity", "BULL", "portfolio", 199),
        ("equity", "BULL", "Trend_v1", 199),
    ]
    assert performance.build(stores.workspace, "never") is None


def test_without_certificate_nothing_is_read_of_a_run(stores: Any) -> None:
    failed = {"ok": False, "checked": 160, "decisions": 9000, "coverage": "newest and drawn"}
    stores.run("aa", certificate=failed, metrics={})
    view = performance.build(stores.workspace, "aa")
    assert view is not None
    assert view.performance is None


def some_runs(stores: Any) -> runs.RunsView:
    strategies = [{"name": "Carry_v1", "version": "2.0.0", "content_hash": "bb", "budget": 1.0}]
    stores.run("one", name="Nightly", metrics={"sharpe": 0.5})
    stores.run("two", name="tight limits", profile="paper", metrics={"sharpe": 1.5})
    stores.run("three", name="nightly too", strategies=strategies, metrics={})
    return runs.build(stores.workspace, NOW)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (Selection(), ["three", "two", "one"]),
        (Selection(name="NIGHTLY"), ["three", "one"]),
        (Selection(profile="paper"), ["two"]),
        (Selection(strategy="Carry_v1"), ["three"]),
        (Selection(strategy="Carry_v1@2.0.0"), ["three"]),
        (Selection(strategy="Carry_v1@1.0.0"), []),
        (Selection(order="sharpe"), ["two", "one", "three"]),
        (Selection(order="sharpe", backward=True), ["one", "two", "three"]),
        (Selection(order="name"), ["one", "three", "two"]),
        (Selection(since_ns=from_iso("2026-11-22")), []),
        (Selection(since_ns=from_iso("2026-11-21")), ["three", "two", "one"]),
    ],
)
def test_runs_are_selected_and_ordered_with_the_unknown_last(stores: Any, asked: Selection, found: list[str]) -> None:
    assert [row.run_id for row in select(some_runs(stores), asked).runs] == found


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_is_one(stores: Any, order: str) -> None:
    assert len(select(some_runs(stores), Selection(order=order)).runs) == 3


def test_an_order_that_is_none_names_the_nearest(stores: Any) -> None:
    with pytest.raises(UsageError, match="no order 'sharp'; did you mean 'sharpe'"):
        select(some_runs(stores), Selection(order="sharp"))
