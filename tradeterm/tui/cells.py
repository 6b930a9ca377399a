"""Numbers, instants and rows as text of a fixed width; unknown is a dash."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from tradeterm.core.time import HOUR_NS, from_ns, iso_date

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "BAD",
    "DASH",
    "DIM",
    "GOOD",
    "HEAD",
    "WARN",
    "Column",
    "Row",
    "age",
    "bar",
    "countdown",
    "date",
    "decision",
    "fit",
    "header",
    "initials",
    "instant",
    "line",
    "money",
    "pairs",
    "percent",
    "plain",
    "prose",
    "quantity",
    "signed",
    "stamp",
    "table",
    "tone",
]

DASH = "-"
# Terminal colours: the theme decides what they look like, and an ANSI theme leaves them to the terminal.
GOOD, BAD, WARN, DIM, HEAD = "green", "red", "yellow", "dim", "dim bold"
_GAP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column; where space is short the highest ``rank`` goes first, 0 stays; ``grow`` takes what is left."""

    name: str
    width: int
    right: bool = False
    rank: int = 0
    grow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a table: as many cells as columns; ``flag`` is one character before them."""

    key: str
    cells: tuple[str | Text, ...]
    flag: str = " "
    style: str = ""

    @property
    def text(self) -> str:
        """What a filter looks through."""
        return " ".join([self.flag, *(plain(cell) for cell in self.cells)]).lower()


def plain(cell: str | Text) -> str:
    """Return a cell without its styles."""
    return cell.plain if isinstance(cell, Text) else cell


def percent(value: float | None, digits: int = 1, *, sign: bool = False) -> str:
    """Return a fraction as percent: ``12.3%``."""
    return DASH if value is None else f"{value:{'+' if sign else ''}.{digits}%}"


def signed(value: float | None, digits: int = 2) -> str:
    """Return a number with its sign."""
    return DASH if value is None else f"{value:+.{digits}f}"


def plain_number(value: float | None, digits: int = 2) -> str:
    """Return a number with so many digits."""
    return DASH if value is None else f"{value:,.{digits}f}"


def money(value: float | None) -> str:
    """Return an amount: ``101,234.55``."""
    return plain_number(value, 2)


def quantity(value: float | None) -> str:
    """Return a quantity with the digits that it needs, five at most."""
    if value is None:
        return DASH
    text = f"{value:,.5f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def stamp(ns: int | None) -> str:
    """Return an instant without its year: ``11-20 20:00Z``."""
    return DASH if ns is None else from_ns(ns).strftime("%m-%d %H:%MZ")


def instant(ns: int | None) -> str:
    """Return an instant with its year: ``2026-11-20 20:00Z``."""
    return DASH if ns is None else from_ns(ns).strftime("%Y-%m-%d %H:%MZ")


def decision(ns: int) -> str:
    """Return a decision time, which is on the hour: ``11-20 20Z``."""
    return from_ns(ns).strftime("%m-%d %HZ")


def initials(name: str) -> str:
    """Shorten a strategy's name to its capitals: ``EquityTrendModel_v1`` becomes ``ETM1``."""
    short = "".join(letter for letter in name if letter.isupper() or letter.isdigit())
    return short if len(short) > 1 else name[:6]


def date(ns: int | None) -> str:
    """Return a UTC date: ``2026-11-20``."""
    return DASH if ns is None else iso_date(ns)


def age(hours: float | None) -> str:
    """Return an age: ``5h``, ``3d``."""
    if hours is None:
        return DASH
    return f"{hours:.0f}h" if hours < 72 else f"{hours / 24:.0f}d"


def countdown(ns: int) -> str:
    """Return a time that is left: ``02:14``, hours and minutes, rounded up."""
    minutes = max(0, -(-ns // (HOUR_NS // 60)))
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def tone(value: float | None) -> str:
    """Return the style of a gain or a loss; its sign stands beside it."""
    if not value:
        return ""
    return GOOD if value > 0 else BAD


def bar(share: float | None, width: int) -> Text:
    """Return how much of something is used."""
    if share is None:
        return Text(DASH.ljust(width), DIM)
    full = min(width, max(0, round(share * width)))
    return Text.assemble(("━" * full, ""), ("─" * (width - full), DIM))


def fit(columns: Sequence[Column], width: int) -> list[tuple[int, Column, int]]:
    """Return the columns that fit: index, column and the width of its text."""
    chosen = list(range(len(columns)))
    while len(chosen) > 1 and _needed(columns, chosen) > width:
        rank = max(columns[index].rank for index in chosen)
        if rank == 0:
            break
        # Of equal rank the last goes first.
        chosen.remove(max(index for index in chosen if columns[index].rank == rank))
    spare = max(0, width - _needed(columns, chosen))
    return [(index, columns[index], columns[index].width + (spare if columns[index].grow else 0)) for index in chosen]


def _needed(columns: Sequence[Column], chosen: Sequence[int]) -> int:
    return sum(columns[index].width for index in chosen) + _GAP * (len(chosen) - 1)


def cell(value: str | Text, width: int, *, right: bool = False, style: str = "") -> Text:
    """Return a cell of exactly ``width`` and the gap after it; what is too long ends in an ellipsis."""
    text = value.copy() if isinstance(value, Text) else Text(value)
    if style:
        text.stylize(style)
    text.truncate(width, overflow="ellipsis")
    if right:
        text.pad_left(width - text.cell_len)
    else:
        text.pad_right(width - text.cell_len)
    return text


def line(fitted: Sequence[tuple[int, Column, int]], cells: Sequence[str | Text], style: str = "") -> Text:
    """Return one line of aligned cells."""
    parts = [cell(cells[index], width, right=column.right) for index, column, width in fitted]
    text = Text("  ").join(parts)
    if style:
        text.stylize(style)
    return text


def header(fitted: Sequence[tuple[int, Column, int]]) -> Text:
    """Return the line of column names."""
    parts = [cell(column.name, width, right=column.right, style=HEAD) for _, column, width in fitted]
    return Text("  ").join(parts)


def prose(text: str, width: int, style: str = "") -> list[Text]:
    """Return running text, broken between words; a date is one."""
    return [Text(part, style) for part in textwrap.wrap(text, max(20, width), break_on_hyphens=False)]


def pairs(values: Mapping[str, str], width: int) -> list[Text]:
    """Return names and values, one below the other; long values go on beneath themselves."""
    name_width = max((len(name) for name in values), default=0) + 2
    lines = []
    for name, value in values.items():
        parts = textwrap.wrap(value, max(20, width - name_width), break_on_hyphens=False) or [""]
        lines.append(Text.assemble((f"{name:<{name_width}}", DIM), parts[0]))
        lines += [Text(" " * name_width + part) for part in parts[1:]]
    return lines


def table(columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[Text]:
    """Return header and rows as lines."""
    fitted = fit(columns, width)
    return [header(fitted), *(line(fitted, row.cells, row.style) for row in rows)]
