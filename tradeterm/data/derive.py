"""Stored H4 and daily bars, built again from the stored source bars whenever those changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tradeterm.core.market import BarKey, Timeframe
from tradeterm.data.resample import complete_until, resample_daily, resample_h4
from tradeterm.store.bar_table import BarMeta, content_hash

if TYPE_CHECKING:
    from tradeterm.core.market import Bars
    from tradeterm.store.bars import BarStore

__all__ = ["derive", "origin"]


def origin(meta: BarMeta) -> str:
    """Where bars came from in the end: of derived ones, the source of what they were built from."""
    return str(meta.extra.get("origin", meta.source)) if meta.derived else meta.source


def derive(store: BarStore, key: BarKey, source: Bars, meta: BarMeta, *, asked_until_ns: int = 0) -> dict[BarKey, int]:
    """Build H4 and daily bars of ``source`` and store what changed; the number of new rows of each key.

    asked_until_ns : instant up to which the source has been asked, so that nothing before it is still to come

    A sourced daily file stays as it is: derived bars never replace sourced ones.
    """
    until = max(asked_until_ns, complete_until(meta.calendar, source, key.timeframe.step_ns))
    made = {
        Timeframe.H4: resample_h4(source, until),
        Timeframe.DAILY: resample_daily(source, meta.calendar, until),
    }
    written = {}
    for timeframe, bars in made.items():
        target = replace(key, timeframe=timeframe)
        # From looking to writing: meanwhile somebody could put sourced bars there.
        with store.locked(target):
            there = store.meta(target) if store.exists(target) else None
            if not len(bars) or (there is not None and not there.derived):
                continue
            if (
                there is None
                or there.source != f"derived:{key.timeframe}"
                or there.extra.get("origin") != meta.source
                or content_hash(bars) != store.fingerprint(target)
            ):
                store.write(target, bars, _derived_meta(target, meta, key.timeframe))
            written[target] = len(bars) - (there.rows if there is not None else 0)
    return written


def _derived_meta(target: BarKey, meta: BarMeta, timeframe: Timeframe) -> BarMeta:
    return BarMeta(
        symbol=target.symbol,
        asset_class=target.asset_class,
        timeframe=target.timeframe,
        calendar=meta.calendar,
        source=f"derived:{timeframe}",
        adjustment=meta.adjustment,
        derived=True,
        extra={"origin": meta.source},
    )
