"""At which prices and costs a recorded run traded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.engine.book import AT_OPEN, BEYOND, WITHIN

if TYPE_CHECKING:
    from tradeterm.core.types import FloatArray
    from tradeterm.engine.book import Market, Record, Terms

__all__ = ["Executed", "executed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """Of one run, by row and instrument.

    price : (T, N) raw price at which an instrument moved: of its fill, else the open at which strategies crossed
    rate : (T, N) costs of its fill, fraction of notional; (1, N) where all fills cost the same
    """

    price: FloatArray
    rate: FloatArray

    def notional(self, market: Market, lots: FloatArray) -> FloatArray:
        """(T, N) money that moved; 0 where nothing did."""
        return np.where(lots != 0.0, np.abs(lots) * market.unit * self.price[: len(lots)], 0.0)

    def cost(self, market: Market, lots: FloatArray) -> FloatArray:
        """(T, N) what fills of these lots cost, money."""
        rate = self.rate if len(self.rate) == 1 else self.rate[: len(lots)]
        return self.notional(market, lots) * rate


def executed(market: Market, terms: Terms, record: Record, *, run: int = 0) -> Executed:
    """Read back what the fills of a run were made at."""
    own = run if len(terms.taker) > 1 else 0
    taker, maker, slippage = terms.taker[own], terms.maker[own], terms.slippage[own]
    how = record.how[run]
    if not len(how):
        return Executed(price=market.fill_open, rate=(taker + slippage)[None])
    rate = np.zeros(how.shape)
    for way, cost in ((AT_OPEN, taker + slippage), (BEYOND, taker), (WITHIN, maker)):
        rate = np.where(how == way, cost, rate)
    price = record.price[run]
    return Executed(price=np.where(np.isfinite(price), price, market.fill_open), rate=rate)
