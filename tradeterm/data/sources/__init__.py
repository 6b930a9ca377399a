"""Where bars come from: every source answers the same two questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from tradeterm.core.market import Actions, Bars, Instrument, Timeframe

__all__ = ["Annotated", "Source"]


class Source(Protocol):
    """Something that gives bars and corporate actions of an instrument."""

    @property
    def name(self) -> str:
        """Name that configuration and metadata use."""
        ...

    def bars(self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int) -> Bars:
        """Return the bars with ``ts`` at or after ``start_ns`` that are known at ``end_ns``, sorted.

        Values of a macro series are bars whose open, high, low and close are the value and whose volume is NaN; a
        revised value is a further row with the same ``ts`` and a later ``known_at``.

        Raises
        ------
        DataError
            When the source doesn't know the instrument, or can't give that timeframe.
        SourceError
            When the service behind it refuses, fails, or answers what can't be true.
        """
        ...

    def actions(self, instrument: Instrument, start_ns: int, end_ns: int) -> Actions:
        """Return the corporate actions with ``ex_ns`` in [start, end], sorted; none where the source has none."""
        ...


@runtime_checkable
class Annotated(Protocol):
    """A source that has something to say about its bars that belongs beside them."""

    def note(self, instrument: Instrument) -> str:
        """Say what kind of history the bars of ``instrument`` are; kept in the metadata of the stored bars."""
        ...
