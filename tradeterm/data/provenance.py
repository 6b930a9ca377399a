"""Which source each stored bar came from: a file may be continued by another source where its own fails."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import DataError
from tradeterm.core.market import AssetClass, Bars, Timeframe
from tradeterm.core.time import from_iso, iso
from tradeterm.data.calendar import same_sessions
from tradeterm.data.derive import origin

if TYPE_CHECKING:
    from collections.abc import Collection

    from tradeterm.core.market import BarKey
    from tradeterm.core.types import BoolArray
    from tradeterm.store.bar_table import BarMeta
    from tradeterm.store.bars import BarStore

__all__ = [
    "MADE_UP",
    "continued",
    "drop_made_up",
    "is_made_up",
    "pieces_of",
    "refuse_foreign",
    "refuse_mixing",
    "refuse_other_calendar",
    "refuse_other_hours",
    "taken_from",
]

MADE_UP = "sample"


def pieces_of(meta: BarMeta) -> list[tuple[str, int]]:
    """Sources of a file in the order of its bars, each with the ``ts`` of its first one (of the first source: 0)."""
    found = meta.extra.get("pieces")
    if not found:
        return [(origin(meta), 0)]
    return [(str(name), from_iso(first) if place else 0) for place, (name, first) in enumerate(found)]


def is_made_up(store: BarStore, key: BarKey) -> bool:
    """Whether the stored bars come from the sample market."""
    return origin(store.meta(key)) == MADE_UP


def drop_made_up(store: BarStore, key: BarKey) -> tuple[str, ...]:
    """Remove made-up bars of a symbol: real ones never stand beside them, and they can be made again at any time."""
    dropped = []
    for timeframe in Timeframe:
        other = replace(key, timeframe=timeframe)
        if store.exists(other) and is_made_up(store, other):
            with store.locked(other):
                store.path(other).unlink(missing_ok=True)
            dropped.append(other.relative_path)
    return tuple(dropped)


def refuse_foreign(store: BarStore, key: BarKey) -> None:
    """Refuse a symbol whose file is another one's: ``BTC-USDT`` would be written over ``BTC/USDT``.

    Raises
    ------
    DataError
        Naming the file and whose it is.
    """
    for timeframe in Timeframe:
        other = replace(key, timeframe=timeframe)
        if store.exists(other) and (owner := store.meta(other).symbol) != key.symbol:
            raise DataError(f"{key.symbol}: {store.path(other)} holds the bars of {owner}; did you mean '{owner}'?")


def refuse_other_calendar(store: BarStore, key: BarKey, calendar: str) -> None:
    """Refuse to add to bars that were placed by the sessions of another calendar.

    Raises
    ------
    DataError
        Naming the file and both calendars. Made-up bars are no hindrance to real ones, which replace them.
    """
    if store.exists(key) and not is_made_up(store, key):
        refuse_other_hours(store, key, store.meta(key), calendar)


def refuse_other_hours(store: BarStore, key: BarKey, meta: BarMeta, calendar: str) -> None:
    """Refuse stored bars that were placed by the sessions of another calendar than the one that is asked for."""
    if not same_sessions(meta.calendar, calendar):
        raise DataError(
            f"{key}: stored bars keep the hours of {meta.calendar}, {calendar} was asked for; "
            f"move {store.path(key)} away and bring the bars in again, or set calendar: {meta.calendar}"
        )


def refuse_mixing(store: BarStore, key: BarKey, allowed: Collection[str]) -> None:
    """Refuse a symbol whose stored bars, of any timeframe, come from a source that isn't one of its own.

    Raises
    ------
    DataError
        Naming the file and that source. Made-up bars are no hindrance to real ones, which replace them.
    """
    for timeframe in Timeframe:
        other = replace(key, timeframe=timeframe)
        if not store.exists(other) or (MADE_UP not in allowed and is_made_up(store, other)):
            continue
        for name, _ in pieces_of(store.meta(other)):
            if name.partition(":")[0] not in allowed:
                kind = name.partition(":")[0]
                raise DataError(
                    f"{other}: stored bars came from {name}, not {' or '.join(allowed)}; "
                    f"name {kind} as a source of {key.symbol} too, or use another workspace"
                )


def taken_from(new: Bars, stored: Bars, meta: BarMeta, name: str) -> BoolArray:
    """Which rows of an answer of ``name`` may stand in the file: none within what another source gave.

    Sources differ in their last digits and in what they count as volume, so one says nothing about another's bars.
    """
    if meta.asset_class is AssetClass.MACRO:
        within = (new.ts >= stored.ts[0]) & (new.ts <= stored.ts[-1])
    else:
        within = (new.ts < stored.known_at[-1]) & (new.known_at > stored.ts[0])
    pieces = pieces_of(meta)
    starts = np.array([first for _, first in pieces], dtype=np.int64)
    own = np.array([piece == name for piece, _ in pieces], dtype=np.bool_)
    mine = own[np.maximum(np.searchsorted(starts, new.ts, side="right") - 1, 0)]
    kept: BoolArray = ~within | mine
    return kept


def continued(meta: BarMeta, stored: Bars, bars: Bars, name: str) -> list[list[str]]:
    """Pieces of ``bars``, which ``name`` has added to ``stored``; empty where all are of one source."""
    pieces = pieces_of(meta)
    if bars.ts[0] < stored.ts[0] and pieces[0][0] != name:
        pieces = [(name, 0), (pieces[0][0], int(stored.ts[0])), *pieces[1:]]
    if bars.ts[-1] > stored.ts[-1] and pieces[-1][0] != name:
        pieces = [*pieces, (name, int(bars.ts[np.searchsorted(bars.ts, stored.ts[-1], side="right")]))]
    if len(pieces) == 1:
        return []
    return [[piece, iso(max(first, int(bars.ts[0])))] for piece, first in pieces]
