"""Stored bars to what the engine runs on: the panel of what was known, the fills beside it, the regime's inputs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tradeterm.core.errors import DataError
from tradeterm.core.market import BarKey, Bars, FillBars, Timeframe
from tradeterm.core.time import DAY_NS, H4_NS, grid_floor, iso
from tradeterm.data.calendar import is_tradable
from tradeterm.data.roles import regime_inputs
from tradeterm.data.scale import fills_with_actions, forward_adjusted, refuse_uncovered
from tradeterm.engine.adjust import bar_factors, factor_known
from tradeterm.engine.panel import FillFrame, Panel, newest_row
from tradeterm.store.bar_table import content_hash

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tradeterm.core.market import Actions, Instrument
    from tradeterm.core.types import BoolArray, FloatArray, IntArray
    from tradeterm.data.publication import PublicationRule
    from tradeterm.engine.adjust import Factors
    from tradeterm.engine.inputs import RegimeInputs
    from tradeterm.store.bars import BarStore

__all__ = ["Market", "MarketRequest", "build_market"]

_CELLS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRequest:
    """What a run needs of the stored bars.

    instruments : what is traded, in the order of the panel's columns
    timeframe : decision grid, every four hours or every day at 00:00 UTC
    asof_ns : nothing that became known later is read; the last decision is the grid time at or before it
    roles : symbol per regime input (equity, volatility, crypto, slope, activity), None where there is none
    publication : release schedule per macro series
    actions : corporate actions by symbol; those at or after the as-of instant change nothing yet
    """

    instruments: tuple[Instrument, ...]
    timeframe: Literal["h4", "daily"]
    asof_ns: int
    roles: Mapping[str, str | None]
    publication: Mapping[str, PublicationRule]
    actions: Mapping[str, Actions] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Everything a run reads.

    fingerprint : hash of every array; bars that are appended after the as-of instant do not change it
    read : per bar file what was read: symbol, timeframe, rows, first, last, fingerprint of those rows;
        also the actions that were applied to an instrument, under the timeframe ``actions``
    """

    panel: Panel
    fills: FillFrame
    regime: RegimeInputs
    fingerprint: str
    read: tuple[Mapping[str, Any], ...]


def build_market(bars: BarStore, request: MarketRequest) -> Market:
    """Align the stored bars on the decision grid as of an instant.

    Raises
    ------
    MissingBars
        When nothing is stored for an instrument.
    DataError
        When two daily bars of one instrument became known between two decisions, or its H4 and daily bars can't be
        adjusted alike.
    BadMarket
        When an action can't be: a dividend as high as the price, an ex-date after its interval's fill bar.
    """
    step = H4_NS if request.timeframe == "h4" else DAY_NS
    asof = grid_floor(request.asof_ns, step)
    reader = _Reader(bars, asof, request.actions)
    daily = [reader.instrument(item, Timeframe.DAILY) for item in request.instruments]
    own = [reader.instrument(item, Timeframe.H4) for item in request.instruments] if step == H4_NS else daily
    times = _times([_decision(item.known_at, step) for item in own], asof, step)
    panel = _panel(request.instruments, own, times, step)
    if step == H4_NS:
        days = _daily_panel(request.instruments, daily, asof)
        panel = _with_days(panel, days)
    fills = _fills(request.instruments, reader.fills(request.instruments, step), panel, step)
    factors = [reader.factors(item, bars) for item, bars in zip(request.instruments, own, strict=True)]
    if any(found is not None for found in factors):
        fills = fills_with_actions(fills, panel, factors)
        panel = forward_adjusted(panel, factors)
    regime = regime_inputs(reader.adjusted, bars, request.roles, request.publication)
    return Market(
        panel=panel,
        fills=fills,
        regime=regime,
        fingerprint=_fingerprint(panel, fills, regime),
        read=tuple(reader.read),
    )


class _Reader:
    """Reads each file once, and of it only what was known at ``asof``."""

    def __init__(self, store: BarStore, asof_ns: int, actions: Mapping[str, Actions]) -> None:
        self._store = store
        self._actions = actions
        self._factors: dict[BarKey, Factors | None] = {}
        self._asof = asof_ns
        self._whole: dict[BarKey, Bars] = {}
        self._known: dict[BarKey, Bars] = {}
        self.read: list[dict[str, Any]] = []

    def instrument(self, item: Instrument, timeframe: Timeframe) -> Bars:
        """Own bars that were known: rows with a close."""
        return self.series(BarKey(item.asset_class, item.symbol, timeframe))

    def series(self, key: BarKey) -> Bars:
        if key not in self._known:
            whole = self._stored(key)
            known = _picked(whole, (whole.known_at <= self._asof) & np.isfinite(whole.close))
            self._known[key] = known
            self._note(key, known)
        return self._known[key]

    def fills(self, instruments: Sequence[Instrument], step: int) -> list[tuple[IntArray, FillBars]]:
        """Decision time and fill bar of the intervals that have ended."""
        timeframe = Timeframe.H4 if step == H4_NS else Timeframe.DAILY
        found = []
        for item in instruments:
            key = BarKey(item.asset_class, item.symbol, timeframe)
            whole = self._stored(key)
            fill = whole.fill if whole.fill is not None else _own_fill(whole)
            decided = fill.at // step * step
            ended = (fill.at >= 0) & (decided + step <= self._asof)
            found.append((decided[ended], FillBars(**{f.name: getattr(fill, f.name)[ended] for f in fields(FillBars)})))
        return found

    def factors(self, item: Instrument, own: Bars) -> Factors | None:
        """Factors of an instrument from its daily bars, for its own bars alike; None where it has no action yet."""
        key = BarKey(item.asset_class, item.symbol, Timeframe.DAILY)
        found = self._factors_of(key)
        if found is not None:
            h4 = BarKey(item.asset_class, item.symbol, Timeframe.H4)
            told = self._store.meta(key).adjustment
            if own is not self.series(key) and (other := self._store.meta(h4).adjustment) != told:
                raise DataError(
                    f"{item.symbol}: its h4 bars have adjustment {other}, its daily bars {told}; import both alike"
                )
            refuse_uncovered(item.symbol, self._actions[item.symbol], own, self.series(key))
        return found

    def adjusted(self, key: BarKey) -> Bars:
        """Own bars that were known, with forward-adjusted closes."""
        known, factors = self.series(key), self._factors_of(key)
        return known if factors is None else replace(known, close=known.close * factor_known(factors, known.known_at))

    def _factors_of(self, key: BarKey) -> Factors | None:
        actions = self._actions.get(key.symbol)
        if actions is None or not (actions.ex_ns < self._asof).any():
            return None
        if key not in self._factors:
            adjustment = self._store.meta(key).adjustment
            whole = self._stored(key)
            found = bar_factors(whole, adjustment, actions, until_ns=self._asof, symbol=key.symbol)
            self._factors[key] = found
            self.read.append(_note_of_actions(key.symbol, found, adjustment))
        return self._factors[key]

    def _stored(self, key: BarKey) -> Bars:
        if key not in self._whole:
            self._whole[key] = self._store.read(key)
        return self._whole[key]

    def _note(self, key: BarKey, known: Bars) -> None:
        there = len(known) > 0
        self.read.append(
            {
                "symbol": key.symbol,
                "timeframe": key.timeframe.value,
                "rows": len(known),
                "first": iso(int(known.ts[0])) if there else None,
                "last": iso(int(known.ts[-1])) if there else None,
                "fingerprint": content_hash(known),
            }
        )


_APPLIED = {
    "none": "splits and dividends",
    "split": "dividends; the prices hold the splits",
    "all": "none; the prices hold splits and dividends",
}


def _note_of_actions(symbol: str, factors: Factors, adjustment: str) -> dict[str, Any]:
    there = len(factors) > 0
    return {
        "symbol": symbol,
        "timeframe": "actions",
        "rows": len(factors),
        "first": iso(int(factors.ex_ns[0])) if there else None,
        "last": iso(int(factors.ex_ns[-1])) if there else None,
        "fingerprint": _fingerprint(factors),
        "applied": _APPLIED[adjustment],
    }


def _own_fill(bars: Bars) -> FillBars:
    return FillBars(open=bars.open, high=bars.high, low=bars.low, volume=bars.volume, at=bars.ts)


def _picked(bars: Bars, kept: BoolArray) -> Bars:
    return Bars(ts=bars.ts[kept], known_at=bars.known_at[kept], **{name: getattr(bars, name)[kept] for name in _CELLS})


def _decision(known_at: IntArray, step: int) -> IntArray:
    """First decision time at or after each instant."""
    found: IntArray = -(-known_at // step) * step
    return found


def _times(decisions: Sequence[IntArray], asof: int, step: int) -> IntArray:
    firsts = [int(item[0]) for item in decisions if len(item)]
    if not firsts:
        return np.empty(0, dtype=np.int64)
    # Counted in whole steps: numpy measures a range in floats, too coarse for nanoseconds.
    first = min(firsts)
    return first + step * np.arange((asof - first) // step + 1, dtype=np.int64)


def _panel(instruments: Sequence[Instrument], own: Sequence[Bars], times: IntArray, step: int) -> Panel:
    """Lay own bars out by the first decision at or after their ``known_at``."""
    shape = (len(times), len(instruments))
    cells: dict[str, FloatArray] = {name: np.full(shape, np.nan) for name in _CELLS}
    bar_no, known_at = np.full(shape, -1, dtype=np.int64), np.full(shape, -1, dtype=np.int64)
    for column, (item, bars) in enumerate(zip(instruments, own, strict=True)):
        decisions = _decision(bars.known_at, step)
        _refuse_two(item, decisions, bars, step)
        rows = np.searchsorted(times, decisions)
        for name, values in cells.items():
            values[rows, column] = getattr(bars, name)
        bar_no[rows, column] = np.arange(len(bars))
        known_at[rows, column] = bars.known_at
    return Panel(
        times=times,
        symbols=tuple(item.symbol for item in instruments),
        asset_class=tuple(item.asset_class.value for item in instruments),
        open=cells["open"],
        high=cells["high"],
        low=cells["low"],
        close=cells["close"],
        volume=cells["volume"],
        bar_no=bar_no,
        known_at=known_at,
    )


def _refuse_two(item: Instrument, decisions: IntArray, bars: Bars, step: int) -> None:
    clash = np.flatnonzero(np.diff(decisions) <= 0)
    if len(clash):
        first = int(clash[0])
        kind = "H4" if step == H4_NS else "daily"
        raise DataError(
            f"{item.symbol}: bars of {iso(int(bars.ts[first]))} and {iso(int(bars.ts[first + 1]))} are known in one "
            f"{kind} decision; run `tradeterm data validate`, then import the file again"
        )


def _daily_panel(instruments: Sequence[Instrument], daily: Sequence[Bars], asof: int) -> Panel:
    decisions = [_decision(item.known_at, H4_NS) for item in daily]
    times = np.unique(np.concatenate(decisions)) if decisions else np.empty(0, dtype=np.int64)
    return _panel(instruments, daily, times[times <= asof], H4_NS)


def _with_days(panel: Panel, days: Panel) -> Panel:
    row = np.searchsorted(days.times, panel.times, side="right") - 1
    newest = newest_row(days.bar_no)
    if len(days):
        daily_row = np.where(row[:, None] >= 0, newest[np.maximum(row, 0)], np.int64(-1))
    else:
        daily_row = np.full(panel.bar_no.shape, -1, dtype=np.int64)
    return replace(panel, daily=days, daily_row=daily_row)


def _fills(
    instruments: Sequence[Instrument], found: Sequence[tuple[IntArray, FillBars]], panel: Panel, step: int
) -> FillFrame:
    shape = panel.close.shape
    cells: dict[str, FloatArray] = {name: np.full(shape, np.nan) for name in ("open", "high", "low", "volume")}
    at = np.full(shape, -1, dtype=np.int64)
    tradable = np.zeros(shape, dtype=np.bool_)
    first = int(panel.times[0]) if len(panel) else 0
    for column, (item, (decided, fill)) in enumerate(zip(instruments, found, strict=True)):
        tradable[:, column] = is_tradable(item.calendar, panel.times, step)
        # A bar that opened before the first decision has no decision to fill.
        kept = decided >= first
        rows = (decided[kept] - first) // step
        for name, values in cells.items():
            values[rows, column] = getattr(fill, name)[kept]
        at[rows, column] = fill.at[kept]
    return FillFrame(**cells, at=at, mark=_carried(panel), tradable=tradable)


def _carried(panel: Panel) -> FloatArray:
    newest = newest_row(panel.bar_no)
    mark: FloatArray = np.take_along_axis(panel.close, np.maximum(newest, 0), axis=0) if len(panel) else panel.close
    return np.where(newest >= 0, mark, np.nan)


def _fingerprint(*parts: Any) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        _feed(digest, part)
    return digest.hexdigest()


def _feed(digest: hashlib.blake2b, value: Any) -> None:
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype.str}{value.shape};".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value):
        for item in fields(value):
            digest.update(f"{item.name}=".encode())
            _feed(digest, getattr(value, item.name))
    else:
        digest.update(f"{value!r};".encode())
