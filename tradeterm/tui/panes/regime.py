"""Pane 4: the four regimes, what they do to budgets and limits, and how they changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text

from tradeterm.tui import keys
from tradeterm.tui.cells import DASH, DIM, HEAD, WARN, Column, Row, age, date, decision, pairs, percent, stamp, table
from tradeterm.tui.panes.pane import Detail, Pane
from tradeterm.tui.widgets.grid import Grid
from tradeterm.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.binding import BindingType
    from textual.widget import Widget

    from tradeterm.views.regime import Axis, Change, RegimeView

__all__ = ["RegimePane"]

_BUDGETS = (
    Column(name="budget", width=22, grow=True),
    Column(name="base", width=6, right=True),
    Column(name="now", width=6, right=True),
)
_CHANGES = (
    Column(name="changes", width=10),
    Column(name="axis", width=10),
    Column(name="from", width=9),
    Column(name="to", width=9, grow=True),
    Column(name="reading", width=9, right=True, rank=1),
)


class RegimePane(Pane):
    """Axes with state, since, input and freshness."""

    NAME: ClassVar[str] = "regime"
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings("regime")]
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="axis", width=10),
        Column(name="state", width=9),
        Column(name="since", width=10),
        Column(name="input", width=10, rank=1, grow=True),
        Column(name="reading", width=9, right=True, rank=2),
        Column(name="late", width=4, right=True),
    )
    view: RegimeView

    def body(self) -> Iterable[Widget]:
        """Yield axes, budgets and changes."""
        yield Grid(self.COLUMNS)
        yield Lines(id="budgets", classes="beneath")

    def notes(self) -> Sequence[str]:
        """Say when this was judged, or that it wasn't."""
        if self.view.asof_ns is None:
            return ("no regime judged yet; D runs the daily, which judges it",)
        if self.view.stale:
            return (f"judged {stamp(self.view.asof_ns)}, {age(self.view.age_hours)} ago: too old, run the daily (D)",)
        return ()

    def rows(self) -> Sequence[Row]:
        """One row per axis."""
        return [_row(item, stale=item.stale or self.view.stale) for item in self.view.axes]

    def fill(self) -> None:
        """Show budgets, limits and changes."""
        view = self.view
        self.query_one("#budgets", Lines).show(lambda width: _beneath(view, width))

    def summary(self) -> tuple[str, bool]:
        """Count the axes that can be trusted."""
        if not self.view.axes:
            return "", False
        fresh = sum(not item.stale for item in self.view.axes)
        asof = "" if self.view.asof_ns is None else f"  at {decision(self.view.asof_ns)}"
        text = f"{fresh} of {len(self.view.axes)} fresh{asof}"
        return text, self.view.stale or fresh < len(self.view.axes)

    def detail(self, key: str) -> Detail | None:
        """Tell how an axis stands and how it came there."""
        item = next((each for each in self.view.axes if each.axis == key), None)
        if item is None:
            return None
        told = {
            "state": f"UNKNOWN, shown as {item.state}" if item.status == "unknown" else item.state,
            "last known": item.last or DASH,
            "status": item.status + (f", next value {age(item.age_hours)} overdue" if item.stale else ""),
            "since": date(item.since_ns),
            "input": item.input or DASH,
            "reading": f"{_reading(item.value)} against {_reading(item.reference)}",
        }
        rows = [_change_row(number, each) for number, each in enumerate(self.view.changes) if each.axis == key]
        return f"regime: {key}", lambda width: [*pairs(told, width), Text(), *table(_CHANGES, rows, width)]


def shown_state(item: Axis) -> str:
    """State of an axis; one that is unknown is never shown as its neutral word."""
    return "UNKNOWN" if item.status == "unknown" else item.state


def _reading(value: float | None) -> str:
    return DASH if value is None else f"{value:,.2f}"


def _row(item: Axis, *, stale: bool) -> Row:
    return Row(
        key=item.axis,
        flag="!" if stale else " ",
        style=DIM if stale else "",
        cells=(
            item.axis,
            Text(shown_state(item), "bold"),
            date(item.since_ns),
            item.input or DASH,
            _reading(item.value),
            age(item.age_hours) if item.stale else "ok",
        ),
    )


def _change_row(number: int, item: Change) -> Row:
    cells = (date(item.ts_ns), item.axis, item.before, item.after, _reading(item.value))
    return Row(key=str(number), cells=cells)


def _beneath(view: RegimeView, width: int) -> list[Text]:
    if not view.axes:
        return []
    rows = [
        Row(
            key=item.strategy,
            cells=(item.strategy, percent(item.base, 0), _now(item.base, item.now)),
        )
        for item in view.budgets
    ]
    lines = [Text(), *table(_BUDGETS, rows, width)]
    tight = [item for item in view.limits if item.now is not None and item.base is not None and item.now < item.base]
    lines += [Text(f"{item.name} cap {percent(item.base, 0)} now {percent(item.now, 0)}", WARN) for item in tight]
    changes = [_change_row(number, item) for number, item in enumerate(view.changes)]
    if changes:
        lines += [Text(), *table(_CHANGES, changes, width)]
    else:
        lines += [Text(), Text("no changes recorded", HEAD)]
    return lines


def _now(base: float | None, now: float | None) -> Text:
    lower = base is not None and now is not None and now < base
    return Text(percent(now, 0), WARN if lower else "")
