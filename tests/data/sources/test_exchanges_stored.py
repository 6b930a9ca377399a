"""Bars of real clients in the store: a refresh adds what is new, a second one nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from wire.case import QUICK, Bench
from wire.cases import alpaca, binance, kraken
from wire.loopback import Reply

from tradeterm.core.market import BarKey, Timeframe
from tradeterm.core.time import HOUR_NS
from tradeterm.data.crew import Supplier
from tradeterm.data.refresh import RefreshPlan, refresh
from tradeterm.store.bars import BarStore

if TYPE_CHECKING:
    from wire.loopback import Stub


@pytest.mark.parametrize(("case", "rows"), [(case, case.CASES[-1].rows) for case in (alpaca, binance, kraken)])
def test_a_second_refresh_adds_nothing_and_a_later_one_what_is_new(stub: Stub, tmp_path, case: Any, rows: int):
    case.serve(stub)
    # Alpaca is asked for splits and dividends before its bars.
    stub.route("/v1/corporate-actions", lambda _: Reply({"corporate_actions": {}, "next_page_token": None}))
    made = case.CASES[-1]
    source = case.build(Bench(stub=stub, patience=QUICK, folder=tmp_path))
    store = BarStore(tmp_path / "data")
    plan = RefreshPlan(instruments=(made.instrument,), sources={made.instrument.symbol: (made.name,)}, publication={})
    key = BarKey(made.instrument.asset_class, made.instrument.symbol, Timeframe.H1)

    def added(asof_ns: int) -> list[int]:
        report = refresh(store, plan, asof_ns=asof_ns, sources={made.name: Supplier(make=lambda: source)})
        assert [item.error for item in report.items if item.error] == []
        return [item.added for item in report.items if item.key == key]

    early = case.NOW // HOUR_NS * HOUR_NS - 20 * HOUR_NS
    first = added(early)[0]
    assert 0 < first < rows
    assert added(early) == [0]
    assert first + added(case.NOW)[0] == rows
    whole = source.bars(made.instrument, Timeframe.H1, made.start_ns, case.NOW)
    assert np.array_equal(store.read(key).close, whole.close)
    assert store.meta(key).source == made.name
    assert store.exists(BarKey(key.asset_class, key.symbol, Timeframe.H4))
