"""Made books for the tests of decisions and fills: small ones by hand, and random ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tradeterm.engine.book import Market, Plan, Record, State, Terms, new_record, new_state
from tradeterm.engine.decide import Decision, decide_row, new_decision
from tradeterm.engine.simulate import advance, fill_row

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
        return new_state(1, strategies, instruments, self.capital), new_record(1, times, strategies, instruments)

    def run(self) -> tuple[State, Record]:
        state, record = self.start()
        advance(self.market, self.plan, self.terms, state, record, 0, self.shape[0])
        return state, record

    def decide(self, state: State, row: int = 0) -> Decision:
        """One decision, as live trading calls it."""
        _, strategies, instruments = self.shape
        out = new_decision(strategies, instruments, self.classes)
        assert decide_row(self.market, self.plan, self.terms, state, 0, row, out) == 0
        return out

    def fill(self, state: State, decision: Decision, row: int = 0) -> np.ndarray:
        """Fill one decision's orders; returns lots by instrument."""
        instruments = self.shape[2]
        filled, rest, factors = np.zeros(instruments), np.zeros(instruments), np.ones(self.classes)
        fill_row(self.market, self.terms, state, 0, row, decision, filled, rest, factors)
        return filled

    def but(self, **changes: Any) -> Book:
        """Same book with other fields of market, plan or terms."""
        parts = {}
        for name in ("market", "plan", "terms"):
            part = getattr(self, name)
            mine = {key: value for key, value in changes.items() if key in part._fields}
            parts[name] = part._replace(**mine)
        return replace(self, **parts, capital=changes.get("capital", self.capital))


def hand_book(
    mark: Any,
    weights: Any,
    *,
    budget: Any = None,
    fill_open: Any = None,
    offset: Any = None,
    tradable: Any = None,
    carried: Any = None,
    asset_class: Any = None,
    lot: Any = 1.0,
    fee: Any = 0.0,
    slippage: Any = 0.0,
    split: Any = 1.0,
    dividend: Any = 0.0,
    factor: Any = 1.0,
    asset_cap: float = INF,
    class_cap: Any = (INF,),
    gross_cap: float = INF,
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
    wait = np.broadcast_to(np.array(0 if offset is None else offset, dtype=np.int64), (times, instruments))
    lots = np.broadcast_to(np.array(lot, dtype=np.float64), (instruments,))
    caps = np.array(class_cap, dtype=np.float64)
    market = Market(
        times=stamps,
        mark=marks,
        own_bar=np.isfinite(marks),
        carried=np.zeros(marks.shape, dtype=np.bool_) if carried is None else np.array(carried, dtype=np.bool_),
        fill_open=opens,
        fill_at=np.where(np.isfinite(opens), stamps[:, None] + wait, -1),
        tradable=np.ones((times, instruments), dtype=np.bool_)
        if tradable is None
        else np.array(tradable, dtype=np.bool_),
        asset_class=np.array([0] * instruments if asset_class is None else asset_class, dtype=np.int64),
        unit=np.where(lots > 0.0, lots, 1.0),
        rounds=lots > 0.0,
        fee=np.broadcast_to(np.array(fee, dtype=np.float64), (instruments,)).copy(),
        slippage=np.broadcast_to(np.array(slippage, dtype=np.float64), (instruments,)).copy(),
        split=np.broadcast_to(np.array(split, dtype=np.float64), marks.shape).copy(),
        dividend=np.broadcast_to(np.array(dividend, dtype=np.float64), marks.shape).copy(),
        factor=np.broadcast_to(np.array(factor, dtype=np.float64), marks.shape).copy(),
    )
    share = np.ones(strategies) if budget is None else np.array(budget, dtype=np.float64)
    plan = Plan(
        weights=wish[None].copy(),
        budget=np.broadcast_to(share, (1, times, strategies)).copy(),
        multiplier=np.ones((1, strategies, instruments)),
        flags=np.zeros((1, strategies, instruments), dtype=np.int8),
        carries=np.ones((1, strategies), dtype=np.bool_),
    )
    terms = Terms(
        asset_cap=np.full((1, instruments), asset_cap),
        asset_tight=np.full((1, times), INF),
        class_cap=np.broadcast_to(caps, (1, times, len(caps))).copy(),
        gross_cap=np.full((1, times), gross_cap),
        band=np.array([band]),
        ladder=np.array([ladder], dtype=np.float64),
        at_fill=np.array([at_fill]),
    )
    return Book(market, plan, terms, capital)


def random_book(
    seed: int,
    *,
    at_fill: bool | None = None,
    plain: bool = False,
    shorts: bool = True,
    ladder: bool = True,
    actions: bool = True,
) -> Book:
    """Random book: gaps, calendars, jumps, mixed lots, costs, limits that change, overrides, one ladder, actions.

    plain : no overrides, so that strategies may be told apart by their place alone
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
    market = Market(
        times=stamps,
        mark=mark,
        own_bar=own_bar,
        carried=~own_bar & (np.random.default_rng([seed, 2]).random(mark.shape) < 0.5),
        fill_open=np.where(came, opens, np.nan),
        fill_at=np.where(came, stamps[:, None] + HOUR * rng.integers(0, 4, mark.shape), -1),
        tradable=rng.random((times, instruments)) < 0.85,
        asset_class=rng.integers(0, classes, instruments),
        unit=np.where(lots > 0.0, lots, 1.0),
        rounds=lots > 0.0,
        fee=rng.choice([0.0, 0.001], instruments),
        slippage=rng.choice([0.0, 0.0005], instruments),
        split=split,
        dividend=dividend,
        factor=np.cumprod(split, axis=0),
    )
    plan = Plan(
        weights=_made_weights(rng, times, strategies, instruments, shorts=shorts)[None],
        budget=_slow(rng, rng.choice([0.25, 0.5, 0.9, 1.3], (times, strategies)) * rng.choice([0.0, 1.0, 1.0, 1.0]))[
            None
        ],
        multiplier=np.ones((1, strategies, instruments)),
        flags=np.zeros((1, strategies, instruments), dtype=np.int8),
        carries=np.zeros((1, strategies), dtype=np.bool_),
    )
    if not plain:
        plan = plan._replace(
            multiplier=rng.choice([1.0, 1.0, 1.0, 0.5, 0.0], (1, strategies, instruments)),
            flags=rng.choice([0, 0, 0, 0, 1, 2], (1, strategies, instruments)).astype(np.int8),
            carries=np.random.default_rng([seed, 3]).random((1, strategies)) < 0.5,
        )
    steps = (0.15, 0.20, 0.10, 0.5) if ladder else (INF, INF, 0.0, 1.0)
    terms = Terms(
        asset_cap=rng.choice([0.2, 0.4, INF, INF], (1, instruments)),
        asset_tight=_slow(rng, rng.choice([0.3, INF, INF], times))[None],
        class_cap=_slow(rng, rng.choice([0.2, 0.5, 0.8, INF], (times, classes)))[None],
        gross_cap=_slow(rng, rng.choice([0.5, 0.8, 1.0, 1.2, 2.0], times))[None],
        band=rng.choice([0.0, 0.005, 0.02], 1),
        ladder=np.array([[*steps, rng.choice([INF, 5 * H4])]]),
        at_fill=np.array([bool(rng.random() < 0.2) if at_fill is None else at_fill]),
    )
    return Book(market, plan, terms, float(rng.choice([2_000.0, 100_000.0])))


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
