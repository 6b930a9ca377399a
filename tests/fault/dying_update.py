"""Updates that die; see dying.py.

A folder gets data/ and results/. The source holds 30 hours, the first of them told otherwise than what is stored.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "data"))

from data_stock import BTC, ETH
from fake_sources import DAY_END, Feed, changed, hours, suppliers

from tradeterm.core.time import HOUR_NS
from tradeterm.data.refresh import RefreshPlan, RefreshReport, refresh
from tradeterm.data.restating import RestatementLog
from tradeterm.store.bars import BarStore
from tradeterm.store.ledger import Ledger

NAMES = ("BTC/USDT", "ETH/USDT")


def brought_up(folder: Path, *, asof_ns: int, feed: Feed) -> RefreshReport:
    plan = RefreshPlan(instruments=(BTC, ETH), sources=dict.fromkeys(NAMES, ("one",)), publication={})
    log = RestatementLog(folder / "results", clock=lambda: asof_ns)
    store = BarStore(folder / "data")
    return refresh(store, plan, asof_ns=asof_ns, sources=suppliers(feed), restated=log.record, now_ns=asof_ns)


def first(folder: Path) -> RefreshReport:
    return brought_up(folder, asof_ns=DAY_END, feed=Feed("one", hours(24)))


def second(folder: Path) -> RefreshReport:
    feed = Feed("one", changed(hours(30), 20, 500.0))
    return brought_up(folder, asof_ns=DAY_END + 6 * HOUR_NS, feed=feed)


def main() -> None:
    from dying import Points, children

    points = Points()
    for module, name in ((os, "replace"), (os, "fsync"), (Ledger, "append_many")):
        points.around(module, name)
    children(second, points)


if __name__ == "__main__":
    main()
