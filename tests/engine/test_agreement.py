"""Labels against judged states on days counted by hand, and against a count in plain Python."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tradeterm.engine.agreement import NOTHING, Agreement, Stretch, agreement


def agreed(period: list[int], label: list[int], judged: list[int], states: int = 3) -> Agreement:
    return agreement(np.array(period, dtype=np.int64), np.array(label, np.int8), np.array(judged, np.int8), states)


def test_days_are_counted_by_label_and_judged_state() -> None:
    # two periods of labels 2 and 0 with a hole between them; a day of each is unknown
    found = agreed([0, 0, 0, NOTHING, 1, 1, 1], [2, 0], [2, 1, NOTHING, 1, 0, NOTHING, 0])
    assert found.confusion.tolist() == [[2, 0, 0], [0, 0, 0], [0, 1, 1]]
    assert found.unjudged.tolist() == [1, 0, 1]
    assert (found.compared, found.agreed, found.share) == (4, 3, 0.75)


def test_a_stretch_is_days_in_a_row_of_one_period_judged_alike() -> None:
    found = agreed([0, 0, 0, 0, 1, 1, 1], [2, 0], [1, 1, 2, 1, 1, NOTHING, 2])
    assert found.stretches == (
        Stretch(0, 2, 0, 1),
        Stretch(3, 4, 0, 1),
        Stretch(4, 5, 1, 1),
        Stretch(5, 6, 1, NOTHING),
        Stretch(6, 7, 1, 2),
    )
    assert [stretch.days for stretch in found.stretches] == [2, 1, 1, 1, 1]


def test_where_nothing_can_be_compared_there_is_no_share() -> None:
    assert agreed([0, 0], [1], [NOTHING, NOTHING]).share is None
    nothing = agreed([], [1], [])
    assert (nothing.share, nothing.compared, nothing.stretches) == (None, 0, ())


@given(st.data(), st.integers(0, 40), st.integers(2, 3))
def test_every_labelled_day_is_in_one_cell_and_every_other_one_in_a_stretch(
    data: st.DataObject, days: int, states: int
) -> None:
    label = data.draw(st.lists(st.integers(0, states - 1), min_size=1, max_size=5))
    period = sorted(data.draw(st.lists(st.integers(0, len(label) - 1), min_size=days, max_size=days)))
    period = [NOTHING if data.draw(st.booleans()) and number % 2 else number for number in period]
    judged = data.draw(st.lists(st.integers(NOTHING, states - 1), min_size=days, max_size=days))
    found = agreed(period, label, judged, states)
    pairs = [(label[number], state) for number, state in zip(period, judged, strict=True) if number != NOTHING]
    for row in range(states):
        assert found.confusion[row].tolist() == [pairs.count((row, column)) for column in range(states)]
        assert found.unjudged[row] == pairs.count((row, NOTHING))
    unlike = {day for day in range(days) if period[day] != NOTHING and judged[day] != label[period[day]]}
    told = [day for stretch in found.stretches for day in range(stretch.start, stretch.stop)]
    assert told == sorted(unlike)
    for stretch in found.stretches:
        inside = range(stretch.start, stretch.stop)
        assert {(period[day], judged[day]) for day in inside} == {(stretch.period, stretch.judged)}
