"""Two to four runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.text import Text

from tradeterm.tui.cells import DIM, WARN, prose
from tradeterm.tui.screens.detail import DetailScreen
from tradeterm.tui.screens.run_lines import comparison_lines
from tradeterm.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tradeterm.tui.app import TradetermApp
    from tradeterm.views.comparison import ComparisonView

__all__ = ["CompareScreen"]


class CompareScreen(DetailScreen):
    """Has the runs read, and shows them when they are."""

    def __init__(self, run_ids: tuple[str, ...]) -> None:
        super().__init__(f"{len(run_ids)} runs compared", lambda width: [Text("reading the runs", DIM)])
        self.run_ids = run_ids

    def on_mount(self) -> None:
        """Have the runs read."""
        cast("TradetermApp", self.app).read_comparison(self.run_ids)

    def take(self, found: ComparisonView | str) -> None:
        """Show what was read, or why it can't be."""
        lines = self.query_one(".scroll Lines", Lines)
        if isinstance(found, str):
            lines.show(lambda width: prose(f"! {found}", width, WARN))
        else:
            lines.show(lambda width: comparison_lines(found, width))
