"""What one decision may know, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradeterm.core.types import FloatArray
    from tradeterm.engine.panel import Panel
    from tradeterm.engine.regime import RegimeState

__all__ = ["Context", "Holding", "TargetWeights"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a strategy itself holds of one symbol.

    weight : fraction of NAV attributed to it
    entry_ns : when it went from flat; entry_price : average price since, in the panel's scale
    bars_held : own bars that became known since the entry
    """

    weight: float
    entry_ns: int
    entry_price: float
    bars_held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """All that one decision may know at ``time_ns``; it shows no broker, no other strategy and no future.

    panel : the strategy's universe up to now; features : what ``features`` returned for it, up to now
    budget : fraction of NAV the strategy may use now; held : its own holdings, flat symbols left out
    """

    time_ns: int
    panel: Panel
    features: Mapping[str, FloatArray]
    regime: RegimeState
    budget: float
    held: Mapping[str, Holding]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetWeights:
    """Answer of one decision: weight by symbol, of the strategy's own budget; a symbol left out is 0.

    confidence : in [0, 1]; urgency : in [0, 1], 1 = now; horizon : own bars. They are recorded, not traded on.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    confidence: float | None = None
    urgency: float | None = None
    horizon: int | None = None
