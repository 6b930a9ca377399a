"""Outcomes on bars made by hand: ten daily opens at 100, 101, … 109, known a day after they open."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tradeterm.core.time import DAY_NS, from_iso, iso
from tradeterm.engine.outcomes import OwnFills
from tradeterm.signals.outcomes import differs, realise, realise_all

START = from_iso("2024-01-01")
BARS = OwnFills(
    fill_open=100.0 + np.arange(10),
    fill_at=START + DAY_NS * np.arange(10),
    known_at=START + DAY_NS * np.arange(1, 11),
)
LATER = START + 365 * DAY_NS


def signal(**changes: Any) -> dict[str, Any]:
    given = {
        "ts": iso(START + DAY_NS),
        "symbol": "SPY",
        "timeframe": "daily",
        "horizon": 3,
        "side": "long",
        "cost": 0.001,
    }
    return given | changes


def test_a_long_signal_earns_the_way_between_two_opens_less_the_costs_of_both() -> None:
    found = realise(signal(), "key", lambda symbol, timeframe: BARS, asof_ns=LATER)
    assert found is not None
    assert (found.entry_price, found.exit_price) == (101.0, 104.0)
    assert (found.entry_ns, found.exit_ns) == (START + DAY_NS, START + 4 * DAY_NS)
    assert found.gross == pytest.approx(104 / 101 - 1)
    assert found.net == pytest.approx(104 / 101 - 1 - 0.001 * (1 + 104 / 101))
    assert found.hit is True
    assert found.signal_key == "key"


def test_a_short_signal_loses_what_a_long_one_gains() -> None:
    found = realise(signal(side="short"), "key", lambda symbol, timeframe: BARS, asof_ns=LATER)
    assert found is not None
    assert found.gross == pytest.approx(1 - 104 / 101)
    assert found.hit is False


def test_a_flat_signal_neither_hits_nor_misses() -> None:
    found = realise(signal(side="flat"), "key", lambda symbol, timeframe: BARS, asof_ns=LATER)
    assert found is not None
    assert found.hit is None
    assert found.gross == pytest.approx(104 / 101 - 1)


@pytest.mark.parametrize(("days", "there"), [(4, False), (5, True)])
def test_it_matures_when_the_bar_with_the_exit_price_is_known(days: int, there: bool) -> None:
    found = realise(signal(), "key", lambda symbol, timeframe: BARS, asof_ns=START + days * DAY_NS)
    assert (found is not None) is there


def test_a_horizon_beyond_the_last_bar_has_not_matured() -> None:
    assert realise(signal(horizon=9), "key", lambda symbol, timeframe: BARS, asof_ns=LATER) is None


def test_a_split_inside_the_horizon_is_no_loss_and_a_dividend_is_a_gain() -> None:
    # 4:1 and a 2 % dividend before the third open: prices are a quarter, what they are worth is not
    after = np.arange(10) >= 3
    bars = OwnFills(
        fill_open=np.where(after, BARS.fill_open / 4.0, BARS.fill_open),
        fill_at=BARS.fill_at,
        known_at=BARS.known_at,
        factor=np.where(after, 4.0 / 0.98, 1.0),
    )
    found = realise(signal(), "key", lambda symbol, timeframe: bars, asof_ns=LATER)
    assert found is not None
    assert (found.entry_price, found.exit_price) == (101.0, 26.0)
    assert found.gross == pytest.approx(104 / 0.98 / 101 - 1)
    assert found.net == pytest.approx(104 / 0.98 / 101 - 1 - 0.001 * (1 + 104 / 0.98 / 101))


def test_the_way_to_an_outcome_is_kept_at_own_bars_within_the_horizon() -> None:
    found = realise(signal(horizon=6), "key", lambda symbol, timeframe: BARS, asof_ns=LATER)
    assert found is not None
    assert found.path == tuple((lag, pytest.approx((101.0 + lag) / 101.0 - 1.0)) for lag in (1, 2, 3, 5))
    short = realise(signal(horizon=2, side="short"), "key", lambda symbol, timeframe: BARS, asof_ns=LATER)
    assert short is not None
    assert short.path == ((1, pytest.approx(1.0 - 102.0 / 101.0)),)


def test_signals_scored_together_come_out_as_each_alone_and_in_their_order() -> None:
    given = [
        (f"{side}|{horizon}|{days}", signal(side=side, horizon=horizon, ts=iso(START + days * DAY_NS)))
        for horizon in (2, 5, 9)
        for days in (4, 1, 0)
        for side in ("long", "short", "flat")
    ]
    asof = START + 9 * DAY_NS
    alone = [realise(item, key, lambda symbol, timeframe: BARS, asof_ns=asof) for key, item in given]
    together = list(realise_all(given, lambda symbol, timeframe: BARS, asof_ns=asof))
    assert together == [item for item in alone if item is not None]
    assert 0 < len(together) < len(given)


def test_what_restated_bars_would_give_is_told_apart_from_what_was_recorded() -> None:
    found = realise(signal(), "key", lambda symbol, timeframe: BARS, asof_ns=LATER)
    assert found is not None
    assert not differs(found.payload(), found)
    later = OwnFills(
        fill_open=np.where(np.arange(10) == 4, 90.0, BARS.fill_open), fill_at=BARS.fill_at, known_at=BARS.known_at
    )
    now = realise(signal(), "key", lambda symbol, timeframe: later, asof_ns=LATER)
    assert now is not None
    assert differs(found.payload(), now)
    assert now.exit_price == 90.0
