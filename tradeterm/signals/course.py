"""What a learned strategy is trained on: decisions of the past, labelled by what became of them.

Everything is computed once over the whole panel; a model takes the rows whose outcome was known when it was fitted.
That this is the same as computing it on what was known then, and nothing else, is checked by
:mod:`tradeterm.signals.modelcheck`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.engine.learning import Dataset, LearnedStrategy, stacked
from tradeterm.engine.outcomes import NEVER, forward_returns
from tradeterm.engine.regime import AXES, classify
from tradeterm.engine.replay import features_of
from tradeterm.signals.own_bars import known_at
from tradeterm.signals.own_rows import own_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradeterm.core.types import FloatArray, IntArray, StateArray
    from tradeterm.engine.inputs import RegimeInputs
    from tradeterm.engine.outcomes import OwnFills
    from tradeterm.engine.panel import Panel
    from tradeterm.engine.regime import Thresholds
    from tradeterm.engine.replay import Member

__all__ = ["Course", "Shown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What models are shown, S decisions in the order of time and symbol.

    names, axes : of the columns of ``features`` (S, F) and ``states`` (S, A); time_ns : (S,) of each decision, ns UTC
    """

    names: tuple[str, ...]
    axes: tuple[str, ...]
    time_ns: IntArray
    features: FloatArray
    states: StateArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A learned strategy and what it can learn from.

    panel : of the book; inputs, thresholds : of its regime
    fills : own bars of the strategy's timeframe by symbol; cost : of one fill by symbol, fraction of notional
    """

    member: Member
    panel: Panel
    inputs: RegimeInputs
    thresholds: Thresholds
    fills: Mapping[str, OwnFills]
    cost: Mapping[str, float]

    @property
    def strategy(self) -> LearnedStrategy:
        """The strategy."""
        found = self.member.strategy
        if not isinstance(found, LearnedStrategy):
            raise TypeError(f"{found.name} is no learned strategy")
        return found

    def upto(self, time_ns: int) -> Course:
        """What was known at ``time_ns`` and nothing else."""
        return replace(
            self,
            panel=self.panel.upto(time_ns),
            inputs=self.inputs.upto(time_ns),
            fills={symbol: known_at(bars, time_ns) for symbol, bars in self.fills.items()},
        )

    def shown(self) -> Shown:
        """Every decision at which a new own bar was known and its features are there, its outcome known or not."""
        own, names, features, states = self._inputs()
        parts = [self._counted(own, column, features[:, column]) for column in range(len(own.symbols))]
        row = np.concatenate(parts)
        column = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        order = np.lexsort((column, row))
        row, column = row[order], column[order]
        return Shown(
            names=names,
            axes=self.strategy.axes,
            time_ns=own.times[row],
            features=features[row, column],
            states=states[row],
        )

    def samples(self, *, folds: int, embargo_ns: int) -> Dataset:
        """Every decision at which a new own bar was known, its features are there and its outcome is known by now."""
        own, names, features, states = self._inputs()
        parts = [self._of_symbol(own, column, features[:, column]) for column in range(len(own.symbols))]
        row, column, matures_at, label, gross = (np.concatenate(part) for part in zip(*parts, strict=True))
        order = np.lexsort((column, row))
        row, column = row[order], column[order]
        return Dataset(
            names=names,
            axes=self.strategy.axes,
            time_ns=own.times[row],
            matures_at=matures_at[order],
            column=column,
            features=features[row, column],
            states=states[row],
            label=label[order],
            gross=gross[order],
            cost=np.array([self.cost[symbol] for symbol in own.symbols]),
            folds=folds,
            embargo_ns=embargo_ns,
        )

    def _inputs(self) -> tuple[Panel, tuple[str, ...], FloatArray, StateArray]:
        """The strategy's panel, names of features and their values (T, N, F), states of its axes (T, A)."""
        own = self.member.shown(self.panel)
        names, features = stacked(features_of(self.member, own))
        frame = classify(own.times, self.inputs, self.thresholds)
        return own, names, features, frame.state[:, [AXES.index(axis) for axis in self.strategy.axes]]

    def _counted(self, own: Panel, column: int, features: FloatArray) -> IntArray:
        """Rows of one symbol that count."""
        counted, _ = own_rows(own, self.strategy.timeframe, column)
        return np.flatnonzero(counted & np.isfinite(features).all(axis=1))

    def _of_symbol(self, own: Panel, column: int, features: FloatArray) -> tuple[np.ndarray, ...]:
        strategy, symbol = self.strategy, own.symbols[column]
        rows = self._counted(own, column, features)
        bars = self.fills[symbol]
        forward = forward_returns(
            bars.fill_open,
            bars.fill_at,
            bars.known_at,
            own.times[rows],
            strategy.horizon,
            self.cost[symbol],
            factor=bars.factor,
        )
        label = np.asarray(strategy.labels(forward), dtype=np.int64)
        there = forward.matured(NEVER - 1)
        parts = (rows, np.full(len(rows), column), forward.matures_at, label, forward.gross)
        return tuple(part[there] for part in parts)
