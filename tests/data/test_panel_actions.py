"""Corporate actions in panel, fills and regime inputs: by hand on real sessions, and over the sample market."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_stock import BTC, QQQ, RULES, SPY, brought_in, key_of
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeterm.core.errors import BadMarket, DataError
from tradeterm.core.market import Actions, Bars, FillBars, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, H4_NS, HOUR_NS, MINUTE_NS, from_iso, iso
from tradeterm.data.calendar import sessions
from tradeterm.data.panel import Market, MarketRequest, build_market
from tradeterm.data.refresh import RefreshPlan, refresh
from tradeterm.engine.panel import FillFrame, Panel
from tradeterm.store.bars import BarStore

_UNTIL = from_iso("2016-06-01")
_CELLS = ("open", "high", "low", "close")


def acted(*rows: tuple[str, Any, float]) -> Actions:
    return Actions(
        ex_ns=np.array([from_iso(row[0]) for row in rows], dtype=np.int64),
        kind=tuple(row[1] for row in rows),
        value=np.array([row[2] for row in rows], dtype=np.float64),
    )


def built(store: BarStore, asof: str, actions: Actions | None, **more: Any) -> Market:
    wanted: dict[str, Any] = {"instruments": (SPY,), "timeframe": "h4", "roles": {}, "publication": RULES}
    given_actions = {} if actions is None else {"SPY": actions}
    return build_market(store, MarketRequest(asof_ns=from_iso(asof), actions=given_actions, **(wanted | more)))


def three_days(tmp_path: Path) -> BarStore:
    """SPY in half hours: 100 on 27 Nov 2024, closed on the 28th, 24 on the half day 29 Nov (13:00), 25 on 2 Dec."""
    store = BarStore(tmp_path / "data")
    lines = ["ts,open,high,low,close,volume"]
    days = sessions("XNYS")
    for date, price in (("2024-11-27", 100.0), ("2024-11-29", 24.0), ("2024-12-02", 25.0)):
        row = int(np.flatnonzero(days.date_ns == from_iso(date))[0])
        for ts in range(int(days.open_ns[row]), int(days.close_ns[row]), 30 * MINUTE_NS):
            lines.append(f"{iso(ts)},{price},{price + 0.5},{price - 0.5},{price},1000")
    path = tmp_path / "bars.csv"
    path.write_text("\n".join(lines))
    brought_in(store, path, SPY, Timeframe.M30)
    return store


def row_of(panel: Panel, text: str) -> int:
    return int(np.flatnonzero(panel.times == from_iso(text))[0])


def test_a_split_and_a_dividend_with_an_ex_date_on_a_half_day_by_hand(tmp_path: Path) -> None:
    """4:1 and 4.0 a unit before it, at the open of 29 November, 14:30Z: 100 is worth (100 - 4) / 4 = 24 after."""
    actions = acted(("2024-11-29T14:30Z", "split", 4.0), ("2024-11-29T14:30Z", "dividend", 4.0))
    market = built(three_days(tmp_path), "2024-12-03", actions)
    panel, fills = market.panel, market.fills
    before, ex, after = (row_of(panel, f"2024-11-{text}:00Z") for text in ("28T00:00", "29T12:00", "29T16:00"))
    scale = 4.0 * (100.0 / 96.0)
    assert panel.close[before, 0] == 100.0
    # 14:30Z to 16:00Z and 16:00Z to 18:00Z, the early close
    np.testing.assert_array_equal(panel.close[[after, after + 1], 0], [24.0 * scale] * 2)
    np.testing.assert_array_equal(panel.high[[after, after + 1], 0], [24.5 * scale] * 2)
    np.testing.assert_array_equal(panel.volume[[before, after, after + 1], 0], [2000.0, 750.0, 1000.0])
    np.testing.assert_array_equal(panel.days.close[:, 0], [100.0, 24.0 * scale, 25.0 * scale])

    assert fills.split is not None
    assert fills.dividend is not None
    assert fills.factor is not None
    assert np.flatnonzero(fills.split[:, 0] != 1.0).tolist() == [ex]
    assert np.flatnonzero(fills.dividend[:, 0]).tolist() == [ex]
    assert (fills.split[ex, 0], fills.dividend[ex, 0]) == (4.0, 4.0)
    # fills and marks are raw; the mark of the row is still the one before
    assert (fills.open[ex, 0], fills.mark[ex, 0], fills.mark[after, 0]) == (24.0, 100.0, 24.0)
    np.testing.assert_array_equal(fills.factor[: ex + 1, 0], [1.0] * ex + [scale])
    assert (fills.factor[ex:, 0] == scale).all()


def test_a_last_close_is_taken_through_what_took_effect_since_where_no_bar_came(tmp_path: Path) -> None:
    store = three_days(tmp_path)
    for timeframe in (Timeframe.H4, Timeframe.DAILY):
        key = key_of(SPY, timeframe)
        bars, meta = store.read(key), store.meta(key)
        day = from_iso("2024-11-29")
        kept = (bars.ts < day) | (bars.ts >= day + DAY_NS)
        cells = {name: getattr(bars, name)[kept] for name in (*_CELLS, "volume", "ts", "known_at")}
        fill = None
        if bars.fill is not None:
            fill = FillBars(**{name: getattr(bars.fill, name)[kept] for name in FillBars.__slots__})
        store.write(key, Bars(**cells, fill=fill), meta)
    actions = acted(("2024-11-29T14:30Z", "split", 4.0), ("2024-11-29T14:30Z", "dividend", 4.0))
    fills = built(store, "2024-12-03", actions).fills
    panel = built(store, "2024-12-03", actions).panel
    assert fills.mark[row_of(panel, "2024-11-29T12:00Z"), 0] == 100.0
    np.testing.assert_allclose(fills.mark[row_of(panel, "2024-11-29T16:00Z") :, 0][:4], 24.0, rtol=1e-15)


def test_the_daily_grid_takes_the_action_before_its_own_open(tmp_path: Path) -> None:
    actions = acted(("2024-11-29T14:30Z", "split", 4.0))
    market = built(three_days(tmp_path), "2024-12-03", actions, timeframe="daily")
    assert market.panel.daily is None
    found = np.isfinite(market.panel.close[:, 0])
    assert market.panel.close[found, 0].tolist() == [100.0, 96.0, 100.0]
    assert market.fills.split is not None
    assert [iso(int(market.panel.times[row]))[:10] for row in np.flatnonzero(market.fills.split[:, 0] != 1.0)] == [
        "2024-11-29"
    ]


def test_an_action_changes_nothing_until_it_is_known(tmp_path: Path) -> None:
    store = three_days(tmp_path)
    actions = acted(("2024-11-29T14:30Z", "split", 4.0), ("2024-12-10T14:30Z", "dividend", 900.0))
    early, bare = built(store, "2024-11-29T12:00Z", actions), built(store, "2024-11-29T12:00Z", None)
    assert early.fingerprint == bare.fingerprint
    assert early.read == bare.read
    assert built(store, "2024-12-03", actions).fingerprint != built(store, "2024-12-03", None).fingerprint


def test_what_was_applied_is_told(tmp_path: Path) -> None:
    actions = acted(("2024-11-29T14:30Z", "split", 4.0))
    told = built(three_days(tmp_path), "2024-12-03", actions).read[-1]
    assert (told["symbol"], told["timeframe"], told["rows"]) == ("SPY", "actions", 1)
    assert told["first"] == told["last"] == "2024-11-29T14:30:00Z"
    assert told["applied"] == "splits and dividends"


def as_adjusted(store: BarStore, adjustment: str, *frames: Timeframe) -> None:
    for timeframe in frames:
        key = key_of(SPY, timeframe)
        store.write(key, store.read(key), replace(store.meta(key), adjustment=adjustment))


@pytest.mark.parametrize(
    ("adjustment", "splits", "paid", "said"),
    [("split", 1.0, 1.0, "dividends; the prices hold"), ("all", 1.0, 0.0, "none; the prices hold")],
)
def test_prices_that_hold_an_action_are_not_adjusted_for_it_again(
    tmp_path: Path, adjustment: str, splits: float, paid: float, said: str
) -> None:
    store = three_days(tmp_path)
    as_adjusted(store, adjustment, Timeframe.H4, Timeframe.DAILY)
    actions = acted(("2024-11-29T14:30Z", "split", 4.0), ("2024-11-29T14:30Z", "dividend", 4.0))
    market = built(store, "2024-12-03", actions)
    ex = row_of(market.panel, "2024-11-29T12:00Z")
    assert market.fills.split is not None
    assert market.fills.dividend is not None
    assert (market.fills.split[ex, 0], market.fills.dividend[ex, 0]) == (splits, paid)
    assert market.panel.close[ex + 1, 0] == 24.0 * (100.0 / (100.0 - paid))
    assert market.read[-1]["applied"].startswith(said)


def test_bars_of_one_instrument_with_two_adjustments_are_refused(tmp_path: Path) -> None:
    store = three_days(tmp_path)
    as_adjusted(store, "split", Timeframe.H4)
    with pytest.raises(DataError, match="SPY: its h4 bars have adjustment split, its daily bars none"):
        built(store, "2024-12-03", acted(("2024-11-29T14:30Z", "split", 4.0)))


def test_an_ex_date_in_the_middle_of_trading_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadMarket, match="SPY at 2024-11-29T14:45:00Z: its action takes effect after the fill bar"):
        built(three_days(tmp_path), "2024-12-03", acted(("2024-11-29T14:45Z", "split", 4.0)))


def test_an_action_that_no_daily_close_precedes_is_refused_when_h4_bars_do(tmp_path: Path) -> None:
    store = three_days(tmp_path)
    key = key_of(SPY, Timeframe.DAILY)
    bars = store.read(key)
    store.write(key, Bars(**{n: getattr(bars, n)[1:] for n in (*_CELLS, "volume", "ts", "known_at")}), store.meta(key))
    with pytest.raises(DataError, match=r"SPY: its action of 2024-11-29T14:30:00Z is before its first daily bar"):
        built(store, "2024-12-03", acted(("2024-11-29T14:30Z", "split", 4.0)))


def test_a_regime_input_is_forward_adjusted_too(tmp_path: Path) -> None:
    store = three_days(tmp_path)
    actions = acted(("2024-11-29T14:30Z", "split", 4.0))
    series = built(store, "2024-12-03", actions, roles={"equity": "SPY"}).regime.equity
    assert series is not None
    assert series.value.tolist() == [100.0, 96.0, 100.0]
    # also where the benchmark is not traded
    path = tmp_path / "coin.csv"
    first = from_iso("2024-11-27")
    path.write_text(
        "\n".join(["ts,open,high,low,close,volume", *[f"{iso(first + h * HOUR_NS)},9,9,9,9,1" for h in range(140)]])
    )
    brought_in(store, path, BTC, Timeframe.H1)
    series = built(store, "2024-12-03", actions, instruments=(BTC,), roles={"equity": "SPY"}).regime.equity
    assert series is not None
    assert series.value.tolist() == [100.0, 96.0, 100.0]


# Properties over the sample market


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> BarStore:
    """Sample bars of two equities up to June 2016; no test writes here."""
    store = BarStore(tmp_path_factory.mktemp("acted") / "data")
    plan = RefreshPlan(instruments=(SPY, QQQ), sources={"SPY": ("sample",), "QQQ": ("sample",)}, publication=RULES)
    assert refresh(store, plan, asof_ns=_UNTIL).ok
    return store


def opens() -> np.ndarray:
    days = sessions("XNYS").open_ns
    return days[(days >= from_iso("2016-01-01")) & (days < _UNTIL)]


_ROWS = st.lists(
    st.tuples(
        st.integers(0, len(opens()) - 1), st.sampled_from(["split", "dividend"]), st.sampled_from([0.1, 1.5, 4.0])
    ),
    max_size=6,
)


def of_rows(rows: list[Any]) -> Actions:
    rows = sorted(rows)
    return Actions(
        ex_ns=opens()[[row[0] for row in rows]].astype(np.int64),
        kind=tuple(row[1] for row in rows),
        value=np.array([row[2] for row in rows], dtype=np.float64),
    )


def arrays(value: Any) -> dict[str, np.ndarray]:
    return {name: getattr(value, name) for name in value.__slots__ if isinstance(getattr(value, name), np.ndarray)}


@settings(max_examples=25)
@given(rows=_ROWS, hours=st.integers(24, 24 * 120), daily=st.booleans())
def test_actions_after_an_instant_change_no_row_before_it_by_a_bit(
    stocked: BarStore, rows: list[Any], hours: int, daily: bool
) -> None:
    asof = _UNTIL - hours * HOUR_NS
    frame = "daily" if daily else "h4"
    wanted: dict[str, Any] = {"instruments": (SPY, QQQ), "timeframe": frame, "roles": {"equity": "SPY"}}
    told = {"SPY": of_rows(rows)}
    early = build_market(stocked, MarketRequest(asof_ns=asof, actions=told, publication=RULES, **wanted))
    late = build_market(stocked, MarketRequest(asof_ns=_UNTIL, actions=told, publication=RULES, **wanted))
    cut = late.panel.upto(asof)
    for part, whole in ((early.panel, cut), (early.panel.days, cut.days)):
        for name, values in arrays(part).items():
            np.testing.assert_array_equal(values, getattr(whole, name), err_msg=name)
    stop = len(cut) - 1
    for name, values in arrays(early.fills).items():
        np.testing.assert_array_equal(values[:stop], getattr(late.fills, name)[:stop], err_msg=name)
    np.testing.assert_array_equal(early.fills.mark, late.fills.mark[: stop + 1])
    assert early.regime.equity is not None
    assert late.regime.equity is not None
    seen = late.regime.equity.upto(int(early.panel.times[-1]))
    np.testing.assert_array_equal(early.regime.equity.value, seen.value)


@settings(max_examples=15)
@given(rows=_ROWS, daily=st.booleans())
def test_the_panel_is_raw_prices_times_the_factors_of_the_fills(
    stocked: BarStore, rows: list[Any], daily: bool
) -> None:
    frame = "daily" if daily else "h4"
    wanted: dict[str, Any] = {"instruments": (SPY,), "timeframe": frame, "roles": {}, "publication": RULES}
    raw = build_market(stocked, MarketRequest(asof_ns=_UNTIL, **wanted))
    told = build_market(stocked, MarketRequest(asof_ns=_UNTIL, actions={"SPY": of_rows(rows)}, **wanted))
    fills: FillFrame = told.fills
    for name in ("open", "high", "low", "volume", "at", "tradable"):
        np.testing.assert_array_equal(getattr(fills, name), getattr(raw.fills, name))
    if fills.factor is None:
        np.testing.assert_array_equal(told.panel.close, raw.panel.close)
        return
    own = raw.panel.bar_no[:, 0] >= 0
    ratio = told.panel.close[own, 0] / raw.panel.close[own, 0]
    at = fills.at[:, 0]
    filled = np.flatnonzero(at >= 0)
    # the bar known next after a fill's bar opened is in the scale of that fill
    later = np.searchsorted(raw.panel.known_at[own, 0], at[filled], side="right")
    there = later < own.sum()
    np.testing.assert_allclose(fills.factor[filled[there], 0], ratio[later[there]], rtol=1e-14)
    # a mark is the panel's carried close, in the raw scale of its time
    step = DAY_NS if daily else H4_NS
    assert (np.diff(told.panel.times) == step).all()
    np.testing.assert_array_equal(fills.mark[own, 0], raw.fills.mark[own, 0])


def test_columns_without_actions_are_as_they_were(stocked: BarStore) -> None:
    wanted: dict[str, Any] = {"instruments": (SPY, QQQ), "timeframe": "h4", "roles": {}, "publication": RULES}
    raw = build_market(stocked, MarketRequest(asof_ns=_UNTIL, **wanted))
    told = build_market(
        stocked, MarketRequest(asof_ns=_UNTIL, actions={"SPY": of_rows([(40, "split", 4.0)])}, **wanted)
    )
    assert told.fills.split is not None
    assert (told.fills.split[:, 0] == 4.0).sum() == 1
    assert (told.fills.split[:, 1] == 1.0).all()
    for name in (*_CELLS, "volume", "bar_no", "known_at"):
        np.testing.assert_array_equal(getattr(told.panel, name)[:, 1], getattr(raw.panel, name)[:, 1])


def test_an_instrument_that_always_trades_takes_an_action_at_midnight(stocked: BarStore, tmp_path: Path) -> None:
    coin = Instrument(symbol="BTC/USDT", asset_class=BTC.asset_class, calendar="24/7", lot=1e-5)
    store = BarStore(tmp_path / "data")
    first = from_iso("2024-03-01")
    path = tmp_path / "coin.csv"
    prices = [100 if hour < 48 else 1 for hour in range(96)]
    body = [f"{iso(first + hour * HOUR_NS)},{p},{p},{p},{p},1" for hour, p in enumerate(prices)]
    path.write_text("\n".join(["ts,open,high,low,close,volume", *body]))
    brought_in(store, path, coin, Timeframe.H1)
    actions = {"BTC/USDT": acted(("2024-03-03", "split", 100.0))}
    wanted: dict[str, Any] = {"timeframe": "h4", "roles": {}, "publication": RULES}
    market = build_market(
        store, MarketRequest(instruments=(coin,), asof_ns=from_iso("2024-03-05"), actions=actions, **wanted)
    )
    row = row_of(market.panel, "2024-03-03")
    assert market.panel.close[:, 0].tolist() == [100.0] * len(market.panel)
    assert market.fills.split is not None
    assert market.fills.split[row, 0] == 100.0
    assert (market.fills.mark[row, 0], market.fills.open[row, 0]) == (100.0, 1.0)
