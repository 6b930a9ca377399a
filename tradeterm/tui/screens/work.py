"""The work screen: status line, six panes, a line of news, the footer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.text import Text
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Static

from tradeterm.core.errors import TradetermError
from tradeterm.tui import keys
from tradeterm.tui.cells import WARN, prose
from tradeterm.tui.panes.board import BoardPane, gate_lines
from tradeterm.tui.panes.book import BookPane
from tradeterm.tui.panes.data import DataPane
from tradeterm.tui.panes.orders import OrdersPane
from tradeterm.tui.panes.pane import Pane
from tradeterm.tui.panes.regime import RegimePane
from tradeterm.tui.panes.runs import RunsPane, RunWanted
from tradeterm.tui.screens.detail import DetailScreen
from tradeterm.tui.screens.form import Field, FormScreen
from tradeterm.tui.screens.run import RunScreen
from tradeterm.tui.screens.scores import ScoresScreen
from tradeterm.tui.screens.why import WhyScreen
from tradeterm.tui.widgets.status_bar import StatusBar
from tradeterm.tui.widgets.tabs import Tabs

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from tradeterm.tui.app import TradetermApp
    from tradeterm.tui.jobs import Job
    from tradeterm.views.runs import RunView

__all__ = ["WorkScreen"]

_PANES: tuple[type[Pane], ...] = (DataPane, RunsPane, BookPane, RegimePane, BoardPane, OrdersPane)
_SESSION = "no session to start: trading on paper or live is not part of this version; the book on pane 3 is simulated"
_IMPORT = (
    Field(name="file", hint="path of a CSV or Parquet file", required=True),
    Field(name="symbol", hint="SPY, BTC/USDT, T10Y2Y", required=True),
    Field(name="timeframe", hint="1m 5m 15m 30m 1h daily monthly; empty: as its stamps prove"),
    Field(name="asset-class", hint="equity, crypto or macro; empty: as the universe says"),
    Field(name="calendar", hint="XNYS, 24/7, XTKS and others; empty: as the universe says"),
    Field(name="tz", hint="zone of stamps without an offset; empty: as they prove"),
    Field(name="label", hint="open or close of a bar; empty: as its stamps prove"),
    Field(name="adjustment", value="none", hint="none, split or all", required=True),
)


def _options(found: dict[str, str]) -> list[str]:
    return [word for name, value in found.items() if value for word in (f"--{name}", value)]


class WorkScreen(Screen[None]):
    """Six panes, or one of them where there is no room for more."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings("work", "everywhere")]
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 (Textual's own contract)
        (0, "-tiny"),
        (60, "-narrow"),
        (100, "-medium"),
        (140, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (24, "-short"), (30, "-tall")]  # noqa: RUF012
    AUTO_FOCUS = "#pane-data Grid"

    def __init__(self) -> None:
        super().__init__()
        self.active = "data"
        self._ended: Job | None = None

    @property
    def desk(self) -> TradetermApp:
        """The app."""
        return cast("TradetermApp", self.app)

    def compose(self) -> ComposeResult:
        """Put the screen together."""
        yield StatusBar()
        yield Tabs()
        yield Static("make the window larger: at least 60 columns and 24 rows", id="larger", markup=False)
        with Container(id="grid"):
            for pane in _PANES:
                yield pane()
        yield Static("", id="news", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Show the first pane, and what the app knows already."""
        self._activate("data")
        self._show_known()
        # Once more when the screen counts as mounted: what came in between was not handed on.
        self.call_after_refresh(self._show_known)

    def _show_known(self) -> None:
        if not self.app.is_running:
            return
        self.desk.show_latch()
        for name, (view, trouble) in self.desk.views.items():
            self.show(name, view, trouble)

    def pane_of(self, name: str) -> Pane:
        """Return a pane by its name."""
        return self.query_one(f"#pane-{name}", Pane)

    @property
    def here(self) -> Pane:
        """The pane that has the focus, or had it last."""
        return self.pane_of(self.active)

    def show(self, name: str, view: Any, trouble: str | None) -> None:
        """Hand a read model to its pane."""
        if name == "signals":
            cast("OrdersPane", self.pane_of("orders")).show_signals(view, trouble)
        elif name in keys.PANES:
            self.pane_of(name).show(view, trouble)
        self._show_tabs()

    def show_run(self, run_id: str, found: RunView | str) -> None:
        """Hand a run to pane 2."""
        cast("RunsPane", self.pane_of("runs")).take(run_id, found)

    def say(self, text: str, style: str = "") -> None:
        """Show one line of news above the footer."""
        self.query_one("#news", Static).update(Text(text, style, no_wrap=True, overflow="ellipsis"))

    def show_job(self, job: Job) -> None:
        """Show how a command stands in its pane, and its end in the news."""
        self.pane_of(job.pane).show_job(job)
        if job.code is not None:
            self._ended = job
            told = f"{job.line}: {job.outcome}" if job.outcome else job.line
            if len(told) > self.app.size.width - 2:
                told = f"{job.line}; pane {keys.PANES.index(job.pane) + 1} says more"
            self.say(told, "" if job.code == 0 else WARN)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Let the pane that is focused be the active one."""
        for node in event.widget.ancestors:
            if isinstance(node, Pane):
                self._activate(node.NAME)

    def on_screen_resume(self) -> None:
        """Show what has changed meanwhile."""
        self._show_tabs()

    def on_resize(self) -> None:
        """Use the room there is."""
        self._show_tabs()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Open the detail of the row that was entered."""
        event.stop()
        self.action_detail()

    def on_run_wanted(self, event: RunWanted) -> None:
        """Have the run read."""
        self.desk.read_run(event.run_id)

    def action_pane(self, number: int) -> None:
        """Go to a pane."""
        self._activate(keys.PANES[number - 1])
        self.here.grid.focus()

    def action_step(self, by: int) -> None:
        """Go to the next or the previous pane."""
        self.action_pane((keys.PANES.index(self.active) + by) % len(keys.PANES) + 1)

    def action_beside(self, by: int) -> None:
        """Go to the pane beside, if there is one in this row."""
        columns = 3 if self.has_class("-wide") else 2 if self.has_class("-medium") else len(keys.PANES)
        place = keys.PANES.index(self.active)
        if 0 <= place % columns + by < columns:
            self.action_pane(place + by + 1)

    def action_filter(self) -> None:
        """Type a filter."""
        self.here.start_filter()

    def action_next_match(self) -> None:
        """Go to the next row."""
        self.here.grid.next_row()

    def action_clear(self) -> None:
        """Drop the filter; without one leave the zoom."""
        if not self.here.clear_filter():
            self.remove_class("-zoomed")

    def action_detail(self) -> None:
        """Show all there is about the row under the cursor."""
        pane = self.here
        current = pane.grid.current
        found = pane.opened(current) if current is not None and pane.view is not None else None
        if found is None:
            self.say("no row under the cursor")
            return
        self.app.push_screen(found)

    def action_zoom(self) -> None:
        """Show this pane alone, and back."""
        self.toggle_class("-zoomed")

    def action_refresh_now(self) -> None:
        """Read the stores again."""
        self.desk.refresh_views()
        self.say("stores read again")

    def action_daily(self) -> None:
        """Run the daily."""
        self._run("daily", ["daily"], pane="data")

    def action_update(self) -> None:
        """Fetch what is new."""
        self._run("update", ["data", "update"], pane="data")

    def action_validate(self) -> None:
        """Check the stored bars."""
        self._run("validate", ["data", "validate"], pane="data")

    def action_import_file(self) -> None:
        """Ask for a file of bars, and take it."""

        def answered(found: dict[str, str] | None) -> None:
            if found is not None:
                self._run("import", ["data", "import", found.pop("file"), *_options(found)], pane="data")

        note = "enter imports; bars that look wrong are quarantined, not changed"
        self.app.push_screen(FormScreen("Import bars", _IMPORT, note), answered)

    def action_backtest(self) -> None:
        """Ask for name and days, and start a backtest."""

        def answered(found: dict[str, str] | None) -> None:
            if found is not None:
                self._run("backtest", ["backtest", "run", *_options(found)], pane="runs")

        fields = (
            Field(name="name", value="backtest", required=True),
            Field(name="start", hint="first day, such as 2018-01-01; empty: as configured"),
            Field(name="end", hint="last day; empty: the last decision that has passed"),
        )
        self.app.push_screen(FormScreen("New backtest", fields, "enter starts it as a process of its own"), answered)

    def action_output(self) -> None:
        """Show what the last command printed."""
        job = self._ended
        if job is None:
            self.say("no command has ended yet")
            return
        told = job.told() or ["it printed nothing"]

        def make(width: int) -> list[Text]:
            return [Text(job.line, "bold"), Text(), *(part for line in told for part in prose(line, width) or [Text()])]

        self.app.push_screen(DetailScreen(f"Output of {job.name}", make))

    def action_mark(self) -> None:
        """Mark the run under the cursor."""
        if not cast("RunsPane", self.pane_of("runs")).mark():
            self.say("four runs are marked already; space on one of them unmarks it")

    def action_sort_runs(self) -> None:
        """Sort the runs by the next order."""
        self.say(f"runs by {cast('RunsPane', self.pane_of('runs')).next_order()}")
        self._show_tabs()

    def action_report(self) -> None:
        """Make the report of the run under the cursor."""
        current = self.pane_of("runs").grid.current
        if current is None:
            self.say("no run under the cursor")
            return
        self._run("report", ["backtest", "report", current], pane="runs")

    def action_performance(self) -> None:
        """Show what the book of the newest snapshot made, on pane 4 by regime."""
        view = self.pane_of("book").view
        if view is None or view.run_id is None:
            self.say("no book yet; D runs the daily, which makes one")
            return
        runs = self.pane_of("runs").view
        row = next((item for item in runs.runs if item.run_id == view.run_id), None) if runs is not None else None
        part = "regimes" if self.active == "regime" else "exposure"
        self.app.push_screen(RunScreen(view.run_id, row, part))

    def action_why(self) -> None:
        """Show why the run, or the book of pane 3, decided as it did."""
        current = self.here.grid.current
        run_id, symbol = current, None
        if self.active == "book":
            view = self.here.view
            run_id = None if view is None else view.run_id
            symbol = None if current == "cash" else current
        if run_id is None:
            self.say("no run to ask; D runs the daily, which makes one")
            return
        self.app.push_screen(WhyScreen(run_id, symbol))

    def action_session(self) -> None:
        """Say what a session needs."""
        self.say(_SESSION)

    def action_scores(self) -> None:
        """Show how good signals were."""
        self.app.push_screen(ScoresScreen())

    def action_promote(self) -> None:
        """Show what the gate still needs."""
        pane = self.pane_of("board")
        current = pane.grid.current
        rows = pane.view.strategies if pane.view is not None else ()
        item = next((row for row in rows if f"{row.file}|{row.name}" == current), None)
        if item is None:
            self.say("no strategy under the cursor")
            return
        words = "promotion is not part of this version; this is what the gate will ask for"

        def make(width: int) -> list[Text]:
            return [*prose(words, width, WARN), Text(), *gate_lines(item, width)]

        self.app.push_screen(DetailScreen(f"Promote {item.name}", make))

    def _run(self, name: str, words: list[str], *, pane: str) -> None:
        try:
            self.desk.runner.start(name, words, pane=pane)
        except TradetermError as failure:
            self.say(str(failure), "yellow")
            return
        self.say(f"started: tradeterm {' '.join(words)}")

    def _activate(self, name: str) -> None:
        self.active = name
        for pane in self.query(Pane):
            pane.set_class(name == pane.NAME, "-active")
        self._show_tabs()

    def _show_tabs(self) -> None:
        if not self.is_mounted:
            return
        troubled = [pane.NAME for pane in self.query(Pane) if pane.troubled]
        self.query_one(Tabs).show(self.active, troubled, self.here.count)
