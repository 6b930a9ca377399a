"""Made books for the tests of decisions and fills: small ones by hand, and random ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tradeterm.engine.book import (
    Market,
    Plan,
    Record,
    State,
    Terms,
    new_record,
    new_state,
    plan_of,
    state_of,
    terms_of,
)
from tradeterm.engine.decide import Decision, decide_row, new_decision
from tradeterm.engine.fills import fill_row, new_bench
from tradeterm.engine.simulate import advance

H4 = 4 * 3600 * 10**9
HOUR = 3600 * 10**9
INF = np.inf


@dataclass(frozen=True)
class Book:
    """All that a run is made from."""

    market: Market
    plan: Plan
    terms: Terms
    capital: float = 100_000.0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return T, M, N."""
        _, times, strategies, instruments = self.plan.weights.shape
        return times, strategies, instruments

    @property
    def classes(self) -> int:
        return self.terms.class_cap.shape[2]

    def start(self) -> tuple[State, Record]:
        times, strategies, instruments = self.shape
        record = new_record(1, times, strategies, instruments, limits=self.limits)
        return new_state(1, strategies, instruments, self.capital), record

    @property
    def limits(self) -> bool:
        """Whether some orders are limits."""
        return bool(np.isfinite(self.terms.limit).any())

    def run(self) -> tuple[State, Record]:
        state, record = self.start()
        advance(self.market, self.plan, self.terms, state, record, 0, self.shape[0])
        return state, record

    def decide(self, state: State, row: int = 0) -> Decision:
        """One decision, as live trading calls it."""
        _, strategies, instruments = self.shape
        out = new_decision(strategies, instruments, self.classes)
        plan, terms = plan_of(self.plan, 0), terms_of(self.terms, 0)
        assert decide_row(self.market, plan, terms, state_of(state, 0), row, out) == 0
        return out

    def fill(self, state: State, decision: Decision, row: int = 0) -> np.ndarray:
        """Fill one decision's orders; returns lots by instrument."""
        instruments = self.shape[2]
        filled, bench = np.zeros(instruments), new_bench(instruments, self.classes)
        fill_row(self.market, terms_of(self.terms, 0), state_of(state, 0), row, decision, bench, filled)
        return filled

    def but(self, **changes: Any) -> Book:
        """Same book with other fields of market, plan or terms."""
        parts = {}
        for name in ("market", "plan", "terms"):
            part = getattr(self, name)
            mine = {key: value for key, value in changes.items() if key in part._fields}
            parts[name] = part._replace(**mine)
        return replace(self, **parts, capital=changes.get("capital", self.capital))


def market_with(mark: np.ndarray, **given: Any) -> Market:
    """Market of these marks: filled at them and in time, units, no actions, unless told otherwise."""
    shape = mark.shape
    stamps = given.get("times", H4 * np.arange(1, shape[0] + 1, dtype=np.int64))
    opens = given.get("fill_open", mark)
    fields: dict[str, Any] = {
        "times": stamps,
        "own_bar": np.isfinite(mark),
        "carried": np.zeros(shape, dtype=np.bool_),
        "fill_open": opens,
        "fill_high": opens,
        "fill_low": opens,
        "fill_volume": np.full(shape, np.nan),
        "fill_at": np.where(np.isfinite(opens), stamps[:, None], -1),
        "tradable": np.ones(shape, dtype=np.bool_),
        "asset_class": np.zeros(shape[1], dtype=np.int64),
        "unit": np.ones(shape[1]),
        "rounds": np.zeros(shape[1], dtype=np.bool_),
        "tick": np.full(shape[1], 0.01),
        "split": np.empty((0, 0)),
        "dividend": np.empty((0, 0)),
        "factor": np.empty((0, 0)),
        "gone": np.full(shape[1], -1, dtype=np.int64),
        "last_price": np.zeros(shape[1]),
    }
    return Market(mark=mark, **(fields | given))


def plan_with(weights: np.ndarray, **given: Any) -> Plan:
    """Plan of these weights (T, M, N): whole budgets, no overrides, unless told otherwise."""
    times, strategies, instruments = weights.shape
    fields: dict[str, Any] = {
        "budget": np.ones((1, times, strategies)),
        "multiplier": np.ones((1, strategies, instruments)),
        "flags": np.zeros((1, strategies, instruments), dtype=np.int8),
        "carries": np.ones((1, strategies), dtype=np.bool_),
        "cap": np.full((1, strategies), INF),
    }
    return Plan(weights=weights[None].copy(), **(fields | given))


def terms_with(times: int, instruments: int, **given: Any) -> Terms:
    """Terms without limits, costs or a ladder, unless told otherwise."""
    none = np.zeros((1, instruments))
    fields: dict[str, Any] = {
        "asset_cap": np.full((1, instruments), INF),
        "asset_tight": np.full((1, times), INF),
        "class_cap": np.full((1, times, 1), INF),
        "gross_cap": np.full((1, times), INF),
        "net_cap": np.full((1, times), INF),
        "band": np.zeros(1),
        "ladder": np.array([[INF, INF, 0.0, 1.0, INF]]),
        "at_fill": np.zeros(1, dtype=np.bool_),
        "taker": none,
        "maker": none,
        "slippage": none,
        "limit": np.full((1, instruments), np.nan),
        "least": none,
        "share": np.full(1, INF),
        "interest": np.zeros((1, 2)),
        "borrow": none,
    }
    return Terms(**(fields | given))


def hand_book(
    mark: Any,
    weights: Any,
    *,
    budget: Any = None,
    fill_open: Any = None,
    fill_high: Any = None,
    fill_low: Any = None,
    volume: Any = np.nan,
    offset: Any = None,
    tradable: Any = None,
    carried: Any = None,
    asset_class: Any = None,
    lot: Any = 1.0,
    fee: Any = 0.0,
    maker: Any = None,
    slippage: Any = 0.0,
    limit: Any = np.nan,
    least: Any = 0.0,
    share: float = INF,
    interest: tuple[float, float] = (0.0, 0.0),
    borrow: Any = 0.0,
    split: Any = 1.0,
    dividend: Any = 0.0,
    factor: Any = 1.0,
    gone: Any = -1,
    last_price: Any = 0.0,
    asset_cap: float = INF,
    class_cap: Any = (INF,),
    gross_cap: float = INF,
    net_cap: float = INF,
    strategy_cap: Any = INF,
    band: float = 0.0,
    ladder: tuple[float, ...] = (0.15, 0.20, 0.10, 0.5, INF),
    at_fill: bool = False,
    capital: float = 100_000.0,
) -> Book:
    """Book from lists. mark (T, N); weights (T, M, N); fills at the mark unless told, at the decision time + offset."""
    marks = np.array(mark, dtype=np.float64)
    wish = np.array(weights, dtype=np.float64)
    times, strategies, instruments = wish.shape
    opens = marks.copy() if fill_open is None else np.array(fill_open, dtype=np.float64)
    stamps = H4 * np.arange(1, times + 1, dtype=np.int64)
    lots = _spread(lot, instruments)

    def flags(value: Any, otherwise: bool) -> np.ndarray:
        return np.full(marks.shape, otherwise) if value is None else np.array(value, dtype=np.bool_)

    market = market_with(
        marks,
        times=stamps,
        carried=flags(carried, otherwise=False),
        fill_open=opens,
        fill_high=opens.copy() if fill_high is None else np.array(fill_high, dtype=np.float64),
        fill_low=opens.copy() if fill_low is None else np.array(fill_low, dtype=np.float64),
        fill_volume=_spread(volume, marks.shape),
        fill_at=np.where(
            np.isfinite(opens), stamps[:, None] + _spread(0 if offset is None else offset, marks.shape, np.int64), -1
        ),
        tradable=flags(tradable, otherwise=True),
        asset_class=np.array([0] * instruments if asset_class is None else asset_class, dtype=np.int64),
        unit=np.where(lots > 0.0, lots, 1.0),
        rounds=lots > 0.0,
        split=_spread(split, marks.shape),
        dividend=_spread(dividend, marks.shape),
        factor=_spread(factor, marks.shape),
        gone=_spread(gone, instruments, np.int64),
        last_price=_spread(last_price, instruments),
    )
    plan = plan_with(wish, cap=_spread(strategy_cap, (1, strategies)))
    if budget is not None:
        share_of = np.array(budget, dtype=np.float64)
        plan = plan._replace(budget=np.broadcast_to(share_of, (1, times, strategies)).copy())
    caps = np.array(class_cap, dtype=np.float64)
    each = (1, instruments)
    terms = terms_with(
        times,
        instruments,
        asset_cap=np.full(each, asset_cap),
        class_cap=np.broadcast_to(caps, (1, times, len(caps))).copy(),
        gross_cap=np.full((1, times), gross_cap),
        net_cap=np.full((1, times), net_cap),
        band=np.array([band]),
        ladder=np.array([ladder], dtype=np.float64),
        at_fill=np.array([at_fill]),
        taker=_spread(fee, each),
        maker=_spread(fee if maker is None else maker, each),
        slippage=_spread(slippage, each),
        limit=_spread(limit, each),
        least=_spread(least, each),
        share=np.array([share]),
        interest=np.array([interest]),
        borrow=_spread(borrow, each),
    )
    return Book(market, plan, terms, capital)


def _spread(value: Any, shape: Any, dtype: Any = np.float64) -> np.ndarray:
    return np.broadcast_to(np.array(value, dtype=dtype), shape).copy()


def random_book(
    seed: int,
    *,
    at_fill: bool | None = None,
    plain: bool = False,
    shorts: bool = True,
    ladder: bool = True,
    actions: bool = True,
    frictions: bool = True,
) -> Book:
    """Random book: gaps, calendars, jumps, mixed lots, costs, limits that change, overrides, one ladder, actions.

    plain : no overrides, so that strategies may be told apart by their place alone
    frictions : limit orders, volumes, smallest orders, interest and borrowing
    """
    rng = np.random.default_rng(seed)
    times, strategies, instruments = int(rng.integers(12, 50)), int(rng.integers(1, 5)), int(rng.integers(1, 6))
    classes = int(rng.integers(1, 4))
    stamps = H4 * (100 + np.arange(times, dtype=np.int64))
    own_bar, mark = _made_marks(rng, times, instruments)
    split, dividend = _made_actions(np.random.default_rng([seed, 1]), mark, actions=actions)
    # Prices follow the splits: what is held is worth the same in other units.
    mark = mark / (np.cumprod(split, axis=0) / split)
    dividend = dividend * np.nan_to_num(mark)
    came = rng.random((times, instruments)) < 0.85
    opens = (mark - dividend) / split * np.exp(rng.normal(0.0, 0.01, mark.shape))
    # Some instruments can be filled before their first close is known: a listing's first bar.
    opens = np.where(np.isfinite(opens), opens, 50.0)
    lots = rng.choice([0.0, 1.0, 1.0, 0.001, 10.0], instruments)
    opens = np.where(came, opens, np.nan)
    more = np.random.default_rng([seed, 4])
    gone = np.where(more.random(instruments) < (0.15 if actions else 0.0), more.integers(0, times, instruments), -1)
    market = market_with(
        mark,
        times=stamps,
        own_bar=own_bar,
        carried=~own_bar & (np.random.default_rng([seed, 2]).random(mark.shape) < 0.5),
        fill_open=opens,
        fill_high=opens * np.exp(np.abs(more.normal(0.0, 0.01, mark.shape))),
        fill_low=opens * np.exp(-np.abs(more.normal(0.0, 0.01, mark.shape))),
        fill_volume=_made_volumes(more, mark.shape) if frictions else np.full(mark.shape, np.nan),
        fill_at=np.where(came, stamps[:, None] + HOUR * rng.integers(0, 4, mark.shape), -1),
        tradable=rng.random((times, instruments)) < 0.85,
        asset_class=rng.integers(0, classes, instruments),
        unit=np.where(lots > 0.0, lots, 1.0),
        rounds=lots > 0.0,
        tick=more.choice([0.01, 0.5], instruments),
        split=split,
        dividend=dividend,
        factor=np.cumprod(split, axis=0),
        gone=gone,
        last_price=more.choice([0.0, 20.0], instruments),
    )
    if not (split != 1.0).any() and not dividend.any():
        empty = np.empty((0, 0))
        market = market._replace(split=empty, dividend=empty, factor=empty)
    plan = plan_with(
        _made_weights(rng, times, strategies, instruments, shorts=shorts),
        budget=_slow(rng, rng.choice([0.25, 0.5, 0.9, 1.3], (times, strategies)) * rng.choice([0.0, 1.0, 1.0, 1.0]))[
            None
        ],
        carries=np.zeros((1, strategies), dtype=np.bool_),
    )
    for j, row in enumerate(gone.tolist()):
        if row >= 0:
            plan.weights[0, row + 1 :, :, j] = 0.0
    if not plain:
        plan = plan._replace(
            multiplier=rng.choice([1.0, 1.0, 1.0, 0.5, 0.0], (1, strategies, instruments)),
            flags=rng.choice([0, 0, 0, 0, 1, 2], (1, strategies, instruments)).astype(np.int8)
            * (np.random.default_rng([seed, 6]).random() < 0.6),
            carries=np.random.default_rng([seed, 3]).random((1, strategies)) < 0.5,
            cap=more.choice([0.3, INF, INF], (1, strategies)),
        )
    steps = (0.15, 0.20, 0.10, 0.5) if ladder else (INF, INF, 0.0, 1.0)
    terms = terms_with(
        times,
        instruments,
        taker=rng.choice([0.0, 0.001], (1, instruments)),
        slippage=rng.choice([0.0, 0.0005], (1, instruments)),
        maker=more.choice([0.0, 0.0004], (1, instruments)),
        asset_cap=rng.choice([0.2, 0.4, INF, INF], (1, instruments)),
        asset_tight=_slow(rng, rng.choice([0.3, INF, INF], times))[None],
        class_cap=_slow(rng, rng.choice([0.2, 0.5, 0.8, INF], (times, classes)))[None],
        gross_cap=_slow(rng, rng.choice([0.5, 0.8, 1.0, 1.2, 2.0], times))[None],
        net_cap=_slow(more, more.choice([0.3, INF, INF], times))[None],
        band=rng.choice([0.0, 0.005, 0.02], 1),
        ladder=np.array([[*steps, rng.choice([INF, 5 * H4])]]),
        at_fill=np.array([bool(rng.random() < 0.2) if at_fill is None else at_fill]),
    )
    return Book(market, plan, _with_frictions(more, terms) if frictions else terms, float(rng.choice([2e3, 1e5])))


def calm_book(seed: int) -> Book:
    """Random book in which mostly nothing changes: rare wishes, small moves, a band, limits that are sometimes near."""
    rng = np.random.default_rng([seed, 11])
    times, strategies, instruments = int(rng.integers(60, 200)), int(rng.integers(1, 4)), int(rng.integers(1, 4))
    # Some are longer than the longest block; where cash earns nothing, blocks are longer than one row.
    times, costs = times * int(rng.choice([1, 1, 5])), rng.random() < 0.3
    moves = rng.normal(0.0, rng.choice([0.0005, 0.004, 0.02]), (times, instruments))
    mark = rng.uniform(20.0, 200.0, instruments) * np.exp(np.cumsum(moves, axis=0))
    rounds = rng.random(instruments) < 0.5
    carried = rng.random(mark.shape) < rng.choice([0.0, 0.02])
    market = market_with(
        mark,
        carried=carried,
        own_bar=~carried,
        fill_open=mark * np.exp(rng.normal(0.0, 0.001, mark.shape)),
        tradable=rng.random(mark.shape) < rng.choice([1.0, 0.97]),
        asset_class=rng.integers(0, 2, instruments),
        unit=np.where(rounds, rng.choice([1.0, 0.01]), 1.0),
        rounds=rounds,
    )
    market = market._replace(fill_high=market.fill_open, fill_low=market.fill_open)
    wish = _made_weights(rng, times, strategies, instruments, shorts=bool(rng.random() < 0.3))
    rare = rng.random(times) < rng.choice([0.04, 0.005])
    rare[0] = True
    wish = wish[np.maximum.accumulate(np.where(rare, np.arange(times), 0))]
    if strategies > 1 and rng.random() < 0.3:
        wish[:, 1] = -wish[:, 0]
    caps = rng.choice([0.3, 0.6, INF], (times, 2))
    terms = terms_with(
        times,
        instruments,
        asset_cap=rng.choice([0.4, INF, INF], (1, instruments)),
        class_cap=np.repeat(caps[:1], times, axis=0)[None].copy(),
        gross_cap=np.full((1, times), rng.choice([0.9, 1.2, INF])),
        net_cap=np.full((1, times), rng.choice([0.5, INF])),
        band=rng.choice([0.005, 0.02, 0.1], 1),
        ladder=np.array([[0.03, 0.06, 0.01, 0.5, rng.choice([INF, 20 * H4])]]),
        at_fill=np.array([bool(rng.random() < 0.5)]),
        taker=np.full((1, instruments), 0.0005),
        slippage=np.full((1, instruments), 0.0002),
        interest=rng.choice([0.0, 0.03], (1, 2)) * costs,
        borrow=rng.choice([0.0, 0.02], (1, instruments)) * costs,
        least=rng.choice([0.0, 500.0], (1, instruments)),
        share=rng.choice([INF, INF, 0.5], 1),
        limit=np.full((1, instruments), rng.choice([np.nan, np.nan, 0.0005])),
    )
    budget = np.full((1, times, strategies), 0.9 / strategies)
    return Book(market, plan_with(wish, budget=budget), terms, 100_000.0)


def eventful_book(seed: int) -> Book:
    """Calm book in which what happens to instruments happens: actions, delistings, halts, bars that don't come.

    Its capital may be small, so that a lot is much of it, and its band wide.
    """
    rng = np.random.default_rng([seed, 13])
    book = calm_book(seed)
    times, strategies, instruments = book.shape
    shape, market = (times, instruments), book.market
    mark, given = market.mark, dict[str, Any]()
    if rng.random() < 0.6:
        often = rng.choice([0.005, 0.02])
        split = np.where(rng.random(shape) < often, rng.choice([2.0, 1.5, 0.5, 0.1], shape), 1.0)
        mark = mark / (np.cumprod(split, axis=0) / split)
        dividend = np.where(rng.random(shape) < often, rng.choice([0.01, 0.05], shape), 0.0) * mark
        given = {"split": split, "dividend": dividend, "factor": np.cumprod(split, axis=0), "mark": mark}
        opens = (mark - dividend) / split * np.exp(rng.normal(0.0, 0.001, shape))
    else:
        opens = market.fill_open
    came = rng.random(shape) < rng.choice([1.0, 0.97, 0.9])
    opens = np.where(came, opens, np.nan)
    gone = np.where(rng.random(instruments) < 0.3, rng.integers(0, times, instruments), -1)
    tradable, wish = market.tradable.copy(), book.plan.weights.copy()
    for j, last in enumerate(gone.tolist()):
        if last >= 0 and rng.random() < 0.5:
            tradable[max(0, last - int(rng.integers(0, 20))) :, j] = False
        if last >= 0 and rng.random() < 0.5:
            wish[0, last:, :, j] = 0.0
        if rng.random() < 0.3:
            halt = int(rng.integers(0, times))
            tradable[halt : halt + int(rng.integers(1, 30)), j] = False
    wish *= rng.random((1, 1, strategies, instruments)) < rng.choice([0.6, 1.0])
    budget = book.plan.budget.copy()
    budget[:, int(rng.integers(1, times)) :] *= rng.choice([0.0, 0.5, 1.0, 1.0])
    tight = np.full((1, times), INF)
    tight[0, int(rng.integers(0, times)) :][: int(rng.integers(1, 60))] = rng.choice([0.1, 0.25, INF])
    return book.but(
        **given,
        fill_open=opens,
        fill_high=opens * np.exp(np.abs(rng.normal(0.0, 0.002, shape))),
        fill_low=opens * np.exp(-np.abs(rng.normal(0.0, 0.002, shape))),
        fill_at=np.where(came, market.times[:, None] + HOUR * rng.integers(0, 3, shape), -1),
        fill_volume=rng.choice([np.nan, 1e7, 100.0, 5.0, 0.0], shape, p=[0.1, 0.8, 0.05, 0.03, 0.02]),
        tradable=tradable,
        gone=gone,
        last_price=rng.choice([0.0, 20.0], instruments),
        unit=np.where(market.rounds, rng.choice([1.0, 10.0, 50.0]), 1.0),
        weights=wish,
        budget=budget,
        multiplier=rng.choice([1.0, 1.0, 0.5, 0.0], (1, strategies, instruments)),
        flags=rng.choice([0, 1, 2], (1, strategies, instruments), p=[0.96, 0.02, 0.02]).astype(np.int8),
        cap=rng.choice([0.3, INF], (1, strategies)),
        carries=rng.random((1, strategies)) < 0.5,
        asset_tight=tight,
        band=rng.choice([0.0, 0.005, 0.02, 0.3], 1),
        limit=rng.choice([np.nan, np.nan, 0.001, -0.003], (1, instruments)),
        share=rng.choice([INF, INF, 0.1, 0.01], 1),
        capital=float(rng.choice([2e3, 1e4, 1e5])),
    )


def _made_volumes(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    volume = rng.choice([0.0, 5.0, 100.0, 1e4, 1e7], shape, p=[0.05, 0.1, 0.15, 0.3, 0.4])
    return np.where(rng.random(shape) < 0.1, np.nan, volume)


def _with_frictions(rng: np.random.Generator, terms: Terms) -> Terms:
    each = terms.taker.shape
    return terms._replace(
        limit=rng.choice([np.nan, np.nan, 0.0, 0.005, -0.003], each) if rng.random() < 0.5 else terms.limit,
        share=rng.choice([INF, 0.1, 1.0], 1),
        least=rng.choice([0.0, 0.0, 50.0], each),
        interest=rng.choice([0.0, 0.0, 0.05, 2.0], (1, 2)),
        borrow=rng.choice([0.0, 0.1, 3.0], each),
    )


def _made_marks(rng: np.random.Generator, times: int, instruments: int) -> tuple[np.ndarray, np.ndarray]:
    jumps = np.where(rng.random((times, instruments)) < 0.08, rng.choice([-0.4, -0.2, 0.2], (times, instruments)), 0.0)
    path = rng.uniform(5.0, 300.0, instruments) * np.exp(np.cumsum(rng.normal(0, 0.015, jumps.shape) + jumps, axis=0))
    own_bar = rng.random((times, instruments)) < 0.8
    first = rng.choice([0, 0, 0, 5], instruments)
    own_bar &= np.arange(times)[:, None] >= first
    mark = np.full(path.shape, np.nan)
    for j in range(instruments):
        last = np.nan
        for k in range(times):
            last = path[k, j] if own_bar[k, j] else last
            mark[k, j] = last
    return own_bar, mark


def _made_actions(rng: np.random.Generator, mark: np.ndarray, *, actions: bool) -> tuple[np.ndarray, np.ndarray]:
    """Split ratios, and dividends as shares of the last close."""
    often = rng.choice([0.0, 0.1]) if actions else 0.0
    ratios = rng.choice([4.0, 2.0, 1.5, 0.5, 0.1], mark.shape)
    split = np.where(rng.random(mark.shape) < often, ratios, 1.0)
    return split, np.where(rng.random(mark.shape) < often, rng.choice([0.01, 0.05], mark.shape), 0.0)


def _made_weights(
    rng: np.random.Generator, times: int, strategies: int, instruments: int, *, shorts: bool
) -> np.ndarray:
    raw = rng.random((times, strategies, instruments)) * (rng.random((times, strategies, instruments)) < 0.6)
    if shorts:
        raw *= np.where(rng.random((1, strategies, instruments)) < 0.3, -1.0, 1.0)
        raw *= np.where(rng.random(raw.shape) < 0.1, -1.0, 1.0)
    total = np.abs(raw).sum(axis=2, keepdims=True)
    raw /= np.maximum(total, 1e-12) / rng.choice([0.5, 1.0])
    return _slow(rng, raw)


def _slow(rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
    """Repeat rows, so that something often stays as it was."""
    keep = rng.random(len(values)) < 0.3
    keep[0] = True
    return values[np.maximum.accumulate(np.where(keep, np.arange(len(values)), 0))]
