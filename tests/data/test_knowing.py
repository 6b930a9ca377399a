"""Nothing is known before it can have been: each kind of bar against instants written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tradeterm.core.errors import DataError
from tradeterm.core.market import AssetClass, BarKey, Bars, Instrument, Timeframe
from tradeterm.core.time import MINUTE_NS, from_iso
from tradeterm.data.knowing import earliest_known, known_too_early, refuse_known_too_early
from tradeterm.data.panel import MarketRequest, build_market
from tradeterm.data.publication import PublicationRule
from tradeterm.store.bar_table import BarMeta
from tradeterm.store.bars import BarStore

SPY, BTC = (AssetClass.EQUITY, "SPY", "XNYS"), (AssetClass.CRYPTO, "BTC/USDT", "24/7")
VIX, PMI = (AssetClass.MACRO, "VIX", "XNYS"), (AssetClass.MACRO, "PMI", "XNYS")
RULES = {
    "VIX": PublicationRule(kind="session_close", at="16:15"),
    "T10Y2Y": PublicationRule(kind="next_business_day", at="09:00"),
    "PMI": PublicationRule(kind="month_end_lag", lag_days=1, at="10:00"),
}


def meta_of(what: tuple[AssetClass, str, str], timeframe: Timeframe, note: str = "") -> BarMeta:
    kind, symbol, calendar = what
    extra = {"note": note} if note else {}
    return BarMeta(
        symbol=symbol, asset_class=kind, timeframe=timeframe, calendar=calendar, source="import:made.csv", extra=extra
    )


def bars_of(opens: list[str], known: list[int]) -> Bars:
    ts = np.array([from_iso(text) for text in opens])
    cells = {name: np.full(len(ts), 5.0) for name in ("open", "high", "low", "close", "volume")}
    return Bars(ts=ts, known_at=np.array(known), **cells)


@pytest.mark.parametrize(
    ("what", "timeframe", "opens", "first"),
    [
        (BTC, Timeframe.H1, "2024-03-08T20:00Z", "2024-03-08T21:00Z"),
        (BTC, Timeframe.DAILY, "2024-03-08", "2024-03-09"),
        (SPY, Timeframe.H1, "2024-03-08T20:30Z", "2024-03-08T21:00Z"),
        # New York went to summer time on 10 March; the eve of a holiday ends at 13:00 there.
        (SPY, Timeframe.DAILY, "2024-03-08T14:30Z", "2024-03-08T21:00Z"),
        (SPY, Timeframe.DAILY, "2024-03-11T13:30Z", "2024-03-11T20:00Z"),
        (SPY, Timeframe.DAILY, "2024-07-03T13:30Z", "2024-07-03T17:00Z"),
        (VIX, Timeframe.DAILY, "2024-03-08", "2024-03-08T21:15Z"),
        ((AssetClass.MACRO, "T10Y2Y", "XNYS"), Timeframe.DAILY, "2024-03-08", "2024-03-11T13:00Z"),
        (PMI, Timeframe.MONTHLY, "2024-02-01", "2024-03-01T15:00Z"),
    ],
)
def test_a_bar_is_known_with_its_end_and_a_value_with_its_publication(
    what: tuple[AssetClass, str, str], timeframe: Timeframe, opens: str, first: str
) -> None:
    key, meta, rule = BarKey(what[0], what[1], timeframe), meta_of(what, timeframe), RULES.get(what[1])
    instant = from_iso(first)
    ts = np.array([from_iso(opens)])
    assert earliest_known(key, ts, meta, rule).tolist() == [instant]
    for known, early in ((instant, False), (instant - MINUTE_NS, True), (int(ts[0]), True)):
        bars = bars_of([opens], [known])
        assert known_too_early(key, bars, meta, rule).tolist() == [early]


def test_dates_of_publication_hold_against_the_schedule_and_not_against_the_period() -> None:
    key, meta = BarKey(AssetClass.MACRO, "PMI", Timeframe.MONTHLY), meta_of(PMI, Timeframe.MONTHLY, "alfred")
    published = bars_of(["2024-02-01"], [from_iso("2024-02-15T13:30Z")])
    assert not known_too_early(key, published, meta, RULES["PMI"]).any()
    assert known_too_early(key, bars_of(["2024-02-01"], [from_iso("2024-02-01")]), meta, RULES["PMI"]).all()


def test_a_bar_on_the_clock_ends_where_the_next_one_opens() -> None:
    key, meta = BarKey(AssetClass.EQUITY, "SPY", Timeframe.H1), meta_of(SPY, Timeframe.H1)
    bars = bars_of(["2024-03-08T14:30Z", "2024-03-08T15:00Z"], [from_iso("2024-03-08T15:00Z")] * 2)
    assert known_too_early(key, bars, meta, None).tolist() == [False, True]


def test_refusing_names_the_first_of_them_and_what_to_do() -> None:
    key, meta = BarKey(AssetClass.CRYPTO, "BTC/USDT", Timeframe.DAILY), meta_of(BTC, Timeframe.DAILY)
    opens = ["2024-03-07", "2024-03-08"]
    with pytest.raises(DataError) as caught:
        refuse_known_too_early(key, bars_of(opens, [from_iso("2024-03-08"), from_iso("2024-03-08T12:00Z")]), meta)
    assert "2024-03-08T00:00:00Z is said to be known at 2024-03-08T12:00:00Z" in str(caught.value)
    assert "before 2024-03-09T00:00:00Z (1 such bars); bring the series in again" in str(caught.value)


def test_no_market_is_built_of_a_macro_value_known_at_its_period(tmp_path: Path) -> None:
    store = BarStore(tmp_path / "data")
    days = [f"2024-03-{day:02d}" for day in range(1, 20)]
    btc = BarKey(AssetClass.CRYPTO, "BTC/USDT", Timeframe.DAILY)
    daily = bars_of(days, [from_iso(f"2024-03-{day + 1:02d}") for day in range(1, 20)])
    store.write(btc, daily, meta_of(BTC, Timeframe.DAILY))
    pmi = BarKey(AssetClass.MACRO, "PMI", Timeframe.MONTHLY)
    request = MarketRequest(
        instruments=(_instrument(),),
        timeframe="daily",
        asof_ns=from_iso("2024-03-20"),
        roles={"activity": "PMI"},
        publication=RULES,
    )
    store.write(pmi, bars_of(["2024-02-01"], [from_iso("2024-03-01T15:00Z")]), meta_of(PMI, Timeframe.MONTHLY))
    assert build_market(store, request).regime.activity is not None
    store.write(pmi, bars_of(["2024-02-01"], [from_iso("2024-02-01")]), meta_of(PMI, Timeframe.MONTHLY))
    with pytest.raises(DataError, match=r"2024-02-01T00:00:00Z is said to be known at 2024-02-01T00:00:00Z"):
        build_market(store, request)


def test_no_market_is_built_of_a_daily_bar_known_before_its_close(tmp_path: Path) -> None:
    store = BarStore(tmp_path / "data")
    btc = BarKey(AssetClass.CRYPTO, "BTC/USDT", Timeframe.DAILY)
    known = [from_iso("2024-03-02"), from_iso("2024-03-02T20:00Z")]
    store.write(btc, bars_of(["2024-03-01", "2024-03-02"], known), meta_of(BTC, Timeframe.DAILY))
    request = MarketRequest(
        instruments=(_instrument(),), timeframe="daily", asof_ns=from_iso("2024-03-20"), roles={}, publication={}
    )
    with pytest.raises(DataError, match=r"2024-03-02T00:00:00Z is said to be known at 2024-03-02T20:00:00Z"):
        build_market(store, request)


def _instrument() -> Instrument:
    return Instrument(symbol="BTC/USDT", asset_class=AssetClass.CRYPTO, calendar="24/7", lot=0.0, tick=0.01)
