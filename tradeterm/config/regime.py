"""The part of the configuration that judges regimes and says what they do to budgets and limits."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tradeterm.config.marks import Result, Section

__all__ = [
    "AXIS_STATES",
    "CryptoThresholds",
    "EquityThresholds",
    "Hysteresis",
    "MacroThresholds",
    "RegimeBudgets",
    "RegimeRule",
    "RuleLimits",
    "SeriesThresholds",
    "Thresholds",
    "VolatilityThresholds",
]

AXIS_STATES: dict[str, tuple[str, ...]] = {
    "equity": ("BULL", "NEUTRAL", "BEAR"),
    "volatility": ("LOW", "NORMAL", "HIGH"),
    "crypto": ("RISK_ON", "RISK_OFF"),
    "macro": ("EXPANSION", "SLOWDOWN", "RECESSION"),
}

Bars = Annotated[int, Field(ge=2)]
Level = Annotated[float, Field(ge=0)]
Factor = Annotated[float, Field(ge=0, le=1)]
Axis = Literal["equity", "volatility", "crypto", "macro"]


class EquityThresholds(Section):
    """BULL: close above its average and momentum up. BEAR: below and down. NEUTRAL: neither."""

    ma: Result[Bars]
    """Length of the moving average, daily bars."""
    momentum: Result[Annotated[tuple[Bars, ...], Field(strict=False, min_length=1)]]
    """Look-backs of momentum, daily bars (126 and 252 are 6 and 12 months)."""


class VolatilityThresholds(Section):
    """LOW below ``low``, HIGH above ``high``, NORMAL between."""

    low: Result[Level]
    """Upper end of LOW, index points (annualised percent)."""
    high: Result[Level]
    """Lower end of HIGH, index points."""
    realised_window: Result[Bars]
    """Daily returns behind realised volatility, which stands in where the index is missing."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError("low <= high is needed")
        return self


class CryptoThresholds(Section):
    """RISK_ON: close above its average and momentum up; else RISK_OFF."""

    ma: Result[Bars]
    """Length of the moving average, daily bars."""
    momentum: Result[Bars]
    """Look-back of momentum, daily bars."""


class SeriesThresholds(Section):
    """Levels of one activity series."""

    expansion: Result[float]
    """At or above it: EXPANSION (unless the curve is inverted)."""
    recession: Result[float]
    """Below it: RECESSION."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.recession > self.expansion:
            raise ValueError("recession <= expansion is needed")
        return self


class MacroThresholds(Section):
    """EXPANSION, SLOWDOWN and RECESSION by activity and the yield curve."""

    series: dict[str, SeriesThresholds]
    """Levels per activity series, as a PMI and its stand-ins have different scales."""
    slope_inverted: Result[float]
    """Slope below which the curve counts as inverted, percentage points."""


class Hysteresis(Section):
    """Values in a row that must agree before an axis changes its state; 1 = at once."""

    equity: Result[Annotated[int, Field(ge=1)]]
    """Equity axis, daily bars."""
    volatility: Result[Annotated[int, Field(ge=1)]]
    """Volatility axis, daily bars."""
    crypto: Result[Annotated[int, Field(ge=1)]]
    """Crypto axis, daily bars."""
    macro: Result[Annotated[int, Field(ge=1)]]
    """Macro axis, publications."""


class Thresholds(Section):
    """Where one state ends and the next begins."""

    equity: EquityThresholds
    """BULL, NEUTRAL, BEAR."""
    volatility: VolatilityThresholds
    """LOW, NORMAL, HIGH."""
    crypto: CryptoThresholds
    """RISK_ON, RISK_OFF."""
    macro: MacroThresholds
    """EXPANSION, SLOWDOWN, RECESSION."""
    hysteresis: Hysteresis
    """Values in a row before a change."""
    stale_hours: Result[Annotated[float, Field(gt=0)]]
    """Lateness of an input after which its axis is UNKNOWN and the neutral rules apply, hours."""


class RuleLimits(Section):
    """Caps that hold while the rule matches; null = unchanged."""

    asset: Result[Level | None] = None
    """Cap per instrument, fraction of NAV."""
    classes: Result[dict[str, Level]] = Field(default_factory=dict)
    """Caps per asset class, fraction of NAV."""
    gross: Result[Level | None] = None
    """Cap on the sum of absolute weights, fraction of NAV."""
    net: Result[Level | None] = None
    """Cap on the absolute value of the sum of weights, fraction of NAV."""


class RegimeRule(Section):
    """What one state of one axis does; rules that match together combine by minimum."""

    when: Result[dict[Axis, str]]
    """One axis and its state, such as {equity: BEAR}."""
    multipliers: Result[dict[str, Factor]] = Field(default_factory=dict)
    """Factor on a strategy's budget by its name; "*" stands for all that are not named."""
    limits: RuleLimits = RuleLimits()
    """Tighter caps while it matches."""

    @model_validator(mode="after")
    def _one_state(self) -> Self:
        if len(self.when) != 1:
            raise ValueError("exactly one axis is needed in 'when'")
        axis, state = next(iter(self.when.items()))
        if state not in AXIS_STATES[axis]:
            raise ValueError(f"{axis} was {state!r}; one of {', '.join(AXIS_STATES[axis])} is needed")
        return self


class RegimeBudgets(Section):
    """How regimes are judged and what they do to budgets and limits."""

    thresholds: Thresholds
    """Where one state ends and the next begins."""
    rules: Annotated[tuple[RegimeRule, ...], Field(strict=False)]
    """Effects, one axis state each."""
