"""Regimes over time as lines of blocks: the higher, the further up the axis; colour says good or bad, never alone."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tradeterm.core.time import date_ns, from_ns
from tradeterm.views.spans import cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from tradeterm.cli.output import Page
    from tradeterm.views.spans import Span

__all__ = ["legend", "room", "ruler", "strip"]

_BLOCKS = {2: "▁█", 3: "▁▄█"}
_NOTHING = "·"
_COLOURS = {2: ("red", "green"), 3: ("red", "yellow", "green")}
_FALLING = ("LOW", "NORMAL", "HIGH")
_WIDEST = 120
_YEAR = 3


def room(names: Sequence[str]) -> int:
    """Cells that a terminal has beside the longest of these names."""
    columns = min(shutil.get_terminal_size().columns, _WIDEST)
    return max(20, columns - max(map(len, names), default=0) - 3)


def strip(page: Page, name: str, states: Sequence[str], shown: Sequence[Span], between: tuple[int, int]) -> None:
    """Draw one line from one instant to another; ``name`` comes padded."""
    from rich.text import Text

    line = Text(f"{name}  ")
    for state in cells(shown, *between, room([name])):
        line.append_text(_cell(states, state))
    page.drawing(line)


def _cell(states: Sequence[str], state: str | None) -> Text:
    from rich.text import Text

    if state is None:
        return Text(_NOTHING, "dim")
    colours = _COLOURS[len(states)]
    number = states.index(state)
    return Text(_BLOCKS[len(states)][number], colours[-1 - number] if tuple(states) == _FALLING else colours[number])


def legend(page: Page, states: Sequence[str]) -> None:
    """Say which block is which state."""
    blocks = zip(_BLOCKS[len(states)], states, strict=True)
    page.line("   ".join([*(f"{block} {state}" for block, state in blocks), f"{_NOTHING} unknown"]), style="dim")


def ruler(page: Page, name: str, between: tuple[int, int]) -> None:
    """Draw the years beneath strips of this range: each at its first cell, where there is room for it."""
    first_ns, last_ns = between
    count = room([name])
    marks = [" "] * count
    free = 0
    for year in range(from_ns(first_ns).year, from_ns(last_ns).year + 1):
        start = date_ns(from_ns(first_ns).date().replace(year=year, month=1, day=1))
        cell = max(0, -((first_ns - start) * count // (last_ns - first_ns)))
        text = f"'{year % 100:02d}"
        if cell >= free and cell + _YEAR <= count:
            marks[cell : cell + _YEAR] = text
            free = cell + _YEAR + 1
    page.line(f"{name}  {''.join(marks).rstrip()}", style="dim")
