"""Where bars come from: every source answers one question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tradeterm.core.market import Bars, Instrument, Timeframe

__all__ = ["Source"]


class Source(Protocol):
    """Something that gives bars of an instrument."""

    @property
    def name(self) -> str:
        """Name that configuration and metadata use."""
        ...

    def bars(self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int) -> Bars:
        """Return the bars with ``ts`` at or after ``start_ns`` that are known at ``end_ns``, sorted.

        Raises
        ------
        DataError
            When the source doesn't know the instrument, or can't give that timeframe.
        """
        ...
