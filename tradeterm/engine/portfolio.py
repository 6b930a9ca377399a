"""Steps 1, 2 and 5 of a decision: contributions, netting, and who holds what after a fill."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tradeterm.engine.book import NO_TRADE, REDUCE_ONLY
from tradeterm.engine.jit import inner, kernel, merged, pasted

if TYPE_CHECKING:
    from tradeterm.core.types import FloatArray, IndexArray
    from tradeterm.engine.book import Market, Plan, State

__all__ = ["contribute", "flag_of", "move_holdings", "net", "override", "settle_dust", "strategy_factor"]

# Holdings below this many lots are rounding, not positions.
_DUST = 1e-9
# And so is what is left of a holding, or of wishes that cancel, below this part of them.
_ROUNDING = 1e-14


@pasted
def override(wish: float, holding: float, flag: int) -> float:
    """Apply a reduce-only or no-trade flag to a wished weight, judged against the weight held."""
    if flag == NO_TRADE:
        return holding
    if flag == REDUCE_ONLY:
        if holding > 0.0:
            return min(max(wish, 0.0), holding)
        return max(min(wish, 0.0), holding)
    return wish


@pasted
def flag_of(market: Market, plan: Plan, row: int, m: int, j: int) -> int:
    """Override in force: what is configured, and no trade where the strategy's newest bar was carried."""
    if market.carried[row, j] and plan.carries[m]:
        return NO_TRADE
    return int(plan.flags[m, j])


@kernel
def strategy_factor(active: IndexArray, count: int, contribution: FloatArray, cap: float, m: int) -> float:
    """Factor that brings a strategy's contributions into its own cap."""
    total = 0.0
    for i in range(count):
        total += abs(contribution[m, active[i]])
    return float(cap / total) if total > cap else 1.0


@merged
def contribute(
    market: Market,
    plan: Plan,
    row: int,
    active: IndexArray,
    count: int,
    worth: FloatArray,
    held: FloatArray,
    out: FloatArray,
) -> None:
    """Step 1: strategy weight x budget x multiplier, then flags, then the strategy's own cap.

    active, count : the instruments that are looked at
    worth : (N,) weight of one lot, fractions of NAV; held : (M, N) lots; out : (M, N) fractions of NAV
    """
    for m in range(out.shape[0]):
        budget = plan.budget[row, m]
        for i in range(count):
            j = active[i]
            wish = plan.weights[row, m, j] * budget * plan.multiplier[m, j]
            flag = flag_of(market, plan, row, m, j)
            if flag != 0:
                wish = override(wish, held[m, j] * worth[j] if held[m, j] != 0.0 else 0.0, flag)
            out[m, j] = wish
        if math.isfinite(plan.cap[m]):
            factor = strategy_factor(active, count, out, plan.cap[m], m)
            if factor < 1.0:
                for i in range(count):
                    out[m, active[i]] *= factor


@pasted
def net(active: IndexArray, count: int, contribution: FloatArray, out: FloatArray) -> None:
    """Step 2: sum over strategies, so that opposite wishes cancel. contribution (M, N), out (N,).

    What rounding leaves of wishes that cancel is nothing: its side would depend on the order of the strategies, and the
    net cap takes from one side alone.
    """
    for i in range(count):
        j = active[i]
        total, size = 0.0, 0.0
        for m in range(contribution.shape[0]):
            total += contribution[m, j]
            size += abs(contribution[m, j])
        # What is not a number, or not finite, is no rounding: sizing refuses it.
        out[j] = 0.0 if abs(total) <= _ROUNDING * size < math.inf else total


@inner
def _side(wish: float) -> int:
    return 1 if wish > 0.0 else -1


@merged
def move_holdings(
    state: State,
    j: int,
    wanted: FloatArray,
    fill: float,
    price: float,
    unit: float,
    cost: float,
    at: int,
    factor: float = 1.0,
) -> None:
    """Step 5 at the fill bar: each strategy moves towards what it wants of instrument ``j``.

    With d = wanted - held, the smaller side of the d's is filled whole by crossing at ``price``, free of cost; the
    larger side shares crossing and market fill pro rata and bears ``cost``. The moves sum to ``fill``.

    wanted : (M,) lots; fill : lots bought (+) or sold (-) in the market
    factor : price x factor is the entry price, in the panel's scale
    """
    strategies = wanted.shape[0]
    if strategies == 1:
        # What one strategy holds is the position: nobody to cross with.
        if fill != 0.0:
            _move(state, 0, j, fill, price, unit, cost, at, factor)
        return
    buys = 0.0
    sells = 0.0
    for m in range(strategies):
        d = wanted[m] - state.held[m, j]
        if d > 0.0:
            buys += d
        else:
            sells -= d
    direction = 1 if buys >= sells else -1
    larger = max(buys, sells)
    smaller = min(buys, sells)
    large_fill = smaller + direction * fill
    small_fill = smaller
    if large_fill < 0.0:
        small_fill = -direction * fill
        large_fill = 0.0
    if larger == 0.0 or (large_fill == 0.0 and smaller == 0.0):
        _share_by_holding(state, j, fill, price, unit, cost, at, factor)
        return
    bearer = direction if large_fill > 0.0 else -direction
    for m in range(strategies):
        d = wanted[m] - state.held[m, j]
        if d == 0.0:
            continue
        side = _side(d)
        part = abs(d) / (larger if side == direction else smaller)
        moved = side * part * (large_fill if side == direction else small_fill)
        _move(state, m, j, moved, price, unit, part * cost if side == bearer else 0.0, at, factor)


@inner
def _share_by_holding(
    state: State, j: int, fill: float, price: float, unit: float, cost: float, at: int, factor: float
) -> None:
    """Nobody asked for this fill (rounding, or a venue's own doing): share it by what each holds."""
    if fill == 0.0:
        return
    total = 0.0
    for m in range(state.held.shape[0]):
        total += abs(state.held[m, j])
    for m in range(state.held.shape[0]):
        part = abs(state.held[m, j]) / total if total > 0.0 else 1.0 / state.held.shape[0]
        if part > 0.0:
            _move(state, m, j, part * fill, price, unit, part * cost, at, factor)


@pasted
def settle_dust(state: State, m: int, j: int) -> bool:
    """Forget a holding that is rounding; returns whether the strategy is flat."""
    if abs(state.held[m, j]) >= _DUST:
        return False
    state.held[m, j] = 0.0
    state.entry_price[m, j] = math.nan
    state.entry_at[m, j] = -1
    return True


@merged
def _move(
    state: State,
    m: int,
    j: int,
    moved: float,
    price: float,
    unit: float,
    cost: float,
    at: int,
    factor: float,
) -> None:
    before = state.held[m, j]
    after = before + moved
    if abs(after) < _ROUNDING * abs(before):
        after = 0.0
    state.held[m, j] = after
    state.strategy_cash[m] -= moved * unit * price + cost
    if settle_dust(state, m, j):
        return
    entry, old = price * factor, state.entry_price[m, j]
    # By choice of numbers, not of ways: whether a holding grows can't be foretold.
    fresh = (before == 0.0) | ((before > 0.0) != (after > 0.0))
    paid = old * abs(before) + entry * (abs(after) - abs(before))
    grown = paid / abs(after) if abs(after) > abs(before) else old
    state.entry_price[m, j] = entry if fresh else grown
    state.entry_at[m, j] = at if fresh else state.entry_at[m, j]
