"""Time vectorbt and raptorbt at the same work; run by the Python of an environment that has them (bench_peers.txt)."""

from __future__ import annotations

import json
import os

import numpy as np
from bench_prices import CAPITAL, FEE, PAIRS, SLIPPAGE, YEAR, best, crossings, many, one, ranked

# Else its import asks a web server for the newest version.
os.environ["RAPTORBT_NO_VERSION_CHECK"] = "1"

import pandas as pd
import raptorbt as rb
import vectorbt as vbt


def main() -> None:
    times, opened, close = (values if values.ndim == 1 else values[:, 0].copy() for values in one())
    high, low, volume = np.maximum(opened, close), np.minimum(opened, close), np.ones(len(close))
    index = pd.DatetimeIndex(times.view("datetime64[ns]"))
    frame = {"open": pd.Series(opened, index=index), "close": pd.Series(close, index=index)}
    settings = {"fees": FEE, "init_cash": CAPITAL, "freq": "4h"}

    def vectorbt_1() -> object:
        fast, slow = vbt.MA.run(frame["close"], 50), vbt.MA.run(frame["close"], 200)
        done = vbt.Portfolio.from_signals(
            frame["close"],
            fast.ma_above(slow).vbt.signals.fshift(1),
            fast.ma_below(slow).vbt.signals.fshift(1),
            price=frame["open"],
            slippage=SLIPPAGE,
            **settings,
        )
        return done.value(), done.sharpe_ratio(), done.max_drawdown(), done.total_return()

    config = rb.BacktestConfig(
        initial_capital=CAPITAL,
        fees=FEE,
        slippage=SLIPPAGE,
        apply_slippage=True,
        fill_timing="next_bar_open",
        periods_per_year=float(YEAR),
        session_minutes=rb.SESSION_CONTINUOUS,
    )

    def raptorbt_1() -> object:
        up = crossings(close, 50, 200) > 0.0
        bars = (times, opened, high, low, close, volume)
        done = rb.run_single_backtest(*bars, up, ~up, direction=1, weight=1.0, symbol="X", config=config)
        return done.equity_curve(), done.metrics

    def raptorbt_2() -> object:
        bars = (times, opened, high, low, close, volume)
        found = []
        for start in range(0, len(PAIRS), 100):
            items = []
            for pair in PAIRS[start : start + 100]:
                up = crossings(close, *pair) > 0.0
                items.append(rb.BatchSingleItem(str(pair), up, ~up, direction=1, weight=1.0, symbol="X"))
            found += [done.metrics.sharpe_ratio for _, done in rb.batch_single_backtest(*bars, items, config=config)]
        return found

    closed_at, _, prices = many()
    held = ranked(prices)
    index = pd.DatetimeIndex(closed_at.view("datetime64[ns]"))
    closes, weights = (pd.DataFrame(values, index=index) for values in (prices, held))

    def vectorbt_3() -> object:
        done = vbt.Portfolio.from_orders(
            closes,
            size=weights,
            size_type="targetpercent",
            group_by=True,
            cash_sharing=True,
            call_seq="auto",
            **settings,
        )
        return done.value()

    def raptorbt_3() -> object:
        # It knows no rate of one's own, only schedules: this one costs less than a tenth of what the others pay.
        own = {"segment": "futures_cds", "dp_charge_per_isin": 0.0, "periods_per_year": float(YEAR)}
        return rb.simulate_rebalance_policy(prices, held, CAPITAL, "calendar", 1.0, **own).equity_curve()

    jobs = {
        "W1 vectorbt": vectorbt_1,
        "W1 raptorbt": raptorbt_1,
        "W2 raptorbt, its own threads": raptorbt_2,
        "W3 vectorbt": vectorbt_3,
        "W3 raptorbt, at fees of its own": raptorbt_3,
    }
    for job in jobs.values():
        job()
    print(json.dumps({name: best(job) for name, job in jobs.items()}))


if __name__ == "__main__":
    main()
