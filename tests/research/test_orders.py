"""Tomorrow's orders, by hand."""

from __future__ import annotations

from typing import Any

import pytest
from desks import Bench

from tradeterm.research.orders import next_orders


def position(symbol: str, asset_class: str, order: float, **changes: Any) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "asset_class": asset_class,
        "order": order,
        "mark": 500.0,
        "weight": 0.1,
        "target": 0.2,
        "strategies": {"EquityTrendModel_v1": {"before": 0.2, "after": 0.2}},
    } | changes


def cut(limit: str, symbol: str | None) -> dict[str, Any]:
    return {"limit": limit, "symbol": symbol, "wanted": 0.5, "cap": 0.4, "passes": 0.4}


def test_cost_is_fee_and_slippage_of_the_class_on_the_notional(bench: Bench) -> None:
    book = {
        "positions": [position("SPY", "equity", -20.0), position("BTC/USDT", "crypto", 0.5, mark=60_000.0)],
        "cuts": [],
    }
    sold, bought = next_orders(book, bench.settings.config.system)
    # 1 + 2 bp of 10,000, and 10 + 5 bp of 30,000
    assert (sold.side, sold.quantity, sold.notional, sold.cost) == ("SELL", -20.0, 10_000.0, pytest.approx(3.0))
    assert (bought.side, bought.notional, bought.cost) == ("BUY", 30_000.0, pytest.approx(45.0))
    resting = bench.with_sets("system.orders.limit_bp=5", "system.costs.equity.maker_bp=0.5").settings.config.system
    assert next_orders(book, resting)[0].cost == pytest.approx(0.5)


def test_what_stays_as_it_is_has_no_order_and_no_price_has_no_cost(bench: Bench) -> None:
    book = {"positions": [position("SPY", "equity", 0.0), position("QQQ", "equity", 5.0, mark=None)], "cuts": []}
    (only,) = next_orders(book, bench.settings.config.system)
    assert (only.symbol, only.price, only.notional, only.cost) == ("QQQ", None, None, None)


def test_each_order_names_the_limits_that_met_it_and_no_other(bench: Bench) -> None:
    book = {
        "positions": [
            position("SPY", "equity", 1.0),
            position("QQQ", "equity", 1.0, strategies={}),
            position("BTC/USDT", "crypto", 1.0),
        ],
        "cuts": [
            cut("asset", "SPY"),
            cut("class crypto", None),
            cut("strategy EquityTrendModel_v1", None),
            cut("gross", None),
        ],
    }
    spy, qqq, btc = next_orders(book, bench.settings.config.system)
    assert spy.limits == ("asset", "strategy EquityTrendModel_v1", "gross")
    assert qqq.limits == ()
    assert btc.limits == ("class crypto", "strategy EquityTrendModel_v1", "gross")
