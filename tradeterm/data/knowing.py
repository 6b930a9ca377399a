"""The earliest instant at which a stored bar can have been known: whoever says an earlier one lets a run see ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import DataError
from tradeterm.core.market import AssetClass, Timeframe
from tradeterm.core.time import iso
from tradeterm.data.resample import source_closes

if TYPE_CHECKING:
    from tradeterm.core.market import BarKey, Bars
    from tradeterm.core.types import BoolArray, IntArray
    from tradeterm.data.publication import PublicationRule
    from tradeterm.store.bar_table import BarMeta

__all__ = ["earliest_known", "known_too_early", "refuse_known_too_early"]

# Dates of publication, as FRED's archive tells them: they are what happened, whatever a schedule says.
_AS_PUBLISHED = "alfred"


def earliest_known(key: BarKey, ts: IntArray, meta: BarMeta, rule: PublicationRule | None) -> IntArray:
    """Earliest instant at which each bar can have been known, ns UTC.

    An instrument's bar: its end, that of trading or the open of the next bar, whichever is first. An H4 bar holds what
    closed within it and is known with the last of that, so only its start can be held against it. A macro value: its
    publication by ``rule``; values that came with their dates of publication, and series without a rule, only after the
    start of their period.
    """
    if key.asset_class is AssetClass.MACRO:
        dated = meta.extra.get("note") == _AS_PUBLISHED
        return ts + 1 if rule is None or dated else rule.known_at(ts)
    if key.timeframe is Timeframe.H4:
        return ts + 1
    opens, place = np.unique(ts, return_inverse=True)
    return source_closes(meta.calendar, opens, key.timeframe.step_ns)[place]


def known_too_early(key: BarKey, bars: Bars, meta: BarMeta, rule: PublicationRule | None) -> BoolArray:
    """Bars that are said to have been known before they can have been."""
    early: BoolArray = np.isfinite(bars.close) & (bars.known_at < earliest_known(key, bars.ts, meta, rule))
    return early


def refuse_known_too_early(key: BarKey, bars: Bars, meta: BarMeta, rule: PublicationRule | None = None) -> None:
    """Refuse bars that would be seen before they were known.

    Raises
    ------
    DataError
        Naming the first of them.
    """
    early = np.flatnonzero(known_too_early(key, bars, meta, rule))
    if len(early):
        row = int(early[0])
        first = int(earliest_known(key, bars.ts, meta, rule)[row])
        said = f"the bar of {iso(int(bars.ts[row]))} is said to be known at {iso(int(bars.known_at[row]))}"
        raise DataError(
            f"{key}: {said}, which it can't have been before {iso(first)} ({len(early)} such bars); "
            "bring the series in again"
        )
