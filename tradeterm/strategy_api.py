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
from tradeterm.engine.folds import Fold
from tradeterm.engine.learning import (
    NO_MODELS,
    CannotFit,
    Dataset,
    Forecast,
    LearnedStrategy,
    Models,
    linear,
    logistic,
    one_hot,
)
from tradeterm.engine.outcomes import Forward
from tradeterm.engine.panel import Panel
from tradeterm.engine.regime import RegimeFrame, RegimeState
from tradeterm.engine.strategy import Params, Strategy, VectorStrategy

__all__ = [
    "NO_MODELS",
    "Bands",
    "CannotFit",
    "Context",
    "Dataset",
    "Fold",
    "Forecast",
    "Forward",
    "Holding",
    "LearnedStrategy",
    "Lookback",
    "Models",
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
    "linear",
    "logistic",
    "lookback_ema",
    "lookback_wilder",
    "momentum",
    "one_hot",
    "returns",
    "rsi",
    "sma",
    "volatility",
]
