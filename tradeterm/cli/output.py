"""The only module of the command line that prints results: tables for people, or exactly one JSON object."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradeterm.core.ids import canonical_json
from tradeterm.store.progress import ProgressFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rich.text import Text

__all__ = ["Output", "Page", "money", "percent", "reachable", "shown"]


class Page:
    """What a person sees of a result: titles, lines, name-value pairs and tables."""

    def __init__(self) -> None:
        # rich takes 45 ms to import: only results for people pay for it.
        from rich.console import Console

        # Into a buffer: on stdout itself rich would end the process when the reader of a pipe has gone.
        self._text = io.StringIO()
        self._console = Console(
            file=self._text,
            force_terminal=sys.stdout.isatty(),
            highlight=False,
            soft_wrap=True,
            emoji=False,
            markup=False,
        )

    @property
    def text(self) -> str:
        """What was laid out."""
        return self._text.getvalue()

    def line(self, text: str = "", *, style: str | None = None) -> None:
        """Print one line."""
        self._print(text, style)

    def drawing(self, text: Text) -> None:
        """Print one line whose parts have styles of their own."""
        self._console.print(text)

    def title(self, text: str) -> None:
        """Print a heading."""
        self._print(text, "bold")

    def pairs(self, values: Mapping[str, Any]) -> None:
        """Print names and values, one per line."""
        width = max((len(name) for name in values), default=0)
        for name, value in values.items():
            self._print(f"{name:<{width}}  {shown(value)}")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print a table; a column whose name begins with ``>`` is aligned right.

        Cells are never cut: a narrow terminal wraps a line, it doesn't lose a digit.
        """
        from rich.cells import cell_len

        heads = [column.removeprefix(">") for column in columns]
        cells = [[shown(cell) for cell in row] for row in rows]
        if not cells:
            return self.line("none", style="dim")
        widths = [max(map(cell_len, column)) for column in zip(heads, *cells, strict=True)]
        right = [column.startswith(">") for column in columns]
        self.line(_aligned(heads, widths, right), style="bold")
        for row_cells in cells:
            self.line(_aligned(row_cells, widths, right))

    def next(self, command: str) -> None:
        """Print the next useful command."""
        self._print(f"next: {reachable(command)}", "dim")

    def _print(self, text: str, style: str | None = None) -> None:
        self._console.print(text, style=style, markup=False)


class Output:
    """Prints the one result of a command."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def result(
        self,
        document: Mapping[str, Any],
        show: Callable[[Page], None],
        *,
        outcome: str = "",
        next_command: str = "",
    ) -> None:
        """Print ``document`` as JSON, or let ``show`` lay it out for a person.

        document : plain values with the name of their layout under ``schema``
        outcome : what came of it in one line, for whoever started the command and isn't its terminal
        """
        if "schema" not in document:
            raise KeyError("schema")
        file = ProgressFile.named()
        if file is not None:
            file.end(outcome)
        if self.as_json:
            sys.stdout.write(canonical_json(dict(document)) + "\n")
            return
        page = Page()
        show(page)
        if next_command:
            page.next(next_command)
        sys.stdout.write(page.text)


def _aligned(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    from rich.cells import cell_len

    padded = []
    for cell, width, to_right in zip(cells, widths, right, strict=True):
        space = " " * (width - cell_len(cell))
        padded.append(space + cell if to_right else cell + space)
    return "  ".join(padded).rstrip()


def reachable(command: str) -> str:
    """``tradeterm …`` as this shell finds it: with its folder where that is not on the path."""
    program, _, rest = command.partition(" ")
    if program != "tradeterm" or shutil.which(program):
        return command
    script = Path(sys.executable).with_name(program)
    here = Path.cwd()
    named = script.relative_to(here) if script.is_relative_to(here) else script
    return f"{named} {rest}".rstrip()


def shown(value: Any) -> str:
    """Text of one value: a dash where there is none, fractions to four digits."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else f"{value:g}"
    return str(value)


def money(value: float | None) -> str:
    """Text of an amount: thousands separated, two decimals."""
    return "-" if value is None else f"{value:,.2f}"


def percent(value: float | None, *, signed: bool = False) -> str:
    """Text of a fraction as a percentage."""
    if value is None:
        return "-"
    return f"{value:+.2%}" if signed else f"{value:.2%}"
