"""What the regime is judged on: series of values with the instants at which they became known."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tradeterm.core.types import FloatArray, IntArray

__all__ = ["RegimeInputs", "RegimeSeries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeSeries:
    """One input, as it became known; shape (K,) each, ascending by ``known_at``.

    known_at : when the value became known, ns UTC; a revision is a later row with the ordinal of its period
    ordinal : number of the value, counted from the first stored one
    value : close of a price series (forward-adjusted) or value of an observation
    due_at : when the value after this one is due by calendar or release schedule, ns UTC
    """

    symbol: str
    known_at: IntArray
    ordinal: IntArray
    value: FloatArray
    due_at: IntArray

    def __len__(self) -> int:
        return len(self.known_at)

    def upto(self, time_ns: int) -> RegimeSeries:
        """View of what was known at ``time_ns``."""
        stop = int(np.searchsorted(self.known_at, time_ns, side="right"))
        return self.rows(0, stop)

    def rows(self, start: int, stop: int) -> RegimeSeries:
        """View of the rows [start, stop)."""
        return RegimeSeries(
            symbol=self.symbol,
            known_at=self.known_at[start:stop],
            ordinal=self.ordinal[start:stop],
            value=self.value[start:stop],
            due_at=self.due_at[start:stop],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeInputs:
    """Inputs of the four axes; None where nothing is configured or stored.

    equity : daily closes of the equity benchmark (also the source of realised volatility)
    volatility : daily closes of the volatility index
    crypto : daily closes of the crypto benchmark
    slope : yield-curve slope, percentage points
    activity : activity survey or index (PMI or its stand-in)
    """

    equity: RegimeSeries | None = None
    volatility: RegimeSeries | None = None
    crypto: RegimeSeries | None = None
    slope: RegimeSeries | None = None
    activity: RegimeSeries | None = None

    def upto(self, time_ns: int) -> RegimeInputs:
        """Inputs as they were known at ``time_ns``."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return RegimeInputs(**{name: part.upto(time_ns) if part is not None else None for name, part in parts.items()})
