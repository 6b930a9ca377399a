"""Once a day, by a clock that the test turns."""

from __future__ import annotations

import pytest

from tradeterm.cli.every_day import each_day, next_start, time_of_day
from tradeterm.core.errors import UsageError
from tradeterm.core.time import DAY_NS, HOUR_NS, MINUTE_NS, from_iso, iso

NOON = from_iso("2026-11-21T12:00:00Z")


class Clock:
    """Time that passes while somebody waits or a run takes its time."""

    def __init__(self, *, took_ns: int = MINUTE_NS, runs: int = 3) -> None:
        self.now = NOON
        self.took_ns, self.left = took_ns, runs
        self.began: list[str] = []

    def wait(self, seconds: float) -> bool:
        assert 0 < seconds <= 30
        self.now += round(seconds * 1e9)
        return self.left == 0

    def run(self) -> None:
        self.began.append(iso(self.now))
        self.now += self.took_ns
        self.took_ns, self.left = MINUTE_NS, self.left - 1

    def go(self, at: str) -> list[str]:
        told: list[str] = []
        each_day(time_of_day(at), self.run, clock=lambda: self.now, wait=self.wait, told=told.append)
        assert told[0].startswith("next daily at 2026-11-2")
        return self.began


def test_it_runs_at_that_time_on_each_day() -> None:
    assert Clock().go("00:20") == [f"2026-11-{day}T00:20:00Z" for day in (22, 23, 24)]


def test_the_same_day_counts_when_its_time_is_still_to_come() -> None:
    assert Clock(runs=1).go("12:01") == ["2026-11-21T12:01:00Z"]


def test_days_that_passed_are_made_up_for_by_one_run_at_once() -> None:
    began = Clock(took_ns=2 * DAY_NS + HOUR_NS, runs=2).go("00:20")
    assert began == ["2026-11-22T00:20:00Z", "2026-11-24T01:20:00Z"]


def test_a_wait_that_is_told_to_stop_ends_it() -> None:
    assert Clock(runs=0).go("00:20") == []


@pytest.mark.parametrize("text", ["24:00", "9:00", "12:60", "", "noon"])
def test_another_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="HH:MM in UTC is needed"):
        time_of_day(text)


def test_the_next_start_is_never_now() -> None:
    assert next_start(NOON, 12 * HOUR_NS) == NOON + DAY_NS
    assert next_start(NOON - 1, 12 * HOUR_NS) == NOON
