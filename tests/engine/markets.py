"""Made markets for tests: an H4 panel with its daily panel, fills that follow it, and regime inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradeterm.core.market import AssetClass, Instrument
from tradeterm.core.time import DAY_NS, H4_NS, from_iso
from tradeterm.engine.budgets import Limits
from tradeterm.engine.inputs import RegimeInputs, RegimeSeries
from tradeterm.engine.panel import FillFrame, Panel
from tradeterm.engine.regime import Thresholds
from tradeterm.engine.replay import BookSpec, Costs, Member
from tradeterm.engine.strategy import Strategy

SYMBOLS = ("AAA", "BBB")
START = from_iso("2020-01-01")


@dataclass(frozen=True)
class MadeMarket:
    """A market that trades around the clock, with a hole at every seventh H4 bar of the second symbol."""

    panel: Panel
    fills: FillFrame
    inputs: RegimeInputs


def made_market(days: int = 240, seed: int = 3) -> MadeMarket:
    """Random walks; the daily bar is the day's last close."""
    rows, count = days * 6, len(SYMBOLS)
    rng = np.random.default_rng(seed)
    times = START + H4_NS * np.arange(1, rows + 1)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0002, 0.01, (rows, count)), axis=0))
    opened = np.vstack([close[:1], close[:-1]])
    own = np.ones((rows, count), dtype=bool)
    own[6::7, 1] = False
    own[5::6] = True
    day = np.arange(5, rows, 6)
    daily_no = np.tile(np.arange(len(day))[:, None], (1, count))
    daily = _panel(times[day], opened[day - 5], close[day], daily_no)
    bar_no = np.where(own, np.cumsum(own, axis=0) - 1, -1)
    daily_row = np.tile((np.arange(1, rows + 1) // 6 - 1)[:, None], (1, count))
    gaps = np.where(own, 1.0, np.nan)
    panel = _panel(times, opened * gaps, close * gaps, bar_no, daily=daily, daily_row=daily_row)
    fill = np.vstack([opened[1:], np.full((1, count), np.nan)])
    mark = close.copy()
    for row in range(1, rows):
        mark[row] = np.where(own[row], close[row], mark[row - 1])
    fills = FillFrame(
        open=fill,
        high=fill,
        low=fill,
        volume=np.ones_like(fill),
        at=np.where(np.isfinite(fill), times[:, None], -1),
        mark=mark,
        tradable=np.ones((rows, count), dtype=bool),
    )
    return MadeMarket(panel=panel, fills=fills, inputs=_inputs(times[day], close[day]))


def _panel(times: np.ndarray, opened: np.ndarray, close: np.ndarray, bar_no: np.ndarray, **daily: object) -> Panel:
    return Panel(
        times=times,
        symbols=SYMBOLS,
        asset_class=("crypto", "crypto"),
        open=opened,
        high=np.maximum(opened, close),
        low=np.minimum(opened, close),
        close=close,
        volume=np.where(np.isfinite(close), 1.0, np.nan),
        bar_no=bar_no.astype(np.int64),
        known_at=np.where(bar_no >= 0, times[:, None], -1),
        **daily,
    )


def _inputs(times: np.ndarray, close: np.ndarray) -> RegimeInputs:
    def series(column: int) -> RegimeSeries:
        return RegimeSeries(
            symbol=SYMBOLS[column],
            known_at=times,
            ordinal=np.arange(len(times)),
            value=close[:, column],
            due_at=times + DAY_NS,
        )

    return RegimeInputs(equity=series(0), crypto=series(1))


def made_spec(*strategies: Strategy, **changes: object) -> BookSpec:
    """A book of equal budgets without costs, with wide limits and short regime windows."""
    terms: dict[str, object] = {
        "members": tuple(Member(item, 1.0 / len(strategies), item.universe) for item in strategies),
        "instruments": tuple(
            Instrument(symbol=symbol, asset_class=AssetClass.CRYPTO, calendar="24/7", lot=0.01) for symbol in SYMBOLS
        ),
        "costs": {"crypto": Costs(fee=0.0005, slippage=0.0005)},
        "limits": Limits(gross=1.0),
        "rules": (),
        "thresholds": Thresholds(equity_ma=20, equity_momentum=(10,), crypto_ma=20, crypto_momentum=(10,)),
    }
    return BookSpec(**(terms | changes))
