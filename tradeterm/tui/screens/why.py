"""Why a run decided as it did on one instrument, from the wishes down to the bar."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.containers import VerticalScroll

from tradeterm.core.errors import BadInstant
from tradeterm.core.market import AssetClass, BarKey, Timeframe
from tradeterm.core.time import iso
from tradeterm.tui import keys
from tradeterm.tui.cells import DIM, WARN, Column, Row, prose, table
from tradeterm.tui.screens.form import Field, FormScreen
from tradeterm.tui.screens.modal import Modal
from tradeterm.tui.screens.series import SeriesScreen
from tradeterm.tui.widgets.lines import Lines
from tradeterm.views.why import instant_of
from tradeterm.views.why_page import sections

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.binding import BindingType
    from textual.widget import Widget

    from tradeterm.tui.app import TradetermApp
    from tradeterm.views.why import WhyView
    from tradeterm.views.why_page import Section

__all__ = ["WhyScreen"]

_GAP, _NAME = 2, 12
_HINT = "h l decision  n symbol  a ask  b bar  esc closes"
# Where there is no room for all columns these go first; the others always stay.
_SPARE = ("override", "before", "after", "against", "first", "rows", "input is")


class WhyScreen(Modal[None]):
    """One decision after the other; what is asked for is read beside the event loop.

    symbol : None for the first of the run; at_ns : None for the last decision
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings("why")]

    def __init__(self, run_id: str, symbol: str | None = None, at_ns: int | None = None) -> None:
        super().__init__(classes="why")
        self.asked: tuple[str, str | None, int | None] = (run_id, symbol, at_ns)
        self._found: WhyView | str | None = None

    @property
    def view(self) -> WhyView | None:
        """What is shown; None while it is read, or where it can't be."""
        return None if isinstance(self._found, str) else self._found

    def heading(self) -> str:
        """Return what is asked."""
        return f"Why, run {self.asked[0][:6]}"

    def content(self) -> Iterable[Widget]:
        """Yield the page."""
        scroll = VerticalScroll(Lines(), classes="scroll")
        scroll.can_focus = True
        yield scroll

    def on_mount(self) -> None:
        """Have the decision read."""
        self.query_one(".box").border_subtitle = _HINT
        self.query_one(".scroll Lines", Lines).show(lambda width: [Text("reading the run", DIM)])
        self._read(*self.asked)

    def take(self, found: WhyView | str) -> None:
        """Show what was read, or why it can't be."""
        if isinstance(found, str) and self.view is not None:
            # What was asked for isn't there: what was shown stays.
            self.query_one(".box").border_subtitle = Text(f"! {found}").markup
            return
        self._found = found
        self.query_one(".box").border_subtitle = _HINT
        lines = self.query_one(".scroll Lines", Lines)
        if isinstance(found, str):
            lines.show(lambda width: prose(f"! {found}", width, WARN))
        else:
            self.query_one(".box").border_title = Text(f"{self.heading()}: {found.symbol}").markup
            lines.show(lambda width: [line for each in sections(found) for line in _section(each, width)])
            self.query_one(".scroll").scroll_home(animate=False)

    def action_step(self, by: int) -> None:
        """Go to the decision before or after that has anything to say of the symbol."""
        view = self.view
        other = None if view is None else view.later_ns if by > 0 else view.earlier_ns
        if view is not None and other is not None:
            self._read(view.run_id, view.symbol, other)

    def action_last(self) -> None:
        """Go to the last decision."""
        if self.view is not None:
            self._read(self.view.run_id, self.view.symbol, None)

    def action_symbol(self, by: int) -> None:
        """Ask the same of another symbol."""
        view = self.view
        if view is not None:
            place = (view.symbols.index(view.symbol) + by) % len(view.symbols)
            self._read(view.run_id, view.symbols[place], view.decision_ns)

    def action_ask(self) -> None:
        """Ask for symbol and time."""
        view = self.view
        if view is None:
            return

        def answered(found: dict[str, str] | None) -> None:
            if found is None:
                return
            try:
                at_ns = instant_of(found["time"])
            except BadInstant as failure:
                self.query_one(".box").border_subtitle = Text(f"! {failure}").markup
                return
            self._read(view.run_id, found["symbol"], at_ns)

        fields = (
            Field(name="symbol", value=view.symbol, required=True),
            Field(name="time", value=iso(view.decision_ns), hint="an instant or a day; empty: the last decision"),
        )
        self.app.push_screen(
            FormScreen("Why", fields, "the newest decision at or before that time is explained"), answered
        )

    def action_bar(self) -> None:
        """Show the bar that filled the order, or the last one known at the decision."""
        view = self.view
        if view is None:
            return
        stored = cast("TradetermApp", self.app).views.get("data", (None, None))[0]
        names = {item.timeframe for item in view.read if item.symbol == view.symbol}
        rows = [
            row for row in (stored.series if stored else ()) if row.symbol == view.symbol and row.timeframe in names
        ]
        if not rows:
            self.query_one(".box").border_subtitle = Text(f"! no bars of {view.symbol} are stored").markup
            return
        row = min(rows, key=lambda each: Timeframe(each.timeframe).step_ns)
        key = BarKey(AssetClass(view.asset_class), view.symbol, Timeframe(row.timeframe))
        at_ns = view.fill.at_ns if view.fill is not None else view.stands_ns - 1
        self.app.push_screen(SeriesScreen(key, row, at_ns=at_ns))

    def _read(self, run_id: str, symbol: str | None, at_ns: int | None) -> None:
        self.asked = (run_id, symbol, at_ns)
        cast("TradetermApp", self.app).read_why(self.asked)


def _section(section: Section, width: int) -> list[Text]:
    lines = [Text(section.title, "bold")]
    for each in section.lines:
        lines += prose(each, width, WARN if section.warned else "")
    if section.columns:
        lines += _table(section, width)
    return [*lines, Text()]


def _table(section: Section, width: int) -> list[Text]:
    """Rows as wide as their longest cells; what has no room is left out column by column."""
    columns = []
    for place, name in enumerate(section.columns):
        plain = name.removeprefix(">")
        widest = max((len(row[place]) for row in section.rows), default=0)
        columns.append(
            Column(
                name=plain,
                width=max(len(plain), widest),
                right=name.startswith(">"),
                rank=len(_SPARE) - _SPARE.index(plain) if plain in _SPARE else 0,
            )
        )
    # Then names give way, down to a dozen letters: numbers are never cut.
    fixed = [column for column in columns if column.rank == 0]
    over = sum(column.width + _GAP for column in fixed) - _GAP - width
    if over > 0:
        columns[0] = replace(columns[0], width=max(_NAME, columns[0].width - over))
    rows = [
        Row(key=str(place), cells=row, style=WARN if place in section.marked else "")
        for place, row in enumerate(section.rows)
    ]
    return table(columns, rows, width)
