"""The panel and the fills beside it, by hand for days that matter and as properties over the sample market."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_stock import BTC, ETH, PMI, QQQ, RULES, SLOPE, SPY, VIX, brought_in, key_of
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeterm.core.errors import DataError, MissingBars
from tradeterm.core.market import Bars, Timeframe
from tradeterm.core.time import DAY_NS, H4_NS, HOUR_NS, from_iso, grid_floor, iso
from tradeterm.data.panel import Market, MarketRequest, build_market
from tradeterm.data.refresh import RefreshPlan, refresh
from tradeterm.store.bars import BarMeta, BarStore

_SERIES = (VIX, SLOPE, PMI)
_TRADED = (SPY, QQQ, BTC, ETH)
_ROLES = {"equity": "SPY", "volatility": "VIX", "crypto": "BTC/USDT", "slope": "T10Y2Y", "activity": "PMI"}
_STOCKED = from_iso("2017-06-01")


def _request(asof: int, instruments: tuple[Any, ...] = _TRADED, **more: Any) -> MarketRequest:
    wanted: dict[str, Any] = {"timeframe": "h4", "roles": {}, "publication": RULES}
    return MarketRequest(instruments=instruments, asof_ns=asof, **(wanted | more))


@pytest.fixture(scope="module")
def stocked(tmp_path_factory) -> BarStore:
    """Sample bars up to June 2017; no test writes here."""
    store = BarStore(tmp_path_factory.mktemp("panel") / "data")
    plan = RefreshPlan(
        instruments=(*_TRADED, *_SERIES),
        sources={item.symbol: ("sample",) for item in (*_TRADED, *_SERIES)},
        publication=RULES,
    )
    assert refresh(store, plan, asof_ns=_STOCKED).ok
    return store


def _spy_and_btc(tmp_path: Path) -> BarStore:
    """SPY and BTC from Friday 8 March 2024 14:30Z to Monday 11 March 20:00Z; price = number of the bar."""
    store = BarStore(tmp_path / "data")
    equity = [f"2024-03-08T{hour}:30:00Z" for hour in range(14, 21)]
    equity += [f"2024-03-11T{hour}:30:00Z" for hour in range(13, 20)]
    first = from_iso("2024-03-08T12:00Z")
    coins = [iso(first + hour * HOUR_NS) for hour in range(80)]
    for instrument, stamps, base in ((SPY, equity, 100), (BTC, coins, 1000)):
        path = tmp_path / "bars.csv"
        rows = [f"{ts},{base + n},{base + n}.5,{base + n - 1}.5,{base + n}.25,{n + 1}" for n, ts in enumerate(stamps)]
        path.write_text("\n".join(["ts,open,high,low,close,volume", *rows]))
        brought_in(store, path, instrument, Timeframe.H1)
    return store


def test_a_weekend_with_a_clock_change_by_hand(tmp_path):
    market = build_market(_spy_and_btc(tmp_path), _request(from_iso("2024-03-11T20:00Z"), (SPY, BTC)))
    panel, fills = market.panel, market.fills
    assert [iso(int(panel.times[at])) for at in (0, -1)] == ["2024-03-08T16:00:00Z", "2024-03-11T20:00:00Z"]
    assert len(panel) == 20
    nan = np.nan
    row = {iso(int(time))[5:13]: at for at, time in enumerate(panel.times)}

    # SPY, winter on Friday: 16:00Z knows the bar of 14:30Z; 20:00Z those of 15:30Z-18:30Z; 00:00Z the last two.
    closes = panel.close[:, 0]
    expected = np.full(20, nan)
    expected[[row["03-08T16"], row["03-08T20"], row["03-09T00"]]] = [100.25, 104.25, 106.25]
    # Summer on Monday: 16:00Z knows 13:30Z and 14:30Z, 20:00Z the other five.
    expected[[row["03-11T16"], row["03-11T20"]]] = [108.25, 113.25]
    np.testing.assert_array_equal(closes, expected)
    assert panel.bar_no[:, 0].max() == 4
    assert iso(int(panel.known_at[row["03-08T20"], 0])) == "2024-03-08T19:30:00Z"
    assert iso(int(panel.known_at[row["03-09T00"], 0])) == "2024-03-08T21:00:00Z"

    # Fills: what opens in the interval that follows.
    at = {label: int(fills.at[number, 0]) for label, number in row.items()}
    assert iso(at["03-08T16"]) == "2024-03-08T16:30:00Z"
    assert iso(at["03-08T20"]) == "2024-03-08T20:30:00Z"
    assert iso(at["03-11T12"]) == "2024-03-11T13:30:00Z"
    assert iso(at["03-11T16"]) == "2024-03-11T16:30:00Z"
    assert [label for label, ns in at.items() if ns < 0] == [
        label for label in row if label not in ("03-08T16", "03-08T20", "03-11T12", "03-11T16")
    ]
    assert fills.open[row["03-11T12"], 0] == 107
    tradable = {label for label, number in row.items() if fills.tradable[number, 0]}
    assert tradable == {"03-08T16", "03-08T20", "03-11T12", "03-11T16"}
    np.testing.assert_array_equal(fills.mark[row["03-09T00"] : row["03-11T16"], 0], np.full(16, 106.25))

    # BTC: a bar in every row, filled where the known bar ends.
    np.testing.assert_array_equal(panel.close[:, 1], 1003.25 + 4 * np.arange(20))
    np.testing.assert_array_equal(fills.open[:-1, 1], 1004.0 + 4 * np.arange(19))
    assert fills.tradable[:, 1].all()
    assert np.isnan(fills.open[-1]).all()
    assert (fills.at[-1] == -1).all()

    # Daily: SPY of Friday is known at 21:00Z, so at 00:00Z beside BTC's day; of Monday at 20:00Z, alone.
    days = panel.days
    assert [iso(int(time)) for time in days.times] == [
        "2024-03-09T00:00:00Z",
        "2024-03-10T00:00:00Z",
        "2024-03-11T00:00:00Z",
        "2024-03-11T20:00:00Z",
    ]
    np.testing.assert_array_equal(days.close[:, 0], [106.25, nan, nan, 113.25])
    np.testing.assert_array_equal(days.close[:, 1], [1011.25, 1035.25, 1059.25, nan])
    assert panel.daily_row is not None
    assert panel.daily_row[row["03-08T20"]].tolist() == [-1, -1]
    assert panel.daily_row[row["03-11T16"]].tolist() == [0, 2]
    assert panel.daily_row[row["03-11T20"]].tolist() == [3, 2]


def test_the_daily_grid_by_hand(tmp_path):
    market = build_market(_spy_and_btc(tmp_path), _request(from_iso("2024-03-12"), (SPY, BTC), timeframe="daily"))
    panel, fills = market.panel, market.fills
    assert [iso(int(time))[:10] for time in panel.times] == ["2024-03-09", "2024-03-10", "2024-03-11", "2024-03-12"]
    assert panel.daily is None
    nan = np.nan
    np.testing.assert_array_equal(panel.close[:, 0], [106.25, nan, nan, 113.25])
    # The file ends at 11 March 20:00Z: BTC's Monday is unfinished.
    np.testing.assert_array_equal(panel.close[:, 1], [1011.25, 1035.25, 1059.25, nan])
    assert [iso(int(at)) if at >= 0 else None for at in fills.at[:, 0]] == [None, None, "2024-03-11T13:30:00Z", None]
    np.testing.assert_array_equal(fills.open[:, 0], [nan, nan, 107.0, nan])
    np.testing.assert_array_equal(fills.open[:, 1], [1012.0, 1036.0, nan, nan])
    assert fills.tradable.tolist() == [[False, True], [False, True], [True, True], [True, True]]
    np.testing.assert_array_equal(fills.mark[:, 1], [1011.25, 1035.25, 1059.25, 1059.25])


def _arrays(value: Any) -> dict[str, np.ndarray]:
    return {name: getattr(value, name) for name in value.__slots__ if isinstance(getattr(value, name), np.ndarray)}


@settings(max_examples=25)
@given(hours=st.integers(24, (_STOCKED - from_iso("2016-01-02")) // HOUR_NS), daily=st.booleans())
def test_an_earlier_market_is_the_start_of_a_later_one(stocked, hours, daily):
    frame = "daily" if daily else "h4"
    asof = _STOCKED - hours * HOUR_NS
    early = build_market(stocked, _request(asof, timeframe=frame, roles=_ROLES))
    late = build_market(stocked, _request(_STOCKED, timeframe=frame, roles=_ROLES))
    cut = late.panel.upto(asof)
    assert len(early.panel) == len(cut)
    for name, values in _arrays(early.panel).items():
        np.testing.assert_array_equal(values, getattr(cut, name), err_msg=name)
    for name, values in _arrays(early.panel.days).items():
        np.testing.assert_array_equal(values, getattr(cut.days, name), err_msg=name)
    rows = len(cut)
    for name, values in _arrays(early.fills).items():
        whole = getattr(late.fills, name)[:rows]
        # The last decision has nothing to fill yet; all earlier ones have what they have for ever.
        np.testing.assert_array_equal(values[: rows - 1], whole[: rows - 1], err_msg=name)
    assert (early.fills.at < grid_floor(asof)).all()
    for role, series in _roles(early).items():
        for name, values in _arrays(series).items():
            np.testing.assert_array_equal(values, getattr(_roles(late)[role].upto(early.panel.times[-1]), name))


def _roles(market: Market) -> dict[str, Any]:
    return {role: getattr(market.regime, role) for role in _ROLES}


def test_no_cell_holds_what_was_not_known(stocked):
    market = build_market(stocked, _request(_STOCKED, roles=_ROLES))
    panel = market.panel
    times = np.broadcast_to(panel.times[:, None], panel.known_at.shape)
    own = panel.bar_no >= 0
    assert (panel.known_at[own] <= times[own]).all()
    assert (panel.known_at[own] > times[own] - H4_NS).all()
    assert (own == np.isfinite(panel.close)).all()
    filled = market.fills.at >= 0
    assert (market.fills.at[filled] >= times[filled]).all()
    assert (market.fills.at[filled] < times[filled] + H4_NS).all()
    days = panel.days
    assert (days.known_at.max(axis=1) <= days.times).all()
    assert (days.known_at.max(axis=1) > days.times - H4_NS).all()


def test_bars_appended_later_do_not_change_the_fingerprint(stocked, tmp_path):
    asof = from_iso("2016-09-01T16:00Z")
    shutil.copytree(stocked.data_dir, tmp_path / "data")
    late = build_market(BarStore(tmp_path / "data"), _request(asof, roles=_ROLES))
    early_store = BarStore(tmp_path / "early")
    instruments = (*_TRADED, *_SERIES)
    plan = RefreshPlan(
        instruments=instruments, sources={item.symbol: ("sample",) for item in instruments}, publication=RULES
    )
    refresh(early_store, plan, asof_ns=asof)
    early = build_market(early_store, _request(asof, roles=_ROLES))
    assert early.fingerprint == late.fingerprint
    assert early.read == late.read
    assert build_market(early_store, _request(asof - H4_NS, roles=_ROLES)).fingerprint != early.fingerprint


def test_one_changed_price_changes_the_fingerprint(stocked, tmp_path):
    shutil.copytree(stocked.data_dir, tmp_path / "data")
    store = BarStore(tmp_path / "data")
    before = build_market(store, _request(_STOCKED, (SPY,))).fingerprint
    key = key_of(SPY, Timeframe.H4)
    bars, meta = store.read(key), store.meta(key)
    close = bars.close.copy()
    close[7] += 0.01
    cells = {name: getattr(bars, name) for name in Bars.__slots__}
    store.write(key, Bars(**(cells | {"close": close})), meta)
    assert build_market(store, _request(_STOCKED, (SPY,))).fingerprint != before


def test_adding_an_instrument_changes_no_column_of_another(stocked):
    one = build_market(stocked, _request(_STOCKED, (BTC,))).panel
    all_ = build_market(stocked, _request(_STOCKED)).panel
    column = all_.column("BTC/USDT")
    for name in ("close", "volume", "bar_no", "known_at"):
        np.testing.assert_array_equal(getattr(one, name)[:, 0], getattr(all_, name)[:, column])


@pytest.mark.parametrize(
    ("asof", "role", "value_of", "due"),
    [
        ("2016-03-18T20:00Z", "equity", "2016-03-18", "2016-03-21T20:00:00Z"),
        ("2016-03-18T16:00Z", "equity", "2016-03-17", "2016-03-18T20:00:00Z"),
        ("2016-03-18T20:00Z", "volatility", "2016-03-17", "2016-03-18T20:15:00Z"),
        ("2016-03-19", "volatility", "2016-03-18", "2016-03-21T20:15:00Z"),
        ("2016-03-19", "crypto", "2016-03-18", "2016-03-20T00:00:00Z"),
        ("2016-03-18T12:00Z", "slope", "2016-03-16", "2016-03-18T13:00:00Z"),
        ("2016-03-18T16:00Z", "slope", "2016-03-17", "2016-03-21T13:00:00Z"),
        ("2016-04-01T12:00Z", "activity", "2016-02-01", "2016-04-01T14:00:00Z"),
        ("2016-04-01T16:00Z", "activity", "2016-03-01", "2016-05-02T14:00:00Z"),
    ],
)
def test_regime_inputs_are_known_and_due_by_their_calendars(stocked, asof, role, value_of, due):
    market = build_market(stocked, _request(from_iso(asof), roles=_ROLES))
    series = _roles(market)[role]
    timeframe = Timeframe.MONTHLY if role == "activity" else Timeframe.DAILY
    instrument = {"equity": SPY, "crypto": BTC, "volatility": VIX, "slope": SLOPE, "activity": PMI}[role]
    stored = stocked.read(key_of(instrument, timeframe))
    newest = int(np.flatnonzero(stored.ts // DAY_NS * DAY_NS == from_iso(value_of))[0])
    assert series.symbol == instrument.symbol
    assert (int(series.ordinal[-1]), float(series.value[-1])) == (newest, float(stored.close[newest]))
    assert iso(int(series.due_at[-1])) == due


def test_a_revision_is_a_later_value_of_its_period(tmp_path):
    store = BarStore(tmp_path / "data")
    path = tmp_path / "pmi.csv"
    for now, text in (
        ("2024-05-10", "date,value\n2024-03-01,50.3\n2024-04-01,49.2\n"),
        ("2024-06-10", "date,value\n2024-03-01,50.1\n2024-04-01,49.2\n2024-05-01,48.7\n"),
    ):
        path.write_text(text)
        brought_in(store, path, PMI, Timeframe.MONTHLY, now_ns=from_iso(now))
    request = _request(from_iso("2024-07-01"), (), roles={"activity": "PMI"})
    series = build_market(store, request).regime.activity
    assert series is not None
    assert series.value.tolist() == [50.3, 49.2, 48.7, 50.1]
    assert series.ordinal.tolist() == [0, 1, 2, 0]
    assert iso(int(series.known_at[3])) == "2024-06-10T00:00:00Z"


def test_roles_without_a_symbol_are_none_and_unstored_ones_are_named(stocked):
    regime = build_market(stocked, _request(_STOCKED, roles={"equity": "SPY", "volatility": None})).regime
    assert regime.equity is not None
    assert regime.volatility is None
    assert regime.slope is None
    with pytest.raises(MissingBars, match="CFNAI: no bars stored"):
        build_market(stocked, _request(_STOCKED, roles={"activity": "CFNAI"}))
    with pytest.raises(DataError, match="PMI monthly: no publication rule"):
        build_market(stocked, _request(_STOCKED, roles={"activity": "PMI"}, publication={}))
    with pytest.raises(DataError, match="regime role 'mood': not known"):
        build_market(stocked, _request(_STOCKED, roles={"mood": "VIX"}))


def test_an_instrument_without_bars_is_named(tmp_path):
    with pytest.raises(MissingBars, match="SPY daily: no bars stored"):
        build_market(BarStore(tmp_path / "data"), _request(_STOCKED, (SPY,)))


def test_before_the_first_bar_the_market_is_empty(stocked):
    market = build_market(stocked, _request(from_iso("2015-01-01")))
    assert len(market.panel) == 0
    assert market.fills.open.shape == (0, 4)


def test_two_daily_bars_known_at_one_decision_are_refused(tmp_path):
    store = BarStore(tmp_path / "data")
    ts = np.array([from_iso("2024-03-07"), from_iso("2024-03-08")])
    price = np.array([1.0, 2.0])
    bars = Bars(ts=ts, known_at=ts[1:].repeat(2) + DAY_NS, open=price, high=price, low=price, close=price, volume=price)
    key = key_of(BTC, Timeframe.DAILY)
    store.write(
        key,
        bars,
        BarMeta(
            symbol=key.symbol, asset_class=key.asset_class, timeframe=key.timeframe, calendar="24/7", source="import:x"
        ),
    )
    with pytest.raises(DataError, match="BTC/USDT: bars of 2024-03-07T00:00:00Z and 2024-03-08T00:00:00Z"):
        build_market(store, _request(from_iso("2024-04-01"), (BTC,), timeframe="daily"))


def test_what_was_read_is_told(stocked):
    market = build_market(stocked, _request(from_iso("2016-03-18T16:00Z"), (SPY,), roles={"volatility": "VIX"}))
    told = {(item["symbol"], item["timeframe"]): item for item in market.read}
    assert told.keys() == {("SPY", "h4"), ("SPY", "daily"), ("VIX", "daily")}
    assert told["SPY", "daily"]["first"] == "2016-01-04T14:30:00Z"
    assert told["SPY", "daily"]["last"] == "2016-03-17T13:30:00Z"
    assert told["SPY", "daily"]["rows"] == 52
