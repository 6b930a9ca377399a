"""Keys of the focused pane, from the registry."""

from __future__ import annotations

from rich.text import Text

from tradeterm.tui import keys
from tradeterm.tui.cells import DIM, pairs, prose
from tradeterm.tui.screens.detail import DetailScreen

__all__ = ["HelpScreen"]


class HelpScreen(DetailScreen):
    """What each key does, the pane's own first."""

    def __init__(self, pane: str | None) -> None:
        places = [("Everywhere", "everywhere"), ("Work screen", "work"), ("Tables", "table"), ("Modals", "modal")]
        if pane in keys.NOUNS and keys.keys_of(pane):
            places.insert(0, (f"{keys.NOUNS[pane]} (this pane)", pane))
        elif pane is not None and keys.keys_of(pane):
            places.insert(0, (keys.PLACES[pane], pane))

        def make(width: int) -> list[Text]:
            lines: list[Text] = []
            for title, place in places:
                found = {key.shown: key.help for key in keys.keys_of(place)}
                lines += [Text(title, "bold"), *pairs(found, width), Text()]
            return [*lines, *prose("Resume is no key, on purpose: tradeterm resume --kill --reason TEXT", width, DIM)]

        super().__init__("Help" if pane is None else f"Help: {keys.NOUNS.get(pane, keys.PLACES[pane])}", make)
