"""``daily --every-day-at HH:MM``: a process that stays and starts the daily run once a day.

Each run is a process of its own: one that crashes or leaks takes nothing with it. For those who have neither cron nor
systemd, which do this better.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from tradeterm.core.errors import UsageError
from tradeterm.core.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, iso

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tradeterm.cli.invocation import Invocation

__all__ = ["each_day", "keep_running", "next_start", "time_of_day"]

# Long sleeps don't count the time that a machine was suspended.
_LOOK_NS = 30 * SECOND_NS


def time_of_day(text: str) -> int:
    """Nanoseconds after midnight of ``HH:MM``."""
    match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", text)
    if match is None:
        raise UsageError(f"--every-day-at was '{text}'; HH:MM in UTC is needed, such as 00:20")
    return int(match[1]) * HOUR_NS + int(match[2]) * MINUTE_NS


def next_start(after_ns: int, at_ns: int) -> int:
    """First instant after ``after_ns`` at that time of day, UTC."""
    today = after_ns - after_ns % DAY_NS + at_ns
    return today if today > after_ns else today + DAY_NS


def each_day(
    at_ns: int,
    run: Callable[[], None],
    *,
    clock: Callable[[], int],
    wait: Callable[[float], bool],
    told: Callable[[str], None],
) -> None:
    """Call ``run`` each day until ``wait`` (seconds) says that it is to stop.

    Days that passed while a run took long or the machine slept are made up for by one run, at once.
    """
    due = next_start(clock(), at_ns)
    told(f"next daily at {iso(due)}")
    while True:
        left = due - clock()
        if left > 0:
            if wait(min(left, _LOOK_NS) / SECOND_NS):
                return
            continue
        began = clock()
        run()
        due = next_start(began, at_ns)
        told(f"next daily at {iso(due)}")


def keep_running(invocation: Invocation, at: str, words: Sequence[str]) -> None:
    """Run the daily each day until SIGTERM or Ctrl+C."""
    from loguru import logger

    at_ns = time_of_day(at)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    command = [sys.executable, "-m", "tradeterm", *invocation.words(), "daily", *words]

    def run() -> None:
        # Its results and messages go where ours go.
        done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False)  # noqa: S603 (our own interpreter)
        logger.info("daily ended with exit code {}", done.returncode)

    with invocation.logged("every-day"):
        each_day(
            at_ns,
            run,
            clock=time.time_ns,
            wait=stopping.wait,
            told=lambda line: (sys.stderr.write(f"{line}\n"), sys.stderr.flush(), logger.info("{}", line))[-1],
        )
