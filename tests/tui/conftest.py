"""An app on fixed views and a clock that stands still: nothing that is painted depends on when, where or how fast."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual import _wait
from textual.widgets import Input, TextArea

from tradeterm.config.load import load_settings
from tradeterm.config.settings import Settings
from tradeterm.config.workspace import Workspace
from tradeterm.tui.app import TradetermApp

sys.path.insert(0, str(Path(__file__).parent))

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's terminal decides a test, and no cursor blinks."""
    for name in ("NO_COLOR", "TEXTUAL", "TEXTUAL_THEME", "TRADETERM_PROFILE", "TRADETERM_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setattr(Input.cursor_blink, "_default", False)
    monkeypatch.setattr(TextArea.cursor_blink, "_default", False)


@pytest.fixture(autouse=True)
def quick_pilot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pilot sees sooner that nothing moves.

    It takes an app for idle that has computed next to nothing for a while, and after a key looks twice: both looks
    together are longer than a frame, so what a frame paints or lays out is still waited for.
    """
    monkeypatch.setattr(_wait, "SLEEP_GRANULARITY", 0.01)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace with the repository's configuration."""
    root = tmp_path / "desk"
    shutil.copytree(ROOT / "configs", root / "configs")
    for name in ("strategies", "data", "results"):
        (root / name).mkdir()
    return Workspace(root)


@pytest.fixture
def settings(workspace: Workspace) -> Settings:
    """The sample profile."""
    return load_settings(workspace, profile="sample", env={})


@pytest.fixture
def make_app(workspace: Workspace, settings: Settings) -> Callable[..., TradetermApp]:
    """Make an app that polls nothing and shows the fixed views, or those that are given."""
    from fixed_views import NOW, VIEWS

    def make(kind: type[TradetermApp] = TradetermApp, views: dict[str, Any] | None = None) -> TradetermApp:
        app = kind(workspace, settings, clock=lambda: NOW, watch=False)
        for name, view in (VIEWS if views is None else views).items():
            app.take_view(name, view)
        return app

    return make
