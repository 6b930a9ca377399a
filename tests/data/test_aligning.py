"""Bars laid out on the grid: against a plain reading of the rules, from the cache as without it, holes carried."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_stock import BTC, QQQ, RULES, SPY, brought_in, key_of
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeterm.core.errors import DataError
from tradeterm.core.market import Actions, Bars, FillBars, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, H4_NS, HOUR_NS, from_iso, grid_floor, iso
from tradeterm.data.calendar import sessions
from tradeterm.data.panel import Market, MarketRequest, build_market
from tradeterm.data.refresh import RefreshPlan, refresh
from tradeterm.store.bars import BarStore

_UNTIL = from_iso("2016-04-01")
_ROOM = 1 << 40
_CELLS = ("open", "high", "low", "close", "volume")


def asked(asof: int, instruments: tuple[Instrument, ...] = (SPY, BTC), **more: Any) -> MarketRequest:
    wanted: dict[str, Any] = {"timeframe": "h4", "roles": {}, "publication": RULES}
    return MarketRequest(instruments=instruments, asof_ns=asof, **(wanted | more))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> BarStore:
    """Sample bars of three months; no test writes here."""
    store = BarStore(tmp_path_factory.mktemp("aligning") / "data")
    items = (SPY, QQQ, BTC)
    plan = RefreshPlan(instruments=items, sources={item.symbol: ("sample",) for item in items}, publication=RULES)
    assert refresh(store, plan, asof_ns=_UNTIL).ok
    return store


def holed(whole: BarStore, folder: Path, seed: int) -> BarStore:
    """Copy of the store without some bars: single ones, and runs."""
    shutil.copytree(whole.data_dir, folder / "data")
    store = BarStore(folder / "data")
    rng = np.random.default_rng(seed)
    for item in (SPY, QQQ, BTC):
        for timeframe in (Timeframe.H4, Timeframe.DAILY):
            bars, meta = store.read_whole(key_of(item, timeframe))
            kept = rng.random(len(bars)) < 0.9
            for start in rng.integers(0, len(bars), 3).tolist():
                kept[start : start + int(rng.integers(1, 9))] = False
            store.write(key_of(item, timeframe), without(bars, kept), meta)
    return store


def without(bars: Bars, kept: np.ndarray) -> Bars:
    cells = {name: getattr(bars, name)[kept] for name in ("ts", "known_at", *_CELLS)}
    fill = bars.fill
    if fill is None or bars.straddles is None:
        return Bars(**cells)
    return Bars(
        **cells,
        straddles=bars.straddles[kept],
        fill=FillBars(**{name: getattr(fill, name)[kept] for name in FillBars.__slots__}),
    )


def plain_rows(
    bars: Bars, item: Instrument, *, asof: int, step: int, daily: bool, limit: int
) -> dict[int, tuple[float, ...]]:
    """Own bars by decision time, one after the other: open to volume, ordinal, known_at, carried."""
    came = {}
    for n in range(len(bars)):
        if np.isfinite(bars.close[n]) and bars.known_at[n] <= asof:
            known = int(bars.known_at[n])
            came[-(-known // step) * step] = (*(float(getattr(bars, name)[n]) for name in _CELLS), known)
    expected = {-(-close // step) * step for close in plain_closes(item.calendar, asof, daily)}
    rows: dict[int, tuple[float, ...]] = {}
    ordinal, missing, last = 0, 0, np.nan
    for time in range(min(came, default=asof + 1), asof + 1, step):
        if time in came:
            *cells, known = came[time]
            rows[time] = (*cells, ordinal, known, 0.0)
            last, missing, ordinal = cells[3], 0, ordinal + 1
        elif time in expected:
            missing += 1
            if missing <= limit:
                rows[time] = (last, last, last, last, 0.0, ordinal, time, 1.0)
                ordinal += 1
    return rows


def plain_closes(calendar: str, asof: int, daily: bool) -> Iterator[int]:
    days = sessions(calendar)
    for opened, closed in zip(days.open_ns.tolist(), days.close_ns.tolist(), strict=True):
        if closed < from_iso("2015-12-01") or opened > asof:
            continue
        if daily:
            yield closed
            continue
        at = opened
        while at < closed:
            at += HOUR_NS
            yield min(at, closed)


@settings(max_examples=12)
@given(seed=st.integers(0, 2**32), limit=st.integers(0, 6), hours=st.integers(0, 60 * 24), daily=st.booleans())
def test_the_panel_is_a_plain_reading_of_the_rules(
    whole: BarStore, tmp_path_factory: pytest.TempPathFactory, seed: int, limit: int, hours: int, daily: bool
) -> None:
    store = holed(whole, tmp_path_factory.mktemp("holed"), seed)
    frame, step = ("daily", DAY_NS) if daily else ("h4", H4_NS)
    asof = grid_floor(_UNTIL - hours * HOUR_NS, step)
    market = build_market(store, asked(asof, timeframe=frame, carry_limit=limit))
    for column, item in enumerate((SPY, BTC)):
        own = plain_rows(
            store.read(key_of(item, Timeframe(frame))), item, asof=asof, step=step, daily=daily, limit=limit
        )
        same_column(market.panel, column, own)
        if daily:
            continue
        days = plain_rows(
            store.read(key_of(item, Timeframe.DAILY)), item, asof=asof, step=H4_NS, daily=True, limit=limit
        )
        same_column(market.panel.days, column, days)
        assert market.panel.daily_row is not None
        newest = np.where(market.panel.days.bar_no[:, column] >= 0, np.arange(len(market.panel.days)), -1)
        for row, time in enumerate(market.panel.times.tolist()):
            upto = newest[market.panel.days.times <= time]
            assert market.panel.daily_row[row, column] == max(upto.tolist(), default=-1)


def same_column(panel: Any, column: int, rows: dict[int, tuple[float, ...]]) -> None:
    got = {}
    filled = panel.filled if panel.filled is not None else np.zeros(panel.close.shape, dtype=bool)
    for row in np.flatnonzero(panel.bar_no[:, column] >= 0).tolist():
        cells = [float(getattr(panel, name)[row, column]) for name in (*_CELLS, "bar_no", "known_at")]
        got[int(panel.times[row])] = (*cells, float(filled[row, column]))
    assert got.keys() == rows.keys()
    np.testing.assert_array_equal(list(got.values()), list(rows.values()))
    gone = panel.bar_no[:, column] < 0
    assert np.isnan(panel.close[gone, column]).all()
    assert (panel.known_at[gone, column] == -1).all()
    assert not filled[gone, column].any()


def same(one: Market, other: Market) -> None:
    assert one.fingerprint == other.fingerprint
    assert one.read == other.read
    for part in ("panel", "fills"):
        for name in getattr(one, part).__slots__:
            mine, theirs = getattr(getattr(one, part), name), getattr(getattr(other, part), name)
            if isinstance(mine, np.ndarray):
                np.testing.assert_array_equal(mine, theirs, err_msg=name)
    for name in ("times", "close", "bar_no", "known_at"):
        np.testing.assert_array_equal(getattr(one.panel.days, name), getattr(other.panel.days, name))


def acted(*rows: tuple[str, Any, float]) -> Actions:
    return Actions(
        ex_ns=np.array([from_iso(row[0]) for row in rows], dtype=np.int64),
        kind=tuple(row[1] for row in rows),
        value=np.array([row[2] for row in rows], dtype=np.float64),
    )


_ACTED = {"SPY": acted(("2016-02-10T14:30Z", "split", 2.0), ("2016-03-10T14:30Z", "dividend", 1.5))}


@pytest.mark.parametrize("timeframe", ["h4", "daily"])
@pytest.mark.parametrize("actions", [{}, _ACTED])
def test_every_instant_of_a_kept_frame_is_as_without_it(
    whole: BarStore, tmp_path: Path, timeframe: Any, actions: Any
) -> None:
    store = holed(whole, tmp_path, 3)
    wanted = {"timeframe": timeframe, "actions": actions, "carry_limit": 3}
    kept = build_market(store, asked(_UNTIL, **wanted), cache_bytes=_ROOM)
    same(kept, build_market(store, asked(_UNTIL, **wanted)))
    for days in (0, 1, 2, 20, 21.5, 22, 49, 50, 51, 80, 200):
        asof = int(_UNTIL - days * DAY_NS)
        same(
            build_market(store, asked(asof, **wanted), cache_bytes=_ROOM),
            build_market(store, asked(asof, **wanted)),
        )
    # Later than what is stored: nothing has come since.
    for days in (1, 5):
        asof = _UNTIL + days * DAY_NS
        same(
            build_market(store, asked(asof, **wanted), cache_bytes=_ROOM),
            build_market(store, asked(asof, **wanted)),
        )
    assert len(list((store.data_dir / ".frames").iterdir())) == 1


class _Untouched(BarStore):
    """A store whose bars must not be read."""

    def read_whole(self, key: Any) -> Any:
        raise AssertionError(f"{key} was read")


def test_while_no_file_changes_no_file_is_read(whole: BarStore, tmp_path: Path) -> None:
    shutil.copytree(whole.data_dir, tmp_path / "data")
    store, untouched = BarStore(tmp_path / "data"), _Untouched(tmp_path / "data")
    first = build_market(store, asked(_UNTIL), cache_bytes=_ROOM)
    for asof in (_UNTIL, _UNTIL - 30 * DAY_NS, _UNTIL + 2 * DAY_NS):
        build_market(untouched, asked(asof), cache_bytes=_ROOM)
    same(build_market(untouched, asked(_UNTIL), cache_bytes=_ROOM), first)
    with pytest.raises(AssertionError, match="was read"):
        build_market(untouched, asked(_UNTIL, (SPY,)), cache_bytes=_ROOM)
    with pytest.raises(AssertionError, match="was read"):
        build_market(untouched, asked(_UNTIL, carry_limit=1), cache_bytes=_ROOM)
    with pytest.raises(AssertionError, match="was read"):
        build_market(untouched, asked(_UNTIL, actions=_ACTED), cache_bytes=_ROOM)


def test_a_changed_file_is_read_again(whole: BarStore, tmp_path: Path) -> None:
    shutil.copytree(whole.data_dir, tmp_path / "data")
    store = BarStore(tmp_path / "data")
    before = build_market(store, asked(_UNTIL), cache_bytes=_ROOM)
    bars, meta = store.read_whole(key_of(BTC, Timeframe.H4))
    cells = {name: getattr(bars, name) for name in Bars.__slots__}
    volume = bars.volume.copy()
    volume[100] += 1.0
    store.write(key_of(BTC, Timeframe.H4), Bars(**(cells | {"volume": volume})), meta)
    after = build_market(store, asked(_UNTIL), cache_bytes=_ROOM)
    assert after.fingerprint != before.fingerprint
    same(after, build_market(store, asked(_UNTIL)))


def test_a_damaged_frame_is_made_again(whole: BarStore, tmp_path: Path) -> None:
    shutil.copytree(whole.data_dir, tmp_path / "data")
    store = BarStore(tmp_path / "data")
    first = build_market(store, asked(_UNTIL), cache_bytes=_ROOM)
    (path,) = (store.data_dir / ".frames").iterdir()
    path.write_bytes(path.read_bytes()[:-7])
    same(build_market(store, asked(_UNTIL), cache_bytes=_ROOM), first)
    assert build_market(_Untouched(store.data_dir), asked(_UNTIL), cache_bytes=_ROOM).fingerprint == first.fingerprint


def test_a_folder_that_cannot_be_written_costs_no_market(whole: BarStore, tmp_path: Path) -> None:
    shutil.copytree(whole.data_dir, tmp_path / "data")
    (tmp_path / "data" / ".frames").write_text("a file, where the folder would be")
    store = BarStore(tmp_path / "data")
    same(build_market(store, asked(_UNTIL), cache_bytes=_ROOM), build_market(store, asked(_UNTIL)))


def test_an_action_announced_for_later_is_taken_when_its_time_has_come(whole: BarStore, tmp_path: Path) -> None:
    shutil.copytree(whole.data_dir, tmp_path / "data")
    store = BarStore(tmp_path / "data")
    later = {"SPY": acted(("2016-04-01T13:30Z", "split", 2.0))}
    now = build_market(store, asked(_UNTIL, actions=later), cache_bytes=_ROOM)
    assert now.fills.split is not None
    assert (now.fills.split == 1.0).all()
    for asof in (_UNTIL + DAY_NS, _UNTIL + 2 * DAY_NS):
        market = build_market(store, asked(asof, actions=later), cache_bytes=_ROOM)
        same(market, build_market(store, asked(asof, actions=later)))
        assert market.fills.split is not None
        assert [iso(int(market.panel.times[row])) for row in np.flatnonzero(market.fills.split[:, 0] != 1.0)] == [
            "2016-04-01T12:00:00Z"
        ]


def test_holes_are_carried_up_to_the_limit_by_hand(tmp_path: Path) -> None:
    """BTC hours of a day and a half without 04:00 to 12:00: two H4 bars are missing."""
    store = BarStore(tmp_path / "data")
    first = from_iso("2024-03-01")
    hours = [hour for hour in range(36) if not 4 <= hour < 12]
    lines = [f"{iso(first + hour * HOUR_NS)},{hour + 1},{hour + 1},{hour + 1},{hour + 1},2" for hour in hours]
    path = tmp_path / "bars.csv"
    path.write_text("\n".join(["ts,open,high,low,close,volume", *lines]))
    brought_in(store, path, BTC, Timeframe.H1)
    asof = from_iso("2024-03-02T12:00Z")
    nan = np.nan
    for limit, closes, ordinals in (
        (0, [4.0, nan, nan, 16.0, 20.0, 24.0, 28.0, 32.0, 36.0], [0, -1, -1, 1, 2, 3, 4, 5, 6]),
        (1, [4.0, 4.0, nan, 16.0, 20.0, 24.0, 28.0, 32.0, 36.0], [0, 1, -1, 2, 3, 4, 5, 6, 7]),
        (2, [4.0, 4.0, 4.0, 16.0, 20.0, 24.0, 28.0, 32.0, 36.0], [0, 1, 2, 3, 4, 5, 6, 7, 8]),
    ):
        market = build_market(store, asked(asof, (BTC,), carry_limit=limit))
        np.testing.assert_array_equal(market.panel.close[:, 0], closes)
        assert market.panel.bar_no[:, 0].tolist() == ordinals
        assert market.carried == ({"BTC/USDT": limit} if limit else {})
        # A carried bar is no bar that an order could be filled with.
        np.testing.assert_array_equal(np.isnan(market.fills.open[:, 0]), [True, True] + [False] * 6 + [True])
        told = {item["timeframe"]: item for item in market.read}
        assert told["h4"]["rows"] == 7
        assert told["h4"].get("carried", 0) == limit
    panel = market.panel
    assert panel.filled is not None
    assert panel.filled[:, 0].tolist() == [False, True, True] + [False] * 6
    assert panel.volume[:4, 0].tolist() == [8.0, 0.0, 0.0, 8.0]
    assert panel.known_at[1, 0] == panel.times[1]
    bare = panel.without_filled()
    same_without = build_market(store, asked(asof, (BTC,))).panel
    for name in (*_CELLS, "bar_no", "known_at"):
        np.testing.assert_array_equal(getattr(bare, name), getattr(same_without, name))


def test_nights_weekends_and_holidays_are_no_holes(whole: BarStore) -> None:
    carried = build_market(whole, asked(_UNTIL, (SPY, QQQ), carry_limit=5))
    assert carried.carried == {}
    assert carried.panel.filled is None


def test_a_carried_close_is_in_the_scale_after_an_action(whole: BarStore, tmp_path: Path) -> None:
    """SPY of 10 February 2016 never came; the split of that day makes no jump in what is carried."""
    shutil.copytree(whole.data_dir, tmp_path / "data")
    store = BarStore(tmp_path / "data")
    for timeframe in (Timeframe.H4, Timeframe.DAILY):
        bars, meta = store.read_whole(key_of(SPY, timeframe))
        gone = (bars.ts >= from_iso("2016-02-10")) & (bars.ts < from_iso("2016-02-11"))
        store.write(key_of(SPY, timeframe), without(bars, ~gone), meta)
    market = build_market(store, asked(_UNTIL, (SPY,), actions=_ACTED, carry_limit=5))
    panel = market.panel
    assert panel.filled is not None
    rows = np.flatnonzero(panel.filled[:, 0])
    assert [iso(int(time)) for time in panel.times[rows]] == [
        "2016-02-10T16:00:00Z",
        "2016-02-10T20:00:00Z",
        "2016-02-11T00:00:00Z",
    ]
    before = panel.close[: rows[0], 0]
    assert (panel.close[rows, 0] == before[np.isfinite(before)][-1]).all()


@pytest.mark.parametrize("timeframe", ["h4", "daily"])
def test_adding_an_instrument_carries_no_other_bar_of_another(whole: BarStore, tmp_path: Path, timeframe: Any) -> None:
    store = holed(whole, tmp_path, 11)
    alone = build_market(store, asked(_UNTIL, (SPY,), timeframe=timeframe, carry_limit=4)).panel
    beside = build_market(store, asked(_UNTIL, (SPY, QQQ, BTC), timeframe=timeframe, carry_limit=4)).panel
    for one, other in ((alone, beside), (alone.days, beside.days)):
        mine, theirs = one.bar_no[:, 0] >= 0, other.bar_no[:, 0] >= 0
        assert one.times[mine].tolist() == other.times[theirs].tolist()
        assert one.filled is not None
        assert other.filled is not None
        for name in (*_CELLS, "bar_no", "known_at", "filled"):
            np.testing.assert_array_equal(getattr(one, name)[mine, 0], getattr(other, name)[theirs, 0])


def test_what_belongs_together_is_still_refused_with_a_cache(whole: BarStore, tmp_path: Path) -> None:
    shutil.copytree(whole.data_dir, tmp_path / "data")
    store = BarStore(tmp_path / "data")
    bars, meta = store.read_whole(key_of(BTC, Timeframe.H4))
    known = bars.known_at.copy()
    known[0] = known[1]
    cells = {name: getattr(bars, name) for name in Bars.__slots__}
    store.write(key_of(BTC, Timeframe.H4), Bars(**(cells | {"known_at": known})), meta)
    with pytest.raises(DataError, match="are known in one H4 decision"):
        build_market(store, asked(_UNTIL), cache_bytes=_ROOM)
    assert not (store.data_dir / ".frames").exists()
