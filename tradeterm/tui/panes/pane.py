"""What the six panes share: border with number, noun and count, a table, lines beneath, a filter."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.containers import Vertical
from textual.widgets import Input

from tradeterm.tui import keys
from tradeterm.tui.cells import WARN, bar, prose
from tradeterm.tui.screens.detail import DetailScreen
from tradeterm.tui.widgets.grid import Grid
from tradeterm.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.widget import Widget

    from tradeterm.store.progress import Part
    from tradeterm.tui.cells import Column, Row
    from tradeterm.tui.jobs import Job
    from tradeterm.tui.screens.modal import Modal

__all__ = ["Detail", "Pane"]

_BAR = 24
_JOB_LINES = 6

# Title of a detail modal, and its lines for a width.
Detail = tuple[str, "Callable[[int], list[Text]]"]


class Pane(Vertical):
    """One pane; it neither computes nor fetches, it lays out the view that it is given."""

    NAME: ClassVar[str]
    COLUMNS: ClassVar[tuple[Column, ...]]
    # The key that shows all that the last command printed.
    OUTPUT: ClassVar[str] = "w"

    def __init__(self) -> None:
        super().__init__(id=f"pane-{self.NAME}", classes="pane")
        self.view: Any = None
        self.trouble: str | None = None
        self.count = ""
        self.troubled = False
        self._job: Job | None = None
        self._subtitle = ""
        self.border_title = f"{keys.PANES.index(self.NAME) + 1} {keys.NOUNS[self.NAME]}"

    def compose(self) -> ComposeResult:
        """Put the pane together."""
        yield Lines(classes="note")
        yield from self.body()
        yield Lines(classes="job")
        yield Input(placeholder="filter, or !filter", classes="filter", compact=True)

    def body(self) -> Iterable[Widget]:
        """Yield the table and what belongs to it."""
        yield Grid(self.COLUMNS)

    @property
    def grid(self) -> Grid:
        """The pane's table."""
        return self.query_one(Grid)

    @property
    def filter_input(self) -> Input:
        """The field that a filter is typed into."""
        return self.query_one(".filter", Input)

    def show(self, view: Any, trouble: str | None = None) -> None:
        """Show a view; with ``trouble`` the last known one stays, and the words above it."""
        if trouble is None and self.trouble is None and view == self.view:
            return
        self.trouble = trouble
        if view is not None:
            self.view = view
        self.repaint()

    def repaint(self) -> None:
        """Lay out what is known."""
        note = self.query_one(".note", Lines)
        if self.view is None:
            text = f"! {self.trouble}" if self.trouble else "reading the stores"
            note.show(_wrapped(text, WARN if self.trouble else "dim"))
            self._title("", troubled=self.trouble is not None)
            return
        lines = [f"! {self.trouble}"] if self.trouble else []
        note.show(_wrapped("\n".join([*lines, *self.notes()]), WARN if self.trouble else "dim"))
        self.grid.show(self.rows())
        self.fill()
        count, troubled = self.summary()
        self._title(count, troubled=troubled or self.trouble is not None)

    def notes(self) -> Sequence[str]:
        """Return what is to be said above the table."""
        return ()

    def rows(self) -> Sequence[Row]:
        """Return the rows of the table."""
        return ()

    def fill(self) -> None:
        """Lay out what is beneath the table."""

    def summary(self) -> tuple[str, bool]:
        """Return the one count that matters, and whether there is trouble."""
        return "", False

    def detail(self, key: str) -> Detail | None:
        """Return all there is about a row."""
        return None

    def opened(self, key: str) -> Modal[Any] | None:
        """Return the screen that enter on a row opens."""
        found = self.detail(key)
        return None if found is None else DetailScreen(*found)

    def show_job(self, job: Job) -> None:
        """Show how a command of this pane stands; what came of it stays until the next one."""
        if job != self._job:
            self._job = job
            self.query_one(".job", Lines).show(lambda width: _job_lines(job, width, self.OUTPUT))

    def start_filter(self) -> None:
        """Let a filter be typed."""
        field = self.filter_input
        field.add_class("-open")
        field.value = self.grid.pattern
        field.focus()

    def clear_filter(self) -> bool:
        """Drop the filter; False when there was none."""
        had = bool(self.grid.pattern) or self.filter_input.has_class("-open")
        self.filter_input.value = ""
        self._close_filter()
        self.grid.narrow("")
        self._count()
        return had

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        event.stop()
        if self.filter_input.has_class("-open"):
            self.grid.narrow(event.value)
            self._count()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter and go back to the table."""
        event.stop()
        self._close_filter()

    def on_key(self, event: events.Key) -> None:
        """Leave the filter with escape."""
        if event.key == "escape" and self.filter_input.has_focus:
            event.stop()
            self.clear_filter()

    def on_click(self, event: events.Click) -> None:
        """Take the focus where the pane itself is clicked."""
        if not self.filter_input.has_focus:
            self.grid.focus()

    def _close_filter(self) -> None:
        self.filter_input.remove_class("-open")
        self.grid.focus()

    def _title(self, count: str, *, troubled: bool) -> None:
        self.count, self.troubled = count, troubled
        self._count()

    def _count(self) -> None:
        pattern = self.grid.pattern
        filtered = f"/{pattern}: {len(self.grid.shown)}  " if pattern else ""
        mark = "! " if self.troubled else ""
        subtitle = Text(f"{mark}{filtered}{self.count}").markup
        if subtitle != self._subtitle:
            self._subtitle = subtitle
            self.border_subtitle = subtitle


def _job_lines(job: Job, width: int, key: str) -> list[Text]:
    if job.code is None:
        # One part is told by the line itself; several stand beneath, a bar each.
        parts = job.parts if len(job.parts) > 1 else ()
        return [Text(job.line, "bold"), *_part_lines(parts, width)]
    told = f"{job.line}: {job.outcome}" if job.outcome else job.line
    text = f"{'! ' if job.code else ''}{told}  ({key}: all of it)"
    return prose(text, width, WARN if job.code else "bold")[:_JOB_LINES]


def _part_lines(parts: Sequence[Part], width: int) -> list[Text]:
    names = max((len(part.what) for part in parts), default=0)
    room = min(_BAR, max(4, width - names - 12))
    return [
        Text.assemble(
            f" {part.what:<{names}}  ", bar(part.done / max(1, part.total), room), f" {part.done}/{part.total}"
        )
        for part in parts
    ]


def _wrapped(text: str, style: str) -> Callable[[int], list[Text]]:
    def make(width: int) -> list[Text]:
        lines = [part for line in text.splitlines() for part in textwrap.wrap(line, max(10, width - 1))]
        return [Text(line, style) for line in lines[:4]]

    return make
