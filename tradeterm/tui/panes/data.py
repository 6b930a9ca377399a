"""Pane 1: what is stored, how late it is, and what the sources said last."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text

from tradeterm.tui import keys
from tradeterm.tui.cells import BAD, DASH, DIM, WARN, Column, Row, age, pairs, prose, stamp, table
from tradeterm.tui.panes.pane import Detail, Pane
from tradeterm.tui.widgets.grid import Grid
from tradeterm.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.binding import BindingType
    from textual.widget import Widget

    from tradeterm.views.data import DataView
    from tradeterm.views.stored import SeriesRow

__all__ = ["DataPane"]

_SOURCES = (
    Column(name="source", width=10, grow=True),
    Column(name="last try", width=12),
    Column(name="files", width=5, right=True, rank=1),
    Column(name="result", width=16),
)
_STATE = {"LATE": WARN, "missing": BAD, "unreadable": BAD, "unused": DIM}
_SHORT = {"unreadable": "damaged", "daily": "1d", "monthly": "1mo"}


class DataPane(Pane):
    """Series by symbol and timeframe."""

    NAME: ClassVar[str] = "data"
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings("data")]
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="symbol", width=8, grow=True),
        Column(name="class", width=6, rank=3),
        Column(name="tf", width=3),
        Column(name="last bar", width=12),
        Column(name="lag", width=4, right=True),
        Column(name="gaps", width=4, right=True, rank=1),
        Column(name="rows", width=7, right=True, rank=4),
        Column(name="source", width=11, rank=2),
        Column(name="state", width=7),
    )
    view: DataView

    def body(self) -> Iterable[Widget]:
        """Yield series and sources."""
        yield Grid(self.COLUMNS)
        yield Lines(id="sources", classes="beneath")

    def notes(self) -> Sequence[str]:
        """Say that bars are made up, or that there are none."""
        if all(row.rows is None for row in self.view.series):
            return ("nothing stored: D runs the daily, u updates, i imports",)
        return ("SAMPLE bars: made up, no market",) if any(row.sample for row in self.view.series) else ()

    def rows(self) -> Sequence[Row]:
        """One row per stored file."""
        return [_row(item) for item in self.view.series]

    def fill(self) -> None:
        """Show what each source gave last."""
        view = self.view

        def make(width: int) -> list[Text]:
            lines = [Text()]
            if view.sources:
                lines += table(_SOURCES, _source_rows(view), width)
            else:
                lines.append(Text("no refresh recorded yet", DIM))
            counts = {"quarantined rows": view.quarantined, "restated bars": view.restated}
            lines += [Text(f"{count:,} {name}", WARN) for name, count in counts.items() if count]
            return lines

        self.query_one("#sources", Lines).show(make)

    def summary(self) -> tuple[str, bool]:
        """Count what is in order and what isn't."""
        view = self.view
        parts = [f"{view.ok} ok", f"{view.late} late"]
        if view.gaps is not None:
            parts.append(f"{view.gaps} gaps")
        return "  ".join(parts + ([f"{view.bad} bad"] if view.bad else [])), bool(view.late or view.bad)

    def detail(self, key: str) -> Detail | None:
        """Tell everything about one file."""
        item = next((row for row in self.view.series if _name(row) == key), None)
        if item is None:
            return None
        told = {
            "class": item.asset_class,
            "source": item.source or DASH,
            "bars": f"{item.rows:,}" if item.rows is not None else DASH,
            "first bar": stamp_full(item.first_ns),
            "last bar": stamp_full(item.last_ns),
            "known at": stamp_full(item.known_ns),
            "next was due" if item.late_hours else "next is due": stamp_full(item.due_ns),
            "gaps": str(item.gaps) if item.gaps is not None else f"{DASH} (not recorded)",
            "quarantined": str(item.quarantined),
            "restated": str(item.restated),
            "state": item.state,
        }

        def make(width: int) -> list[Text]:
            lines = [Text("SAMPLE: these bars are made up", WARN)] if item.sample else []
            lines += pairs(told, width)
            return [*lines, Text(), *prose(item.problem, width, WARN)] if item.problem else lines

        return f"{item.symbol} {item.timeframe or ''}".strip(), make


def stamp_full(ns: int | None) -> str:
    """Return an instant with its year."""
    from tradeterm.core.time import iso

    return DASH if ns is None else iso(ns)


def _name(item: SeriesRow) -> str:
    return f"{item.symbol}|{item.timeframe}"


def _row(item: SeriesRow) -> Row:
    bad = item.state in ("LATE", "missing", "unreadable")
    lag = DASH if item.late_hours is None else age(item.late_hours) if item.late_hours else "ok"
    return Row(
        key=_name(item),
        flag="!" if bad else " ",
        style=DIM if item.state in ("LATE", "unused") else "",
        cells=(
            item.symbol,
            item.asset_class,
            _SHORT.get(item.timeframe or DASH, item.timeframe or DASH),
            stamp(item.last_ns),
            lag,
            DASH if item.gaps is None else str(item.gaps),
            DASH if item.rows is None else f"{item.rows:,}",
            item.source or DASH,
            Text(_SHORT.get(item.state, item.state), _STATE.get(item.state, "")),
        ),
    )


def _source_rows(view: DataView) -> list[Row]:
    rows = []
    for item in view.sources:
        result = Text(f"! {item.failed} failed", WARN) if item.failed else Text("ok")
        if item.problem:
            result.append(f": {item.problem}")
        rows.append(Row(key=item.source, cells=(item.source, stamp(item.tried_ns), str(item.files), result)))
    return rows
