"""Pane 6: orders once a session runs; until then the signals that would be traded, and the kill switch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text

from tradeterm.core.time import iso
from tradeterm.tui import keys
from tradeterm.tui.cells import BAD, DASH, DIM, GOOD, WARN, Column, Row, decision, initials, pairs, percent, stamp
from tradeterm.tui.panes.pane import Detail, Pane
from tradeterm.tui.widgets.grid import Grid
from tradeterm.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.binding import BindingType
    from textual.widget import Widget

    from tradeterm.views.orders import OrdersView
    from tradeterm.views.signals import SignalRow, SignalsView

__all__ = ["OrdersPane"]


class OrdersPane(Pane):
    """Session, signals with their outcomes, kill switch."""

    NAME: ClassVar[str] = "orders"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="signal", width=9),
        Column(name="symbol", width=9),
        Column(name="side", width=5),
        Column(name="prob", width=5, right=True),
        Column(name="ev", width=7, right=True, rank=2),
        Column(name="net", width=7, right=True, rank=1),
        Column(name="hit", width=4),
        Column(name="by", width=6, grow=True),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings("orders")]
    view: OrdersView

    def __init__(self) -> None:
        super().__init__()
        self.signals: SignalsView | None = None
        self._signals_trouble: str | None = None

    def body(self) -> Iterable[Widget]:
        """Yield signals and the kill switch."""
        yield Grid(self.COLUMNS)
        yield Lines(id="switch", classes="beneath")

    def show_signals(self, view: Any, trouble: str | None) -> None:
        """Take the signals."""
        if (view, trouble) == (self.signals, self._signals_trouble):
            return
        self.signals, self._signals_trouble = view if view is not None else self.signals, trouble
        self.repaint()

    def notes(self) -> Sequence[str]:
        """Say why there are no orders."""
        if self._signals_trouble:
            return (self.view.message, f"! {self._signals_trouble}")
        if self.signals is None or not self.signals.signals:
            return (self.view.message, "no signals yet; D runs the daily, which predicts")
        return (self.view.message, f"newest of {self.signals.total} signals, not orders:")

    def rows(self) -> Sequence[Row]:
        """One row per signal."""
        return [_row(item) for item in (self.signals.signals if self.signals is not None else ())]

    def fill(self) -> None:
        """Show how signals did, and the kill switch."""
        signals, view = self.signals, self.view

        def make(width: int) -> list[Text]:
            lines = [Text()]
            if signals is not None and signals.signals:
                rates = [
                    f"{_who(item.strategy)} {percent(item.rate, 0)} of {item.n}" for item in signals.rates if item.n
                ]
                lines.append(Text(f"hit rate  {'   '.join(rates)}" if rates else "hit rate  -  (none has matured)"))
            return lines + _switch(view)

        self.query_one("#switch", Lines).show(make)

    def summary(self) -> tuple[str, bool]:
        """Count what is open."""
        waiting = self.signals.waiting if self.signals is not None else 0
        return f"0 orders  {waiting} signals wait", self.view.kill is not None or self._signals_trouble is not None

    def detail(self, key: str) -> Detail | None:
        """Tell everything about a signal."""
        found = self.signals.signals if self.signals is not None else ()
        item = next((each for each in found if each.key == key), None)
        if item is None:
            return None
        told = {
            "decided": iso(item.ts_ns),
            "model": item.model_version,
            "side": item.side,
            "horizon": f"{item.horizon} own bars",
            "probability": percent(item.prob),
            "expected": percent(item.ev, 2, sign=True),
            "replayed": f"{item.sample} matured signals of this side stand behind it" if item.sample else DASH,
            "scored": iso(item.exit_at_ns) if item.exit_at_ns is not None else "waiting for its horizon",
            "net": percent(item.net, 2, sign=True),
            "hit": _hit(item).plain,
        }
        if item.replayed:
            told["made"] = "later, from the bars as they were stored then: a replayed daily"
        if item.restated_net is not None:
            told["net restated"] = f"{percent(item.restated_net, 2, sign=True)} on the bars as they are now"
        return f"signal {item.symbol}", lambda width: pairs(told, width)


def _who(strategy: str) -> str:
    return strategy if strategy == "all" else initials(strategy)


def _hit(item: SignalRow) -> Text:
    if not item.matured:
        return Text("wait", DIM)
    if item.hit is None:
        return Text(DASH, DIM)
    return Text("+hit", GOOD) if item.hit else Text("miss", BAD)


def _row(item: SignalRow) -> Row:
    return Row(
        key=item.key,
        cells=(
            decision(item.ts_ns),
            item.symbol,
            item.side.upper(),
            percent(item.prob, 0),
            percent(item.ev, 2, sign=True),
            percent(item.net, 2, sign=True),
            _hit(item),
            initials(item.strategy),
        ),
    )


def _switch(view: OrdersView) -> list[Text]:
    if view.kill is None:
        lines = [Text("kill file absent", DIM)]
    else:
        lines = [Text(f"! KILLED {view.kill.at[:19]}Z by {view.kill.by} {view.kill.reason}".rstrip(), BAD)]
    lines += [Text(f"{stamp(item.at_ns)}  {item.what} by {item.by}  {item.reason}", DIM) for item in view.events[:3]]
    return lines if view.kill is None else [*lines, Text("daily predicts and reports; only sessions are blocked", WARN)]
