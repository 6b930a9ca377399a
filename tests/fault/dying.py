"""Runs that are killed by SIGKILL at the n-th point where they have written, or are about to write, something.

A script that calls :func:`children` imports once and forks a child for each line ``N ROOT`` of its input: each death is
a process's own. It answers with a line each: what ended the child, or where N is 0 how many points a whole run has.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


class Points:
    """Counts the points of a run and dies at one of them."""

    def __init__(self) -> None:
        self.passed, self.fatal = 0, 0
        self._lock = threading.Lock()

    def pass_one(self) -> None:
        with self._lock:
            self.passed += 1
            if self.passed == self.fatal:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, name: str, counts: Callable[[Any], bool] = lambda _: True) -> None:
        """Have a function pass a point before and after each call whose first argument counts."""
        function = getattr(owner, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if not counts(args[0]):
                return function(*args, **kwargs)
            self.pass_one()
            try:
                return function(*args, **kwargs)
            finally:
                self.pass_one()

        setattr(owner, name, wrapped)


def children(run: Callable[[Path], object], points: Points) -> None:
    """Run ``run`` in a child for each line of the input; a child that is to live prints its points."""
    for line in sys.stdin.read().splitlines():
        number, root = line.split(" ", 1)
        child = os.fork()
        if child == 0:
            points.fatal = int(number)
            run(Path(root))
            print(points.passed, flush=True)
            return
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if ended:
            print(ended, flush=True)


def answers(script: Path, killed: Iterable[tuple[int, Path]], *words: str) -> list[int]:
    """What a script of :func:`children` tells of these numbers and folders."""
    lines = "".join(f"{number} {root}\n" for number, root in killed)
    done = subprocess.run(
        [sys.executable, str(script), *words], input=lines, capture_output=True, text=True, check=False
    )
    told = [int(line) for line in done.stdout.split()]
    assert len(told) == lines.count("\n"), done.stderr[-500:]
    assert all(code == -signal.SIGKILL or code > 1 for code in told), (told, done.stderr[-500:])
    return told
