"""The sample market: past days never change, and it behaves like a market."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
import pytest
from data_stock import BTC, ETH, PMI, QQQ, RULES, SLOPE, SPY, VIX
from hypothesis import given
from hypothesis import strategies as st

from tradeterm.core.errors import DataError
from tradeterm.core.market import AssetClass, Bars, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, from_iso, iso
from tradeterm.data.calendar import expected_opens
from tradeterm.data.resample import resample_daily
from tradeterm.data.sources.sample import SYMBOLS, SampleMarket

H1, DAILY, MONTHLY = Timeframe.H1, Timeframe.DAILY, Timeframe.MONTHLY
GLD = Instrument(symbol="GLD", asset_class=AssetClass.EQUITY, calendar="XNYS")
_TRADED = (SPY, QQQ, GLD, BTC, ETH)
_WATCHED = ((VIX, DAILY), (SLOPE, DAILY), (PMI, MONTHLY))
_ALL = (*((item, H1) for item in _TRADED), *_WATCHED)
_START = from_iso("2016-01-01")
_DAYS = 3600
_END = _START + _DAYS * DAY_NS
_COLUMNS = ("ts", "open", "high", "low", "close", "volume", "known_at")


@cache
def _whole(instrument: Instrument, timeframe: Timeframe) -> Bars:
    return SampleMarket(RULES).bars(instrument, timeframe, _START, _END)


def _same(one: Bars, other: Bars) -> None:
    for name in _COLUMNS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def _between(bars: Bars, start: int, end: int) -> Bars:
    kept = (bars.ts >= start) & (bars.known_at <= end)
    return Bars(**{name: getattr(bars, name)[kept] for name in _COLUMNS})


_GOLDEN = {
    "SPY": "fc84bb66edaf1768",
    "QQQ": "38c1f076ef3b45bb",
    "GLD": "3a4ade6c48f159ba",
    "BTC/USDT": "b2e139dbcda958ca",
    "ETH/USDT": "9127f2f82ebaf5ec",
    "VIX": "b58330e74228e281",
    "T10Y2Y": "1eaffe4ee942f0d6",
    "PMI": "22b8dec1ead3e101",
}


def _ticks(bars: Bars) -> bytes:
    prices = [np.round(getattr(bars, name) * 1000) for name in ("open", "high", "low", "close", "volume")]
    whole = np.nan_to_num(np.stack(prices), nan=-1.0).astype(np.int64)
    return b"".join(values.tobytes() for values in (bars.ts, bars.known_at, whole))


@pytest.mark.parametrize(("instrument", "timeframe"), _ALL, ids=lambda item: getattr(item, "symbol", item))
def test_the_first_years_are_what_they_always_were(instrument, timeframe):
    bars = _between(_whole(instrument, timeframe), _START, from_iso("2021-01-01"))
    assert hashlib.sha256(_ticks(bars)).hexdigest()[:16] == _GOLDEN[instrument.symbol]


_MINUTES = st.integers(0, _DAYS * 24 * 60)


@given(st.lists(st.tuples(st.sampled_from(_ALL), _MINUTES, _MINUTES), min_size=1, max_size=4))
def test_any_range_asked_in_any_order_is_a_part_of_the_whole(asked):
    market = SampleMarket(RULES)
    for (instrument, timeframe), one, other in asked:
        start, end = (_START + minutes * 60 * 10**9 for minutes in sorted((one, other)))
        _same(market.bars(instrument, timeframe, start, end), _between(_whole(instrument, timeframe), start, end))


def test_other_symbols_of_the_market_change_nothing(monkeypatch):
    from tradeterm.data.sources import sample

    before = _whole(QQQ, H1)
    monkeypatch.setitem(sample._EQUITIES, "NEW", sample._EQUITIES["SPY"])
    monkeypatch.delitem(sample._EQUITIES, "SPY")
    _same(SampleMarket(RULES).bars(QQQ, H1, _START, _END), before)


@pytest.mark.parametrize("instrument", _TRADED, ids=lambda item: item.symbol)
def test_hours_come_exactly_where_the_calendar_expects_them(instrument):
    bars = _whole(instrument, H1)
    expected = expected_opens(instrument.calendar, _START, _END, HOUR_NS)
    np.testing.assert_array_equal(bars.ts, expected)


def test_the_last_hour_of_a_day_is_cut_at_the_close():
    bars = _between(_whole(SPY, H1), from_iso("2024-11-29"), from_iso("2024-11-30"))
    assert [iso(int(at)) for at in bars.known_at] == [
        "2024-11-29T15:30:00Z",
        "2024-11-29T16:30:00Z",
        "2024-11-29T17:30:00Z",
        "2024-11-29T18:00:00Z",
    ]


@pytest.mark.parametrize("instrument", _TRADED, ids=lambda item: item.symbol)
def test_bars_are_sound_and_priced_in_ticks(instrument):
    bars = _whole(instrument, H1)
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.low > 0).all()
    assert (bars.volume > 0).all()
    for name in ("open", "high", "low", "close"):
        prices = getattr(bars, name)
        np.testing.assert_array_equal(prices, np.round(prices, 2))


@pytest.mark.parametrize("instrument", _TRADED, ids=lambda item: item.symbol)
def test_daily_bars_are_the_hours_taken_together(instrument):
    _same(_whole(instrument, DAILY), resample_daily(_whole(instrument, H1), instrument.calendar, _END))


def _moves(instrument: Instrument) -> np.ndarray:
    return np.diff(np.log(_whole(instrument, DAILY).close))


def _drawdown(moves: np.ndarray) -> float:
    level = np.append(0.0, np.cumsum(moves))
    return float(1 - np.exp((level - np.maximum.accumulate(level)).min()))


def test_equities_and_coins_have_the_size_of_real_ones():
    years = _DAYS / 365.25
    spy, btc = _moves(SPY), _moves(BTC)
    assert 0.06 < np.exp(spy.sum() / years) - 1 < 0.10
    assert 0.15 < spy.std() * np.sqrt(252) < 0.20
    assert 0.25 < _drawdown(spy) < 0.55
    assert 0.50 < btc.std() * np.sqrt(365) < 0.75
    assert 0.60 < _drawdown(btc) < 0.90


def test_coins_move_together_and_loosely_with_equities():
    assert 0.75 < np.corrcoef(_moves(BTC), _moves(ETH))[0, 1] < 0.95
    assert 0.80 < np.corrcoef(_moves(SPY), _moves(QQQ))[0, 1] < 0.97
    spy, btc = _whole(SPY, DAILY), _whole(BTC, DAILY)
    rows = np.searchsorted(btc.ts, spy.ts // DAY_NS * DAY_NS)
    together = np.corrcoef(np.diff(np.log(spy.close)), np.diff(np.log(btc.close[rows])))[0, 1]
    assert 0.15 < together < 0.5


def test_volatility_clusters_and_nights_gap():
    moves = np.abs(_moves(SPY))
    assert np.corrcoef(moves[1:], moves[:-1])[0, 1] > 0.15
    bars = _whole(SPY, DAILY)
    gaps = np.abs(bars.open[1:] / bars.close[:-1] - 1)
    assert 0.001 < np.median(gaps) < 0.01
    coins = _whole(BTC, H1)
    np.testing.assert_array_equal(coins.open[1:], coins.close[:-1])


def test_the_volatility_index_rises_when_equities_fall_and_says_what_they_did():
    spy, index = _whole(SPY, DAILY), _whole(VIX, DAILY)
    np.testing.assert_array_equal(index.ts, spy.ts // DAY_NS * DAY_NS)
    moves = np.diff(np.log(spy.close))
    assert np.corrcoef(moves, np.diff(np.log(index.close)))[0, 1] < -0.4
    realised = np.array([moves[max(0, at - 21) : at].std() for at in range(22, len(moves))])
    assert np.corrcoef(realised, index.close[22 : len(moves)])[0, 1] > 0.7
    assert 12 < np.median(index.close) < 20
    assert index.close.max() > 50


def test_all_regimes_of_the_economy_occur():
    slope, survey = _whole(SLOPE, DAILY).close, _whole(PMI, MONTHLY).close
    assert 0.05 < (slope < 0).mean() < 0.5
    assert survey.min() < 45 < 50 < survey.max() < 60
    assert 0.6 < (survey > 50).mean() < 0.95


def test_what_the_market_has_not_is_named():
    market = SampleMarket(RULES)
    for symbol, timeframe, words in (
        ("SPX", H1, "no symbol 'SPX'; did you mean 'SPY'"),
        ("SPY", Timeframe.M5, "no 5m bars of SPY"),
        ("PMI", DAILY, "no daily values of PMI; it has monthly ones"),
    ):
        wanted = Instrument(symbol=symbol, asset_class=AssetClass.EQUITY, calendar="XNYS")
        with pytest.raises(DataError, match=words):
            market.bars(wanted, timeframe, _START, _END)
    with pytest.raises(DataError, match="up to 2035-12-01"):
        market.bars(SPY, H1, _START, from_iso("2036-01-01"))
    assert len(SYMBOLS) == 8


def test_before_its_first_day_the_market_is_empty():
    for instrument, timeframe in _ALL:
        assert len(SampleMarket(RULES).bars(instrument, timeframe, 0, from_iso("2015-06-01"))) == 0
