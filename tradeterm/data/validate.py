"""Checks of stored bars: broken rules, gaps against the calendar, spikes, rows where no session was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tradeterm.core.errors import DataError
from tradeterm.core.market import AssetClass, Bars, Timeframe
from tradeterm.core.time import DAY_NS, iso, iso_date
from tradeterm.data.calendar import expected_opens, session_index, sessions
from tradeterm.data.publication import business_days
from tradeterm.data.rules import DETAILS, broken_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradeterm.core.market import BarKey
    from tradeterm.core.types import BoolArray, FloatArray, IntArray
    from tradeterm.store.bar_table import BarMeta
    from tradeterm.store.bars import BarStore

__all__ = ["Finding", "ValidationRules", "validate", "validate_bars"]

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRules:
    """Thresholds of the checks.

    gap_bars : missing bars in a row that are a gap
    spike_mads : size of a move that is a spike, in median absolute moves of its window of ``spike_window`` bars
    """

    gap_bars: int = 5
    spike_mads: float = 20.0
    spike_window: int = 101


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing about one bar (or about a whole file: ``ts_ns`` -1).

    severity : error (can't be right), warning (a person should look), info (known to happen)
    """

    symbol: str
    timeframe: str
    rule: str
    severity: Severity
    ts_ns: int
    detail: str


def validate(store: BarStore, rules: ValidationRules, asof_ns: int) -> list[Finding]:
    """Check every stored file, as of an instant; by symbol and timeframe, then by time."""
    findings: list[Finding] = []
    stored = store.keys()
    for key in stored:
        try:
            meta, bars = store.meta(key), store.read(key)
        except DataError as failure:
            findings.append(_finding(key, "unreadable", "error", -1, str(failure)))
            continue
        known = bars.known_at <= asof_ns
        findings += validate_bars(key, _cut(bars, known), meta, rules)
    return findings


def validate_bars(key: BarKey, bars: Bars, meta: BarMeta, rules: ValidationRules) -> list[Finding]:
    """Check the bars of one file. Derived ones have their gaps and sessions judged where they come from."""
    findings = [*_order(key, bars), *_broken(key, bars)]
    if not meta.derived and key.timeframe is not Timeframe.H4:
        findings += _gaps(key, bars, meta, rules.gap_bars)
        findings += _outside(key, bars, meta)
    if not meta.derived and key.asset_class is not AssetClass.MACRO:
        findings += _idle(key, bars)
        findings += _spikes(key, bars, rules)
    return sorted(findings, key=lambda item: (item.ts_ns, item.rule))


def _finding(key: BarKey, rule: str, severity: Severity, ts_ns: int, detail: str) -> Finding:
    return Finding(
        symbol=key.symbol, timeframe=key.timeframe.value, rule=rule, severity=severity, ts_ns=int(ts_ns), detail=detail
    )


def _order(key: BarKey, bars: Bars) -> Iterator[Finding]:
    """Times must ascend; only macro series have several vintages of one period."""
    step = np.diff(bars.ts)
    bad = step < 0 if key.asset_class is AssetClass.MACRO else step <= 0
    for row in np.flatnonzero(bad).tolist():
        yield _finding(key, "unsorted", "error", bars.ts[row + 1], "not after the bar before it; import the file again")
    for row in np.flatnonzero(bars.known_at <= bars.ts).tolist():
        yield _finding(key, "known-too-early", "error", bars.ts[row], f"known at {iso(int(bars.known_at[row]))}")


def _broken(key: BarKey, bars: Bars) -> Iterator[Finding]:
    there = ~np.isnan(bars.close) if key.timeframe is Timeframe.H4 else np.ones(len(bars), dtype=np.bool_)
    cells = {name: getattr(bars, name)[there] for name in ("open", "high", "low", "close", "volume")}
    ts = bars.ts[there]
    for rule, rows in broken_rules(cells, positive=key.asset_class is not AssetClass.MACRO):
        for row in np.flatnonzero(rows).tolist():
            values = " ".join(f"{name} {cells[name][row]:g}" for name in cells)
            yield _finding(key, rule, "error", ts[row], f"{DETAILS[rule]}: {values}")


def _gaps(key: BarKey, bars: Bars, meta: BarMeta, at_least: int) -> Iterator[Finding]:
    if not len(bars):
        return
    expected = _expected(key, bars, meta)
    # A slot is filled by any bar that opens in it, so that grids on the hour and on the half hour both count.
    slot = np.searchsorted(expected, bars.ts, side="right") - 1
    missing = np.ones(len(expected), dtype=np.bool_)
    missing[slot[slot >= 0]] = False
    for first, last in _runs(missing, at_least):
        count = last - first + 1
        detail = f"{count} expected bars missing, {iso(int(expected[first]))} to {iso(int(expected[last]))}"
        yield _finding(key, "gap", "warning", expected[first], detail)


def _expected(key: BarKey, bars: Bars, meta: BarMeta) -> IntArray:
    first, last = int(bars.ts[0]), int(bars.ts[-1])
    if key.timeframe is Timeframe.MONTHLY:
        months = np.arange(_month(first), _month(last) + 1)
        return months.astype("datetime64[M]").astype("datetime64[ns]").astype(np.int64)
    if key.asset_class is AssetClass.MACRO:
        days = business_days()
        return days[(days >= first) & (days <= last)]
    return expected_opens(meta.calendar, first, last + 1, key.timeframe.step_ns)


def _month(ns: int) -> int:
    return int(np.datetime64(ns, "ns").astype("datetime64[M]").astype(np.int64))


def _runs(flags: BoolArray, at_least: int) -> Iterator[tuple[int, int]]:
    edges = np.diff(np.concatenate(([0], flags.astype(np.int8), [0])))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if end - start >= at_least:
            yield start, end - 1


def _outside(key: BarKey, bars: Bars, meta: BarMeta) -> Iterator[Finding]:
    if key.timeframe is Timeframe.MONTHLY:
        return
    if key.asset_class is AssetClass.MACRO:
        outside = ~np.isin(bars.ts // DAY_NS * DAY_NS, sessions(meta.calendar).date_ns)
    else:
        outside = session_index(meta.calendar, bars.ts) < 0
    severity: Severity = "info" if key.asset_class is AssetClass.MACRO else "error"
    for row in np.flatnonzero(outside).tolist():
        detail = f"{meta.calendar} had no session on {iso_date(int(bars.ts[row]))}"
        yield _finding(key, "no-session", severity, bars.ts[row], detail)


def _idle(key: BarKey, bars: Bars) -> Iterator[Finding]:
    for row in np.flatnonzero(bars.volume == 0).tolist():
        yield _finding(key, "zero-volume", "info", bars.ts[row], f"nothing traded, close {bars.close[row]:g}")


def _spikes(key: BarKey, bars: Bars, rules: ValidationRules) -> Iterator[Finding]:
    usable = (bars.open > 0) & (bars.close > 0)
    if not usable.any():
        return
    ts, opens, closes = bars.ts[usable], np.log(bars.open[usable]), np.log(bars.close[usable])
    before = np.append(opens[:1], closes[:-1])
    moves = np.stack((opens - before, closes - opens, closes - before))
    usual = _usual(np.abs(moves[2]), rules.spike_window)
    size = np.abs(moves).max(axis=0)
    for row in np.flatnonzero((size > rules.spike_mads * usual) & (usual > 0)).tolist():
        what = ("open against the close before", "close against open", "close against the close before")
        part = int(np.abs(moves[:, row]).argmax())
        detail = f"{what[part]}: {np.expm1(moves[part, row]):+.1%}, {size[row] / usual[row]:.0f} times the usual move"
        yield _finding(key, "spike", "warning", ts[row], detail)


def _usual(moves: FloatArray, window: int) -> FloatArray:
    """Median move around each bar: of blocks half a window long, the larger of its own and the two beside it."""
    half = max(window // 2, 1)
    starts = np.arange(0, len(moves), half)
    medians = np.array([np.median(moves[start : start + half]) for start in starts])
    if len(starts) > 1 and len(moves) - starts[-1] < half:
        medians[-1] = medians[-2]
    padded = np.concatenate((medians[:1], medians, medians[-1:]))
    wide = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    spread: FloatArray = np.repeat(wide, half)[: len(moves)]
    return spread


def _cut(bars: Bars, rows: BoolArray) -> Bars:
    return Bars(
        ts=bars.ts[rows],
        known_at=bars.known_at[rows],
        open=bars.open[rows],
        high=bars.high[rows],
        low=bars.low[rows],
        close=bars.close[rows],
        volume=bars.volume[rows],
    )
