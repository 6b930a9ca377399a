"""Which learned strategies had a fit due since they were trained last, and why."""

from __future__ import annotations

from typing import Any

import pytest

from tradeterm.core.errors import NotTrainable
from tradeterm.core.time import DAY_NS, from_iso, iso
from tradeterm.signals.training import train_due

FRIDAY = from_iso("2024-06-08T00:00:00Z")


def fit(name: str) -> dict[str, Any]:
    if name == "Young_v1":
        raise NotTrainable(name, iso(FRIDAY), "3 decisions", "wait")
    return {"model_hash": f"{len(name):016x}", "known_from": iso(FRIDAY), "status": "accepted", "score": 0.0}


def test_a_book_of_rules_says_that_nothing_learns() -> None:
    found = train_due([], fit, last_trained={}, drifted=())
    assert found.outputs() == {"due": {}, "trained": [], "reason": "no learned strategy"}


@pytest.mark.parametrize(
    ("last", "drifted", "why"),
    [
        (None, False, "never trained"),
        (FRIDAY - DAY_NS, False, "the fit of 2024-06-08 was due"),
        (FRIDAY - DAY_NS, True, "drifted"),
        (FRIDAY, False, None),
        (FRIDAY + DAY_NS, True, None),
    ],
)
def test_a_fit_since_the_last_training_was_due(last: int | None, drifted: bool, why: str | None) -> None:
    trained = {} if last is None else {"A_v1": last}
    found = train_due(["A_v1"], fit, last_trained=trained, drifted={"A_v1"} if drifted else ())
    assert found.due.get("A_v1") == why
    assert list(found.trained) == (["A_v1"] if why else [])
    assert found.reason == ("" if why else "none is due")
    assert found.outputs()["models"] == {
        "A_v1": {"model_hash": f"{4:016x}", "known_from": iso(FRIDAY), "status": "accepted"}
    }


def test_what_can_not_be_trained_yet_stops_no_other() -> None:
    found = train_due(["Young_v1", "A_v1"], fit, last_trained={}, drifted=())
    assert list(found.trained) == ["A_v1"]
    assert found.untrained == {"Young_v1": "Young_v1 as of 2024-06-08T00:00:00Z: 3 decisions; wait"}
