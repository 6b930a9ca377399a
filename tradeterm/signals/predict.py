"""Signals: the side of tonight's weights, with odds from replaying a rule, or as the model of a learned strategy tells.

A rule's ``prob`` and ``ev`` come from the outcomes that had matured by the as-of instant in a replay over the stored
bars, never from what happens to be in the store.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.signals import Side, Signal
from tradeterm.engine.learning import LearnedStrategy, Models
from tradeterm.engine.outcomes import forward_returns, replay_statistics
from tradeterm.engine.regime import AXES
from tradeterm.signals.own_bars import known_at
from tradeterm.signals.own_rows import own_rows, own_timeframe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradeterm.engine.features import Lookback
    from tradeterm.engine.learning import Model
    from tradeterm.engine.outcomes import OwnFills
    from tradeterm.engine.panel import Panel
    from tradeterm.engine.replay import Member, Replay

__all__ = ["fill_cost", "predict", "regime_words"]

_SIDES = {1: Side.LONG, -1: Side.SHORT, 0: Side.FLAT}


def fill_cost(run: Replay, column: int) -> float:
    """Fee and slippage of one fill of an instrument, fraction of notional."""
    return float(run.terms.taker[0, column] + run.terms.slippage[0, column])


def predict(
    run: Replay,
    own_bars: Callable[[str, str], OwnFills],
    *,
    config_hashes: Mapping[str, str],
    run_id: str,
    replayed: bool = False,
) -> list[Signal]:
    """Signals of every strategy and symbol at the last decision of ``run``.

    own_bars : stored bars by symbol and timeframe; config_hashes : by strategy name
    replayed : whether they are made for an instant long past
    A symbol without any own bar by then has no signal.
    """
    found = []
    regime = regime_words(run)
    for m, member in enumerate(run.spec.members):
        for symbol in member.symbols:
            signal = _signal(run, m, member, symbol, own_bars, config_hashes[member.strategy.name], run_id)
            if signal is not None:
                found.append(replace(signal, regime=regime, replayed=replayed))
    return found


def regime_words(run: Replay) -> dict[str, str]:
    """State of each axis at the last decision; UNKNOWN where nothing that counts was known."""
    now = run.frame.at_row(len(run.frame) - 1)
    return {
        axis: "UNKNOWN" if status == "unknown" else state
        for axis, state, status in zip(AXES, now.state, now.status, strict=True)
    }


def _version(member: Member, model: Model | None) -> str:
    """``Strategy@semver``, with the model's hash where one decided."""
    plain = f"{member.strategy.name}@{member.strategy.version}"
    return plain if model is None else f"{plain}+{model.model_hash}"


def _told(
    run: Replay, member: Member, strategy: LearnedStrategy, symbol: str, side: int
) -> tuple[float | None, float | None, int]:
    """Probability and expected return of the long side as the model tells them, and the decisions it was fitted on."""
    model = member.models.at(int(run.times[-1]))
    if model is None or side < 0:
        return None, None, 0
    own = _recent(member.shown(run.panel), strategy.lookback)
    made = strategy.forecast(own, run.frame.rows(len(run.frame) - len(own), len(run.frame)), Models((model,)))
    prob, ev = (float(values[-1, own.column(symbol)]) for values in (made.prob, made.ev))
    return (prob, ev, model.samples) if math.isfinite(prob) and math.isfinite(ev) else (None, None, 0)


def _recent(own: Panel, need: Lookback) -> Panel:
    """The look-back of the last row: the certificate holds the strategy to needing no more."""
    first = _rows_from(own, max(need.bars, need.daily) if own.daily is None else need.bars)
    part = own.rows(first, len(own))
    return part if part.daily is None else part.from_day(_rows_from(part.daily, need.daily))


def _rows_from(panel: Panel, bars: int) -> int:
    """First row from which on every instrument has its last ``bars`` own bars, as far as it has that many."""
    firsts = [np.flatnonzero(panel.bar_no[:, column] >= 0)[-bars:][:1] for column in range(len(panel.symbols))]
    return int(min((int(row[0]) for row in firsts if len(row)), default=max(0, len(panel) - 1)))


def _signal(
    run: Replay,
    m: int,
    member: Member,
    symbol: str,
    own_bars: Callable[[str, str], OwnFills],
    config_hash: str,
    run_id: str,
) -> Signal | None:
    column = run.panel.column(symbol)
    timeframe = own_timeframe(run.panel, member.strategy.timeframe)
    counted, known = own_rows(run.panel, timeframe, column)
    counted, known = counted[run.first_row :], known[run.first_row :]
    asof = int(run.times[-1])
    if known[-1] < 0:
        return None
    sides = np.sign(run.weights[:, m, column]).astype(np.int64)
    side = int(sides[-1])
    prob: float | None = None
    ev: float | None = None
    sample = 0
    model = member.models.at(asof)
    if side != 0 and isinstance(member.strategy, LearnedStrategy):
        prob, ev, sample = _told(run, member, member.strategy, symbol, side)
    elif side != 0:
        bars = known_at(own_bars(symbol, timeframe), asof)
        # Tonight's own decision has not matured; only decisions before it are scored.
        forward = forward_returns(
            bars.fill_open,
            bars.fill_at,
            bars.known_at,
            run.times[:-1],
            member.strategy.horizon,
            fill_cost(run, column),
            side=sides[:-1],
            factor=bars.factor,
        )
        prob, ev, sample = replay_statistics(sides[:-1], forward, asof, side=side, counts=counted[:-1])
    return Signal(
        ts_ns=asof,
        symbol=symbol,
        horizon=member.strategy.horizon,
        side=_SIDES[side],
        prob=prob,
        ev=ev,
        model_version=_version(member, model),
        config_hash=config_hash,
        run_id=run_id,
        bar_ns=int(known[-1]),
        sample=sample,
        timeframe=timeframe,
        cost=fill_cost(run, column),
    )
