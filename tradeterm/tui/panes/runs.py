"""Pane 2: backtest runs, and the equity and drawdown of the one under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.message import Message

from tradeterm.tui import keys
from tradeterm.tui.cells import (
    BAD,
    DASH,
    DIM,
    WARN,
    Column,
    Row,
    date,
    initials,
    money,
    pairs,
    percent,
    prose,
    quantity,
    signed,
    stamp,
    table,
)
from tradeterm.tui.panes.pane import Detail, Pane
from tradeterm.tui.widgets.chart import Chart
from tradeterm.tui.widgets.grid import Grid
from tradeterm.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.binding import BindingType
    from textual.widget import Widget

    from tradeterm.views.runs import RunRow, RunsView, RunView

__all__ = ["RunWanted", "RunsPane"]

_MOST_KEPT = 16
_TRADES = (
    Column(name="filled", width=12),
    Column(name="symbol", width=9, grow=True),
    Column(name="side", width=4),
    Column(name="qty", width=10, right=True),
    Column(name="price", width=11, right=True),
    Column(name="notional", width=12, right=True, rank=1),
    Column(name="costs", width=8, right=True, rank=2),
)
_COMPARED = (
    ("name", lambda row: row.name),
    ("period", lambda row: f"{date(row.start_ns)[:7]}..{date(row.end_ns)[:7]}"),
    ("fill", lambda row: _fill(row)),
    ("total return", lambda row: percent(row.total_return)),
    ("CAGR", lambda row: percent(row.cagr)),
    ("volatility", lambda row: percent(row.volatility)),
    ("Sharpe", lambda row: signed(row.sharpe)),
    ("max drawdown", lambda row: percent(row.max_drawdown)),
    ("win rate", lambda row: percent(row.win_rate)),
    ("round trips", lambda row: quantity(row.trades)),
    ("BPS", lambda row: signed(row.bps_score)),
    ("BPS robust", lambda row: DASH if row.bps_robust is None else f"{row.bps_robust:.1f}"),
    ("certificate", lambda row: "ok" if row.certificate.ok else "FAILED"),
)


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
        return [_row(item, marked=item.run_id in self.marked) for item in self.view.runs]

    def fill(self) -> None:
        """Show the run under the cursor."""
        self._draw()

    def summary(self) -> tuple[str, bool]:
        """Count the runs."""
        failed = sum(not row.certificate.ok for row in self.view.runs)
        text = f"{self.view.total} run{'' if self.view.total == 1 else 's'}"
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

    def mark(self) -> None:
        """Mark the run under the cursor for comparison, or unmark it."""
        current = self.grid.current
        if current is not None:
            self.marked ^= {current}
            self.grid.show(self.rows())

    def detail(self, key: str) -> Detail | None:
        """Tell everything about a run, or compare the marked ones."""
        chosen = [row for row in self.view.runs if row.run_id in self.marked]
        if len(chosen) > 1:
            return f"{len(chosen)} runs compared", lambda width: _compared(chosen, width)
        row = next((item for item in self.view.runs if item.run_id == key), None)
        if row is None:
            return None
        return f"run {key}", lambda width: _told(row, self._read.get(key), width)

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


def _fill(row: RunRow) -> str:
    return "close, optimistic" if row.fill == "close" else "next open"


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
            _fill(item),
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


def _told(row: RunRow, found: RunView | str | None, width: int) -> list[Text]:
    lines = [Text("SAMPLE: on made-up bars", WARN)] if row.sample else []
    told = {
        "name": f"{row.name} ({row.kind}, profile {row.profile})",
        "period": f"{date(row.start_ns)} to {date(row.end_ns)}, {row.timeframe}, fill {_fill(row)}",
        "strategies": ", ".join(row.strategies),
        "certificate": _certificate(row),
        "ladder": row.ladder or DASH,
    }
    lines += [*pairs(told, width), Text()]
    if found is None:
        return [*lines, Text("reading the run", DIM)]
    if isinstance(found, str):
        return lines + prose(f"! {found}", width, WARN)
    if found.failures:
        lines += [Text("decisions that changed without the future", BAD), *map(Text, found.failures[:20]), Text()]
    lines += _metrics(found, width)
    lines += [Text(), Text(f"newest {len(found.trades)} of {found.fills} fills", DIM)]
    return lines + table(_TRADES, [_trade(number, item) for number, item in enumerate(found.trades)], width)


def _certificate(row: RunRow) -> str:
    found = row.certificate
    words = "no look-ahead found" if found.ok else "FAILED, no metrics are shown"
    return f"{words}; {found.checked:,} of {found.decisions:,} decisions ({found.coverage})"


def _metrics(found: RunView, width: int) -> list[Text]:
    parts = {"book": found.metrics, **{initials(name): values for name, values in found.strategies.items()}}
    columns = (Column(name="", width=18, grow=True), *(Column(name=name, width=9, right=True) for name in parts))
    rows = [
        Row(key=name, cells=(name, *(_value(name, values.get(name)) for values in parts.values())))
        for name in sorted(
            found.metrics, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)
        )
    ]
    return table(columns, rows, width) if rows else []


_FIRST = (
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "bps_score",
    "bps_robust",
    "trades",
    "win_rate",
    "profit_factor",
    "exposure",
    "turnover",
)
_FRACTIONS = frozenset(
    {
        "total_return",
        "cagr",
        "volatility",
        "max_drawdown",
        "var_95",
        "cvar_95",
        "win_rate",
        "exposure",
        "time_in_market",
        "turnover",
        "best_day",
        "worst_day",
        "psr",
    }
)


def _value(name: str, value: Any) -> str:
    if not isinstance(value, (int, float)):
        return DASH
    return percent(value, 2) if name in _FRACTIONS else f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def _trade(number: int, item: Any) -> Row:
    costs = money(item.fee + item.slippage)
    return Row(
        key=str(number),
        cells=(
            stamp(item.at_ns),
            item.symbol,
            item.side,
            quantity(item.quantity),
            money(item.price),
            money(item.notional),
            costs,
        ),
    )


def _compared(rows: Sequence[RunRow], width: int) -> list[Text]:
    columns = (Column(name="", width=14), *(Column(name=row.run_id[:6], width=16, right=True, rank=1) for row in rows))
    body = [Row(key=name, cells=(name, *(tell(row) for row in rows))) for name, tell in _COMPARED]
    return table(columns, body, width)
