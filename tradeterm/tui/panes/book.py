"""Pane 3: positions, limits, drawdown ladder and NAV of the book."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text

from tradeterm.tui import keys
from tradeterm.tui.cells import (
    BAD,
    DASH,
    DIM,
    HEAD,
    WARN,
    Column,
    Row,
    age,
    bar,
    fit,
    header,
    initials,
    line,
    money,
    pairs,
    percent,
    prose,
    quantity,
    stamp,
    table,
    tone,
)
from tradeterm.tui.panes.pane import Detail, Pane
from tradeterm.tui.widgets.chart import Chart
from tradeterm.tui.widgets.grid import Grid
from tradeterm.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.binding import BindingType
    from textual.widget import Widget

    from tradeterm.views.book import BookView, LimitUse, Position

__all__ = ["BookPane"]

_LIMITS = (
    Column(name="limit", width=14),
    Column(name="now", width=6, right=True),
    Column(name="cap", width=6, right=True),
    Column(name="", width=1),
    Column(name="used", width=8, grow=True),
)
_SHARES = (
    Column(name="strategy", width=24, grow=True),
    Column(name="wanted", width=8, right=True),
    Column(name="after risk", width=10, right=True),
)
_LADDER = {"normal": "", "derisked": WARN, "halted": BAD}


class BookPane(Pane):
    """The book of the newest snapshot."""

    NAME: ClassVar[str] = "book"
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings("book")]
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="asset", width=9),
        Column(name="target", width=6, right=True),
        Column(name="actual", width=6, right=True),
        Column(name="delta", width=6, right=True),
        Column(name="quantity", width=10, right=True, rank=2),
        Column(name="mark", width=10, right=True, rank=3),
        Column(name="by strategy", width=14, rank=1, grow=True),
    )
    view: BookView

    def body(self) -> Iterable[Widget]:
        """Yield positions, limits and NAV."""
        yield Grid(self.COLUMNS)
        yield Lines(id="limits", classes="beneath")
        yield Chart(lambda value: f"{value:,.0f}", id="nav", classes="chart -empty")

    def notes(self) -> Sequence[str]:
        """Say whose book this is, and how old."""
        view = self.view
        if view.run_id is None:
            return ("no book yet; D runs the daily, which makes one",)
        made_up = "SAMPLE, " if view.sample else ""
        old = f", {age(view.age_hours)} old" if view.age_hours and view.age_hours >= 24 else ""
        return (f"{made_up}simulated: run {view.run_id[:6]} at {stamp(view.asof_ns)}{old}",)

    def rows(self) -> Sequence[Row]:
        """One row per instrument, and cash."""
        view = self.view
        rows = [_row(item) for item in view.positions]
        if view.nav and view.cash is not None:
            share = view.cash / view.nav
            dashes = (DASH, DASH)
            rows.append(Row(key="cash", cells=("cash", DASH, percent(share), *dashes, DASH, money(view.cash))))
        return rows

    def fill(self) -> None:
        """Show limits, ladder and NAV."""
        view = self.view
        self.query_one("#limits", Lines).show(lambda width: _beneath(view, width))
        times, values = [point.ts_ns for point in view.history], [point.nav for point in view.history]
        self.query_one("#nav", Chart).show(times, values if view.certified else [])

    def summary(self) -> tuple[str, bool]:
        """Say what is left unexplained, and whether a limit binds or the ladder stands."""
        view = self.view
        if view.run_id is None:
            return "", False
        binding = sum(item.binding for item in view.limits)
        text = f"residual {view.residual:g}" if view.residual is not None else "residual -"
        cut = view.ladder is not None and view.ladder.state.lower() != "normal"
        return text + (f"  {binding} binding" if binding else ""), cut or view.certified is False

    def detail(self, key: str) -> Detail | None:
        """Tell what each strategy wanted of an instrument, and what limits took."""
        item = next((each for each in self.view.positions if each.symbol == key), None)
        if item is None:
            return None
        cuts = [cut for cut in self.view.cuts if cut.symbol in (None, key)]
        told = {
            "quantity": quantity(item.quantity),
            "mark": money(item.mark),
            "target": percent(item.target, 2),
            "actual": percent(item.actual, 2),
            "delta": percent(item.delta, 2, sign=True),
            "order": f"{quantity(item.order)} units, simulated",
        }

        def make(width: int) -> list[Text]:
            lines = [*pairs(told, width), Text(), *table(_SHARES, _share_rows(item), width)]
            for cut in cuts:
                lines += prose(
                    f"{cut.limit}: wanted {percent(cut.wanted)}, cap {percent(cut.cap)}, "
                    f"headroom {percent(cut.headroom)}, passes {percent(cut.passes)}",
                    width,
                    WARN,
                )
            return lines

        return f"{key}, simulated", make


def _share_rows(item: Position) -> list[Row]:
    return [
        Row(key=share.strategy, cells=(share.strategy, percent(share.before, 2), percent(share.after, 2)))
        for share in item.strategies
    ] or [Row(key="none", cells=("no strategy wants it", DASH, DASH))]


def _row(item: Position) -> Row:
    shares = [f"{initials(share.strategy)} {percent(share.after)}" for share in item.strategies]
    return Row(
        key=item.symbol,
        cells=(
            item.symbol,
            percent(item.target),
            percent(item.actual),
            Text(percent(item.delta, sign=True), tone(item.delta if item.delta and abs(item.delta) >= 5e-4 else None)),
            quantity(item.quantity),
            money(item.mark),
            "  ".join(shares) or DASH,
        ),
    )


def _beneath(view: BookView, width: int) -> list[Text]:
    if view.run_id is None:
        return []
    fitted = fit(_LIMITS, width)
    used = fitted[-1][2]
    lines = [Text(), header(fitted), *(line(fitted, _limit(item, used)) for item in view.limits)]
    if view.ladder is not None:
        ladder = view.ladder
        state = ladder.state.lower()
        words = f"  cut at {percent(ladder.derisk_at, 0)}, flat at {percent(ladder.halt_at, 0)}"
        lines.append(
            Text.assemble(
                "ladder  ",
                (state.upper(), _LADDER.get(state, "bold")),
                (words, DIM),
            )
        )
    if view.certified is False:
        lines.append(Text("! certificate failed: no NAV history is shown", BAD))
    elif len(view.history) > 1:
        lines += [Text(), Text(f"NAV, {len(view.history) - 1} days", HEAD)]
    return lines


def _limit(item: LimitUse, width: int) -> tuple[str | Text, ...]:
    share = item.now / item.cap if item.now is not None and item.cap else None
    broken = share is not None and share > 1.0 + 1e-9
    flag = Text("!", BAD) if broken else Text("!", WARN) if item.binding else Text(" ")
    return (item.name, percent(item.now), percent(item.cap), flag, bar(share, width))
