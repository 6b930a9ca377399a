"""Parquet with a row per bar, as pandas and others write it: the index is a column like the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from tradeterm.core.errors import NotBars
from tradeterm.data.files.grid import Grid, pair_of
from tradeterm.data.stamps import BAD, ParsedStamps

if TYPE_CHECKING:
    from pathlib import Path

    from tradeterm.data.files.wanted import Wanted

__all__ = ["grid_of_parquet"]

_FARTHEST_NS = 4 * 10**18


def grid_of_parquet(path: Path, content: bytes, wanted: Wanted) -> Grid:
    """Read Parquet.

    Raises
    ------
    NotBars
        When it is damaged, or no columns are those of a time and of prices.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content))
        names = [_plain_index(str(name)) for name in table.column_names]
        pairs = [pair_of(name) for name in names]
        fields = [pair[0] if pair else wanted.own(name) for pair, name in zip(pairs, names, strict=True)]
        if not wanted.is_header(fields):
            raise NotBars(path, f"no known columns ({', '.join(names)})")
        columns = [_column(table.column(place)) for place in range(table.num_columns)]
    except (pa.ArrowException, OSError, ValueError, OverflowError) as failure:
        told = (str(failure).splitlines() or [type(failure).__name__])[0]
        raise NotBars(path, f"is damaged Parquet ({told})", "get it again") from failure
    return Grid(
        names=tuple(fields),
        columns=columns,
        lines=range(1, table.num_rows + 1),
        raw=_Rows(table),
        crowded=np.zeros(table.num_rows, dtype=np.bool_),
        tickers=tuple(pair[1] if pair else "" for pair in pairs) if any(pairs) else (),
    )


class _Rows(Sequence[str]):
    """Text of each row, made when it is asked for: few rows ever are."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self[place] for place in range(*row.indices(len(self)))]
        return ",".join(_shown(column[row]) for column in self._table.columns)


def _shown(cell: Any) -> str:
    try:
        return str(cell.as_py())
    except (ValueError, OverflowError):
        return str(cell)


def _plain_index(name: str) -> str:
    return "index" if name.startswith("__index_level_0_") else name


def _column(column: Any) -> Any:
    """Cells: stamps already read where the column's type is one, floats where it is a number, else as they are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type):
        aware = column.type.tz is not None
        ns = column.cast(pa.timestamp("ns", tz=column.type.tz), safe=True).cast(pa.int64())
        there = np.asarray(pc.is_valid(ns))
        wall = np.asarray(pc.fill_null(ns, 0)).astype(np.int64)
        there &= np.abs(wall) < _FARTHEST_NS
        return ParsedStamps(np.where(there, wall, BAD), there & aware)
    if pa.types.is_floating(column.type):
        return np.asarray(pc.fill_null(column.cast(pa.float64()), np.nan))
    return column.to_pylist()
