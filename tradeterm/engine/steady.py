"""Rows at which the decision before stands, taken by whole blocks.

Where plan and terms are those of the row before, its orders were filled whole and nothing is held that can't trade, a
row is decided anew only if the ladder moves, a cap is reached or a holding drifts out of the no-trade band. All three
are bounds on what is linear in prices, so that a block's lowest and highest prices tell of all its rows at once.
The bounds are drawn a little too tight: a block that may not be calm is tried in smaller parts, and a single row that
may not be is decided in full. What is recorded is the same to the bit; tests compare both ways.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tradeterm.engine.actions import acts
from tradeterm.engine.book import HALTED, NO_FILL, NORMAL
from tradeterm.engine.jit import inner, merged, pasted

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray
    from tradeterm.engine.book import Market, Plan, Record, State, Terms
    from tradeterm.engine.decide import Decision

__all__ = ["LONGEST", "Changes", "Span", "is_steady", "new_changes", "new_span", "stand", "stands", "unchanged_until"]

# Rows of the longest block.
LONGEST = 256
# Rows that are compared without asking of each what came of it.
_AT_ONCE = 64
# Nearer than this to a limit, as a share of it, a row is decided in full.
_NEAR = 1e-6


class Span(NamedTuple):
    """Room for one block.

    worth_low, worth_high : (N,) extremes of what one lot is worth at the marks; sized_low, sized_high : at the prices
        that quantities are sized at
    nav : (2,) extremes of NAV
    """

    worth_low: FloatArray
    worth_high: FloatArray
    sized_low: FloatArray
    sized_high: FloatArray
    nav: FloatArray


class Changes(NamedTuple):
    """Which rows differ from the one before in anything but weights, found by blocks as they are asked for.

    found : (T,); known : (blocks,) whether those of a block have been found
    """

    found: BoolArray
    known: BoolArray


def new_changes(rows: int) -> Changes:
    """Nothing is known yet."""
    blocks = (rows + LONGEST - 1) // LONGEST
    return Changes(found=np.empty(rows, dtype=np.bool_), known=np.zeros(blocks, dtype=np.bool_))


def new_span(instruments: int) -> Span:
    """Room for the blocks of one run at a time."""
    return Span(
        worth_low=np.zeros(instruments),
        worth_high=np.zeros(instruments),
        sized_low=np.zeros(instruments),
        sized_high=np.zeros(instruments),
        nav=np.zeros(2),
    )


@pasted
def is_steady(state: State, decision: Decision, filled: FloatArray) -> bool:
    """Whether nothing is on its way, and nothing is held that can't be traded: its drift takes room from others.

    filled : (N,) lots that the decision's orders brought
    """
    if state.ladder[0] == HALTED or not decision.totals[0] > 0.0:
        return False
    for i in range(decision.number[0]):
        j = decision.active[i]
        # What was held at the decision may be gone since, and its room is free at the next.
        held = state.lots[j] != 0.0 or decision.position[j] != 0.0
        if decision.order[j] != filled[j] or (held and not decision.movable[j]):
            return False
    return True


@merged
def unchanged_until(market: Market, plan: Plan, terms: Terms, changes: Changes, row: int, stop: int) -> int:
    """First row of [row, stop), at most a block, at which a weight or anything else is not as at the row before."""
    if plan.weights.shape[1] * plan.weights.shape[2] > 1:
        stop = _same_weights_until(plan.weights, row, stop)
    else:
        stop = _same_weight_until(plan.weights, row, stop)
    if row == stop:
        return row
    for block in range(row // LONGEST, (stop - 1) // LONGEST + 1):
        if not changes.known[block]:
            changes.known[block] = True
            _find_changes(market, plan, terms, changes.found, block * LONGEST)
    return _not_found_until(changes.found, row, stop)


@inner
def _same_weight_until(weights: FloatArray, row: int, stop: int) -> int:
    before, part = weights[row - 1, 0, 0], weights.reshape(-1)[row:stop]
    for start in range(0, len(part), _AT_ONCE):
        few = part[start : start + _AT_ONCE]
        count = 0
        for k in range(len(few)):
            count += few[k] != before
        if count > 0:
            for k in range(len(few)):
                if few[k] != before:
                    return row + start + k
    return stop


@inner
def _same_weights_until(weights: FloatArray, row: int, stop: int) -> int:
    for k in range(row, stop):
        for m in range(weights.shape[1]):
            for j in range(weights.shape[2]):
                if weights[k, m, j] != weights[k - 1, m, j]:
                    return k
    return stop


@inner
def _not_found_until(found: BoolArray, row: int, stop: int) -> int:
    part = found[row:stop]
    count = 0
    for k in range(len(part)):
        count += part[k]
    if count > 0:
        for k in range(row, stop):
            if found[k]:
                return k
    return stop


@inner
def _find_changes(market: Market, plan: Plan, terms: Terms, found: BoolArray, first: int) -> None:
    """Say of the rows of one block whether anything but the weights differs from the row before."""
    start, end = max(first, 1), min(first + LONGEST, len(market.times))
    found[first] = first == 0
    some = _some_differ(terms.asset_tight, start, end) or _some_differ(terms.gross_cap, start, end)
    some = some or _some_differ(terms.net_cap, start, end) or _some_differ(terms.class_cap, start, end)
    some = some or _some_differ(plan.budget, start, end) or _some_differ(market.tradable, start, end)
    some = some or _some_are(market.carried, start, end) or _some_unknown(market.mark, start, end)
    some = some or acts(market, end - 1)
    for k in range(start, end):
        found[k] = some and (_other_terms(plan, terms, k) or _other_market(market, k))


@inner
def _some_differ(values: Any, start: int, end: int) -> bool:
    """Whether any row of [start, end) is not as the one before; without a branch, several numbers at a time."""
    width = values.size // values.shape[0]
    flat = values.reshape(-1)
    now, before = flat[start * width : end * width], flat[(start - 1) * width : (end - 1) * width]
    count = 0
    for i in range(len(now)):
        count += now[i] != before[i]
    return count > 0


@inner
def _some_are(values: BoolArray, start: int, end: int) -> bool:
    part = values.reshape(-1)[(start - 1) * values.shape[1] : end * values.shape[1]]
    count = 0
    for i in range(len(part)):
        count += part[i]
    return count > 0


@inner
def _some_unknown(values: FloatArray, start: int, end: int) -> bool:
    part = values.reshape(-1)[(start - 1) * values.shape[1] : end * values.shape[1]]
    count = 0
    for i in range(len(part)):
        count += not abs(part[i]) < math.inf
    return count > 0


@inner
def _other_terms(plan: Plan, terms: Terms, row: int) -> bool:
    if terms.asset_tight[row] != terms.asset_tight[row - 1] or terms.gross_cap[row] != terms.gross_cap[row - 1]:
        return True
    moved = bool(terms.net_cap[row] != terms.net_cap[row - 1])
    for c in range(terms.class_cap.shape[1]):
        moved = moved or terms.class_cap[row, c] != terms.class_cap[row - 1, c]
    for m in range(plan.budget.shape[1]):
        moved = moved or plan.budget[row, m] != plan.budget[row - 1, m]
    return moved


@inner
def _other_market(market: Market, row: int) -> bool:
    acted = market.split.shape[0] > 0
    for j in range(market.unit.shape[0]):
        if market.tradable[row, j] != market.tradable[row - 1, j]:
            return True
        if market.carried[row, j] or market.carried[row - 1, j]:
            return True
        if market.gone[j] == row or math.isfinite(market.mark[row, j]) != math.isfinite(market.mark[row - 1, j]):
            return True
        if acted and (market.split[row, j] != 1.0 or market.dividend[row, j] != 0.0):
            return True
    return False


@inner
def _range(values: FloatArray, j: int, row: int, end: int) -> tuple[float, float]:
    """Lowest and highest of a column of finite values in [row, end)."""
    return _widened(values, j, row, end, values[row, j], values[row, j])


@inner
def _widened(values: FloatArray, j: int, row: int, end: int, low: float, high: float) -> tuple[float, float]:
    """Widen two extremes by those of a column in [row, end); what is not a number is neither below nor above."""
    if values.shape[1] == 1:
        return _widen(values.reshape(-1)[row:end], low, high)
    return _widen(values[row:end, j], low, high)


@inner
def _widen(values: FloatArray, low: float, high: float) -> tuple[float, float]:
    # Two chains of comparisons take half the time of one: each waits for the one before it.
    other_low, other_high = low, high
    pairs = len(values) // 2
    for i in range(pairs):
        one, other = values[2 * i], values[2 * i + 1]
        low = one if one < low else low
        high = one if one > high else high
        other_low = other if other < other_low else other_low
        other_high = other if other > other_high else other_high
    if 2 * pairs < len(values):
        last = values[2 * pairs]
        low = last if last < low else low
        high = last if last > high else high
    return min(low, other_low), max(high, other_high)


@merged
def _measure(
    market: Market, state: State, record: Record, row: int, end: int, at_fill: bool, decision: Decision, span: Span
) -> None:
    """Write extremes of prices and NAV over [row, end), and the NAV of each row into the record."""
    held, only = 0, 0
    _set(record.nav, row, end, state.cash[0])
    for i in range(decision.number[0]):
        j = decision.active[i]
        unit = market.unit[j]
        low, high = _range(market.mark, j, row, end)
        span.worth_low[j], span.worth_high[j] = unit * low, unit * high
        if at_fill:
            # No row of a block has a split, so that a fill's price is its bar's open, where there is any.
            low, high = _widened(market.fill_open, j, row, end, low, high)
        span.sized_low[j], span.sized_high[j] = unit * low, unit * high
        if state.lots[j] != 0.0:
            held, only = held + 1, int(np.int64(j))
            _add_value(record.nav, row, end, market.mark, j, state.lots[j], unit)
    if held > 1:
        span.nav[0], span.nav[1] = _widen(record.nav[row:end], record.nav[row], record.nav[row])
    else:
        # Rounding keeps the order: the NAV of the lowest price is the lowest NAV.
        lots, cash = state.lots[only], state.cash[0]
        one = cash + lots * span.worth_low[only] if held else cash
        other = cash + lots * span.worth_high[only] if held else cash
        span.nav[0], span.nav[1] = min(one, other), max(one, other)


@inner
def _set(values: FloatArray, row: int, end: int, value: float) -> None:
    # Counted from zero, here and below: from anywhere else every index could be a negative one.
    part = values[row:end]
    for k in range(len(part)):
        part[k] = value


@inner
def _add_value(values: FloatArray, row: int, end: int, mark: FloatArray, j: int, lots: float, unit: float) -> None:
    if mark.shape[1] == 1:
        part, prices = values[row:end], mark.reshape(-1)[row:end]
        for k in range(len(part)):
            part[k] += lots * (unit * prices[k])
        return
    for k in range(row, end):
        values[k] += lots * (unit * mark[k, j])


@pasted
def _ladder_stays(terms: Terms, state: State, span: Span) -> bool:
    """Whether the ladder stays where it is."""
    low, high = span.nav[0], span.nav[1]
    if not (low > 0.0 and high < math.inf):
        return False
    level = terms.ladder[0] if state.ladder[0] == NORMAL else terms.ladder[1]
    if low < max(state.peak[0], high) * (1.0 - level * (1.0 - _NEAR) + _NEAR):
        return False
    return bool(state.ladder[0] == NORMAL or high <= state.peak[0] * (1.0 - terms.ladder[2] * (1.0 + _NEAR) - _NEAR))


@merged
def _within_caps(market: Market, terms: Terms, state: State, row: int, decision: Decision, span: Span) -> bool:
    """Whether what is held is clear of every cap: a breach is reduced, however small."""
    most = span.nav[0] * (1.0 - _NEAR)
    tight = terms.asset_tight[row]
    gross, low, high = 0.0, 0.0, 0.0
    for i in range(decision.number[0]):
        j = decision.active[i]
        lots = state.lots[j]
        if lots != 0.0:
            value = abs(lots) * span.worth_high[j]
            if value > min(terms.asset_cap[j], tight) * most:
                return False
            gross += value
            one, other = lots * span.worth_low[j], lots * span.worth_high[j]
            low += min(one, other)
            high += max(one, other)
    if not gross <= terms.gross_cap[row] * most or max(abs(low), abs(high)) > terms.net_cap[row] * most:
        return False
    for c in range(terms.class_cap.shape[1]):
        if math.isfinite(terms.class_cap[row, c]):
            held = 0.0
            for i in range(decision.number[0]):
                j = decision.active[i]
                if state.lots[j] != 0.0 and market.asset_class[j] == c:
                    held += abs(state.lots[j]) * span.worth_high[j]
            if held > terms.class_cap[row, c] * most:
                return False
    return True


@inner
def _low(factor: float, low: float, high: float) -> float:
    return min(factor * low, factor * high)


@inner
def _high(factor: float, low: float, high: float) -> float:
    return max(factor * low, factor * high)


@merged
def _within_band(market: Market, terms: Terms, state: State, decision: Decision, span: Span) -> bool:
    """Whether every holding stays so near to its wish that no order and no crossing comes of it.

    Money wished for less money held is linear in the sizing prices: ``w (cash + others) + (w - 1) own``.
    """
    cash, low, high = state.cash[0], 0.0, 0.0
    for i in range(decision.number[0]):
        j = decision.active[i]
        if state.lots[j] != 0.0:
            low += _low(state.lots[j], span.sized_low[j], span.sized_high[j])
            high += _high(state.lots[j], span.sized_low[j], span.sized_high[j])
    band = terms.band[0] * (1.0 - _NEAR) * span.nav[0]
    for i in range(decision.number[0]):
        j = decision.active[i]
        lots, wish = state.lots[j], decision.desired[j] * decision.scale[j]
        sized_low, sized_high = span.sized_low[j], span.sized_high[j]
        # An instrument's own part moves with it, and is told apart from the others'.
        base_low = cash + low - _low(lots, sized_low, sized_high)
        base_high = cash + high - _high(lots, sized_low, sized_high)
        if state.held.shape[0] > 1 and _would_cross(
            state, decision, j, base_low, base_high, sized_low, sized_high, market.rounds[j]
        ):
            return False
        if wish == 0.0:
            if lots != 0.0:
                return False
            continue
        own = wish * lots - lots
        off_low = _low(wish, base_low, base_high) + _low(own, sized_low, sized_high)
        off_high = _high(wish, base_low, base_high) + _high(own, sized_low, sized_high)
        off = max(abs(off_low), abs(off_high))
        if market.rounds[j]:
            # A wish for less than a lot is for none, and the band holds no exit back.
            if lots != 0.0 and not abs(lots) * sized_low - off > sized_low * (1.0 + _NEAR):
                return False
            off += sized_high
        # Written so that what is not a number is not within.
        if not off * span.worth_high[j] < band * sized_low:
            return False
    return True


@inner
def _would_cross(
    state: State,
    decision: Decision,
    j: int,
    base_low: float,
    base_high: float,
    sized_low: float,
    sized_high: float,
    rounds: bool,
) -> bool:
    """Whether strategies might cross what drift has moved apart."""
    # Rounding to lots moves what is wanted by less than a lot.
    near = _NEAR * sized_high + (sized_high if rounds else 0.0)
    buys, sells = False, False
    for m in range(state.held.shape[0]):
        wish = decision.contribution[m, j] * decision.scale[j]
        if wish != 0.0 or state.held[m, j] != 0.0:
            own = wish * state.lots[j] - state.held[m, j]
            low = _low(wish, base_low, base_high) + _low(own, sized_low, sized_high)
            high = _high(wish, base_low, base_high) + _high(own, sized_low, sized_high)
            # Also true of what is not a number.
            buys = buys or not high <= -near
            sells = sells or not low >= near
    return buys and sells


@merged
def stands(
    market: Market, terms: Terms, state: State, record: Record, row: int, end: int, decision: Decision, span: Span
) -> bool:
    """Whether the decision before stands at every row of [row, end); the record's NAV of these rows is written."""
    _measure(market, state, record, row, end, terms.at_fill[0], decision, span)
    if not _ladder_stays(terms, state, span):
        return False
    return _within_caps(market, terms, state, row, decision, span) and _within_band(
        market, terms, state, decision, span
    )


@merged
def stand(market: Market, state: State, record: Record, row: int, end: int, decision: Decision, span: Span) -> None:
    """Let the decision before be that of every row of [row, end), and record it."""
    if record.filled.shape[0] > 0:
        _record_book(market, state, record, row, end, decision)
        _record_holdings(market, state, record, row, end, decision)
        decision.totals[1] = record.gross[end - 1]
        decision.totals[2] = record.drawdown[end - 1]
    decision.totals[0] = record.nav[end - 1]
    state.peak[0] = max(state.peak[0], span.nav[1])


@merged
def _record_book(market: Market, state: State, record: Record, row: int, end: int, decision: Decision) -> None:
    _set(record.cash, row, end, state.cash[0])
    _set(record.interest, row, end, state.interest[0])
    _set(record.gross, row, end, 0.0)
    record.ladder[row:end] = state.ladder[0]
    for i in range(decision.number[0]):
        j = decision.active[i]
        if state.lots[j] != 0.0:
            _add_size(record.gross, row, end, market.mark, j, state.lots[j], market.unit[j])
    _relate(record.nav, record.gross, record.drawdown, row, end, state.peak[0])


@inner
def _add_size(values: FloatArray, row: int, end: int, mark: FloatArray, j: int, lots: float, unit: float) -> None:
    if mark.shape[1] == 1:
        part, prices = values[row:end], mark.reshape(-1)[row:end]
        for k in range(len(part)):
            part[k] += abs(lots * (unit * prices[k]))
        return
    for k in range(row, end):
        values[k] += abs(lots * (unit * mark[k, j]))


@inner
def _relate(nav: FloatArray, gross: FloatArray, drawdown: FloatArray, row: int, end: int, peak: float) -> None:
    """Turn gross values into fractions of NAV, and write the drawdowns from a peak that goes on."""
    # One loop for each: only the peak waits for the row before.
    navs, sizes, falls = nav[row:end], gross[row:end], drawdown[row:end]
    for k in range(len(navs)):
        peak = max(peak, navs[k])
        falls[k] = peak
    for k in range(len(navs)):
        falls[k] = 1.0 - navs[k] / falls[k]
    for k in range(len(navs)):
        sizes[k] /= navs[k]


@merged
def _record_holdings(market: Market, state: State, record: Record, row: int, end: int, decision: Decision) -> None:
    _set_rows(record.position, row, end, state.lots)
    _set_rows(record.scale, row, end, decision.scale)
    _set_rows(record.target, row, end, state.lots)
    _set_rows(record.held, row, end, state.held.reshape(-1))
    _set_rows(record.contribution, row, end, decision.contribution.reshape(-1))
    _set_rows(record.pnl, row, end, state.strategy_cash)
    record.filled[row:end] = 0.0
    for m in range(decision.wanted.shape[0]):
        for i in range(decision.number[0]):
            j = decision.active[i]
            held = state.held[m, j]
            if held != 0.0:
                _add_pnl(record.pnl, row, end, m, market.mark, j, held * market.unit[j])
    if record.how.shape[0] > 0:
        record.price[row:end] = math.nan
        record.how[row:end] = NO_FILL


@inner
def _set_rows(into: Any, row: int, end: int, values: FloatArray) -> None:
    """Let every row of [row, end) be the same."""
    width = len(values)
    part = into.reshape(-1)[row * width : end * width]
    if width == 1:
        _set(part, 0, end - row, values[0])
        return
    for start in range(0, len(part), width):
        one = part[start : start + width]
        for i in range(len(one)):
            one[i] = values[i]


@inner
def _add_pnl(values: FloatArray, row: int, end: int, m: int, mark: FloatArray, j: int, units: float) -> None:
    if values.shape[1] == 1 and mark.shape[1] == 1:
        part, prices = values.reshape(-1)[row:end], mark.reshape(-1)[row:end]
        for k in range(len(part)):
            part[k] += units * prices[k]
        return
    for k in range(row, end):
        values[k, m] += units * mark[k, j]
