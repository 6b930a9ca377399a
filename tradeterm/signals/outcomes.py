"""What became of signals: scored once, when the price that ends the horizon is known.

A later change of the bars does not change an outcome: what it would be now is recorded beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tradeterm.core.signals import Outcome
from tradeterm.core.time import from_iso
from tradeterm.engine.outcomes import forward_returns
from tradeterm.signals.own_bars import known_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tradeterm.core.types import FloatArray
    from tradeterm.engine.outcomes import Forward, OwnFills

__all__ = ["LAGS", "differs", "realise", "realise_all"]

LAGS = (1, 2, 3, 5, 8, 13, 21, 34, 55)
"""Own bars after the entry at which the way to an outcome is kept, as far as they are within the horizon."""

_DIRECTION = {"long": 1, "short": -1, "flat": 1}
# What an outcome says of prices: bars that were restated may say otherwise.
_PRICED = ("entry_at", "exit_at", "entry_price", "exit_price", "gross", "net")


class _Terms(NamedTuple):
    """What signals that are scored together have in common."""

    symbol: str
    timeframe: str
    horizon: int
    cost: float


def realise(
    signal: Mapping[str, Any],
    key: str,
    own_bars: Callable[[str, str], OwnFills],
    *,
    asof_ns: int,
) -> Outcome | None:
    """Outcome of a stored signal as of an instant; None while its horizon has not matured."""
    return next(realise_all([(key, signal)], own_bars, asof_ns=asof_ns), None)


def realise_all(
    signals: Iterable[tuple[str, Mapping[str, Any]]], own_bars: Callable[[str, str], OwnFills], *, asof_ns: int
) -> Iterator[Outcome]:
    """Outcomes of those stored signals whose horizon has matured as of an instant, in their order.

    signals : key and payload as stored, which says its timeframe and costs
    A flat signal is scored as if long, and neither hits nor misses.
    """
    groups: dict[_Terms, list[tuple[int, str, Mapping[str, Any]]]] = {}
    for place, (key, signal) in enumerate(signals):
        terms = _Terms(signal["symbol"], signal["timeframe"], int(signal["horizon"]), float(signal["cost"]))
        groups.setdefault(terms, []).append((place, key, signal))
    found: list[tuple[int, Outcome]] = []
    for terms, members in groups.items():
        bars = known_at(own_bars(terms.symbol, terms.timeframe), asof_ns)
        found += _scored(terms, members, bars, asof_ns)
    found.sort(key=lambda item: item[0])
    yield from (outcome for _, outcome in found)


def differs(stored: Mapping[str, Any], now: Outcome) -> bool:
    """Whether the bars as they are now give a stored outcome otherwise."""
    payload = now.payload()
    return any(stored[name] != payload[name] for name in _PRICED)


def _scored(
    terms: _Terms, members: list[tuple[int, str, Mapping[str, Any]]], bars: OwnFills, asof_ns: int
) -> Iterator[tuple[int, Outcome]]:
    ts = np.array([from_iso(signal["ts"]) for _, _, signal in members], dtype=np.int64)
    side = np.array([_DIRECTION[signal["side"]] for _, _, signal in members], dtype=np.int64)

    def ahead(bars_on: int) -> Forward:
        return forward_returns(
            bars.fill_open, bars.fill_at, bars.known_at, ts, bars_on, terms.cost, side=side, factor=bars.factor
        )

    forward = ahead(terms.horizon)
    lags = [lag for lag in LAGS if lag < terms.horizon]
    # (lags, n), all of them known once the horizon has matured
    way: FloatArray = np.array([ahead(lag).gross for lag in lags]).reshape(len(lags), len(members))
    for row in np.flatnonzero(forward.matured(asof_ns)).tolist():
        place, key, signal = members[row]
        net = float(forward.net[row])
        yield (
            place,
            Outcome(
                signal_key=key,
                entry_ns=int(forward.entry_at[row]),
                exit_ns=int(forward.exit_at[row]),
                entry_price=float(forward.entry_price[row]),
                exit_price=float(forward.exit_price[row]),
                gross=float(forward.gross[row]),
                net=net,
                hit=None if signal["side"] == "flat" else net > 0.0,
                known_ns=int(forward.matures_at[row]),
                path=tuple((lag, float(way[n, row])) for n, lag in enumerate(lags)),
            ),
        )
