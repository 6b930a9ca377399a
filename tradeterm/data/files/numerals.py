"""Numbers as people and services write them: thousands apart, decimal commas, 1.2K; what is ambiguous isn't guessed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.errors import NotBars

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tradeterm.core.types import FloatArray

__all__ = ["is_missing", "read_numbers"]

_MISSING = frozenset({"", ".", "-", "--", "nan", "null", "none", "n/a", "na", "#n/a", "nat", "<na>"})
_POINT = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)?")
_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d*)?")
# What stands between thousands besides a comma or a point, and signs of money before a price.
_GAPS = re.compile(r"(?<=\d)[ '\u2019\u00a0\u202f](?=\d{3})")
_MONEY = re.compile(r"^([+-]?)[$\u20ac\u00a3]")
_TIMES = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


def read_numbers(path: Path, columns: Mapping[str, Sequence[Any]], lines: Sequence[int]) -> dict[str, FloatArray]:
    """Read the cells of these columns: NaN where missing, infinite where no number.

    One mark divides whole from part in a whole file: the one that some cell proves.

    Raises
    ------
    NotBars
        When a comma may part thousands or a whole from its part, or is used for both.
    """
    plain = {name: _plain(cells) for name, cells in columns.items()}
    if all(values is not None for values in plain.values()):
        return {name: values for name, values in plain.items() if values is not None}
    texts = {name: [_trimmed(cell) for cell in cells] for name, cells in columns.items()}
    comma = _comma_divides(path, texts, lines)
    return {
        name: np.array([_number(cell, comma=comma, scaled=name == "volume") for cell in cells], dtype=np.float64)
        for name, cells in texts.items()
    }


def is_missing(cell: Any) -> bool:
    """Whether a cell holds nothing."""
    if cell is None:
        return True
    return cell.strip().lower() in _MISSING if isinstance(cell, str) else bool(cell != cell)


def _plain(cells: Sequence[Any]) -> FloatArray | None:
    """Floats of cells that are nothing else, else None."""
    if isinstance(cells, np.ndarray):
        return cells.astype(np.float64)
    try:
        # Python reads 1_000 as a number.
        if "_" in "".join(cells):
            return None
        return np.fromiter(map(float, cells), dtype=np.float64, count=len(cells))
    except (TypeError, ValueError, OverflowError):
        return None


def _trimmed(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    return _GAPS.sub("", _MONEY.sub(r"\1", cell.strip()))


def _comma_divides(path: Path, texts: Mapping[str, Sequence[Any]], lines: Sequence[int]) -> bool:
    """Whether a comma divides whole from part."""
    doubt = point = comma = -1
    for cells in texts.values():
        for row, cell in enumerate(cells):
            if not isinstance(cell, str) or not ("," in cell or "." in cell):
                continue
            number = cell[:-1] if cell[-1:].upper() in _TIMES else cell
            by_point, by_comma = _POINT.fullmatch(number) is not None, _COMMA.fullmatch(number) is not None
            if by_point and by_comma:
                doubt = row if "," in cell else doubt
            elif by_point:
                point = row
            elif by_comma:
                comma = row
    if point >= 0 and comma >= 0:
        raise NotBars(
            path,
            f"lines {lines[point]} and {lines[comma]} write numbers in two ways, with a point and with a comma",
            "write all with a point",
        )
    if doubt >= 0 and point < 0 and comma < 0:
        raise NotBars(
            path,
            f"line {lines[doubt]}: a comma there may part thousands or a whole from its part",
            "write numbers as 1234.5",
        )
    return comma >= 0


def _number(cell: Any, *, comma: bool, scaled: bool) -> float:
    if is_missing(cell):
        return np.nan
    try:
        if not isinstance(cell, str):
            return np.inf if isinstance(cell, bool) else float(cell)
        times = _TIMES.get(cell[-1:].upper(), 1.0) if scaled else 1.0
        number = cell if times == 1.0 else cell[:-1].strip()
        written = _COMMA if comma else _POINT
        if written.fullmatch(number):
            number = number.replace(".", "").replace(",", ".") if comma else number.replace(",", "")
        elif "_" in number or "," in number:
            return np.inf
        return float(number) * times
    except (TypeError, ValueError, OverflowError):
        return np.inf
