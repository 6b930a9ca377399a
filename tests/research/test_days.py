"""The day tables of a stored run against its other files and its metrics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from desks import STOCKED, Bench

from tradeterm.core.time import from_iso
from tradeterm.engine.regime import AXES, classify
from tradeterm.research.backtest import prepare, run_backtest
from tradeterm.research.desk import thresholds
from tradeterm.store.runs import RunStore
from tradeterm.views.runs import build_run

START = from_iso("2023-06-01")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, stocked_bench: Bench) -> tuple[Bench, str]:
    """A run of a year, kept once for all tests here."""
    from desks import copied

    bench = copied(stocked_bench, tmp_path_factory.mktemp("days") / "workspace")
    with bench.ledger() as ledger:
        result = run_backtest(bench.settings, ledger, name="days", start_ns=START, end_ns=STOCKED)
    return bench, result.run_id


def frame(kept: tuple[Bench, str], name: str) -> pd.DataFrame:
    bench, run_id = kept
    found: pd.DataFrame = RunStore(bench.workspace.results).table(run_id, name).to_pandas()
    return found


def metrics(kept: tuple[Bench, str]) -> dict[str, float]:
    bench, run_id = kept
    found: dict[str, float] = RunStore(bench.workspace.results).document(run_id, "metrics")["portfolio"]
    return found


def test_points_are_the_starting_capital_and_the_day_ends_of_the_nav(kept: tuple[Bench, str]) -> None:
    days, nav = frame(kept, "days"), frame(kept, "nav")
    ends = nav[nav["day_end"]]
    assert days["nav"].iloc[0] == 100_000.0
    assert days["ts"].iloc[1:].tolist() == ends["ts"].tolist()
    assert days["nav"].iloc[1:].tolist() == ends["nav"].tolist()
    assert len(days) - 1 == metrics(kept)["days"]


def test_the_drawdowns_that_are_drawn_are_those_of_the_metrics(kept: tuple[Bench, str]) -> None:
    view = build_run(kept[0].workspace, kept[1])
    assert view is not None
    days = frame(kept, "days")["nav"]
    np.testing.assert_allclose([point.drawdown for point in view.points], (days / days.cummax() - 1.0)[1:], rtol=1e-12)
    assert min(point.drawdown for point in view.points) == pytest.approx(metrics(kept)["max_drawdown"], rel=1e-12)
    # A decision within a day found less.
    assert -frame(kept, "nav")["drawdown"].max() < metrics(kept)["max_drawdown"]


def test_turnover_and_exposure_by_day_add_up_to_the_metrics(kept: tuple[Bench, str]) -> None:
    days, nav = frame(kept, "days"), frame(kept, "nav")
    count = len(days) - 1
    assert days["turnover"].sum() * 365 / count == pytest.approx(metrics(kept)["turnover"], rel=1e-12)
    inside = nav[(nav["ts"] > days["ts"].iloc[0]) & (nav["ts"] <= days["ts"].iloc[-1])]
    day = np.searchsorted(days["ts"].to_numpy(), inside["ts"].to_numpy(), side="left")
    for name, values in (("gross", inside["gross"]), ("net", 1.0 - inside["cash"] / inside["nav"])):
        expected = values.groupby(day).mean()
        np.testing.assert_allclose(days[name].iloc[1:], expected, rtol=1e-9, atol=1e-12)


def test_what_strategies_made_and_interest_is_what_the_book_made(kept: tuple[Bench, str]) -> None:
    days, parts = frame(kept, "days"), frame(kept, "strategy_days")
    made = parts.groupby("ts")["pnl"].sum().to_numpy() + days["interest"].to_numpy()
    np.testing.assert_allclose(100_000.0 + made, days["nav"], atol=1e-6)
    assert parts["strategy"].nunique() == 3
    assert (parts.groupby("ts")["gross"].sum().to_numpy()[1:] >= days["gross"].to_numpy()[1:] - 1e-9).all()


def test_the_costs_of_the_strategies_are_those_of_the_trades(kept: tuple[Bench, str]) -> None:
    days, parts, trades = frame(kept, "days"), frame(kept, "strategy_days"), frame(kept, "trades")
    nav = frame(kept, "nav").set_index("ts")["nav"]
    inside = trades[trades["ts"] < days["ts"].iloc[-1]]
    paid = ((inside["fee"] + inside["slippage"]) / inside["ts"].map(nav)).sum()
    assert days["cost"].sum() == pytest.approx(paid, rel=1e-9)
    assert parts["cost"].sum() == pytest.approx(paid, rel=1e-9)
    assert paid > 0.0


def stored_daily(bench: Bench, path: str) -> pd.Series:
    bars = pd.read_parquet(Path(bench.workspace.data) / path).sort_values("known_at")
    return pd.Series(bars["close"].to_numpy(), index=bars["known_at"])


def test_benchmarks_are_closes_that_were_known_over_those_known_at_the_first_decision(
    kept: tuple[Bench, str],
) -> None:
    bench, _ = kept
    days = frame(kept, "days").set_index("ts")
    # The sample market has no dividends in these files, so raw closes are the adjusted ones.
    hold = []
    for name in ("equities/SPY", "equities/QQQ", "crypto/BTC-USDT", "crypto/ETH-USDT"):
        closes = stored_daily(bench, f"{name}_h4.parquet")
        known = np.array([closes[: at.to_pydatetime()].iloc[-1] for at in days.index])
        hold.append(known / known[0])
    np.testing.assert_allclose(days["buy_hold"], 100_000.0 * np.mean(hold, axis=0), rtol=1e-9)
    spy = stored_daily(bench, "equities/SPY_daily.parquet")
    known = np.array([spy[: at.to_pydatetime()].iloc[-1] for at in days.index])
    np.testing.assert_allclose(days["benchmark"], 100_000.0 * known / known[0], rtol=1e-9)


def test_states_are_those_known_at_each_point(kept: tuple[Bench, str]) -> None:
    bench, _ = kept
    days = frame(kept, "days")
    prepared = prepare(bench.settings, start_ns=START, end_ns=STOCKED)
    judged = classify(days["ts"].astype("int64").to_numpy(), prepared.market.regime, thresholds(bench.settings.config))
    for row in range(0, len(days), 17):
        state = judged.at_row(row)
        shown = [
            "UNKNOWN" if status == "unknown" else word for word, status in zip(state.state, state.status, strict=True)
        ]
        assert days.loc[row, list(AXES)].tolist() == shown


def test_without_an_equity_role_there_is_no_benchmark(bench: Bench) -> None:
    without = bench.with_sets("universe.roles.equity=null")
    with without.ledger() as ledger:
        result = run_backtest(without.settings, ledger, name="none", start_ns=START, end_ns=STOCKED)
    store = RunStore(without.workspace.results)
    assert np.isnan(store.table(result.run_id, "days").to_pandas()["benchmark"]).all()
    assert store.document(result.run_id, "metrics")["benchmark"] is None
    assert store.table(result.run_id, "days").to_pandas()["equity"].unique().tolist() == ["UNKNOWN"]
