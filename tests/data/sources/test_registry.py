from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tradeterm.config.load import load_settings
from tradeterm.config.sources import SERVICES
from tradeterm.config.workspace import Workspace
from tradeterm.core.errors import SourceRefused
from tradeterm.core.market import AssetClass, Instrument, Timeframe
from tradeterm.data.sources.registry import suppliers

ROOT = Path(__file__).parents[3]
CLIENTS = {"yfinance", "ccxt", "alpaca", "httpx", "requests", "curl_cffi", "pandas"}


def test_every_source_can_be_made_and_knows_its_name() -> None:
    settings = load_settings(Workspace(ROOT), profile="paper", env={})
    found = suppliers(settings.config, settings.secrets, {})
    assert sorted(found) == sorted(["sample", *SERVICES])
    for name, supplier in found.items():
        assert supplier.make().name == name
        assert supplier.workers >= 1


def test_making_all_sources_loads_no_client() -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from tradeterm.config.load import load_settings\n"
        "from tradeterm.config.workspace import Workspace\n"
        "from tradeterm.data.sources.registry import suppliers\n"
        f"settings = load_settings(Workspace(Path({str(ROOT)!r})), profile='paper', env={{}})\n"
        "[item.make() for item in suppliers(settings.config, settings.secrets, {}).values()]\n"
        "print('\\n'.join({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert not set(done.stdout.split()) & CLIENTS


def test_a_missing_key_is_the_refusal_of_that_source_alone() -> None:
    settings = load_settings(Workspace(ROOT), profile="paper", env={})
    alpaca = suppliers(settings.config, settings.secrets, {})["alpaca"].make()
    spy = Instrument(symbol="SPY", asset_class=AssetClass.EQUITY, calendar="XNYS")
    with pytest.raises(SourceRefused, match="ALPACA_API_KEY"):
        alpaca.bars(spy, Timeframe.H1, 0, 1_700_006_400_000_000_000)
