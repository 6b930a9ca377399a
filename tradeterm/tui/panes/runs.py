"""Pane 2: backtest runs, and the equity and drawdown of the one under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.message import Message

from tradeterm.tui import keys
from tradeterm.tui.cells import (
    BAD,
    DIM,
    WARN,
    Column,
    Row,
    date,
    percent,
    prose,
    quantity,
    signed,
)
from tradeterm.tui.panes.pane import Pane
from tradeterm.tui.screens.compare import CompareScreen
from tradeterm.tui.screens.run import RunScreen
from tradeterm.tui.screens.run_lines import fill_words
from tradeterm.tui.widgets.chart import Chart
from tradeterm.tui.widgets.grid import Grid
from tradeterm.tui.widgets.lines import Lines
from tradeterm.views.selection import ordered

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.binding import BindingType
    from textual.widget import Widget

    from tradeterm.tui.screens.modal import Modal
    from tradeterm.views.runs import RunRow, RunsView, RunView

__all__ = ["RunWanted", "RunsPane"]

_MOST_KEPT = 16
_MOST_MARKED = 4
_ORDERS = ("recorded", "sharpe", "cagr", "max_drawdown", "total_return", "bps_score", "trades", "name", "end")


class RunWanted(Message):
    """The run under the cursor isn't read yet."""

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id


class RunsPane(Pane):
    """Runs, newest first."""

    NAME: ClassVar[str] = "runs"
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings("runs")]
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="run", width=6),
        Column(name="name", width=10, grow=True),
        Column(name="end", width=10, rank=3),
        Column(name="CAGR", width=6, right=True),
        Column(name="Shrp", width=5, right=True),
        Column(name="mDD", width=6, right=True),
        Column(name="BPS", width=5, right=True),
        Column(name="trips", width=5, right=True, rank=4),
        Column(name="fill", width=10, rank=5),
    )
    view: RunsView

    def __init__(self) -> None:
        super().__init__()
        self.marked: set[str] = set()
        self.order = _ORDERS[0]
        self._read: dict[str, RunView | str] = {}

    def body(self) -> Iterable[Widget]:
        """Yield runs, what is known about the one under the cursor, and its charts."""
        yield Grid(self.COLUMNS)
        yield Lines(id="run-line", classes="beneath")
        yield Chart(lambda value: f"{value:,.0f}", id="equity", classes="chart -empty")
        yield Chart(lambda value: f"{value:.0%}", id="drawdown", classes="chart -empty", color="red")

    def notes(self) -> Sequence[str]:
        """Say that there are none yet, or that bars were made up."""
        if not self.view.runs:
            return ("no runs yet; b starts a backtest, D the daily",)
        return ("SAMPLE runs: on made-up bars",) if any(row.sample for row in self.view.runs) else ()

    def rows(self) -> Sequence[Row]:
        """One row per run."""
        return [_row(item, marked=item.run_id in self.marked) for item in ordered(list(self.view.runs), self.order)]

    def fill(self) -> None:
        """Show the run under the cursor."""
        self._draw()

    def summary(self) -> tuple[str, bool]:
        """Count the runs."""
        failed = sum(not row.certificate.ok for row in self.view.runs)
        text = f"{self.view.total} run{'' if self.view.total == 1 else 's'}"
        text += f"  by {self.order}" if self.order != _ORDERS[0] else ""
        return text + (f"  {failed} uncertified" if failed else ""), failed > 0

    def on_data_table_row_highlighted(self) -> None:
        """Follow the cursor."""
        if self.view is not None:
            self._draw()

    def take(self, run_id: str, found: RunView | str) -> None:
        """Keep a run that was read, or why it can't be."""
        if len(self._read) >= _MOST_KEPT:
            self._read.pop(next(iter(self._read)))
        self._read[run_id] = found
        self._draw()

    def mark(self) -> bool:
        """Mark the run under the cursor for comparison, or unmark it; False where four are marked already."""
        current = self.grid.current
        if current is None:
            return True
        if current not in self.marked and len(self.marked) >= _MOST_MARKED:
            return False
        self.marked ^= {current}
        self.grid.show(self.rows())
        return True

    def next_order(self) -> str:
        """Sort by the next order, and return its name."""
        self.order = _ORDERS[(_ORDERS.index(self.order) + 1) % len(_ORDERS)]
        if self.view is not None:
            self.repaint()
        return self.order

    def opened(self, key: str) -> Modal[Any] | None:
        """Open a run in full, or the marked ones side by side."""
        chosen = tuple(row.run_id for row in self.view.runs if row.run_id in self.marked)
        if len(chosen) > 1:
            return CompareScreen(chosen)
        row = next((item for item in self.view.runs if item.run_id == key), None)
        return None if row is None else RunScreen(key, row)

    def _draw(self) -> None:
        current = self.grid.current
        row = next((item for item in self.view.runs if item.run_id == current), None)
        found = self._read.get(current) if current is not None else None
        if row is not None and found is None:
            self.post_message(RunWanted(row.run_id))
        points = found.points if found is not None and not isinstance(found, str) else ()
        times = [point.ts_ns for point in points]
        certified = row is not None and row.certificate.ok
        self.query_one("#equity", Chart).show(times, [point.nav for point in points] if certified else [])
        self.query_one("#drawdown", Chart).show(times, [point.drawdown for point in points] if certified else [])
        self.query_one("#run-line", Lines).show(lambda width: _headline(row, found, width))


def _row(item: RunRow, *, marked: bool) -> Row:
    flag = "*" if marked else " " if item.certificate.ok else "!"
    return Row(
        key=item.run_id,
        flag=flag,
        cells=(
            item.run_id[:6],
            item.name + (" (optimistic)" if item.fill == "close" else ""),
            date(item.end_ns),
            percent(item.cagr),
            signed(item.sharpe),
            percent(item.max_drawdown),
            signed(item.bps_score),
            quantity(item.trades),
            fill_words(item),
        ),
    )


def _headline(row: RunRow | None, found: RunView | str | None, width: int) -> list[Text]:
    if row is None:
        return []
    word = Text("certificate ok", DIM) if row.certificate.ok else Text("! certificate FAILED, no metrics", BAD)
    made_up = "SAMPLE " if row.sample else ""
    period = f"{date(row.start_ns)[:7]}..{date(row.end_ns)[:7]}"
    lines = [Text(), Text.assemble((made_up, "bold"), f"{row.run_id[:6]}  {period}  ", word)]
    if isinstance(found, str):
        lines += prose(f"! {found}", width, WARN)[:6]
    elif found is None:
        lines.append(Text("reading the run", DIM))
    return lines
