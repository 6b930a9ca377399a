"""Planted leaks are caught, honest strategies are not accused, and the coverage says what was checked."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from markets import START, SYMBOLS, MadeMarket, made_market, made_spec

from tradeterm.core.time import DAY_NS
from tradeterm.engine.context import Context, TargetWeights
from tradeterm.engine.features import Lookback, carried, daily_carried, lookback_wilder, momentum, rsi, sma
from tradeterm.engine.lookahead import Certificate, Sampling, certify, sample_rows
from tradeterm.engine.panel import Panel
from tradeterm.engine.regime import RegimeFrame
from tradeterm.engine.replay import Replay, replay
from tradeterm.engine.strategy import Strategy, VectorStrategy

EVERY = Sampling(every=True)


class Made(VectorStrategy):
    """Shared by the made strategies: both symbols, daily trend over ten bars."""

    name: ClassVar[str] = "Made_v1"
    version: ClassVar[str] = "1.0.0"
    universe: ClassVar[tuple[str, ...]] = SYMBOLS

    @property
    def lookback(self) -> Lookback:
        return Lookback(bars=30, daily=10)


class Honest(Made):
    def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
        fast = carried(panel, panel.close) > carried(panel, sma(panel, 30))
        slow = daily_carried(panel, panel.days.close > sma(panel.days, 10))
        return np.where(fast & (slow > 0), 0.5, 0.0)


class OneBarPeek(Made):
    """Reads the close of the bar after the decision."""

    def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
        close = carried(panel, panel.close)
        later = np.vstack([close[1:], close[-1:]])
        return np.where(later > close, 0.5, 0.0)


class CentredWindow(Made):
    """Smooths with bars on both sides."""

    def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
        close = carried(panel, panel.close)
        smooth = (np.vstack([close[1:], close[-1:]]) + close + np.vstack([close[:1], close[:-1]])) / 3.0
        return np.where(close > smooth, 0.5, 0.0)


class WholeSample(Made):
    """Compares with the mean of all bars it is given."""

    def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
        close = carried(panel, panel.close)
        return np.where(close > np.nanmean(close, axis=0), 0.5, 0.0)


class DailyBeforeItsClose(Made):
    """Uses the daily bar of the day that is still running."""

    def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
        rows = np.minimum(panel.daily_row + 1, len(panel.days) - 1)
        running = np.take_along_axis(panel.days.close, rows, axis=0)
        return np.where(running > carried(panel, panel.close), 0.5, 0.0)


class LongerThanDeclared(Made):
    """Declares 30 bars and reads 200: its answer depends on the start date."""

    def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
        return np.where(carried(panel, momentum(panel, 200)) > 0, 0.5, 0.0)


class RunningSum(Made):
    """Sums from the first bar on: another start, other bits."""

    def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
        total = np.cumsum(np.nan_to_num(panel.close), axis=0)
        return np.where(total % 2.0 > 1.0, 0.5, 0.0)


class RegimeOfTheRunningBar(Made):
    """Uses the regime at the close of the very bar that its order is filled in."""

    def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
        later = regime.state[np.minimum(np.arange(len(panel)) + 1, len(panel) - 1)]
        return np.repeat(np.where((later != regime.state).any(axis=1), 0.5, 0.0)[:, None], 2, axis=1)


class PeekInTheLastBar(Made):
    """Looks ahead in a single row, the last that has one after it."""

    def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
        out = np.full(panel.close.shape, 0.25)
        if len(panel) > 1:
            out[-2] = np.where(np.nan_to_num(panel.close[-1]) > 0.0, 0.5, 0.0)
        return out


class FittedOnEverything(Made):
    """Fits its line once, on the first panel that it sees, and remembers it."""

    def __init__(self) -> None:
        super().__init__()
        self.line: np.ndarray | None = None

    def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
        close = carried(panel, panel.close)
        if self.line is None:
            self.line = np.nanmedian(close, axis=0)
        return np.where(close > self.line, 0.5, 0.0)


class PeekOnlyWhenFlat(Strategy):
    """Looks ahead by keeping the whole panel it once saw, and only while it holds nothing."""

    name: ClassVar[str] = "PeekOnlyWhenFlat_v1"
    version: ClassVar[str] = "1.0.0"
    universe: ClassVar[tuple[str, ...]] = SYMBOLS

    @property
    def lookback(self) -> Lookback:
        return Lookback(bars=30)

    def features(self, panel: Panel) -> dict[str, np.ndarray]:
        close = carried(panel, panel.close)
        return {"now": close, "later": close[np.minimum(np.arange(len(close)) + 3, len(close) - 1)]}

    def generate_target_weights(self, ctx: Context) -> TargetWeights:
        now, later = ctx.features["now"][-1], ctx.features["later"][-1]
        weights = {}
        for column, symbol in enumerate(ctx.panel.symbols):
            held = ctx.held.get(symbol)
            weights[symbol] = 0.5 if (later[column] > now[column] if held is None else held.bars_held < 6) else 0.0
        return TargetWeights(weights=weights)


class Patient(Strategy):
    """An honest one that reads its own past."""

    name: ClassVar[str] = "Patient_v1"
    version: ClassVar[str] = "1.0.0"
    universe: ClassVar[tuple[str, ...]] = SYMBOLS

    @property
    def lookback(self) -> Lookback:
        return Lookback(bars=lookback_wilder(5))

    def features(self, panel: Panel) -> dict[str, np.ndarray]:
        return {"rsi": carried(panel, rsi(panel, 5))}

    def generate_target_weights(self, ctx: Context) -> TargetWeights:
        low = ctx.features["rsi"][-1] < 40.0
        held = [ctx.held.get(symbol) for symbol in ctx.panel.symbols]
        keep = [item is not None and item.bars_held < 8 for item in held]
        return TargetWeights(
            weights={
                symbol: 0.5 if keep[column] or low[column] else 0.0 for column, symbol in enumerate(ctx.panel.symbols)
            }
        )


@pytest.fixture(scope="module")
def market() -> MadeMarket:
    return made_market(days=120)


def run_of(market: MadeMarket, strategy: Strategy, *, start_ns: int = START) -> Replay:
    return replay(market.panel, market.fills, market.inputs, made_spec(strategy), start_ns=start_ns)


def certificate_of(market: MadeMarket, strategy: Strategy, sampling: Sampling = EVERY) -> Certificate:
    run = run_of(market, strategy)
    return certify(run, market.inputs, sampling=sampling, seed=11, afresh={strategy.name: type(strategy)()})


@pytest.mark.parametrize(
    "leak",
    [
        OneBarPeek,
        CentredWindow,
        WholeSample,
        DailyBeforeItsClose,
        LongerThanDeclared,
        RunningSum,
        RegimeOfTheRunningBar,
        PeekInTheLastBar,
        PeekOnlyWhenFlat,
        FittedOnEverything,
    ],
)
def test_a_planted_leak_is_caught(market: MadeMarket, leak: type[Strategy]) -> None:
    certificate = certificate_of(market, leak())
    assert not certificate.ok
    assert leak.name in str(certificate.differences[0])


@pytest.mark.parametrize(
    "leak", [OneBarPeek, CentredWindow, WholeSample, DailyBeforeItsClose, PeekInTheLastBar, PeekOnlyWhenFlat]
)
def test_the_sample_of_a_run_catches_it_too(market: MadeMarket, leak: type[Strategy]) -> None:
    assert not certificate_of(market, leak(), Sampling()).ok


def test_what_a_strategy_remembers_of_the_run_is_not_what_decides_again(market: MadeMarket) -> None:
    run = run_of(market, FittedOnEverything())
    remembered = certify(run, market.inputs, sampling=EVERY, seed=11)
    afresh = certify(run, market.inputs, sampling=EVERY, seed=11, afresh={Made.name: FittedOnEverything()})
    assert remembered.ok
    assert not afresh.ok


def test_garbage_after_a_window_shows_who_reads_it(market: MadeMarket) -> None:
    found = certificate_of(market, OneBarPeek(), Sampling(newest=1, changed=0, drawn=0)).differences
    assert found
    assert all(item.garbage for item in found)
    assert "with garbage after its look-back" in str(found[0])


@pytest.mark.parametrize("honest", [Honest, Patient])
@pytest.mark.parametrize("days", [0, 1, 33, 100])
def test_an_honest_strategy_is_never_accused_for_any_start(
    market: MadeMarket, honest: type[Strategy], days: int
) -> None:
    run = run_of(market, honest(), start_ns=START + days * DAY_NS)
    certificate = certify(run, market.inputs, sampling=EVERY, seed=0)
    assert certificate.ok, [str(item) for item in certificate.differences[:3]]
    assert certificate.checked == certificate.decisions == len(run.times)


def test_a_peek_at_one_single_decision_is_caught_when_every_decision_is_checked(market: MadeMarket) -> None:
    chosen = int(market.panel.times[555])

    class Once(Made):
        def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
            out = np.zeros(panel.close.shape)
            row = int(np.searchsorted(panel.times, chosen))
            if row + 1 < len(panel):
                out[row] = 0.5
            return out

    certificate = certificate_of(market, Once())
    assert {item.time_ns for item in certificate.differences} == {chosen}


def test_the_sample_holds_the_newest_the_changed_and_the_drawn_decisions(market: MadeMarket) -> None:
    run = run_of(market, Honest())
    rows, words = sample_rows(run, Sampling(newest=5, changed=10, drawn=7), seed=1)
    held = run.record.held[0] != 0.0
    changed = set((np.flatnonzero((held[1:] != held[:-1]).any(axis=(1, 2))) + 1).tolist())
    assert set(range(len(run.times) - 5, len(run.times))) <= set(rows.tolist())
    assert len(changed & set(rows.tolist())) >= 5
    assert list(rows) == sorted(set(rows.tolist()))
    assert words.startswith(f"{len(rows)} of {len(run.times)} decisions: the last 5,")


def test_the_drawn_decisions_follow_the_seed(market: MadeMarket) -> None:
    run = run_of(market, Honest())
    drawn = Sampling(newest=0, changed=0, drawn=9)
    first, again, other = (sample_rows(run, drawn, seed=seed)[0].tolist() for seed in (4, 4, 5))
    assert first == again
    assert first != other


def test_nothing_checked_is_no_certificate(market: MadeMarket) -> None:
    nothing = Sampling(newest=0, changed=0, drawn=0)
    assert not certificate_of(market, Honest(), nothing).ok
