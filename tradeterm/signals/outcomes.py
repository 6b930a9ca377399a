"""What became of signals: scored once, when the price that ends the horizon is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.signals import Outcome
from tradeterm.core.time import from_iso
from tradeterm.engine.outcomes import forward_returns
from tradeterm.signals.own_bars import known_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradeterm.engine.outcomes import OwnFills

__all__ = ["realise"]

_DIRECTION = {"long": 1, "short": -1, "flat": 1}


def realise(
    signal: Mapping[str, Any],
    key: str,
    own_bars: Callable[[str, str], OwnFills],
    *,
    asof_ns: int,
) -> Outcome | None:
    """Outcome of a stored signal as of an instant; None while its horizon has not matured.

    signal : the payload as stored, which says its timeframe and costs
    A flat signal is scored as if long, and neither hits nor misses.
    """
    bars = known_at(own_bars(signal["symbol"], signal["timeframe"]), asof_ns)
    forward = forward_returns(
        bars.fill_open,
        bars.fill_at,
        bars.known_at,
        np.array([from_iso(signal["ts"])]),
        int(signal["horizon"]),
        float(signal["cost"]),
        side=_DIRECTION[signal["side"]],
        factor=bars.factor,
    )
    if not forward.matured(asof_ns)[0]:
        return None
    net = float(forward.net[0])
    return Outcome(
        signal_key=key,
        entry_ns=int(forward.entry_at[0]),
        exit_ns=int(forward.exit_at[0]),
        entry_price=float(forward.entry_price[0]),
        exit_price=float(forward.exit_price[0]),
        gross=float(forward.gross[0]),
        net=net,
        hit=None if signal["side"] == "flat" else net > 0.0,
    )
