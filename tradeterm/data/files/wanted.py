"""Whose bars are wanted of a file, and which of its columns are meant."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradeterm.core.errors import UsageError, nearest
from tradeterm.data.files.names import PRICES, bare, is_header, plain_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tradeterm.data.files.grid import Grid

__all__ = ["COLUMNS", "Wanted"]

_PARTS = re.compile(r"[._\s-]")
# What can be said of a column: our name of it.
COLUMNS = ("ts", *PRICES, "volume", "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One instrument of a file that may hold several.

    aliases : other names of the symbol, as services use them
    ticker : the file's name of it, where a person says so
    columns : the file's name of a column by ours, where a person says so
    """

    symbol: str
    aliases: Sequence[str] = ()
    ticker: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)

    def is_meant(self, name: str) -> bool:
        """Whether a ticker of the file is this instrument."""
        known = {bare(self.ticker)} if self.ticker else {bare(self.symbol), *map(bare, self.aliases)}
        return bare(name) in known

    def own(self, name: str) -> str:
        """Name of a column without the instrument's: ``SPY.Close`` is the close."""
        parts = [part for part in _PARTS.split(name.strip()) if part]
        if len(parts) == 2 and self.is_meant(parts[0]):
            return parts[1]
        return parts[0] if len(parts) == 2 and self.is_meant(parts[1]) else name

    def is_header(self, names: Sequence[str]) -> bool:
        """Whether these cells are the names of columns that are needed."""
        return is_header(names) or bool(set(self.columns.values()) & set(names))

    def named(self, path: Path, grid: Grid, places: Sequence[int]) -> dict[str, int]:
        """Places of the columns that a person named, by our name of them.

        Raises
        ------
        UsageError
            When the file has no column of that name, or several; or nothing is called so here.
        """
        found = {}
        for ours, name in self.columns.items():
            if ours not in COLUMNS:
                near = nearest(ours, COLUMNS)
                hint = f"did you mean '{near}'?" if near else f"it is one of {', '.join(COLUMNS)}"
                raise UsageError(f"--column {ours}={name}: no column of bars is called '{ours}' here; {hint}")
            exact = [place for place in places if grid.names[place] == name]
            alike = exact or [place for place in places if plain_name(grid.names[place]) == plain_name(name)]
            if len(alike) != 1:
                has = f"{len(alike)} columns" if alike else "no column"
                listed = ", ".join(filter(None, grid.names))
                raise UsageError(f"--column {ours}={name}: {path} has {has} of that name; it has {listed}")
            found[ours] = alike[0]
        return found
