"""Lines of text that are laid out for the width they get, and painted only when they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.widgets import Static

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events

__all__ = ["Lines"]


def _nothing(width: int) -> list[Text]:
    return []


class Lines(Static):
    """Shows what a function makes of the width."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__("", id=id, classes=classes, markup=False)
        self._make: Callable[[int], list[Text]] = _nothing
        self._painted = Text()

    def show(self, make: Callable[[int], list[Text]]) -> None:
        """Lay out anew; without lines the widget takes no room."""
        self._make = make
        self._lay_out()

    def on_resize(self, event: events.Resize) -> None:
        """Lay out for the new width."""
        before = self._painted
        self._lay_out()
        if self._painted != before:
            # Asked for within a layout, another one would be forgotten, and the height stay that of the text before.
            self.call_after_refresh(self.refresh, layout=True)

    def _lay_out(self) -> None:
        lines = self._make(max(1, self.size.width or self._width_above()))
        for each in lines:
            each.no_wrap, each.overflow = True, "ellipsis"
        text = Text("\n", no_wrap=True, overflow="ellipsis").join(lines)
        self.set_class(not lines, "-empty")
        if text != self._painted:
            self._painted = text
            self.update(text)

    def _width_above(self) -> int:
        # Not laid out yet, or hidden while empty: the width will be that of what is around.
        return self.parent.size.width if self.parent is not None and hasattr(self.parent, "size") else 80
