"""When a model is due: by days, by weekday, by drift, and never twice for one instant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeterm.core.time import DAY_NS, HOUR_NS, from_iso
from tradeterm.signals.training import Schedule, due, is_learned, train_due

# The as-of instant of Friday, 2024-06-07.
FRIDAY = from_iso("2024-06-08T00:00:00Z")
NEVER = Schedule()


class Rule:
    name = "Rule_v1"


class Learned:
    name = "Learned_v1"

    def fit(self) -> None:
        """Has to be there."""


def test_a_model_that_was_never_trained_is_due_whatever_the_schedule() -> None:
    assert due(NEVER, None, FRIDAY, drifted=False) == "never trained"


@pytest.mark.parametrize(("days", "wanted"), [(6, False), (7, True), (8, True)])
def test_every_n_days_counts_from_the_last_training(days: int, wanted: bool) -> None:
    assert (due(Schedule(every_days=7), FRIDAY - days * DAY_NS, FRIDAY, drifted=False) is not None) is wanted


@pytest.mark.parametrize(
    ("asof", "trained", "wanted"),
    [
        (FRIDAY, FRIDAY - DAY_NS, True),  # tonight is that weekday
        (FRIDAY, FRIDAY, False),  # already trained tonight
        (FRIDAY + DAY_NS, FRIDAY, False),  # Saturday's run after Friday's training
        (FRIDAY + DAY_NS, FRIDAY - DAY_NS, True),  # Friday's run was missed
        (FRIDAY - 4 * HOUR_NS, FRIDAY - DAY_NS, True),  # Friday 20:00
        (FRIDAY, FRIDAY - 4 * HOUR_NS, False),  # trained on Friday at 20:00
        (FRIDAY + DAY_NS, FRIDAY - 4 * HOUR_NS, False),  # likewise, seen from Saturday
        (FRIDAY - DAY_NS, FRIDAY - 2 * DAY_NS, False),  # Thursday
        (FRIDAY + 7 * DAY_NS, FRIDAY, True),  # a week later
    ],
)
def test_a_weekday_is_trained_once_and_a_missed_one_on_the_next_run(asof: int, trained: int, wanted: bool) -> None:
    assert (due(Schedule(weekly="friday"), trained, asof, drifted=False) is not None) is wanted


def test_drift_counts_where_it_is_set_to() -> None:
    assert due(Schedule(on_drift=True), FRIDAY - DAY_NS, FRIDAY, drifted=True) == "drifted"
    assert due(Schedule(on_drift=False), FRIDAY - DAY_NS, FRIDAY, drifted=True) is None
    assert due(Schedule(on_drift=True), FRIDAY - DAY_NS, FRIDAY, drifted=False) is None


@given(
    st.builds(
        Schedule,
        every_days=st.none() | st.integers(1, 40),
        weekly=st.none() | st.sampled_from(["monday", "friday", "sunday"]),
        on_drift=st.booleans(),
    ),
    st.integers(0, 3000),
    st.booleans(),
)
def test_nothing_is_due_again_right_after_it_was_trained(schedule: Schedule, slots: int, drifted: bool) -> None:
    asof = FRIDAY + slots * 4 * HOUR_NS
    assert due(schedule, asof, asof, drifted=drifted) is None


def test_a_book_of_rules_says_that_nothing_learns() -> None:
    assert not is_learned(Rule())
    found = train_due([Rule()], NEVER, last_trained={}, asof_ns=FRIDAY, drifted=())
    assert found.outputs() == {"due": {}, "trained": [], "reason": "no learned strategy"}


def test_what_is_due_and_not_trained_is_said() -> None:
    found = train_due([Rule(), Learned()], NEVER, last_trained={}, asof_ns=FRIDAY, drifted=())
    assert found.due == {"Learned_v1": "never trained"}
    assert list(found.trained) == []
    assert found.reason
    idle = train_due([Learned()], NEVER, last_trained={"Learned_v1": FRIDAY - DAY_NS}, asof_ns=FRIDAY, drifted=())
    assert idle.outputs() == {"due": {}, "trained": [], "reason": "none is due"}
