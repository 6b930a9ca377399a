"""Which runs of a list are wanted, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tradeterm.core.errors import UsageError, nearest

if TYPE_CHECKING:
    from tradeterm.views.runs import RunRow, RunsView

__all__ = ["ORDERS", "Selection", "ordered", "select"]

# Names to sort by; the best or the newest comes first, except for words.
_WORDS = ("name", "profile")
_TIMES = {"recorded": "recorded_ns", "start": "start_ns", "end": "end_ns"}
_NUMBERS = (
    "sharpe",
    "sortino",
    "cagr",
    "total_return",
    "volatility",
    "max_drawdown",
    "win_rate",
    "trades",
    "exposure",
    "turnover",
    "bps_score",
    "bps_robust",
)
ORDERS: tuple[str, ...] = (*_TIMES, *_WORDS, *_NUMBERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is asked of a list of runs; empty texts and None ask nothing.

    name : part of the name, in any case; strategy : ``Name`` or ``Name@version`` that a run holds
    since_ns : kept first at or after this instant; order : one of ``ORDERS``; backward turns it round
    """

    name: str = ""
    profile: str = ""
    strategy: str = ""
    since_ns: int | None = None
    order: str = "recorded"
    backward: bool = False


def select(view: RunsView, asked: Selection) -> RunsView:
    """Return the view with the wanted runs alone, in the wanted order.

    Raises
    ------
    UsageError
        When there is no such order.
    """
    if asked.order not in ORDERS:
        near = nearest(asked.order, ORDERS)
        hint = f"did you mean '{near}'?" if near else f"one of {', '.join(ORDERS)}"
        raise UsageError(f"no order '{asked.order}'; {hint}")
    chosen = [row for row in view.runs if _wanted(row, asked)]
    return replace(view, runs=ordered(chosen, asked.order, backward=asked.backward))


def ordered(rows: list[RunRow], order: str, *, backward: bool = False) -> tuple[RunRow, ...]:
    """Sort runs: the newest or greatest first, words from A; what is unknown comes last either way."""
    field = _TIMES.get(order, order)
    known = [row for row in rows if getattr(row, field) is not None]
    unknown = [row for row in rows if getattr(row, field) is None]
    words = order in _WORDS
    key = (lambda row: getattr(row, field).lower()) if words else (lambda row: getattr(row, field))
    return (*sorted(known, key=key, reverse=words == backward), *unknown)


def _wanted(row: RunRow, asked: Selection) -> bool:
    name, _, version = asked.strategy.partition("@")
    held = dict(zip(row.strategies, row.versions, strict=True))
    return (
        asked.name.lower() in row.name.lower()
        and asked.profile in ("", row.profile)
        and (not name or (name in held and version in ("", held[name])))
        and (asked.since_ns is None or row.recorded_ns >= asked.since_ns)
    )
