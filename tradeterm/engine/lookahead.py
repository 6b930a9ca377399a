"""The certificate: decide again with the future cut off, and with garbage in its place; the bits must be the same.

At a sampled time t every strategy decides again on the window [t - L, t] of the panel and of the regime's inputs,
given the book that was recorded (cut), and on the same window with rows of garbage after it (poison). A weight or
regime that differs has read something it did not declare: a later bar, or one before its look-back. Between cut and
poison every row of the window is compared, not only its last. Decisions are taken in the order of time, so that what a
strategy remembers between calls can't come from later ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import StrategyError
from tradeterm.core.time import iso
from tradeterm.engine.inputs import RegimeInputs
from tradeterm.engine.poison import Poison
from tradeterm.engine.regime import AXES, classify
from tradeterm.engine.replay import decide_at, features_of, raw_weights
from tradeterm.engine.strategy import VectorStrategy, check_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.engine.panel import Panel
    from tradeterm.engine.regime import RegimeFrame, Thresholds
    from tradeterm.engine.replay import Member, Replay
    from tradeterm.engine.strategy import Strategy

__all__ = ["Certificate", "Difference", "Sampling", "certify", "sample_rows"]

_FRAME_BITS = ("state", "last", "status", "age_ns", "reading", "reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How many decisions are taken again: the newest, those where the book changed, and some drawn by a seed."""

    newest: int = 32
    changed: int = 64
    drawn: int = 64
    every: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One decision that came out otherwise; ``what`` is a symbol, a feature of one, or a regime axis.

    strategy : its name, or ``regime``; garbage : whether garbage after it made the difference
    """

    strategy: str
    time_ns: int
    what: str
    expected: float
    found: float
    garbage: bool = False

    def __str__(self) -> str:
        where = f"{self.strategy} at {iso(self.time_ns)}: {self.what} was {self.expected!r}"
        if self.garbage:
            return f"{where}, and {self.found!r} with garbage after its look-back"
        return f"{where} with all data and {self.found!r} with only its look-back up to then"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What was decided again and what differed."""

    checked: int
    decisions: int
    coverage: str
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        """Whether something was checked and nothing differed."""
        return self.checked > 0 and not self.differences


def sample_rows(run: Replay, sampling: Sampling, seed: int) -> tuple[IntArray, str]:
    """Rows (of the run) to decide again, ascending, and the coverage in words."""
    rows = len(run.times)
    if sampling.every:
        return np.arange(rows), f"all {rows} decisions"
    newest = np.arange(max(0, rows - sampling.newest), rows)
    changed = _changed_rows(run)
    if len(changed) > sampling.changed:
        changed = changed[np.linspace(0, len(changed) - 1, sampling.changed).round().astype(np.int64)]
    drawn = np.random.default_rng(seed).choice(rows, size=min(sampling.drawn, rows), replace=False)
    picked = np.unique(np.concatenate([newest, changed, drawn]))
    words = (
        f"{len(picked)} of {rows} decisions: the last {len(newest)}, {len(changed)} where holdings, regime, ladder "
        f"or model changed, {len(drawn)} drawn by the run's seed"
    )
    return picked, words


def _changed_rows(run: Replay) -> IntArray:
    """Rows at which holdings, regime, ladder or some strategy's model differ from the row before."""
    held = run.record.held[0] != 0.0
    moved = (held[1:] != held[:-1]).any(axis=(1, 2))
    state = run.frame.state[run.first_row :]
    turned = (state[1:] != state[:-1]).any(axis=1)
    ladder = run.record.ladder[0]
    stepped = ladder[1:] != ladder[:-1]
    for member in run.spec.members:
        stepped |= np.diff(member.models.places(run.times)) != 0
    rows: IntArray = np.flatnonzero(moved | turned | stepped) + 1
    return rows


def certify(
    run: Replay,
    inputs: RegimeInputs,
    *,
    sampling: Sampling,
    seed: int,
    afresh: Mapping[str, Strategy] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Certificate:
    """Decide again at the sampled rows of ``run`` on windows that end there; compare bit for bit.

    ``inputs`` are those the run was made with; ``afresh`` holds strategies by name, loaded anew, that decide instead of
    those of the run. Memory and time grow with the look-back, not with the run's length.
    """
    picked, coverage = sample_rows(run, sampling, seed)
    others = afresh or {}
    again = [replace(item, strategy=others.get(item.strategy.name, item.strategy)) for item in run.spec.members]
    seats = [_Seat.of(run, m, member, seed) for m, member in enumerate(again)]
    differences: list[Difference] = []
    for done, row in enumerate(picked.tolist()):
        if progress is not None:
            progress(done, len(picked))
        differences.extend(_decide_again(run, inputs, seats, row))
    return Certificate(checked=len(picked), decisions=len(run.times), coverage=coverage, differences=tuple(differences))


@dataclass(frozen=True, slots=True)
class _Seat:
    """A strategy that decides again.

    own : its panel; columns : its symbols in the run's; bars, days : rows of each symbol's own bars, H4 and daily
    """

    index: int
    member: Member
    own: Panel
    columns: list[int]
    bars: tuple[IntArray, ...]
    days: tuple[IntArray, ...]
    poison: Poison

    @classmethod
    def of(cls, run: Replay, index: int, member: Member, seed: int) -> _Seat:
        own = member.shown(run.panel)
        return cls(
            index=index,
            member=member,
            own=own,
            columns=[run.panel.column(symbol) for symbol in member.symbols],
            bars=_own_rows(own),
            days=_own_rows(own.daily) if own.daily is not None else (),
            poison=Poison.drawn(len(member.symbols), seed),
        )

    def window(self, row: int) -> Panel:
        """Rows that hold the declared look-back of every symbol, and not one more than the neediest of them takes."""
        need, stop = self.member.strategy.lookback, row + 1
        first = _first_row(self.bars, stop, need.bars)
        if self.own.daily is None:
            return self.own.rows(min(first, _first_row(self.bars, stop, need.daily)), stop)
        part = self.own.rows(first, stop)
        days = 0 if part.daily is None else len(part.daily)
        return part.from_day(_first_row(self.days, days, need.daily))


def _own_rows(panel: Panel) -> tuple[IntArray, ...]:
    return tuple(np.flatnonzero(panel.bar_no[:, column] >= 0) for column in range(len(panel.symbols)))


def _first_row(own: tuple[IntArray, ...], stop: int, bars: int) -> int:
    """First row such that every instrument has its last ``bars`` own bars before ``stop`` from there on."""
    first = stop - 1
    for rows in own:
        before = int(np.searchsorted(rows, stop))
        if before:
            first = min(first, int(rows[max(0, before - bars)]))
    return max(0, first)


def _decide_again(run: Replay, inputs: RegimeInputs, seats: list[_Seat], row: int) -> list[Difference]:
    at = run.first_row + row
    windows = [seat.window(at) for seat in seats]
    longest = max(windows, key=len)
    known = _cut(inputs, longest.times, run.spec.thresholds)
    frame = classify(longest.times, known, run.spec.thresholds)
    poison = seats[0].poison
    later = poison.times(longest.times)
    poisoned = classify(later, poison.inputs(known, later[len(longest) :]), run.spec.thresholds)
    found = _regime_differences(run, row, frame, poisoned)
    for seat, part in zip(seats, windows, strict=True):
        first = len(longest) - len(part)
        try:
            found.extend(_weight_differences(run, seat, row, part, frame.rows(first, len(frame)), poisoned, first))
        except StrategyError as error:
            found.append(_failed(seat.member, int(run.times[row]), error))
    return found


def _weight_differences(
    run: Replay, seat: _Seat, row: int, part: Panel, frame: RegimeFrame, poisoned: RegimeFrame, first: int
) -> list[Difference]:
    member = seat.member
    garbage = seat.poison.after(part), poisoned.rows(first, len(poisoned))
    if isinstance(member.strategy, VectorStrategy):
        cut = raw_weights(member, part, frame)
        again = check_weights(member.strategy, part.times, member.symbols, cut, spot=member.spot)[-1]
        changed = _changed_by_garbage(member, part, {"weight": cut}, {"weight": raw_weights(member, *garbage)})
    else:
        features = features_of(member, part)
        shown = run.holdings[seat.index]
        again = decide_at(
            member,
            part,
            features,
            frame,
            budget=float(run.plan.budget[0, row, seat.index]),
            held=shown[row] if shown is not None else {},
        )
        changed = _changed_by_garbage(member, part, features, features_of(member, garbage[0]))
    expected = run.weights[row, seat.index, seat.columns]
    return changed + [
        Difference(
            strategy=member.strategy.name,
            time_ns=int(run.times[row]),
            what=symbol,
            expected=float(before),
            found=float(after),
        )
        for symbol, before, after in zip(member.symbols, expected, again, strict=True)
        if before != after
    ]


def _changed_by_garbage(
    member: Member, part: Panel, cut: Mapping[str, FloatArray], poisoned: Mapping[str, FloatArray]
) -> list[Difference]:
    """First row and symbol of each array that garbage after the window has changed."""
    found = []
    for name, values in cut.items():
        other = poisoned[name][: len(part)]
        differs = ~((values == other) | (np.isnan(values) & np.isnan(other)))
        if differs.any():
            first = tuple(int(place[0]) for place in np.nonzero(differs))
            found.append(
                Difference(
                    strategy=member.strategy.name,
                    time_ns=int(part.times[first[0]]),
                    what=f"{name} of {member.symbols[first[1]]}" if len(first) > 1 else name,
                    expected=float(values[first]),
                    found=float(other[first]),
                    garbage=True,
                )
            )
    return found


def _failed(member: Member, time_ns: int, error: StrategyError) -> Difference:
    """A decision that could be taken with all data, and not on its look-back alone."""
    return Difference(
        strategy=member.strategy.name, time_ns=time_ns, what=f"decision ({error})", expected=math.nan, found=math.nan
    )


def _regime_differences(run: Replay, row: int, frame: RegimeFrame, poisoned: RegimeFrame) -> list[Difference]:
    recorded = run.frame.rows(run.first_row + row, run.first_row + row + 1)
    count, found = len(frame), []
    for name in _FRAME_BITS:
        cut, garbage = getattr(frame, name), getattr(poisoned, name)[:count]
        pairs = (
            (getattr(recorded, name), cut[-1:], run.times[row : row + 1], False),
            (cut, garbage, frame.times, True),
        )
        for before, after, times, poison in pairs:
            differs = before != after
            if before.dtype.kind == "f":
                differs &= ~(np.isnan(before) & np.isnan(after))
            if differs.any():
                at, axis = (int(place[0]) for place in np.nonzero(differs))
                found.append(
                    Difference(
                        strategy="regime",
                        time_ns=int(times[at]),
                        what=f"{AXES[axis]} {name}",
                        expected=float(before[at, axis]),
                        found=float(after[at, axis]),
                        garbage=poison,
                    )
                )
    return found


def _cut(inputs: RegimeInputs, times: IntArray, thresholds: Thresholds) -> RegimeInputs:
    """Inputs known at the window's end, back to the look-back before its start."""
    cut: dict[str, object] = {}
    for item in fields(RegimeInputs):
        series = getattr(inputs, item.name)
        if series is not None:
            stop = int(np.searchsorted(series.known_at, times[-1], side="right"))
            first = int(np.searchsorted(series.known_at, times[0], side="right"))
            series = series.rows(max(0, first - thresholds.lookback), stop)
        cut[item.name] = series
    return RegimeInputs(**cut)  # type: ignore[arg-type]  # each name keeps the type it was read with
