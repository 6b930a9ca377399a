"""How regimes changed: states over time to look at, and the changes themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tradeterm.core.time import from_iso
from tradeterm.engine.regime import AXES, STATES
from tradeterm.store.ledger import Ledger
from tradeterm.views.base import View
from tradeterm.views.regime import Change, judged, newest_changes
from tradeterm.views.spans import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.config.workspace import Workspace
    from tradeterm.store.ledger import Fact

__all__ = ["AxisHistory", "RegimeHistory", "build"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisHistory:
    """States of one axis over the recorded time; ``states`` are all that it can have, in their order."""

    axis: str
    states: tuple[str, ...]
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeHistory(View):
    """Recorded changes by the lines in force; ``older`` counts those that are too many to list.

    from_ns, to_ns : first recorded change of any axis, and the newest judgement; None without any
    """

    SCHEMA: ClassVar[str] = "tradeterm.regimes.v1"

    from_ns: int | None
    to_ns: int | None
    axes: tuple[AxisHistory, ...]
    changes: tuple[Change, ...]
    older: int


def build(workspace: Workspace, *, profile: str | None = None, axis: str = "") -> RegimeHistory:
    """Read the history of the regimes, or of one axis.

    Raises
    ------
    StoreError
        When the ledger can't be read.
    """
    with Ledger.reader(workspace.results) as ledger:
        fact, changes = judged(ledger, profile)
    if fact is None or not changes:
        return RegimeHistory(from_ns=None, to_ns=None, axes=(), changes=(), older=0)
    asof = str(fact.payload["asof"])
    # A run of an earlier day may be the newest: what came to pass after it isn't its history.
    past = sorted((item for item in changes if item.payload["ts"] <= asof), key=lambda item: str(item.payload["ts"]))
    listed = [item for item in past if axis in ("", item.payload["axis"])]
    shown = newest_changes(listed)
    begin = from_iso(past[0].payload["ts"]) if past else from_iso(asof)
    words = {name: _word(found["status"], found["state"]) for name, found in fact.payload["axes"].items()}
    return RegimeHistory(
        from_ns=begin,
        to_ns=from_iso(asof),
        axes=tuple(
            AxisHistory(
                axis=name,
                states=STATES[number],
                spans=_spans([item for item in past if item.payload["axis"] == name], words[name], begin, asof),
            )
            for number, name in enumerate(AXES)
            if axis in ("", name) and name in words
        ),
        changes=shown,
        older=len(listed) - len(shown),
    )


def _word(status: str, state: str) -> str:
    return "UNKNOWN" if status == "unknown" else state


def _spans(changes: Sequence[Fact], now: str, begin_ns: int, asof: str) -> tuple[Span, ...]:
    """From ``begin_ns`` to the newest judgement; an axis that never changed was always as it is."""
    words = [str(changes[0].payload["from"]) if changes else now, *(str(item.payload["to"]) for item in changes)]
    marks = [begin_ns, *(from_iso(item.payload["ts"]) for item in changes), from_iso(asof)]
    return tuple(
        Span(from_ns=start, to_ns=stop, state=None if word == "UNKNOWN" else word)
        for word, start, stop in zip(words, marks[:-1], marks[1:], strict=True)
        if stop > start
    )
