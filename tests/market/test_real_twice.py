"""The kernel against the second simulator on real bars, with the options of a run on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from real_desks import THERE, RealDesk
from twice import farthest

from tradeterm.config.load import load_settings
from tradeterm.config.workspace import Workspace
from tradeterm.core.time import from_iso
from tradeterm.engine.replay import Replay
from tradeterm.research.backtest import prepare

pytestmark = [pytest.mark.market, THERE, pytest.mark.xdist_group("real desks")]

FRICTION = (
    "system.orders={limit_bp: 15, participation: 0.0001, min_notional: {equity: 200, crypto: 100}}",
    "system.interest={credit: 0.03, debit: 0.06}",
    "system.band=0.01",
)
TIGHT = (
    "system.limits.asset=0.2",
    "system.limits.gross=0.6",
    "system.ladder={derisk: 0.02, halt: 0.04, recovery: 0.01, derisk_scale: 0.5, resume_after_days: 60}",
)


def replayed(desk: RealDesk, sets: tuple[str, ...], since: str) -> Replay:
    settings = load_settings(
        Workspace(desk.root),
        profile="paper",
        experiment=Path(desk.experiment),
        sets=[f"system.start={since}", *sets],
        env={},
    )
    return prepare(settings, end_ns=from_iso("2024-08-31")).run


@pytest.mark.parametrize("sets", [(), FRICTION, TIGHT], ids=["plain", "friction", "tight"])
def test_nav_of_real_hours_is_that_of_the_second_simulator(hours: RealDesk, sets: tuple[str, ...]) -> None:
    run = replayed(hours, sets, "2022-08-01")
    assert np.count_nonzero(run.record.filled) > 20
    assert farthest(run) <= 1e-9


@pytest.mark.parametrize("sets", [(), FRICTION, TIGHT], ids=["plain", "friction", "tight"])
def test_nav_of_real_days_is_that_of_the_second_simulator(days: RealDesk, sets: tuple[str, ...]) -> None:
    run = replayed(days, sets, "2015-01-01")
    assert np.count_nonzero(run.record.filled) > 20
    if sets is TIGHT:
        assert set(run.record.ladder[0].tolist()) == {0, 1, 2}
    assert farthest(run) <= 1e-9
