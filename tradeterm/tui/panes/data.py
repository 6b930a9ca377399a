"""Pane 1: what is stored, how late it is, and what the sources said last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text

from tradeterm.core.market import AssetClass, BarKey, Timeframe
from tradeterm.tui import keys
from tradeterm.tui.cells import BAD, DASH, DIM, WARN, Column, Row, age, prose, stamp, table
from tradeterm.tui.panes.pane import Detail, Pane
from tradeterm.tui.screens.series import SeriesScreen
from tradeterm.tui.widgets.grid import Grid
from tradeterm.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.binding import BindingType
    from textual.widget import Widget

    from tradeterm.tui.screens.modal import Modal
    from tradeterm.views.data import DataView
    from tradeterm.views.refreshes import SourceRow
    from tradeterm.views.stored import SeriesRow

__all__ = ["DataPane"]

_SOURCES = (
    Column(name="source", width=10),
    Column(name="last try", width=12),
    Column(name="last ok", width=12, rank=1),
    Column(name="files", width=5, right=True, rank=2),
    Column(name="result", width=10, grow=True),
)
_MOST_SOURCES = 5
# Besides a mark of trouble before it.
_SOURCE_WIDTH = 10
_STATE = {"LATE": WARN, "missing": BAD, "unreadable": BAD, "unused": DIM}
_SHORT = {"unreadable": "damaged", "daily": "1d", "monthly": "1mo"}


class DataPane(Pane):
    """Series by symbol and timeframe."""

    NAME: ClassVar[str] = "data"
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings("data")]
    OUTPUT: ClassVar[str] = "o"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="symbol", width=8, grow=True),
        Column(name="class", width=6, rank=6),
        Column(name="tf", width=3),
        Column(name="last bar", width=12),
        Column(name="lag", width=4, right=True),
        Column(name="gaps", width=4, right=True, rank=1),
        Column(name="quar", width=4, right=True, rank=3),
        Column(name="rest", width=4, right=True, rank=4),
        Column(name="rows", width=9, right=True, rank=7),
        Column(name="source", width=2 + _SOURCE_WIDTH, rank=2),
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
            return [Text(), *_troubles(view, width), *_sources(view, width)]

        self.query_one("#sources", Lines).show(make)

    def summary(self) -> tuple[str, bool]:
        """Count what is in order and what isn't; what is bad stands first."""
        view = self.view
        parts = [f"{view.bad} bad"] if view.bad else []
        parts += [f"{view.ok} ok", f"{view.late} late"]
        if view.gaps is not None:
            parts.append(f"{view.gaps} gaps")
        failing = any(item.failed for item in view.sources)
        return "  ".join(parts), bool(view.late or view.bad or failing)

    def opened(self, key: str) -> Modal[Any] | None:
        """Return the detail of a file; of an instrument without one, what to do."""
        item = next((row for row in self.view.series if _name(row) == key), None)
        if item is None or item.timeframe is None:
            return super().opened(key)
        return SeriesScreen(BarKey(AssetClass(item.asset_class), item.symbol, Timeframe(item.timeframe)), item)

    def detail(self, key: str) -> Detail | None:
        """Tell why there is no file."""
        item = next((row for row in self.view.series if _name(row) == key), None)
        if item is None:
            return None
        return item.symbol, lambda width: prose(f"! {item.problem}", width, WARN)


def _name(item: SeriesRow) -> str:
    return f"{item.symbol}|{item.timeframe}"


def _row(item: SeriesRow) -> Row:
    bad = item.state in ("LATE", "missing", "unreadable") or item.source_problem is not None
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
            _count(item.gaps),
            _count(item.quarantined),
            _count(item.restated),
            DASH if item.rows is None else f"{item.rows:,}",
            Text(f"! {_source(item)}", WARN) if item.source_problem else Text(_source(item)),
            Text(_SHORT.get(item.state, item.state), _STATE.get(item.state, "")),
        ),
    )


def _count(value: int | None) -> str:
    """Return a count in four cells; the detail has all its digits."""
    if value is None:
        return DASH
    return str(value) if value < 10_000 else f"{value // 1000}k" if value < 1_000_000 else ">1M"


def _source(item: SeriesRow) -> str:
    """Return the source, or where that is long its kind: which file it was is in the detail."""
    found = item.source or DASH
    return found if len(found) <= _SOURCE_WIDTH else found.partition(":")[0]


def _sources(view: DataView, width: int) -> list[Text]:
    """Return the health of the sources, failing ones first; of many the rest in a line, so that none is cut off."""
    if not any(item.tried_ns for item in view.sources):
        return [Text("no refresh recorded yet", DIM)]
    ordered = sorted(view.sources, key=lambda item: -item.failed)
    lines = table(_SOURCES, [_source_row(item) for item in ordered[:_MOST_SOURCES]], width)
    rest = ordered[_MOST_SOURCES:]
    if rest:
        failed = sum(item.failed > 0 for item in rest)
        lines.append(Text(f"and {len(rest)} more, {failed} failing: tradeterm data status", WARN if failed else DIM))
    failing = [item for item in ordered if item.problem]
    # Of the worst one in full if two lines will do, of the next one its beginning.
    for item, most in zip(failing, (2, 1), strict=False):
        lines += _shortened(prose(f"! {item.problem}", width, WARN), most, width)
    return lines


def _source_row(item: SourceRow) -> Row:
    well = "never asked" if item.tried_ns is None else "ok"
    result = Text(f"! {item.failed} failed", WARN) if item.failed else Text(well)
    cells = (item.source, stamp(item.tried_ns), stamp(item.success_ns), str(item.files), result)
    return Row(key=item.source, cells=cells)


def _shortened(lines: list[Text], most: int, width: int) -> list[Text]:
    if len(lines) > most:
        lines = lines[:most]
        lines[-1].truncate(width - 1)
        lines[-1].append("…")
    return lines


def _troubles(view: DataView, width: int) -> list[Text]:
    counts = {"quarantined rows": view.quarantined, "restated bars": view.restated}
    parts = [f"{count:,} {name}" for name, count in counts.items() if count]
    if view.quarantined is None:
        parts.append("! quarantined rows that can't be read")
    return prose("  ".join(parts), width, WARN)
