from __future__ import annotations

import pytest

from tradeterm.core.errors import BadAnswer
from tradeterm.core.market import AssetClass, Instrument, Timeframe
from tradeterm.core.time import from_iso
from tradeterm.data.sources.continuity import missing_bars, refuse_hole

SPY = Instrument(symbol="SPY", asset_class=AssetClass.EQUITY, calendar="XNYS")


@pytest.mark.parametrize(
    ("calendar", "timeframe", "start", "until", "count"),
    [
        ("24/7", Timeframe.H1, "2024-03-10T00:00Z", "2024-03-10T03:00Z", 3),
        ("24/7", Timeframe.H1, "2024-03-10T00:00Z", "2024-03-10T02:59Z", 2),
        ("24/7", Timeframe.DAILY, "2024-03-10T00:00Z", "2024-03-12T00:00Z", 2),
        # Friday's close to Monday's open: nothing was to come.
        ("XNYS", Timeframe.M30, "2024-03-08T21:00Z", "2024-03-11T13:59Z", 0),
        ("XNYS", Timeframe.M30, "2024-03-08T21:00Z", "2024-03-11T14:00Z", 1),
        # The last hour of a session has 30 minutes.
        ("XNYS", Timeframe.H1, "2024-03-11T13:30Z", "2024-03-11T19:59Z", 6),
        ("XNYS", Timeframe.H1, "2024-03-11T13:30Z", "2024-03-11T20:00Z", 7),
        # Early close, 13:00 in New York.
        ("XNYS", Timeframe.H1, "2024-11-29T14:30Z", "2024-11-29T21:00Z", 4),
        ("XNYS", Timeframe.DAILY, "2024-07-03T00:00Z", "2024-07-06T00:00Z", 2),
        ("XNYS", Timeframe.DAILY, "2024-07-03T00:00Z", "2024-07-05T19:59Z", 1),
        ("XNYS", Timeframe.H1, "2024-03-12T00:00Z", "2024-03-11T00:00Z", 0),
    ],
)
def test_missing_bars_are_those_that_open_and_close_in_between(calendar, timeframe, start, until, count):
    assert missing_bars(calendar, timeframe, from_iso(start), from_iso(until)) == count


def test_years_of_minutes_are_not_counted_one_by_one():
    assert missing_bars("24/7", Timeframe.M1, 0, from_iso("2024-03-11")) == 14 * 24 * 60


@pytest.mark.parametrize(
    ("timeframe", "until", "refused"),
    [
        (Timeframe.M1, "2024-03-11T13:59Z", False),
        (Timeframe.M1, "2024-03-11T14:00Z", True),
        (Timeframe.M15, "2024-03-11T13:45Z", False),
        (Timeframe.M15, "2024-03-11T14:00Z", True),
        (Timeframe.M30, "2024-03-11T14:00Z", True),
        (Timeframe.DAILY, "2024-03-11T19:59Z", False),
        (Timeframe.DAILY, "2024-03-11T20:00Z", True),
    ],
)
def test_half_an_hour_without_a_bar_is_a_hole(timeframe, until, refused):
    start, end = from_iso("2024-03-08T21:00Z"), from_iso(until)
    if refused:
        with pytest.raises(BadAnswer, match=r"alpaca SPY: no .* bars from 2024-03-08T21:00:00Z"):
            refuse_hole("alpaca", SPY, timeframe, start, end)
        return
    refuse_hole("alpaca", SPY, timeframe, start, end)
