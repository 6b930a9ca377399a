"""Market regimes on four axes: one function gives the frame for backtests and, as its last row, the state for now.

equity      BULL close > mean of 200 days and mean momentum > 0; BEAR both below; else NEUTRAL
volatility  index below ``low``, above ``high``, or between; realised volatility where there is no index
crypto      RISK_ON close > mean of 200 days and momentum > 0; else RISK_OFF
macro       activity and yield-curve slope: EXPANSION both fine; RECESSION activity below its recession line, or
            below expansion with an inverted curve; else SLOWDOWN

A state at t is judged on what was known at t. The age of an input counts from when its next value was due: late
inputs keep the last known state; past ``stale_ns`` the axis is UNKNOWN and shown as its neutral state, while
budgets and limits take the lower of the last known and the neutral row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.engine import rolling
from tradeterm.engine.panel import locked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradeterm.core.types import BoolArray, FloatArray, IntArray, StateArray
    from tradeterm.engine.inputs import RegimeInputs, RegimeSeries

__all__ = [
    "AXES",
    "FRESH",
    "LATE",
    "NEUTRAL",
    "NEVER",
    "STATES",
    "STATUS",
    "UNKNOWN",
    "UNKNOWN_WORD",
    "RegimeFrame",
    "RegimeState",
    "Thresholds",
    "Transition",
    "active_states",
    "classify",
    "known_states",
    "transitions",
]

AXES = ("equity", "volatility", "crypto", "macro")
STATES = (
    ("BEAR", "NEUTRAL", "BULL"),
    ("LOW", "NORMAL", "HIGH"),
    ("RISK_OFF", "RISK_ON"),
    ("RECESSION", "SLOWDOWN", "EXPANSION"),
)
NEUTRAL = (1, 1, 0, 1)
NEVER = -1
FRESH, LATE, UNKNOWN = 0, 1, 2
UNKNOWN_WORD = "UNKNOWN"
STATUS = ("fresh", "late", "unknown")
_DAYS_PER_YEAR = 252.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Where the lines are drawn; windows in own daily values, volatility in percentage points.

    hysteresis : values of the same raw state in a row before an axis changes, one per axis
    """

    equity_ma: int = 200
    equity_momentum: tuple[int, ...] = (126, 252)
    volatility_low: float = 15.0
    volatility_high: float = 25.0
    realised_window: int = 21
    crypto_ma: int = 200
    crypto_momentum: tuple[int, ...] = (60,)
    activity_expansion: float = 50.0
    activity_recession: float = 45.0
    slope_inverted: float = 0.0
    hysteresis: tuple[int, int, int, int] = (1, 1, 1, 1)
    stale_ns: int = 48 * 3600 * 1_000_000_000

    @property
    def lookback(self) -> int:
        """Values of any input that a state may depend on."""
        windows = (self.equity_ma, *self.equity_momentum, self.realised_window, self.crypto_ma, *self.crypto_momentum)
        return max(windows) + 1 + max(_memory(n) for n in self.hysteresis)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeState:
    """The regime at one instant, one entry per axis of :data:`AXES`.

    state : shown state (neutral when unknown)
    last : last known state, None if there never was one
    status : fresh, late or unknown
    age_ns : how long the newest input has been overdue
    reading, reference : what was compared (close and mean, index, close and mean, activity and slope)
    """

    time_ns: int
    state: tuple[str, ...]
    last: tuple[str | None, ...]
    status: tuple[str, ...]
    age_ns: tuple[int, ...]
    reading: tuple[float, ...]
    reference: tuple[float, ...]

    def __getitem__(self, axis: str) -> str:
        return self.state[AXES.index(axis)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeFrame:
    """The regime at T decision times; columns are :data:`AXES`, codes index :data:`STATES`.

    times : (T,)
    state, last, status : (T, 4) int8; ``last`` is NEVER (-1) before the first known state
    age_ns : (T, 4); reading, reference : (T, 4), NaN where unknown
    """

    times: IntArray
    state: StateArray
    last: StateArray
    status: StateArray
    age_ns: IntArray
    reading: FloatArray
    reference: FloatArray

    def __len__(self) -> int:
        return len(self.times)

    def is_state(self, axis: str, state: str) -> BoolArray:
        """(T,) whether an axis is shown in a state."""
        column = AXES.index(axis)
        matched: BoolArray = self.state[:, column] == STATES[column].index(state)
        return matched

    def at_row(self, row: int) -> RegimeState:
        """Return the state of one decision time."""
        last = [int(code) for code in self.last[row]]
        return RegimeState(
            time_ns=int(self.times[row]),
            state=tuple(STATES[axis][int(code)] for axis, code in enumerate(self.state[row])),
            last=tuple(STATES[axis][code] if code != NEVER else None for axis, code in enumerate(last)),
            status=tuple(STATUS[int(code)] for code in self.status[row]),
            age_ns=tuple(int(age) for age in self.age_ns[row]),
            reading=tuple(float(value) for value in self.reading[row]),
            reference=tuple(float(value) for value in self.reference[row]),
        )

    def rows(self, start: int, stop: int) -> RegimeFrame:
        """View of the rows [start, stop)."""
        return RegimeFrame(
            times=self.times[start:stop],
            state=self.state[start:stop],
            last=self.last[start:stop],
            status=self.status[start:stop],
            age_ns=self.age_ns[start:stop],
            reading=self.reading[start:stop],
            reference=self.reference[start:stop],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A change of a known state between two decision times; ``before`` or ``after`` may be :data:`UNKNOWN_WORD`."""

    time_ns: int
    axis: str
    before: str
    after: str
    reading: float


@dataclass(frozen=True, slots=True)
class _Judged:
    """An axis by input value: raw state (NEVER where the look-back is not met) and what was compared."""

    known_at: IntArray
    due_at: IntArray
    state: StateArray
    reading: FloatArray
    reference: FloatArray


def classify(times: IntArray, inputs: RegimeInputs, thresholds: Thresholds) -> RegimeFrame:
    """Judge the four axes at ``times`` from what was known by then."""
    shape = (len(times), len(AXES))
    frame = RegimeFrame(
        times=times,
        state=np.tile(np.array(NEUTRAL, dtype=np.int8), (len(times), 1)),
        last=np.full(shape, NEVER, dtype=np.int8),
        status=np.full(shape, UNKNOWN, dtype=np.int8),
        age_ns=np.zeros(shape, dtype=np.int64),
        reading=np.full(shape, np.nan),
        reference=np.full(shape, np.nan),
    )
    # Where two sources stand for one axis, the later one holds from its first known value on.
    judged = (
        (0, _equity(inputs.equity, thresholds)),
        (1, _realised(inputs.equity, thresholds)),
        (1, _index(inputs.volatility, thresholds)),
        (2, _crypto(inputs.crypto, thresholds)),
        (3, _macro(inputs, thresholds)),
    )
    for axis, series in judged:
        if series is not None and len(series.known_at):
            _place(frame, axis, series, thresholds)
    return RegimeFrame(**{item.name: locked(getattr(frame, item.name)) for item in fields(frame)})


def _place(frame: RegimeFrame, axis: int, series: _Judged, thresholds: Thresholds) -> None:
    states = _confirmed(series.state, thresholds.hysteresis[axis])
    known = slice(int(np.searchsorted(frame.times, series.known_at[0])), len(frame))
    row = np.searchsorted(series.known_at, frame.times[known], side="right") - 1
    last = states[row]
    age = np.maximum(frame.times[known] - series.due_at[row], 0)
    usable = (last != NEVER) & (age <= thresholds.stale_ns)
    frame.last[known, axis] = last
    frame.age_ns[known, axis] = age
    frame.status[known, axis] = np.where(usable, np.where(age > 0, LATE, FRESH), UNKNOWN)
    frame.state[known, axis] = np.where(usable, last, NEUTRAL[axis])
    frame.reading[known, axis] = series.reading[row]
    frame.reference[known, axis] = series.reference[row]


def _memory(count: int) -> int:
    """Values that hysteresis looks back on, so that its state has a finite history."""
    return 0 if count <= 1 else 20 * count


def _confirmed(raw: StateArray, count: int) -> StateArray:
    """State after ``count`` equal raw states in a row; the raw one where none was confirmed in its memory."""
    if count <= 1:
        return raw
    out = raw.copy()
    changed = np.flatnonzero(np.diff(raw)) + 1
    run_start = np.zeros(len(raw), dtype=np.int64)
    run_start[changed] = changed
    run_start = np.maximum.accumulate(run_start)
    held = np.arange(len(raw)) - run_start + 1 >= count
    confirmed = np.maximum.accumulate(np.where(held, np.arange(len(raw)), -1))
    recent = (confirmed >= 0) & (np.arange(len(raw)) - confirmed < _memory(count) - count)
    out[recent] = raw[confirmed[recent]]
    return out


def _trend(series: RegimeSeries, window: int, spans: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    mean = rolling.rolling_sum(series.value, series.ordinal, window) / window
    moves = [rolling.change(series.value, span) for span in spans]
    momentum = moves[0]
    for move in moves[1:]:
        momentum = momentum + move
    return mean, momentum / len(moves)


def _equity(series: RegimeSeries | None, at: Thresholds) -> _Judged | None:
    if series is None:
        return None
    mean, momentum = _trend(series, at.equity_ma, at.equity_momentum)
    state = np.full(len(series), 1, dtype=np.int8)
    state[(series.value > mean) & (momentum > 0)] = 2
    state[(series.value < mean) & (momentum < 0)] = 0
    state[np.isnan(mean) | np.isnan(momentum)] = NEVER
    return _Judged(series.known_at, series.due_at, state, series.value, mean)


def _realised(series: RegimeSeries | None, at: Thresholds) -> _Judged | None:
    if series is None:
        return None
    deviation = rolling.rolling_std(rolling.change(series.value, 1), at.realised_window, 1)
    return _banded(series, 100.0 * math.sqrt(_DAYS_PER_YEAR) * deviation, at)


def _index(series: RegimeSeries | None, at: Thresholds) -> _Judged | None:
    return None if series is None else _banded(series, series.value, at)


def _banded(series: RegimeSeries, level: FloatArray, at: Thresholds) -> _Judged:
    state = np.full(len(series), 1, dtype=np.int8)
    state[level < at.volatility_low] = 0
    state[level > at.volatility_high] = 2
    state[np.isnan(level)] = NEVER
    return _Judged(series.known_at, series.due_at, state, level, np.full(len(series), np.nan))


def _crypto(series: RegimeSeries | None, at: Thresholds) -> _Judged | None:
    if series is None:
        return None
    mean, momentum = _trend(series, at.crypto_ma, at.crypto_momentum)
    state = ((series.value > mean) & (momentum > 0)).astype(np.int8)
    state[np.isnan(mean) | np.isnan(momentum)] = NEVER
    return _Judged(series.known_at, series.due_at, state, series.value, mean)


def _newest_period(series: RegimeSeries, times: IntArray) -> tuple[BoolArray, FloatArray, IntArray]:
    """Newest period's value at each time: a late revision of an older period does not stand in for it."""
    if not len(series):
        return np.zeros(len(times), dtype=np.bool_), np.full(len(times), np.nan), np.zeros(len(times), dtype=np.int64)
    order = np.arange(len(series))
    latest = np.maximum.accumulate(series.ordinal)
    source = np.maximum.accumulate(np.where(series.ordinal == latest, order, -1))
    row = np.searchsorted(series.known_at, times, side="right") - 1
    known = row >= 0
    row = source[np.maximum(row, 0)]
    return known, np.where(known, series.value[row], np.nan), series.due_at[row]


def _macro(inputs: RegimeInputs, at: Thresholds) -> _Judged | None:
    # A series without a value yet still counts: leaving it out would judge on the other one alone until it comes.
    parts = [part for part in (inputs.activity, inputs.slope) if part is not None]
    if not parts:
        return None
    events = np.unique(np.concatenate([part.known_at for part in parts]))
    due = np.full(len(events), np.iinfo(np.int64).max)
    levels = {}
    known = np.ones(len(events), dtype=np.bool_)
    for part in parts:
        there, value, part_due = _newest_period(part, events)
        levels[part is inputs.activity] = value
        known &= there
        due = np.minimum(due, np.where(there, part_due, due))
    unknown = np.full(len(events), np.nan)
    activity, slope = levels.get(True, unknown), levels.get(False, unknown)
    inverted = slope < at.slope_inverted
    weak = activity < at.activity_expansion
    state = np.full(len(events), 1, dtype=np.int8)
    state[~weak & ~inverted] = 2
    state[(activity < at.activity_recession) | (weak & inverted)] = 0
    state[~known] = NEVER
    return _Judged(events, due, state, activity, slope)


def known_states(frame: RegimeFrame) -> StateArray:
    """(T, 4) codes of the states, NEVER while an axis is unknown: the neutral word that it is shown by is no state."""
    found: StateArray = np.where(frame.status == UNKNOWN, NEVER, frame.state).astype(np.int8)
    return found


def transitions(frame: RegimeFrame, before: Mapping[str, str] | None = None) -> list[Transition]:
    """Changes of the known states, oldest first; becoming unknown, and known again, are changes too.

    before : state by axis ahead of the first row, where it is to be compared with one
    """
    found = []
    for axis, name in enumerate(AXES):
        codes = known_states(frame)[:, axis]
        words = [STATES[axis][int(code)] if code != NEVER else UNKNOWN_WORD for code in codes]
        ahead = (before or {}).get(name, words[0] if words else "")
        for row, (old, new) in enumerate(pairwise([ahead, *words])):
            if old != new:
                reading = float(frame.reading[row, axis])
                time_ns = int(frame.times[row])
                found.append(Transition(time_ns=time_ns, axis=name, before=old, after=new, reading=reading))
    return sorted(found, key=lambda item: (item.time_ns, AXES.index(item.axis)))


def active_states(frame: RegimeFrame, axis: int) -> tuple[StateArray, StateArray]:
    """States whose rules are in force: the known one, and beside it the neutral one while the axis is unknown.

    Returns two (T,) arrays of codes, equal where the axis is known; both neutral where nothing ever was known.
    """
    neutral = np.int8(NEUTRAL[axis])
    unknown = frame.status[:, axis] == UNKNOWN
    last = frame.last[:, axis]
    first = np.where(unknown & (last == NEVER), neutral, last).astype(np.int8)
    second = np.where(unknown, neutral, first).astype(np.int8)
    return first, second
