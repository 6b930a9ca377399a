"""Values by row into the columns of an array, and the newest of them at every row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradeterm.engine.jit import kernel

if TYPE_CHECKING:
    from typing import Any

    from tradeterm.core.types import IntArray

__all__ = ["carry", "place", "spread"]


@kernel
def place(rows: IntArray, values: Any, out: Any, column: int) -> None:
    """Write ``values`` (K,) into ``rows`` (K,) of one column of ``out`` (T, B)."""
    for k in range(rows.shape[0]):
        out[rows[k], column] = values[k]


@kernel
def carry(rows: IntArray, values: Any, out: Any, column: int) -> None:
    """Write at every row from ``rows[0]`` on the value of the newest row at or before it.

    rows : (K,) ascending, of equal ones the last counts; values : (K,); out : (T, B)
    """
    count = rows.shape[0]
    for k in range(count):
        stop = rows[k + 1] if k + 1 < count else out.shape[0]
        for row in range(rows[k], stop):
            out[row, column] = values[k]


@kernel
def spread(block: Any, out: Any, start: int) -> None:
    """Copy ``block`` (T, B) over the columns of ``out`` (T, N) from ``start`` on."""
    for row in range(block.shape[0]):
        for column in range(block.shape[1]):
            out[row, start + column] = block[row, column]
