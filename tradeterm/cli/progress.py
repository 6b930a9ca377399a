"""Progress of a long command: on stderr when it is a terminal, or in the file that who started it has named."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tradeterm.store.progress import ProgressFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["progress", "progress_each"]


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a callback ``(what, done, total)`` that draws a bar, or nothing when nobody is watching."""
    file = ProgressFile.named()
    if file is not None or not sys.stderr.isatty():
        yield file.report if file is not None else _unwatched
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<28}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None)

        def report(what: str, done: int, total: int) -> None:
            bars.update(task, description=what, completed=done, total=total)

        yield report


@contextmanager
def progress_each() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a callback ``(what, done, total)`` that draws one bar for each ``what``, or nothing when nobody watches."""
    file = ProgressFile.named(each=True)
    if file is not None or not sys.stderr.isatty():
        yield file.report if file is not None else _unwatched
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield report


def _unwatched(what: str, done: int, total: int) -> None:
    """Show nothing."""
