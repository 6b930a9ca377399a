"""States over time as spans, and what of them a line of so many cells can show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Span", "cells", "spans"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Time [from, to) in one state; None where it isn't known."""

    from_ns: int
    to_ns: int
    state: str | None


def spans(times: Sequence[int], codes: Sequence[int], names: Sequence[str], end_ns: int) -> tuple[Span, ...]:
    """Spans of equal codes; each time's code holds until the next one, the last until ``end_ns``. Below 0: unknown."""
    found: list[Span] = []
    starts = [row for row in range(len(codes)) if row == 0 or codes[row] != codes[row - 1]]
    for start, stop in zip(starts, [*starts, len(codes)][1:], strict=True):
        until = times[stop] if stop < len(times) else end_ns
        state = names[codes[start]] if codes[start] >= 0 else None
        found.append(Span(from_ns=times[start], to_ns=until, state=state))
    return tuple(found)


def cells(shown: Sequence[Span], from_ns: int, to_ns: int, count: int) -> tuple[str | None, ...]:
    """State of each of ``count`` equal parts of [from, to): what takes the most of it, of equals the earlier."""
    found = []
    for number in range(count):
        begin = from_ns + (to_ns - from_ns) * number // count
        end = from_ns + (to_ns - from_ns) * (number + 1) // count
        held: dict[str | None, int] = {}
        for span in shown:
            overlap = min(span.to_ns, end) - max(span.from_ns, begin)
            if overlap > 0:
                held[span.state] = held.get(span.state, 0) + overlap
        found.append(max(held, key=held.__getitem__) if held else None)
    return tuple(found)
