"""Labels of regimes against the judged states: per axis the share that agrees, the matrix and every disagreement."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tradeterm.core.errors import NotLabels
from tradeterm.core.time import DAY_NS, grid_floor, iso_date
from tradeterm.engine.agreement import NOTHING
from tradeterm.engine.regime import AXES, STATES
from tradeterm.research.agreement import agree
from tradeterm.research.labels import read_labels
from tradeterm.research.regimes import regime_hash
from tradeterm.views.base import View
from tradeterm.views.spans import Span, spans

if TYPE_CHECKING:
    from pathlib import Path

    from tradeterm.config.settings import Settings
    from tradeterm.engine.agreement import Agreement, Stretch
    from tradeterm.research.agreement import AxisAgreement

__all__ = ["AgreementView", "AxisLabels", "Difference", "Gap", "LabelRow", "build"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRow:
    """Days of one labelled state: a row of the matrix.

    judged : days by judged state, in the order of the axis' states; unjudged : days on which nothing was known
    agreement : share of the judged days that agree, None without any
    """

    label: str
    judged: tuple[int, ...]
    unjudged: int
    agreement: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Days in a row of one labelled period that were judged otherwise.

    first, last : dates, both inside; line : of the label in its file
    """

    first: str
    last: str
    days: int
    label: str
    judged: str
    line: int
    event: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Labelled days in a row on which no state was known; first and last are dates, both inside."""

    first: str
    last: str
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisLabels:
    """One axis.

    inputs : what it is judged on; calendar : whose sessions are its days
    days : labelled days; compared : those on which a state was known; late : those of them on which the last known
    state stood for an overdue one; agreement : agreed / compared
    disagreements : all of them; unjudged : what couldn't be compared
    labelled_spans, judged_spans : states over time, to look at
    """

    axis: str
    inputs: tuple[str, ...]
    calendar: str
    first: str | None
    last: str | None
    days: int
    compared: int
    late: int
    agreed: int
    agreement: float | None
    states: tuple[str, ...]
    matrix: tuple[LabelRow, ...]
    disagreements: tuple[Difference, ...]
    unjudged: tuple[Gap, ...]
    labelled_spans: tuple[Span, ...]
    judged_spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementView(View):
    """Agreement with one file of labels; ``sha256`` names its content, ``judged_by`` thresholds and inputs."""

    SCHEMA: ClassVar[str] = "tradeterm.agreement.v1"

    labels: str
    sha256: str
    judged_by: str
    axes: tuple[AxisLabels, ...]


def build(settings: Settings, labels: Path, now_ns: int, *, axis: str = "") -> AgreementView:
    """Compare a file of labels, or ``axis`` of it alone, with the states that the stored bars give.

    Raises
    ------
    NotLabels
        When the file can't be used.
    MissingBars
        When an input of a labelled axis isn't stored.
    """
    periods = read_labels(labels, today_ns=grid_floor(now_ns, DAY_NS))
    if axis and not any(item.axis == axis for item in periods):
        known = ", ".join(dict.fromkeys(item.axis for item in periods))
        raise NotLabels(labels, f"no period of {axis}", f"it labels {known}")
    return AgreementView(
        labels=str(labels),
        sha256=hashlib.sha256(labels.read_bytes()).hexdigest(),
        judged_by=regime_hash(settings),
        axes=tuple(map(_axis, agree(settings, [item for item in periods if axis in ("", item.axis)]))),
    )


def _axis(item: AxisAgreement) -> AxisLabels:
    states, result = STATES[AXES.index(item.axis)], item.result
    labelled = [states.index(item.periods[number].state) if number != NOTHING else NOTHING for number in item.period]
    days = item.days.tolist()
    end_ns = days[-1] + DAY_NS if days else 0
    return AxisLabels(
        axis=item.axis,
        inputs=item.inputs,
        calendar=item.calendar,
        first=iso_date(days[0]) if days else None,
        last=iso_date(days[-1]) if days else None,
        days=result.compared + int(result.unjudged.sum()),
        compared=result.compared,
        late=item.late,
        agreed=result.agreed,
        agreement=result.share,
        states=states,
        matrix=tuple(_row(item.result, number, name) for number, name in enumerate(states)),
        disagreements=tuple(
            _difference(item, stretch, states) for stretch in result.stretches if stretch.judged != NOTHING
        ),
        unjudged=_gaps(item),
        labelled_spans=spans(days, labelled, states, end_ns),
        judged_spans=spans(days, item.judged.tolist(), states, end_ns),
    )


def _row(result: Agreement, number: int, label: str) -> LabelRow:
    judged = tuple(result.confusion[number].tolist())
    return LabelRow(
        label=label,
        judged=judged,
        unjudged=int(result.unjudged[number]),
        agreement=judged[number] / sum(judged) if sum(judged) else None,
    )


def _difference(item: AxisAgreement, stretch: Stretch, states: tuple[str, ...]) -> Difference:
    period = item.periods[stretch.period]
    return Difference(
        first=iso_date(int(item.days[stretch.start])),
        last=iso_date(int(item.days[stretch.stop - 1])),
        days=stretch.days,
        label=period.state,
        judged=states[stretch.judged],
        line=period.line,
        event=period.event,
    )


def _gaps(item: AxisAgreement) -> tuple[Gap, ...]:
    """Stretches without a state, across the periods that they lie in."""
    joined: list[tuple[int, int]] = []
    for stretch in item.result.stretches:
        if stretch.judged != NOTHING:
            continue
        start = joined.pop()[0] if joined and joined[-1][1] == stretch.start else stretch.start
        joined.append((start, stretch.stop))
    return tuple(
        Gap(first=iso_date(int(item.days[start])), last=iso_date(int(item.days[stop - 1])), days=stop - start)
        for start, stop in joined
    )
