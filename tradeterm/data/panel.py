"""Stored bars to what the engine runs on: the panel of what was known, the fills beside it, the regime's inputs."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xxhash

from tradeterm.core.market import BarKey, Bars, Timeframe
from tradeterm.core.time import DAY_NS, H4_NS, grid_floor, iso
from tradeterm.data.aligning import PRICES, Asked, frame_of
from tradeterm.data.calendar import sessions
from tradeterm.data.knowing import refuse_known_too_early
from tradeterm.data.roles import regime_inputs
from tradeterm.engine.adjust import bar_factors, factor_known
from tradeterm.engine.panel import FillFrame, Panel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradeterm.core.market import Actions, Instrument
    from tradeterm.core.types import BoolArray, IntArray
    from tradeterm.data.aligning import Frame
    from tradeterm.data.publication import PublicationRule
    from tradeterm.engine.adjust import Factors
    from tradeterm.engine.inputs import RegimeInputs
    from tradeterm.store.bars import BarStore

__all__ = ["Market", "MarketRequest", "build_market", "regime_asof"]

_CELLS = (*PRICES, "volume")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRequest:
    """What a run needs of the stored bars.

    instruments : what is traded, in the order of the panel's columns
    timeframe : decision grid, every four hours or every day at 00:00 UTC
    asof_ns : nothing that became known later is read; the last decision is the grid time at or before it
    roles : symbol per regime input (equity, volatility, crypto, slope, activity), None where there is none
    publication : release schedule per macro series
    actions : corporate actions by symbol; those at or after the as-of instant change nothing yet
    carry_limit : bars in a row that are carried forward where the calendar expected them and none came; 0 for none
    """

    instruments: tuple[Instrument, ...]
    timeframe: Literal["h4", "daily"]
    asof_ns: int
    roles: Mapping[str, str | None]
    publication: Mapping[str, PublicationRule]
    actions: Mapping[str, Actions] = field(default_factory=dict)
    carry_limit: int = 0


@dataclass(frozen=True, kw_only=True)
class Market:
    """Everything a run reads.

    fingerprint : hash of it all; bars that are appended after the as-of instant do not change it
    series : what the regime was judged on, as it was known: symbol, timeframe and bars
    adjustments : what the stored prices of each instrument that has actions are adjusted for
    """

    request: MarketRequest
    panel: Panel
    fills: FillFrame
    regime: RegimeInputs
    fingerprint: str
    factors: tuple[Factors | None, ...]
    series: tuple[tuple[BarKey, Bars], ...]
    adjustments: Mapping[str, str]

    @cached_property
    def read(self) -> tuple[Mapping[str, Any], ...]:
        """What was read per bar file: symbol, timeframe, rows, first, last, fingerprint of those rows.

        Also the bars that were carried, and the actions that were applied to an instrument, under ``actions``.
        """
        found: dict[tuple[str, str], dict[str, Any]] = {}
        step = self.request.timeframe
        for column, item in enumerate(self.request.instruments):
            found[item.symbol, "daily"] = _told(self.panel.days, column, item, "daily")
            if step == "h4":
                found[item.symbol, "h4"] = _told(self.panel, column, item, "h4")
        for key, bars in self.series:
            found.setdefault((key.symbol, key.timeframe.value), _told_series(key, bars))
        for item, factors in zip(self.request.instruments, self.factors, strict=True):
            if factors is not None:
                found[item.symbol, "actions"] = _told_actions(item.symbol, factors, self.adjustments[item.symbol])
        return tuple(found.values())

    @cached_property
    def carried(self) -> Mapping[str, int]:
        """Bars that were carried forward because none came, by symbol; those without any are left out."""
        filled = self.panel.filled
        counts = np.zeros(len(self.panel.symbols), dtype=np.int64) if filled is None else filled.sum(axis=0)
        return {symbol: int(count) for symbol, count in zip(self.panel.symbols, counts, strict=True) if count}


def build_market(bars: BarStore, request: MarketRequest, *, cache_bytes: int = 0) -> Market:
    """Align the stored bars on the decision grid as of an instant.

    cache_bytes : room on the disk for bars that are laid out already, so that they are mapped and not read again

    Raises
    ------
    MissingBars
        When nothing is stored for an instrument.
    DataError
        When two daily bars of one instrument became known between two decisions, its H4 and daily bars can't be
        adjusted alike, or bars are said to be known before they ended or were published.
    BadMarket
        When an action can't be: a dividend as high as the price, an ex-date after its interval's fill bar.
    """
    step = H4_NS if request.timeframe == "h4" else DAY_NS
    asof = grid_floor(request.asof_ns, step)
    traded = {item.symbol for item in request.instruments}
    asked = Asked(
        instruments=request.instruments,
        timeframe=request.timeframe,
        actions={symbol: item for symbol, item in request.actions.items() if symbol in traded},
        carry_limit=request.carry_limit,
    )
    frame = frame_of(bars, asked, until_ns=asof, cache_bytes=cache_bytes)
    stop = int(np.searchsorted(frame.arrays["times"], asof, side="right"))
    # Before the first own bar there is no market.
    stop = stop if stop > frame.first else frame.first
    panel = _panel(frame, request, stop, asof)
    fills = _fills(frame, stop)
    regime, series = regime_asof(
        bars, asof, roles=request.roles, publication=request.publication, actions=request.actions
    )
    factors = tuple(_known_factors(item.symbol, found, request, asof) for item, found in _by_column(request, frame))
    return Market(
        request=request,
        panel=panel,
        fills=fills,
        regime=regime,
        fingerprint=_fingerprint(frame, panel, factors, regime, stop),
        factors=factors,
        series=tuple(series.items()),
        adjustments=_adjustments(bars, request, factors),
    )


def regime_asof(
    bars: BarStore,
    asof_ns: int,
    *,
    roles: Mapping[str, str | None],
    publication: Mapping[str, PublicationRule],
    actions: Mapping[str, Actions],
) -> tuple[RegimeInputs, Mapping[BarKey, Bars]]:
    """Inputs of the regime as of an instant, and the bars that they were read from.

    Raises
    ------
    MissingBars
        When nothing is stored for the symbol of a role.
    DataError
        When a role is unknown, a macro series has no release schedule, or bars are said to be known before they ended
        or were published.
    """
    reader = _Reader(bars, asof_ns, actions, publication)
    return regime_inputs(reader.adjusted, bars, roles, publication), reader.read


def _by_column(request: MarketRequest, frame: Frame) -> list[tuple[Instrument, Factors | None]]:
    return list(zip(request.instruments, frame.factors, strict=True))


def _panel(frame: Frame, request: MarketRequest, stop: int, asof: int) -> Panel:
    arrays, rows = frame.arrays, slice(frame.first, stop)
    names: dict[str, Any] = {
        "symbols": tuple(item.symbol for item in request.instruments),
        "asset_class": tuple(item.asset_class.value for item in request.instruments),
    }
    panel = Panel(times=arrays["times"][rows], **names, **_cells(arrays, "", rows))
    if request.timeframe != "h4":
        return panel
    until = slice(0, int(np.searchsorted(arrays["days.times"], asof, side="right")))
    days = Panel(times=arrays["days.times"][until], **names, **_cells(arrays, "days.", until))
    return replace(panel, daily=days, daily_row=arrays["daily_row"][rows])


def _cells(arrays: Mapping[str, Any], prefix: str, rows: slice) -> dict[str, Any]:
    found = {name: arrays[f"{prefix}{name}"][rows] for name in (*_CELLS, "bar_no", "known_at")}
    filled = arrays.get(f"{prefix}filled")
    # Nearly always no bar was carried, and nobody has to ask of which.
    return found | {"filled": filled[rows] if filled is not None and filled[rows].any() else None}


def _fills(frame: Frame, stop: int) -> FillFrame:
    arrays, rows = frame.arrays, slice(frame.first, stop)
    found = {
        item.name: arrays[f"fills.{item.name}"][rows] for item in fields(FillFrame) if f"fills.{item.name}" in arrays
    }
    if stop > frame.first:
        _hide_last(found, frame, int(arrays["times"][stop - 1]))
    return FillFrame(**found)


def _hide_last(found: dict[str, Any], frame: Frame, asof: int) -> None:
    """The last decision has nothing to fill with yet, and no action has taken effect after it."""
    nothing = {"open": np.nan, "high": np.nan, "low": np.nan, "volume": np.nan, "at": -1, "split": 1.0, "dividend": 0.0}
    for name in nothing.keys() & found.keys():
        found[name][-1] = nothing[name]
    if "factor" in found:
        instant = np.array([asof], dtype=np.int64)
        found["factor"][-1] = [1.0 if item is None else factor_known(item, instant)[0] for item in frame.factors]


def _known_factors(symbol: str, factors: Factors | None, request: MarketRequest, asof: int) -> Factors | None:
    """Those that have taken effect; None where no action of the instrument had."""
    if factors is None or not (request.actions[symbol].ex_ns < asof).any():
        return None
    stop = int(np.searchsorted(factors.ex_ns, asof, side="left"))
    return replace(factors, **{item.name: getattr(factors, item.name)[:stop] for item in fields(factors)})


def _adjustments(bars: BarStore, request: MarketRequest, factors: tuple[Factors | None, ...]) -> dict[str, str]:
    return {
        item.symbol: bars.meta(BarKey(item.asset_class, item.symbol, Timeframe.DAILY)).adjustment
        for item, found in zip(request.instruments, factors, strict=True)
        if found is not None
    }


class _Reader:
    """Reads the files of the regime once each, and of them only what was known at ``asof``."""

    def __init__(
        self,
        store: BarStore,
        asof_ns: int,
        actions: Mapping[str, Actions],
        publication: Mapping[str, PublicationRule],
    ) -> None:
        self._store, self._asof, self._actions, self._publication = store, asof_ns, actions, publication
        self.read: dict[BarKey, Bars] = {}

    def adjusted(self, key: BarKey) -> Bars:
        """Own bars that were known, with forward-adjusted closes."""
        whole, meta = self._store.read_whole(key)
        refuse_known_too_early(key, whole, meta, self._publication.get(key.symbol))
        known = _picked(whole, (whole.known_at <= self._asof) & np.isfinite(whole.close))
        self.read[key] = known
        actions = self._actions.get(key.symbol)
        if actions is None or not (actions.ex_ns < self._asof).any():
            return known
        factors = bar_factors(whole, meta.adjustment, actions, until_ns=self._asof, symbol=key.symbol)
        return replace(known, close=known.close * factor_known(factors, known.known_at))


def _picked(bars: Bars, kept: BoolArray) -> Bars:
    return Bars(ts=bars.ts[kept], known_at=bars.known_at[kept], **{name: getattr(bars, name)[kept] for name in _CELLS})


_APPLIED = {
    "none": "splits and dividends",
    "split": "dividends; the prices hold the splits",
    "all": "none; the prices hold splits and dividends",
}


def _told(panel: Panel, column: int, item: Instrument, timeframe: str) -> dict[str, Any]:
    """What was read of an instrument's bars, as the panel shows them."""
    own = panel.own[:, column]
    known_at = panel.known_at[own, column]
    opens = _opens(item.calendar, known_at, timeframe)
    values = [known_at, *(getattr(panel, name)[own, column] for name in _CELLS)]
    carried = 0 if panel.filled is None else int(panel.filled[:, column].sum())
    return _note(item.symbol, timeframe, opens, _digest(values)) | ({"carried": carried} if carried else {})


def _told_series(key: BarKey, bars: Bars) -> dict[str, Any]:
    values = [bars.ts, bars.known_at, *(getattr(bars, name) for name in _CELLS)]
    return _note(key.symbol, key.timeframe.value, bars.ts, _digest(values))


def _told_actions(symbol: str, factors: Factors, adjustment: str) -> dict[str, Any]:
    return _note(symbol, "actions", factors.ex_ns, _digest(factors)) | {"applied": _APPLIED[adjustment]}


def _opens(calendar: str, known_at: IntArray, timeframe: str) -> IntArray:
    """Names of the bars that became known then: the start of the H4 interval, the open of the session."""
    if timeframe == "h4":
        return (known_at - 1) // H4_NS * H4_NS
    days = sessions(calendar)
    return days.open_ns[np.minimum(np.searchsorted(days.close_ns, known_at), len(days) - 1)]


def _note(symbol: str, timeframe: str, ts: IntArray, fingerprint: str) -> dict[str, Any]:
    there = len(ts) > 0
    return {
        "symbol": symbol,
        "timeframe": timeframe,
        "rows": len(ts),
        "first": iso(int(ts[0])) if there else None,
        "last": iso(int(ts[-1])) if there else None,
        "fingerprint": fingerprint,
    }


def _fingerprint(
    frame: Frame, panel: Panel, factors: tuple[Factors | None, ...], regime: RegimeInputs, stop: int
) -> str:
    named = [panel.symbols, panel.asset_class, panel.times[:1], len(panel)]
    rows = [frame.digest("panel", stop), frame.digest("fills", max(stop - 1, frame.first))]
    if panel.daily is not None:
        rows.append(frame.digest("days", len(panel.daily)))
    return _digest([named, rows, [_carried(panel), _carried(panel.days)], list(factors), regime])


def _carried(panel: Panel) -> IntArray:
    """(row, column) of the bars that were carried."""
    found: IntArray = np.empty((0, 2), dtype=np.int64) if panel.filled is None else np.argwhere(panel.filled)
    return found


def _digest(value: Any) -> str:
    digest = xxhash.xxh3_128()
    _feed(digest, value)
    return digest.hexdigest()


def _feed(digest: xxhash.xxh3_128, value: Any) -> None:
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype.str}{value.shape};".encode())
        digest.update(np.ascontiguousarray(value).data)
    elif is_dataclass(value):
        for item in fields(value):
            digest.update(f"{item.name}=".encode())
            _feed(digest, getattr(value, item.name))
    elif isinstance(value, (list, tuple)):
        digest.update(f"{len(value)}[".encode())
        for item in value:
            _feed(digest, item)
    else:
        digest.update(f"{value!r};".encode())
