"""Workspaces that hold the real bars, imported by the commands of the documentation."""

from __future__ import annotations

import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from desks import ROOT, new_workspace

from tradeterm.cli.diagnostics import run

MARKET = ROOT.parent / "shared" / "market"
THERE = pytest.mark.skipif(not MARKET.is_dir(), reason=f"no real bars: {MARKET} is missing")

# Files with what the command is told of them beside the symbol, as docs/first-real-run.md says.
SERIES = (
    ("VIX_1d__cboe.csv.gz", "VIX"),
    ("macro/T10Y2Y.csv", "T10Y2Y"),
    ("macro/CFNAI.csv", "CFNAI"),
)
DAYS = (
    ("SPY_1d__yahoo.csv.gz", "SPY", "--adjustment", "split"),
    ("QQQ_1d__yahoo.csv.gz", "QQQ", "--adjustment", "split"),
    ("BTCUSD_1d__yahoo.csv.gz", "BTC/USDT"),
)
HOURS = (
    ("SPY_1h__yahoo_ext.csv.gz", "SPY"),
    ("QQQ_1h__yahoo_ext.csv.gz", "QQQ"),
    ("BTCUSDT_1h__binance.csv.gz", "BTC/USDT", "--label", "open"),
)
GOLD = (("GLD_1d__yahoo_adj.csv.gz", "GLD", "--adjustment", "all"),)

File = tuple[str, ...]


@dataclass(frozen=True)
class RealDesk:
    """A workspace and the experiment that its commands are given."""

    root: Path
    experiment: str

    def __call__(self, *words: str) -> dict[str, Any]:
        """Run a command; returns its JSON."""
        book = ("--profile", "paper", "--experiment", self.experiment, "--json", "--workspace", str(self.root))
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run([*words, *book])
        assert code == 0, err.getvalue()
        found: dict[str, Any] = json.loads(out.getvalue())
        return found


def real_desk(root: Path, experiment: str, files: tuple[File, ...]) -> RealDesk:
    """New workspace with files of the market, imported."""
    desk = RealDesk(new_workspace(root).root, experiment)
    for name, symbol, *said in files:
        desk("data", "import", str(MARKET / name), "--symbol", symbol, *said)
    return desk
