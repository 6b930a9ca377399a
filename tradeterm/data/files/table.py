"""Rows of one instrument out of a file: its time, its prices and volume, or the values of a series."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.errors import NotBars
from tradeterm.data.files.content import PARQUET, content_of, text_of
from tradeterm.data.files.csv import grid_of_text
from tradeterm.data.files.names import BINANCE, CRYPTO_DATA_DOWNLOAD, YFINANCE, plain_name
from tradeterm.data.files.parquet import grid_of_parquet
from tradeterm.data.files.prices import find_prices, find_values
from tradeterm.data.files.tickers import places_of, rows_of
from tradeterm.data.files.times import find_times
from tradeterm.data.stamps import ParsedStamps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tradeterm.core.types import BoolArray, IntArray
    from tradeterm.data.files.times import Times
    from tradeterm.data.files.wanted import Wanted
    from tradeterm.data.recognised import Recognised

__all__ = ["RawTable", "read_table"]

# Columns that say how the prices are adjusted.
_BESIDE = {
    "adjusted": ("adj close", "adjusted close", "adjclose", "adjusted"),
    "splits": ("stock splits", "split coefficient", "splitfactor"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTable:
    """Rows of one instrument as they are; nothing is judged.

    lines : line of each row in the file (Parquet: row number), counted from 1
    raw : text of each row
    times : cells of the time column, and of others that tell the same
    columns : cells of open, high, low, close and volume (bars), or of value (observations)
    crowded : rows with more cells than the file has names
    beside : cells of adjusted closes and of splits, where the file has them
    shape : the well-known form that the file has beyond doubt, empty where it has none
    recognised : which columns were taken, and why
    """

    lines: Sequence[int]
    raw: Sequence[str]
    times: Times
    columns: dict[str, Sequence[Any]]
    crowded: BoolArray
    beside: dict[str, Sequence[Any]] = field(default_factory=dict)
    shape: str = ""
    recognised: tuple[Recognised, ...] = ()

    @property
    def observations(self) -> bool:
        """Whether the file has one value per time."""
        return "value" in self.columns

    def __len__(self) -> int:
        return len(self.lines)


def read_table(path: Path, wanted: Wanted) -> RawTable:
    """Read the rows of a file.

    Raises
    ------
    NotBars
        When the file is absent or unreadable, or its header names no time and prices, or one of them twice.
    UsageError
        When it has no such column or ticker as was asked for, or holds other instruments alone.
    """
    content = content_of(path)
    if content.startswith(PARQUET):
        grid = grid_of_parquet(path, content, wanted)
    else:
        grid = grid_of_text(path, text_of(path, content), wanted)
    places, of_ticker = places_of(path, grid, wanted)
    names = {place: grid.names[place] for place in places}
    plain = {place: plain_name(name) for place, name in names.items()}
    named = wanted.named(path, grid, places)
    rows, in_rows = rows_of(path, grid, plain, wanted)

    def cells(place: int) -> Any:
        return _picked(grid.columns[place], rows)

    def numbers(place: int) -> Any:
        column = cells(place)
        return ["a time"] * len(column.wall) if isinstance(column, ParsedStamps) else column

    times = find_times(path, names, cells, chosen=named.get("ts"))
    taken = find_prices(path, names, numbers, named, wanted) or find_values(path, names, numbers, named, wanted)
    if taken is None:
        found = f"no known columns ({', '.join(filter(None, grid.names))})"
        raise NotBars(path, found, "name them with --column, such as close=Last")
    return RawTable(
        lines=_picked(grid.lines, rows),
        raw=_picked(grid.raw, rows),
        times=times,
        columns=taken.columns,
        crowded=_picked(grid.crowded, rows),
        beside={name: numbers(place) for name, place in _beside(plain).items()},
        shape=grid.shape or _shape(plain),
        recognised=(*of_ticker, *in_rows, *times.recognised, *taken.recognised),
    )


def _picked(column: Any, rows: IntArray | None) -> Any:
    if rows is None:
        return column
    if isinstance(column, ParsedStamps):
        return ParsedStamps(column.wall[rows], column.is_instant[rows])
    return column[rows] if isinstance(column, np.ndarray) else [column[row] for row in rows.tolist()]


def _beside(plain: Mapping[int, str]) -> dict[str, int]:
    return {
        ours: next(place for place, name in plain.items() if name in known)
        for ours, known in _BESIDE.items()
        if set(known) & set(plain.values())
    }


def _shape(plain: Mapping[int, str]) -> str:
    """Form that the names tell beyond doubt."""
    names = set(plain.values())
    if "adj close" in names or {"dividends", "stock splits"} <= names:
        return YFINANCE
    if {"open time", "close time"} <= names:
        return BINANCE
    if {"date", "symbol"} <= names and names & {"unix", "unix timestamp"}:
        return CRYPTO_DATA_DOWNLOAD
    return ""
