"""Checks of the files of one symbol against each other: daily bars against finer ones, one source against another."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tradeterm.core.market import Timeframe
from tradeterm.data.derive import origin
from tradeterm.data.findings import finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tradeterm.core.market import BarKey, Bars
    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.data.findings import Finding, ValidationRules
    from tradeterm.store.bar_table import BarMeta

__all__ = ["Judged", "across"]

_PRICES = ("open", "high", "low", "close")
# Built from the same bars by the same code; volumes are added up in another order.
_EXACT = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One file of a symbol as validation has read it."""

    key: BarKey
    bars: Bars
    meta: BarMeta


class _Compared(NamedTuple):
    """Bars of the coarser file that finer ones cover: how far prices (4, B) and volume (B,) are off, relative.

    volume : NaN where a file has none
    """

    ts: IntArray
    prices: FloatArray
    volume: FloatArray


def across(files: Sequence[Judged], rules: ValidationRules) -> Iterator[Finding]:
    """Compare the files of one instrument where they cover the same time."""
    # Bars out of order are told of elsewhere, and can't be matched.
    usable = {file.key.timeframe: file for file in files if len(file.bars) and (np.diff(file.bars.ts) > 0).all()}
    hours = sorted((found for found in usable if found.is_intraday_source), key=lambda found: found.step_ns)
    daily = usable.get(Timeframe.DAILY)
    finer = usable.get(Timeframe.H4) or (usable[hours[-1]] if hours else None)
    if daily is not None and finer is not None:
        yield from _pair(daily, finer, rules)
    for fine, coarse in pairwise(hours):
        yield from _pair(usable[coarse], usable[fine], rules)


def _pair(coarse: Judged, fine: Judged, rules: ValidationRules) -> Iterator[Finding]:
    if coarse.meta.adjustment != fine.meta.adjustment:
        detail = (
            f"its adjustment is {coarse.meta.adjustment}, that of the {fine.key.timeframe} bars "
            f"{fine.meta.adjustment}: not compared"
        )
        yield finding(coarse.key, "adjustments-differ", -1, detail)
        return
    compared = _compared(coarse, fine)
    if not len(compared.ts):
        return
    if origin(coarse.meta) != origin(fine.meta):
        yield from _sources(coarse, fine, compared, rules.price_tolerance)
    elif coarse.meta.derived and fine.meta.derived and _built_alike(coarse, fine):
        yield from _bars("derived-differs", coarse, fine, compared, _EXACT)
        yield from _volumes("derived-differs", coarse, fine, compared, _EXACT)
    else:
        yield from _bars("sum-differs", coarse, fine, compared, rules.price_tolerance)
        yield from _volumes("sum-volume", coarse, fine, compared, rules.volume_tolerance)


def _compared(coarse: Judged, fine: Judged) -> _Compared:
    own, parts = coarse.bars, fine.bars
    place = np.searchsorted(own.known_at, parts.known_at, side="left")
    at = np.minimum(place, len(own) - 1)
    within = (place < len(own)) & (parts.known_at > own.ts[at]) & ~np.isnan(parts.close)
    if fine.key.timeframe is not Timeframe.H4:
        # The H4 row is named by the grid, not by the open of its first bar.
        within &= parts.ts >= own.ts[at]
    # The finer file may begin or end within a bar of the coarser.
    within &= (own.ts[at] >= parts.ts[0]) & (own.known_at[at] <= parts.known_at[-1])
    rows = np.flatnonzero(within)
    if coarse.key.timeframe is not Timeframe.DAILY:
        rows = _complete(own, parts, rows, at)
    starts = np.flatnonzero(np.diff(at[rows], prepend=-1) != 0)
    if not len(starts):
        return _Compared(ts=own.ts[:0], prices=np.empty((4, 0)), volume=np.empty(0))
    bars, ends = at[rows[starts]], np.append(starts[1:], len(rows)) - 1
    made = np.stack(
        (
            parts.open[rows[starts]],
            np.maximum.reduceat(parts.high[rows], starts),
            np.minimum.reduceat(parts.low[rows], starts),
            parts.close[rows[ends]],
        )
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        prices = np.abs(made / np.stack([getattr(own, name)[bars] for name in _PRICES]) - 1)
        traded = np.add.reduceat(parts.volume[rows], starts)
        volume = np.where(traded == own.volume[bars], 0.0, np.abs(traded / own.volume[bars] - 1))
    return _Compared(ts=own.ts[bars], prices=prices, volume=volume)


def _complete(own: Bars, parts: Bars, rows: IntArray, at: IntArray) -> IntArray:
    """Of the finer bars in ``rows`` those whose coarser bar they fill without a hole."""
    covered = np.bincount(at[rows], weights=parts.known_at[rows] - parts.ts[rows], minlength=len(own))
    kept: IntArray = rows[(covered == own.known_at - own.ts)[at[rows]]]
    return kept


def _bars(rule: str, coarse: Judged, fine: Judged, compared: _Compared, tolerance: float) -> Iterator[Finding]:
    for row in np.flatnonzero((compared.prices > tolerance).any(axis=0)).tolist():
        part = int(compared.prices[:, row].argmax())
        detail = (
            f"{_PRICES[part]} is {compared.prices[part, row]:.2%} from that of its {fine.key.timeframe} bars "
            f"(tolerance {tolerance:.2g})"
        )
        yield finding(coarse.key, rule, compared.ts[row], detail)


def _volumes(rule: str, coarse: Judged, fine: Judged, compared: _Compared, tolerance: float) -> Iterator[Finding]:
    for row in np.flatnonzero(compared.volume > tolerance).tolist():
        detail = (
            f"volume is {compared.volume[row]:.1%} from the sum of its {fine.key.timeframe} bars "
            f"(tolerance {tolerance:.2g})"
        )
        yield finding(coarse.key, rule, compared.ts[row], detail)


def _built_alike(coarse: Judged, fine: Judged) -> bool:
    """Whether both were built from one and the same file: where several were joined, each may have won elsewhere."""
    return coarse.meta.source == fine.meta.source and "+" not in coarse.meta.source


def _sources(coarse: Judged, fine: Judged, compared: _Compared, tolerance: float) -> Iterator[Finding]:
    """One line for the two files: another venue or another closing price is off on many bars, for one reason."""
    off = compared.prices.max(axis=0)
    beyond = int(np.count_nonzero(off > tolerance))
    if beyond:
        worst = int(off.argmax())
        part = int(compared.prices[:, worst].argmax())
        detail = (
            f"{beyond} of {len(off)} bars of {origin(coarse.meta)} are more than {tolerance:.2g} from the "
            f"{fine.key.timeframe} bars of {origin(fine.meta)} (closes: median {np.median(compared.prices[3]):.2%}); "
            f"most here, {_PRICES[part]} {off[worst]:.2%}"
        )
        yield finding(coarse.key, "sources-differ", compared.ts[worst], detail)
