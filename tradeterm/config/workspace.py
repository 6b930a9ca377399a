"""The folder that a run reads and writes: ``configs/ strategies/ data/ results/``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradeterm.core.errors import WorkspaceNotFound
from tradeterm.killfile import KILL_NAME, find_root

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Workspace", "find_workspace"]


@dataclass(frozen=True, slots=True)
class Workspace:
    """One workspace; its folders may not exist yet."""

    root: Path

    @property
    def configs(self) -> Path:
        """YAML: ``base/``, ``profiles/``, ``experiments/``."""
        return self.root / "configs"

    @property
    def strategies(self) -> Path:
        """The user's strategy files."""
        return self.root / "strategies"

    @property
    def data(self) -> Path:
        """Stored bars."""
        return self.root / "data"

    @property
    def results(self) -> Path:
        """Ledger, runs, models, logs and the kill latch."""
        return self.root / "results"

    @property
    def logs(self) -> Path:
        """JSON logs and crash reports."""
        return self.results / "logs"

    @property
    def kill_file(self) -> Path:
        """The kill latch; its existence is the state."""
        return self.results / KILL_NAME


def find_workspace(explicit: Path | None, start: Path, *, env: Mapping[str, str] | None = None) -> Workspace:
    """Return the workspace: named, else ``TRADETERM_WORKSPACE``, else the nearest folder with ``configs/`` upward."""
    environ = os.environ if env is None else env
    root = find_root(str(explicit) if explicit else None, environ, str(start))
    if root is None or not os.path.isdir(os.path.join(root, "configs")):
        raise WorkspaceNotFound(explicit or environ.get("TRADETERM_WORKSPACE") or start)
    return Workspace(type(start)(root))
