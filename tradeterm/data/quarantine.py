"""Rows that were not let in, kept beside the bars with file, line and rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradeterm.core.errors import BarsUnreadable
from tradeterm.core.market import file_stem
from tradeterm.store.atomic import replace_file
from tradeterm.store.locks import file_lock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tradeterm.core.market import BarKey

__all__ = ["QuarantinedRow", "quarantine", "quarantine_path", "quarantined"]

_LOCK_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedRow:
    """One row that was not let in; ``found_at_ns`` is when it was first met."""

    file: str
    line: int
    rule: str
    detail: str
    raw: str
    found_at_ns: int


def quarantine_path(data_dir: Path, key: BarKey) -> Path:
    """File of the rows of ``key`` that were not let in."""
    return data_dir / "quarantine" / f"{file_stem(key.symbol)}_{key.timeframe.value}.parquet"


def quarantine(data_dir: Path, key: BarKey, rows: Sequence[QuarantinedRow]) -> int:
    """Keep rows; those that are there from an earlier import of the same file stay as they are. Returns new ones."""
    if not rows:
        return 0
    path = quarantine_path(data_dir, key)
    lock = data_dir / ".locks" / f"quarantine_{path.name}.lock"
    with file_lock(lock, str(path), timeout_s=_LOCK_TIMEOUT_S):
        there = quarantined(data_dir, key)
        known = {(row.file, row.line, row.rule, row.raw) for row in there}
        new = [row for row in rows if (row.file, row.line, row.rule, row.raw) not in known]
        if new:
            _write(path, [*there, *new])
    return len(new)


def quarantined(data_dir: Path, key: BarKey) -> list[QuarantinedRow]:
    """Rows of ``key`` that were not let in so far.

    Raises
    ------
    BarsUnreadable
        When the file is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = quarantine_path(data_dir, key)
    if not path.is_file():
        return []
    try:
        with pq.ParquetFile(path) as file:
            table = file.read(use_threads=False)
        found = table.column("found_at").cast(pa.int64()).to_pylist()
        rows = table.drop_columns(["found_at"]).to_pylist()
        return [QuarantinedRow(**row, found_at_ns=at) for row, at in zip(rows, found, strict=True)]
    except (pa.ArrowException, OSError, KeyError, TypeError) as failure:
        raise BarsUnreadable(path, f"can't be read ({str(failure).splitlines()[0]})") from failure


def _write(path: Path, rows: Sequence[QuarantinedRow]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {
        name: [getattr(row, name) for row in rows] for name in ("file", "line", "rule", "detail", "raw")
    }
    columns["found_at"] = pa.array([row.found_at_ns for row in rows], pa.timestamp("ns", tz="UTC"))
    with replace_file(path, locked=True) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")
