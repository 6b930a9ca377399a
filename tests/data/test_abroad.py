"""Exchanges outside New York, from a file or an answer to the store: their clocks, their breaks, and no mix-up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_stock import BTC, QQQ, SPY, brought_in, key_of
from fake_sources import Feed, hours, suppliers

from tradeterm.core.errors import DataError, UsageError
from tradeterm.core.market import AssetClass, Instrument, Timeframe
from tradeterm.core.time import HOUR_NS, from_iso, iso
from tradeterm.data.calendar import expected_opens
from tradeterm.data.missing import expected_closes
from tradeterm.data.panel import MarketRequest, build_market
from tradeterm.data.refresh import RefreshPlan, refresh
from tradeterm.data.sources.answers import checked_bars
from tradeterm.data.sources.sample import SampleMarket
from tradeterm.data.validate import ValidationRules, validate
from tradeterm.store.bars import BarStore

M5, H1, H4, DAILY = Timeframe.M5, Timeframe.H1, Timeframe.H4, Timeframe.DAILY
VOD = Instrument(symbol="VOD", asset_class=AssetClass.EQUITY, calendar="XLON")
SAP = Instrument(symbol="SAP", asset_class=AssetClass.EQUITY, calendar="XETR")
TOYOTA = Instrument(symbol="7203.T", asset_class=AssetClass.EQUITY, calendar="XTKS")
ON_NASDAQ = Instrument(symbol="SPY", asset_class=AssetClass.EQUITY, calendar="XNAS")
IN_LONDON = Instrument(symbol="SPY", asset_class=AssetClass.EQUITY, calendar="XLON")


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "data")


def _file(folder: Path, stamps: list[str], name: str = "bars.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(["ts,open,high,low,close,volume", *(f"{ts},1,1,1,1,1" for ts in stamps)]) + "\n")
    return path


def _texts(stamps: np.ndarray) -> list[str]:
    return [iso(int(ts)) for ts in stamps]


def test_a_daily_bar_takes_the_session_of_the_date_at_its_exchange() -> None:
    # Midnight there, the open, the close, and half an hour before the next midnight.
    for instrument, stamps, known in (
        (TOYOTA, ["2024-08-29T15:00Z", "2024-08-30T00:00Z", "2024-08-30T06:00Z", "2024-08-30T14:30Z"], "06:00"),
        (SAP, ["2024-08-29T22:00Z", "2024-08-30T07:00Z", "2024-08-30T15:30Z", "2024-08-30T21:30Z"], "15:30"),
        (VOD, ["2024-08-29T23:00Z", "2024-08-30T07:00Z", "2024-08-30T15:30Z", "2024-08-30T22:30Z"], "15:30"),
    ):
        for stamp in stamps:
            cells = {name: [1.0] for name in ("open", "high", "low", "close", "volume")}
            bars = checked_bars(
                "acme",
                instrument,
                DAILY,
                start_ns=from_iso("2024-08-29"),
                end_ns=from_iso("2024-08-31"),
                now_ns=from_iso("2024-09-01"),
                ts=[from_iso(stamp)],
                **cells,
            )
            assert _texts(bars.known_at) == [f"2024-08-30T{known}:00Z"], (instrument.symbol, stamp)


def test_hours_on_the_clock_of_tokyo_lose_nothing_to_its_break(store, tmp_path):
    clock = [f"2024-08-30 {hour:02d}:00" for hour in range(9, 15)]
    report = brought_in(store, _file(tmp_path, clock), TOYOTA, H1, tz="Asia/Tokyo")
    assert (report.stored, report.left_out) == (6, 0)
    bars = store.read(key_of(TOYOTA, H1))
    # 9 to 12 and 12 to 15 there; trading stops from 11:30 to 12:30.
    assert [text[11:16] for text in _texts(bars.ts)] == ["00:00", "01:00", "02:00", "03:30", "04:00", "05:00"]
    assert [text[11:16] for text in _texts(bars.known_at)] == ["01:00", "02:00", "02:30", "04:00", "05:00", "06:00"]
    assert validate(store, ValidationRules(gap_bars=1), from_iso("2024-08-31")) == []
    h4 = store.read(key_of(TOYOTA, H4))
    assert (_texts(h4.known_at), h4.volume.tolist()) == (["2024-08-30T04:00:00Z", "2024-08-30T06:00:00Z"], [4, 2])


def test_minutes_within_a_break_are_no_trading(store, tmp_path):
    clock = [f"2024-08-30 {at // 60:02d}:{at % 60:02d}" for at in range(9 * 60, 15 * 60, 5)]
    report = brought_in(store, _file(tmp_path, clock), TOYOTA, M5, tz="Asia/Tokyo")
    assert (report.stored, report.left_out) == (60, 12)


@pytest.mark.parametrize("instrument", [VOD, SAP, TOYOTA], ids=["London", "Xetra", "Tokyo"])
@pytest.mark.parametrize("minutes", [5, 60])
def test_sound_bars_of_other_exchanges_have_no_findings(store, tmp_path, instrument, minutes):
    opens = expected_opens(instrument.calendar, from_iso("2024-10-21"), from_iso("2024-11-08"), minutes * 60 * 10**9)
    brought_in(store, _file(tmp_path, _texts(opens)), instrument, M5 if minutes == 5 else H1)
    found = validate(store, ValidationRules(gap_bars=1), from_iso("2024-11-08"))
    assert [item for item in found if item.severity != "info"] == []


def test_a_missing_hour_is_found_on_either_side_of_a_break(store, tmp_path):
    opens = _texts(expected_opens("XTKS", from_iso("2024-08-30"), from_iso("2024-08-31"), HOUR_NS))
    assert [text[11:16] for text in opens] == ["00:00", "01:00", "02:00", "03:30", "04:30", "05:30"]
    for hidden in opens[1:5]:
        other = BarStore(tmp_path / hidden)
        brought_in(other, _file(tmp_path, [text for text in opens if text != hidden]), TOYOTA, H1)
        found = validate(other, ValidationRules(gap_bars=1), from_iso("2024-08-31"))
        assert [(item.rule, iso(item.ts_ns)) for item in found] == [("gap", hidden)]


def test_bars_of_another_zone_are_refused_in_the_words_of_the_exchange(store, tmp_path):
    clock = [f"2024-08-{day} {hour:02d}:00" for day in (28, 29, 30) for hour in range(9, 15)]
    with pytest.raises(UsageError, match=r"of XTKS \(they open 18:00 to 23:00 in Tokyo\)"):
        brought_in(store, _file(tmp_path, clock), TOYOTA, H1)


@pytest.mark.parametrize("timeframe", [H1, DAILY])
def test_bars_before_a_calendar_begins_are_named_and_kept_out(store, tmp_path, timeframe):
    stamps = _texts(expected_opens("XLON", from_iso("2012-01-01"), from_iso("2012-02-01"), timeframe.step_ns))
    early = [text.replace("2012-", "2011-") for text in stamps[-3:]]
    report = brought_in(store, _file(tmp_path, [*early, *stamps]), VOD, timeframe)
    assert report.quarantined == {"before-calendar": (2, 3, 4)}
    assert report.stored == len(stamps)


def test_bars_that_keep_other_hours_are_neither_added_to_nor_read(store, tmp_path):
    opens = _texts(expected_opens("XNYS", from_iso("2024-03-04"), from_iso("2024-03-09"), HOUR_NS))
    brought_in(store, _file(tmp_path, opens), SPY, H1)
    stored = store.path(key_of(SPY, H1)).read_bytes()
    # London trades until 16:30Z: some of these hours lie in its sessions.
    with pytest.raises(DataError, match="SPY 1h: stored bars keep the hours of XNYS, XLON was asked for"):
        brought_in(store, _file(tmp_path, [text for text in opens if text[11:13] < "16"]), IN_LONDON, H1)
    assert store.path(key_of(SPY, H1)).read_bytes() == stored
    asof = from_iso("2024-03-09")
    wanted = MarketRequest(instruments=(IN_LONDON,), asof_ns=asof, timeframe="h4", roles={}, publication={})
    with pytest.raises(DataError, match="stored bars keep the hours of XNYS, XLON was asked for"):
        build_market(store, wanted)
    # Nasdaq's are the same.
    assert brought_in(store, _file(tmp_path, opens), ON_NASDAQ, H1).added == 0
    wanted = MarketRequest(instruments=(ON_NASDAQ,), asof_ns=asof, timeframe="h4", roles={}, publication={})
    assert len(build_market(store, wanted).panel)


def test_a_service_adds_nothing_to_bars_that_keep_other_hours(store, tmp_path):
    opens = _texts(expected_opens("XLON", from_iso("2024-03-04"), from_iso("2024-03-09"), HOUR_NS))
    brought_in(store, _file(tmp_path, opens), IN_LONDON, H1)
    plan = RefreshPlan(instruments=(SPY,), sources={"SPY": ("import", "one")}, publication={})
    feed = Feed("one", hours(10))
    (item,) = refresh(store, plan, asof_ns=from_iso("2024-03-10"), sources=suppliers(feed)).items
    assert (item.state, feed.asked) == ("failed", [])
    assert "keep the hours of XLON, XNYS was asked for" in item.error


def test_the_sample_market_keeps_its_own_hours() -> None:
    market = SampleMarket()
    wanted = (H1, from_iso("2016-01-01"), from_iso("2016-02-01"))
    with pytest.raises(DataError, match="SPY keeps the hours of XNYS, not of XLON"):
        market.bars(IN_LONDON, *wanted)
    with pytest.raises(DataError, match="BTC/USDT keeps the hours of 24/7, not of XNYS"):
        market.bars(Instrument(symbol=BTC.symbol, asset_class=AssetClass.CRYPTO, calendar="XNYS"), *wanted)
    on_nasdaq = Instrument(symbol=QQQ.symbol, asset_class=AssetClass.EQUITY, calendar="XNAS")
    np.testing.assert_array_equal(market.bars(on_nasdaq, *wanted).close, market.bars(QQQ, *wanted).close)


def test_bars_are_expected_to_close_where_a_break_begins_and_not_within_it() -> None:
    hours = expected_closes("XTKS", from_iso("2024-08-30"), from_iso("2024-08-31"), HOUR_NS)
    assert [text[11:16] for text in _texts(hours)] == ["01:00", "02:00", "02:30", "04:30", "05:30", "06:00"]
    assert _texts(expected_closes("XTKS", from_iso("2024-08-30"), from_iso("2024-08-31"), 24 * HOUR_NS)) == [
        "2024-08-30T06:00:00Z"
    ]
