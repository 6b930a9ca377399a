"""Bars as Arrow tables: columns, types and what the footer says."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tradeterm.core.ids import canonical_json
from tradeterm.core.market import AssetClass, Bars, FillBars, Timeframe

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["METADATA_KEY", "BarMeta", "as_numpy", "content_hash", "from_table", "meta_of", "to_table"]

METADATA_KEY = b"tradeterm"

_TIMES = ("ts", "known_at")
_PRICES = ("open", "high", "low", "close", "volume")
_FILL_PRICES = ("fill_open", "fill_high", "fill_low", "fill_volume")


@dataclass(frozen=True, slots=True, kw_only=True)
class BarMeta:
    """What a file says about its bars.

    source : "sample", "import:FILE", "derived:1h", ...
    adjustment : "none", "split" or "all"
    derived : whether built from finer bars here
    extra : whatever else the writer keeps with them (gaps, quarantined rows)
    rows, first_ts, last_ts, first_known_at, last_known_at : read from the file, ignored when writing; instants in
        ns UTC, None when there are no rows
    """

    symbol: str
    asset_class: AssetClass
    timeframe: Timeframe
    calendar: str
    source: str
    adjustment: str = "none"
    derived: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    rows: int = 0
    first_ts: int | None = None
    last_ts: int | None = None
    first_known_at: int | None = None
    last_known_at: int | None = None


def _arrays(bars: Bars) -> dict[str, Any]:
    """The columns of a file in their order; numpy, instants as int64 ns."""
    columns = {name: getattr(bars, name) for name in (*_TIMES, *_PRICES)}
    if bars.straddles is not None:
        columns["straddles"] = bars.straddles.astype(bool)
    if bars.fill is not None:
        columns |= {name: getattr(bars.fill, name.removeprefix("fill_")) for name in _FILL_PRICES}
        columns["fill_at"] = bars.fill.at
    return columns


def content_hash(bars: Bars) -> str:
    """Hash of all columns, with their names and types."""
    digest = hashlib.blake2b(digest_size=16)
    for name, values in _arrays(bars).items():
        digest.update(f"{name}:{values.dtype.str}:{len(values)};".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def to_table(bars: Bars, meta: BarMeta) -> pa.Table:
    """Table to store: instants as timestamps, ``meta`` as JSON in the schema."""
    import pyarrow as pa

    instant = pa.timestamp("ns", tz="UTC")
    columns = {}
    for name, values in _arrays(bars).items():
        if name == "fill_at":
            columns[name] = pa.array(values, instant, mask=values < 0)
        else:
            columns[name] = pa.array(values, instant if name in _TIMES else None)
    said = {
        "symbol": meta.symbol,
        "asset_class": meta.asset_class,
        "timeframe": meta.timeframe,
        "calendar": meta.calendar,
        "source": meta.source,
        "adjustment": meta.adjustment,
        "derived": meta.derived,
        "extra": meta.extra,
    }
    return pa.table(columns).replace_schema_metadata({METADATA_KEY: canonical_json(said).encode()})


def from_table(table: pa.Table) -> Bars:
    """Bars of a stored table.

    Raises
    ------
    ValueError, KeyError
        When a column is missing or of another type.
    """
    import pyarrow as pa

    def instants(name: str) -> Any:
        column = table.column(name)
        if not pa.types.is_timestamp(column.type):
            raise ValueError(f"column {name} is {column.type}, not an instant")
        if column.null_count and name in _TIMES:
            raise ValueError(f"column {name} has {column.null_count} empty rows")
        return as_numpy(column.cast(pa.timestamp("ns", tz="UTC")).cast(pa.int64()), -1)

    def floats(name: str) -> Any:
        return as_numpy(table.column(name).cast(pa.float64()))

    names = table.column_names
    missing = [name for name in (*_TIMES, *_PRICES) if name not in names]
    if missing:
        raise ValueError(f"no column {missing[0]}")
    fill = None
    if "fill_at" in names:
        prices = {name.removeprefix("fill_"): floats(name) for name in _FILL_PRICES}
        fill = FillBars(at=instants("fill_at"), **prices)
    straddles = as_numpy(table.column("straddles").cast(pa.int64())) if "straddles" in names else None
    times = {name: instants(name) for name in _TIMES}
    return Bars(**times, **{name: floats(name) for name in _PRICES}, straddles=straddles, fill=fill)


def as_numpy(column: pa.ChunkedArray, null: float = math.nan) -> Any:
    """Values of an int64 or float64 column, ``null`` where it has none.

    Neither ``to_numpy`` nor ``fill_null`` will do: both import pandas (0.4 s).
    """
    import numpy as np
    import pyarrow as pa

    array = column.combine_chunks()
    if not array.null_count:
        return np.from_dlpack(array)
    values = np.frombuffer(array.buffers()[1], dtype=np.int64 if array.type == pa.int64() else np.float64)
    valid = np.from_dlpack(array.is_valid().cast(pa.int8()))
    return np.where(valid == 1, values[array.offset : array.offset + len(array)], null).astype(values.dtype)


def meta_of(footer: pq.FileMetaData) -> BarMeta:
    """What a footer says.

    Raises
    ------
    TypeError, KeyError, ValueError
        When it was not written from :func:`to_table`.
    """
    said = json.loads(footer.metadata[METADATA_KEY])
    said |= {"asset_class": AssetClass(said["asset_class"]), "timeframe": Timeframe(said["timeframe"])}
    first_ts, last_ts = _bounds(footer, "ts")
    first_known_at, last_known_at = _bounds(footer, "known_at")
    return BarMeta(
        **said,
        rows=footer.num_rows,
        first_ts=first_ts,
        last_ts=last_ts,
        first_known_at=first_known_at,
        last_known_at=last_known_at,
    )


def _bounds(footer: pq.FileMetaData, column: str) -> tuple[int | None, int | None]:
    position = footer.schema.names.index(column)
    groups = [footer.row_group(index).column(position).statistics for index in range(footer.num_row_groups)]
    known = [group for group in groups if group is not None and group.has_min_max]
    if not known:
        return None, None
    # The raw values: the decoded ones would bring pandas in.
    return min(group.min_raw for group in known), max(group.max_raw for group in known)
