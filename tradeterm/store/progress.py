"""How far a command has come and what came of it, in a small file for whoever started it and isn't its terminal.

The starter names the file in the command's environment, and reads it whenever it likes. Nothing depends on it: a file
that can't be written or read only means that nobody sees how it goes.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tradeterm.core.errors import StoreUnwritable
from tradeterm.store.atomic import write_bytes_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["VARIABLE", "Part", "Progress", "ProgressFile", "read_progress"]

VARIABLE = "TRADETERM_PROGRESS_FILE"

# Often enough to look alive, and no more than a disk notices.
_EVERY_S = 0.1


class Part(NamedTuple):
    """One thing that is being done, and how much of it is."""

    what: str
    done: int
    total: int


class Progress(NamedTuple):
    """Parts in the order in which they were first told; the outcome is empty until there is one."""

    parts: tuple[Part, ...] = ()
    outcome: str = ""


class ProgressFile:
    """Writes the file.

    each : whether earlier parts stand beside the newest one
    """

    def __init__(self, path: Path, *, each: bool = False) -> None:
        self._path = path
        self._each = each
        self._parts: dict[str, Part] = {}
        self._next = 0.0

    @classmethod
    def named(cls, environ: Mapping[str, str] | None = None, *, each: bool = False) -> ProgressFile | None:
        """Return the one that the environment names, if any."""
        name = (os.environ if environ is None else environ).get(VARIABLE)
        return cls(Path(name), each=each) if name else None

    def report(self, what: str, done: int, total: int) -> None:
        """Tell how far a part is; what comes too soon after another is told with the next, ends always are."""
        new = what not in self._parts
        if not self._each:
            self._parts.clear()
        self._parts[what] = Part(what, done, total)
        now = time.monotonic()
        if new or done >= total or now >= self._next:
            self._next = now + _EVERY_S
            self._write("")

    def end(self, outcome: str) -> None:
        """Tell what came of it, in one line."""
        self._write(outcome)

    def _write(self, outcome: str) -> None:
        told = {"parts": [list(part) for part in self._parts.values()], "outcome": outcome}
        with suppress(StoreUnwritable):
            write_bytes_atomic(self._path, json.dumps(told).encode(), durable=False)


def read_progress(path: Path) -> Progress:
    """Return what the file says now; nothing where it isn't there, or isn't one."""
    try:
        found = json.loads(path.read_bytes())
        parts = tuple(Part(str(what), int(done), int(total)) for what, done, total in found["parts"])
        return Progress(parts, str(found["outcome"]))
    except (OSError, ValueError, LookupError, TypeError):
        return Progress()
