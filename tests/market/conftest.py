"""Real bars lie beside the repository and are never part of it."""

from __future__ import annotations

import getpass
import tempfile
from pathlib import Path

import pytest

from tradeterm.data.calendar import use_calendar_cache

use_calendar_cache(Path(tempfile.gettempdir()) / f"tradeterm-tests-{getpass.getuser()}")

MARKET = Path(__file__).resolve().parents[3] / "shared" / "market"


@pytest.fixture(scope="session")
def market() -> Path:
    """Folder of real bars."""
    if not MARKET.is_dir():
        pytest.skip(f"no real bars: {MARKET} is missing")
    return MARKET
