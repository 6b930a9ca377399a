"""Bars that never came, in a whole run: carried as configured, told, and no substitute for fresh ones."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from desks import STOCKED, Bench, copied
from loguru import logger

from tradeterm.core.errors import StaleData
from tradeterm.core.market import AssetClass, BarKey, Bars, FillBars, Timeframe
from tradeterm.core.time import DAY_NS, from_iso
from tradeterm.research.backtest import prepare, run_backtest
from tradeterm.research.freshness import overdue
from tradeterm.store.bars import BarStore

_FIRST, _LAST = "2024-03-05", "2024-03-06"


@pytest.fixture
def told() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message.record["message"])), level="INFO")
    yield lines
    logger.remove(sink)


def holed(bench: Bench, first: str, stop: str) -> None:
    """Take SPY's bars of [first, stop) away."""
    store = BarStore(bench.workspace.data)
    for timeframe in (Timeframe.H4, Timeframe.DAILY):
        key = BarKey(AssetClass.EQUITY, "SPY", timeframe)
        bars, meta = store.read_whole(key)
        kept = (bars.ts < from_iso(first)) | (bars.ts >= from_iso(stop))
        cells = {name: getattr(bars, name)[kept] for name in Bars.__slots__ if name not in ("fill", "straddles")}
        if bars.fill is not None and bars.straddles is not None:
            fill = FillBars(**{name: getattr(bars.fill, name)[kept] for name in FillBars.__slots__})
            store.write(key, Bars(**cells, straddles=bars.straddles[kept], fill=fill), meta)
        else:
            store.write(key, Bars(**cells), meta)


def test_carried_bars_are_logged_counted_in_the_manifest_and_certified(bench: Bench, told: list[str]) -> None:
    holed(bench, _FIRST, _LAST)
    with bench.ledger() as ledger:
        result = run_backtest(bench.settings, ledger, name="holed", start_ns=None, end_ns=STOCKED)
    assert result.proof.ok
    # A winter session is known in three H4 bars: the hours that close by 16:00, 20:00 and 24:00 UTC.
    assert "SPY: 3 missing bars carried forward" in told
    manifest = json.loads((result.path / "manifest.json").read_text())
    counts = {(item["symbol"], item["timeframe"]): item.get("carried", 0) for item in manifest["read"]}
    assert counts["SPY", "h4"] == 3
    assert counts["SPY", "daily"] == 1
    assert sum(counts.values()) == 4


def test_the_policy_is_the_strategys_then_the_entrys_then_the_systems(bench: Bench, tmp_path, told: list[str]) -> None:
    holed(bench, _FIRST, _LAST)
    own = prepare(bench.settings, end_ns=STOCKED).run
    assert [member.carries for member in own.spec.members] == [True, True, True]
    skipping = copied(bench, tmp_path / "skip", "system.missing.policy=skip")
    told.clear()
    bare = prepare(skipping.settings, end_ns=STOCKED).run
    assert bare.panel.filled is None
    assert not [line for line in told if "carried" in line]
    path = skipping.workspace.strategies / "equity_trend.py"
    text = path.read_text()
    said = text.replace('    version = "1.0.0"\n', '    version = "1.0.0"\n    missing = "forward_fill"\n')
    assert said != text
    path.write_text(said)
    mixed = prepare(skipping.settings, end_ns=STOCKED).run
    assert [member.carries for member in mixed.spec.members] == [True, False, False]
    assert mixed.panel.filled is not None
    entry = copied(skipping, tmp_path / "entry", "system.missing.policy=skip")
    models = entry.workspace.root / "configs" / "base" / "models.yaml"
    models.write_text(
        models.read_text().replace("enabled: true                      #", "missing: skip\n      enabled: true #")
    )
    again = copied(entry, tmp_path / "again", "system.missing.policy=skip")
    assert [member.carries for member in prepare(again.settings, end_ns=STOCKED).run.spec.members] == [False] * 3


def test_carried_bars_do_not_make_old_ones_fresh(bench: Bench) -> None:
    holed(bench, "2024-05-28", "2024-06-01")
    run = prepare(bench.settings, end_ns=STOCKED, allow_stale=True).run
    assert run.panel.filled is not None
    assert run.panel.filled[:, 0].sum() == 5  # of eight, as configured
    assert overdue(run)["SPY"] > 3 * DAY_NS
    with pytest.raises(StaleData, match="SPY: the newest bar is of 2024-05-24T20:00:00Z"):
        prepare(bench.settings, end_ns=STOCKED)


def test_a_run_is_another_where_bars_are_missing(bench: Bench) -> None:
    whole = prepare(bench.settings, end_ns=STOCKED)
    holed(bench, _FIRST, _LAST)
    gone = prepare(bench.settings, end_ns=STOCKED)
    assert gone.market.fingerprint != whole.market.fingerprint
    rows = np.flatnonzero(gone.run.market.carried[:, 0])
    assert not gone.run.record.filled[0, rows, 0].any()
