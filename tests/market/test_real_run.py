"""The three strategies on real bars, imported by the commands of the documentation: run, day and every pane."""

from __future__ import annotations

from pathlib import Path

import pytest
from real_desks import THERE, RealDesk

from tradeterm.config.load import load_settings
from tradeterm.config.workspace import Workspace
from tradeterm.core.time import from_iso
from tradeterm.views import board, book, data, orders, regime, runs, series, status

pytestmark = [pytest.mark.market, THERE, pytest.mark.xdist_group("real desks")]


def test_the_book_runs_and_a_day_is_recorded_and_every_pane_has_something_to_show(hours: RealDesk) -> None:
    result = hours("backtest", "run", "--start", "2022-08-01", "--end", "2024-08-30")
    assert result["certificate"]["ok"]
    assert result["certificate"]["decisions"] == 4567
    assert result["sample"] is False
    # The figures of docs/first-real-run.md.
    assert result["metrics"]["trades"] == 32
    assert result["metrics"]["total_return"] == pytest.approx(0.1803, abs=5e-5)
    assert result["metrics"]["sharpe"] == pytest.approx(1.2900, abs=5e-5)
    assert result["metrics"]["max_drawdown"] == pytest.approx(-0.0510, abs=5e-5)

    day = hours("daily", "--asof", "2024-08-30")
    assert [step["status"] for step in day["steps"]] == ["done", "done", "skipped", "done", "done", "done", "done"]
    signals = hours("signals", "list")["signals"]
    assert {(item["symbol"], item["side"]) for item in signals if "EquityTrend" in item["model_version"]} == {
        ("SPY", "long"),
        ("QQQ", "long"),
    }

    workspace, now = Workspace(hours.root), from_iso("2024-08-31T01:00Z")
    settings = load_settings(workspace, profile="paper", experiment=Path("real-bars"), env={})
    assert status.build(workspace, now, profile="paper").mode == "PAPER"
    overview = data.build(workspace, now, config=settings.config).series
    assert len(overview) == 12
    for row in overview:
        detail = series.build(workspace, now, row.symbol, config=settings.config)
        (file,) = [file for file in detail.files if file.row.timeframe == row.timeframe]
        assert file.row == row
        assert (len(file.gaps or ()), len(file.quarantined or ())) == (row.gaps, row.quarantined), row.symbol
        assert file.problems == ()
    # The figures of docs/first-real-run.md.
    assert {row.symbol: row.quarantined for row in overview}["VIX"] == 47
    assert [row.kind for row in runs.build(workspace, now).runs] == ["snapshot", "backtest"]
    assert {row.symbol for row in book.build(workspace, now).positions} == {"SPY", "QQQ", "BTC/USDT"}
    states = {item.axis: item.state for item in regime.build(workspace, now).axes}
    assert states == {"equity": "BULL", "volatility": "NORMAL", "crypto": "RISK_OFF", "macro": "SLOWDOWN"}
    listed = board.listed(workspace.strategies)
    assert len(board.build(workspace, now, config=settings.config, strategies=listed).strategies) == 4
    assert orders.build(workspace, now).to_json()["schema"] == "tradeterm.orders.v1"
