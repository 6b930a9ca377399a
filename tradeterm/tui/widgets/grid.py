"""A table that paints only what has changed: fixed widths, row keys, at most 500 rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.widgets import DataTable

from tradeterm.tui import keys
from tradeterm.tui.cells import HEAD, cell, fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.binding import BindingType

    from tradeterm.tui.cells import Column, Row

__all__ = ["MOST_ROWS", "Grid"]

MOST_ROWS = 500
# No column of ours is called so.
_MARK = ">"
_MARK_WIDTH = 2


class Grid(DataTable[Text]):
    """Rows of one kind under named columns; a ``>`` stands on the row under the cursor while the table has focus."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings("table")]

    def __init__(self, columns: Sequence[Column], *, id: str | None = None) -> None:
        super().__init__(id=id, cell_padding=0, cursor_type="row", cursor_foreground_priority="renderable")
        self._offered = tuple(columns)
        self._fitted: list[tuple[int, Column, int]] = []
        self._all: tuple[Row, ...] = ()
        self._shown: tuple[Row, ...] = ()
        self._wanted = ""
        self._pointed: str | None = None

    @property
    def shown(self) -> tuple[Row, ...]:
        """Rows that pass the filter."""
        return self._shown

    @property
    def pattern(self) -> str:
        """The filter as it was typed."""
        return self._wanted

    @property
    def current(self) -> str | None:
        """Key of the row under the cursor."""
        return self._shown[self.cursor_row].key if 0 <= self.cursor_row < len(self._shown) else None

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows, changing only cells that differ."""
        self._all = tuple(rows)
        self._update()

    def narrow(self, pattern: str) -> None:
        """Show only rows that hold ``pattern``, or with a leading ``!`` those that don't."""
        self._wanted = pattern
        self._update()

    def next_row(self) -> None:
        """Move to the next row, and from the last to the first."""
        if self._shown:
            self.move_cursor(row=(self.cursor_row + 1) % len(self._shown), animate=False)

    def on_resize(self, event: events.Resize) -> None:
        """Fit the columns to the new width."""
        self._refit()

    def watch_show_vertical_scrollbar(self, show: bool) -> None:
        """Leave room for the scroll bar."""
        self.call_after_refresh(self._refit)

    def on_focus(self) -> None:
        """Put the marker on the cursor's row."""
        self._point()

    def on_blur(self) -> None:
        """Take the marker away."""
        self._point()

    def on_data_table_row_highlighted(self) -> None:
        """Let the marker follow the cursor."""
        self._point()

    def _chosen(self) -> tuple[Row, ...]:
        wanted, inverse = self._wanted.lower().removeprefix("!"), self._wanted.startswith("!")
        if not wanted:
            return self._all[:MOST_ROWS]
        return tuple(row for row in self._all if (wanted in row.text) is not inverse)[:MOST_ROWS]

    def _update(self) -> None:
        rows = self._chosen()
        if rows == self._shown or not self._fitted:
            self._shown = rows
            return
        with self.app.batch_update():
            if [row.key for row in rows] == [row.key for row in self._shown]:
                self._change(rows)
            else:
                self._replace(rows)

    def _change(self, rows: tuple[Row, ...]) -> None:
        before, self._shown = self._shown, rows
        for old, new in zip(before, rows, strict=True):
            if old == new:
                continue
            for name, now, was in zip(self._names(), self._texts(new), self._texts(old), strict=True):
                if now != was:
                    self.update_cell(new.key, name, now)

    def _replace(self, rows: tuple[Row, ...]) -> None:
        kept, line = self.current, self.cursor_row
        self._shown = rows
        self._pointed = None
        self.clear()
        for row in rows:
            self.add_row(*self._texts(row), key=row.key)
        names = [row.key for row in rows]
        self.move_cursor(row=names.index(kept) if kept in names else min(line, max(0, len(rows) - 1)), animate=False)
        self._point()

    def _refit(self) -> None:
        fitted = fit(self._offered, max(1, self.scrollable_content_region.width - _MARK_WIDTH))
        if fitted == self._fitted:
            return
        self._fitted = fitted
        rows, self._shown, line = self._chosen(), (), self.cursor_row
        with self.app.batch_update():
            self.clear(columns=True)
            self.add_column("", width=_MARK_WIDTH, key=_MARK)
            last = len(fitted) - 1
            for place, (_, column, width) in enumerate(fitted):
                label = cell(column.name, width, right=column.right, style=HEAD)
                self.add_column(label, width=width + (0 if place == last else 2), key=column.name)
            self._replace(rows)
            self.move_cursor(row=min(line, max(0, len(rows) - 1)), animate=False)

    def _names(self) -> list[str]:
        return [_MARK, *(column.name for _, column, _ in self._fitted)]

    def _texts(self, row: Row) -> list[Text]:
        cells = [
            cell(row.cells[index], width, right=column.right, style=row.style) for index, column, width in self._fitted
        ]
        return [self._mark(row), *cells]

    def _mark(self, row: Row) -> Text:
        style = "yellow" if row.flag == "!" else "bold"
        return Text.assemble((">" if row.key == self._pointed else " ", "bold"), (row.flag, style))

    def _point(self) -> None:
        wanted = self.current if self.has_focus else None
        before, self._pointed = self._pointed, wanted
        if before == wanted:
            return
        for row in self._shown:
            if row.key in (before, wanted):
                self.update_cell(row.key, _MARK, self._mark(row))
