"""A market that would make a run silent nonsense is refused with symbol, time and what was found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from markets import START, made_market, made_spec
from test_lookahead import Honest

from tradeterm.core.errors import BadMarket
from tradeterm.core.time import H4_NS
from tradeterm.engine.panel import FillFrame
from tradeterm.engine.replay import replay

MARKET = made_market(days=40)


def run(fills: FillFrame) -> None:
    replay(MARKET.panel, fills, MARKET.inputs, made_spec(Honest()), start_ns=START)


def test_a_fill_bar_that_opened_before_its_decision_is_look_ahead() -> None:
    at = MARKET.fills.at.copy()
    at[100, 1] -= 1
    with pytest.raises(BadMarket, match=r"BBB at 2020-01-17T20:00:00Z: its fill bar opened before the decision"):
        run(replace(MARKET.fills, at=at))


def test_a_fill_bar_belongs_to_one_decision_alone() -> None:
    at = MARKET.fills.at.copy()
    at[100, 0] += H4_NS
    with pytest.raises(BadMarket, match=r"AAA at .* its fill bar opened after the next decision"):
        run(replace(MARKET.fills, at=at))


@pytest.mark.parametrize(("price", "said"), [(0.0, "not positive"), (-1.0, "not positive"), (np.inf, "infinite")])
def test_a_close_that_is_no_price_is_refused(price: float, said: str) -> None:
    mark = MARKET.fills.mark.copy()
    mark[7, 0] = price
    with pytest.raises(BadMarket, match=f"AAA at 2020-01-02T08:00:00Z: its close was {said}"):
        run(replace(MARKET.fills, mark=mark))
