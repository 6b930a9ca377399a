"""Real bars lie beside the repository and are never part of it."""

from __future__ import annotations

import getpass
import tempfile
from pathlib import Path

import pytest
from real_desks import DAYS, GOLD, HOURS, MARKET, SERIES, RealDesk, real_desk

from tradeterm.data.calendar import use_calendar_cache

use_calendar_cache(Path(tempfile.gettempdir()) / f"tradeterm-tests-{getpass.getuser()}")


@pytest.fixture(scope="session")
def market() -> Path:
    """Folder of real bars."""
    if not MARKET.is_dir():
        pytest.skip(f"no real bars: {MARKET} is missing")
    return MARKET


@pytest.fixture(scope="session")
def hours(tmp_path_factory: pytest.TempPathFactory, market: Path) -> RealDesk:
    """The H4 book of docs/first-real-run.md: what a test does there, others see."""
    return real_desk(tmp_path_factory.mktemp("hours") / "workspace", "real-bars", (*HOURS, *DAYS, *SERIES))


@pytest.fixture(scope="session")
def days(tmp_path_factory: pytest.TempPathFactory, market: Path) -> RealDesk:
    """The daily book of docs/first-real-run.md: what a test does there, others see."""
    return real_desk(tmp_path_factory.mktemp("days") / "workspace", "real-days", (*DAYS, *GOLD, *SERIES))
