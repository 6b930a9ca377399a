"""A made market to learn from: the shipped learned strategy with small windows, and its own bars as fills."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from panels import DAY
from shipped import SMALL, SYMBOLS, market, shipped

from tradeterm.engine.learning import LearnedStrategy
from tradeterm.engine.outcomes import OwnFills
from tradeterm.engine.panel import Panel
from tradeterm.engine.replay import Member
from tradeterm.signals.course import Course
from tradeterm.signals.timeline import Schedule, Training
from tradeterm.store.artifacts import ModelStore

WINDOWS = {"month_days": 5, "quarter_days": 10, "half_days": 15, "rsi_window": 3, "band_window": 8}
SCHEDULE = Schedule(every_days=20, window_days=None, least=150, folds=3, embargo_days=1, margin=0.5, seed=7)
DAYS = 160
COST = {"SPY": 0.0003, "QQQ": 0.0003, "BTC/USDT": 0.0015, "ETH/USDT": 0.0015}


def direction(**params: Any) -> LearnedStrategy:
    kind: Any = shipped("direction", "DirectionModel")
    return kind(kind.params_type(**(WINDOWS | params)))


@cache
def _market() -> tuple[Panel, Any, Mapping[str, OwnFills]]:
    panel, _, inputs = market(seed=5, days=DAYS)
    days, rng = panel.days, np.random.default_rng(5)
    fills = {}
    for j, symbol in enumerate(SYMBOLS):
        own = days.bar_no[:, j] >= 0
        known = days.known_at[own, j]
        # Prices that go on as they went, so that there is something to learn.
        went = np.append(0.0, np.diff(np.log(days.close[own, j])))
        ahead = np.convolve(went, np.ones(5), mode="full")[: len(went)]
        steps = 0.02 * np.tanh(20.0 * np.append(0.0, ahead[:-1])) + rng.normal(0.0, 0.01, len(went))
        opens = 100.0 * np.exp(np.cumsum(steps))
        fills[symbol] = OwnFills(fill_open=opens, fill_at=known - DAY, known_at=known)
    return panel, inputs, fills


def course(strategy: LearnedStrategy | None = None) -> Course:
    panel, inputs, fills = _market()
    member = Member(direction() if strategy is None else strategy, 1.0, SYMBOLS)
    return Course(member=member, panel=panel, inputs=inputs, thresholds=SMALL, fills=fills, cost=COST)


def training(folder: Path, what: Course | None = None, **changes: Any) -> Training:
    from dataclasses import replace

    return Training(
        course=course() if what is None else what,
        schedule=replace(SCHEDULE, **changes),
        store=ModelStore(folder),
        content_hash="c0ffee",
    )


def end() -> int:
    return int(_market()[0].times[-1])


def bits(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values).tobytes()
