"""Work on many symbols at once: each source has workers of its own, so that a slow one keeps no other waiting.

A file whose source fails goes on to the next one in its list; the files of one symbol follow each other.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tradeterm.core.market import BarKey
    from tradeterm.data.sources import Source

    Progress = Callable[[str, int, int], None]

__all__ = ["Job", "Outcome", "Refused", "Supplier", "Try", "work"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """How a source is made, and how many of it may be asked at once; each is used by one thread at a time."""

    make: Callable[[], Source]
    workers: int = 1


class Try(NamedTuple):
    """A source that was asked in vain, and why."""

    source: str
    error: str


class Refused(NamedTuple):
    """No result; ``final`` when no other source would do better."""

    error: str
    final: bool


class Job(NamedTuple):
    """The files of one symbol, in their order, and the sources that may be asked for them, in theirs."""

    name: str
    keys: tuple[BarKey, ...]
    sources: tuple[str, ...]


class Outcome(NamedTuple, Generic[T]):
    """What became of one file: the source asked last, those in vain before it, its result or None."""

    key: BarKey
    source: str
    tries: tuple[Try, ...]
    result: T | None


def work(
    jobs: Sequence[Job],
    suppliers: Mapping[str, Supplier],
    attempt: Callable[[Job, BarKey, Source], T | Refused],
    *,
    progress: Progress | None = None,
) -> dict[str, list[Outcome[T]]]:
    """Return the outcomes of each job, by its name, in the order of its files.

    What ``attempt`` raises ends everything: what has begun is finished first, and nothing else begins.
    """
    with ExitStack() as stack:
        round_ = _Round(suppliers, attempt, progress, stack)
        for job in jobs:
            round_.begin(job)
        round_.run()
    return round_.outcomes


@dataclass(slots=True)
class _Course:
    """How far one job has come."""

    job: Job
    key: int = 0
    source: int = 0
    tries: list[Try] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.job.sources[self.source]


class _Crew:
    """The workers of one source."""

    def __init__(self, supplier: Supplier, pool: ThreadPoolExecutor) -> None:
        self._make, self._pool = supplier.make, pool
        self._idle: SimpleQueue[Source] = SimpleQueue()

    def submit(self, attempt: Callable[[Job, BarKey, Source], T | Refused], course: _Course) -> Future[T | Refused]:
        job, key = course.job, course.job.keys[course.key]

        def asked() -> T | Refused:
            try:
                source = self._idle.get_nowait()
            except Empty:
                source = self._make()
            try:
                return attempt(job, key, source)
            finally:
                self._idle.put(source)

        return self._pool.submit(asked)


class _Round(Generic[T]):
    def __init__(
        self,
        suppliers: Mapping[str, Supplier],
        attempt: Callable[[Job, BarKey, Source], T | Refused],
        progress: Progress | None,
        stack: ExitStack,
    ) -> None:
        self._suppliers, self._attempt, self._progress, self._stack = suppliers, attempt, progress, stack
        self._crews: dict[str, _Crew] = {}
        self._running: dict[Future[T | Refused], _Course] = {}
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}
        self.outcomes: dict[str, list[Outcome[T]]] = {}

    def begin(self, job: Job) -> None:
        self.outcomes[job.name] = []
        for _ in job.keys:
            self._expect(job.sources[0])
        self._submit(_Course(job))

    def run(self) -> None:
        for name in self._total:
            self._tell(name)
        while self._running:
            ended, _ = wait(self._running, return_when=FIRST_COMPLETED)
            for future in ended:
                self._next(self._running.pop(future), future.result())

    def _next(self, course: _Course, answer: T | Refused) -> None:
        name = course.name
        self._done[name] = self._done.get(name, 0) + 1
        self._tell(name)
        if isinstance(answer, Refused):
            course.tries.append(Try(name, answer.error))
            if not answer.final and course.source + 1 < len(course.job.sources):
                course.source += 1
                self._expect(course.name)
                self._submit(course)
                return
        self._ended(course, None if isinstance(answer, Refused) else answer)

    def _ended(self, course: _Course, result: T | None) -> None:
        key = course.job.keys[course.key]
        self.outcomes[course.job.name].append(Outcome(key, course.name, tuple(course.tries), result))
        course.key, course.source, course.tries = course.key + 1, 0, []
        if course.key < len(course.job.keys):
            self._submit(course)

    def _submit(self, course: _Course) -> None:
        name = course.name
        if name not in self._suppliers:
            known = ", ".join(self._suppliers)
            unknown: Future[T | Refused] = Future()
            text = f"{course.job.name}: source '{name}' is not known; use one of {known}"
            unknown.set_result(Refused(text, final=False))
            self._running[unknown] = course
            return
        if name not in self._crews:
            supplier = self._suppliers[name]
            pool = ThreadPoolExecutor(max_workers=supplier.workers, thread_name_prefix=f"source-{name}")
            # On the way out of a failure too: what hasn't begun never does.
            self._stack.callback(pool.shutdown, wait=True, cancel_futures=True)
            self._crews[name] = _Crew(supplier, pool)
        self._running[self._crews[name].submit(self._attempt, course)] = course

    def _expect(self, name: str) -> None:
        self._total[name] = self._total.get(name, 0) + 1

    def _tell(self, name: str) -> None:
        if self._progress is not None:
            self._progress(name, self._done.get(name, 0), self._total[name])
