"""What ``regime agree`` shows a person: strips of labels and judged states, the matrix, the disagreements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradeterm.cli.output import percent
from tradeterm.cli.strip import legend, ruler, strip

if TYPE_CHECKING:
    from tradeterm.cli.output import Page
    from tradeterm.views.agreement import AgreementView, AxisLabels, Difference

__all__ = ["show_agreement"]

_NAMES = ("labels", "judged")
_UNJUDGED = "not judged"


def show_agreement(page: Page, view: AgreementView, *, at_most: int | None) -> None:
    """Show every axis; of its disagreements the longest ``at_most``, or all of them in order of time."""
    for item in view.axes:
        _axis(page, item, at_most)
        page.line()
    page.line(f"labels {view.labels}, sha256 {view.sha256[:12]}; judged by {view.judged_by}", style="dim")


def _axis(page: Page, item: AxisLabels, at_most: int | None) -> None:
    late = f", {item.late} of them on a last known state" if item.late else ""
    page.title(f"{item.axis}: {percent(item.agreement)} of {item.compared:,} days agree{late}")
    page.line(f"judged on {', '.join(item.inputs)}; days are the sessions of {item.calendar}", style="dim")
    if not item.days:
        page.line("! no session lies in its labelled periods")
        return
    for each in item.unjudged:
        page.line(f"! {each.first} to {each.last}: no state was known, {each.days:,} days can't be compared")
    between = (item.labelled_spans[0].from_ns, item.labelled_spans[-1].to_ns)
    strip(page, _NAMES[0], item.states, item.labelled_spans, between)
    strip(page, _NAMES[1], item.states, item.judged_spans, between)
    ruler(page, " " * len(_NAMES[0]), between)
    legend(page, item.states)
    page.line()
    columns = ("label", *(f">{state}" for state in item.states), f">{_UNJUDGED}", ">agree")
    page.table(columns, [(row.label, *row.judged, row.unjudged, percent(row.agreement)) for row in item.matrix])
    page.line()
    _disagreements(page, item.disagreements, at_most)


def _disagreements(page: Page, found: tuple[Difference, ...], at_most: int | None) -> None:
    shown = found if at_most is None else sorted(found, key=lambda each: -each.days)[:at_most]
    rows = [(each.first, each.last, each.days, each.label, each.judged, each.event) for each in shown]
    page.table(("first", "last", ">days", "label", "judged", "event of the label"), rows)
    if len(shown) < len(found):
        days = sum(each.days for each in found) - sum(each.days for each in shown)
        page.line(
            f"and {len(found) - len(shown)} shorter ones of {days:,} days together; --all shows them", style="dim"
        )
