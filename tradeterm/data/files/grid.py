"""Named columns of cells, as a file has them; nothing is judged here."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.core.types import BoolArray

__all__ = ["Grid", "pair_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Rows of a file under their names.

    names : as the file has them
    tickers : of each column, where the file has columns of named instruments; else nothing
    columns : cells of each name
    lines : line of each row in the file (Parquet: row number), counted from 1
    raw : text of each row
    crowded : rows with more cells than there are names
    shape : the well-known form of a file without names of its own, and of one whose names tell it beyond doubt
    """

    names: tuple[str, ...]
    columns: Sequence[Sequence[Any]]
    lines: Sequence[int]
    raw: Sequence[str]
    crowded: BoolArray
    tickers: tuple[str, ...] = ()
    shape: str = ""

    def __len__(self) -> int:
        return len(self.lines)


def pair_of(name: str) -> tuple[str, str] | None:
    """Field and ticker of a name that pandas made of two levels: ``('Close', 'SPY')``."""
    if not name.startswith(("('", '("')):
        return None
    try:
        found = ast.literal_eval(name)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if isinstance(found, tuple) and len(found) == 2 and all(isinstance(item, str) for item in found):
        return found[0], found[1]
    return None
