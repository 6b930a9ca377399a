"""A workstation whose event loop stands still on `x` until the kill file is there; run by the pty tests."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tradeterm.config.load import load_settings
from tradeterm.config.workspace import Workspace
from tradeterm.tui.app import TradetermApp


class BlockedApp(TradetermApp):
    """Blocks, as a bug in a handler would."""

    BINDINGS = [("x", "block", "block")]  # noqa: RUF012

    def action_block(self) -> None:
        (self.workspace.results / "blocked").touch()
        while not self.workspace.kill_file.exists():
            time.sleep(0.01)
        (self.workspace.results / "released").touch()


workspace = Workspace(Path(sys.argv[1]))
BlockedApp(workspace, load_settings(workspace, profile="sample", env={})).run()
