"""The kernel against the second simulator on the sample market, with the options of a run on."""

from __future__ import annotations

import numpy as np
import pytest
from desks import STOCKED, Bench
from twice import farthest

from tradeterm.research.backtest import prepare

PLAIN = ("system.start=2021-01-01",)
TIGHT = (
    *PLAIN,
    "system.limits.asset=0.2",
    "system.limits.gross=0.6",
    "system.limits.net=0.5",
    "system.limits.strategies={EquityTrendModel_v1: 0.4}",
    "system.ladder={derisk: 0.02, halt: 0.04, recovery: 0.01, derisk_scale: 0.5, resume_after_days: 20}",
    "models.overrides=[{strategy: '*', symbol: QQQ, reduce_only: true}]",
)
FRICTION = (
    *PLAIN,
    "system.orders={limit_bp: 15, participation: 0.001, min_notional: {equity: 200, crypto: 100}}",
    "system.interest={credit: 0.03, debit: 0.06}",
    "system.band=0.01",
)
AT_FILL = (*PLAIN, "system.sizing=at_fill", "system.fill=close")


@pytest.mark.parametrize("sets", [PLAIN, TIGHT, FRICTION, AT_FILL], ids=["plain", "tight", "friction", "at fill"])
def test_nav_is_that_of_the_second_simulator(stocked_bench: Bench, sets: tuple[str, ...]) -> None:
    run = prepare(stocked_bench.with_sets(*sets).settings, end_ns=STOCKED).run
    assert np.count_nonzero(run.record.filled) > 20
    if sets is TIGHT:
        assert set(run.record.ladder[0].tolist()) == {0, 1, 2}
    assert farthest(run) <= 1e-9
