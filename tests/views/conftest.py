"""Stores with known contents, written through the stores' own interfaces."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tradeterm.config.load import load_settings
from tradeterm.config.settings import Settings
from tradeterm.config.workspace import Workspace
from tradeterm.core.market import AssetClass, BarKey, Bars, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, from_iso, iso
from tradeterm.store.bars import BarMeta, BarStore
from tradeterm.store.ledger import Ledger
from tradeterm.store.runs import RunStore

ROOT = Path(__file__).resolve().parents[2]
RECORDED = from_iso("2026-11-21T00:05:11Z")
INSTANT = pa.timestamp("ns", tz="UTC")


@dataclass
class Stores:
    """A workspace and what tests put into it."""

    workspace: Workspace
    ledger: Ledger
    runs: RunStore = field(init=False)
    bars: BarStore = field(init=False)

    def __post_init__(self) -> None:
        self.runs = RunStore(self.workspace.results)
        self.bars = BarStore(self.workspace.data)

    def daily(self, asof: str, *, profile: str = "sample", made_up: bool = True, **steps: dict[str, Any]) -> str:
        """Record a daily run with the outputs of its steps; return its id."""
        daily_id = f"d-{profile}-{asof}"
        payload = {"asof": asof, "profile": profile, "config_hash": "c0", "seed": 7, "made_up": made_up}
        self.ledger.append("daily", daily_id, payload)
        for name, outputs in steps.items():
            fact = {"daily_id": daily_id, "step": name, "status": "done", "outputs": outputs}
            self.ledger.append("step", f"{daily_id}:{name}", fact)
        return daily_id

    def refresh(self, command: str, at: str, *items: dict[str, Any], profile: str = "sample") -> None:
        """Record what an update or download came to, as if it had ended then."""
        payload = {
            "command": command,
            "asof": at,
            "profile": profile,
            "items": [{"state": "ok", "added": 1, "restated": 0, "tries": [], "error": None} | item for item in items],
        }
        with Ledger(self.workspace.results, clock=lambda: from_iso(at)) as ledger:
            ledger.append("refresh", f"{at}|{command}", payload)

    def run(self, run_id: str, **changes: Any) -> None:
        """Record a run fact."""
        payload: dict[str, Any] = {
            "name": "a run",
            "kind": "backtest",
            "profile": "sample",
            "made_up": True,
            "timeframe": "h4",
            "fill": "next_open",
            "start": "2020-01-01T00:00:00Z",
            "end": "2026-11-21T00:00:00Z",
            "strategies": [{"name": "Trend_v1", "version": "1.0.0", "content_hash": "aa", "budget": 0.6}],
            "config_hash": "c0",
            "code_hash": "k0",
            "data_hash": "d0",
            "metrics": {"sharpe": 1.25, "cagr": 0.1, "max_drawdown": -0.12, "bps_score": 0.7, "trades": 33},
            "certificate": {"ok": True, "checked": 160, "decisions": 9000, "coverage": "newest and drawn"},
            "ladder": {"state": "NORMAL", "drawdown": 0.02},
        }
        self.ledger.append("run", run_id, payload | changes)

    def folder(self, run_id: str, *, navs: list[float], nav: float | None = None, asof: str = "2026-11-21") -> None:
        """Write the folder of a run whose day-end NAVs are these."""
        last = from_iso(asof)
        days = [last - (len(navs) - 1 - place) * DAY_NS for place in range(len(navs))]
        # Between two day ends lies one more decision, which is no point of the metrics' series.
        times = [instant for day in days for instant in (day - 4 * HOUR_NS, day)]
        doubled = np.repeat(navs, 2)
        peaks = np.maximum.accumulate(doubled)
        tables = {
            "nav": pa.table(
                {
                    "ts": pa.array(times, INSTANT),
                    "nav": doubled,
                    "cash": doubled * 0.4,
                    "gross": np.full(len(times), 0.6),
                    "drawdown": 1.0 - doubled / peaks,
                    "ladder": ["NORMAL"] * len(times),
                    "day_end": [False, True] * len(navs),
                }
            ),
            "trades": pa.table(
                {
                    "ts": pa.array([times[0], times[-1]], INSTANT),
                    "at": pa.array([times[0] + 1, times[-1] + 1], INSTANT),
                    "symbol": ["SPY", "QQQ"],
                    "side": ["BUY", "SELL"],
                    "quantity": [12.0, 3.0],
                    "price": [589.1, 500.0],
                    "notional": [7069.2, 1500.0],
                    "fee": [0.7, 0.15],
                    "slippage": [1.4, 0.3],
                }
            ),
        }
        tables |= _by_day(days, navs)
        documents = {
            "manifest": {"run_id": run_id, "start": iso(days[0]), "config": {"system": {"capital": navs[0]}}},
            "metrics": {
                "portfolio": {"sharpe": 1.25, "skew": None},
                "strategies": {"Trend_v1": METRICS},
                "periods_per_year": 365,
                "benchmark": "SPY",
                "universe": ["SPY"],
                "regimes": [{"axis": "equity", "states": ["BEAR", "NEUTRAL", "BULL"]}],
                "assumptions": ["market orders"],
                "conventions": {"sharpe": "a ratio"},
            },
            "certificate": {"ok": True, "failures": []},
            "book": BOOK | {"asof": iso(last), "nav": navs[-1] if nav is None else nav},
        }
        self.runs.write(run_id, tables, documents)

    def store_bars(self, symbol: str, timeframe: Timeframe, opens: list[str], known: list[str], **meta: Any) -> None:
        """Store flat bars that open and become known at these instants."""
        asset_class = meta.pop("asset_class", AssetClass.EQUITY)
        key = BarKey(asset_class, symbol, timeframe)
        flat = np.full(len(opens), 100.0)
        bars = Bars(
            ts=np.array([from_iso(text) for text in opens], dtype=np.int64),
            known_at=np.array([from_iso(text) for text in known], dtype=np.int64),
            open=flat,
            high=flat,
            low=flat,
            close=flat,
            volume=flat,
        )
        calendar = "24/7" if asset_class is AssetClass.CRYPTO else "XNYS"
        values = {"calendar": calendar, "source": "sample"} | meta
        self.bars.write(key, bars, BarMeta(symbol=symbol, asset_class=asset_class, timeframe=timeframe, **values))


def _by_day(days: list[int], navs: list[float]) -> dict[str, pa.Table]:
    """Day tables of a run in one strategy that made all of it, against a benchmark that made nothing."""
    still = np.full(len(days), navs[0])
    part = {"ts": pa.array(days, INSTANT), "gross": still * 0.0 + 0.6, "turnover": still * 0.0, "cost": still * 0.0}
    book = {"nav": np.array(navs), "interest": still * 0.0, "buy_hold": still, "benchmark": still * np.nan}
    trip = {"quantity": [2.0], "entry_price": [100.0], "exit_price": [110.0], "gross": [20.0], "cost": [1.0]}
    return {
        "days": pa.table(part | book | {"net": part["gross"], "equity": ["BULL"] * len(days)}),
        "strategy_days": pa.table(part | {"strategy": ["Trend_v1"] * len(days), "pnl": np.array(navs) - navs[0]}),
        "roundtrips": pa.table(
            {
                "owner": ["portfolio"],
                "symbol": ["SPY"],
                "side": ["LONG"],
                "entry_at": pa.array(days[:1], INSTANT),
                "exit_at": pa.array(days[-1:], INSTANT),
                **trip,
                "net": [19.0],
                "bars": [3],
            }
        ),
    }


METRICS = {"sharpe": 1.1, "max_drawdown": -0.31, "trades": 20}
BOOK: dict[str, Any] = {
    "cash": 40_000.0,
    "gross": 0.6,
    "positions": [
        {
            "symbol": "SPY",
            "asset_class": "equity",
            "quantity": 52.0,
            "mark": 589.1,
            "weight": 0.303,
            "target": 0.31,
            "delta": 0.007,
            "order": 1.0,
            "strategies": {"Trend_v1": {"before": 0.4, "after": 0.31}},
        }
    ],
    "limits": [{"name": "gross", "now": 0.6, "cap": 1.2, "binding": False}],
    "ladder": {
        "state": "NORMAL",
        "drawdown": 0.02,
        "peak": 102_000.0,
        "derisk_at": 0.15,
        "halt_at": 0.2,
        "recovery": 0.1,
    },
    "residual": 0.0,
    "cuts": [{"limit": "asset", "symbol": "SPY", "wanted": 0.5, "cap": 0.4, "headroom": 0.1, "passes": 0.4}],
}


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    """An empty workspace with the repository's configuration."""
    root = tmp_path / "desk"
    shutil.copytree(ROOT / "configs", root / "configs")
    for name in ("strategies", "data", "results"):
        (root / name).mkdir()
    return Stores(Workspace(root), Ledger(root / "results", clock=lambda: RECORDED))


@pytest.fixture
def settings(stores: Stores) -> Settings:
    """The sample profile."""
    return load_settings(stores.workspace, profile="sample", env={})
