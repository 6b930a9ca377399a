"""What Alpaca's answers hold: columns of bars, and corporate actions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tradeterm.core.errors import BadAnswer, BadInstant
from tradeterm.core.market import Actions
from tradeterm.core.time import from_iso
from tradeterm.data.calendar import sessions
from tradeterm.data.sources.answers import no_actions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradeterm.core.market import Instrument

    Kind = Literal["split", "dividend"]

__all__ = ["Columns", "bar_columns", "corporate_actions"]


@dataclass(slots=True)
class Columns:
    """Raw bars by column, as they came."""

    ts: list[int] = field(default_factory=list)
    open: list[Any] = field(default_factory=list)
    high: list[Any] = field(default_factory=list)
    low: list[Any] = field(default_factory=list)
    close: list[Any] = field(default_factory=list)
    volume: list[Any] = field(default_factory=list)

    def extend(self, other: Columns) -> None:
        """Add the rows of ``other``."""
        for name in self.__slots__:
            getattr(self, name).extend(getattr(other, name))


def bar_columns(source: str, instrument: Instrument, theirs: str, page: Any) -> Columns:
    """Columns of a page ``{"SPY": [{"t", "o", "h", "l", "c", "v"}, ...]}``; a page without bars is an empty mapping.

    Raises
    ------
    BadAnswer
        When the page has another shape, or bars of another symbol.
    """
    if not isinstance(page, dict) or set(page) - {theirs}:
        raise BadAnswer(source, instrument.symbol, "bars of another symbol or shape")
    rows = page.get(theirs)
    found = Columns()
    try:
        for row in rows if rows is not None else ():
            found.ts.append(from_iso(row["t"]))
            found.open.append(row["o"])
            found.high.append(row["h"])
            found.low.append(row["l"])
            found.close.append(row["c"])
            found.volume.append(row["v"])
    except (BadInstant, KeyError, TypeError):
        raise BadAnswer(source, instrument.symbol, "bars of another shape") from None
    return found


def corporate_actions(
    source: str, instrument: Instrument, theirs: str, pages: Iterable[Any], *, start_ns: int, end_ns: int
) -> Actions:
    """Actions of pages ``{"forward_splits": [...], "cash_dividends": [...], ...}``, each once by its id.

    An ex-date without a session counts from the next one. On one day dividends come before splits, being paid on what
    was held before.

    Raises
    ------
    BadAnswer
        When an action has another shape, another symbol, or a ratio or an amount that is no number above 0.
    """
    days = sessions(instrument.calendar)
    seen: set[str] = set()
    found: list[tuple[int, Kind, float]] = []
    for page in pages:
        for kind, row in _rows(source, instrument, page):
            try:
                if row["symbol"] != theirs:
                    raise BadAnswer(source, instrument.symbol, "corporate actions of another symbol")
                if str(row.get("id") or id(row)) in seen:
                    continue
                seen.add(str(row.get("id") or id(row)))
                index = int(np.searchsorted(days.date_ns, from_iso(row["ex_date"]), side="left"))
                ex_ns, value = int(days.open_ns[index]), _VALUES[kind](row)
            except (ArithmeticError, BadInstant, LookupError, TypeError, ValueError):
                raise BadAnswer(source, instrument.symbol, f"{kind} of another shape") from None
            if not (math.isfinite(value) and value > 0):
                raise BadAnswer(source, instrument.symbol, f"{kind} of {row['ex_date']} with {value}")
            found.append((ex_ns, "dividend" if kind == "cash_dividends" else "split", value))
    return _sorted([action for action in found if start_ns <= action[0] <= end_ns])


_VALUES = {
    "forward_splits": lambda row: float(row["new_rate"]) / float(row["old_rate"]),
    "reverse_splits": lambda row: float(row["new_rate"]) / float(row["old_rate"]),
    "stock_dividends": lambda row: 1.0 + float(row["rate"]),
    "cash_dividends": lambda row: float(row["rate"]),
}


def _rows(source: str, instrument: Instrument, page: Any) -> list[tuple[str, Any]]:
    if not isinstance(page, dict) or set(page) - set(_VALUES):
        raise BadAnswer(source, instrument.symbol, "corporate actions of another shape")
    return [(kind, row) for kind, rows in page.items() for row in rows or ()]


def _sorted(found: list[tuple[int, Kind, float]]) -> Actions:
    if not found:
        return no_actions()
    found.sort(key=lambda action: (action[0], action[1]))
    ex_ns, kind, value = zip(*found, strict=True)
    return Actions(ex_ns=np.array(ex_ns, dtype=np.int64), kind=kind, value=np.array(value, dtype=np.float64))
