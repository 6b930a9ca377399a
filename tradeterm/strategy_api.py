"""All that a strategy file imports: the contract, its values and the indicators."""

from __future__ import annotations

from tradeterm.engine.context import Context, Holding, TargetWeights
from tradeterm.engine.features import (
    Bands,
    Lookback,
    atr,
    bollinger,
    carried,
    daily_carried,
    ema,
    lookback_ema,
    lookback_wilder,
    momentum,
    returns,
    rsi,
    sma,
    volatility,
)
from tradeterm.engine.panel import Panel
from tradeterm.engine.regime import RegimeFrame, RegimeState
from tradeterm.engine.strategy import Params, Strategy, VectorStrategy

__all__ = [
    "Bands",
    "Context",
    "Holding",
    "Lookback",
    "Panel",
    "Params",
    "RegimeFrame",
    "RegimeState",
    "Strategy",
    "TargetWeights",
    "VectorStrategy",
    "atr",
    "bollinger",
    "carried",
    "daily_carried",
    "ema",
    "lookback_ema",
    "lookback_wilder",
    "momentum",
    "returns",
    "rsi",
    "sma",
    "volatility",
]
