"""All there is about one row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import VerticalScroll
from textual.widgets import Static

from tradeterm.tui.screens.modal import Modal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.widget import Widget

__all__ = ["DetailScreen"]


class DetailScreen(Modal[None]):
    """Lines that can be scrolled."""

    def __init__(self, title: str, lines: list[Text]) -> None:
        super().__init__()
        self._title = title
        self._lines = lines

    def heading(self) -> str:
        """Return what the lines are about."""
        return self._title

    def content(self) -> Iterable[Widget]:
        """Yield the lines."""
        text = Text("\n").join(self._lines)
        scroll = VerticalScroll(Static(text, markup=False), classes="scroll")
        scroll.can_focus = True
        yield scroll
        yield Static("esc closes", classes="hint", markup=False)
