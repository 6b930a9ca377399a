"""Files that name their instruments: the columns or rows of the one that is wanted, and no other's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from tradeterm.core.errors import UsageError
from tradeterm.data.files.names import TICKERS
from tradeterm.data.files.numerals import is_missing
from tradeterm.data.recognised import Recognised
from tradeterm.data.stamps import ParsedStamps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tradeterm.core.types import IntArray
    from tradeterm.data.files.grid import Grid
    from tradeterm.data.files.wanted import Wanted

__all__ = ["places_of", "rows_of"]

_MOST_SHOWN = 6


def places_of(path: Path, grid: Grid, wanted: Wanted) -> tuple[list[int], tuple[Recognised, ...]]:
    """Places of the columns of the instrument.

    Raises
    ------
    UsageError
        When the file names others alone.
    """
    every = list(range(len(grid.names)))
    held = sorted({name for name in grid.tickers if name})
    if not held:
        return every, ()
    meant = [name for name in held if wanted.is_meant(name)]
    if len(meant) != 1:
        _refuse(path, held, wanted)
    places = [place for place in every if grid.tickers[place] in ("", meant[0])]
    return places, (Recognised("ticker", meant[0], f"its columns, of {len(held)} tickers in the file"),)


def rows_of(
    path: Path, grid: Grid, plain: Mapping[int, str], wanted: Wanted
) -> tuple[IntArray | None, tuple[Recognised, ...]]:
    """Rows of the instrument; None where all are.

    Raises
    ------
    UsageError
        When the file names others alone.
    """
    place = next((place for place, name in plain.items() if name in TICKERS), None)
    if place is None or isinstance(grid.columns[place], ParsedStamps):
        return None, ()
    cells: list[Any] = list(grid.columns[place])
    held = sorted({str(cell) for cell in cells if not is_missing(cell)})
    if not held:
        return None, ()
    meant = {name for name in held if wanted.is_meant(name)}
    if not meant:
        _refuse(path, held, wanted)
    if len(held) == 1:
        return None, (Recognised("ticker", held[0], f"in the column {grid.names[place]}"),)
    rows = np.array([row for row, cell in enumerate(cells) if str(cell) in meant], dtype=np.int64)
    why = f"{len(rows)} of {len(cells)} rows are of it; the others were not read"
    return rows, (Recognised("ticker", ", ".join(sorted(meant)), why),)


def _refuse(path: Path, held: Sequence[str], wanted: Wanted) -> NoReturn:
    shown = ", ".join(held[:_MOST_SHOWN]) + (", ..." if len(held) > _MOST_SHOWN else "")
    raise UsageError(
        f"{path}: holds {shown}, not {wanted.ticker or wanted.symbol}; name what is meant with --ticker, such as "
        f"--ticker {held[0]}; nothing was changed"
    )
