from __future__ import annotations

import numpy as np
import pytest

from tradeterm.core.time import from_iso
from tradeterm.data.publication import PublicationRule, business_days

_SLOPE = PublicationRule(kind="next_business_day", at="09:00")


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
