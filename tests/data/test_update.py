"""Updates: sources in their order, what is new and what has changed, who gave which bar, many symbols at once."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_stock import BTC, ETH, PMI, RULES, SPY, key_of
from fake_sources import EPOCH, Feed, changed, hours, suppliers
from hypothesis import given
from hypothesis import strategies as st

from tradeterm.core.errors import BadAnswer, StoreUnwritable
from tradeterm.core.market import Actions, BarKey, Bars, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, from_iso, iso
from tradeterm.data.crew import Supplier
from tradeterm.data.merging import NOISE, Restatement, merge_answer, merge_vintages
from tradeterm.data.refresh import RefreshPlan, RefreshReport, refresh
from tradeterm.data.restating import RestatementLog
from tradeterm.store.actions import ActionStore
from tradeterm.store.bars import BarStore
from tradeterm.store.ledger import Ledger
from tradeterm.store.runs import RunStore

DAY = EPOCH + DAY_NS
COIN = key_of(BTC, Timeframe.H1)


def plan(*instruments: Instrument, order: tuple[str, ...] = ("one",), **more: Any) -> RefreshPlan:
    return RefreshPlan(
        instruments=instruments or (BTC,),
        sources={item.symbol: order for item in instruments or (BTC,)},
        publication=RULES,
        **more,
    )


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "data")


@dataclass
class Told:
    """Keeps what a refresh says about changed bars."""

    found: list[tuple[BarKey, Restatement, str]] = field(default_factory=list)

    def __call__(self, key: BarKey, changes: tuple[Restatement, ...], source: str) -> None:
        self.found += [(key, change, source) for change in changes]


def update(store: BarStore, *feeds: Feed, asof: int = DAY, told: Told | None = None, **more: Any) -> RefreshReport:
    wanted = more.pop("plan", None) or plan(order=tuple(feed.name for feed in feeds), **more)
    return refresh(store, wanted, asof_ns=asof, sources=suppliers(*feeds), restated=told, now_ns=asof)


# --- what is asked, added and compared


def test_an_update_asks_from_ten_bars_before_the_end_and_a_second_one_adds_nothing(store: BarStore) -> None:
    feed = Feed("one", hours(60))
    update(store, feed)
    update(store, feed, asof=DAY + 5 * HOUR_NS)
    before = {path: path.stat().st_mtime_ns for path in store.data_dir.rglob("*.parquet")}
    again = update(store, feed, asof=DAY + 5 * HOUR_NS)
    # 24 hours are stored, then 29: the tenth from the end is hour 14, then hour 19.
    assert [(start - EPOCH) // HOUR_NS for _, start, _ in feed.asked[1:]] == [14, 19]
    assert {(item.state, item.added) for item in again.items} == {("nothing new", 0)}
    assert {path: path.stat().st_mtime_ns for path in store.data_dir.rglob("*.parquet")} == before
    assert np.array_equal(store.read(COIN).ts, hours(29).ts)


def test_the_bar_that_is_not_finished_is_never_stored_whatever_a_source_gives(store: BarStore) -> None:
    update(store, Feed("one", hours(40), careless=True), asof=DAY + HOUR_NS // 2)
    assert store.read(COIN).known_at.max() == DAY


def test_a_changed_bar_is_told_with_both_values_and_replaced_and_so_is_what_was_derived(store: BarStore) -> None:
    feed, told = Feed("one", hours(24)), Told()
    update(store, feed, told=told)
    assert told.found == []
    feed.held = changed(hours(26), 20, 500.0)
    report = update(store, feed, asof=DAY + 2 * HOUR_NS, told=told)
    ((key, change, source),) = told.found
    assert (key, source, iso(change.ts_ns)) == (COIN, "one", "2023-11-15T20:00:00Z")
    assert (change.before[3], change.after[3]) == (120.0, 500.0)
    first = report.items[0]
    assert (str(first.key), first.added, first.restated) == ("BTC/USDT 1h", 2, 1)
    assert store.read(COIN).close[20] == 500.0
    # The day's high is that of the changed hour.
    assert store.read(key_of(BTC, Timeframe.DAILY)).high[0] == 500.0
    update(store, feed, asof=DAY + 2 * HOUR_NS, told=told)
    assert len(told.found) == 1


def test_a_change_before_the_overlap_is_found_by_a_download(store: BarStore) -> None:
    feed, told = Feed("one", hours(24)), Told()
    update(store, feed, told=told)
    feed.held = changed(hours(24), 3, 500.0)
    update(store, feed, told=told)
    assert told.found == []
    update(store, feed, told=told, since_ns=0)
    assert [change.before[3] for _, change, _ in told.found] == [103.0]


def test_a_late_start_leaves_no_hole_behind_what_is_stored(store: BarStore) -> None:
    feed = Feed("one", hours(72))
    update(store, feed)
    update(store, feed, asof=DAY + 2 * DAY_NS, since_ns=DAY + DAY_NS)
    assert np.array_equal(store.read(COIN).ts, hours(72).ts)


def test_an_earlier_instant_is_not_even_asked_for(store: BarStore) -> None:
    feed = Feed("one", hours(24))
    update(store, feed)
    update(store, feed, asof=EPOCH + 2 * HOUR_NS)
    assert len(feed.asked) == 1


@given(st.floats(1.0, 1e5), st.floats(-3.0, 3.0))
def test_the_last_bits_of_a_price_are_no_restatement_and_a_cent_is(price: float, noise: float) -> None:
    stored = hours(3, price=price)
    shaken = Bars(
        **{name: getattr(stored, name) for name in ("ts", "known_at", "open", "high", "low", "volume")},
        close=stored.close * (1.0 + noise / 3.0 * NOISE * 0.99),
    )
    merged = merge_answer(stored, shaken)
    assert merged.restated == ()
    assert merged.bars is stored
    assert len(merge_answer(stored, changed(stored, 1, stored.close[1] + 0.02)).restated) == 1


def test_what_another_process_stored_while_a_source_was_asked_is_kept(store: BarStore) -> None:
    other = BarStore(store.data_dir)
    slow = Feed(
        "one",
        hours(24),
        before=lambda: refresh(other, plan(), asof_ns=DAY + 6 * HOUR_NS, sources=suppliers(Feed("one", hours(60)))),
    )
    assert update(store, slow).ok
    assert np.array_equal(store.read(COIN).ts, hours(30).ts)


# --- several sources


def test_the_next_source_is_tried_and_the_result_says_why(store: BarStore) -> None:
    one, two = Feed("one", hours(24), broken=True), Feed("two", hours(24))
    report = update(store, one, two)
    item = report.items[0]
    assert (item.source, item.state, item.added) == ("two", "ok", 24)
    assert [(tried.source, tried.error.split(";")[0]) for tried in item.tries] == [("one", "one BTC/USDT: HTTP 503")]
    assert report.ok
    assert store.meta(COIN).source == "two"


def test_where_every_source_fails_all_reasons_are_told_and_the_bars_stay(store: BarStore) -> None:
    one, two = Feed("one", hours(24)), Feed("two", hours(24), broken=True)
    update(store, one, two)
    prints = store.fingerprint(COIN)
    one.broken = True
    report = update(store, one, two, asof=DAY + HOUR_NS)
    (item,) = report.items
    assert (item.state, [tried.source for tried in item.tries]) == ("failed", ["one", "two"])
    assert "one BTC/USDT: HTTP 503" in item.error
    assert "two BTC/USDT: HTTP 503" in item.error
    assert not report.ok
    assert store.fingerprint(COIN) == prints


def test_one_source_says_nothing_about_the_bars_of_another(store: BarStore) -> None:
    one, two, told = Feed("one", hours(24)), Feed("two", hours(60, price=900.0)), Told()
    update(store, one, two, told=told)
    one.broken = True
    update(store, one, two, asof=DAY + 4 * HOUR_NS, told=told)
    one.broken, one.held = False, hours(60)
    update(store, one, two, asof=DAY + 6 * HOUR_NS, told=told)
    assert told.found == []
    # Hours 0-23 of the first, 24-27 of the second, 28 and 29 of the first again.
    assert store.read(COIN).close.tolist() == [
        *(100.0 + hour for hour in range(24)),
        *(900.0 + hour for hour in range(24, 28)),
        128.0,
        129.0,
    ]
    assert store.meta(COIN).extra["pieces"] == [
        ["one", iso(EPOCH)],
        ["two", iso(DAY)],
        ["one", iso(DAY + 4 * HOUR_NS)],
    ]
    one.held = changed(hours(60), 29, 777.0)
    update(store, one, two, asof=DAY + 6 * HOUR_NS, told=told)
    assert [(source, change.after[3]) for _, change, source in told.found] == [("one", 777.0)]


def test_real_bars_take_the_place_of_made_up_ones_and_not_the_other_way(store: BarStore) -> None:
    update(store, Feed("sample", hours(24, price=5.0)))
    update(store, Feed("one", hours(30)), asof=DAY + 6 * HOUR_NS)
    assert store.read(COIN).close.tolist() == (100.0 + np.arange(30)).tolist()
    assert store.meta(key_of(BTC, Timeframe.DAILY)).extra == {"origin": "one", "gaps": 0}
    (item,) = update(store, Feed("sample", hours(24))).items
    assert item.error.startswith("BTC/USDT 1h: stored bars came from one, not sample")


def test_a_service_goes_on_behind_own_files_only_where_both_are_named(store: BarStore, tmp_path: Path) -> None:
    from data_stock import brought_in

    path = tmp_path / "own.csv"
    rows = [f"{iso(EPOCH + hour * HOUR_NS)},1,2,1,2,3" for hour in range(20)]
    path.write_text("\n".join(["time,open,high,low,close,volume", *rows]))
    brought_in(store, path, BTC, Timeframe.H1)
    feed = Feed("one", hours(24))
    (item,) = update(store, feed).items
    assert "stored bars came from import:own.csv, not one; name import as a source" in item.error
    assert feed.asked == []
    update(store, feed, plan=plan(order=("import", "one")))
    assert store.read(COIN).close.tolist() == [2.0] * 20 + [120.0, 121.0, 122.0, 123.0]


def test_daily_bars_of_a_source_stand_and_its_hours_make_none(store: BarStore) -> None:
    days = Bars(
        **{name: getattr(hours(1), name) for name in ("ts", "open", "high", "low", "close", "volume")},
        known_at=np.array([DAY], dtype=np.int64),
    )

    @dataclass
    class Both(Feed):
        def bars(self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int) -> Bars:
            return days if timeframe is Timeframe.DAILY else super().bars(instrument, timeframe, start_ns, end_ns)

    wanted = plan(timeframes={"BTC/USDT": (Timeframe.H1, Timeframe.DAILY)})
    report = update(store, Both("one", hours(24)), plan=wanted)
    assert [str(item.key) for item in report.items] == ["BTC/USDT daily", "BTC/USDT 1h", "BTC/USDT h4"]
    assert not store.meta(key_of(BTC, Timeframe.DAILY)).derived


# --- many at once


def test_a_source_has_as_many_workers_as_it_may_and_no_more(store: BarStore) -> None:
    coins = [Instrument(symbol=f"C{number}/USDT", asset_class=BTC.asset_class, calendar="24/7") for number in range(8)]
    # Passes only when two are in it at the same time.
    together, made, inside, most = threading.Barrier(2), [], [0], [0]
    lock = threading.Lock()

    @dataclass
    class Counted(Feed):
        def bars(self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int) -> Bars:
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            together.wait(timeout=60)
            with lock:
                inside[0] -= 1
            return super().bars(instrument, timeframe, start_ns, end_ns)

    def make() -> Feed:
        made.append(Counted("one", hours(24)))
        return made[-1]

    report = refresh(store, plan(*coins), asof_ns=DAY, sources={"one": Supplier(make=make, workers=2)})
    assert report.ok
    assert (most[0], len(made)) == (2, 2)
    assert sum(len(feed.asked) for feed in made) == 8
    assert [item.key.symbol for item in report.items[::3]] == [coin.symbol for coin in coins]


def test_a_source_that_hangs_keeps_no_other_waiting(store: BarStore) -> None:
    other_done = threading.Event()

    def wait_for_the_other() -> None:
        assert other_done.wait(timeout=60)

    slow, quick = Feed("slow", hours(24), before=wait_for_the_other), Feed("quick", hours(24))
    wanted = RefreshPlan(
        instruments=(BTC, ETH), sources={"BTC/USDT": ("slow",), "ETH/USDT": ("quick",)}, publication=RULES
    )

    def progress(source: str, done: int, total: int) -> None:
        if (source, done) == ("quick", total):
            other_done.set()

    report = refresh(store, wanted, asof_ns=DAY, sources=suppliers(slow, quick), progress=progress)
    assert report.ok


def test_a_disk_that_takes_nothing_stops_everything(store: BarStore) -> None:
    def full(key: BarKey, changes: tuple[Restatement, ...], source: str) -> None:
        raise StoreUnwritable("data", "No space left on device")

    feed = Feed("one", hours(24))
    update(store, feed)
    feed.held = changed(hours(24), 20, 1.0)
    with pytest.raises(StoreUnwritable, match="No space left"):
        refresh(store, plan(), asof_ns=DAY, sources=suppliers(feed), restated=full)


# --- facts


def manifest(run: str, *read: tuple[str, str, str, str]) -> dict[str, Any]:
    keys = ("symbol", "timeframe", "first", "last")
    return {"run_id": run, "read": [dict(zip(keys, item, strict=True)) for item in read]}


def test_a_restatement_names_the_runs_that_had_read_the_bar_or_one_built_from_it(tmp_path: Path) -> None:
    runs = RunStore(tmp_path)
    manifests = {
        "0a": manifest("0a", ("BTC/USDT", "h4", "2023-11-01T00:00:00Z", "2023-11-15T16:00:00Z")),
        "0b": manifest("0b", ("BTC/USDT", "h4", "2023-11-01T00:00:00Z", "2023-11-15T20:00:00Z")),
        "0c": manifest("0c", ("ETH/USDT", "h4", "2023-11-01T00:00:00Z", "2023-12-15T20:00:00Z")),
        "0d": manifest("0d", ("BTC/USDT", "daily", "2023-11-01T00:00:00Z", "2023-11-15T00:00:00Z")),
        "0e": manifest("0e", ("BTC/USDT", "daily", "2023-11-16T00:00:00Z", "2023-12-15T00:00:00Z")),
    }
    with Ledger(tmp_path, clock=lambda: DAY) as ledger:
        for run, document in manifests.items():
            runs.write(run, {}, {"manifest": document})
            ledger.append("run", run, {"name": run})
    change = Restatement(ts_ns=EPOCH + 21 * HOUR_NS, before=(1, 2, 1, 2, 3), after=(1, 9, 1, 2, 3))
    log = RestatementLog(tmp_path, clock=lambda: DAY)
    assert log.record(COIN, [change], "one") == 1
    with Ledger.reader(tmp_path) as ledger:
        (fact,) = ledger.facts("restatement")
    assert fact.key.startswith("BTC/USDT|1h|2023-11-15T21:00:00Z|")
    # Of 21:00, the H4 bar of 16:00 holds nothing; the one of 20:00 and the day do.
    assert fact.payload == {
        "symbol": "BTC/USDT",
        "timeframe": "1h",
        "ts": "2023-11-15T21:00:00Z",
        "found_at": iso(DAY),
        "source": "one",
        "before": [1, 2, 1, 2, 3],
        "after": [1, 9, 1, 2, 3],
        "runs": ["0b", "0d"],
    }


def test_a_change_that_was_recorded_and_not_stored_is_recorded_once(tmp_path: Path) -> None:
    clock = iter(range(DAY, DAY + 10**12, 10**9))
    log = RestatementLog(tmp_path, clock=lambda: next(clock))
    there = Restatement(ts_ns=EPOCH, before=(1, 1, 1, 1, float("nan")), after=(2, 2, 2, 2, float("nan")))
    back = Restatement(ts_ns=EPOCH, before=there.after, after=there.before)
    assert log.record(COIN, [there], "one") == 1
    assert log.record(COIN, [there], "one") == 0
    assert log.record(COIN, [back], "one") == 1
    assert log.record(COIN, [there], "one") == 1, "the same change again, after it had been taken back, is another one"


# --- macro series


def observed(*rows: tuple[str, str, float]) -> Bars:
    ts = np.array([from_iso(period) for period, _, _ in rows], dtype=np.int64)
    known = np.array([from_iso(published) for _, published, _ in rows], dtype=np.int64)
    value = np.array([value for _, _, value in rows])
    return Bars(
        ts=ts, known_at=known, open=value, high=value, low=value, close=value, volume=np.full(len(value), np.nan)
    )


def rows_of(bars: Bars) -> list[tuple[str, str, float]]:
    return [
        (iso(ts)[:10], iso(known)[:10], value)
        for ts, known, value in zip(bars.ts.tolist(), bars.known_at.tolist(), bars.close.tolist(), strict=True)
    ]


NOW = from_iso("2024-05-20")
JAN, FEB = ("2024-01-01", "2024-02-01", 1.0), ("2024-02-01", "2024-03-01", 2.0)


@pytest.mark.parametrize(
    ("new", "expected", "restated"),
    [
        pytest.param([JAN, FEB], [JAN, FEB], 0, id="the same again"),
        pytest.param(
            [JAN, ("2024-01-01", "2024-03-01", 1.5), FEB],
            [JAN, ("2024-01-01", "2024-03-01", 1.5), FEB],
            0,
            id="a later vintage is known from its publication",
        ),
        pytest.param(
            [("2024-01-01", "2024-02-01", 1.5), FEB],
            [JAN, ("2024-01-01", "2024-05-20", 1.5), FEB],
            1,
            id="a revision without a date is known from now on",
        ),
        pytest.param(
            [JAN, FEB, ("2024-03-01", "2024-04-01", 3.0)],
            [JAN, FEB, ("2024-03-01", "2024-04-01", 3.0)],
            0,
            id="a new period",
        ),
    ],
)
def test_nothing_that_was_known_is_taken_back(
    new: list[tuple[str, str, float]], expected: list[tuple[str, str, float]], restated: int
) -> None:
    merged = merge_vintages(observed(JAN, FEB), observed(*new), NOW)
    assert rows_of(merged.bars) == expected
    assert len(merged.restated) == restated
    again = merge_vintages(merged.bars, observed(*new), NOW + DAY_NS)
    assert rows_of(again.bars) == expected
    assert (again.added, again.restated) == (0, ())


def test_vintages_take_the_place_of_values_that_only_today_knows(store: BarStore) -> None:
    @dataclass
    class Series:
        held: Bars
        kind: str
        name: str = "fred"
        asked: list[int] = field(default_factory=list)

        def bars(self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int) -> Bars:
            self.asked.append(start_ns)
            return self.held

        def note(self, instrument: Instrument) -> str:
            return self.kind

        def start_after(self, instrument: Instrument, last_ns: int) -> int:
            return 0

    wanted = plan(PMI, order=("fred",))
    key = key_of(PMI, Timeframe.MONTHLY)
    vintages = [("2024-01-01", "2024-02-01", 0.5), ("2024-01-01", "2024-03-01", 1.0), FEB]
    # Without the key, with it, and without it again: then what is stored stays.
    for kind, rows, stored in (
        ("today's", [JAN, FEB], [JAN, FEB]),
        ("alfred", vintages, vintages),
        ("today's", [JAN, FEB], vintages),
    ):
        series = Series(observed(*rows), kind)
        report = refresh(store, wanted, asof_ns=NOW, sources={"fred": Supplier(make=lambda held=series: held)})
        assert report.ok
        assert series.asked == [0]
        assert rows_of(store.read(key)) == stored
    assert store.meta(key).extra == {"note": "alfred", "gaps": 0}


# --- corporate actions


def test_actions_are_stored_beside_the_bars_and_asked_again_only_for_the_last_while(store: BarStore) -> None:
    ex = from_iso("2023-11-14T14:30Z")
    paid = Actions(ex_ns=np.array([ex], dtype=np.int64), kind=("dividend",), value=np.array([1.59]))
    asof = from_iso("2023-11-17")
    feed = Feed("one", hours(0), paid=paid)
    wanted = plan(SPY)
    for _ in range(2):
        assert refresh(store, wanted, asof_ns=asof, sources=suppliers(feed)).ok
    found = ActionStore(store.data_dir)
    assert (found.read("SPY").kind, found.read("SPY").value.tolist()) == (("dividend",), [1.59])
    meta = found.meta("SPY")
    assert meta is not None
    assert (meta.asked_from_ns, meta.asked_until_ns) == (0, asof)
    assert not found.exists("BTC/USDT")


def test_a_source_without_its_actions_gives_no_bars_either(store: BarStore) -> None:
    @dataclass
    class Silent(Feed):
        def actions(self, instrument: Instrument, start_ns: int, end_ns: int) -> Actions:
            raise BadAnswer(self.name, instrument.symbol, "no splits")

    (item,) = refresh(store, plan(SPY), asof_ns=DAY, sources=suppliers(Silent("one", hours(24)))).items
    assert item.error.startswith("one SPY: no splits")
    assert list(store.keys()) == []
