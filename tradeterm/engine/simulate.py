"""The compiled simulation: decide at every row, fill what opens before the next one, record both.

Rows at which nothing can change are not decided anew (:mod:`tradeterm.engine.steady`).
"""

from __future__ import annotations

import math
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tradeterm.core.errors import BadMarket
from tradeterm.core.time import DAY_NS
from tradeterm.engine.book import NO_FILL, plan_of, record_of, state_of, terms_of
from tradeterm.engine.decide import decide_row, new_decision
from tradeterm.engine.fills import fill_row, new_bench
from tradeterm.engine.jit import inner, kernel, maker, merged, pasted
from tradeterm.engine.steady import LONGEST, is_steady, new_changes, new_span, stand, stands, unchanged_until

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from tradeterm.core.types import BoolArray, FloatArray
    from tradeterm.engine.book import Market, Plan, Record, State, Terms
    from tradeterm.engine.decide import Decision
    from tradeterm.engine.fills import Bench
    from tradeterm.engine.steady import Changes, Span

__all__ = ["Room", "accrue", "advance", "advance_rows", "new_room"]

_YEAR_NS = 365.0 * DAY_NS
# Runs that are few.
_FEW = 4
# Rows of the first block that is tried after a decision.
_AFRESH = 16


class Room(NamedTuple):
    """What one run at a time works in; ``filled`` : (N,) for where no fills are recorded."""

    changes: Changes
    decision: Decision
    bench: Bench
    span: Span
    filled: FloatArray


def new_room(market: Market, terms: Terms, strategies: int) -> Room:
    """Room for runs of so many strategies over a market."""
    instruments, classes = market.mark.shape[1], terms.class_cap.shape[2]
    return Room(
        changes=new_changes(len(market.times)),
        decision=new_decision(strategies, instruments, classes),
        bench=new_bench(instruments, classes),
        span=new_span(instruments),
        filled=np.zeros(instruments),
    )


@kernel
def accrue(market: Market, terms: Terms, state: State, row: int) -> None:
    """Let cash earn and cost interest since the row before, and what is held short its borrowing.

    Interest is the book's own; borrowing is borne by the strategies that are short, pro rata.
    """
    now, since = market.times[row], state.accrued_at[0]
    state.accrued_at[0] = now
    if since < 0 or now <= since:
        return
    years = (now - since) / _YEAR_NS
    rate = terms.interest[0] if state.cash[0] > 0.0 else terms.interest[1]
    if rate != 0.0:
        earned = state.cash[0] * rate * years
        state.cash[0] += earned
        state.interest[0] += earned
    for j in range(state.lots.shape[0]):
        if terms.borrow[j] != 0.0 and state.lots[j] < 0.0:
            _borrow(market, terms, state, row, j, years)


@inner
def _borrow(market: Market, terms: Terms, state: State, row: int, j: int, years: float) -> None:
    worth = market.unit[j] * market.mark[row, j]
    if not math.isfinite(worth):
        return
    paid = -state.lots[j] * worth * terms.borrow[j] * years
    state.cash[0] -= paid
    short = 0.0
    for m in range(state.held.shape[0]):
        short += max(0.0, -state.held[m, j])
    for m in range(state.held.shape[0]):
        if state.held[m, j] < 0.0:
            state.strategy_cash[m] -= paid * (-state.held[m, j] / short)


@merged
def _note(market: Market, state: State, record: Record, row: int, decision: Decision) -> None:
    """Record what the decision found and decided."""
    record.nav[row] = decision.totals[0]
    if record.cash.shape[0] == 0:
        return
    record.cash[row] = state.cash[0]
    record.gross[row] = decision.totals[1]
    record.drawdown[row] = decision.totals[2]
    record.interest[row] = state.interest[0]
    record.ladder[row] = state.ladder[0]
    _copy(state.lots, record.position[row])
    _copy(decision.scale, record.scale[row])
    _add(state.lots, decision.order, record.target[row])
    for m in range(decision.wanted.shape[0]):
        _copy(state.held[m], record.held[row, m])
        _copy(decision.contribution[m], record.contribution[row, m])
        pnl = state.strategy_cash[m]
        for i in range(decision.number[0]):
            j = decision.active[i]
            held = state.held[m, j]
            if held != 0.0:
                pnl += held * market.unit[j] * market.mark[row, j]
        record.pnl[row, m] = pnl


@inner
def _copy(values: FloatArray, into: FloatArray) -> None:
    # One loop for each array, so that the machine takes several numbers at a time.
    for j in range(len(into)):
        into[j] = values[j]


@inner
def _add(values: FloatArray, others: FloatArray, into: FloatArray) -> None:
    for j in range(len(into)):
        into[j] = values[j] + others[j]


@pasted
def _note_fills(record: Record, row: int, bench: Bench, moved: bool) -> None:
    """Record prices and kinds of fills, where orders may be limits."""
    if record.price.shape[0] == 0:
        return
    for j in range(record.price.shape[1]):
        filled = moved and record.filled[row, j] != 0.0
        record.price[row, j] = bench.price[j] if filled else math.nan
        record.how[row, j] = bench.how[j] if filled else NO_FILL


@inner
def _advance_run(
    market: Market,
    plan: Plan,
    terms: Terms,
    state: State,
    record: Record,
    start: int,
    stop: int,
    changes: Changes,
    decision: Decision,
    bench: Bench,
    span: Span,
    filled: FloatArray,
) -> int:
    """Decide and fill rows [start, stop) of one run; returns 0 or the error code of the row that failed."""
    costs = terms.interest[0] != 0.0 or terms.interest[1] != 0.0 or terms.borrow.any()
    # Without a band whatever drifts is traded.
    free, steady = terms.band[0] > 0.0 and not plan.flags.any(), False
    # Cash that earns differs from row to row.
    longest = 1 if costs else LONGEST
    row, size = start, longest
    while row < stop:
        if costs:
            accrue(market, terms, state, row)
        if steady:
            end = unchanged_until(market, plan, terms, changes, row, min(row + size, stop))
            if end > row:
                if stands(market, terms, state, record, row, end, decision, span):
                    stand(market, state, record, row, end, decision, span)
                    row, size = end, min(2 * size, longest)
                    continue
                if size > 1:
                    size = max(1, size // 4)
                    continue
        error = decide_row(market, plan, terms, state, row, decision)
        if error != 0:
            return error
        _note(market, state, record, row, decision)
        fills = record.filled[row] if record.filled.shape[0] > 0 else filled
        moved = fill_row(market, terms, state, row, decision, bench, fills)
        _note_fills(record, row, bench, moved)
        # Where not even one row stood, drift is traded again and again: then no more is tried until none was.
        steady = free and (size > 1 or not moved) and is_steady(state, decision, fills)
        if not moved:
            size = max(size, min(_AFRESH, longest))
        row += 1
    if stop > start:
        state.accrued_at[0] = market.times[stop - 1]
    return 0


@maker
def _advance_runs(
    market: Market,
    plan: Plan,
    terms: Terms,
    state: State,
    record: Record,
    start: int,
    stop: int,
    shared: bool,
    changes: Changes,
    decision: Decision,
    bench: Bench,
    span: Span,
    filled: FloatArray,
) -> int:
    """Decide and fill rows [start, stop) of every run; returns 0 or the error code of the row that failed."""
    for run in range(state.cash.shape[0]):
        mine, bounds = plan_of(plan, run), terms_of(terms, run)
        if not shared:
            changes.known[:] = False
        book, into = state_of(state, run), record_of(record, run)
        error = _advance_run(market, mine, bounds, book, into, start, stop, changes, decision, bench, span, filled)
        if error != 0:
            return error
    return 0


@maker
def _advancing(
    market: Market,
    plan: Plan,
    terms: Terms,
    state: State,
    record: Record,
    start: int,
    stop: int,
    step: int,
    going: BoolArray,
    changes: Changes,
    decision: Decision,
    bench: Bench,
    span: Span,
    filled: FloatArray,
) -> Iterator[int]:
    """Decide and fill rows [start, stop) of one run, ``step`` at a time; yields 0 or the error code of each part.

    The arrays are taken out of their tuples once: to do so at each row takes longer than to decide.
    going : (1,) whether to go on
    """
    for row in range(start, stop, step):
        if going[0]:
            end = min(row + step, stop)
            yield _advance_run(market, plan, terms, state, record, row, end, changes, decision, bench, span, filled)


def advance(
    market: Market,
    plan: Plan,
    terms: Terms,
    state: State,
    record: Record,
    start: int,
    stop: int,
    room: Room | None = None,
) -> None:
    """Decide and fill rows [start, stop) of every run, in place.

    room : that of earlier runs with this market, these budgets and caps: what was found out about the rows stays known

    Raises
    ------
    BadMarket
        When a target quantity is not finite or not exact in float64 (above 2**53 lots).
    """
    room = room if room is not None else new_room(market, terms, state.held.shape[1])
    runs = len(state.cash)
    caps = (terms.asset_tight, terms.class_cap, terms.gross_cap, terms.net_cap)
    shared = all(len(values) == 1 for values in (plan.budget, *caps))
    if runs > _FEW:
        _refuse(_advance_runs(market, plan, terms, state, record, start, stop, shared, *room), start, stop)
        return
    # For few runs the kernel is that of `advance_rows`: one less to compile and to load.
    for run in range(runs):
        if not shared:
            room.changes.known[:] = False
        own = [_of(part, run) for part in (plan, terms, state, record)]
        with closing(_parts(market, own, start, stop, max(1, stop - start), room)) as parts:
            for error in parts:
                _refuse(error, start, stop)


def advance_rows(market: Market, plan: Plan, terms: Terms, state: State, record: Record) -> Iterator[int]:
    """Decide and fill one row of one run at each step, by the plan's row as it is then; yields the row.

    Raises
    ------
    BadMarket
        When a target quantity is not finite or not exact in float64 (above 2**53 lots).
    """
    room = new_room(market, terms, state.held.shape[1])
    own = [_of(part, 0) for part in (plan, terms, state, record)]
    with closing(_parts(market, own, 0, len(market.times), 1, room)) as parts:
        for row, error in enumerate(parts):
            _refuse(error, row, row + 1)
            yield row


def _parts(
    market: Market, own: Sequence[Any], start: int, stop: int, step: int, room: Room
) -> Generator[int, None, None]:
    going = np.ones(1, dtype=np.bool_)
    given: tuple[Any, ...] = (market, *own, start, stop, step, going, *room)
    advancing = _advancing(*given)
    try:
        yield from advancing
    finally:
        # A compiled generator keeps what it was given for good unless it comes to its end.
        going[0] = False
        for _ in advancing:
            pass


def _of(part: Any, run: int) -> Any:
    """Views of a run's arrays, as the kernels make them of many; what is one number of it stays an array of one."""
    places = [run if len(values) > 1 else 0 for values in part]
    return type(part)(*(v[at] if v.ndim > 1 else v[at : at + 1] for v, at in zip(part, places, strict=True)))


def _refuse(error: int, start: int, stop: int) -> None:
    if error:
        found = "its target quantity was not finite or above 2**53 lots"
        raise BadMarket(f"instrument {error - 1}", f"a decision in rows {start} to {stop}", found)
