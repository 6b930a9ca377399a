"""How a service is asked: not too often, again when it stumbles, and not at all while it is down.

Every attempt passes the rate limit, then the breaker; a failed one is repeated after a wait that doubles. Adapters
translate their client's exceptions into the errors of ``core/errors.py`` inside the request that they hand in.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

from pybreaker import CircuitBreaker, CircuitBreakerError, CircuitMemoryStorage
from pyrate_limiter import Duration, InMemoryBucket, Rate, RateItem
from tenacity import RetryCallState, Retrying

from tradeterm.core.errors import (
    BadAnswer,
    SourceBusy,
    SourceDown,
    SourceError,
    SourceRefused,
    UnknownSymbol,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Line", "Patience", "retry_after", "status_error"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often a service is asked.

    requests_per_minute : most requests within any 60 s, repeated ones included
    attempts : most requests for one question
    first_wait_s, longest_wait_s : wait before the second attempt, doubled for each further one up to the longest;
        each is shortened by a random part of at most one half
    connect_s, read_s : longest time until a connection stands, longest silence within an answer
    answer_s : longest time for one whole answer, from asking to its last byte
    largest_mb : largest body of an answer, unpacked, 10^6 bytes
    total_s : no attempt begins later than this after the first, so that a question ends by ``answer_s`` after that
    breaker_failures, breaker_reset_s : after so many failed attempts in a row none is made for that long
    """

    requests_per_minute: int = 120
    attempts: int = 4
    first_wait_s: float = 0.5
    longest_wait_s: float = 20.0
    connect_s: float = 5.0
    read_s: float = 15.0
    answer_s: float = 60.0
    largest_mb: int = 64
    total_s: float = 120.0
    breaker_failures: int = 5
    breaker_reset_s: float = 60.0


class Line:
    """The line to one host of a source; may be shared by threads, which then wait for each other.

    Parameters
    ----------
    sleep, clock
        Waiting and time in seconds; tests hand in their own.
    jitter_seed
        Seed of the random part of the waits.
    """

    def __init__(
        self,
        source: str,
        patience: Patience,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter_seed: int = 0,
    ) -> None:
        self.source, self.patience = source, patience
        self._sleep, self._clock = sleep, clock
        self._jitter = random.Random(jitter_seed)  # noqa: S311 - spreads requests, keeps no secret
        self._pace = _Pace(patience.requests_per_minute, sleep, clock)
        self._opened = _Opened(patience.breaker_reset_s, clock)
        self._breaker = CircuitBreaker(
            fail_max=patience.breaker_failures,
            # Any positive time: _Opened says when it is over.
            reset_timeout=60.0,
            # A service that answers, be it with a refusal, isn't down.
            exclude=[lambda failure: not isinstance(failure, SourceDown)],
            state_storage=self._opened,
            throw_new_error_on_trip=False,
        )

    def ask(self, what: str, request: Callable[[], T]) -> T:
        """Return what ``request`` returns, repeating it while it raises SourceBusy or SourceDown.

        Parameters
        ----------
        what
            What is asked for, as it is to stand in a message: the symbol.
        request
            One request; it raises nothing but classes of SourceError, of which any other passes at once.

        Raises
        ------
        SourceError
            The last one, with the number of attempts in it.
        """
        begun = self._clock()

        def stop(state: RetryCallState) -> bool:
            out_of_time = self._clock() - begun + state.upcoming_sleep > self.patience.total_s
            # An open breaker refuses every further attempt, so there is none to wait for.
            return state.attempt_number >= self.patience.attempts or out_of_time or self._opened.refuses

        attempts = Retrying(sleep=self._sleep, stop=stop, wait=self._wait, retry=_worth_another, reraise=True)
        made = 0

        def attempt() -> T:
            nonlocal made
            # Before a place is taken: a refused attempt is no request.
            if self._opened.refuses:
                raise self._open(what)
            self._pace.take(what)
            made += 1
            return self._through_breaker(what, request)

        try:
            return attempts(attempt)
        except SourceError as failure:
            failure.attempts = max(made, 1)
            raise

    def _through_breaker(self, what: str, request: Callable[[], T]) -> T:
        try:
            return self._breaker.call(request)
        except CircuitBreakerError:
            raise self._open(what) from None

    def _open(self, what: str) -> SourceDown:
        patience = self.patience
        return SourceDown(
            self.source,
            what,
            f"not asked, the last {patience.breaker_failures} requests failed",
            f"run again in {patience.breaker_reset_s:.0f} s",
        )

    def _wait(self, state: RetryCallState) -> float:
        doubled = self.patience.first_wait_s * 2.0 ** (state.attempt_number - 1)
        wait = min(doubled, self.patience.longest_wait_s) * (1.0 - 0.5 * self._jitter.random())
        failure = state.outcome.exception() if state.outcome is not None else None
        if isinstance(failure, SourceBusy) and failure.retry_after_s is not None:
            return max(wait, failure.retry_after_s)
        return wait


def status_error(
    source: str, symbol: str, status: int, *, found: str = "", retry_after_s: float | None = None
) -> SourceError:
    """Error that an HTTP status stands for; ``found`` is what the service said, free of secrets."""
    said = f"HTTP {status}, {found}" if found else f"HTTP {status}"
    if status in (401, 403):
        return SourceRefused(source, symbol, said)
    if status == 404:
        return UnknownSymbol(source, symbol, said)
    if status in (418, 429):
        return SourceBusy(source, symbol, said, retry_after_s=retry_after_s)
    if status in (408, 425) or status >= 500:
        return SourceDown(source, symbol, said)
    return BadAnswer(source, symbol, said)


def retry_after(header: str | None, now_s: float) -> float | None:
    """Seconds that a Retry-After header asks for, whether it states them or an instant; None if it says neither.

    now_s : Unix time
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.fromtimestamp(now_s, tz=UTC)).total_seconds())


class _Pace:
    """Places for requests: each gets the next free instant of a sliding minute, then waits for it."""

    def __init__(self, per_minute: int, sleep: Callable[[float], None], clock: Callable[[], float]) -> None:
        # The bucket alone: the library's limiter starts a thread and reads its own clock.
        self._bucket = InMemoryBucket([Rate(per_minute, Duration.MINUTE)])
        self._sleep, self._clock = sleep, clock
        self._lock = threading.Lock()
        self._last_ms = 0

    def take(self, what: str) -> None:
        with self._lock:
            now_ms = int(self._clock() * 1000)
            # The bucket wants ascending instants; a place may already have been given for one to come.
            item = RateItem(what, max(now_ms, self._last_ms))
            if not self._bucket.put(item):
                wait_ms = self._bucket.waiting(item)
                item = RateItem(what, item.timestamp + (wait_ms if isinstance(wait_ms, int) else 0))
                self._bucket.put(item)
            self._bucket.leak(item.timestamp)
            self._last_ms = item.timestamp
        if item.timestamp > now_ms:
            self._sleep((item.timestamp - now_ms) / 1000)


class _Opened(CircuitMemoryStorage):
    """When the breaker opened. The library compares it with the wall clock; here the clock that came in decides."""

    def __init__(self, reset_s: float, clock: Callable[[], float]) -> None:
        super().__init__("closed")
        self._reset_s, self._clock = reset_s, clock
        self._opened_s: float | None = None

    @property
    def refuses(self) -> bool:
        """Whether it is open and its time isn't over."""
        return self.state == "open" and self.opened_at is not None

    @property
    def opened_at(self) -> datetime | None:
        """Now as long as its time isn't over, else None, which the library takes for over."""
        if self._opened_s is None or self._clock() - self._opened_s >= self._reset_s:
            return None
        return datetime.now(UTC)

    @opened_at.setter
    def opened_at(self, moment: datetime) -> None:
        self._opened_s = self._clock()


def _worth_another(state: RetryCallState) -> bool:
    failure = state.outcome.exception() if state.outcome is not None else None
    return isinstance(failure, (SourceBusy, SourceDown))
