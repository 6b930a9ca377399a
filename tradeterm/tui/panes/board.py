"""Pane 5: strategies by stage, and what the gate to the next stage needs and has."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text

from tradeterm.tui import keys
from tradeterm.tui.cells import BAD, DASH, DIM, GOOD, WARN, Column, Row, pairs, percent, prose, table
from tradeterm.tui.panes.pane import Detail, Pane
from tradeterm.tui.widgets.grid import Grid
from tradeterm.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.binding import BindingType
    from textual.widget import Widget

    from tradeterm.views.board import BoardView, StrategyRow

__all__ = ["BoardPane", "gate_lines"]

_GATE = (
    Column(name="gate", width=16, grow=True),
    Column(name="need", width=9, right=True),
    Column(name="have", width=9, right=True),
    Column(name="", width=4),
)


class BoardPane(Pane):
    """Strategies."""

    NAME: ClassVar[str] = "board"
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings("board")]
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="strategy", width=18, grow=True),
        Column(name="version", width=7, rank=1),
        Column(name="stage", width=9),
        Column(name="budget", width=6, right=True),
        Column(name="gate", width=5, right=True),
    )
    view: BoardView

    def body(self) -> Iterable[Widget]:
        """Yield strategies and the gate of the one under the cursor."""
        yield Grid(self.COLUMNS)
        yield Lines(id="gate", classes="beneath")

    def notes(self) -> Sequence[str]:
        """Say that there are none, or that they can't be listed."""
        if self.view.problem:
            return (f"! {self.view.problem}",)
        return () if self.view.strategies else ("no strategy files; see docs/strategies.md for the first one",)

    def rows(self) -> Sequence[Row]:
        """One row per strategy, broken files too."""
        return [_row(item) for item in self.view.strategies]

    def fill(self) -> None:
        """Show the gate of the strategy under the cursor."""
        current = self.grid.current
        item = next((each for each in self.view.strategies if _name(each) == current), None)
        self.query_one("#gate", Lines).show(lambda width: [] if item is None else [Text(), *gate_lines(item, width)])

    def on_data_table_row_highlighted(self) -> None:
        """Follow the cursor."""
        if self.view is not None:
            self.fill()

    def summary(self) -> tuple[str, bool]:
        """Count strategies and broken files."""
        good = len(self.view.strategies) - self.view.broken
        text = f"{good} in research" + (f"  {self.view.broken} broken" if self.view.broken else "")
        return text, bool(self.view.broken or self.view.problem)

    def detail(self, key: str) -> Detail | None:
        """Tell everything about a strategy."""
        item = next((each for each in self.view.strategies if _name(each) == key), None)
        if item is None:
            return None
        told = {
            "file": f"strategies/{item.file}",
            "content": item.content_hash[:16],
            "stage": item.stage,
            "budget": percent(item.budget, 0) if item.budget is not None else f"{DASH} (not in the book)",
        }
        title = f"{item.name} {item.version}".strip()
        return title, lambda width: [*pairs(told, width), Text(), *gate_lines(item, width)]


def _name(item: StrategyRow) -> str:
    return f"{item.file}|{item.name}"


def _row(item: StrategyRow) -> Row:
    passed = sum(check.passed is True for check in item.checks)
    return Row(
        key=_name(item),
        flag="!" if item.error else " ",
        style=BAD if item.error else "",
        cells=(
            item.name if not item.error else item.file,
            item.version or DASH,
            item.stage if not item.error else "broken",
            percent(item.budget, 0),
            f"{passed}/{len(item.checks)}" if item.checks else DASH,
        ),
    )


def gate_lines(item: StrategyRow, width: int) -> list[Text]:
    """Return what the gate needs and has, and from which run."""
    if item.error:
        return prose(f"{item.file}: {item.error}", width, WARN)[:6]
    if item.gate is None:
        return [Text("no further gate", DIM)]
    words = {True: Text("ok", GOOD), False: Text("FAIL", BAD), None: Text(DASH, DIM)}
    rows = [
        Row(key=check.what, cells=(check.what, check.need, check.have, words[check.passed])) for check in item.checks
    ]
    lines = [Text(f"{item.name}: {item.stage} -> {item.gate}", "bold"), *table(_GATE, rows, width)]
    told = f"evidence: run {item.evidence[:6]}" if item.evidence else "no run of this file yet; b on pane 2 starts one"
    return [*lines, Text(told, DIM)]
