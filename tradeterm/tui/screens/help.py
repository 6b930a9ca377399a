"""Keys of the focused pane, from the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from tradeterm.tui import keys
from tradeterm.tui.cells import DIM
from tradeterm.tui.screens.detail import DetailScreen

if TYPE_CHECKING:
    from tradeterm.tui.keys import Key

__all__ = ["HelpScreen"]


class HelpScreen(DetailScreen):
    """What each key does, the pane's own first."""

    def __init__(self, pane: str | None) -> None:
        lines: list[Text] = []
        places = [("Everywhere", "everywhere"), ("Work screen", "work"), ("Tables", "table"), ("Modals", "modal")]
        if pane is not None and keys.keys_of(pane):
            places.insert(0, (f"{keys.NOUNS[pane]} (this pane)", pane))
        for title, place in places:
            lines += [Text(title, "bold"), *(_line(key) for key in keys.keys_of(place)), Text()]
        lines.append(Text("Resume is no key, on purpose: tradeterm resume --kill --reason TEXT", DIM))
        super().__init__("Help" if pane is None else f"Help: {keys.NOUNS[pane]}", lines)


def _line(key: Key) -> Text:
    return Text.assemble((f"  {key.shown:<18}", "bold"), key.help)
