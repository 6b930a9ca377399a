"""One run in full, part by part: curves, exposure, metrics, months, regimes, models, trips and fills."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Input

from tradeterm.tui import keys
from tradeterm.tui.cells import DIM, WARN, prose
from tradeterm.tui.screens import run_lines
from tradeterm.tui.screens.detail import DetailScreen
from tradeterm.tui.screens.modal import Modal
from tradeterm.tui.screens.why import WhyScreen
from tradeterm.tui.widgets.chart import Chart
from tradeterm.tui.widgets.grid import Grid
from tradeterm.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.binding import BindingType
    from textual.widget import Widget

    from tradeterm.research.performance import Performance
    from tradeterm.tui.app import TradetermApp
    from tradeterm.views.performance import PerformanceView
    from tradeterm.views.runs import RunRow, RunView

__all__ = ["PARTS", "RunScreen"]

PARTS: tuple[str, ...] = (
    "curves",
    "rolling",
    "exposure",
    "metrics",
    "months",
    "regimes",
    "models",
    "trips",
    "fills",
)
_CHARTED = ("curves", "rolling", "exposure")
_GRIDS = ("trips", "fills")


def _money(value: float) -> str:
    return f"{value:,.0f}"


class RunScreen(Modal[None]):
    """Shows at once what the list knows, and the rest when it has been read."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings("run")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012 (Textual's own contract)

    def __init__(self, run_id: str, row: RunRow | None = None, part: str = PARTS[0]) -> None:
        super().__init__(classes="run")
        self.run_id = run_id
        self.part = part
        self._row = row
        self._found: PerformanceView | str | None = None
        self._run: RunView | str | None = None

    def heading(self) -> str:
        """Return which run this is."""
        row = self._row
        if row is None:
            return f"run {self.run_id}"
        return f"run {row.run_id[:6]} {row.name}{'  SAMPLE: made-up bars' if row.sample else ''}"

    def content(self) -> Iterable[Widget]:
        """Yield the names of the parts, and what each of them needs."""
        yield Lines(id="parts")
        yield Lines(id="upper-name", classes="hint")
        yield Chart(_money, id="upper", classes="chart -empty")
        yield Lines(id="lower-name", classes="hint")
        yield Chart(_money, id="lower", classes="chart -empty", color="red")
        scroll = VerticalScroll(Lines(id="told"), classes="scroll")
        scroll.can_focus = True
        yield scroll
        yield Grid(run_lines.TRIPS, id="trips")
        yield Grid(run_lines.FILLS, id="fills")
        yield Input(placeholder="filter, or !filter", classes="filter", compact=True)

    def on_mount(self) -> None:
        """Have the run read."""
        self.query_one(".box").border_subtitle = "h l part  / filter  enter trade  y why  esc closes"
        self._lay_out()
        cast("TradetermApp", self.app).read_performance(self.run_id)

    def take(self, found: PerformanceView | str, run: RunView | str) -> None:
        """Show what was read, or why it can't be."""
        self._found, self._run = found, run
        if not isinstance(found, str):
            self._row = found.row
            self.query_one(".box").border_title = Text(self.heading()).markup
        self._lay_out()

    def action_part(self, by: int) -> None:
        """Go to the next part, or the one before."""
        self.part = PARTS[(PARTS.index(self.part) + by) % len(PARTS)]
        self._lay_out()

    def action_filter(self) -> None:
        """Let a filter be typed, where there is a table."""
        if self.part in _GRIDS:
            field = self.query_one(".filter", Input)
            field.add_class("-open")
            field.value = self._grid.pattern
            field.focus()

    def action_leave(self) -> None:
        """Drop the filter; without one close."""
        field = self.query_one(".filter", Input)
        if self.part in _GRIDS and (field.has_class("-open") or self._grid.pattern):
            field.value = ""
            field.remove_class("-open")
            self._grid.narrow("")
            self._grid.focus()
            return
        self.dismiss(None)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        if event.input.has_class("-open"):
            self._grid.narrow(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter and go back to the table."""
        event.input.remove_class("-open")
        self._grid.focus()

    def action_beside(self, by: int) -> None:
        """Go to the part beside: a table has these keys for the pane beside."""
        self.action_part(by)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Open the trade that was clicked."""
        event.stop()
        self.action_detail()

    def action_detail(self) -> None:
        """Open the trade under the cursor: a round trip with its fills, or a fill with its round trips."""
        found, current = self._found, self._grid.current
        if current is None or isinstance(found, str) or found is None or found.performance is None:
            return
        told = run_lines.trade_lines(self.part, int(current), found.performance, self._run)
        if told is not None:
            self.app.push_screen(DetailScreen(*told))

    def action_why(self) -> None:
        """Show why the run decided on the trade under the cursor, else on its last decision."""
        symbol, at_ns = None, None
        found, run, current = self._found, self._run, self._grid.current
        if self.part in _GRIDS and current is not None and found is not None and not isinstance(found, str):
            symbol, at_ns = run_lines.trade_decision(self.part, int(current), found.performance, run)
        self.app.push_screen(WhyScreen(self.run_id, symbol, at_ns))

    @property
    def _grid(self) -> Grid:
        return self.query_one("#trips" if self.part == "trips" else "#fills", Grid)

    def _lay_out(self) -> None:
        part, found, row = self.part, self._found, self._row
        performance = None if found is None or isinstance(found, str) else found.performance
        known = performance is not None
        self.query_one("#parts", Lines).show(lambda width: run_lines.part_line(PARTS, part, width))
        scroll = self.query_one(".scroll")
        scroll.display = not (known and part in _GRIDS)
        for name in _GRIDS:
            self.query_one(f"#{name}").display = known and part == name
        self._charts(performance if part in _CHARTED else None)
        if performance is None:
            self._tell(row, found)
            scroll.focus()
            return
        if part in _GRIDS:
            run = self._run
            rows = run_lines.trip_rows(performance) if part == "trips" else run_lines.fill_rows(run)
            self._grid.show(rows)
            self._grid.focus()
        else:
            told, run = performance, self._run
            self.query_one("#told", Lines).show(lambda width: run_lines.part_lines(part, row, told, run, width))
            scroll.scroll_home(animate=False)
            scroll.focus()

    def _tell(self, row: RunRow | None, found: PerformanceView | str | None) -> None:
        run = self._run
        if isinstance(found, str):
            self.query_one("#told", Lines).show(lambda width: prose(f"! {found}", width, WARN))
            return
        self.query_one("#told", Lines).show(
            lambda width: run_lines.withheld_lines(row, run, width, reading=found is None)
        )

    def _charts(self, found: Performance | None) -> None:
        for place, chosen in enumerate(run_lines.chart_values(self.part, found)):
            which = ("upper", "lower")[place]
            chart = self.query_one(f"#{which}", Chart)
            name, form, times, values = chosen
            chart.say(form)
            chart.show(times, values)
            self.query_one(f"#{which}-name", Lines).show(_namer(name))


def _namer(name: str) -> Callable[[int], list[Text]]:
    return lambda width: [Text(name, DIM)] if name else []
