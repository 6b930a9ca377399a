"""Strategies, regime and book over a market: the same pass for a backtest, a signal's replay and tonight's decision."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from tradeterm.core.errors import BadMarket, BadWeights, StrategyBroken, TradetermError
from tradeterm.core.time import DAY_NS, iso
from tradeterm.engine import budgets
from tradeterm.engine.book import (
    LADDER_STATES,
    NO_TRADE,
    REDUCE_ONLY,
    Market,
    Plan,
    Terms,
    new_record,
    new_state,
)
from tradeterm.engine.checks import FAULTS, first_fault
from tradeterm.engine.context import Context, Holding
from tradeterm.engine.learning import NO_MODELS, LearnedStrategy, Models
from tradeterm.engine.panel import locked
from tradeterm.engine.regime import classify
from tradeterm.engine.simulate import advance, advance_rows
from tradeterm.engine.strategy import Strategy, VectorStrategy, check_weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tradeterm.core.market import Instrument
    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.engine.book import Record, State
    from tradeterm.engine.inputs import RegimeInputs
    from tradeterm.engine.panel import FillFrame, Panel
    from tradeterm.engine.regime import RegimeFrame, Thresholds

__all__ = [
    "BookSpec",
    "Costs",
    "Ladder",
    "Member",
    "Orders",
    "Override",
    "Replay",
    "bars_held",
    "decide_at",
    "features_of",
    "raw_weights",
    "replay",
    "vector_weights",
]

_NO_RESUME = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Costs of one asset class, fractions of notional.

    fee : of orders that take liquidity; maker : of limit orders that rested, None for the same
    slippage : of market orders; borrow : of what is held short, a year
    """

    fee: float
    slippage: float
    maker: float | None = None
    borrow: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """How orders are made and filled.

    limit : distance of limit orders from the last close, fraction, on the patient side; None for market orders
    share : largest part of a fill bar's volume; least : smallest notional by asset class, money
    """

    limit: float | None = None
    share: float = math.inf
    least: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What a person has set for strategies and instruments; None means every one of them."""

    strategy: str | None = None
    symbol: str | None = None
    reduce_only: bool = False
    no_trade: bool = False
    multiplier: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """Drawdown ladder: levels as positive fractions, factor while derisked, days until a backtest's halt resumes."""

    derisk: float = 0.15
    halt: float = 0.20
    recovery: float = 0.10
    derisk_scale: float = 0.5
    resume_after_days: float | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A strategy in the book with its base budget (fraction of NAV) and its symbols, in its panel's order.

    carries : whether it sees bars that only repeat the last close
    spot : those of its symbols that nobody can sell short
    models : of a learned strategy, each from when it was known
    """

    strategy: Strategy
    budget: float
    symbols: tuple[str, ...]
    carries: bool = True
    spot: frozenset[str] = frozenset()
    models: Models = NO_MODELS

    def shown(self, panel: Panel) -> Panel:
        """All of ``panel`` that the strategy ever gets to see."""
        own = panel.select(self.symbols)
        return own if self.carries else own.without_filled()


@dataclass(frozen=True, slots=True, kw_only=True)
class BookSpec:
    """All that a book is decided by, apart from the market.

    fill : ``next_open``, or ``close`` (fills at the last close: optimistic, and said so)
    sizing : ``at_decision``, or ``at_fill`` (for comparisons)
    overrides : of several that meet, the most restrictive holds
    interest : on cash above and below zero, fractions a year
    """

    members: tuple[Member, ...]
    instruments: tuple[Instrument, ...]
    costs: Mapping[str, Costs]
    limits: budgets.Limits
    rules: tuple[budgets.RegimeRule, ...]
    thresholds: Thresholds
    ladder: Ladder = field(default_factory=Ladder)
    capital: float = 100_000.0
    band: float = 0.0
    fill: Literal["next_open", "close"] = "next_open"
    sizing: Literal["at_decision", "at_fill"] = "at_decision"
    orders: Orders = field(default_factory=Orders)
    overrides: tuple[Override, ...] = ()
    interest: tuple[float, float] = (0.0, 0.0)

    @property
    def names(self) -> tuple[str, ...]:
        """Strategy names, in the order of the M axis."""
        return tuple(member.strategy.name for member in self.members)

    @property
    def classes(self) -> tuple[str, ...]:
        """Asset classes present, in the order of the C axis."""
        return tuple(sorted({str(item.asset_class.value) for item in self.instruments}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What a book did from ``first_row`` of its panel on; arrays of ``record``, ``plan`` and ``terms`` have R = 1.

    weights : (T, M, N) strategy weights of their own budgets
    holdings : per strategy that looks at its own past, what it was shown at each row
    """

    spec: BookSpec
    first_row: int
    panel: Panel
    frame: RegimeFrame
    market: Market
    plan: Plan
    terms: Terms
    state: State
    record: Record
    holdings: tuple[tuple[Mapping[str, Holding], ...] | None, ...]

    @property
    def times(self) -> IntArray:
        """(T,) decision times."""
        return self.market.times

    @property
    def weights(self) -> FloatArray:
        """(T, M, N) strategy weights."""
        weights: FloatArray = self.plan.weights[0]
        return weights

    @property
    def ladder_state(self) -> str:
        """Ladder state after the last decision."""
        return LADDER_STATES[int(self.state.ladder[0])]


def raw_weights(member: Member, panel: Panel, frame: RegimeFrame) -> FloatArray:
    """(T, n) weights of a vector strategy at every row of its own panel, as it gives them."""
    strategy = member.strategy
    if not isinstance(strategy, VectorStrategy):
        raise TypeError(f"{strategy.name} is no vector strategy")
    with _its_own_fault(member, _last(panel)):
        return _by_models(strategy, panel, frame, member.models)


def vector_weights(member: Member, panel: Panel, frame: RegimeFrame) -> FloatArray:
    """(T, n) checked weights of a vector strategy at every row of its own panel."""
    weights = raw_weights(member, panel, frame)
    return check_weights(member.strategy, panel.times, member.symbols, weights, spot=member.spot)


def _by_models(strategy: VectorStrategy, panel: Panel, frame: RegimeFrame, models: Models) -> FloatArray:
    if not isinstance(strategy, LearnedStrategy):
        return strategy.weights(panel, frame)
    return strategy.weights(panel, frame, models.upto(int(panel.times[-1])) if len(panel) else NO_MODELS)


def features_of(member: Member, panel: Panel) -> Mapping[str, FloatArray]:
    """Features of a strategy on its own panel.

    Raises
    ------
    StrategyBroken
        When its own code raises, or an array hasn't one row per row of the panel.
    """
    with _its_own_fault(member, _last(panel)):
        found = member.strategy.features(panel)
        for name, values in found.items():
            if values.shape[:1] != (len(panel),):
                raise ValueError(
                    f"feature '{name}' has shape {values.shape}; its first axis must be the {len(panel)} rows"
                )
        return found


def _last(panel: Panel) -> int | None:
    return int(panel.times[-1]) if len(panel) else None


@contextmanager
def _its_own_fault(member: Member, time_ns: int | None) -> Iterator[None]:
    """Name the strategy and the time when its own code raises."""
    try:
        yield
    except TradetermError:
        raise
    except Exception as error:
        when = iso(time_ns) if time_ns is not None else "an empty panel"
        found = f"raised {type(error).__name__}: {error}"
        raise StrategyBroken(f"{member.strategy.name} at {when}", found) from error


def decide_at(
    member: Member,
    panel: Panel,
    features: Mapping[str, FloatArray],
    frame: RegimeFrame,
    *,
    budget: float,
    held: Mapping[str, Holding],
) -> FloatArray:
    """(n,) checked weights of a strategy that looks at its own past, at the last row of ``panel``."""
    context = Context(
        time_ns=int(panel.times[-1]),
        symbols=member.symbols,
        panel=panel,
        features=features,
        regime=lambda: frame.at_row(len(panel) - 1),
        budget=budget,
        held=held,
    )
    return _answer(member, context)


def _answer(member: Member, context: Context) -> FloatArray:
    """(n,) checked weights."""
    with _its_own_fault(member, context.time_ns):
        answer = member.strategy.generate_target_weights(context)
    for symbol in answer.weights:
        if symbol not in member.symbols:
            raise BadWeights(
                member.strategy.name, iso(context.time_ns), symbol, "was given, but it is not in the universe"
            )
    row = np.array([[answer.weights.get(symbol, 0.0) for symbol in member.symbols]], dtype=np.float64)
    times = np.array([context.time_ns])
    checked: FloatArray = check_weights(member.strategy, times, member.symbols, row, spot=member.spot)[0]
    return checked


def replay(panel: Panel, fills: FillFrame, inputs: RegimeInputs, spec: BookSpec, *, start_ns: int) -> Replay:
    """Run the book from the first decision time at or after ``start_ns`` to the end of the panel."""
    frame = classify(panel.times, inputs, spec.thresholds)
    first = int(np.searchsorted(panel.times, start_ns))
    part = frame.rows(first, len(frame))
    market = _checked(_market(panel, fills, spec, first), spec)
    terms = _terms(spec, part)
    plan = _plan(spec, part)
    rows, strategies, instruments = len(panel) - first, len(spec.members), len(spec.instruments)
    state = new_state(1, strategies, instruments, spec.capital)
    record = new_record(1, rows, strategies, instruments, limits=spec.orders.limit is not None)
    stepwise: list[_Stepper] = []
    for m, member in enumerate(spec.members):
        own = member.shown(panel)
        columns = [panel.column(symbol) for symbol in member.symbols]
        if isinstance(member.strategy, VectorStrategy):
            plan.weights[0, :, m, columns] = vector_weights(member, own, frame)[first:].T
        else:
            stepwise.append(_Stepper(m, member, own, features_of(member, own), frame, columns, first, []))
    _forget_delisted(plan, market)
    if stepwise:
        advancing = advance_rows(market, plan, terms, state, record)
        for row in range(rows):
            for stepper in stepwise:
                stepper.decide(row, market, plan, state)
            next(advancing)
    else:
        advance(market, plan, terms, state, record, 0, rows)
    seen = {stepper.index: tuple(stepper.seen) for stepper in stepwise}
    return Replay(
        spec=spec,
        first_row=first,
        panel=panel,
        frame=frame,
        market=market,
        plan=plan,
        terms=terms,
        state=state,
        record=record,
        holdings=tuple(seen.get(m) for m in range(strategies)),
    )


@dataclass(frozen=True, slots=True)
class _Stepper:
    """A strategy that is asked at each row, because what it holds depends on the rows before."""

    index: int
    member: Member
    panel: Panel
    features: Mapping[str, FloatArray]
    frame: RegimeFrame
    columns: list[int]
    first: int
    seen: list[Mapping[str, Holding]]

    def decide(self, row: int, market: Market, plan: Plan, state: State) -> None:
        """Write this row's weights into the plan and note what the strategy was shown."""
        stop = self.first + row + 1
        held = MappingProxyType(self._held(row, market, state))
        self.seen.append(held)
        context = Context(
            time_ns=int(self.panel.times[stop - 1]),
            symbols=self.member.symbols,
            panel=lambda: self.panel.rows(0, stop),
            features={name: locked(values[:stop]) for name, values in self.features.items()},
            regime=lambda: self.frame.at_row(stop - 1),
            budget=float(plan.budget[0, row, self.index]),
            held=held,
        )
        plan.weights[0, row, self.index, self.columns] = _answer(self.member, context)

    def _held(self, row: int, market: Market, state: State) -> dict[str, Holding]:
        lots = state.held[0, self.index]
        if not lots[self.columns].any():
            return {}
        open_lots = np.flatnonzero(state.lots[0])
        worth = market.unit * market.mark[row]
        nav = float(state.cash[0] + (state.lots[0, open_lots] * worth[open_lots]).sum())
        return {
            symbol: Holding(
                weight=float(lots[j] * worth[j] / nav),
                entry_ns=int(state.entry_at[0, self.index, j]),
                entry_price=float(state.entry_price[0, self.index, j]),
                bars_held=bars_held(market, int(state.entry_at[0, self.index, j]), row, j),
            )
            for symbol, j in zip(self.member.symbols, self.columns, strict=True)
            if lots[j] != 0.0
        }


def bars_held(market: Market, entry_at: int, row: int, j: int) -> int:
    """Own bars of an instrument that became known after an instant, up to a row."""
    first = int(np.searchsorted(market.times, entry_at, side="right"))
    return int(np.count_nonzero(market.own_bar[first : row + 1, j]))


def _forget_delisted(plan: Plan, market: Market) -> None:
    """What a strategy wishes of a delisted instrument counts for nothing."""
    for j, row in enumerate(market.gone.tolist()):
        if row >= 0:
            plan.weights[:, row + 1 :, :, j] = 0.0


def _checked(market: Market, spec: BookSpec) -> Market:
    """Refuse prices and fill times that would be silent nonsense: a fill before its decision is look-ahead."""
    fault, row, column = first_fault(market)
    if fault:
        raise BadMarket(spec.instruments[column].symbol, iso(int(market.times[row])), FAULTS[fault])
    return market


def _market(panel: Panel, fills: FillFrame, spec: BookSpec, first: int) -> Market:
    own_bar, carried = panel.own[first:], panel.filled
    classes = spec.classes
    lots = np.array([item.lot for item in spec.instruments], dtype=np.float64)
    mark = np.ascontiguousarray(fills.mark[first:])
    nothing = np.empty((0, 0))
    made = Market(
        times=np.ascontiguousarray(panel.times[first:]),
        mark=mark,
        own_bar=np.ascontiguousarray(own_bar),
        carried=np.zeros(own_bar.shape, dtype=np.bool_) if carried is None else np.ascontiguousarray(carried[first:]),
        fill_open=np.ascontiguousarray(fills.open[first:]),
        fill_high=np.ascontiguousarray(fills.high[first:]),
        fill_low=np.ascontiguousarray(fills.low[first:]),
        fill_volume=np.ascontiguousarray(fills.volume[first:]),
        fill_at=np.ascontiguousarray(fills.at[first:]),
        tradable=np.ascontiguousarray(fills.tradable[first:]),
        asset_class=np.array([classes.index(item.asset_class.value) for item in spec.instruments], dtype=np.int64),
        unit=np.where(lots > 0.0, lots, 1.0),
        rounds=lots > 0.0,
        tick=np.array([item.tick for item in spec.instruments], dtype=np.float64),
        split=_rows(fills.split, 1.0, mark, first) if fills.factor is not None else nothing,
        dividend=_rows(fills.dividend, 0.0, mark, first) if fills.factor is not None else nothing,
        factor=_rows(fills.factor, 1.0, mark, first) if fills.factor is not None else nothing,
        gone=_gone(spec, panel.times[first:]),
        last_price=_last_prices(spec, panel.times[first:], mark),
    )
    return _at_close(made, panel, first) if spec.fill == "close" else made


def _at_close(market: Market, panel: Panel, first: int) -> Market:
    """Market whose fills are at the close that the decision has seen."""
    own_bar = market.own_bar
    opens, factor = market.mark, market.factor
    if market.factor.shape[0]:
        # Actions come before fills: the close that was seen is taken through those that follow it.
        opens = (market.mark - market.dividend) / market.split
        factor = np.where(own_bar, panel.close[first:] / opens, 1.0)
    opens = np.where(own_bar, opens, np.nan)
    return market._replace(
        fill_open=opens,
        fill_high=opens,
        fill_low=opens,
        fill_volume=np.full(opens.shape, np.nan),
        fill_at=np.where(own_bar, market.times[:, None], -1),
        tradable=own_bar,
        factor=factor,
    )


def _rows(values: FloatArray | None, otherwise: float, like: FloatArray, first: int) -> FloatArray:
    return np.full(like.shape, otherwise) if values is None else np.ascontiguousarray(values[first:])


def _gone(spec: BookSpec, times: IntArray) -> IntArray:
    """Row in whose interval each instrument is delisted; what is after the last decision hasn't happened yet."""
    found = np.full(len(spec.instruments), -1, dtype=np.int64)
    for j, item in enumerate(spec.instruments):
        if item.delisted_ns is not None and len(times) and item.delisted_ns < int(times[-1]):
            found[j] = max(0, int(np.searchsorted(times, item.delisted_ns, side="right")) - 1)
    return found


def _last_prices(spec: BookSpec, times: IntArray, mark: FloatArray) -> FloatArray:
    found = np.zeros(len(spec.instruments))
    for j, row in enumerate(_gone(spec, times).tolist()):
        told = spec.instruments[j].last_price
        if row >= 0:
            # Nothing can be held of what never had a close.
            found[j] = told if told is not None else np.nan_to_num(mark[row, j])
    return found


def _terms(spec: BookSpec, frame: RegimeFrame) -> Terms:
    ladder, classes = spec.ladder, [item.asset_class.value for item in spec.instruments]
    resume = _NO_RESUME if ladder.resume_after_days is None else ladder.resume_after_days * DAY_NS
    free = Costs(fee=0.0, slippage=0.0)
    costs = [spec.costs.get(name, free) for name in classes]
    count = len(spec.instruments)
    return Terms(
        asset_cap=np.full((1, count), spec.limits.asset),
        asset_tight=budgets.asset_caps(spec.limits.asset, spec.rules, frame)[None],
        class_cap=budgets.class_caps(spec.classes, spec.limits.classes, spec.rules, frame)[None],
        gross_cap=budgets.gross_caps(spec.limits.gross, spec.rules, frame)[None],
        net_cap=budgets.net_caps(spec.limits.net, spec.rules, frame)[None],
        band=np.array([spec.band]),
        ladder=np.array([[ladder.derisk, ladder.halt, ladder.recovery, ladder.derisk_scale, resume]]),
        at_fill=np.array([spec.sizing == "at_fill"]),
        taker=np.array([[cost.fee for cost in costs]]).reshape(1, count),
        maker=np.array([[cost.fee if cost.maker is None else cost.maker for cost in costs]]).reshape(1, count),
        slippage=np.array([[cost.slippage for cost in costs]]).reshape(1, count),
        limit=np.full((1, count), math.nan if spec.orders.limit is None else spec.orders.limit),
        least=np.array([[spec.orders.least.get(name, 0.0) for name in classes]]).reshape(1, count),
        share=np.array([spec.orders.share]),
        interest=np.array([spec.interest], dtype=np.float64),
        borrow=np.array([[cost.borrow for cost in costs]]).reshape(1, count),
    )


def _plan(spec: BookSpec, frame: RegimeFrame) -> Plan:
    strategies, instruments = len(spec.members), len(spec.instruments)
    base = [member.budget for member in spec.members]
    plan = Plan(
        weights=np.zeros((1, len(frame), strategies, instruments)),
        budget=budgets.budgets(spec.names, base, spec.rules, frame)[None],
        multiplier=np.ones((1, strategies, instruments)),
        flags=np.zeros((1, strategies, instruments), dtype=np.int8),
        carries=np.array([[member.carries for member in spec.members]], dtype=np.bool_).reshape(1, strategies),
        cap=np.array([[spec.limits.strategies.get(name, math.inf) for name in spec.names]]).reshape(1, strategies),
    )
    for override in spec.overrides:
        _override(plan, spec, override)
    return plan


def _override(plan: Plan, spec: BookSpec, override: Override) -> None:
    flag = NO_TRADE if override.no_trade else REDUCE_ONLY if override.reduce_only else 0
    for m, name in enumerate(spec.names):
        for j, item in enumerate(spec.instruments):
            if override.strategy in (None, name) and override.symbol in (None, item.symbol):
                plan.multiplier[0, m, j] = min(plan.multiplier[0, m, j], override.multiplier)
                plan.flags[0, m, j] = max(plan.flags[0, m, j], flag)
