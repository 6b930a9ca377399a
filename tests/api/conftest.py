"""Workspaces with known signals, and a real service over each, on a port of its own."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from pydantic import SecretStr

from tradeterm.api.server import guarded
from tradeterm.client import Client
from tradeterm.config.workspace import Workspace
from tradeterm.core.signals import Outcome, Side, Signal
from tradeterm.core.time import DAY_NS, HOUR_NS, from_iso, iso
from tradeterm.store.ledger import Ledger
from tradeterm.store.runs import RunStore

RECORDED = from_iso("2026-11-21T00:05:11Z")
NOW = from_iso("2026-11-21T06:00:00Z")
ASOF = from_iso("2026-11-21")


@dataclass
class Desk:
    """A workspace, and what tests record in it."""

    workspace: Workspace

    def ledger(self) -> Ledger:
        return Ledger(self.workspace.results, clock=lambda: RECORDED)

    def made(self, ts_ns: int = ASOF, symbol: str = "SPY", **changes: Any) -> Signal:
        """A signal that nobody has recorded."""
        values: dict[str, Any] = {
            "ts_ns": ts_ns,
            "symbol": symbol,
            "horizon": 10,
            "side": Side.LONG,
            "prob": 0.5625,
            "ev": 0.004,
            "model_version": "Trend_v1@1.0.0",
            "config_hash": "c0",
            "run_id": "d0",
            "bar_ns": ts_ns - 4 * HOUR_NS,
            "sample": 62,
            "timeframe": "daily",
            "cost": 0.0003,
        }
        return Signal(**(values | changes))

    def signal(self, ts_ns: int = ASOF, symbol: str = "SPY", **changes: Any) -> Signal:
        """Record one signal."""
        made = self.made(ts_ns, symbol, **changes)
        with self.ledger() as ledger:
            ledger.append("signal", made.key, made.payload())
        return made

    def outcome(self, of: Signal, net: float = 0.01) -> None:
        """Record what became of a signal."""
        made = Outcome(
            signal_key=of.key,
            entry_ns=of.ts_ns + HOUR_NS,
            exit_ns=of.ts_ns + 14 * DAY_NS,
            entry_price=100.0,
            exit_price=101.0,
            gross=net + 0.0006,
            net=net,
            hit=None if of.side is Side.FLAT else net > 0,
            known_ns=of.ts_ns + 15 * DAY_NS,
        )
        with self.ledger() as ledger:
            ledger.append("outcome", of.key, made.payload())

    def daily(self, *signals: Signal, asof_ns: int = ASOF, profile: str = "sample", **changes: Any) -> str:
        """Record a daily run with these signals; ``changes`` replace outputs and statuses of steps, None omits one."""
        daily_id = f"d-{profile}-{iso(asof_ns)}"
        steps: dict[str, Any] = {
            "refresh": {
                "bars": [
                    {"bars": "SPY 1h", "source": "sample", "last": iso(asof_ns - 5 * HOUR_NS)},
                    {"bars": "VIX daily", "source": "sample", "last": None},
                ],
                "failed": [],
                "stale": [],
            },
            "train": {"reason": "nothing to train"},
            "predict": {
                "signals": len(signals),
                "refused": [],
                "withheld": [],
                "keys": [item.key for item in signals],
                "regime": "r0",
            },
            "report": {"path": "results/reports/x.md"},
        }
        steps |= {name: value for name, value in changes.items() if name != "status"}
        statuses = {"train": "skipped"} | changes.get("status", {})
        with self.ledger() as ledger:
            identity = {"asof": iso(asof_ns), "profile": profile, "config_hash": "c0", "seed": 7, "made_up": True}
            ledger.append("daily", daily_id, identity)
            for name, outputs in steps.items():
                if outputs is not None:
                    fact = {
                        "daily_id": daily_id,
                        "step": name,
                        "status": statuses.get(name, "done"),
                        "outputs": outputs,
                    }
                    ledger.append("step", f"{daily_id}:{name}", fact)
        return daily_id

    def run(self, run_id: str, *, certified: bool = True, files: bool = True, **changes: Any) -> dict[str, Any]:
        """Record a run with its files; return the outputs of a snapshot step that kept it."""
        payload: dict[str, Any] = {
            "name": "daily snapshot",
            "kind": "snapshot",
            "profile": "sample",
            "made_up": True,
            "timeframe": "h4",
            "fill": "next_open",
            "start": "2020-01-01T00:00:00Z",
            "end": iso(ASOF),
            "strategies": [{"name": "Trend_v1", "version": "1.0.0", "budget": 0.6}],
            "config_hash": "c0",
            "code_hash": "k0",
            "metrics": {"sharpe": 1.25},
            "certificate": {"ok": certified},
        }
        with self.ledger() as ledger:
            ledger.append("run", run_id, payload | changes)
        if files:
            metrics = {
                "portfolio": {"sharpe": 1.25, "recovery_days": None},
                "strategies": {"Trend_v1": {"sharpe": 1.1}},
                "conventions": {"sharpe": "ratio"},
            }
            book = {"nav": 101_250.5}
            RunStore(self.workspace.results).write(run_id, {}, {"metrics": metrics, "book": book})
        ladder = {"state": "NORMAL", "drawdown": 0.02}
        return {"run_id": run_id, "certificate": certified, "metrics": {}, "ladder": ladder}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An empty workspace."""
    root = tmp_path / "desk"
    for name in ("configs", "strategies", "data", "results"):
        (root / name).mkdir(parents=True)
    return Desk(Workspace(root))


@pytest.fixture(scope="session")
def stocked_once(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk after a day: three signals of tonight, one matured one, a certified snapshot; tests copy it."""
    desk = Desk(Workspace(tmp_path_factory.mktemp("stocked") / "desk"))
    for name in ("configs", "strategies", "data", "results"):
        (desk.workspace.root / name).mkdir(parents=True)
    old = desk.signal(ASOF - 20 * DAY_NS, symbol="QQQ")
    desk.outcome(old)
    flat = {"side": Side.FLAT, "prob": None, "ev": None, "sample": 0}
    tonight = (desk.signal(), desk.signal(symbol="QQQ", **flat), desk.signal(symbol="BTC/USDT", timeframe="h4"))
    desk.daily(*tonight, snapshot=desk.run("aa84e5948312"))
    return desk


@pytest.fixture
def stocked(stocked_once: Desk, tmp_path: Path) -> Desk:
    """A desk of the test's own, after a day."""
    root = tmp_path / "stocked"
    shutil.copytree(stocked_once.workspace.root, root)
    return Desk(Workspace(root))


Serving = Callable[..., str]


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Serve a desk on a free port until the test ends; returns its address."""
    stops: list[Callable[[], None]] = []

    def start(desk: Desk, *, token: str | None = None, profile: str | None = None, now: int = NOW) -> str:
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        app = guarded(
            desk.workspace,
            profile=profile,
            token=SecretStr(token) if token else None,
            names=frozenset({"127.0.0.1", "localhost"}),
            clock=lambda: now,
        )
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none", loop="asyncio")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()

        def stop() -> None:
            server.should_exit = True
            thread.join(timeout=20)
            listening.close()
            assert not thread.is_alive()

        stops.append(stop)
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield start
    for stop in stops:
        stop()


@pytest.fixture
def client(stocked: Desk, serving: Serving) -> Iterator[Client]:
    """A client of a service over the stocked desk."""
    with Client(serving(stocked)) as made:
        yield made
