"""Line 2 of a narrow screen: the six panes by number, the present one in brackets, trouble marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.widgets import Static

from tradeterm.tui.keys import PANES

if TYPE_CHECKING:
    from collections.abc import Collection

    from textual import events

__all__ = ["Tabs"]

# Between the parts of a count.
_BETWEEN = "  "
_WORDS = {"data": "Data", "runs": "Runs", "book": "Book", "regime": "Regime", "board": "Board", "orders": "Orders"}


def _fitting(count: str, room: int) -> str:
    """As many parts of a count as there is room for, the first ones first; none is ever cut."""
    parts = count.split(_BETWEEN)
    while parts and len(_BETWEEN.join(parts)) > room:
        parts.pop()
    return _BETWEEN.join(parts)


class Tabs(Static):
    """Names of the panes; a click goes there."""

    def __init__(self) -> None:
        super().__init__("", id="tabs", markup=False)
        self._spans: list[tuple[int, int, int]] = []
        self._painted = Text()

    def show(self, active: str, troubled: Collection[str], count: str) -> None:
        """Show which pane is here, which have trouble, and the one count that matters."""
        text = Text()
        self._spans = []
        for number, name in enumerate(PANES, 1):
            start = text.cell_len
            here = name == active
            word = f"{number} {_WORDS[name]}{'!' if name in troubled else ''}"
            style = "bold" if here else ("yellow" if name in troubled else "dim")
            text.append(f"[{word}]" if here else f" {word} ", style)
            self._spans.append((start, text.cell_len, number))
        room = self.app.size.width - text.cell_len - 1
        text.append(_fitting(count, room).rjust(room), "dim")
        if text != self._painted:
            self._painted = text
            self.update(text)

    async def on_click(self, event: events.Click) -> None:
        """Go to the pane that was clicked."""
        for start, end, number in self._spans:
            if start <= event.x < end:
                await self.screen.run_action(f"pane({number})")
