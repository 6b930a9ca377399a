"""Small helpers that several test files of this room share: text files and stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tradeterm.core.market import AssetClass, BarKey, Instrument, Timeframe
from tradeterm.core.time import from_iso
from tradeterm.data.importing import ImportReport, import_file
from tradeterm.data.publication import PublicationRule
from tradeterm.store.bars import BarStore

NOW = from_iso("2025-06-01")
RULES = {
    "VIX": PublicationRule(kind="session_close", at="16:15"),
    "T10Y2Y": PublicationRule(kind="next_business_day", at="09:00"),
    "PMI": PublicationRule(kind="month_end_lag", lag_days=1, at="10:00"),
}
SPY = Instrument(symbol="SPY", asset_class=AssetClass.EQUITY, calendar="XNYS")
QQQ = Instrument(symbol="QQQ", asset_class=AssetClass.EQUITY, calendar="XNYS")
BTC = Instrument(symbol="BTC/USDT", asset_class=AssetClass.CRYPTO, calendar="24/7", lot=1e-5)
ETH = Instrument(symbol="ETH/USDT", asset_class=AssetClass.CRYPTO, calendar="24/7", lot=1e-4)
VIX = Instrument(symbol="VIX", asset_class=AssetClass.MACRO, calendar="XNYS")
SLOPE = Instrument(symbol="T10Y2Y", asset_class=AssetClass.MACRO, calendar="XNYS")
PMI = Instrument(symbol="PMI", asset_class=AssetClass.MACRO, calendar="XNYS")


def key_of(instrument: Instrument, timeframe: Timeframe) -> BarKey:
    return BarKey(instrument.asset_class, instrument.symbol, timeframe)


def brought_in(store: BarStore, path: Path, instrument: Instrument, timeframe: Timeframe, **more: Any) -> ImportReport:
    """Import a file of stamps in UTC that are opens."""
    wanted: dict[str, Any] = {
        "tz": "UTC",
        "label": "open",
        "now_ns": NOW,
        "publication": RULES.get(instrument.symbol),
        "calendar": instrument.calendar,
    }
    return import_file(
        store,
        path,
        symbol=instrument.symbol,
        asset_class=instrument.asset_class,
        timeframe=timeframe,
        **(wanted | more),
    )


def proven(store: BarStore, path: Path, instrument: Instrument, **more: Any) -> ImportReport:
    """Import a file of which nothing is said but whose bars it holds."""
    wanted: dict[str, Any] = {
        "now_ns": NOW,
        "publication": RULES.get(instrument.symbol),
        "calendar": instrument.calendar,
    }
    return import_file(store, path, symbol=instrument.symbol, asset_class=instrument.asset_class, **(wanted | more))
