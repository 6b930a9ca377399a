"""All there is about one row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import VerticalScroll

from tradeterm.tui.screens.modal import Modal
from tradeterm.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.text import Text
    from textual.widget import Widget

__all__ = ["DetailScreen"]


class DetailScreen(Modal[None]):
    """Lines that can be scrolled."""

    def __init__(self, title: str, make: Callable[[int], list[Text]]) -> None:
        super().__init__()
        self._title = title
        self._make = make

    def heading(self) -> str:
        """Return what the lines are about."""
        return self._title

    def content(self) -> Iterable[Widget]:
        """Yield the lines."""
        lines = Lines()
        scroll = VerticalScroll(lines, classes="scroll")
        scroll.can_focus = True
        yield scroll
        lines.show(self._make)
