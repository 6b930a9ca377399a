from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from tradeterm.core.errors import DataError, UsageError
from tradeterm.core.exchanges import CALENDARS, EXCHANGES, checked_calendar, city_of, exchange_of, zone_of


def test_each_calendar_that_can_be_named_is_described_once() -> None:
    assert tuple(EXCHANGES) == CALENDARS
    for calendar in CALENDARS:
        assert checked_calendar(calendar) == calendar
        assert ZoneInfo(zone_of(calendar)).key == exchange_of(calendar).zone


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("XLOM", "did you mean 'XLON'?"),
        ("xtks", "did you mean 'XTKS'?"),
        ("NYSE", "did you mean 'XNYS'?"),
        ("247", "did you mean '24/7'?"),
        ("Frankfurt", "use one of XNYS, XNAS, XLON, XETR, XTSE, XTKS, 24/7"),
        ("", "use one of XNYS, XNAS, XLON, XETR, XTSE, XTKS, 24/7"),
    ],
)
def test_an_unknown_calendar_is_one_line_with_the_nearest_one(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as typed:
        checked_calendar(text)
    assert str(typed.value) == f"calendar '{text}': not known; {hint}"
    with pytest.raises(DataError, match="not known"):
        exchange_of(text)


def test_a_place_reads_as_in_a_sentence() -> None:
    assert [city_of(calendar) for calendar in CALENDARS] == [
        "New York",
        "New York",
        "London",
        "Berlin",
        "Toronto",
        "Tokyo",
        "UTC",
    ]
