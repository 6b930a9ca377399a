"""Signals of rules: the side of tonight's weights, with odds that a plain loop over the stored bars gives too."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from desks import STOCKED, Bench

from tradeterm.core.market import Actions, AssetClass, BarKey, Instrument, Timeframe
from tradeterm.core.signals import Side, Signal
from tradeterm.core.time import DAY_NS, iso
from tradeterm.data.panel import build_market
from tradeterm.research.backtest import Prepared, market_request, prepare
from tradeterm.research.desk import instruments
from tradeterm.signals.own_bars import known_at, read_own_bars
from tradeterm.signals.predict import predict
from tradeterm.store.bars import BarStore


def predicted(bench: Bench, prepared: Prepared) -> list[Signal]:
    store = BarStore(bench.workspace.data)
    by_symbol = {item.symbol: item for item in instruments(bench.settings.config)}
    return predict(
        prepared.run,
        lambda symbol, timeframe: read_own_bars(store, by_symbol[symbol], timeframe),
        config_hashes=dict.fromkeys(prepared.run.spec.names, "c0ffee"),
        run_id="test",
    )


def test_there_is_one_signal_per_strategy_and_symbol_of_its_universe(bench: Bench) -> None:
    found = predicted(bench, prepare(bench.settings, end_ns=STOCKED))
    assert [(item.model_version.split("_")[0], item.symbol) for item in found] == [
        ("EquityTrendModel", "SPY"),
        ("EquityTrendModel", "QQQ"),
        ("IndexMeanReversionModel", "SPY"),
        ("IndexMeanReversionModel", "QQQ"),
        ("CryptoMomentumModel", "BTC/USDT"),
        ("CryptoMomentumModel", "ETH/USDT"),
    ]
    assert {item.ts_ns for item in found} == {STOCKED}


def test_flat_signals_have_no_odds_and_others_have_odds_inside_the_unit_interval(bench: Bench) -> None:
    found = [
        item
        for days in (0, 20, 45, 70, 110, 150)
        for item in predicted(bench, prepare(bench.settings, end_ns=STOCKED - days * DAY_NS))
    ]
    assert {item.side for item in found} >= {Side.LONG, Side.FLAT}
    for item in found:
        if item.side is Side.FLAT:
            assert (item.prob, item.ev, item.sample) == (None, None, 0)
        elif item.sample:
            assert item.prob is not None
            assert 0.0 < item.prob < 1.0
            assert item.ev is not None
            assert math.isfinite(item.ev)


def test_odds_equal_a_plain_loop_over_the_daily_bars(bench: Bench) -> None:
    """Written from the definition: enter at the first daily open at or after the decision, leave h opens later."""
    for days in (0, 30, 60, 90, 120):
        prepared = prepare(bench.settings, end_ns=STOCKED - days * DAY_NS)
        chosen = [item for item in predicted(bench, prepared) if item.timeframe == "daily" and item.side is Side.LONG]
        if chosen:
            break
    signal = chosen[0]
    member = prepared.run.spec.names.index(signal.model_version.split("@")[0])
    column = prepared.run.panel.column(signal.symbol)
    asset_class = AssetClass.EQUITY if signal.symbol in ("SPY", "QQQ") else AssetClass.CRYPTO
    bars = BarStore(bench.workspace.data).read(BarKey(asset_class, signal.symbol, Timeframe.DAILY))
    opens = [
        (int(at), float(price), int(known)) for at, price, known in zip(bars.ts, bars.open, bars.known_at, strict=True)
    ]
    opens = [item for item in opens if item[2] <= signal.ts_ns]
    hits, nets = 0, []
    for row, time_ns in enumerate(prepared.run.times[:-1].tolist()):
        newest = int(prepared.run.panel.daily_row[prepared.run.first_row + row, column])
        before = int(prepared.run.panel.daily_row[prepared.run.first_row + row - 1, column]) if row else -1
        if newest == before or prepared.run.weights[row, member, column] <= 0.0:
            continue
        later = [item for item in opens if item[0] >= time_ns]
        if len(later) > signal.horizon:
            ratio = later[signal.horizon][1] / later[0][1]
            nets.append(ratio - 1.0 - signal.cost * (1.0 + ratio))
            hits += nets[-1] > 0.0
    assert signal.sample == len(nets) > 10
    assert signal.prob == pytest.approx((hits + 1) / (len(nets) + 2), abs=1e-15)
    assert signal.ev == pytest.approx(float(np.mean(nets)), abs=1e-12)


def test_on_the_daily_grid_every_horizon_counts_daily_bars(bench: Bench) -> None:
    """Nothing finer is known there, to the strategy as to its odds: by hand, for a strategy that names H4 bars."""
    daily = bench.with_sets("system.timeframe=daily")
    whole = prepare(daily.settings, end_ns=STOCKED).run
    member = whole.spec.names.index("IndexMeanReversionModel_v1")
    assert whole.spec.members[member].strategy.timeframe == "h4"
    row, column = (int(part[-1]) for part in np.nonzero(whole.weights[:, member, :] > 0.0))
    prepared = prepare(daily.settings, end_ns=int(whole.times[row]))
    (signal,) = (
        item
        for item in predicted(daily, prepared)
        if item.model_version.startswith("IndexMean") and item.symbol == whole.panel.symbols[column]
    )
    bars = BarStore(bench.workspace.data).read(BarKey(AssetClass.EQUITY, signal.symbol, Timeframe.DAILY))
    there = bars.known_at <= signal.ts_ns
    nets = []
    for at in prepared.run.times[:-1][prepared.run.weights[:-1, member, column] > 0.0].tolist():
        later = bars.open[there & (bars.ts >= at)]
        # A Saturday's decision knows Friday's bar for the first time; Sunday's and Monday's know nothing new.
        if np.any((bars.known_at > at - DAY_NS) & (bars.known_at <= at)) and len(later) > signal.horizon:
            ratio = later[signal.horizon] / later[0]
            nets.append(ratio - 1.0 - signal.cost * (1.0 + ratio))
    assert (signal.timeframe, signal.side, signal.sample) == ("daily", Side.LONG, len(nets))
    assert nets
    assert signal.ev == pytest.approx(float(np.mean(nets)), abs=1e-12)
    assert signal.prob == pytest.approx((sum(net > 0.0 for net in nets) + 1) / (len(nets) + 2), abs=1e-15)


def test_an_h4_row_counts_by_the_first_source_bar_that_opens_in_it(bench: Bench) -> None:
    spy = Instrument(symbol="SPY", asset_class=AssetClass.EQUITY, calendar="XNYS")
    store = BarStore(bench.workspace.data)
    bars = read_own_bars(store, spy, "h4")
    hourly = store.read(BarKey(AssetClass.EQUITY, "SPY", Timeframe.H1))
    price_at = dict(zip(hourly.ts.tolist(), hourly.open.tolist(), strict=True))
    assert len(bars.fill_at) > 1000
    for at, price in zip(bars.fill_at.tolist(), bars.fill_open.tolist(), strict=True):
        assert price_at[at] == price
    assert (bars.known_at > bars.fill_at).all()
    assert "13:30:00Z" in {iso(at)[11:] for at in bars.fill_at.tolist()}


def test_own_bars_carry_the_factors_of_the_panels_fills(bench: Bench) -> None:
    spy = Instrument(symbol="SPY", asset_class=AssetClass.EQUITY, calendar="XNYS")
    store = BarStore(bench.workspace.data)
    days = store.read(BarKey(AssetClass.EQUITY, "SPY", Timeframe.DAILY))
    # a session's open is its daily bar's
    actions = Actions(
        ex_ns=days.ts[[-60, -30]], kind=("split", "dividend"), value=np.array([4.0, 0.02 * float(days.close[-31])])
    )
    prepared = prepare(bench.settings, end_ns=STOCKED)
    wanted = market_request(bench.settings, prepared.desk, STOCKED)
    fills = build_market(store, replace(wanted, actions={"SPY": actions})).fills
    assert fills.factor is not None
    column = prepared.run.panel.column("SPY")
    expected = dict(zip(fills.at[:, column].tolist(), fills.factor[:, column].tolist(), strict=True))
    bars = known_at(read_own_bars(store, spy, "h4", actions), STOCKED)
    assert bars.factor is not None
    assert bars.factor[-1] == pytest.approx(4.0 / 0.98)
    seen = [(at, factor) for at, factor in zip(bars.fill_at.tolist(), bars.factor.tolist(), strict=True)]
    seen = [(at, factor) for at, factor in seen if at in expected]
    assert len(seen) > 300
    assert all(expected[at] == factor for at, factor in seen)
    daily = read_own_bars(store, spy, "daily", actions)
    assert daily.factor is not None
    assert np.flatnonzero(np.diff(daily.factor)).tolist() == [len(daily.factor) - 61, len(daily.factor) - 31]
    assert read_own_bars(store, spy, "daily").factor is None
