"""Line 1 of every screen: mode, NAV, drawdown, regimes, next decision, session, and the kill hint in its own cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from rich.text import Text
from textual.containers import Horizontal
from textual.widgets import Static

from tradeterm.tui.cells import BAD, DASH, DIM, WARN, age, countdown, money, percent, tone

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from tradeterm.killfile import KillRecord
    from tradeterm.views.status import AxisState, StatusView

__all__ = ["KillHint", "Standing", "StatusBar", "killed_lines", "status_line"]

_SHORT = {
    "NEUTRAL": "NEUT",
    "NORMAL": "NORM",
    "RISK_ON": "ON",
    "RISK_OFF": "OFF",
    "EXPANSION": "EXP",
    "SLOWDOWN": "SLOW",
    "RECESSION": "REC",
    "UNKNOWN": "UNK",
}
_LADDER = {"normal": "ok", "derisked": "CUT", "halted": "HALT"}


class Standing(Protocol):
    """What the bar asks of the app."""

    status: StatusView | None
    latch: KillRecord | None
    latch_failure: str | None
    mode: str

    def clock(self) -> int:
        """Return now, ns UTC."""


class KillHint(Static):
    """Says which key kills; a click does it."""

    def __init__(self) -> None:
        super().__init__(" F9 KILL", markup=False)

    async def on_click(self, event: events.Click) -> None:
        """Latch."""
        event.stop()
        await self.app.run_action("app.kill")


class StatusBar(Horizontal):
    """The status line, or in reverse video over two lines that the kill latch stands."""

    def __init__(self) -> None:
        super().__init__()
        self._line = Static("", id="status-line", markup=False)
        self._painted = Text()

    def compose(self) -> ComposeResult:
        """Put the hint beside the line, where a long line can't cover it."""
        yield self._line
        yield KillHint()

    def on_mount(self) -> None:
        """Show what is known, and count down twice a second."""
        self.show()
        self.set_interval(0.5, self.show)

    def on_resize(self) -> None:
        """Use the room there is."""
        self.show()

    def show(self) -> None:
        """Paint the line if it differs from what is there."""
        app = cast("Standing", self.app)
        killed = app.latch is not None or app.latch_failure is not None
        self.set_class(killed, "-killed")
        width = max(20, self.app.size.width)
        if killed:
            text = Text("\n").join(killed_lines(app.latch, app.latch_failure, width))
        else:
            text = status_line(app.status, app.mode, app.clock(), width - 8)
        if text != self._painted:
            self._painted = text
            self._line.update(text)


def killed_lines(latch: KillRecord | None, failure: str | None, width: int) -> list[Text]:
    """Return the two lines of a standing kill: who and when, and the way back."""
    if latch is None:
        first = f" KILL NOT WRITTEN: {failure}"
        second = " stop the session's process by hand; `touch results/KILL` latches too"
    else:
        at = latch.at[11:19] if latch.at[10:11] == "T" else latch.at
        why = f"  {latch.reason}" if latch.reason else ""
        first = f" KILLED {at}Z by {latch.by}{why}  orders blocked  no session: nothing to cancel"
        second = ' resume: tradeterm resume --kill --reason "..."'
        second = second.ljust(width - 17) + "positions: none "
    return [_cut(first, width), _cut(second, width)]


def _cut(text: str, width: int) -> Text:
    line = Text(text, no_wrap=True)
    line.truncate(width, overflow="ellipsis", pad=True)
    return line


def status_line(status: StatusView | None, mode: str, now_ns: int, width: int) -> Text:
    """Return the longest form that fits."""
    word = Text(f" {mode} ", _mode_style(mode))
    if status is None:
        return Text.assemble(word, (" reading the stores", DIM))
    if status.problem:
        text = Text.assemble(word, (" │ ", DIM), (f"! {status.problem}", WARN))
        text.truncate(width, overflow="ellipsis")
        return text
    longest, shortest = _long(status, now_ns), _short(status, now_ns)
    # The last parts are the first to go: mode, NAV and drawdown stay.
    tries = [(longest, " │ "), (longest[:-1], " │ ")]
    tries += [(shortest[:count], "│") for count in range(len(shortest), 1, -1)]
    for parts, gap in tries:
        text = Text.assemble(word, (gap, DIM)).append_text(Text(gap, DIM).join(parts))
        if text.cell_len <= width:
            return text
    text.truncate(width, overflow="ellipsis")
    return text


def _mode_style(mode: str) -> str:
    return {"LIVE": "bold white on red", "PAPER": "bold reverse"}.get(mode, "bold reverse")


def _long(status: StatusView, now_ns: int) -> list[Text]:
    nav = Text.assemble("NAV ", (money(status.nav), "bold"), "  day ", _change(status))
    if status.nav is not None:
        nav.append(" simulated", DIM)
    if status.snapshot_age_hours is not None and status.snapshot_age_hours >= 24:
        nav.append(f" {age(status.snapshot_age_hours)} old", WARN)
    return [
        nav,
        Text.assemble("DD ", percent(status.drawdown), " ", _ladder(status, short=False)),
        Text(" ").join([_axis(axis, short=False) for axis in status.regimes] or [Text("regimes -", DIM)]),
        Text(f"next {status.timeframe.upper()} {countdown(status.next_decision_ns - now_ns)}"),
        Text(f"session {status.session}", DIM),
    ]


def _short(status: StatusView, now_ns: int) -> list[Text]:
    name = "H4" if status.timeframe == "h4" else "1D"
    return [
        Text.assemble("NAV ", money(status.nav), " ", _change(status)),
        Text.assemble("DD ", percent(status.drawdown), " ", _ladder(status, short=True)),
        Text(" ").join([_axis(axis, short=True) for axis in status.regimes] or [Text("regimes -", DIM)]),
        Text(f"{name} {countdown(status.next_decision_ns - now_ns)}"),
        Text("no sess", DIM),
    ]


def _change(status: StatusView) -> Text:
    return Text(percent(status.day_change, 2, sign=True), tone(status.day_change))


def _ladder(status: StatusView, *, short: bool) -> Text:
    word = (status.ladder or DASH).lower()
    style = {"normal": "", "derisked": WARN, "halted": BAD}.get(word, "")
    return Text(_LADDER.get(word, word) if short else word.upper(), style)


def _axis(axis: AxisState, *, short: bool) -> Text:
    word = _SHORT.get(axis.state, axis.state) if short else axis.state
    return Text(f"{word}!" if axis.stale else word, DIM if axis.stale else "")
