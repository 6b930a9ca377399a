"""What every modal shares: the status line on top, keys that work everywhere, escape closes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

from rich.text import Text
from textual.command import CommandPalette
from textual.containers import Vertical
from textual.screen import ModalScreen

from tradeterm.tui import keys
from tradeterm.tui.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.widget import Widget

__all__ = ["Modal", "Palette"]

Answer = TypeVar("Answer")


class Modal(ModalScreen[Answer]):
    """A box over the work screen."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings("modal", "everywhere")]
    TITLE_TEXT: ClassVar[str] = ""

    def compose(self) -> ComposeResult:
        """Put the status line above the box."""
        yield StatusBar()
        with Vertical(classes="box") as box:
            box.border_title = Text(self.heading()).markup
            box.border_subtitle = "esc closes"
            yield from self.content()

    def heading(self) -> str:
        """Return the title of the box."""
        return self.TITLE_TEXT

    def content(self) -> Iterable[Widget]:
        """Yield what is in the box."""
        return ()

    def action_leave(self) -> None:
        """Close without an answer."""
        self.dismiss(None)


class Palette(CommandPalette):
    """The command palette under the status line."""

    def compose(self) -> ComposeResult:
        """Put the status line above the palette."""
        yield StatusBar()
        yield from super().compose()
