"""A book over a market: contract, prefixes, what a strategy is shown, and the settings that reach the kernel."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panels import DAY, H4, made_fills, made_panel
from shipped import INSTRUMENTS, START, SYMBOLS, book, market, members, trend

from tradeterm.core.errors import BadWeights
from tradeterm.engine.book import new_record, new_state
from tradeterm.engine.budgets import Limits
from tradeterm.engine.context import Context, TargetWeights
from tradeterm.engine.features import Lookback
from tradeterm.engine.inputs import RegimeInputs
from tradeterm.engine.panel import Panel
from tradeterm.engine.regime import RegimeFrame
from tradeterm.engine.replay import Ladder, Member, Replay, replay, vector_weights
from tradeterm.engine.simulate import advance
from tradeterm.engine.strategy import Strategy, VectorStrategy

RECORDED = ("nav", "cash", "gross", "drawdown", "ladder", "position", "held", "contribution", "scale", "target", "pnl")


def run(**changes: object) -> Replay:
    panel, fills, inputs = market()
    return replay(panel, fills, inputs, book(**changes), start_ns=START)


@pytest.fixture(scope="module")
def whole() -> Replay:
    return run()


class Fixed(VectorStrategy):
    """The same weights at every row."""

    name: ClassVar[str] = "Fixed_v1"
    version: ClassVar[str] = "1.0.0"
    universe: ClassVar[tuple[str, ...]] = SYMBOLS
    answer: ClassVar[dict[str, float]] = {"SPY": 0.5}
    lookback = Lookback()

    def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
        return np.array([[self.answer.get(symbol, 0.0) for symbol in panel.symbols]] * len(panel))


class Stepwise(Strategy):
    """Asks itself at every row; keeps what it was shown."""

    name: ClassVar[str] = "Stepwise_v1"
    version: ClassVar[str] = "1.0.0"
    universe: ClassVar[tuple[str, ...]] = ("SPY", "BTC/USDT")
    lookback = Lookback()

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[Context] = []

    def features(self, panel: Panel) -> dict[str, np.ndarray]:
        return {"close": panel.close}

    def generate_target_weights(self, ctx: Context) -> TargetWeights:
        self.shown.append(ctx)
        turn = len(self.shown) // 15 % 3
        return TargetWeights(weights=({"SPY": 0.8}, {"SPY": 0.3, "BTC/USDT": 0.2}, {})[turn])


def test_the_shipped_strategies_decide_within_their_contract_and_do_something(whole: Replay) -> None:
    assert (whole.weights >= 0.0).all()
    assert (whole.weights.sum(axis=2) <= 1.0 + 1e-9).all()
    for m, member in enumerate(whole.spec.members):
        outside = [j for j, symbol in enumerate(SYMBOLS) if symbol not in member.symbols]
        assert not whole.weights[:, m, outside].any()
        assert whole.weights[:, m].any()
        assert whole.record.held[0, :, m].any()


def test_a_run_starts_at_its_first_decision_with_its_capital(whole: Replay) -> None:
    assert whole.times[0] == START
    assert whole.record.nav[0, 0] == 100_000.0
    assert len(whole.times) == len(whole.panel) - whole.first_row
    assert whole.ladder_state in ("NORMAL", "DERISKED", "HALTED")


@settings(max_examples=12)
@given(row=st.integers(1, 590))
def test_a_run_on_what_was_known_at_t_is_the_same_up_to_t(whole: Replay, row: int) -> None:
    panel, fills, inputs = market()
    stop = whole.first_row + row + 1
    now = int(panel.times[stop - 1])
    # nothing that opens after the last decision is there
    arrays = [name for name in fills.__slots__ if getattr(fills, name) is not None]
    unfilled = {name: getattr(fills, name)[:stop].copy() for name in arrays}
    unfilled["open"][-1], unfilled["at"][-1] = np.nan, -1
    cut = replay(panel.upto(now), type(fills)(**unfilled), inputs.upto(now), whole.spec, start_ns=START)
    assert len(cut.times) == row + 1
    np.testing.assert_array_equal(cut.weights, whole.weights[: row + 1])
    for name in RECORDED:
        expected = getattr(whole.record, name)[0, : row + 1]
        np.testing.assert_array_equal(getattr(cut.record, name)[0], expected, err_msg=name)


def test_a_run_again_is_the_same_to_the_bit(whole: Replay) -> None:
    again = run()
    for name in RECORDED:
        np.testing.assert_array_equal(getattr(again.record, name), getattr(whole.record, name))


def test_strategies_that_do_not_see_their_past_decide_the_same_from_a_later_start(whole: Replay) -> None:
    panel, fills, inputs = market()
    later = replay(panel, fills, inputs, whole.spec, start_ns=START + 30 * DAY)
    for m in (0, 2):
        np.testing.assert_array_equal(later.weights[:, m], whole.weights[180:, m])


def test_stepping_and_running_through_are_the_same_kernel() -> None:
    stepped = run(parts=(Member(Stepwise(), 1.0, ("SPY", "BTC/USDT")),))
    state, record = new_state(1, 1, 4, 100_000.0), new_record(1, len(stepped.times), 1, 4)
    advance(stepped.market, stepped.plan, stepped.terms, state, record, 0, len(stepped.times))
    np.testing.assert_array_equal(record.nav, stepped.record.nav)
    np.testing.assert_array_equal(record.held, stepped.record.held)


# What a strategy is shown


def test_a_strategy_sees_what_the_kernel_holds_for_it() -> None:
    strategy = Stepwise()
    other = Member(trend(trend_days=10, momentum_days=5), 0.4, ("SPY", "QQQ"))
    found = run(parts=(Member(strategy, 0.6, ("SPY", "BTC/USDT")), other))
    record, on, fills = found.record, found.market, market()[1]
    checked = 0
    since: dict[str, tuple[int, int]] = {}
    for row, ctx in enumerate(strategy.shown):
        for symbol in ("SPY", "BTC/USDT"):
            j = SYMBOLS.index(symbol)
            lots = record.held[0, row, 0, j]
            if lots == 0.0:
                assert symbol not in ctx.held
                since.pop(symbol, None)
                continue
            held = ctx.held[symbol]
            if symbol not in since:
                # first seen now: it was filled in the row before
                since[symbol] = (row, 0)
                assert held.entry_ns == fills.at[found.first_row + row - 1, j]
                assert held.entry_price == fills.open[found.first_row + row - 1, j]
            began, bars = since[symbol]
            bars += int(on.own_bar[row, j])
            since[symbol] = (began, bars)
            assert held.bars_held == bars
            expected = lots * on.unit[j] * on.mark[row, j] / record.nav[0, row]
            assert held.weight == pytest.approx(expected, rel=1e-12)
            checked += 1
    assert checked > 100
    assert found.holdings[0] == tuple(ctx.held for ctx in strategy.shown)
    assert found.holdings[1] is None


def test_a_strategy_sees_nothing_later_and_its_own_symbols_alone() -> None:
    strategy = Stepwise()
    found = run(parts=(Member(strategy, 0.5, ("SPY", "BTC/USDT")),))
    assert [ctx.time_ns for ctx in strategy.shown] == found.times.tolist()
    for row, ctx in enumerate(strategy.shown):
        assert ctx.panel.symbols == ("SPY", "BTC/USDT")
        assert ctx.panel.times[-1] == ctx.time_ns
        assert ctx.panel.known_at.max() <= ctx.time_ns
        assert len(ctx.features["close"]) == len(ctx.panel)
        assert ctx.regime.time_ns == ctx.time_ns
        assert ctx.budget == found.plan.budget[0, row, 0]


ARRAYS = ("times", "open", "high", "low", "close", "volume", "bar_no", "known_at")


def refuse_writing(panel: Panel, *others: np.ndarray) -> None:
    assert panel.daily is not None
    shown = [getattr(part, name) for part in (panel, panel.daily) for name in ARRAYS]
    for values in (*shown, panel.daily_row, *others):
        with pytest.raises(ValueError, match="read-only"):
            values[-1] = 0


def test_a_stepwise_strategy_cannot_write_into_what_it_is_shown() -> None:
    strategy = Stepwise()
    run(parts=(Member(strategy, 0.5, ("SPY", "BTC/USDT")),))
    for ctx in (strategy.shown[1], strategy.shown[-1]):
        refuse_writing(ctx.panel, *ctx.features.values())
        with pytest.raises(TypeError):
            ctx.held["SPY"] = None  # type: ignore[index]  # refused at run time too


def test_a_vector_strategy_cannot_write_into_what_it_is_shown() -> None:
    class Writer(Fixed):
        name: ClassVar[str] = "Writer_v1"

        def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
            refuse_writing(panel, regime.state, regime.last, regime.times, regime.reading)
            return super().weights(panel, regime)

    assert run(parts=(Member(Writer(), 0.5, SYMBOLS),)).weights.any()


# Weights outside the contract


class Odd(Fixed):
    name: ClassVar[str] = "Odd_v1"
    row: ClassVar[int] = 200
    wrong: ClassVar[dict[str, float]] = {}

    def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
        answer = super().weights(panel, regime)
        for symbol, weight in self.wrong.items():
            answer[self.row, panel.column(symbol)] = weight
        return answer


@pytest.mark.parametrize(
    ("wrong", "symbol", "found"),
    [
        ({"QQQ": 1.5}, "QQQ", "was 1.5"),
        ({"ETH/USDT": -0.1}, "ETH/USDT", "was -0.1"),
        ({"QQQ": np.inf}, "QQQ", "was inf"),
        ({"SPY": 0.9, "QQQ": 0.6}, "SPY", "brings the sum to 1.5"),
    ],
)
def test_bad_weights_name_strategy_time_and_symbol(wrong: dict[str, float], symbol: str, found: str) -> None:
    kind = type("Wrong", (Odd,), {"wrong": wrong})
    with pytest.raises(BadWeights) as caught:
        run(parts=(Member(kind(), 1.0, SYMBOLS),))
    text = str(caught.value)
    # row 200 is the decision at 201 x 4 h
    assert text.startswith(f"Odd_v1 at 1970-02-03T12:00:00Z: weight of {symbol} ")
    assert found in text


def test_a_declared_short_may_be_negative() -> None:
    kind = type("Short", (Odd,), {"wrong": {"SPY": -1.0}, "short": True, "answer": {}})
    found = run(parts=(Member(kind(), 1.0, SYMBOLS),))
    assert found.weights.min() == -1.0


def test_a_weight_for_a_symbol_outside_the_universe_is_an_error() -> None:
    class Elsewhere(Stepwise):
        name: ClassVar[str] = "Elsewhere_v1"

        def generate_target_weights(self, ctx: Context) -> TargetWeights:
            return TargetWeights(weights={"QQQ": 0.1})

    with pytest.raises(BadWeights, match=r"Elsewhere_v1 at 1970-01-21T00:00:00Z: weight of QQQ .*not in the universe"):
        run(parts=(Member(Elsewhere(), 1.0, ("SPY", "BTC/USDT")),))


def test_weights_of_another_shape_are_an_error() -> None:
    class Narrow(Fixed):
        name: ClassVar[str] = "Narrow_v1"

        def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
            return np.zeros((len(panel), 1))

    with pytest.raises(BadWeights, match=r"Narrow_v1 .*had shape"):
        run(parts=(Member(Narrow(), 1.0, SYMBOLS),))


def test_a_vector_strategy_reads_nan_as_flat() -> None:
    kind = type("Warm", (Odd,), {"wrong": {"SPY": np.nan}})
    assert run(parts=(Member(kind(), 1.0, SYMBOLS),)).weights[200 - 119, 0, 0] == 0.0


def test_a_stepwise_strategy_has_no_weights_of_all_rows() -> None:
    panel, _, _ = market()
    with pytest.raises(TypeError, match="no vector strategy"):
        vector_weights(Member(Stepwise(), 1.0, SYMBOLS), panel, run().frame)


def test_a_vector_strategy_refuses_to_be_asked_step_by_step() -> None:
    with pytest.raises(TypeError, match="last row"):
        Fixed().generate_target_weights(None)  # type: ignore[arg-type]  # refused before it is read


# Settings that reach the kernel


def test_the_market_of_a_run_is_its_instruments(whole: Replay) -> None:
    assert whole.spec.classes == ("crypto", "equity")
    assert whole.market.asset_class.tolist() == [1, 1, 0, 0]
    assert whole.market.unit.tolist() == [1.0, 1.0, 0.001, 0.001]
    assert whole.terms.taker[0].tolist() == whole.terms.maker[0].tolist() == [0.0001, 0.0001, 0.001, 0.001]
    assert whole.terms.slippage[0].tolist() == [0.0002, 0.0002, 0.0005, 0.0005]
    assert whole.terms.class_cap[0, 0].tolist() == [0.2, np.inf]
    assert whole.spec.names == ("EquityTrendModel_v1", "IndexMeanReversionModel_v1", "CryptoMomentumModel_v1")


def test_rules_by_regime_reach_budgets_and_limits(whole: Replay) -> None:
    frame = whole.frame.rows(whole.first_row, len(whole.frame))
    bear, wild = frame.is_state("equity", "BEAR"), frame.is_state("volatility", "HIGH")
    assert bear.any()
    assert wild.any()
    # 60 % of the trend model: half in a bear market or when wild, not a quarter in both
    np.testing.assert_array_equal(whole.plan.budget[0, :, 0], np.where(bear | wild, 0.3, 0.6))
    np.testing.assert_array_equal(whole.plan.budget[0, :, 1], np.where(wild, 0.125, 0.25))
    np.testing.assert_array_equal(whole.terms.gross_cap[0], np.where(bear, 0.8, 1.2))


def test_a_ladder_resumes_after_its_days() -> None:
    spec = book(ladder=Ladder(resume_after_days=2.0))
    panel, fills, inputs = market()
    found = replay(panel, fills, inputs, spec, start_ns=START)
    assert found.terms.ladder[0].tolist() == [0.15, 0.20, 0.10, 0.5, 2.0 * DAY]
    assert run().terms.ladder[0, 4] == np.inf


def test_a_fill_at_the_close_is_at_the_last_close_and_only_where_one_came() -> None:
    found = run(parts=(Member(Fixed(), 0.5, SYMBOLS),), fill="close", costs={}, band=0.0)
    j = 0
    filled = found.record.filled[0, :, j] != 0.0
    assert filled.any()
    assert found.market.own_bar[filled, j].all()
    first = int(np.flatnonzero(filled)[0])
    assert found.market.own_bar[:first, j].sum() == 0
    # bought at the close it was valued at: NAV is not moved by the fill
    assert found.record.nav[0, first + 1] == pytest.approx(
        100_000.0 + found.record.filled[0, first, j] * (found.market.mark[first + 1, j] - found.market.mark[first, j])
    )


def test_sizing_at_the_fill_reaches_the_kernel() -> None:
    assert run(sizing="at_fill").terms.at_fill.tolist() == [True]
    assert run().terms.at_fill.tolist() == [False]


def test_columns_go_where_their_symbols_are() -> None:
    """A strategy whose universe is in another order than the panel."""

    class Last(Fixed):
        name: ClassVar[str] = "Last_v1"
        answer: ClassVar[dict[str, float]] = {"SPY": 0.1, "ETH/USDT": 0.4}

    found = run(parts=(Member(Last(), 0.5, ("ETH/USDT", "SPY")),))
    assert found.weights[10, 0].tolist() == [0.1, 0.0, 0.0, 0.4]


def test_a_run_without_inputs_or_rules_is_neutral_and_whole() -> None:
    panel, fills, _ = market()
    found = replay(panel, fills, RegimeInputs(), book(rules=(), limits=Limits()), start_ns=START)
    assert (found.plan.budget[0] == [0.6, 0.25, 0.15]).all()
    # RISK_OFF is the neutral crypto state: no coins
    assert not found.weights[:, 2].any()


def test_a_panel_of_daily_bars_runs_too() -> None:
    panel = made_panel(4, 200, symbols=SYMBOLS, step=DAY)
    fills = made_fills(panel, 4)
    spec = book(parts=(members()[0], members()[2]))
    found = replay(panel, fills, market()[2], spec, start_ns=START)
    assert found.weights.any()
    assert (np.diff(found.times) == DAY).all()


def test_a_start_after_the_end_is_an_empty_run() -> None:
    panel, fills, inputs = market()
    found = replay(panel, fills, inputs, book(), start_ns=int(panel.times[-1]) + H4)
    assert len(found.times) == 0
    assert found.record.nav.shape == (1, 0)


def test_instruments_without_a_lot_are_not_rounded() -> None:
    free = tuple(replace(item, lot=0.0) for item in INSTRUMENTS)
    found = run(instruments=free)
    assert not found.market.rounds.any()
    assert found.market.unit.tolist() == [1.0] * 4
    held = found.record.position[0][found.record.position[0] != 0.0]
    assert (held != np.trunc(held)).any()


def with_carried(panel: Panel, rows: list[int], column: int) -> Panel:
    """Same panel whose bars of these rows are carried ones."""
    filled = np.zeros(panel.close.shape, dtype=bool)
    filled[rows, column] = True
    cells = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close", "volume")}
    for row in rows:
        last = cells["close"][:row, column]
        for name in ("open", "high", "low", "close"):
            cells[name][row, column] = last[np.isfinite(last)][-1]
        cells["volume"][row, column] = 0.0
    return replace(panel, filled=filled, **cells)


class Newest(VectorStrategy):
    """As much of each symbol as its newest close is odd; notes what it was shown."""

    name: ClassVar[str] = "Newest_v1"
    version: ClassVar[str] = "1.0.0"
    universe: ClassVar[tuple[str, ...]] = ("A", "B")
    lookback = Lookback()
    shown: ClassVar[list[Panel]] = []

    def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
        self.shown.append(panel)
        return np.where(np.nan_to_num(panel.close) * 1e6 % 2 > 1, 0.5, 0.0)


@pytest.mark.parametrize("carries", [True, False])
def test_carried_bars_make_no_trade_and_are_hidden_from_who_skips_them(carries: bool) -> None:
    panel = made_panel(5, 120, ("A", "B"), gaps=0.0)
    fills = made_fills(panel, 5)
    rows = [20, 21, 22, 50, 51, 80]
    shaped = with_carried(panel, rows, 0)
    Newest.shown.clear()
    spec = replace(book(), members=(Member(Newest(), 1.0, ("A", "B"), carries),), instruments=tuple(INSTRUMENTS[:2]))
    found = replay(shaped, fills, RegimeInputs(), spec, start_ns=int(panel.times[0]))
    (seen,) = Newest.shown
    assert not found.market.own_bar[rows, 0].any()
    if carries:
        assert seen.filled is not None
        assert np.flatnonzero(seen.filled[:, 0]).tolist() == rows
        assert found.market.carried[rows, 0].all()
        held = found.record.held[0, :, 0, 0]
        contribution = found.record.contribution[0, :, 0, 0]
        worth = held * found.market.unit[0] * found.market.mark[:, 0] / found.record.nav[0]
        np.testing.assert_allclose(contribution[rows], worth[rows], rtol=1e-12, atol=1e-15)
    else:
        assert seen.filled is None
        assert np.isnan(seen.close[rows, 0]).all()
        assert seen.bar_no[:, 0].max() == len(panel) - len(rows) - 1
        assert (np.diff(seen.bar_no[seen.bar_no[:, 0] >= 0, 0]) == 1).all()
