"""From configuration to what the engine runs: the book's specification and its market request."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tradeterm.core.errors import BadValue, ConfigError, MissingBars, StrategyBroken
from tradeterm.core.market import AssetClass, Instrument
from tradeterm.core.time import HOUR_NS, from_iso
from tradeterm.engine.budgets import Limits, RegimeRule
from tradeterm.engine.regime import AXES, Thresholds
from tradeterm.engine.replay import BookSpec, Costs, Ladder, Member, Orders, Override
from tradeterm.store.actions import ActionStore
from tradeterm.store.strategies import anew, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tradeterm.config.schema import Config, StrategyEntry
    from tradeterm.config.settings import Settings
    from tradeterm.core.market import Actions
    from tradeterm.engine.strategy import Strategy
    from tradeterm.store.strategies import Found

__all__ = ["Desk", "actions_of", "instruments", "open_desk", "thresholds", "watched"]

_BP = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The book as configured.

    found : strategy files by strategy name, with their content hashes
    """

    spec: BookSpec
    found: Mapping[str, Found]

    def identity(self) -> list[dict[str, Any]]:
        """What names each strategy of the book in a run."""
        return [
            {
                "name": member.strategy.name,
                "version": member.strategy.version,
                "content_hash": self.found[member.strategy.name].content_hash,
                "budget": member.budget,
                "params": member.strategy.params.model_dump(mode="json"),
                "universe": list(member.symbols),
            }
            for member in self.spec.members
        ]

    def afresh(self) -> dict[str, Strategy]:
        """Strategies of the book by name, from files that were run once more: they remember nothing of a run.

        Raises
        ------
        StrategyBroken
            When a file is no longer the one that was loaded.
        """
        found = {}
        for member in self.spec.members:
            kind = anew(self.found[member.strategy.name])
            found[kind.name] = kind(kind.params_type(**member.strategy.params.model_dump()))
        return found


def open_desk(settings: Settings, *, only: str | None = None) -> Desk:
    """Load the enabled strategies of the configuration, or ``only`` one of them, into a book.

    Raises
    ------
    ConfigError
        When no strategy is enabled, or one wants a symbol that the universe does not trade.
    """
    config = settings.config
    entries = [entry for entry in config.models.strategies if entry.enabled or entry.name == only]
    if only is not None:
        entries = [entry for entry in entries if entry.name == only] or [_alone(only)]
    if not entries:
        raise ConfigError("models.strategies: none is enabled; set enabled: true for at least one")
    traded = instruments(config)
    found = {entry.name: load(entry.name, settings.workspace.strategies) for entry in entries}
    members = tuple(_member(entry, found[entry.name], traded, settings) for entry in entries)
    needed = {symbol for member in members for symbol in member.symbols}
    return Desk(spec=_spec(config, members, tuple(item for item in traded if item.symbol in needed)), found=found)


def _alone(name: str) -> StrategyEntry:
    """Entry of a strategy that the configuration does not name: the whole budget, its own defaults."""
    from tradeterm.config.schema import StrategyEntry

    return StrategyEntry(name=name, budget=1.0)


def instruments(config: Config) -> tuple[Instrument, ...]:
    """Instruments that are traded, in the order of the configuration."""
    return tuple(item for item in watched(config) if item.asset_class is not AssetClass.MACRO)


def watched(config: Config) -> tuple[Instrument, ...]:
    """Every instrument and series of the configuration, in its order."""
    return tuple(
        Instrument(
            symbol=entry.symbol,
            asset_class=AssetClass(entry.asset_class),
            calendar=entry.calendar,
            lot=entry.lot,
            tick=entry.tick,
            shortable=entry.shortable if entry.shortable is not None else entry.asset_class == "equity",
            delisted_ns=None if entry.delisted is None else from_iso(entry.delisted.date),
            last_price=None if entry.delisted is None else entry.delisted.price,
        )
        for entry in config.universe.instruments
    )


def actions_of(data_dir: Path, symbols: Iterable[str]) -> dict[str, Actions]:
    """Stored corporate actions by symbol; symbols without any are left out."""
    store = ActionStore(data_dir)
    found = {symbol: store.read(symbol) for symbol in symbols if store.exists(symbol)}
    return {symbol: actions for symbol, actions in found.items() if len(actions)}


def thresholds(config: Config) -> Thresholds:
    """Lines of the regime axes, with the levels of the activity series in use."""
    at = config.regime_budgets.thresholds
    activity = config.universe.roles.activity
    levels = at.macro.series.get(activity) if activity is not None else None
    if activity is not None and levels is None:
        raise ConfigError(
            f"regime_budgets.thresholds.macro.series: no levels for '{activity}'; add its expansion and recession"
        )
    return Thresholds(
        equity_ma=at.equity.ma,
        equity_momentum=at.equity.momentum,
        volatility_low=at.volatility.low,
        volatility_high=at.volatility.high,
        realised_window=at.volatility.realised_window,
        crypto_ma=at.crypto.ma,
        crypto_momentum=(at.crypto.momentum,),
        activity_expansion=levels.expansion if levels is not None else math.nan,
        activity_recession=levels.recession if levels is not None else math.nan,
        slope_inverted=at.macro.slope_inverted,
        hysteresis=(at.hysteresis.equity, at.hysteresis.volatility, at.hysteresis.crypto, at.hysteresis.macro),
        stale_ns=round(at.stale_hours * HOUR_NS),
    )


def _member(entry: StrategyEntry, found: Found, traded: tuple[Instrument, ...], settings: Settings) -> Member:
    kind = found.cls
    if kind is None:
        raise StrategyBroken(found.path, found.error or "it holds no strategy")
    known = {item.symbol for item in traded}
    symbols = tuple(entry.universe) if entry.universe is not None else kind.universe
    for symbol in symbols:
        if symbol not in known:
            raise MissingBars(
                f"{entry.name} wants {symbol}, which universe.instruments does not trade",
                f"add it there, or set the strategy's universe in models.strategies ({', '.join(sorted(known))})",
            )
    try:
        params = kind.params_type(**entry.params)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        where = settings.origins.get("models.strategies", "models.strategies")
        known_fields = ", ".join(kind.params_type.model_fields)
        raise BadValue(
            where, f"{entry.name} params.{field}", first["input"], f"{first['msg']} (parameters: {known_fields})"
        ) from None
    missing = entry.missing or kind.missing or settings.config.system.missing.policy
    spot = frozenset(item.symbol for item in traded if item.symbol in symbols and not item.shortable)
    return Member(kind(params), entry.budget, symbols, carries=missing == "forward_fill", spot=spot)


def _spec(config: Config, members: tuple[Member, ...], traded: tuple[Instrument, ...]) -> BookSpec:
    system = config.system
    return BookSpec(
        members=members,
        instruments=traded,
        costs={
            name: Costs(
                fee=cost.fee_bp * _BP,
                maker=cost.maker_bp * _BP,
                slippage=cost.slippage_bp * _BP,
                borrow=cost.borrow_bp * _BP,
            )
            for name, cost in system.costs.items()
        },
        limits=Limits(
            asset=system.limits.asset,
            classes=dict(system.limits.classes),
            gross=system.limits.gross,
            net=_cap(system.limits.net),
            strategies=dict(system.limits.strategies),
        ),
        rules=tuple(_rules(config)),
        thresholds=thresholds(config),
        ladder=Ladder(
            derisk=system.ladder.derisk,
            halt=system.ladder.halt,
            recovery=system.ladder.recovery,
            derisk_scale=system.ladder.derisk_scale,
            resume_after_days=system.ladder.resume_after_days,
        ),
        capital=system.capital,
        band=system.band,
        fill=system.fill,
        sizing=system.sizing,
        orders=Orders(
            limit=None if system.orders.limit_bp is None else system.orders.limit_bp * _BP,
            share=_cap(system.orders.participation),
            least=dict(system.orders.min_notional),
        ),
        overrides=tuple(
            Override(
                strategy=_named(item.strategy),
                symbol=_named(item.symbol),
                reduce_only=item.reduce_only,
                no_trade=item.no_trade,
                multiplier=item.multiplier,
            )
            for item in config.models.overrides
        ),
        interest=(system.interest.credit, system.interest.debit),
    )


def _cap(value: float | None) -> float:
    return math.inf if value is None else value


def _named(text: str) -> str | None:
    return None if text == "*" else text


def _rules(config: Config) -> list[RegimeRule]:
    rules = []
    for rule in config.regime_budgets.rules:
        axis, state = next(iter(rule.when.items()))
        if axis not in AXES:
            raise ConfigError(f"regime_budgets.rules: no axis '{axis}'; one of {', '.join(AXES)}")
        limits = rule.limits
        rules.append(
            RegimeRule(
                axis=axis,
                state=state,
                multipliers=dict(rule.multipliers),
                limits=Limits(
                    asset=_cap(limits.asset),
                    classes=dict(limits.classes),
                    gross=_cap(limits.gross),
                    net=_cap(limits.net),
                ),
            )
        )
    return rules
