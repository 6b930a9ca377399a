"""The configuration tree. Values come from YAML; nothing has a default here that the base files should state.

The text under each field is its documentation: ``docs/configuration.md`` is generated from it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from tradeterm.config.daily import Daily
from tradeterm.config.marks import Face, Result, Section
from tradeterm.config.regime import RegimeBudgets
from tradeterm.config.sources import ServiceName, SourceNames, Sources
from tradeterm.core.errors import BadInstant, UsageError, nearest
from tradeterm.core.exchanges import NEW_YORK, CalendarName, checked_calendar
from tradeterm.core.market import checked_symbol, file_stem
from tradeterm.core.time import from_iso

__all__ = [
    "ASSET_CLASSES",
    "Annualisation",
    "AssetClassName",
    "CertificateSample",
    "Config",
    "Costs",
    "Delisting",
    "Gate",
    "InstrumentEntry",
    "Interest",
    "Ladder",
    "Lifecycle",
    "Limits",
    "LiveGate",
    "LogSettings",
    "Missing",
    "Models",
    "Orders",
    "OverrideEntry",
    "PaperGate",
    "Publication",
    "Roles",
    "StrategyEntry",
    "System",
    "Training",
    "Universe",
    "Validation",
]

AssetClassName = Literal["equity", "crypto", "macro"]
ASSET_CLASSES: tuple[str, ...] = ("equity", "crypto", "macro")
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Some = Annotated[int, Field(ge=1)]
MissingPolicy = Literal["forward_fill", "skip"]
Texts = Annotated[tuple[str, ...], Field(strict=False)]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Timeframes = Annotated[tuple[Literal["1h", "daily"], ...], Field(strict=False, min_length=1)]


def _parameter(value: Any) -> Any:
    items = value if isinstance(value, list) else [value]
    if not all(item is None or isinstance(item, (bool, int, float, str)) for item in items):
        raise ValueError("a number, text, true, false, null or a list of these is needed")
    return value


def _asset_class(key: str) -> str:
    if key not in ASSET_CLASSES:
        raise ValueError(f"one of {', '.join(ASSET_CLASSES)} is needed")
    return key


# A literal type would make these dicts unusable where engine code wants plain text keys.
ClassKey = Annotated[str, AfterValidator(_asset_class)]
# What a strategy's parameter may be is the strategy's own business; here it is only kept plain.
Parameter = Annotated[Any, AfterValidator(_parameter)]


class Costs(Section):
    """What a fill costs in one asset class."""

    fee_bp: Result[NotNegative]
    """Fee of orders that take liquidity, basis points of the notional."""
    maker_bp: Result[float]
    """Fee of limit orders that rested until they filled, basis points; below zero where the venue pays for them."""
    slippage_bp: Result[NotNegative]
    """What market orders lose against the bar's open, basis points."""
    borrow_bp: Result[NotNegative]
    """Cost of holding short, basis points a year."""


class Orders(Section):
    """How orders are made and filled."""

    limit_bp: Result[float | None]
    """null: market orders. A number: limit orders, that far from the last close on the patient side, basis points."""
    participation: Result[Annotated[float, Field(gt=0, le=1)] | None]
    """Largest part of a fill bar's volume that an order takes, fraction; null = any."""
    min_notional: Result[dict[ClassKey, NotNegative]]
    """Smallest order per asset class, account currency; what is smaller is not sent."""


class Interest(Section):
    """What cash earns and costs, fractions a year (0.03 is 3 %)."""

    credit: Result[float]
    """On cash above zero."""
    debit: Result[NotNegative]
    """On cash below zero."""


class Limits(Section):
    """Caps on the combined book, fractions of NAV."""

    asset: Result[Positive]
    """Largest absolute weight of one instrument, fraction of NAV."""
    classes: Result[dict[ClassKey, Positive]]
    """Largest sum of absolute weights per asset class, fraction of NAV; a class not named has no cap."""
    gross: Result[Positive]
    """Largest sum of all absolute weights, fraction of NAV."""
    net: Result[Positive | None]
    """Largest absolute value of the sum of all weights, fraction of NAV; null = no cap."""
    strategies: Result[dict[str, Positive]]
    """Largest sum of absolute weights that one strategy may ask for, fraction of NAV, by name."""


class Ladder(Section):
    """What a drawdown does to the book."""

    derisk: Result[Fraction]
    """Drawdown from the peak at which exposure is cut, fraction."""
    halt: Result[Fraction]
    """Drawdown at which the book goes flat until a person resumes, fraction."""
    recovery: Result[Fraction]
    """Drawdown under which a cut book returns to normal, fraction."""
    derisk_scale: Result[Fraction]
    """Factor on every weight while cut."""
    resume_after_days: Result[Annotated[int, Field(ge=1)] | None]
    """Days after which a backtest resumes by itself, null = stays flat to its end."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.recovery <= self.derisk <= self.halt:
            raise ValueError("recovery <= derisk <= halt is needed")
        return self


class LogSettings(Section):
    """JSON logs under results/logs."""

    level: Face[Literal["DEBUG", "INFO", "WARNING", "ERROR"]]
    """Least severe level that is written."""
    rotation_mb: Face[Positive]
    """Size at which a log file is rotated, megabytes."""
    keep: Face[Some]
    """Rotated files kept per stream."""


class CertificateSample(Section):
    """Which decisions of a run are decided again to prove that none saw the future."""

    newest: Result[Count]
    """Newest decisions that are always checked."""
    changed: Result[Count]
    """At most this many where holdings, regime, ladder or model changed."""
    drawn: Result[Count]
    """Drawn at random, by a seed from the run id."""
    models: Result[Count]
    """Models of each learned strategy that are fitted again: the newest two, the others drawn likewise."""


class Validation(Section):
    """What makes a stored or imported bar suspicious."""

    gap_bars: Face[Some]
    """Missing bars in a row, judged against the calendar, that are reported as a gap."""
    stale_hours: Face[NotNegative]
    """How long the next bar may be overdue, hours."""
    spike_mads: Face[Positive]
    """Return that is called a spike, in median absolute deviations of its window."""
    spike_window: Face[Annotated[int, Field(ge=5)]]
    """Bars in that window."""
    split_tolerance: Face[Fraction]
    """How far from p/q a jump may be that looks like a split of p for q, in log price."""
    price_tolerance: Face[Fraction]
    """How far a daily bar may be from its finer bars, or one source from another, fraction of the price."""
    volume_tolerance: Face[NotNegative]
    """The same for volume, fraction of the volume."""


class Missing(Section):
    """What becomes of bars that the calendar expected and that did not come."""

    policy: Result[MissingPolicy]
    """forward_fill: the last close is repeated, flagged, and makes no trade by itself; skip: the row stays empty. A
    strategy may say otherwise."""
    bars: Result[Some]
    """Bars in a row that are repeated; what is missing for longer stays empty."""


class Annualisation(Section):
    """Days per year of the metrics, by what the universe holds."""

    continuous: Result[Some]
    """With an instrument that trades around the clock: every UTC day counts."""
    exchange: Result[Some]
    """Exchange sessions only."""


def _day(text: str) -> str:
    try:
        from_iso(text)
    except BadInstant:
        raise ValueError("a date such as 2018-01-01 is needed") from None
    return text


class System(Section):
    """How decisions become fills and what bounds them."""

    timeframe: Result[Literal["h4", "daily"]]
    """Decision grid: every four hours (00, 04, .. 20 UTC), or once a day at 00:00 UTC."""
    capital: Result[Positive]
    """Starting capital of a backtest, account currency."""
    fill: Result[Literal["next_open", "close"]]
    """next_open fills at the first bar after the decision; close fills at the last close and is called optimistic."""
    sizing: Result[Literal["at_decision", "at_fill"]]
    """When quantities are fixed; at_fill exists for comparisons with other engines."""
    seed: Result[int]
    """Seed of everything that is drawn."""
    start: Result[str]
    """First day of a backtest unless the command names another, UTC."""
    band: Result[Fraction]
    """Change of weight below which no order is made, fraction of NAV."""
    costs: dict[ClassKey, Costs]
    """Fees, slippage and borrowing per asset class."""
    orders: Orders
    """How orders are made and filled."""
    interest: Interest
    """What cash earns and costs."""
    limits: Limits
    """Caps on the combined book."""
    ladder: Ladder
    """Drawdown ladder."""
    log: LogSettings
    """JSON logs."""
    certificate: CertificateSample
    """Sample of the look-ahead certificate."""
    missing: Missing
    """Bars that did not come."""
    validation: Validation
    """Checks of bars."""
    annualisation: Annualisation
    """Days per year."""
    frames_gb: Face[NotNegative]
    """Disk for bars that are laid out for a backtest, gigabytes; 0 lays them out anew each time."""

    _start = field_validator("start")(_day)

    @model_validator(mode="after")
    def _fillable(self) -> Self:
        told = self.orders.limit_bp is not None or self.orders.participation is not None
        if self.fill == "close" and told:
            raise ValueError("limit orders and participation need fill: next_open")
        return self


def _symbol(text: str) -> str:
    try:
        return checked_symbol(text)
    except UsageError as failure:
        raise ValueError(str(failure)) from None


def _calendar(text: Any) -> Any:
    try:
        return checked_calendar(text) if isinstance(text, str) else text
    except UsageError as failure:
        raise ValueError(str(failure)) from None


class Delisting(Section):
    """When an instrument stopped trading, and what its holders got."""

    date: Result[str]
    """Day from which it no longer trades, UTC."""
    price: Result[NotNegative | None] = None
    """Cash per unit; null = the last close."""

    _date = field_validator("date")(_day)


class InstrumentEntry(Section):
    """One instrument or series."""

    symbol: Result[Annotated[str, AfterValidator(_symbol)]]
    """Name everywhere: SPY, BTC/USDT, T10Y2Y."""
    asset_class: Result[AssetClassName]
    """equity and crypto are traded; macro feeds the regime."""
    calendar: Result[Annotated[CalendarName, BeforeValidator(_calendar)]]
    """When it trades: on the days and in the hours of New York (NYSE, Nasdaq), London, Xetra, Toronto or Tokyo, or
    always; a series takes its days from it."""
    source: Result[SourceNames]
    """sample (made up, without a network), import (what `tradeterm data import` stored), yahoo, alpaca, binance, kraken
    or fred; or a list, whose next one is tried where one fails. import in a list: services go on behind own files."""
    timeframes: Result[Timeframes] = ("1h",)
    """What services are asked for: 1h, from which H4 and daily bars are built, and daily where hours don't go back far;
    macro series go by their publication rule."""
    lot: Result[NotNegative] = 1.0
    """Smallest step of a quantity, units; 0 = no rounding."""
    tick: Result[Positive] = 0.01
    """Smallest step of a price."""
    shortable: Result[bool | None] = None
    """Whether it can be sold short; null = equities can, coins of a spot venue can't."""
    delisted: Delisting | None = None
    """When it stopped trading, and at what price; null = it trades."""

    @property
    def made_up(self) -> bool:
        """Whether its bars come from the sample market."""
        return "sample" in self.source

    @model_validator(mode="after")
    def _unmixed(self) -> Self:
        if len(set(self.source)) < len(self.source):
            raise ValueError(f"source of {self.symbol} names one twice; name each once")
        if self.made_up and len(self.source) > 1:
            raise ValueError(f"source of {self.symbol} mixes made-up bars with others; sample stands alone")
        if self.asset_class == "crypto" and self.calendar != "24/7":
            raise ValueError(f"calendar of {self.symbol} was '{self.calendar}'; crypto trades 24/7")
        return self


class Roles(Section):
    """Which series the regime is judged on; null = that axis has no input and is UNKNOWN."""

    equity: Result[str | None]
    """Benchmark of the equity axis; also the source of realised volatility."""
    volatility: Result[str | None]
    """Volatility index."""
    crypto: Result[str | None]
    """Benchmark of the crypto axis."""
    slope: Result[str | None]
    """Yield-curve slope, percentage points."""
    activity: Result[str | None]
    """Activity survey or index: a PMI or its stand-in."""


class Publication(Section):
    """When a value of a macro series becomes known."""

    kind: Result[Literal["next_business_day", "month_end_lag", "session_close"]]
    """Counted from the observation's day, from the end of its month, or its own session."""
    lag_days: Result[Count] = 0
    """Days after the end of the month, for month_end_lag."""
    at: Result[Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]]
    """Time of day in that zone, HH:MM (in quotes)."""
    tz: Result[str] = NEW_YORK
    """Time zone of the publication."""


class Universe(Section):
    """What is traded and what is watched."""

    instruments: Annotated[tuple[InstrumentEntry, ...], Field(strict=False)]
    """Instruments and series, in their order everywhere."""
    roles: Roles
    """Inputs of the regime."""
    publication: dict[str, Publication]
    """Publication rule per macro series."""
    names: Result[dict[ServiceName, dict[str, str]]] = Field(default_factory=dict)
    """A service's own name of a symbol where it isn't ours, per service: {yahoo: {VIX: "^VIX"}}."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        symbols = [entry.symbol for entry in self.instruments]
        for symbol in symbols:
            if symbols.count(symbol) > 1:
                raise ValueError(f"instrument {symbol} was there twice; name each once")
        owners: dict[tuple[str, str], str] = {}
        for entry in self.instruments:
            owner = owners.setdefault((entry.asset_class, file_stem(entry.symbol)), entry.symbol)
            if owner != entry.symbol:
                raise ValueError(f"instruments {owner} and {entry.symbol} would share a file; rename one")
        for role in Roles.model_fields:
            symbol = getattr(self.roles, role)
            if symbol is not None and symbol not in symbols:
                raise ValueError(f"role {role} was {symbol!r}, which is no instrument; add it to universe.instruments")
        for entry in self.instruments:
            if entry.asset_class == "macro" and entry.symbol not in self.publication:
                raise ValueError(
                    f"macro series {entry.symbol} has no publication rule; add one to universe.publication"
                )
        return self


class StrategyEntry(Section):
    """One strategy of the book."""

    name: Result[str]
    """Class name in a file of the workspace's strategies folder."""
    budget: Result[Fraction]
    """Share of NAV that its weights are fractions of."""
    params: Result[dict[str, Parameter]] = Field(default_factory=dict)
    """Values of its parameters; those not named keep the strategy's own defaults."""
    universe: Result[Texts | None] = None
    """Symbols it may hold, null = what the strategy names itself."""
    enabled: Result[bool] = True
    """Whether it takes part."""
    missing: Result[MissingPolicy | None] = None
    """What becomes of its missing bars; null = as the strategy itself says, else as system.missing does."""


class OverrideEntry(Section):
    """What a person has set for strategies and instruments; of several that meet, the most restrictive holds."""

    strategy: Result[str] = "*"
    """Its name; "*" = every strategy."""
    symbol: Result[str] = "*"
    """Symbol; "*" = every instrument."""
    reduce_only: Result[bool] = False
    """Whether what is held may only become less."""
    no_trade: Result[bool] = False
    """Whether what is held stays as it is; limits and the ladder still reduce it."""
    multiplier: Result[Fraction] = 1.0
    """Factor on the strategy's weights."""


class Training(Section):
    """How learned strategies are trained."""

    every_days: Result[Some | None]
    """Days between two fits of a model, counted from 1970-01-01; null = never for that reason."""
    weekly: Result[Weekday | None]
    """Also at the end of this weekday (UTC); null = never for that reason."""
    on_drift: Result[bool]
    """Also when a daily run saw something of the strategy drift in a major way the night before; such fits are
    recorded, and belong to the workspace."""
    window_days: Result[Some | None]
    """How far back the decisions go that a model is fitted on, days; null = all."""
    least: Result[Some]
    """Fewest decisions with a known outcome that a model is fitted on."""
    folds: Result[Annotated[int, Field(ge=2)]]
    """Tests of the cross-validation, each on what came after its training rows."""
    embargo_days: Result[Count]
    """Days between the last known outcome of a fold's training rows and its test."""
    margin: Result[NotNegative]
    """How much lower than that of the model in use the skill of a new one may be, on the newest fold's test; below that
    it is not used."""

    @model_validator(mode="after")
    def _ever(self) -> Self:
        if self.every_days is None and self.weekly is None:
            raise ValueError("every_days or weekly is needed")
        return self


class Models(Section):
    """Strategies and their shares."""

    strategies: Annotated[tuple[StrategyEntry, ...], Field(strict=False)]
    """Strategies, in the order of their attribution."""
    overrides: Annotated[tuple[OverrideEntry, ...], Field(strict=False)]
    """Overrides per strategy and instrument."""
    training: Training
    """Training of learned strategies."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = [entry.name for entry in self.strategies]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"strategy {name} was there twice; name each once")
        total = sum(entry.budget for entry in self.strategies if entry.enabled)
        if total > 1 + 1e-9:
            raise ValueError(f"budgets of the enabled strategies sum to {total:g}; at most 1 is needed")
        return self


class Gate(Section):
    """What a backtest must show to make a strategy a candidate."""

    min_sharpe: Face[float]
    """Least Sharpe ratio."""
    max_drawdown: Face[Fraction]
    """Largest drawdown, positive fraction."""
    min_years: Face[NotNegative]
    """Shortest backtest, years."""
    min_trades: Face[Count]
    """Fewest round trips."""
    certificate: Face[bool]
    """Whether the look-ahead certificate over all decisions is needed."""


class PaperGate(Section):
    """What a candidate needs to trade on paper."""

    approvals: Face[Count]
    """People who must approve."""


class LiveGate(Section):
    """What a strategy on paper must show to trade live."""

    min_paper_days: Face[Count]
    """Shortest time on paper, days."""
    min_sharpe: Face[float]
    """Least Sharpe ratio on paper."""
    max_drawdown: Face[Fraction]
    """Largest drawdown on paper, positive fraction."""
    second_person: Face[bool]
    """Whether someone else than the one who promoted it to paper must approve."""


class Lifecycle(Section):
    """Gates between the stages research, candidate, paper and live."""

    candidate: Gate
    """Research to candidate."""
    paper: PaperGate
    """Candidate to paper."""
    live: LiveGate
    """Paper to live."""


class Config(Section):
    """The whole configuration."""

    system: System
    """How decisions become fills and what bounds them."""
    universe: Universe
    """What is traded and what is watched."""
    sources: Sources
    """How the data services are asked."""
    models: Models
    """Strategies and their shares."""
    regime_budgets: RegimeBudgets
    """How regimes are judged and what they do to budgets and limits."""
    lifecycle: Lifecycle
    """Gates between the stages."""
    daily: Daily
    """The daily run."""

    @model_validator(mode="after")
    def _named(self) -> Self:
        strategies = [entry.name for entry in self.models.strategies]
        symbols = [entry.symbol for entry in self.universe.instruments]
        told = [("system.limits.strategies", name, strategies) for name in self.system.limits.strategies]
        for item in self.models.overrides:
            told += [("models.overrides", item.strategy, strategies), ("models.overrides", item.symbol, symbols)]
        for where, name, known in told:
            if name != "*" and name not in known:
                near = nearest(name, known)
                hint = f"did you mean {near!r}?" if near else f"one of {', '.join(known)} is needed"
                raise ValueError(f"{where} names {name!r}, which is not there; {hint}")
        return self
