"""The certificate: decide again with the future cut off and the distant past gone; the bits must be the same.

At a sampled time t every strategy decides again on the window [t - L, t] of the panel and of the regime's inputs,
given the book that was recorded. A weight or regime that differs has read something it did not declare: a later
bar, or one before its look-back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import StrategyError
from tradeterm.core.time import iso
from tradeterm.engine.inputs import RegimeInputs
from tradeterm.engine.regime import AXES, classify
from tradeterm.engine.replay import decide_at, features_of, vector_weights
from tradeterm.engine.strategy import VectorStrategy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.engine.panel import Panel
    from tradeterm.engine.regime import RegimeFrame
    from tradeterm.engine.replay import Member, Replay

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
    """One decision that came out otherwise; ``what`` is a symbol or a regime axis."""

    strategy: str
    time_ns: int
    what: str
    expected: float
    found: float

    def __str__(self) -> str:
        return (
            f"{self.strategy} at {iso(self.time_ns)}: {self.what} was {self.expected!r} with all data "
            f"and {self.found!r} with only its look-back up to then"
        )


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
        f"{len(picked)} of {rows} decisions: the last {len(newest)}, {len(changed)} where holdings, regime or ladder "
        f"changed, {len(drawn)} drawn by the run's seed"
    )
    return picked, words


def _changed_rows(run: Replay) -> IntArray:
    """Rows at which holdings, regime or ladder differ from the row before."""
    held = run.record.held[0] != 0.0
    moved = (held[1:] != held[:-1]).any(axis=(1, 2))
    state = run.frame.state[run.first_row :]
    turned = (state[1:] != state[:-1]).any(axis=1)
    ladder = run.record.ladder[0]
    stepped = ladder[1:] != ladder[:-1]
    rows: IntArray = np.flatnonzero(moved | turned | stepped) + 1
    return rows


def certify(
    run: Replay,
    inputs: RegimeInputs,
    *,
    sampling: Sampling,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Certificate:
    """Decide again at the sampled rows of ``run`` on windows that end there; compare bit for bit.

    ``inputs`` are those the run was made with. Memory and time grow with the look-back, not with the run's length.
    """
    picked, coverage = sample_rows(run, sampling, seed)
    own = [member.shown(run.panel) for member in run.spec.members]
    differences: list[Difference] = []
    for done, row in enumerate(picked.tolist()):
        if progress is not None:
            progress(done, len(picked))
        differences.extend(_decide_again(run, inputs, own, row))
    return Certificate(checked=len(picked), decisions=len(run.times), coverage=coverage, differences=tuple(differences))


def _decide_again(run: Replay, inputs: RegimeInputs, own: list[Panel], row: int) -> list[Difference]:
    time_ns = int(run.times[row])
    found: list[Difference] = []
    for m, (member, panel) in enumerate(zip(run.spec.members, own, strict=True)):
        part = _window(member, panel, time_ns)
        frame = classify(part.times, _cut(inputs, part, run), run.spec.thresholds)
        columns = [run.panel.column(symbol) for symbol in member.symbols]
        expected = run.weights[row, m, columns]
        found.extend(_regime_differences(run, row, frame, member.strategy.name))
        try:
            weights = _weights_again(run, m, row, part, frame)
        except StrategyError as error:
            found.append(_failed(member, time_ns, error))
            continue
        for symbol, before, after in zip(member.symbols, expected, weights, strict=True):
            if before != after:
                found.append(
                    Difference(
                        strategy=member.strategy.name,
                        time_ns=time_ns,
                        what=symbol,
                        expected=float(before),
                        found=float(after),
                    )
                )
    return found


def _failed(member: Member, time_ns: int, error: StrategyError) -> Difference:
    """A decision that could be taken with all data, and not on its look-back alone."""
    return Difference(
        strategy=member.strategy.name, time_ns=time_ns, what=f"decision ({error})", expected=math.nan, found=math.nan
    )


def _weights_again(run: Replay, m: int, row: int, part: Panel, frame: RegimeFrame) -> FloatArray:
    member = run.spec.members[m]
    if isinstance(member.strategy, VectorStrategy):
        last: FloatArray = vector_weights(member, part, frame)[-1]
        return last
    shown = run.holdings[m]
    return decide_at(
        member,
        part,
        features_of(member, part),
        frame,
        budget=float(run.plan.budget[0, row, m]),
        held=shown[row] if shown is not None else {},
    )


def _regime_differences(run: Replay, row: int, frame: RegimeFrame, strategy: str) -> list[Difference]:
    recorded = run.frame.rows(run.first_row + row, run.first_row + row + 1)
    again = frame.rows(len(frame) - 1, len(frame))
    found = []
    for name in _FRAME_BITS:
        before, after = getattr(recorded, name)[0], getattr(again, name)[0]
        for axis in range(len(AXES)):
            if not np.array_equal(before[axis], after[axis], equal_nan=before.dtype.kind == "f"):
                found.append(
                    Difference(
                        strategy=strategy,
                        time_ns=int(run.times[row]),
                        what=f"regime {AXES[axis]} {name}",
                        expected=float(before[axis]),
                        found=float(after[axis]),
                    )
                )
    return found


def _window(member: Member, panel: Panel, time_ns: int) -> Panel:
    """Rows that hold the declared look-back of every symbol, and not one more than the neediest of them takes."""
    need = member.strategy.lookback
    upto = panel.upto(time_ns)
    rows = len(upto) - _first_row(upto, need.bars)
    if upto.daily is None:
        return panel.window(time_ns, max(rows, len(upto) - _first_row(upto, need.daily)), 0)
    return panel.window(time_ns, rows, len(upto.daily) - _first_row(upto.daily, need.daily))


def _first_row(panel: Panel, bars: int) -> int:
    """First row such that every instrument has its last ``bars`` own bars from there on."""
    first = len(panel) - 1
    for column in range(len(panel.symbols)):
        own = np.flatnonzero(panel.bar_no[:, column] >= 0)
        if len(own):
            first = min(first, int(own[max(0, len(own) - bars)]))
    return max(0, first)


def _cut(inputs: RegimeInputs, part: Panel, run: Replay) -> RegimeInputs:
    """Inputs known at the window's end, back to the look-back before its start."""
    cut: dict[str, object] = {}
    for item in fields(RegimeInputs):
        series = getattr(inputs, item.name)
        if series is not None:
            stop = int(np.searchsorted(series.known_at, part.times[-1], side="right"))
            first = int(np.searchsorted(series.known_at, part.times[0], side="right"))
            series = series.rows(max(0, first - run.spec.thresholds.lookback), stop)
        cut[item.name] = series
    return RegimeInputs(**cut)  # type: ignore[arg-type]  # each name keeps the type it was read with
