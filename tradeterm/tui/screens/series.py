"""One bar file in full: candles, gaps, restatements, quarantined rows, where the bars come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.containers import VerticalScroll

from tradeterm.core.market import Timeframe
from tradeterm.tui import keys
from tradeterm.tui.screens.modal import Modal
from tradeterm.tui.screens.series_lines import series_lines
from tradeterm.tui.widgets.candles import CandleChart
from tradeterm.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.binding import BindingType
    from textual.widget import Widget

    from tradeterm.core.market import BarKey
    from tradeterm.tui.app import TradetermApp
    from tradeterm.views.candles import Shown
    from tradeterm.views.data import DataView
    from tradeterm.views.series import SeriesView
    from tradeterm.views.stored import SeriesRow

__all__ = ["SeriesScreen"]


class SeriesScreen(Modal[None]):
    """Shows at once what the overview knows, and the rest when it has been read.

    at_ns : the last bar to draw at first is the one of this instant; None: the newest
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings("series")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012 (Textual's own contract)

    def __init__(self, key: BarKey, row: SeriesRow, *, at_ns: int | None = None) -> None:
        super().__init__(classes="series")
        self._at_ns = at_ns
        self.key = key
        self._row = row
        self._found: SeriesView | None = None

    def heading(self) -> str:
        """Return whose bars these are."""
        return f"{self.key}{'  SAMPLE: made-up bars' if self._row.sample else ''}"

    def content(self) -> Iterable[Widget]:
        """Yield the candles, and beneath them what can be scrolled."""
        yield CandleChart()
        lines = Lines()
        scroll = VerticalScroll(lines, classes="scroll")
        scroll.can_focus = True
        yield scroll

    def on_mount(self) -> None:
        """Have the file read."""
        self.query_one(".box").border_subtitle = "+ - bars  left right time  0 newest  esc closes"
        self._lay_out()
        self._read()

    def follow(self, view: DataView) -> None:
        """Read again when the file has changed."""
        names = (self.key.symbol, self.key.timeframe.value)
        row = next((row for row in view.series if (row.symbol, row.timeframe) == names), None)
        if row is not None and row != self._row:
            self._row = row
            self._read()

    def take(self, found: SeriesView | str, bars: Shown | None) -> None:
        """Show what was read, or why it can't be."""
        chart = self.query_one(CandleChart)
        if isinstance(found, str):
            chart.say(f"! {found}")
            return
        self._found = found
        if bars is None:
            chart.say("\n".join(f"! {problem}" for problem in found.files[0].problems))
        else:
            chart.show(bars, intraday=self.key.timeframe.step_ns < Timeframe.DAILY.step_ns)
            if self._at_ns is not None:
                chart.until(self._at_ns)
        self._lay_out()

    def action_zoom(self, by: int) -> None:
        """Show fewer or more bars."""
        self.query_one(CandleChart).zoom(by)

    def action_scroll_bars(self, by: int) -> None:
        """Show earlier or later bars."""
        self.query_one(CandleChart).scroll_bars(by)

    def action_newest(self) -> None:
        """Show the newest bars."""
        self.query_one(CandleChart).newest()

    def _read(self) -> None:
        cast("TradetermApp", self.app).read_series(self.key)

    def _lay_out(self) -> None:
        row, found = self._row, self._found
        self.query_one(".scroll Lines", Lines).show(lambda width: series_lines(row, found, width))
