from __future__ import annotations

import numpy as np
import pytest

from tradeterm.core.time import from_iso, iso
from tradeterm.data.publication import PublicationRule, business_days

_SLOPE = PublicationRule(kind="next_business_day", at="09:00")
_PMI = PublicationRule(kind="month_end_lag", lag_days=1, at="10:00")
_CFNAI = PublicationRule(kind="month_end_lag", lag_days=25, at="08:30")
_VIX = PublicationRule(kind="session_close", at="16:15")


@pytest.mark.parametrize(
    ("rule", "period", "known", "due"),
    [
        (_SLOPE, "2024-03-07", "2024-03-08T14:00:00Z", "2024-03-11T13:00:00Z"),
        (_SLOPE, "2024-03-08", "2024-03-11T13:00:00Z", "2024-03-12T13:00:00Z"),
        # Columbus Day 2024-10-14: exchanges trade, the Federal Reserve publishes nothing.
        (_SLOPE, "2024-10-11", "2024-10-15T13:00:00Z", "2024-10-16T13:00:00Z"),
        (_SLOPE, "2024-11-08", "2024-11-12T14:00:00Z", "2024-11-13T14:00:00Z"),
        (_SLOPE, "2024-07-03", "2024-07-05T13:00:00Z", "2024-07-08T13:00:00Z"),
        (_PMI, "2024-02-01", "2024-03-01T15:00:00Z", "2024-04-01T14:00:00Z"),
        # 1 June 2024 is a Saturday, 1 January a holiday.
        (_PMI, "2024-05-01", "2024-06-03T14:00:00Z", "2024-07-01T14:00:00Z"),
        (_PMI, "2023-12-01", "2024-01-02T15:00:00Z", "2024-02-01T15:00:00Z"),
        (_CFNAI, "2024-03-01", "2024-04-25T12:30:00Z", "2024-05-28T12:30:00Z"),
        (_VIX, "2024-03-08", "2024-03-08T21:15:00Z", "2024-03-11T20:15:00Z"),
        (_VIX, "2024-07-03", "2024-07-03T20:15:00Z", "2024-07-05T20:15:00Z"),
        (_VIX, "2024-07-04", "2024-07-04T20:15:00Z", "2024-07-05T20:15:00Z"),
    ],
)
def test_values_are_known_when_they_are_published(rule, period, known, due):
    periods = np.array([from_iso(period)], dtype=np.int64)
    assert iso(int(rule.known_at(periods)[0])) == known
    assert iso(int(rule.due_after(periods)[0])) == due


def test_no_value_is_known_before_its_day_is_over_in_new_york():
    days = business_days()
    days = days[(days >= from_iso("1980-01-01")) & (days < from_iso("2030-01-01"))]
    assert (_SLOPE.known_at(days) > days + 24 * 3600 * 10**9).all()
    assert (np.diff(_SLOPE.known_at(days)) > 0).all()


@pytest.mark.parametrize(
    ("day", "is_one"),
    [
        ("2024-10-14", False),
        ("2024-11-11", False),
        ("2022-11-11", False),
        ("2017-11-10", False),
        ("2018-11-12", False),
        ("2021-12-31", False),
        ("2024-11-29", True),
        ("2024-03-09", False),
        ("2024-01-15", False),
        ("2024-10-15", True),
    ],
)
def test_federal_holidays_are_no_business_days(day, is_one):
    assert (from_iso(day) in business_days()) is is_one
