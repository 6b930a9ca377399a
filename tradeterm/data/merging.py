"""Imported bars into stored ones: new stamps are added, changed values are restatements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tradeterm.core.errors import DataError
from tradeterm.core.market import Bars

if TYPE_CHECKING:
    from pathlib import Path

    from tradeterm.core.market import BarKey
    from tradeterm.core.types import BoolArray

__all__ = [
    "CELLS",
    "NOISE",
    "Merged",
    "Restatement",
    "merge_answer",
    "merge_bars",
    "merge_observations",
    "merge_vintages",
    "picked",
    "refuse_other_grid",
    "refuse_other_prices",
    "stacked",
]

CELLS = ("open", "high", "low", "close", "volume")
# Some services keep prices in 32 bits and adjust them for splits: what was un-split comes back with another last bit.
NOISE = 1.5e-7
# Two files of one source tell the same closes but for a few; another adjustment or another venue tells hardly one.
_FEWEST_SHARED = 20
_OTHER_CLOSE = 1e-3
# Of bars that open within stored ones: fewer are odd rows, no grid.
_FEWEST_WITHIN = 3
_SHARE_WITHIN = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Restatement:
    """A stored bar whose values another file tells differently; before and after are open, high, low, close, volume."""

    ts_ns: int
    before: tuple[float, ...]
    after: tuple[float, ...]


class Merged(NamedTuple):
    """Bars after a merge, how many rows are new, and which were told differently."""

    bars: Bars
    added: int
    restated: tuple[Restatement, ...]


def merge_bars(stored: Bars | None, new: Bars) -> Merged:
    """Put ``new`` over ``stored``: by ``ts``, the new values stand."""
    if stored is None:
        return Merged(new, len(new), ())
    both, changed, position = _overlap(stored, new)
    rows = np.flatnonzero(both)[changed]
    restated = _restatements(stored, position[rows], new, rows)
    kept = ~np.isin(stored.ts, new.ts)
    return Merged(stacked(picked(stored, kept), new), int(np.count_nonzero(~both)), restated)


def refuse_other_grid(key: BarKey, path: Path, stored: Bars, new: Bars) -> None:
    """Refuse bars that lie on another grid than stored ones: hours from 10:00 beside hours from 10:30.

    Raises
    ------
    DataError
        When more than a few of them open within a stored bar: each would cut the other short.
    """
    place = np.searchsorted(stored.ts, new.ts, side="right") - 1
    there = place >= 0
    opens, closes = stored.ts[np.maximum(place, 0)], stored.known_at[np.maximum(place, 0)]
    within = int(np.count_nonzero(there & (opens < new.ts) & (new.ts < closes)))
    beside = int(np.count_nonzero((new.ts >= stored.ts[0]) & (new.ts < stored.known_at[-1])))
    if within >= _FEWEST_WITHIN and within > _SHARE_WITHIN * beside:
        raise DataError(
            f"{key}: {within} of {beside} bars of the file open within bars that are stored already: their grid is "
            f"another one; move {path} away, or import into another workspace; nothing was changed"
        )


def refuse_other_prices(key: BarKey, path: Path, stored: Bars, new: Bars) -> None:
    """Refuse bars that would stand beside stored ones of other prices: at the seam would be a jump that never was.

    A file that tells all stored bars anew leaves no seam.

    Raises
    ------
    DataError
        When most of the bars that both tell have closes apart by more than :data:`_OTHER_CLOSE`.
    """
    shared, mine, theirs = np.intersect1d(stored.ts, new.ts, assume_unique=True, return_indices=True)
    if len(shared) < _FEWEST_SHARED or len(shared) == len(stored):
        return
    apart = np.abs(new.close[theirs] / stored.close[mine] - 1)
    other = int(np.count_nonzero(apart > _OTHER_CLOSE))
    if 2 * other > len(shared):
        raise DataError(
            f"{key}: {other} of {len(shared)} bars that are stored already have another close in this file (median "
            f"{np.median(apart):.2%} apart), as of another adjustment or source; move {path} away, or import into "
            "another workspace; nothing was changed"
        )


def merge_answer(stored: Bars | None, new: Bars) -> Merged:
    """Put what a source tells now over what it told before; a bar that differs by :data:`NOISE` stays as it was."""
    if stored is None:
        return Merged(new, len(new), ())
    both, changed, _ = _overlap(stored, new, noise=NOISE)
    news = ~both
    news[np.flatnonzero(both)[changed]] = True
    return merge_bars(stored, picked(new, news)) if news.any() else Merged(stored, 0, ())


def merge_vintages(stored: Bars | None, new: Bars, now_ns: int) -> Merged:
    """Put an answer of observations beside stored ones; nothing that was known is ever taken back.

    Published later than what is stored: a vintage, known from its publication. Told otherwise than the newest vintage
    that is stored, without being a later one: a revision that nobody dated, known from now on.
    """
    if stored is None or not len(stored):
        return Merged(new, len(new), ())
    order = np.lexsort((stored.known_at, stored.ts))
    newest = picked(stored, order[np.append(np.diff(stored.ts[order]) != 0, True)])
    both, changed, position = _overlap(newest, new)
    there = set(zip(stored.ts.tolist(), stored.known_at.tolist(), stored.close.tolist(), strict=True))
    repeats = np.array(
        [row in there for row in zip(new.ts.tolist(), new.known_at.tolist(), new.close.tolist(), strict=True)],
        dtype=np.bool_,
    )
    differs = np.zeros(len(new), dtype=np.bool_)
    differs[np.flatnonzero(both)[changed]] = True
    later = both & (new.known_at > newest.known_at[position])
    # Of several vintages of a period the last one says what holds now.
    last = np.append(np.diff(new.ts) != 0, True)
    revised = np.flatnonzero(both & differs & ~later & ~repeats & last)
    undated = picked(new, revised)
    dated = Bars(
        ts=undated.ts,
        known_at=np.maximum(undated.known_at, now_ns),
        **{name: getattr(undated, name) for name in CELLS},
    )
    older = both & ~later & ~repeats & ~last
    added = picked(new, (~both | (later & differs) | older) & ~repeats)
    bars = stacked(stacked(stored, added), dated)
    return Merged(bars, len(added) + len(dated), _restatements(newest, position[revised], new, revised))


def merge_observations(stored: Bars | None, new: Bars, now_ns: int) -> Merged:
    """Put observations beside stored ones: a changed value is a further row, known from now on."""
    if stored is None:
        return Merged(new, len(new), ())
    # Of the vintages of a period, the newest is what a file is compared with.
    order = np.lexsort((stored.known_at, stored.ts))
    last = np.append(np.diff(stored.ts[order]) != 0, True)
    newest = picked(stored, order[last])
    both, changed, position = _overlap(newest, new)
    rows = np.flatnonzero(both)[changed]
    restated = _restatements(newest, position[rows], new, rows)
    added = picked(new, ~both)
    revised = picked(new, rows)
    revised = Bars(
        ts=revised.ts,
        known_at=np.maximum(revised.known_at, now_ns),
        **{name: getattr(revised, name) for name in CELLS},
    )
    bars = stacked(stacked(stored, added), revised)
    return Merged(bars, len(added) + len(revised), restated)


def picked(bars: Bars, rows: BoolArray | Any) -> Bars:
    """Rows of bars without H4 parts."""
    cells: dict[str, Any] = {name: getattr(bars, name)[rows] for name in (*CELLS, "ts", "known_at")}
    return Bars(**cells)


def stacked(one: Bars, other: Bars) -> Bars:
    """Both, sorted by ``ts``, then ``known_at``."""
    cells: dict[str, Any] = {
        name: np.concatenate((getattr(one, name), getattr(other, name))) for name in (*CELLS, "ts", "known_at")
    }
    return picked(Bars(**cells), np.lexsort((cells["known_at"], cells["ts"])))


def _overlap(stored: Bars, new: Bars, *, noise: float = 0.0) -> tuple[BoolArray, BoolArray, Any]:
    """Which new rows are stored, which of those differ by more than ``noise`` of their size, and their places."""
    position = np.minimum(np.searchsorted(stored.ts, new.ts), max(len(stored) - 1, 0))
    both = (stored.ts[position] == new.ts) if len(stored) else np.zeros(len(new), dtype=np.bool_)
    differs = np.zeros(int(np.count_nonzero(both)), dtype=np.bool_)
    for name in CELLS:
        before, after = getattr(stored, name)[position[both]], getattr(new, name)[both]
        with np.errstate(invalid="ignore"):
            close = np.abs(before - after) <= noise * np.abs(before)
        differs |= ~close & (before != after) & ~(np.isnan(before) & np.isnan(after))
    return both, differs, position


def _restatements(stored: Bars, positions: Any, new: Bars, rows: Any) -> tuple[Restatement, ...]:
    def values(bars: Bars, row: int) -> tuple[float, ...]:
        return tuple(float(getattr(bars, name)[row]) for name in CELLS)

    return tuple(
        Restatement(ts_ns=int(new.ts[row]), before=values(stored, position), after=values(new, row))
        for position, row in zip(positions, rows, strict=True)
    )
