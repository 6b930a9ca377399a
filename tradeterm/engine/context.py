"""What one decision may know, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


class Context:
    """All that one decision may know at ``time_ns``; it shows no broker, no other strategy and no future.

    symbols, panel : the strategy's universe, and its bars up to now; features : what ``features`` returned, up to now
    budget : fraction of NAV the strategy may use now; held : its own holdings, flat symbols left out

    Panel and regime may be given as what makes them. They are made when they are asked for: most decisions look at
    features alone.
    """

    _panel: Panel | Callable[[], Panel]
    _regime: RegimeState | Callable[[], RegimeState]
    __slots__ = ("_panel", "_regime", "budget", "features", "held", "symbols", "time_ns")

    time_ns: int
    symbols: tuple[str, ...]
    features: Mapping[str, FloatArray]
    budget: float
    held: Mapping[str, Holding]

    def __init__(
        self,
        *,
        time_ns: int,
        symbols: tuple[str, ...],
        panel: Panel | Callable[[], Panel],
        features: Mapping[str, FloatArray],
        regime: RegimeState | Callable[[], RegimeState],
        budget: float,
        held: Mapping[str, Holding],
    ) -> None:
        given = {"time_ns": time_ns, "symbols": symbols, "features": features, "budget": budget, "held": held}
        for name, value in (*given.items(), ("_panel", panel), ("_regime", regime)):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: what a decision was shown is kept, to take it again."""
        raise AttributeError(f"{name} of a decision's context can't be set")

    @property
    def panel(self) -> Panel:
        """The strategy's bars up to now."""
        if callable(self._panel):
            object.__setattr__(self, "_panel", self._panel())
        return cast("Panel", self._panel)

    @property
    def regime(self) -> RegimeState:
        """Regime now."""
        if callable(self._regime):
            object.__setattr__(self, "_regime", self._regime())
        return cast("RegimeState", self._regime)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetWeights:
    """Answer of one decision: weight by symbol, of the strategy's own budget; a symbol left out is 0.

    confidence : in [0, 1]; urgency : in [0, 1], 1 = now; horizon : own bars. They are recorded, not traded on.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    confidence: float | None = None
    urgency: float | None = None
    horizon: int | None = None
