"""The shipped strategies against their rules, written again in pandas and plain Python."""

from __future__ import annotations

import ast
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from panels import series
from pydantic import ValidationError
from shipped import FOLDER, START, SYMBOLS, book, coins, market, members, reversion, trend

from tradeterm.engine.context import Context, Holding
from tradeterm.engine.features import Lookback, lookback_wilder
from tradeterm.engine.inputs import RegimeInputs
from tradeterm.engine.panel import Panel
from tradeterm.engine.regime import RegimeFrame, classify
from tradeterm.engine.replay import Member, replay, vector_weights
from tradeterm.engine.strategy import Strategy

INDEX, COINS = ("SPY", "QQQ"), ("BTC/USDT", "ETH/USDT")


def frame_of(panel: Panel, inputs: RegimeInputs) -> RegimeFrame:
    return classify(panel.times, inputs, book().thresholds)


def daily_signal(panel: Panel, symbol: str, rule: Callable[[pd.Series], pd.Series]) -> np.ndarray:
    """``rule`` on one symbol's own daily closes, as known at every row of the panel."""
    days = panel.days
    j = days.column(symbol)
    own = days.bar_no[:, j] >= 0
    values = rule(pd.Series(days.close[own, j], index=days.known_at[own, j])).astype(float)
    return values.reindex(panel.times, method="ffill").to_numpy()


def test_the_trend_model_follows_its_rule() -> None:
    panel, _, inputs = market()
    part = panel.select(INDEX)
    found = vector_weights(Member(trend(trend_days=12, momentum_days=7), 1.0, INDEX), part, frame_of(panel, inputs))

    def rule(close: pd.Series) -> pd.Series:
        return (close > close.rolling(12).mean()) & (close > close.shift(7))

    for j, symbol in enumerate(INDEX):
        expected = np.nan_to_num(daily_signal(part, symbol, rule)) / 2.0
        np.testing.assert_array_equal(found[:, j], expected)
        assert 0.1 < (found[:, j] > 0.0).mean() < 0.9


def test_the_crypto_model_follows_its_rule_and_its_gate() -> None:
    panel, _, inputs = market()
    part, frame = panel.select(COINS), frame_of(panel, inputs)
    found = vector_weights(Member(coins(fast_days=3, slow_days=9), 1.0, COINS), part, frame)
    gate = frame.is_state("crypto", "RISK_ON")
    assert 0.1 < gate.mean() < 0.9

    def rule(close: pd.Series) -> pd.Series:
        return close.pct_change(3) + close.pct_change(9) > 0.0

    for j, symbol in enumerate(COINS):
        expected = np.where(gate, np.nan_to_num(daily_signal(part, symbol, rule)) / 2.0, 0.0)
        np.testing.assert_array_equal(found[:, j], expected)
        assert found[:, j].any()


def test_the_crypto_model_is_flat_while_the_regime_is_unknown() -> None:
    panel, _, _ = market()
    part = panel.select(COINS)
    found = vector_weights(Member(coins(), 1.0, COINS), part, frame_of(panel, RegimeInputs()))
    assert not found.any()


def test_the_trend_model_needs_no_regime() -> None:
    panel, _, inputs = market()
    part, member = panel.select(INDEX), Member(trend(trend_days=12, momentum_days=7), 1.0, INDEX)
    np.testing.assert_array_equal(
        vector_weights(member, part, frame_of(panel, inputs)),
        vector_weights(member, part, frame_of(panel, RegimeInputs())),
    )


def asked(close: float, *, rsi: float = 30.0, held: int | None = None) -> float:
    """Weight of SPY with the middle band at 100, the lower one at 90."""
    panel, _, _ = market()
    part = panel.select(INDEX).rows(0, 1)
    now = {"close": close, "rsi": rsi, "middle": 100.0, "lower": 90.0}
    shown = {} if held is None else {"SPY": Holding(weight=0.1, entry_ns=0, entry_price=89.0, bars_held=held)}
    ctx = Context(
        time_ns=int(part.times[0]),
        symbols=part.symbols,
        panel=part,
        features={name: np.array([[value, np.nan]]) for name, value in now.items()},
        regime=frame_of(part, RegimeInputs(equity=series([100.0]))).at_row(0),
        budget=0.25,
        held=shown,
    )
    answer = reversion().generate_target_weights(ctx)
    assert answer.weights["QQQ"] == 0.0
    return answer.weights["SPY"]


@pytest.mark.parametrize(
    ("state", "weight"),
    [
        ({"close": 89.9, "rsi": 34.9}, 0.5),
        ({"close": 90.0, "rsi": 34.9}, 0.0),  # on the band, not below it
        ({"close": 89.9, "rsi": 35.0}, 0.0),  # not oversold enough
        ({"close": 95.0, "held": 3}, 0.5),  # held, and not back at the middle
        ({"close": 100.0, "held": 3}, 0.0),  # back at the middle
        ({"close": 95.0, "held": 11}, 0.5),
        ({"close": 95.0, "held": 12}, 0.0),  # held long enough
        ({"close": 80.0, "rsi": 10.0, "held": 12}, 0.0),
        ({"close": np.nan}, 0.0),
    ],
)
def test_the_reversion_model_enters_stays_and_leaves_by_its_rules(state: dict[str, float], weight: float) -> None:
    assert asked(**state) == weight


def test_the_reversion_model_never_holds_much_longer_than_it_may() -> None:
    panel, fills, inputs = market()
    member = Member(reversion(rsi_window=3, rsi_entry=45.0, band_window=8, band_width=1.0, most_bars=3), 1.0, INDEX)
    run = replay(panel, fills, inputs, book((member,), band=0.0), start_ns=START)
    assert run.holdings[0] is not None
    bars = [holding.bars_held for shown in run.holdings[0] for holding in shown.values()]
    assert len(bars) > 20
    # an exit waits for its fill bar, so one or more bars may pass after the last it asked for
    for row, shown in enumerate(run.holdings[0]):
        for symbol, holding in shown.items():
            if holding.bars_held >= 3:
                assert run.weights[row, 0, SYMBOLS.index(symbol)] == 0.0


@pytest.mark.parametrize(
    ("strategy", "lookback"),
    [
        (trend(), Lookback(daily=200)),
        (trend(trend_days=50, momentum_days=50), Lookback(daily=51)),
        (coins(), Lookback(daily=61)),
        (reversion(), Lookback(bars=lookback_wilder(14))),
        (reversion(rsi_window=2, band_window=400), Lookback(bars=400)),
    ],
)
def test_look_backs_follow_the_parameters(strategy: Strategy, lookback: Lookback) -> None:
    assert strategy.lookback == lookback


@pytest.mark.parametrize("row", [300, 421, 640])
def test_a_decision_needs_its_declared_look_back_alone(row: int) -> None:
    panel, _, inputs = market()
    frame = frame_of(panel, inputs)
    for member in (members()[0], members()[2]):
        part = panel.select(member.symbols)
        expected = vector_weights(member, part, frame)[row]
        need = member.strategy.lookback
        now = int(part.times[row])
        days = part.upto(now).days
        own = min(np.flatnonzero(days.bar_no[:, j] >= 0)[-need.daily] for j in range(len(member.symbols)))
        window = part.rows(row, row + 1).from_day(int(own))
        again = vector_weights(member, window, frame.rows(row, row + 1))
        np.testing.assert_array_equal(again[-1], expected)


@pytest.mark.parametrize("make", [trend, coins, reversion])
def test_an_unknown_parameter_is_refused(make: Callable[..., Strategy]) -> None:
    with pytest.raises(ValidationError, match="windwo"):
        make(windwo=3)


def imported_by(tree: ast.AST) -> set[str]:
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            imported.add(str(node.module))
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
    return imported


def test_a_strategy_file_imports_the_contract_and_numpy_alone() -> None:
    files = sorted(FOLDER.glob("*.py"))
    assert len(files) >= 4
    for path in files:
        tree = ast.parse(path.read_text())
        # Fitting is the one thing that may need more, and only while it fits: a decision loads no such library.
        inside = {name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for name in imported_by(node)}
        assert {name.partition(".")[0] for name in inside} <= {"sklearn"}, path.name
        assert imported_by(tree) - inside <= {"numpy", "collections.abc", "tradeterm.strategy_api"}, path.name


@pytest.mark.parametrize("strategy", [trend(), coins(), reversion()])
def test_a_strategy_names_itself_with_a_semantic_version(strategy: Strategy) -> None:
    assert strategy.name.endswith("_v1")
    assert [part.isdigit() for part in strategy.version.split(".")] == [True] * 3
    assert not strategy.short
