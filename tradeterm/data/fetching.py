"""One bar file brought up to an instant by one source: asked from a few bars before its end, compared, continued."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import numpy as np

from tradeterm.core.errors import DataError
from tradeterm.core.market import AssetClass, BarKey, Bars
from tradeterm.data.counting import with_gaps
from tradeterm.data.derive import derive
from tradeterm.data.merging import Merged, merge_answer, merge_vintages, picked
from tradeterm.data.provenance import (
    MADE_UP,
    continued,
    drop_made_up,
    is_made_up,
    pieces_of,
    refuse_foreign,
    refuse_mixing,
    refuse_other_calendar,
    taken_from,
)
from tradeterm.data.resample import source_closes
from tradeterm.data.sources import Annotated
from tradeterm.store.bar_table import BarMeta, content_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradeterm.core.market import Instrument
    from tradeterm.data.merging import Restatement
    from tradeterm.data.sources import Source
    from tradeterm.store.bars import BarStore

    Restated = Callable[[BarKey, tuple[Restatement, ...], str], object]

__all__ = ["Asked", "Kept", "Revised", "ask", "keep", "question"]


@runtime_checkable
class Revised(Protocol):
    """A source whose values are revised long after: it says itself from where on to ask again."""

    def start_after(self, instrument: Instrument, last_ns: int) -> int:
        """Return the ``start_ns`` that brings everything new, when the last stored period is ``last_ns``."""
        ...


class Asked(NamedTuple):
    """A question to a source: bars from ``start_ns`` on as known at ``asof_ns``."""

    instrument: Instrument
    key: BarKey
    start_ns: int
    asof_ns: int


class Kept(NamedTuple):
    """What an answer came to: the whole file, how many rows are new, how many told differently, what was derived."""

    bars: Bars
    added: int
    restated: int
    derived: Mapping[BarKey, int]


def question(
    store: BarStore,
    instrument: Instrument,
    key: BarKey,
    source: Source,
    *,
    allowed: tuple[str, ...],
    since_ns: int | None,
    overlap: int,
    asof_ns: int,
) -> Asked:
    """Say from where on ``source`` is to be asked.

    allowed : the symbol's own sources
    since_ns : from there on; None: from the last stored bars, of which ``overlap`` are asked for again

    Raises
    ------
    DataError
        When what is stored came from a source that isn't allowed, keeps other hours, or is adjusted.
    """
    refuse_foreign(store, key)
    refuse_mixing(store, key, allowed)
    refuse_other_calendar(store, key, instrument.calendar)
    meta = _own_meta(store, key, source.name)
    if meta is None:
        return Asked(instrument, key, since_ns or 0, asof_ns)
    if meta.adjustment != "none":
        raise DataError(
            f"{key}: stored bars are adjusted ({meta.adjustment}), those of {source.name} are not; "
            f"move {store.path(key)} away first"
        )
    stored = store.read(key)
    if not len(stored):
        return Asked(instrument, key, since_ns or 0, asof_ns)
    periods = np.unique(stored.ts)
    start = int(periods[max(0, len(periods) - overlap)])
    if isinstance(source, Revised) and key.asset_class is AssetClass.MACRO:
        start = min(start, source.start_after(instrument, int(periods[-1])))
    # Never from behind what is stored: a hole would be left.
    return Asked(instrument, key, start if since_ns is None else min(start, since_ns), asof_ns)


def ask(source: Source, asked: Asked) -> Bars | None:
    """Return what ``source`` has of it; None where nothing can be: the instant lies before the stored end."""
    if asked.start_ns > asked.asof_ns:
        return None
    found = source.bars(asked.instrument, asked.key.timeframe, asked.start_ns, asked.asof_ns)
    # A bar that isn't finished, or wasn't asked for, is never stored, whatever a source gives.
    finished = (found.known_at <= asked.asof_ns) & (found.ts >= asked.start_ns)
    return found if finished.all() else picked(found, finished)


def keep(
    store: BarStore, asked: Asked, found: Bars | None, source: Source, *, now_ns: int, restated: Restated | None
) -> Kept:
    """Merge an answer into the stored file, and derive H4 and daily bars from it.

    The file is read again here, under its lock: what another process stored since the question was asked is kept.
    """
    key = asked.key
    note = source.note(asked.instrument) if isinstance(source, Annotated) else ""
    with store.locked(key):
        if found is not None and len(found) and source.name != MADE_UP:
            drop_made_up(store, key)
        meta = _own_meta(store, key, source.name)
        stored = store.read(key) if meta is not None else None
        merged, said = _merged(asked, stored, meta, found, source.name, note, now_ns)
        if merged.restated and restated is not None:
            restated(key, merged.restated, source.name)
        if len(merged.bars) and (stored is None or content_hash(merged.bars) != content_hash(stored)):
            store.write(key, merged.bars, with_gaps(key, merged.bars, said))
        built = key.timeframe.is_intraday_source and len(merged.bars) > 0
        derived = derive(store, key, merged.bars, said, asked_until_ns=asked.asof_ns) if built else {}
    return Kept(merged.bars, merged.added, len(merged.restated), derived)


def _own_meta(store: BarStore, key: BarKey, name: str) -> BarMeta | None:
    """Metadata of the stored file; None where there is none that ``name`` could continue: derived, or made up."""
    if not store.exists(key):
        return None
    meta = store.meta(key)
    return None if meta.derived or (name != MADE_UP and is_made_up(store, key)) else meta


def _merged(
    asked: Asked, stored: Bars | None, meta: BarMeta | None, found: Bars | None, name: str, note: str, now_ns: int
) -> tuple[Merged, BarMeta]:
    fresh = BarMeta(
        symbol=asked.key.symbol,
        asset_class=asked.key.asset_class,
        timeframe=asked.key.timeframe,
        calendar=asked.instrument.calendar,
        source=name,
        extra={"note": note} if note else {},
    )
    if stored is None or meta is None or not len(stored):
        whole = found if found is not None else _nothing()
        return Merged(whole, len(whole), ()), fresh
    if found is None or not len(found):
        return Merged(stored, 0, ()), meta
    if asked.key.asset_class is AssetClass.MACRO:
        if _dated_at_last(stored, found, asked, meta, name):
            return Merged(found, len(found) - len(stored), ()), fresh
        mine = picked(found, taken_from(found, stored, meta, name))
        merged = merge_vintages(stored, mine, now_ns)
    else:
        merged = merge_answer(stored, picked(found, taken_from(found, stored, meta, name)))
    return _with_pieces(asked, stored, meta, merged, fresh)


def _with_pieces(asked: Asked, stored: Bars, meta: BarMeta, merged: Merged, fresh: BarMeta) -> tuple[Merged, BarMeta]:
    """Say which source gave which bars, where there are several."""
    pieces = continued(meta, stored, merged.bars, fresh.source)
    if not pieces:
        return merged, fresh if merged.added else meta
    if asked.key.timeframe.is_intraday_source:
        # A bar of the one may open before the other's would close.
        bars = merged.bars
        closes = source_closes(meta.calendar, bars.ts, asked.key.timeframe.step_ns)
        cells = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
        merged = merged._replace(bars=Bars(ts=bars.ts, known_at=closes, **cells))
    newest = pieces[-1][0]
    said = fresh if newest == fresh.source else meta
    return merged, BarMeta(
        symbol=said.symbol,
        asset_class=said.asset_class,
        timeframe=said.timeframe,
        calendar=said.calendar,
        source=newest,
        extra={**said.extra, "pieces": pieces},
    )


def _dated_at_last(stored: Bars, found: Bars, asked: Asked, meta: BarMeta, name: str) -> bool:
    """Whether a whole history with its vintages has come where only the newest values were known."""
    undated = not (np.diff(stored.ts) == 0).any()
    dated = bool((np.diff(found.ts) == 0).any())
    whole = asked.start_ns <= int(stored.ts[0]) and len(np.unique(found.ts)) >= len(stored)
    return undated and dated and whole and pieces_of(meta) == [(name, 0)] and "note" in meta.extra


def _nothing() -> Bars:
    empty = np.empty(0)
    stamps = np.empty(0, dtype=np.int64)
    return Bars(ts=stamps, open=empty, high=empty, low=empty, close=empty, volume=empty, known_at=stamps)
