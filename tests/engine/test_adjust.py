"""Factors of corporate actions, by hand and as prefixes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeterm.core.errors import BadMarket
from tradeterm.core.market import Actions
from tradeterm.engine.adjust import (
    action_factors,
    actions_in_scale,
    factor_filled,
    factor_known,
    split_filled,
    split_known,
)


def actions(*rows: tuple[int, Any, float]) -> Actions:
    """Actions of (ex, kind, value)."""
    return Actions(
        ex_ns=np.array([row[0] for row in rows], dtype=np.int64),
        kind=tuple(row[1] for row in rows),
        value=np.array([row[2] for row in rows]),
    )


# Sessions open at 5, 15, 25, …; their closes are known at 10, 20, 30, …
KNOWN = np.arange(10, 70, 10, dtype=np.int64)
CLOSE = np.array([100.0, 80.0, 20.0, 22.0, 11.0, 12.0])


def test_a_split_multiplies_prices_from_its_session_on() -> None:
    found = action_factors(actions((25, "split", 4.0)), KNOWN, CLOSE)
    assert (CLOSE * factor_known(found, KNOWN)).tolist() == [100.0, 80.0, 80.0, 88.0, 44.0, 48.0]
    assert split_known(found, KNOWN).tolist() == [1, 1, 4, 4, 4, 4]
    # an order filled at the open of the ex-date pays a price after the split
    assert factor_filled(found, np.array([24, 25, 26])).tolist() == [1.0, 4.0, 4.0]
    assert split_filled(found, np.array([24, 25, 26])).tolist() == [1.0, 4.0, 4.0]
    assert factor_known(found, np.array([24, 25, 26])).tolist() == [1.0, 1.0, 4.0]


def test_a_dividend_is_a_share_of_the_last_close_before_it() -> None:
    # 80 before, 4 are paid: 80 / 76
    found = action_factors(actions((25, "dividend", 4.0)), KNOWN, CLOSE)
    assert found.price.tolist() == [80.0 / 76.0]
    assert (found.split.tolist(), found.cash.tolist()) == ([1.0], [4.0])
    assert split_known(found, KNOWN).tolist() == [1.0] * 6


def test_what_happens_at_one_instant_is_one_row_and_the_dividend_is_per_unit_before_the_split() -> None:
    found = action_factors(actions((25, "split", 4.0), (25, "dividend", 3.0), (25, "dividend", 1.0)), KNOWN, CLOSE)
    assert found.ex_ns.tolist() == [25]
    assert (found.split[0], found.cash[0]) == (4.0, 4.0)
    # 80 before is worth (80 - 4) / 4 = 19 after
    assert found.price[0] * 19.0 == pytest.approx(80.0, rel=1e-15)


def test_what_took_effect_since_the_last_close_is_taken_out_of_it() -> None:
    # 80, then 4:1 at 21 and 2.0 per new unit at 25, with no close in between: 2 of 20, not 2 of 80
    found = action_factors(actions((21, "split", 4.0), (25, "dividend", 2.0)), KNOWN, CLOSE)
    assert found.price[1] == 20.0 / 18.0
    # 4 paid at 21 and 2 at 25: 80 -> 76 -> 74
    found = action_factors(actions((21, "dividend", 4.0), (25, "dividend", 2.0)), KNOWN, CLOSE)
    assert found.price.tolist() == [80.0 / 76.0, 76.0 / 74.0]


def test_actions_before_the_first_close_are_left_out() -> None:
    found = action_factors(actions((5, "split", 4.0), (9, "dividend", 500.0), (10, "split", 2.0)), KNOWN, CLOSE)
    assert found.ex_ns.tolist() == [10]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ((25, "dividend", 80.0), "its dividend of 80 was not below the last close, 80"),
        ((25, "dividend", -1.0), "its dividend was -1, below 0"),
        ((25, "split", 0.0), "its split ratio was 0, not above 0"),
        ((25, "split", np.inf), "its split ratio was inf"),
    ],
)
def test_actions_that_cannot_be_are_refused_with_symbol_and_date(row: tuple[int, str, float], said: str) -> None:
    with pytest.raises(BadMarket, match="SPY at 1970-01-01T00:00:00.*: " + said):
        action_factors(actions(row), KNOWN, CLOSE, symbol="SPY")


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from(["split", "dividend"]), st.sampled_from([0.1, 0.5, 1.5, 2.0])),
        max_size=8,
    ),
    cut=st.integers(0, 61),
)
def test_later_actions_and_closes_change_no_earlier_factor_by_a_bit(rows: list[Any], cut: int) -> None:
    rows.sort()
    try:
        whole = action_factors(actions(*rows), KNOWN, CLOSE)
    except BadMarket:
        return
    stop = int(np.searchsorted(KNOWN, cut))
    early = action_factors(actions(*[row for row in rows if row[0] < cut]), KNOWN[:stop], CLOSE[:stop])
    at = np.arange(0, cut, dtype=np.int64)
    for of in (factor_known, factor_filled, split_known, split_filled):
        np.testing.assert_array_equal(of(early, at), of(whole, at))


def test_prices_that_hold_splits_pay_dividends_in_their_own_scale() -> None:
    told = actions((15, "dividend", 8.0), (25, "split", 4.0), (25, "dividend", 4.0), (35, "dividend", 1.0))
    assert actions_in_scale(told, "none", 60) is told
    assert len(actions_in_scale(told, "all", 60)) == 0
    rest = actions_in_scale(told, "split", 60)
    assert (rest.kind, rest.ex_ns.tolist()) == (("dividend",) * 3, [15, 25, 35])
    # what is paid per unit before the 4:1, its own date included, is a quarter per unit as the prices count
    assert rest.value.tolist() == [2.0, 1.0, 1.0]
    # a split after the last stored bar is not in its prices
    assert actions_in_scale(told, "split", 25).value.tolist() == [8.0, 4.0, 1.0]


def test_split_adjusted_prices_give_the_returns_of_raw_ones() -> None:
    told = actions((15, "dividend", 8.0), (25, "split", 4.0), (45, "dividend", 1.0))
    raw = CLOSE * factor_known(action_factors(told, KNOWN, CLOSE), KNOWN)
    adjusted = CLOSE / np.where(KNOWN < 25, 4.0, 1.0)
    found = adjusted * factor_known(action_factors(actions_in_scale(told, "split", 60), KNOWN, adjusted), KNOWN)
    np.testing.assert_allclose(found[1:] / found[:-1], raw[1:] / raw[:-1], rtol=1e-14)
