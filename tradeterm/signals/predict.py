"""Signals of rule-based strategies: the side of tonight's weights, with odds from replaying the strategy.

``prob`` and ``ev`` come from the outcomes that had matured by the as-of instant in a replay over the stored
bars, never from what happens to be in the store.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.signals import Side, Signal
from tradeterm.engine.outcomes import forward_returns, replay_statistics
from tradeterm.engine.regime import AXES
from tradeterm.signals.own_bars import known_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradeterm.core.types import BoolArray, IntArray
    from tradeterm.engine.outcomes import OwnFills
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


def _own_rows(run: Replay, member: Member, column: int) -> tuple[BoolArray, IntArray]:
    """Rows of the run at which an own bar of the strategy's timeframe became known, and its known_at, carried."""
    panel, first = run.panel, run.first_row
    if member.strategy.timeframe == "h4" or panel.daily is None or panel.daily_row is None:
        own = panel.own[:, column]
        known = np.maximum.accumulate(np.where(own, panel.known_at[:, column], -1))
        return own[first:], known[first:]
    rows = panel.daily_row[:, column]
    came = panel.daily.own[np.maximum(rows, 0), column]
    own = (np.diff(rows, prepend=-1) > 0) & came
    known = np.where((rows >= 0) & came, panel.daily.known_at[np.maximum(rows, 0), column], -1)
    return own[first:], np.maximum.accumulate(known)[first:]


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
    counted, known = _own_rows(run, member, column)
    asof = int(run.times[-1])
    if known[-1] < 0:
        return None
    sides = np.sign(run.weights[:, m, column]).astype(np.int64)
    side = int(sides[-1])
    prob: float | None = None
    ev: float | None = None
    sample = 0
    if side != 0:
        bars = known_at(own_bars(symbol, member.strategy.timeframe), asof)
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
        model_version=f"{member.strategy.name}@{member.strategy.version}",
        config_hash=config_hash,
        run_id=run_id,
        bar_ns=int(known[-1]),
        sample=sample,
        timeframe=member.strategy.timeframe,
        cost=fill_cost(run, column),
    )
