"""A whole run against the second simulator, which shares no code with the package."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from tradeterm.engine.book import LADDER_STATES
from tradeterm.engine.replay import Replay

sys.path.insert(0, str(Path(__file__).parent / "engine"))

import reference


def farthest(run: Replay) -> float:
    """Farthest that NAV, cash or a strategy's PnL are from the second simulator's, fraction of the capital.

    Ladder and positions have to be its own at every decision.
    """
    capital, record = run.spec.capital, run.record
    lines, account = reference.simulate(run.market, run.plan, run.terms, capital)
    assert [LADDER_STATES[level] for level in record.ladder[0]] == [line.level for line in lines]
    np.testing.assert_allclose(record.position[0], [line.position for line in lines], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(record.filled[0], [line.filled for line in lines], rtol=1e-9, atol=1e-9)
    pairs = (
        (record.nav[0], [line.nav for line in lines]),
        (record.cash[0], [line.cash for line in lines]),
        (record.pnl[0], [line.pnl for line in lines]),
        (run.state.cash, [account.cash]),
    )
    return max(float(np.abs(ours - np.array(other)).max()) for ours, other in pairs) / capital
