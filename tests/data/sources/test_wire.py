from __future__ import annotations

import threading
from itertools import pairwise
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeterm.core.errors import BadAnswer, SourceBusy, SourceDown, SourceError, SourceRefused, UnknownSymbol
from tradeterm.core.time import SECOND_NS, from_iso
from tradeterm.data.sources.wire import Line, Patience, retry_after, status_error


class Watch:
    """A clock that only waiting moves."""

    def __init__(self, now_s: float = 1_000.0) -> None:
        self.now_s = now_s
        self.waits: list[float] = []

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now_s += seconds

    def line(self, *, jitter_seed: int = 0, **patience: float) -> Line:
        wanted = Patience(**patience)  # type: ignore[arg-type]  # whole numbers stand for counts
        return Line("acme", wanted, sleep=self.sleep, clock=self.clock, jitter_seed=jitter_seed)


class Service:
    """Fails as told, then answers; counts what it was asked."""

    def __init__(self, *failures: SourceError) -> None:
        self.failures = list(failures)
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


def down() -> SourceDown:
    return SourceDown("acme", "SPY", "HTTP 500")


def busy(retry_after_s: float | None = None) -> SourceBusy:
    return SourceBusy("acme", "SPY", "HTTP 429", retry_after_s=retry_after_s)


def test_the_waits_double_up_to_the_longest_and_are_shortened_by_at_most_half() -> None:
    watch = Watch()
    line = watch.line(attempts=7, first_wait_s=1.0, longest_wait_s=8.0, breaker_failures=99)
    assert line.ask("SPY", Service(*[down() for _ in range(6)])) == "answer"
    for wait, whole in zip(watch.waits, [1, 2, 4, 8, 8, 8], strict=True):
        assert whole / 2 <= wait <= whole
    assert len({wait / whole for wait, whole in zip(watch.waits, [1, 2, 4, 8, 8, 8], strict=True)}) == 6


def test_the_same_seed_gives_the_same_waits_and_another_one_others() -> None:
    waits = []
    for seed in (1, 1, 2):
        watch = Watch()
        watch.line(jitter_seed=seed).ask("SPY", Service(down(), down()))
        waits.append(watch.waits)
    assert waits[0] == waits[1] != waits[2]


def test_the_last_error_is_raised_with_the_number_of_attempts() -> None:
    service = Service(*[down() for _ in range(9)])
    with pytest.raises(SourceDown) as caught:
        Watch().line(attempts=3).ask("SPY", service)
    assert service.asked == caught.value.attempts == 3
    assert str(caught.value) == "acme SPY: HTTP 500 (asked 3 times); run `tradeterm data update` again later"


def test_a_service_that_says_when_to_come_back_is_left_alone_until_then() -> None:
    watch = Watch()
    assert watch.line(first_wait_s=0.5).ask("SPY", Service(busy(30.0), busy())) == "answer"
    assert watch.waits[0] == 30.0
    assert watch.waits[1] < 2


def test_nobody_waits_for_an_attempt_that_would_come_too_late() -> None:
    watch = Watch()
    service = Service(busy(50.0), busy(50.0), busy(50.0))
    with pytest.raises(SourceBusy):
        watch.line(attempts=9, total_s=120.0).ask("SPY", service)
    assert watch.waits == [50.0, 50.0]
    assert service.asked == 3


@pytest.mark.parametrize(
    "failure",
    [
        SourceRefused("acme", "SPY", "HTTP 401"),
        UnknownSymbol("acme", "SPY", "HTTP 404"),
        BadAnswer("acme", "SPY", "no JSON"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_refusal_passes_at_once_and_closes_no_line(failure: SourceError) -> None:
    watch = Watch()
    line = watch.line(breaker_failures=2)
    for _ in range(5):
        service = Service(failure)
        with pytest.raises(type(failure)):
            line.ask("SPY", service)
        assert service.asked == 1
    assert not watch.waits
    assert failure.attempts == 1


def test_an_error_of_our_own_passes_as_it_is() -> None:
    def broken() -> NoReturn:
        raise KeyError("close")

    with pytest.raises(KeyError, match="close"):
        Watch().line().ask("SPY", broken)


def test_the_breaker_opens_then_lets_one_request_try_then_closes() -> None:
    watch = Watch()
    line = watch.line(attempts=1, breaker_failures=3, breaker_reset_s=60.0)
    service = Service(*[down() for _ in range(4)])
    for _ in range(5):
        with pytest.raises(SourceDown):
            line.ask("SPY", service)
    assert service.asked == 3
    watch.now_s += 59.9
    with pytest.raises(SourceDown, match="not asked, the last 3 requests failed; run again in 60 s"):
        line.ask("SPY", service)
    assert service.asked == 3
    # The trial fails, so the minute begins anew.
    watch.now_s += 0.1
    with pytest.raises(SourceDown, match="HTTP 500"):
        line.ask("SPY", service)
    watch.now_s += 59.9
    with pytest.raises(SourceDown, match="not asked"):
        line.ask("SPY", service)
    assert service.asked == 4
    watch.now_s += 0.1
    assert line.ask("SPY", service) == "answer"
    with pytest.raises(SourceDown, match="HTTP 500"):
        line.ask("SPY", Service(down()))
    assert line.ask("SPY", service) == "answer"


def test_an_open_breaker_ends_the_attempts_without_a_wait() -> None:
    watch = Watch()
    service = Service(*[down() for _ in range(9)])
    with pytest.raises(SourceDown, match="HTTP 500"):
        watch.line(attempts=9, breaker_failures=2).ask("SPY", service)
    assert service.asked == 2
    assert len(watch.waits) == 1


def test_a_request_that_is_not_made_takes_no_place() -> None:
    watch = Watch()
    line = watch.line(attempts=1, breaker_failures=1, requests_per_minute=2)
    with pytest.raises(SourceDown, match="HTTP 500"):
        line.ask("SPY", Service(down()))
    for _ in range(9):
        with pytest.raises(SourceDown, match="not asked"):
            line.ask("SPY", Service())
    assert not watch.waits


def test_a_service_that_is_only_busy_is_not_down() -> None:
    line = Watch().line(attempts=1, breaker_failures=2)
    for _ in range(5):
        with pytest.raises(SourceBusy, match="HTTP 429"):
            line.ask("SPY", Service(busy()))
    assert line.ask("SPY", Service()) == "answer"


@given(gaps=st.lists(st.floats(0, 40), min_size=1, max_size=60), limit=st.integers(1, 7))
def test_no_minute_holds_more_requests_than_allowed_and_none_waits_without_need(gaps: list[float], limit: int) -> None:
    watch = Watch()
    line = watch.line(requests_per_minute=limit)
    times: list[float] = []
    for gap in gaps:
        watch.now_s += gap
        came = watch.now_s
        line.ask("SPY", lambda: times.append(watch.now_s))
        earlier = times[-limit - 1] if len(times) > limit else -1e9
        assert times[-1] - earlier >= 60.0 - 0.002
        assert times[-1] <= max(came, earlier + 60.0) + 0.003


def test_repeated_attempts_count_as_requests() -> None:
    watch = Watch()
    line = watch.line(requests_per_minute=2, attempts=3, first_wait_s=0.5)
    line.ask("SPY", Service(down(), down()))
    assert watch.now_s - 1_000.0 >= 59.9


def test_threads_that_share_a_line_share_its_pace() -> None:
    answers: list[str] = []
    waits: list[float] = []
    line = Line("acme", Patience(requests_per_minute=50), sleep=waits.append, clock=lambda: 1_000.0)
    threads = [
        threading.Thread(target=lambda: answers.extend(line.ask("SPY", Service()) for _ in range(20))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 80
    # The clock stands still: fifty go at once, thirty get places in the next minute.
    assert len(waits) == 30
    assert all(59.9 < wait < 61 for wait in waits)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, SourceRefused),
        (403, SourceRefused),
        (404, UnknownSymbol),
        (408, SourceDown),
        (418, SourceBusy),
        (429, SourceBusy),
        (500, SourceDown),
        (503, SourceDown),
        (302, BadAnswer),
        (400, BadAnswer),
        (422, BadAnswer),
    ],
)
def test_a_status_stands_for_an_error(status: int, expected: type[SourceError]) -> None:
    error = status_error("acme", "SPY", status, found="so it said")
    assert type(error) is expected
    assert str(error).startswith(f"acme SPY: HTTP {status}, so it said; ")


def test_only_an_unknown_symbol_is_wrong_usage() -> None:
    codes = {kind: kind("acme", "SPY", "x").exit_code for kind in (SourceRefused, SourceBusy, SourceDown, BadAnswer)}
    assert set(codes.values()) == {1}
    assert UnknownSymbol("acme", "SPY", "x").exit_code == 2


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Fri, 30 Aug 2024 16:00:30 GMT", 30.0),
        ("Fri, 30 Aug 2024 15:59:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_states_seconds_or_an_instant(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, from_iso("2024-08-30T16:00:00Z") / SECOND_NS) == seconds


def test_waits_grow_until_the_service_answers_whatever_the_mixture_of_failures() -> None:
    watch = Watch()
    line = watch.line(attempts=5, first_wait_s=1.0, breaker_failures=99)
    assert line.ask("SPY", Service(down(), busy(), down(), busy())) == "answer"
    # A whole wait is twice the last one, and loses at most its half.
    assert all(later >= earlier * 0.99 for earlier, later in pairwise(watch.waits))
