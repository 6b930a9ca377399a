"""Commands as subprocesses: detached from the screen, so that neither waits for the other nor ends with it."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

from tradeterm.core.errors import StoreError
from tradeterm.store.ledger import Ledger
from tradeterm.store.progress import VARIABLE, read_progress
from tradeterm.tui.messages import JobMoved

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from textual.message import Message

    from tradeterm.store.progress import Part

__all__ = ["Job", "Runner"]

_TICK_S = 0.25
_STEPS = ("refresh", "train", "predict", "realise", "snapshot", "report")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One subprocess as it stands.

    pane : where it is shown; step : such as ``3/6 predict``; code : None while it runs
    parts : what it does now, and how far that is; outcome : what came of it in a line, if it says so, or why it failed
    output, errors : files with what it printed
    """

    number: int
    name: str
    pane: str
    output: Path
    errors: Path
    step: str = ""
    parts: tuple[Part, ...] = ()
    outcome: str = ""
    seconds: int = 0
    code: int | None = None

    @property
    def line(self) -> str:
        """What the pane says about it."""
        if self.code is None:
            words = [f"running: {self.name} {self.step}".rstrip(), *self._done(), f"{self.seconds} s"]
            return "  ".join(words)
        return f"{self.name}: {'done' if self.code == 0 else f'exit {self.code}'} after {self.seconds} s"

    def _done(self) -> list[str]:
        """How far it is in all; of a single part its name too."""
        if not self.parts:
            return []
        done, total = sum(part.done for part in self.parts), sum(part.total for part in self.parts)
        return [f"{done}/{total}" + (f" {self.parts[0].what}" if len(self.parts) == 1 else "")]

    def told(self, newest: int = 200) -> list[str]:
        """Return what it printed, the end of it where it is long."""
        lines = _lines(self.output) + [line for line in _lines(self.errors) if line.strip()]
        return lines[-newest:]


@dataclass
class Runner:
    """Starts commands and tells how they go.

    command : how ``tradeterm`` is run; logs : folder for what commands print
    """

    command: Sequence[str]
    logs: Path
    results: Path
    post: Callable[[Message], object]
    _numbers: count[int] = field(default_factory=lambda: count(1))
    _running: dict[str, Job] = field(default_factory=dict)

    @property
    def running(self) -> tuple[Job, ...]:
        """Jobs that have not ended."""
        return tuple(self._running.values())

    def start(self, name: str, words: Sequence[str], *, pane: str) -> Job:
        """Start ``tradeterm <words>``; its output goes to files, so that it survives this process.

        Raises
        ------
        StoreError
            When it can't be started, or one of that name is running.
        """
        if name in self._running:
            raise StoreError(f"{name} is running already; it is shown on pane {pane}")
        number = next(self._numbers)
        stem = f"job-{name.replace(' ', '-')}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{number}"
        folder = self.logs / "jobs"
        job = Job(number=number, name=name, pane=pane, output=folder / f"{stem}.out", errors=folder / f"{stem}.err")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with job.output.open("wb") as output, job.errors.open("wb") as errors:
                process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
                    [*self.command, *words],
                    env={**os.environ, VARIABLE: str(_progress_file(job))},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    start_new_session=True,
                )
        except OSError as failure:
            raise StoreError(f"{name} can't be started: {failure.strerror}; see {folder}") from failure
        self._running[name] = job
        threading.Thread(target=self._follow, args=(job, process), name=f"tradeterm-{name}", daemon=True).start()
        self.post(JobMoved(job))
        return job

    def _follow(self, job: Job, process: subprocess.Popen[bytes]) -> None:
        began = time.monotonic()
        steps = _Steps(self.results) if job.name == "daily" else None
        while True:
            try:
                code = process.wait(_TICK_S)
            except subprocess.TimeoutExpired:
                now = replace(
                    job,
                    step=steps.now() if steps is not None else "",
                    parts=_parts(job),
                    seconds=int(time.monotonic() - began),
                )
                if now != job:
                    job = self._running[job.name] = now
                    self.post(JobMoved(job))
                continue
            break
        del self._running[job.name]
        if steps is not None:
            steps.close()
        ended = replace(job, code=code, outcome=_outcome(job, code), seconds=int(time.monotonic() - began))
        with suppress(OSError):
            _progress_file(job).unlink()
        self.post(JobMoved(ended))


def _progress_file(job: Job) -> Path:
    return job.output.with_suffix(".progress")


def _parts(job: Job) -> tuple[Part, ...]:
    # The steps of a daily run are told by what it has recorded.
    return tuple(part for part in read_progress(_progress_file(job)).parts if part.what not in _STEPS)


def _outcome(job: Job, code: int) -> str:
    """What the command says came of it; else, where it failed, its last line."""
    said = read_progress(_progress_file(job)).outcome
    if said or not code:
        return said
    return next((line.strip() for line in reversed(job.told()) if line.strip()), "")


class _Steps:
    """How far a daily run has come, by the steps that it has recorded."""

    def __init__(self, results: Path) -> None:
        self._ledger = Ledger.reader(results)
        self._before = self._newest()

    def now(self) -> str:
        newest = self._newest()
        if newest is None or newest == self._before:
            return ""
        try:
            done = len(self._ledger.facts("step", prefix=f"{newest}:"))
        except StoreError:
            return ""
        return f"{done}/{len(_STEPS)} {_STEPS[min(done, len(_STEPS) - 1)]}"

    def close(self) -> None:
        self._ledger.close()

    def _newest(self) -> str | None:
        try:
            found = self._ledger.latest("daily")
        except StoreError:
            return None
        return found.key if found is not None else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
