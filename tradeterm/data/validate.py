"""Checks of stored bars by named rules: values, times, moves, and the files of a symbol against each other."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import DataError
from tradeterm.core.market import Actions, AssetClass, Bars, Timeframe
from tradeterm.data.findings import Finding, ValidationRules, finding
from tradeterm.data.findings_across import Judged, across
from tradeterm.data.findings_grid import early, gaps, grid, order, stale
from tradeterm.data.findings_moves import spikes, splits
from tradeterm.data.rules import DETAILS, broken_rules
from tradeterm.store.actions import ActionStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tradeterm.core.market import BarKey
    from tradeterm.core.types import BoolArray
    from tradeterm.store.bar_table import BarMeta
    from tradeterm.store.bars import BarStore

__all__ = ["Finding", "ValidationRules", "validate", "validate_bars"]

_COLUMNS = ("ts", "known_at", "open", "high", "low", "close", "volume")
_NO_ACTIONS = Actions(ex_ns=np.empty(0, dtype=np.int64), kind=(), value=np.empty(0))


def validate(
    store: BarStore, rules: ValidationRules, asof_ns: int, *, progress: Callable[[str, int, int], None] | None = None
) -> list[Finding]:
    """Check every stored file, as of an instant; by symbol and timeframe, then by time.

    progress : told how many of the files are done
    """
    found: list[Finding] = []
    stored = store.keys()
    done = 0
    for _, keys in groupby(stored, key=lambda key: (key.asset_class, key.symbol)):
        files = list(keys)
        found += _symbol(store, files, rules, asof_ns)
        done += len(files)
        if progress is not None:
            progress("files", done, len(stored))
    return found


def validate_bars(
    key: BarKey, bars: Bars, meta: BarMeta, rules: ValidationRules, asof_ns: int, actions: Actions = _NO_ACTIONS
) -> list[Finding]:
    """Check the bars of one file. Derived ones have gaps, age and moves judged where they come from."""
    found = [*order(key, bars), *_broken(key, bars), *grid(key, bars, meta)]
    found += early(key, bars, meta, rules.publication.get(key.symbol))
    if not meta.derived and key.timeframe is not Timeframe.H4:
        found += gaps(key, bars, meta, rules.gap_bars)
        found += stale(key, bars, meta, rules.stale_hours, asof_ns)
    if not meta.derived and key.asset_class is not AssetClass.MACRO:
        found += _idle(key, bars)
        found += spikes(key, bars, rules)
        found += splits(key, bars, meta, actions, rules)
    return _sorted(found)


def _symbol(store: BarStore, keys: list[BarKey], rules: ValidationRules, asof_ns: int) -> list[Finding]:
    """Check the files of one symbol, of which no more than these are held at a time."""
    found: list[Finding] = []
    files: list[Judged] = []
    actions = _NO_ACTIONS
    try:
        actions = ActionStore(store.data_dir).read(keys[0].symbol)
    except DataError as failure:
        found.append(finding(keys[0], "unreadable", -1, str(failure)))
    for key in keys:
        try:
            meta, bars = store.meta(key), store.read(key)
        except DataError as failure:
            found.append(finding(key, "unreadable", -1, str(failure)))
            continue
        known = _cut(bars, bars.known_at <= asof_ns)
        found += validate_bars(key, known, meta, rules, asof_ns, actions)
        files.append(Judged(key=key, bars=known, meta=meta))
    return _sorted([*found, *across(files, rules)])


def _sorted(found: Iterable[Finding]) -> list[Finding]:
    return sorted(found, key=lambda item: (item.timeframe, item.ts_ns, item.rule))


def _broken(key: BarKey, bars: Bars) -> Iterator[Finding]:
    # An H4 row that holds fill prices only has no bar.
    there = ~np.isnan(bars.close) if key.timeframe is Timeframe.H4 else np.ones(len(bars), dtype=np.bool_)
    kept = _cut(bars, there)
    cells = {name: getattr(kept, name) for name in _COLUMNS[2:]}
    for rule, rows in broken_rules(cells, positive=key.asset_class is not AssetClass.MACRO):
        for row in np.flatnonzero(rows).tolist():
            values = " ".join(f"{name} {cells[name][row]:g}" for name in cells)
            yield finding(key, rule, kept.ts[row], f"{DETAILS[rule]}: {values}")


def _idle(key: BarKey, bars: Bars) -> Iterator[Finding]:
    for row in np.flatnonzero(bars.volume == 0).tolist():
        yield finding(key, "zero-volume", bars.ts[row], f"nothing traded, close {bars.close[row]:g}")


def _cut(bars: Bars, rows: BoolArray) -> Bars:
    """Bars of these rows, without what an order could be filled with."""
    if rows.all():
        return bars
    return Bars(**{name: getattr(bars, name)[rows] for name in _COLUMNS})
