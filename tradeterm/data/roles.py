"""Inputs of the regime from the series that the configuration names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import DataError, MissingBars
from tradeterm.core.market import AssetClass, BarKey, Timeframe
from tradeterm.data.calendar import next_close_after
from tradeterm.engine.inputs import RegimeInputs, RegimeSeries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradeterm.core.market import Bars
    from tradeterm.core.types import IntArray
    from tradeterm.data.publication import PublicationRule
    from tradeterm.store.bars import BarStore

__all__ = ["regime_inputs", "regime_series"]

_ROLES = ("equity", "volatility", "crypto", "slope", "activity")


def regime_inputs(
    read: Callable[[BarKey], Bars],
    store: BarStore,
    roles: Mapping[str, str | None],
    publication: Mapping[str, PublicationRule],
) -> RegimeInputs:
    """Series of each role, by ``read`` as of the instant it knows; None where no role or nothing is stored.

    Raises
    ------
    DataError
        When a role is unknown, or a macro series has no release schedule.
    """
    for role in roles:
        if role not in _ROLES:
            raise DataError(f"regime role '{role}': not known; use one of {', '.join(_ROLES)}")
    found: dict[str, RegimeSeries | None] = {}
    for role in _ROLES:
        key = _key(store, roles.get(role))
        if key is not None:
            found[role] = regime_series(key, read(key), store.meta(key).calendar, publication.get(key.symbol))
    return RegimeInputs(**found)


def regime_series(key: BarKey, bars: Bars, calendar: str, rule: PublicationRule | None) -> RegimeSeries:
    """One input with its ordinals and when each following value is due.

    Raises
    ------
    DataError
        When a macro series has no release schedule.
    """
    order = np.lexsort((bars.ts, bars.known_at))
    ts, known_at = bars.ts[order], bars.known_at[order]
    periods = np.unique(ts)
    return RegimeSeries(
        symbol=key.symbol,
        known_at=known_at,
        ordinal=np.searchsorted(periods, ts).astype(np.int64),
        value=bars.close[order],
        due_at=_due(key, ts, known_at, calendar, rule),
    )


def _due(key: BarKey, ts: IntArray, known_at: IntArray, calendar: str, rule: PublicationRule | None) -> IntArray:
    if key.asset_class is not AssetClass.MACRO:
        return next_close_after(calendar, known_at)
    if rule is None:
        raise DataError(f"{key}: no publication rule; add one to universe.publication")
    return rule.due_after(ts)


def _key(store: BarStore, symbol: str | None) -> BarKey | None:
    if symbol is None:
        return None
    for timeframe in (Timeframe.DAILY, Timeframe.MONTHLY):
        for asset_class in AssetClass:
            key = BarKey(asset_class, symbol, timeframe)
            if store.exists(key):
                return key
    raise MissingBars(symbol)
