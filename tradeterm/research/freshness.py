"""How long an instrument's next bar has been overdue: what is stale is said, and not acted on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.time import DAY_NS, H4_NS, HOUR_NS, iso, iso_date
from tradeterm.data.calendar import next_expected_close

if TYPE_CHECKING:
    from tradeterm.engine.replay import Replay

__all__ = ["STALE_NS", "newest_known", "overdue", "stale", "stale_line"]

STALE_NS = 48 * HOUR_NS
"""A bar that is overdue by more, counted from when the calendar expected it, is too old to act on."""


def newest_known(run: Replay, column: int) -> int:
    """When the newest own bar of an instrument became known, ns UTC; -1 without one."""
    own = np.flatnonzero(run.panel.own[:, column])
    return int(run.panel.known_at[own[-1], column]) if len(own) else -1


def overdue(run: Replay) -> dict[str, int]:
    """Nanoseconds by which each instrument's next bar is overdue at the last decision, by symbol; 0 when it is not."""
    step = H4_NS if run.panel.daily is not None else DAY_NS
    asof = int(run.times[-1])
    found = {}
    for column, item in enumerate(run.spec.instruments):
        if item.delisted_ns is not None and item.delisted_ns <= asof:
            found[item.symbol] = 0
            continue
        known = newest_known(run, column)
        due = next_expected_close(item.calendar, known, step) if known >= 0 else asof
        found[item.symbol] = max(0, asof - due)
    return found


def stale(run: Replay) -> dict[str, int]:
    """Those of :func:`overdue` that are too old to act on."""
    return {symbol: lag for symbol, lag in overdue(run).items() if lag > STALE_NS}


def stale_line(run: Replay, symbol: str) -> str:
    """Say how old the newest bar of ``symbol`` is at the end of ``run``, and what to do."""
    known = newest_known(run, run.panel.column(symbol))
    days = (int(run.times[-1]) - known) / DAY_NS
    return (
        f"{symbol}: the newest bar is of {iso(known)}, {days:.0f} days before {iso(int(run.times[-1]))}; "
        f"run `tradeterm data update`, or end at {iso_date(known - 1)} (--end, --asof)"
    )
