"""Workspaces for tests that run the whole engine: the repository's configuration on the sample market."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tradeterm.config.load import load_settings
from tradeterm.config.settings import Settings
from tradeterm.config.workspace import Workspace
from tradeterm.core.time import from_iso
from tradeterm.data.refresh import refresh
from tradeterm.research.plan import refresh_plan
from tradeterm.store.bars import BarStore
from tradeterm.store.ledger import Ledger

ROOT = Path(__file__).resolve().parent.parent
STOCKED = from_iso("2024-06-01")
NOW = from_iso("2026-01-01")


@dataclass(frozen=True)
class Bench:
    """One workspace with its settings."""

    settings: Settings

    @property
    def workspace(self) -> Workspace:
        return self.settings.workspace

    @property
    def root(self) -> Path:
        return self.workspace.root

    def ledger(self) -> Ledger:
        """Ledger whose clock stands still: what is recorded does not depend on when."""
        return Ledger(self.workspace.results, clock=lambda: NOW)

    def facts(self) -> dict[tuple[str, str], str]:
        """Every fact without what may differ between two ways to the same state."""
        with Ledger.reader(self.workspace.results) as reader:
            return {(row.kind, row.key): _lasting(row.payload) for row in reader.rows()}

    def with_sets(self, *sets: str) -> Bench:
        return Bench(settings_of(self.root, *sets))


def _lasting(payload: str) -> str:
    """A payload without how long it took."""
    found = json.loads(payload)
    found.pop("seconds", None)
    return json.dumps(found, sort_keys=True)


SHORT = ("system.start=2023-06-01", "system.certificate.drawn=8", "system.certificate.changed=8")


def settings_of(root: Path, *sets: str) -> Settings:
    """Sample profile with a short backtest; the machine's environment decides nothing."""
    return load_settings(Workspace(root), profile="sample", sets=(*SHORT, *sets), env={})


def new_workspace(root: Path) -> Bench:
    """Copy of the repository's configuration and strategies, without data."""
    for part in ("configs", "strategies"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("data", "results"):
        (root / part).mkdir()
    return Bench(settings_of(root))


def copied(bench: Bench, root: Path, *sets: str) -> Bench:
    """Copy of a whole workspace."""
    shutil.copytree(bench.root, root)
    return Bench(settings_of(root, *sets))


def stocked(root: Path, *, until_ns: int = STOCKED) -> Bench:
    """New workspace with sample bars up to ``until_ns``."""
    bench = new_workspace(root)
    report = refresh(BarStore(bench.workspace.data), refresh_plan(bench.settings), asof_ns=until_ns)
    assert report.ok
    return bench
