"""Why a decision came out as it did: what was asked for, each limit as the wish met it, and what size passes.

One function explains a decision that was just taken and one that a run has stored. It is plain arithmetic, a second way
to the numbers of the kernel: tests hold it against the kernel, and a face can ask without the compiler.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradeterm.core.types import BoolArray, FloatArray, IntArray, StateArray

__all__ = [
    "CARRIED",
    "FLAGS",
    "Asked",
    "AxisState",
    "Cut",
    "Decided",
    "Exposure",
    "Met",
    "Rule",
    "Why",
    "contributions",
    "cuts",
    "explain",
    "exposures",
    "scales",
]

CARRIED = 3
FLAGS = ("", "reduce only", "no trade", "no trade: its newest bar only repeats the last close")
# Nearer than this, as a share of a limit, nothing is cut.
_TOLERANCE = 1e-9
_ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisState:
    """One axis of the regime: shown state, last known one, fresh, late or unknown, and what was compared."""

    axis: str
    state: str
    last: str | None
    status: str
    reading: float
    reference: float

    def is_in(self, state: str) -> bool:
        """Whether the rules of a state are in force: an unknown axis is in its last and in its neutral one."""
        return state in (self.state, self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What holds while an axis is in a state: factors of budgets by strategy, ``*`` for others; caps by limit."""

    axis: str
    state: str
    multipliers: Mapping[str, float] = field(default_factory=dict)
    caps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One decision and all that it was made of; M strategies, N instruments, C classes; weights are fractions of NAV.

    weights : (M, N) of the strategies' own budgets; budget, base : (M,) under the regime, and without it
    multiplier, flags : (M, N) overrides; a flag is a place in :data:`FLAGS`
    contribution, held : (M, N) asked before risk, and held; own_cap : (M,) of what a strategy asks for
    position : (N,) weight held; movable : (N,) whether it can trade before the next decision; asset_class : (N,)
    asset_cap : (N,), class_cap : (C,), gross_cap, net_cap : limits in force, infinite where there is none
    nav, drawdown : NaN where unknown; ladder, ladder_factor : its state, and what it leaves of the capped book
    mark : (N,) last close; unit : (N,) units per lot; lots, aim, order : (N,) held, wanted in whole lots, ordered
    limit : (N,) price of a limit order, NaN for market orders
    band : smallest order, fraction of NAV; least : (N,) the same in money
    """

    time_ns: int
    strategies: tuple[str, ...]
    symbols: tuple[str, ...]
    classes: tuple[str, ...]
    weights: FloatArray
    budget: FloatArray
    base: FloatArray
    multiplier: FloatArray
    flags: StateArray
    contribution: FloatArray
    held: FloatArray
    own_cap: FloatArray
    position: FloatArray
    movable: BoolArray
    asset_class: IntArray
    asset_cap: FloatArray
    class_cap: FloatArray
    gross_cap: float
    net_cap: float
    nav: float
    drawdown: float
    ladder: str
    ladder_factor: float
    mark: FloatArray
    unit: FloatArray
    lots: FloatArray
    aim: FloatArray
    order: FloatArray
    limit: FloatArray
    band: float
    least: FloatArray
    rules: tuple[Rule, ...] = ()
    regime: tuple[AxisState, ...] = ()

    @property
    def desired(self) -> FloatArray:
        """(N,) net weights before risk."""
        net = np.zeros(len(self.symbols))
        for row in self.contribution:
            net = net + row
        return net


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A limit that made a wish smaller; all fractions of NAV.

    limit : ``asset``, ``class crypto``, ``gross``, ``ladder DERISKED`` …; symbol : the instrument, None for a sum
    wanted : what was asked of it; cap : the limit; headroom : what it left; passes : the size that passed
    """

    limit: str
    symbol: str | None
    wanted: float
    cap: float
    headroom: float
    passes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How much of a limit is used now, fractions of NAV."""

    name: str
    now: float
    cap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one strategy asked of one instrument; sizes are fractions of NAV.

    weight : of its own budget; budget, base : under the regime and without it; because : the rules that tell them apart
    multiplier, flag : what a person has set; wish : weight x budget x multiplier
    before, after : its part before risk and after it; held : what it holds
    """

    strategy: str
    weight: float
    budget: float
    base: float
    because: tuple[str, ...]
    multiplier: float
    flag: str
    wish: float
    before: float
    after: float
    held: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """One limit as one instrument met it; sizes are fractions of NAV, without sign.

    cap : its value; because : the regime rules that tightened it
    wanted : what was asked of it in all; taken : what can't trade now takes of it; headroom : what that leaves
    before, after : size of this instrument before and after it; factor : one over the other
    passes : largest size of this instrument that it would leave whole, if nothing else changed; None where it isn't
        judged: it can't trade now
    """

    limit: str
    cap: float
    because: tuple[str, ...]
    wanted: float
    taken: float
    headroom: float
    before: float
    after: float
    factor: float
    passes: float | None

    @property
    def cut(self) -> bool:
        """Whether it made the wish smaller."""
        return self.factor < 1.0 - _TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """One instrument at one decision, in the order of the steps; weights are fractions of NAV.

    desired : net before risk; met : every limit there is; scale : the factors of the net wish's limits multiplied
    target, position, delta : wanted, held, and their difference
    passes : largest net size that no limit would cut, if nothing else changed; None where it can't trade now
    quantity, aim, order : units held, wanted and ordered; limit : price of a limit order
    kept : why an order was held back or not needed, else empty
    idle : whether nobody asked for it and nothing is held: then no limit met it and no price is told
    """

    time_ns: int
    symbol: str
    nav: float
    drawdown: float
    ladder: str
    asked: tuple[Asked, ...]
    desired: float
    met: tuple[Met, ...]
    scale: float
    target: float
    position: float
    delta: float
    passes: float | None
    movable: bool
    mark: float
    quantity: float
    aim: float
    order: float
    limit: float
    kept: str
    idle: bool
    regime: tuple[AxisState, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stages:
    """Sizes and factors from step to step.

    own : (M,) factors of the strategies' caps; asset : (N,); by_class : (C,); gross, net : of all, of the longer side
    longer : (N,) who is on it; wanted, capped, classed, summed, netted : (N,) sizes before and after the steps
    """

    own: FloatArray
    asset: FloatArray
    by_class: FloatArray
    gross: float
    net: float
    longer: BoolArray
    wanted: FloatArray
    capped: FloatArray
    classed: FloatArray
    summed: FloatArray
    netted: FloatArray


def _room(decided: Decided, cap: float, members: BoolArray) -> tuple[float, float]:
    """What of a cap is taken by what can't trade, and what that leaves."""
    taken = float(np.abs(decided.position[members & ~decided.movable]).sum())
    return taken, max(0.0, cap - taken)


def _factor(wanted: float, room: float) -> float:
    return room / wanted if wanted > room else 1.0


def _asked(decided: Decided) -> FloatArray:
    """(M, N) wishes after overrides, before the strategies' own caps."""
    wish = decided.weights * decided.budget[:, None] * decided.multiplier
    held = decided.held
    sign = np.where(held > 0.0, 1.0, -1.0)
    reduced = sign * np.clip(wish * sign, 0.0, np.abs(held))
    return np.where(decided.flags == 0, wish, np.where(decided.flags == 1, reduced, held))


def _net(decided: Decided, desired: FloatArray, summed: FloatArray) -> tuple[float, BoolArray]:
    able, cap = decided.movable, decided.net_cap
    total = float(np.where(able, np.copysign(summed, desired), decided.position).sum())
    side = -1.0 if total < 0.0 else 1.0
    longer = able & (desired * side > 0.0)
    over, same = abs(total) - cap, float(summed[longer].sum())
    if over <= 0.0 or same <= 0.0:
        return 1.0, longer
    return max(0.0, same - over) / same, longer


def _stages(decided: Decided) -> _Stages:
    desired, able = decided.desired, decided.movable
    every = np.ones(len(desired), dtype=np.bool_)
    wanted = np.abs(desired)
    asset = np.array([_factor(float(w), float(c)) for w, c in zip(wanted, decided.asset_cap, strict=True)])
    capped = wanted * asset
    by_class = np.ones(len(decided.class_cap))
    for c, cap in enumerate(decided.class_cap):
        members = decided.asset_class == c
        by_class[c] = _factor(float(capped[members & able].sum()), _room(decided, float(cap), members)[1])
    classed = np.where(able, capped * by_class[decided.asset_class], capped)
    gross = _factor(float(classed[able].sum()), _room(decided, decided.gross_cap, every)[1])
    summed = np.where(able, classed * gross, classed)
    net, longer = _net(decided, desired, summed)
    asked = np.abs(_asked(decided)).sum(axis=1)
    return _Stages(
        own=np.array([_factor(float(a), float(c)) for a, c in zip(asked, decided.own_cap, strict=True)]),
        asset=asset,
        by_class=by_class,
        gross=gross,
        net=net,
        longer=longer,
        wanted=wanted,
        capped=capped,
        classed=classed,
        summed=summed,
        netted=np.where(longer, summed * net, summed),
    )


def scales(decided: Decided) -> FloatArray:
    """(N,) what all limits leave of the net wishes."""
    if not math.isfinite(decided.nav):
        return np.zeros(len(decided.symbols))
    stages = _stages(decided)
    scale = stages.asset.copy()
    scale = np.where(decided.movable, scale * stages.by_class[decided.asset_class] * stages.gross, scale)
    return np.where(stages.longer, scale * stages.net, scale) * decided.ladder_factor


def contributions(decided: Decided) -> FloatArray:
    """(M, N) what the strategies ask for, from their weights on: what :attr:`Decided.contribution` was recorded as."""
    if not math.isfinite(decided.nav):
        return np.zeros(decided.contribution.shape)
    return _asked(decided) * _stages(decided).own[:, None]


def explain(decided: Decided, j: int) -> Why:
    """Explain what was decided on instrument ``j``, in the order of the steps."""
    desired = float(decided.desired[j])
    idle = _is_idle(decided, j)
    judged = math.isfinite(decided.nav) and not idle
    met = _met(decided, _stages(decided), j) if judged else ()
    scale = 1.0 if idle else float(scales(decided)[j])
    target, position = desired * scale, float(decided.position[j])
    unit = float(decided.unit[j])
    return Why(
        time_ns=decided.time_ns,
        symbol=decided.symbols[j],
        nav=decided.nav,
        drawdown=decided.drawdown,
        ladder=decided.ladder,
        asked=tuple(_asked_by(decided, m, j, scale) for m in range(len(decided.strategies))),
        desired=desired,
        met=met,
        scale=scale,
        target=target,
        position=position,
        delta=target - position,
        passes=_passes(decided, j) if judged and decided.movable[j] else None,
        movable=bool(decided.movable[j]) and not idle,
        mark=math.nan if idle else float(decided.mark[j]),
        quantity=float(decided.lots[j]) * unit,
        aim=float(decided.aim[j]) * unit,
        order=float(decided.order[j]) * unit,
        limit=float(decided.limit[j]),
        kept="" if idle else _kept(decided, j, target),
        idle=idle,
        regime=decided.regime,
    )


def _is_idle(decided: Decided, j: int) -> bool:
    parts = (decided.weights[:, j], decided.contribution[:, j], decided.held[:, j], decided.lots[j], decided.aim[j])
    return not any(np.any(part != 0.0) for part in parts)


def _asked_by(decided: Decided, m: int, j: int, scale: float) -> Asked:
    weight, budget = float(decided.weights[m, j]), float(decided.budget[m])
    multiplier, before = float(decided.multiplier[m, j]), float(decided.contribution[m, j])
    return Asked(
        strategy=decided.strategies[m],
        weight=weight,
        budget=budget,
        base=float(decided.base[m]),
        because=_budget_rules(decided, m),
        multiplier=multiplier,
        flag=FLAGS[int(decided.flags[m, j])] if weight or before or decided.held[m, j] else "",
        wish=weight * budget * multiplier,
        before=before,
        after=before * scale,
        held=float(decided.held[m, j]),
    )


def _in_force(decided: Decided) -> list[Rule]:
    return [
        rule for rule in decided.rules for axis in decided.regime if axis.axis == rule.axis and axis.is_in(rule.state)
    ]


def _budget_rules(decided: Decided, m: int) -> tuple[str, ...]:
    """Rules that made a budget what it is."""
    name = decided.strategies[m]
    factors = {
        f"{rule.axis} {rule.state}": rule.multipliers.get(name, rule.multipliers.get(_ANY, 1.0))
        for rule in _in_force(decided)
    }
    least = min(factors.values(), default=1.0)
    return tuple(f"{told} x{factor:g}" for told, factor in factors.items() if factor == least < 1.0)


def _cap_rules(decided: Decided, limit: str, cap: float) -> tuple[str, ...]:
    """Rules that made a limit as tight as it is."""
    return tuple(f"{rule.axis} {rule.state}" for rule in _in_force(decided) if rule.caps.get(limit, math.inf) == cap)


def _met(decided: Decided, stages: _Stages, j: int) -> tuple[Met, ...]:
    found = [*_own_met(decided, stages, j)]
    cap, size = float(decided.asset_cap[j]), float(stages.wanted[j])
    if math.isfinite(cap):
        found.append(
            Met(
                limit="asset",
                cap=cap,
                because=_cap_rules(decided, "asset", cap),
                wanted=size,
                taken=0.0,
                headroom=cap,
                before=size,
                after=float(stages.capped[j]),
                factor=float(stages.asset[j]),
                passes=cap,
            )
        )
    c = int(decided.asset_class[j])
    name, mine = f"class {decided.classes[c]}", decided.asset_class == c
    found += _sum_met(decided, name, float(decided.class_cap[c]), mine, stages.capped, float(stages.by_class[c]), j)
    every = np.ones(len(stages.wanted), dtype=np.bool_)
    found += _sum_met(decided, "gross", decided.gross_cap, every, stages.classed, stages.gross, j)
    return (*found, *_net_met(decided, stages, j), _ladder_met(decided, float(stages.netted[j])))


def _own_met(decided: Decided, stages: _Stages, j: int) -> list[Met]:
    """Own caps of the strategies that ask for the instrument."""
    found = []
    asked = np.abs(_asked(decided))
    for m, name in enumerate(decided.strategies):
        cap, own = float(decided.own_cap[m]), float(asked[m, j])
        if math.isfinite(cap) and own > 0.0:
            total = float(asked[m].sum())
            factor = float(stages.own[m])
            found.append(
                Met(
                    limit=f"strategy {name}",
                    cap=cap,
                    because=(),
                    wanted=total,
                    taken=0.0,
                    headroom=cap,
                    before=own,
                    after=own * factor,
                    factor=factor,
                    passes=max(0.0, cap - (total - own)),
                )
            )
    return found


def _sum_met(
    decided: Decided, limit: str, cap: float, members: BoolArray, sizes: FloatArray, factor: float, j: int
) -> list[Met]:
    if not math.isfinite(cap):
        return []
    able = bool(decided.movable[j])
    total, own = float(sizes[members & decided.movable].sum()), float(sizes[j])
    taken, room = _room(decided, cap, members)
    return [
        Met(
            limit=limit,
            cap=cap,
            because=_cap_rules(decided, limit, cap),
            wanted=total,
            taken=taken,
            headroom=room,
            before=own,
            after=own * factor if able else own,
            factor=factor if able else 1.0,
            passes=max(0.0, room - _others(sizes, members & decided.movable, j)) if able else None,
        )
    ]


def _others(sizes: FloatArray, members: BoolArray, j: int) -> float:
    """Sum over all members but one."""
    without = members.copy()
    without[j] = False
    return float(sizes[without].sum())


def _net_met(decided: Decided, stages: _Stages, j: int) -> list[Met]:
    """Net cap: what was asked of it is the sum of all weights, either way."""
    cap, able = decided.net_cap, bool(decided.movable[j])
    if not math.isfinite(cap):
        return []
    signed = np.copysign(stages.summed, decided.desired)
    fixed = float(decided.position[~decided.movable].sum())
    total = float(signed[decided.movable].sum()) + fixed
    own = float(stages.summed[j])
    factor = stages.net if stages.longer[j] else 1.0
    return [
        Met(
            limit="net",
            cap=cap,
            because=_cap_rules(decided, "net", cap),
            wanted=abs(total),
            taken=abs(fixed),
            headroom=max(0.0, cap - abs(fixed)),
            before=own,
            after=own * factor,
            factor=factor,
            passes=_net_passes(decided, signed, j) if able else None,
        )
    ]


def _net_passes(decided: Decided, signed: FloatArray, j: int) -> float:
    """Largest size of an instrument, on the side it is wanted on, at which the sum of all weights is in the net cap."""
    side = -1.0 if decided.desired[j] < 0.0 else 1.0
    others = np.where(decided.movable, signed, decided.position)
    others[j] = 0.0
    return max(0.0, decided.net_cap - side * float(others.sum()))


def _ladder_met(decided: Decided, size: float) -> Met:
    """Ladder: it leaves a part of whatever comes to it, so that no size passes whole while it stands below normal."""
    factor = decided.ladder_factor
    after = size * factor
    named = "NAV not above zero" if decided.nav <= 0.0 else f"ladder {decided.ladder}"
    return Met(
        limit=named,
        cap=factor,
        because=(),
        wanted=size,
        taken=0.0,
        headroom=after,
        before=size,
        after=after,
        factor=factor,
        passes=after,
    )


def _passes(decided: Decided, j: int) -> float:
    """Largest net size of an instrument that neither cap cuts, if all others wish what they wish."""
    stages = _stages(decided)
    able, c = decided.movable, int(decided.asset_class[j])
    mine = decided.asset_class == c
    every = np.ones(len(mine), dtype=np.bool_)
    found = min(
        float(decided.asset_cap[j]),
        _room(decided, float(decided.class_cap[c]), mine)[1] - _others(stages.capped, mine & able, j),
    )
    # Its own class is whole when it passes; other classes are as their caps leave them.
    sizes = np.where(mine, stages.capped, stages.classed)
    found = min(found, _room(decided, decided.gross_cap, every)[1] - _others(sizes, able, j))
    if math.isfinite(decided.net_cap):
        found = min(found, _net_passes(decided, np.copysign(sizes, decided.desired), j))
    return max(0.0, found)


def _kept(decided: Decided, j: int, target: float) -> str:
    """Say why what is wanted and what is held differ, and nothing is ordered."""
    lots, aim, order = float(decided.lots[j]), float(decided.aim[j]), float(decided.order[j])
    if order != 0.0:
        return ""
    if not math.isfinite(decided.nav):
        return "NAV is unknown: what is held may be reduced, nothing is added"
    if not math.isfinite(float(decided.mark[j])):
        return "no close is known yet" if target != 0.0 else ""
    if aim == lots:
        if lots != 0.0:
            return "what is held is what is wanted, to the lot"
        return "less than one lot" if target != 0.0 else ""
    notional = abs(aim - lots) * float(decided.unit[j] * decided.mark[j])
    least = float(decided.least[j])
    if notional < least:
        return f"{notional:,.2f} is below the smallest order of {least:,.2f}"
    return f"{notional / decided.nav:.3%} of NAV is inside the no-trade band of {decided.band:.3%}"


def cuts(decided: Decided) -> list[Cut]:
    """Limits that cut at one decision, in the order of the steps."""
    if not math.isfinite(decided.nav):
        return []
    stages = _stages(decided)
    every = np.ones(len(stages.wanted), dtype=np.bool_)
    asked = np.abs(_asked(decided)).sum(axis=1)
    found = [
        _cut(f"strategy {name}", None, float(asked[m]), cap, cap)
        for m, (name, cap) in enumerate(zip(decided.strategies, decided.own_cap.tolist(), strict=True))
    ]
    found += [
        _cut("asset", symbol, float(stages.wanted[j]), float(decided.asset_cap[j]), float(decided.asset_cap[j]))
        for j, symbol in enumerate(decided.symbols)
    ]
    for c, name in enumerate(decided.classes):
        mine = decided.asset_class == c
        cap = float(decided.class_cap[c])
        total = float(stages.capped[mine & decided.movable].sum())
        found.append(_cut(f"class {name}", None, total, cap, _room(decided, cap, mine)[1]))
    total = float(stages.classed[decided.movable].sum())
    found.append(_cut("gross", None, total, decided.gross_cap, _room(decided, decided.gross_cap, every)[1]))
    same = float(stages.summed[stages.longer].sum())
    found.append(_cut("net", None, same, decided.net_cap, same * stages.net))
    size = float(stages.netted.sum())
    left = size * decided.ladder_factor
    found.append(_cut(_ladder_met(decided, size).limit, None, size, left, left))
    return [cut for cut in found if cut.wanted > cut.headroom * (1.0 + _TOLERANCE)]


def _cut(limit: str, symbol: str | None, wanted: float, cap: float, headroom: float) -> Cut:
    return Cut(limit=limit, symbol=symbol, wanted=wanted, cap=cap, headroom=headroom, passes=headroom)


def exposures(decided: Decided, derisk: float) -> list[Exposure]:
    """How much of each limit the book held at one decision uses; infinite caps are left out."""
    held = np.abs(decided.position)
    found = [
        Exposure(name="gross", now=float(held.sum()), cap=decided.gross_cap),
        Exposure(name="net", now=abs(float(decided.position.sum())), cap=decided.net_cap),
        Exposure(name="max asset", now=float(held.max(initial=0.0)), cap=float(decided.asset_cap.min())),
    ]
    for c, name in enumerate(decided.classes):
        now = float(held[decided.asset_class == c].sum())
        found.append(Exposure(name=f"class {name}", now=now, cap=float(decided.class_cap[c])))
    found.append(Exposure(name="drawdown", now=decided.drawdown, cap=derisk))
    return [item for item in found if math.isfinite(item.cap)]
