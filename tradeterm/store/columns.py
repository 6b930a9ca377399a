"""Arrow tables of arrays, straight from their memory.

``pyarrow.array`` asks whether it was given something of pandas, and imports all of it to know: a third of a second that
a command which has no use for pandas would spend on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from tradeterm.core.types import BoolArray, FloatArray, IntArray

__all__ = ["instants", "numbers", "table", "texts", "words"]


def table(columns: Mapping[str, np.ndarray | pa.Array]) -> pa.Table:
    """Table of columns by name: Arrow's own, or arrays of float64, int64 and bool.

    Raises
    ------
    TypeError
        When an array is of another type.
    """
    import pyarrow as pa

    arrays = [_plain(values) if isinstance(values, np.ndarray) else values for values in columns.values()]
    return pa.Table.from_arrays(arrays, names=list(columns))


def _plain(values: np.ndarray) -> pa.Array:
    import pyarrow as pa

    if values.dtype == np.bool_:
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bits(values)])
    if values.dtype not in (np.float64, np.int64):
        raise TypeError(f"a column of {values.dtype}; float64, int64 and bool are stored")
    return _made(pa.float64() if values.dtype == np.float64 else pa.int64(), values)


def _made(kind: Any, values: np.ndarray, there: BoolArray | None = None) -> pa.Array:
    import pyarrow as pa

    data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(kind, len(values), [None if there is None else _bits(there), data])


def _bits(flags: BoolArray) -> pa.Buffer:
    import pyarrow as pa

    return pa.py_buffer(np.packbits(flags, bitorder="little"))


def numbers(values: FloatArray, there: BoolArray) -> pa.Array:
    """Numbers, null where there is none."""
    import pyarrow as pa

    return _made(pa.float64(), np.asarray(values, dtype=np.float64), there)


def instants(values: IntArray) -> pa.Array:
    """Nanoseconds as UTC timestamps."""
    import pyarrow as pa

    return _made(pa.timestamp("ns", tz="UTC"), np.asarray(values, dtype=np.int64))


def texts(values: Sequence[str | None]) -> pa.Array:
    """Texts, null where there is none."""
    import pyarrow as pa

    parts = [(value or "").encode() for value in values]
    ends = np.cumsum([0, *map(len, parts)], dtype=np.int32)
    there = np.array([value is not None for value in values], dtype=np.bool_)
    known = None if there.all() else _bits(there)
    return pa.Array.from_buffers(pa.string(), len(parts), [known, pa.py_buffer(ends), pa.py_buffer(b"".join(parts))])


def words(names: Sequence[str], index: IntArray) -> pa.Array:
    """Names by their index, as text."""
    import pyarrow as pa

    places = _made(pa.int32(), np.asarray(index, dtype=np.int32))
    return pa.DictionaryArray.from_arrays(places, texts(names)).cast(pa.string())
