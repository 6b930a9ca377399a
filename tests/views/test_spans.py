from __future__ import annotations

from tradeterm.views.spans import Span, cells, spans

NAMES = ("BEAR", "NEUTRAL", "BULL")


def test_equal_states_in_a_row_are_one_span_and_the_last_one_holds_until_the_end() -> None:
    assert spans([10, 20, 30, 50], [2, 2, -1, 0], NAMES, 60) == (
        Span(from_ns=10, to_ns=30, state="BULL"),
        Span(from_ns=30, to_ns=50, state=None),
        Span(from_ns=50, to_ns=60, state="BEAR"),
    )
    assert spans([], [], NAMES, 60) == ()


def test_a_cell_shows_what_takes_the_most_of_it_and_of_equals_the_earlier() -> None:
    shown = spans([0, 30, 55], [2, 0, 1], NAMES, 80)
    # [0, 40): BULL 30 of 40; [40, 80): BEAR 15, NEUTRAL 25
    assert cells(shown, 0, 80, 2) == ("BULL", "NEUTRAL")
    assert cells(spans([0, 5], [2, 0], NAMES, 10), 0, 10, 1) == ("BULL",)


def test_a_cell_that_no_span_touches_and_one_in_an_unknown_span_are_unknown() -> None:
    shown = spans([10, 20], [2, -1], NAMES, 30)
    assert cells(shown, 0, 30, 3) == (None, "BULL", None)


def test_more_cells_than_time_repeat_what_holds() -> None:
    assert cells(spans([0], [1], NAMES, 2), 0, 2, 2) == ("NEUTRAL", "NEUTRAL")
