"""Series of the sample market that feed the regime: a volatility index, a yield-curve slope, an activity survey."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import DataError
from tradeterm.core.market import Bars, Timeframe
from tradeterm.core.time import DAY_NS
from tradeterm.data.publication import PublicationRule, business_days
from tradeterm.data.sources.sample_paths import START_NS, draws, normal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.data.sources.sample_paths import EquityPath

__all__ = ["SERIES", "macro_series"]

_RULES = {
    "VIX": PublicationRule(kind="session_close", at="16:15"),
    "T10Y2Y": PublicationRule(kind="next_business_day", at="09:00"),
    "PMI": PublicationRule(kind="month_end_lag", lag_days=1, at="10:00"),
}
SERIES = tuple(_RULES)

# By market regime (bull, flat, bear, crash, recovery): where growth and the slope are drawn to.
_GROWTH = np.array([0.60, 0.05, -1.30, -3.20, 0.25])
_SLOPE = np.array([0.02, 0.35, 1.20, 2.20, 2.00])
_PREMIUM = 1.14


def macro_series(
    symbol: str, timeframe: Timeframe, path: EquityPath, publication: Mapping[str, PublicationRule], end_ns: int
) -> Bars:
    """Series ``symbol`` over the days of ``path``.

    Raises
    ------
    DataError
        When the series doesn't come in ``timeframe``.
    """
    own = Timeframe.MONTHLY if symbol == "PMI" else Timeframe.DAILY
    if timeframe is not own:
        raise DataError(f"sample market: no {timeframe} values of {symbol}; it has {own} ones")
    rule = publication.get(symbol, _RULES[symbol])
    if symbol == "VIX":
        return _index(path, rule)
    days = business_days()
    last = START_NS if not len(path.date_ns) else int(path.date_ns[-1])
    days = days[(days >= START_NS) & (days <= min(last, end_ns))]
    session = np.searchsorted(path.date_ns, days, side="right") - 1
    if symbol == "PMI":
        return _survey(path, days, session, rule)
    shocks = normal(_drawn("T10Y2Y", days)[:, 0])
    level = _drawn_to(_SLOPE[path.state[session]], shocks, speed=1 / 150, noise=0.028, start=1.1)
    return _values(days, np.round(level, 2), rule)


def _index(path: EquityPath, rule: PublicationRule) -> Bars:
    """Volatility index: what the regime's volatility says, above it after falls."""
    uniform = _drawn("VIX", path.date_ns)
    shocks = normal(uniform[:, :3])
    move = path.gap + path.moves.sum(axis=1)
    expected = 100.0 * _PREMIUM * np.sqrt(0.70 * path.volatility**2 + 0.30 * 0.155**2)
    excess = 0.0
    level = np.empty(len(move))
    for step, (day, shock) in enumerate(zip(move.tolist(), shocks[:, 0].tolist(), strict=True)):
        excess = 0.86 * excess - 4.2 * day + 0.028 * shock
        level[step] = excess
    close = np.maximum(np.round(expected * np.exp(level), 2), 8.0)
    before = np.append(close[:1], close[:-1])
    opens = np.maximum(np.round(before * np.exp(0.3 * np.log(close / before) + 0.012 * shocks[:, 1]), 2), 8.0)
    reach = 0.012 + 0.03 * np.abs(shocks[:, 2])
    return Bars(
        ts=path.date_ns,
        open=opens,
        high=np.round(np.maximum(opens, close) * (1.0 + reach), 2),
        low=np.round(np.minimum(opens, close) * (1.0 - reach * 0.6), 2),
        close=close,
        volume=np.full(len(close), np.nan),
        known_at=rule.known_at(path.date_ns),
    )


def _survey(path: EquityPath, days: IntArray, session: IntArray, rule: PublicationRule) -> Bars:
    """Monthly survey around 50: the growth of its month, known after it has ended."""
    shocks = normal(_drawn("PMI", days)[:, :2])
    growth = _drawn_to(_GROWTH[path.state[session]], shocks[:, 0], speed=1 / 45, noise=0.02, start=0.3)
    months = days.astype("datetime64[ns]").astype("datetime64[M]")
    first = np.flatnonzero(np.diff(months.astype(np.int64), prepend=-1))
    ended = np.diff(np.append(first, len(days)))
    mean = np.add.reduceat(growth, first) / ended if len(first) else np.empty(0)
    value = np.round(50.8 + 6.4 * mean + 0.45 * shocks[first, 1], 1)
    return _values(months[first].astype("datetime64[ns]").astype(np.int64), value, rule)


def _drawn(name: str, days: IntArray) -> FloatArray:
    index = (days - START_NS) // DAY_NS
    return draws(name, int(index[-1]) + 1 if len(index) else 0)[index]


def _drawn_to(target: FloatArray, shocks: FloatArray, *, speed: float, noise: float, start: float) -> FloatArray:
    level = start
    found = np.empty(len(target))
    for step, (wanted, shock) in enumerate(zip(target.tolist(), shocks.tolist(), strict=True)):
        level += speed * (wanted - level) + noise * shock
        found[step] = level
    return found


def _values(days: IntArray, value: FloatArray, rule: PublicationRule) -> Bars:
    return Bars(
        ts=days,
        open=value,
        high=value,
        low=value,
        close=value,
        volume=np.full(len(value), math.nan),
        known_at=rule.known_at(days),
    )
