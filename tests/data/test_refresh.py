from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from data_stock import BTC, PMI, QQQ, RULES, SLOPE, SPY, VIX, brought_in, key_of
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeterm.core.errors import DataError
from tradeterm.core.market import Actions, BarKey, Bars, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, H4_NS, HOUR_NS, from_iso, iso
from tradeterm.data.crew import Supplier
from tradeterm.data.refresh import RefreshPlan, RefreshReport, refresh
from tradeterm.data.sources.answers import no_actions
from tradeterm.data.sources.sample import SampleMarket
from tradeterm.store.bars import BarStore

_ALL = (SPY, BTC, VIX, SLOPE, PMI)
_FRIDAY = from_iso("2016-03-18T16:00Z")


def _plan(*instruments: Instrument, source: str = "sample") -> RefreshPlan:
    return RefreshPlan(
        instruments=instruments, sources={item.symbol: (source,) for item in instruments}, publication=RULES
    )


def _rows(report: RefreshReport) -> dict[str, tuple[str, int, int]]:
    return {str(item.key): (item.state, item.added, item.rows_before) for item in report.items}


def _prints(store: BarStore) -> dict[BarKey, str]:
    keys = store.keys()
    return {key: store.fingerprint(key) for key in keys}


@pytest.fixture
def store(tmp_path) -> BarStore:
    return BarStore(tmp_path / "data")


def test_everything_known_by_then_is_stored_and_nothing_later(store):
    report = refresh(store, _plan(*_ALL), asof_ns=_FRIDAY)
    assert report.ok
    last = {str(item.key): iso(item.last_ns) for item in report.items}
    # Friday 16:00Z, New York in summer time: the hour that opened at 14:30Z has closed, that of 15:30Z has not.
    assert last == {
        "SPY 1h": "2016-03-18T14:30:00Z",
        "SPY h4": "2016-03-18T12:00:00Z",
        "SPY daily": "2016-03-17T13:30:00Z",
        "BTC/USDT 1h": "2016-03-18T15:00:00Z",
        "BTC/USDT h4": "2016-03-18T12:00:00Z",
        "BTC/USDT daily": "2016-03-17T00:00:00Z",
        "VIX daily": "2016-03-17T00:00:00Z",
        "T10Y2Y daily": "2016-03-17T00:00:00Z",
        "PMI monthly": "2016-02-01T00:00:00Z",
    }
    for item in report.items:
        bars = store.read(item.key)
        assert bars.known_at.max() <= _FRIDAY
        assert item.lag_ns == 0
    meta = store.meta(key_of(SPY, Timeframe.H4))
    assert (meta.source, meta.derived, meta.extra) == ("derived:1h", True, {"origin": "sample", "gaps": 0})


def test_a_second_refresh_adds_and_writes_nothing(store):
    refresh(store, _plan(*_ALL), asof_ns=_FRIDAY)
    before = {path: path.stat().st_mtime_ns for path in store.data_dir.rglob("*.parquet")}
    report = refresh(store, _plan(*_ALL), asof_ns=_FRIDAY)
    assert {(state, added) for state, added, _ in _rows(report).values()} == {("nothing new", 0)}
    assert {path: path.stat().st_mtime_ns for path in store.data_dir.rglob("*.parquet")} == before


def test_an_earlier_instant_changes_nothing_and_says_what_was_known_then(store):
    refresh(store, _plan(*_ALL), asof_ns=_FRIDAY)
    prints = _prints(store)
    report = refresh(store, _plan(*_ALL), asof_ns=from_iso("2016-03-01"))
    assert _prints(store) == prints
    last = {str(item.key): iso(item.last_ns) for item in report.items}
    assert last["SPY daily"] == "2016-02-29T14:30:00Z"
    assert last["BTC/USDT h4"] == "2016-02-29T20:00:00Z"
    assert last["PMI monthly"] == "2016-01-01T00:00:00Z"


@settings(max_examples=12)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=5))
def test_refreshing_in_steps_gives_the_files_of_one_refresh(tmp_path_factory, hours):
    folder = tmp_path_factory.mktemp("steps")
    steps, once = BarStore(folder / "steps"), BarStore(folder / "once")
    end = from_iso("2016-03-10")
    for at in [*sorted(hours), None]:
        asof = end if at is None else end - 1000 * HOUR_NS + at * HOUR_NS
        refresh(steps, _plan(*_ALL), asof_ns=asof)
    refresh(once, _plan(*_ALL), asof_ns=end)
    assert steps.keys() == once.keys()
    keys = once.keys()
    for key in keys:
        assert steps.path(key).read_bytes() == once.path(key).read_bytes()


def test_derived_files_that_were_lost_come_back(store):
    refresh(store, _plan(SPY), asof_ns=_FRIDAY)
    prints = _prints(store)
    store.path(key_of(SPY, Timeframe.H4)).unlink()
    report = refresh(store, _plan(SPY), asof_ns=_FRIDAY)
    assert _rows(report)["SPY h4"][0] == "ok"
    assert _prints(store) == prints


@dataclass
class _Feed:
    """A source that counts what it was asked and fails for some symbols."""

    name: str = "feed"
    broken: frozenset[str] = frozenset()
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    market: SampleMarket = field(default_factory=lambda: SampleMarket(RULES))

    def bars(self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int) -> Bars:
        self.asked.append((instrument.symbol, start_ns, end_ns))
        if instrument.symbol in self.broken:
            raise DataError(f"{instrument.symbol}: the feed is down")
        return self.market.bars(instrument, timeframe, start_ns, end_ns)

    def actions(self, instrument: Instrument, start_ns: int, end_ns: int) -> Actions:
        return no_actions()


def test_a_source_is_asked_from_a_few_bars_before_the_last_stored_one(store):
    feed = _Feed()
    plan = _plan(BTC, source="feed")
    refresh(store, plan, asof_ns=from_iso("2016-02-01"), sources={"feed": Supplier(make=lambda: feed)})
    refresh(store, plan, asof_ns=from_iso("2016-02-02"), sources={"feed": Supplier(make=lambda: feed)})
    assert feed.asked == [
        ("BTC/USDT", 0, from_iso("2016-02-01")),
        ("BTC/USDT", from_iso("2016-01-31T14:00Z"), from_iso("2016-02-02")),
    ]


def test_one_failing_symbol_stops_no_other_and_keeps_its_bars(store):
    plan = _plan(SPY, BTC, QQQ, source="feed")
    refresh(store, plan, asof_ns=from_iso("2016-02-01"), sources={"feed": Supplier(make=_Feed)})
    before = store.fingerprint(key_of(BTC, Timeframe.H1))
    broken = _Feed(broken=frozenset({"BTC/USDT"}))
    report = refresh(store, plan, asof_ns=from_iso("2016-02-02"), sources={"feed": Supplier(make=lambda: broken)})
    states = {str(item.key): item.state for item in report.items}
    assert states["BTC/USDT 1h"] == "failed"
    assert states["QQQ 1h"] == states["SPY h4"] == "ok"
    assert [item.error for item in report.items if item.error] == ["BTC/USDT: the feed is down"]
    assert not report.ok
    assert store.fingerprint(key_of(BTC, Timeframe.H1)) == before


def test_an_unknown_source_is_named(store):
    (item,) = refresh(store, _plan(SPY, source="nowhere"), asof_ns=_FRIDAY).items
    assert (item.state, item.error) == ("failed", "SPY: source 'nowhere' is not known; use one of sample")


_DAYS = "Date,Open,High,Low,Close\n2016-03-15,1,2,1,2\n2016-03-16,1,2,1,2\n"


def test_own_files_are_left_alone_and_their_lag_is_told(store, tmp_path):
    path = tmp_path / "spy.csv"
    path.write_text(_DAYS)
    brought_in(store, path, SPY, Timeframe.DAILY)
    prints = store.fingerprint(key_of(SPY, Timeframe.DAILY))
    (item,) = refresh(store, _plan(SPY, source="import"), asof_ns=_FRIDAY).items
    assert (item.state, item.source, iso(item.last_ns)) == ("nothing new", "import", "2016-03-16T13:30:00Z")
    # The session of Thursday closed at 20:00Z: on Friday 16:00Z its bar is 20 hours late.
    assert item.lag_ns == 20 * HOUR_NS
    assert store.fingerprint(key_of(SPY, Timeframe.DAILY)) == prints


def test_nothing_imported_is_a_failure_with_a_way_out(store):
    (item,) = refresh(store, _plan(SPY, source="import"), asof_ns=_FRIDAY).items
    assert (item.state, item.last_ns) == ("failed", -1)
    assert "run `tradeterm data import FILE`" in item.error


def test_made_up_and_real_bars_of_a_symbol_never_mix(store, tmp_path):
    path = tmp_path / "spy.csv"
    path.write_text(_DAYS)
    brought_in(store, path, SPY, Timeframe.DAILY)
    (item,) = refresh(store, _plan(SPY), asof_ns=_FRIDAY).items
    assert item.error.startswith("SPY daily: stored bars came from import:spy.csv, not sample")
    assert store.keys() == [key_of(SPY, Timeframe.DAILY)]
    refresh(store, _plan(BTC), asof_ns=_FRIDAY)
    (item,) = refresh(store, _plan(BTC, source="import"), asof_ns=_FRIDAY).items
    assert "stored bars are made up" in item.error


def test_progress_counts_the_files_of_each_source(store):
    seen: list[tuple[str, int, int]] = []
    refresh(
        store, _plan(SPY, VIX), asof_ns=_FRIDAY, progress=lambda what, done, total: seen.append((what, done, total))
    )
    assert seen == [("sample", 0, 2), ("sample", 1, 2), ("sample", 2, 2)]


def test_an_interval_in_progress_has_no_h4_or_daily_bar(store):
    refresh(store, _plan(SPY, BTC), asof_ns=_FRIDAY + 2 * HOUR_NS)
    assert store.read(key_of(SPY, Timeframe.H4)).ts[-1] == _FRIDAY - H4_NS
    assert store.read(key_of(BTC, Timeframe.H4)).ts[-1] == _FRIDAY - H4_NS
    assert store.read(key_of(BTC, Timeframe.DAILY)).ts[-1] == _FRIDAY - _FRIDAY % DAY_NS - DAY_NS
    assert np.isfinite(store.read(key_of(BTC, Timeframe.H4)).close).all()
