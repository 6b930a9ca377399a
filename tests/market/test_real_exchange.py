"""Eight real years of Binance through ccxt: hours in which the exchange was closed are in it."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wire.adapters import redirected
from wire.cases import binance
from wire.guard import loopback_only
from wire.loopback import Stub

from tradeterm.core.market import Timeframe
from tradeterm.core.time import HOUR_NS, from_iso
from tradeterm.data.sources.ccxt import Exchange
from tradeterm.data.sources.wire import Line, Patience

pytestmark = pytest.mark.market


def _rows(path: Path) -> list[list[Any]]:
    with gzip.open(path, "rt") as file:
        return [
            [from_iso(row["ts"]) // 1_000_000, row["open"], row["high"], row["low"], row["close"], row["volume"], 0]
            for row in csv.DictReader(file)
        ]


def test_every_real_hour_comes_back_as_it_is_and_no_hour_that_was_not_there(market):
    rows = _rows(market / "BTCUSDT_1h__binance.csv.gz")
    first, last = rows[0][0] * 1_000_000, rows[-1][0] * 1_000_000
    assert (last - first) // HOUR_NS + 1 > len(rows)  # the exchange was closed at times
    with loopback_only(), Stub() as stub:
        binance.serve(stub, rows)
        line = Line("binance", Patience(requests_per_minute=6000), sleep=lambda _: None)
        source = Exchange(
            "binance", session=redirected({binance.HOST: stub.url}), line=line, now_ns=lambda: last + HOUR_NS
        )
        bars = source.bars(binance.BTC, Timeframe.H1, 0, last + HOUR_NS)
    assert (bars.ts // 1_000_000).tolist() == [row[0] for row in rows]
    for column, name in enumerate(("open", "high", "low", "close", "volume"), start=1):
        assert np.array_equal(getattr(bars, name), [float(row[column]) for row in rows])
    assert len(stub.asked(binance.PATH)) == -(-len(rows) // 1000)
