"""How good signals were: scores by group, reliability, hit rate over time, information coefficient by bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual.containers import VerticalScroll

from tradeterm.tui.cells import DASH, DIM, WARN, Column, Row, percent, prose, table
from tradeterm.tui.screens.modal import Modal
from tradeterm.tui.widgets.curves import Curves
from tradeterm.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.widget import Widget

    from tradeterm.core.scores import Group
    from tradeterm.tui.app import TradetermApp
    from tradeterm.views.signals import OutcomesView

__all__ = ["ScoresScreen", "score_lines"]

_MOST_SYMBOLS = 40
_COLUMNS = (
    Column(name="scored", width=20, grow=True),
    Column(name="matured", width=9, right=True),
    Column(name="wait", width=7, right=True, rank=2),
    Column(name="hit", width=6, right=True),
    Column(name="95 %", width=11, right=True, rank=1),
    Column(name="net", width=7, right=True),
    Column(name="Brier", width=6, right=True),
    Column(name="base", width=6, right=True, rank=3),
    Column(name="IC", width=6, right=True),
)


class ScoresScreen(Modal[None]):
    """Reads when it opens; what comes later is counted by the next daily run anyway."""

    def __init__(self) -> None:
        super().__init__(classes="scores")

    def heading(self) -> str:
        """Return what is told."""
        return "How good signals were"

    def content(self) -> Iterable[Widget]:
        """Yield scores and curves, one scroll for all of them."""
        scroll = VerticalScroll(
            Lines(id="groups"),
            Curves("reliability: hits by probability", id="reliability", limits=(0.0, 1.0)),
            Curves("hit rate by month", id="months", limits=(0.0, 1.0)),
            Curves("information coefficient by own bars after entry", id="decay"),
            Lines(id="others"),
            classes="scroll",
        )
        scroll.can_focus = True
        yield scroll

    def on_mount(self) -> None:
        """Have the scores read."""
        self.query_one("#groups", Lines).show(lambda width: [Text("reading the scores", DIM)])
        cast("TradetermApp", self.app).read_scores()

    def take(self, found: OutcomesView | str) -> None:
        """Show what was read, or why it can't be."""
        first, second = self.query_one("#groups", Lines), self.query_one("#others", Lines)
        if isinstance(found, str):
            first.show(lambda width: prose(f"! {found}", width, WARN))
            return
        first.show(lambda width: score_lines([found.whole, *found.models], width, _notes(found)))
        second.show(lambda width: _others(found, width))
        whole = found.whole
        if whole is None:
            return
        bins = whole.bins
        self.query_one("#reliability", Curves).show(
            [f"{item.predicted:.2f}" for item in bins],
            [("came", [item.hit_rate for item in bins]), ("said", [item.predicted for item in bins])],
        )
        self.query_one("#months", Curves).show(
            [item.month for item in whole.months], [("hit rate", [item.hits / item.n for item in whole.months])]
        )
        self.query_one("#decay", Curves).show(
            [str(item.lag) for item in whole.decay], [("IC", [item.ic for item in whole.decay])]
        )


def score_lines(groups: Sequence[Group | None], width: int, notes: Sequence[str] = ()) -> list[Text]:
    """Lay out a row per group, and what is to be said beneath."""
    rows = [_row(group) for group in groups if group is not None]
    if not rows:
        return prose("no signals yet; D runs the daily, which predicts", width, DIM)
    return [*table(_COLUMNS, rows, width), *(line for note in notes for line in prose(note, width, DIM))]


def _notes(found: OutcomesView) -> list[str]:
    notes = []
    if found.restated:
        notes.append(f"{found.restated} outcomes would be others on the bars as they are now")
    if found.uncounted:
        notes.append(f"{found.uncounted} newer facts are not counted yet; the next daily counts them")
    return notes


def _others(found: OutcomesView, width: int) -> list[Text]:
    if not found.regimes:
        return []
    most = sorted(found.symbols, key=lambda group: -group.signals)
    lines = [Text(), *score_lines(found.regimes, width), Text(), *score_lines(most[:_MOST_SYMBOLS], width)]
    rest = len(most) - _MOST_SYMBOLS
    return lines + ([Text(f"and {rest} more symbols: tradeterm signals outcomes --json", DIM)] if rest > 0 else [])


def _row(group: Group) -> Row:
    score = group.score
    interval = DASH if score.low is None else f"{percent(score.low, 0)}-{percent(score.high, 0)}"
    return Row(
        key=f"{group.by} {group.name}",
        cells=(
            group.name,
            f"{score.n:,}",
            f"{group.waiting:,}",
            percent(score.hit_rate),
            interval,
            percent(score.mean_net, 2, sign=True),
            _number(score.brier),
            _number(score.brier_base),
            _number(score.ic),
        ),
    )


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"
