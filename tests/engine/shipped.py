"""The three shipped strategies, loaded by path as the package does, and a small made market for them."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from panels import DAY, made_fills, made_inputs, made_panel, with_days

from tradeterm.core.market import AssetClass, Instrument
from tradeterm.engine.budgets import Limits, RegimeRule
from tradeterm.engine.inputs import RegimeInputs
from tradeterm.engine.panel import FillFrame, Panel
from tradeterm.engine.regime import Thresholds
from tradeterm.engine.replay import BookSpec, Costs, Member
from tradeterm.engine.strategy import Strategy

FOLDER = Path(__file__).resolve().parents[2] / "strategies"
SYMBOLS = ("SPY", "QQQ", "BTC/USDT", "ETH/USDT")
CLASSES = (AssetClass.EQUITY, AssetClass.EQUITY, AssetClass.CRYPTO, AssetClass.CRYPTO)
INSTRUMENTS = tuple(
    Instrument(symbol=symbol, asset_class=kind, calendar="24/7", lot=1.0 if kind == AssetClass.EQUITY else 0.001)
    for symbol, kind in zip(SYMBOLS, CLASSES, strict=True)
)
SMALL = Thresholds(
    equity_ma=10,
    equity_momentum=(5, 10),
    realised_window=5,
    crypto_ma=10,
    crypto_momentum=(5,),
    hysteresis=(1, 2, 1, 1),
)


@cache
def shipped(stem: str, class_name: str) -> Any:
    """Class of a shipped strategy file."""
    spec = importlib.util.spec_from_file_location(f"shipped_{stem}", FOLDER / f"{stem}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, class_name)


def trend(**params: Any) -> Strategy:
    kind = shipped("equity_trend", "EquityTrendModel")
    return kind(kind.params_type(**params))


def reversion(**params: Any) -> Strategy:
    kind = shipped("index_mean_reversion", "IndexMeanReversionModel")
    return kind(kind.params_type(**params))


def coins(**params: Any) -> Strategy:
    kind = shipped("crypto_momentum", "CryptoMomentumModel")
    return kind(kind.params_type(**params))


@cache
def market(seed: int = 1, days: int = 120) -> tuple[Panel, FillFrame, RegimeInputs]:
    """Made market of four symbols; the regime's inputs start with it."""
    panel = with_days(made_panel(seed, rows=6 * days, symbols=SYMBOLS))
    classes = tuple(str(kind.value) for kind in CLASSES)
    assert panel.daily is not None
    panel = replace(panel, asset_class=classes, daily=replace(panel.daily, asset_class=classes))
    return panel, made_fills(panel, seed), made_inputs(seed, days)


def members() -> tuple[Member, ...]:
    """All three, with windows small enough for the made market."""
    return (
        Member(trend(trend_days=10, momentum_days=5), 0.6, ("SPY", "QQQ")),
        Member(reversion(rsi_window=3, rsi_entry=45.0, band_window=8, band_width=1.0), 0.25, ("SPY", "QQQ")),
        Member(coins(fast_days=3, slow_days=6), 0.15, ("BTC/USDT", "ETH/USDT")),
    )


def book(parts: tuple[Member, ...] | None = None, **changes: Any) -> BookSpec:
    """Book of the shipped strategies with caps, costs and rules."""
    spec = BookSpec(
        members=members() if parts is None else parts,
        instruments=INSTRUMENTS,
        costs={"equity": Costs(fee=0.0001, slippage=0.0002), "crypto": Costs(fee=0.001, slippage=0.0005)},
        limits=Limits(asset=0.4, classes={"crypto": 0.2}, gross=1.2),
        rules=(
            RegimeRule(axis="equity", state="BEAR", multipliers={"EquityTrendModel_v1": 0.5}, limits=Limits(gross=0.8)),
            RegimeRule(axis="volatility", state="HIGH", multipliers={"*": 0.5}),
        ),
        thresholds=SMALL,
        band=0.005,
    )
    return replace(spec, **changes)


START = 20 * DAY
