"""Files of bars or observations: CSV, gzipped CSV and Parquet, told apart by their first bytes.

Nothing is judged here: cells stay as they are, with the line each row stands on.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradeterm.core.errors import NotBars

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["PRICES", "RawTable", "read_table"]

PRICES = ("open", "high", "low", "close")
# Exact instants first: where a file has both, its wall-clock column may be wrong about the zone.
_TIMES = ("ts", "timestamp", "open_time", "unix", "datetime", "time", "date", "observation_date", "index")
_DELIMITERS = (",", ";", "\t")
_HEADER_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTable:
    """Rows of a file as they are.

    lines : line of each row in the file (Parquet: row number), counted from 1
    raw : text of each row
    stamps : cell of the time column
    columns : cells of open, high, low, close and volume (bars), or of value (observations)
    """

    lines: Sequence[int]
    raw: Sequence[str]
    stamps: Sequence[Any]
    columns: dict[str, Sequence[Any]]

    @property
    def observations(self) -> bool:
        """Whether the file has one value per time."""
        return "value" in self.columns

    def __len__(self) -> int:
        return len(self.lines)


def read_table(path: Path) -> RawTable:
    """Read the rows of a file.

    Raises
    ------
    NotBars
        When the file is absent or unreadable, or its header names no time and prices.
    """
    try:
        content = path.read_bytes()
    except OSError as failure:
        raise NotBars(path, f"can't be read ({failure.strerror})") from failure
    if content[:4] == b"PAR1":
        return _parquet(path)
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as failure:
            raise NotBars(path, f"is a damaged gzip file ({failure})") from failure
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        raise NotBars(path, "is neither text (UTF-8) nor Parquet") from failure
    return _csv(path, text)


def _csv(path: Path, text: str) -> RawTable:
    head = text.splitlines()[:_HEADER_LINES]
    for skipped, line in enumerate(head):
        for delimiter in _DELIMITERS:
            columns = _columns([cell.strip().strip('"') for cell in line.split(delimiter)])
            if columns is not None:
                return _csv_rows(path, text, skipped, delimiter, columns)
    found = f"no known header ('{head[0][:60]}')" if head else "is empty"
    raise NotBars(path, found)


def _csv_rows(path: Path, text: str, skipped: int, delimiter: str, columns: dict[str, int]) -> RawTable:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    lines, rows = [], []
    try:
        for row in reader:
            if reader.line_num > skipped + 1 and any(row):
                lines.append(reader.line_num)
                rows.append(row)
    except csv.Error as failure:
        raise NotBars(path, f"line {reader.line_num} is no CSV ({failure})") from failure
    cells = {
        name: [row[position].strip() if position < len(row) else "" for row in rows]
        for name, position in columns.items()
    }
    stamps = cells.pop("ts")
    return RawTable(lines=lines, raw=[delimiter.join(row) for row in rows], stamps=stamps, columns=dict(cells))


def _parquet(path: Path) -> RawTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as failure:
        raise NotBars(path, f"is damaged Parquet ({str(failure).splitlines()[0]})") from failure
    columns = _columns([name.removeprefix("__").removesuffix("_level_0__") for name in table.column_names])
    if columns is None:
        raise NotBars(path, f"no known columns ({', '.join(table.column_names)})")
    cells = {name: _cells(table.column(position)) for name, position in columns.items()}
    raw = [",".join(str(cells[name][row]) for name in cells) for row in range(table.num_rows)]
    stamps = cells.pop("ts")
    return RawTable(lines=range(1, table.num_rows + 1), raw=raw, stamps=stamps, columns=dict(cells))


def _cells(column: Any) -> list[Any]:
    import pyarrow as pa

    # Nanosecond stamps come out as pandas objects; microseconds as plain datetimes.
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
    cells: list[Any] = column.to_pylist()
    return cells


def _columns(header: Sequence[str]) -> dict[str, int] | None:
    """Position of each needed column, or None when this is no header of bars or observations."""
    names = [name.strip().lower() for name in header]
    time = next((names.index(name) for name in _TIMES if name in names), None)
    if time is None:
        return None
    if all(name in names for name in PRICES):
        found = {"ts": time} | {name: names.index(name) for name in PRICES}
        volume = next((position for position, name in enumerate(names) if name.startswith("vol")), None)
        return found if volume is None else found | {"volume": volume}
    if "value" in names:
        return {"ts": time, "value": names.index("value")}
    return {"ts": time, "value": 1 - time} if len(names) == 2 else None
