"""Stored H4 and daily bars, built again from all stored source bars of a symbol whenever one of those changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tradeterm.core.market import BarKey, Bars, FillBars, Timeframe
from tradeterm.core.time import H4_NS
from tradeterm.data.calendar import same_sessions, session_index, sessions
from tradeterm.data.counting import with_gaps
from tradeterm.data.resample import complete_until, resample_daily, resample_h4
from tradeterm.store.bar_table import BarMeta, content_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from tradeterm.core.types import BoolArray, FloatArray, IntArray
    from tradeterm.store.bars import BarStore

__all__ = ["built_from", "derive", "origin"]

_DERIVED = "derived:"


class _Given(NamedTuple):
    """Stored source bars, and what was built of them."""

    timeframe: Timeframe
    bars: Bars
    meta: BarMeta


def origin(meta: BarMeta) -> str:
    """Where bars came from in the end: of derived ones, the source of what they were built from."""
    return str(meta.extra.get("origin", meta.source)) if meta.derived else meta.source


def built_from(meta: BarMeta) -> tuple[Timeframe, ...]:
    """Timeframes of the files that derived bars were built from, the finest first; empty of others."""
    names = meta.source.removeprefix(_DERIVED).split("+") if meta.source.startswith(_DERIVED) else ()
    return tuple(Timeframe(name) for name in names if name in list(Timeframe))


def derive(store: BarStore, key: BarKey, source: Bars, meta: BarMeta, *, asked_until_ns: int = 0) -> dict[BarKey, int]:
    """Build H4 and daily bars of ``source`` and of the symbol's other source files, and store what changed.

    asked_until_ns : instant up to which the source has been asked, so that nothing before it is still to come

    Of each H4 interval and each session, the file that covers most of it is taken, the finest of equals: the finest
    that is complete. A sourced daily file stays as it is: derived bars never replace sourced ones. Returns the number
    of new rows of each key.
    """
    written = {}
    for timeframe in (Timeframe.H4, Timeframe.DAILY):
        target = replace(key, timeframe=timeframe)
        # From looking to writing: meanwhile somebody could put sourced bars there, or source bars of another length.
        with store.locked(target):
            there = store.meta(target) if store.exists(target) else None
            if there is not None and not there.derived:
                continue
            given = sorted([_Given(key.timeframe, source, meta), *_others(store, key, meta)], key=_length)
            until = max(asked_until_ns, _finished(there), *map(_complete_until, given))
            bars, used = _built(given, timeframe, until)
            if not len(bars):
                continue
            said = with_gaps(target, bars, _derived_meta(target, used))
            if (
                there is None
                or (there.source, there.extra) != (said.source, said.extra)
                or content_hash(bars) != store.fingerprint(target)
            ):
                store.write(target, bars, said)
            written[target] = len(bars) - (there.rows if there is not None else 0)
    return written


def _length(given: _Given) -> int:
    return given.timeframe.step_ns


def _complete_until(given: _Given) -> int:
    return complete_until(given.meta.calendar, given.bars, given.timeframe.step_ns)


def _finished(there: BarMeta | None) -> int:
    """Until when intervals were finished before: none becomes unfinished again."""
    if there is None or there.last_ts is None or there.last_known_at is None:
        return 0
    return there.last_ts + H4_NS if there.timeframe is Timeframe.H4 else there.last_known_at


def _others(store: BarStore, key: BarKey, meta: BarMeta) -> Iterator[_Given]:
    for timeframe in Timeframe:
        other = replace(key, timeframe=timeframe)
        if timeframe is key.timeframe or not timeframe.is_intraday_source or not store.exists(other):
            continue
        said = store.meta(other)
        # Prices adjusted in another way would be jumps.
        if same_sessions(said.calendar, meta.calendar) and said.adjustment == meta.adjustment and said.rows:
            yield _Given(timeframe, store.read(other), said)


def _built(given: Sequence[_Given], timeframe: Timeframe, until_ns: int) -> tuple[Bars, list[_Given]]:
    """Rows of the best file for each, and the files that gave some, the one that gave the last row last."""
    made = [_resampled(item, timeframe, until_ns) for item in given]
    if len(given) == 1:
        return made[0], list(given)
    rows = np.unique(np.concatenate([bars.ts for bars in made]))
    covered = np.stack(
        [
            np.where(np.isin(rows, bars.ts), _covered(item, rows, timeframe), -1.0)
            for item, bars in zip(given, made, strict=True)
        ]
    )
    best = covered.argmax(axis=0)
    parts = [(bars, np.isin(bars.ts, rows[best == place])) for place, bars in enumerate(made)]
    used = [item for place, item in enumerate(given) if (best == place).any()]
    if used:
        used.sort(key=lambda item: item is given[best[-1]])
    return _joined(parts), used


def _resampled(given: _Given, timeframe: Timeframe, until_ns: int) -> Bars:
    if timeframe is Timeframe.H4:
        return resample_h4(given.bars, until_ns)
    return resample_daily(given.bars, given.meta.calendar, until_ns)


def _covered(given: _Given, rows: IntArray, timeframe: Timeframe) -> FloatArray:
    """For how long of each row (H4 interval or session) the file has a bar, ns."""
    ts, known_at = given.bars.ts, given.bars.known_at
    if timeframe is Timeframe.H4:
        first, last = ts // H4_NS * H4_NS, (known_at - 1) // H4_NS * H4_NS
        parts = [
            (first, np.minimum(known_at, first + H4_NS) - ts),
            (last, np.where(last > first, known_at - last, 0)),
        ]
    else:
        days = sessions(given.meta.calendar)
        parts = [(days.open_ns[session_index(given.meta.calendar, ts)], known_at - ts)]
    total = np.zeros(len(rows))
    for labels, lengths in parts:
        place = np.minimum(np.searchsorted(rows, labels), max(len(rows) - 1, 0))
        there = rows[place] == labels if len(rows) else np.zeros(len(labels), dtype=np.bool_)
        total += np.bincount(place[there], weights=lengths[there], minlength=len(rows))
    return total


def _joined(parts: Sequence[tuple[Bars, BoolArray]]) -> Bars:
    """Those rows of each, by time."""
    order = np.argsort(np.concatenate([bars.ts[rows] for bars, rows in parts]), kind="stable")

    def column(name: str) -> Any:
        return np.concatenate([getattr(bars, name)[rows] for bars, rows in parts])[order]

    def fill(name: str) -> Any:
        return np.concatenate([getattr(bars.fill, name)[rows] for bars, rows in parts])[order]

    cells = {name: column(name) for name in ("ts", "open", "high", "low", "close", "volume", "known_at")}
    if any(bars.fill is None for bars, _ in parts):
        return Bars(**cells)
    filled = FillBars(**{name: fill(name) for name in ("open", "high", "low", "volume", "at")})
    return Bars(**cells, straddles=column("straddles"), fill=filled)


def _derived_meta(target: BarKey, used: Sequence[_Given]) -> BarMeta:
    newest = used[-1].meta
    return BarMeta(
        symbol=target.symbol,
        asset_class=target.asset_class,
        timeframe=target.timeframe,
        calendar=newest.calendar,
        source=_DERIVED + "+".join(item.timeframe for item in sorted(used, key=_length)),
        adjustment=newest.adjustment,
        derived=True,
        extra={"origin": newest.source},
    )
