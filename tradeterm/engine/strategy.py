"""The strategy contract: a pure function of (params, context) to target weights."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from tradeterm.core.errors import BadWeights
from tradeterm.core.time import iso
from tradeterm.engine.context import TargetWeights
from tradeterm.engine.features import Lookback
from tradeterm.engine.jit import kernel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradeterm.core.types import FloatArray
    from tradeterm.engine.context import Context
    from tradeterm.engine.panel import Panel
    from tradeterm.engine.regime import RegimeFrame

__all__ = ["Params", "Strategy", "VectorStrategy", "check_weights"]

_TOLERANCE = 1e-9


class Params(BaseModel):
    """Parameters of a strategy: frozen, unknown names refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Strategy(ABC):
    """A model that turns what is knowable into target weights; every call may be on a fresh instance.

    name, version : identity (semantic version), stored with every result
    universe : symbols it may hold, in the order of its panel's columns
    timeframe : whose own bars its horizon and its signals count
    horizon : own bars after which a signal is scored
    short : whether weights may be negative
    missing : what becomes of bars that the calendar expected and that did not come: ``forward_fill`` repeats the last
        close (flagged, and no trade by itself), ``skip`` leaves the row empty; None as configured
    params_type : class of its parameters, with their defaults
    """

    name: ClassVar[str]
    version: ClassVar[str]
    universe: ClassVar[tuple[str, ...]]
    timeframe: ClassVar[Literal["h4", "daily"]] = "h4"
    horizon: ClassVar[int] = 6
    short: ClassVar[bool] = False
    missing: ClassVar[Literal["forward_fill", "skip"] | None] = None
    params_type: ClassVar[type[Params]] = Params

    def __init__(self, params: Params | None = None) -> None:
        # Any: each strategy reads the fields of its own params_type.
        self.params: Any = params if params is not None else self.params_type()

    @property
    @abstractmethod
    def lookback(self) -> Lookback:
        """Own bars that a decision may depend on; held against it by the certificate."""

    def features(self, panel: Panel) -> Mapping[str, FloatArray]:
        """(T, N) arrays computed once per panel and handed to each decision up to its time."""
        return {}

    @abstractmethod
    def generate_target_weights(self, ctx: Context) -> TargetWeights:
        """Weights of the strategy's own budget at one decision time."""


class VectorStrategy(Strategy):
    """A strategy that does not look at its own past: all decision times in one call, the last row being now."""

    @abstractmethod
    def weights(self, panel: Panel, regime: RegimeFrame) -> FloatArray:
        """(T, N) weights of the strategy's own budget; NaN is read as flat."""

    def generate_target_weights(self, ctx: Context) -> TargetWeights:
        """Refuse: a vector strategy decides by :meth:`weights`, whose last row is the single decision."""
        raise TypeError(f"{self.name} is a vector strategy: call weights() and take the last row")


@kernel
def _clean(weights: FloatArray, low: FloatArray, out: FloatArray) -> tuple[int, int, int]:
    """Copy ``weights`` with NaN as 0; returns the first fault (1 a weight, 2 a sum), its row and its column, or zeros.

    low : (N,) lowest weight of each symbol
    """
    for row in range(weights.shape[0]):
        total, largest = 0.0, 0
        for j in range(weights.shape[1]):
            weight = weights[row, j]
            clean = 0.0 if math.isnan(weight) else weight
            if not low[j] - _TOLERANCE <= clean <= 1.0 + _TOLERANCE:
                return 1, row, j
            out[row, j] = clean
            total += abs(clean)
            if abs(clean) > abs(out[row, largest]):
                largest = j
        if total > 1.0 + _TOLERANCE:
            return 2, row, largest
    return 0, 0, 0


def check_weights(
    strategy: Strategy,
    times: np.ndarray,
    symbols: tuple[str, ...],
    weights: FloatArray,
    *,
    spot: frozenset[str] = frozenset(),
) -> FloatArray:
    """Return ``weights`` (T, N) with NaN as 0, or raise BadWeights naming strategy, time and symbol.

    spot : symbols whose venue lets nobody sell them short

    Raises
    ------
    BadWeights
        When a weight is infinite, outside [0, 1] ([-1, 1] for a strategy that declares short), below 0 where nothing
        can be sold short, or a row's absolute sum is over 1.
    """
    if weights.shape != (len(times), len(symbols)):
        where = iso(int(times[-1])) if len(times) else "no time"
        raise BadWeights(
            strategy.name, where, "the panel", f"had shape {weights.shape}, not {(len(times), len(symbols))}"
        )
    low = np.array([-1.0 if strategy.short and symbol not in spot else 0.0 for symbol in symbols])
    clean = np.empty(weights.shape)
    fault, row, column = _clean(np.asarray(weights, dtype=np.float64), low, clean)
    if fault:
        weight = float(weights[row, column])
        found = f"was {weight!r}"
        if fault == 1 and strategy.short and weight < 0.0 and symbols[column] in spot:
            found += ", and its venue lets nobody sell it short"
        elif fault == 2:
            found = f"brings the sum to {np.nansum(np.abs(weights[row])):.6f}"
        raise BadWeights(strategy.name, iso(int(times[row])), symbols[column], found)
    return clean
