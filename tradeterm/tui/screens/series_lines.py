"""All that is known of one bar file, as lines for a width."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.text import Text

from tradeterm.tui.cells import DASH, DIM, WARN, Column, Row, age, date, instant, pairs, prose, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tradeterm.views.series import ActionsDetail, Change, FileDetail, Provenance, SeriesView
    from tradeterm.views.stored import SeriesRow

__all__ = ["series_lines"]

# Of each list; `data status SYMBOL --json` has all.
_MOST = 200
_BAD = f"bold {WARN}"
_GAPS = (
    Column(name="missing from", width=17),
    Column(name="to", width=17),
    Column(name="bars", width=7, right=True),
)
_CHANGES = (
    Column(name="bar", width=17),
    Column(name="value", width=8),
    Column(name="before", width=14, right=True),
    Column(name="after", width=14, right=True),
)
_EVENTS = (
    Column(name="from", width=10),
    Column(name="kind", width=8),
    Column(name="value", width=12, right=True),
)


def series_lines(row: SeriesRow, found: SeriesView | None, width: int) -> list[Text]:
    """Return what the overview knows, then what was read; ``found`` None while that is still to come."""
    file = found.files[0] if found is not None else None
    problems = [*(file.problems if file is not None else (row.problem,)), row.source_problem]
    lines = [line for problem in problems if problem for line in prose(f"! {problem}", width, WARN)]
    lines += pairs(_facts(row) | (_counts(file) if file is not None else {}), width)
    if found is None or file is None:
        return [*lines, Text("reading the file", DIM)]
    lines += [*_gaps(file, width), *_restated(file, width), *_quarantined(file, width)]
    if file.provenance is not None:
        lines += [Text(), Text("provenance", "bold"), *pairs(_provenance(file.provenance), width)]
    if found.actions is not None:
        lines += _actions(found.actions, width)
    return lines


def _facts(row: SeriesRow) -> dict[str, str]:
    late = ""
    if row.late_hours:
        late = f" by {age(row.late_hours)}" if row.state == "LATE" else f", {age(row.late_hours)} late"
    due = f"next {'was' if row.late_hours else 'is'} due {instant(row.due_ns)}"
    return {
        "state": row.state + late,
        "bars": DASH if row.rows is None else f"{row.rows:,}, {instant(row.first_ns)} to {instant(row.last_ns)}",
        "known": f"{instant(row.known_ns)}, {'no telling when the next is due' if row.due_ns is None else due}",
    }


def _counts(file: FileDetail) -> dict[str, str]:
    beside = f", {file.scattered:,} more bars missing in shorter runs" if file.scattered else ""
    gaps = None
    if file.gaps is not None:
        gaps = f"{len(file.gaps) or 'none'} of {file.gap_bars} or more bars in a row{beside}"
    base = {change.timeframe for change in file.restatements} - {file.row.timeframe}
    of = f" of the {' and '.join(sorted(base))} bars that these are built from" if base else ""
    return {
        "gaps": gaps or "unknown",
        "restated": f"{len(list(_by_bar(file.restatements))):,}{of}",
        "quarantined": "unknown" if file.quarantined is None else f"{len(file.quarantined):,}",
    }


def _gaps(file: FileDetail, width: int) -> list[Text]:
    if not file.gaps:
        return []
    rows = [
        Row(key=str(gap.from_ns), cells=(instant(gap.from_ns), instant(gap.to_ns), f"{gap.bars:,}"))
        for gap in file.gaps[:_MOST]
    ]
    return [Text(), Text("gaps", _BAD), *table(_GAPS, rows, width), *_more(len(file.gaps))]


def _restated(file: FileDetail, width: int) -> list[Text]:
    bars = list(_by_bar(file.restatements))
    return [Text(), Text("restated", _BAD), *_changed(bars, width)] if bars else []


def _changed(bars: Sequence[Sequence[Change]], width: int) -> list[Text]:
    lines: list[Text] = []
    for changes in bars[:_MOST]:
        first = changes[0]
        rows = [
            Row(
                key=change.field,
                cells=(
                    instant(first.ts_ns) if change is first else "",
                    change.field,
                    _value(change.before),
                    _value(change.after),
                ),
            )
            for change in changes
        ]
        told = table(_CHANGES, rows, width)
        lines += told if not lines else told[1:]
        runs = f"runs that had read it: {', '.join(first.runs)}" if first.runs else "no run had read it"
        found = f"found {instant(first.found_ns)} by {first.source}; {runs}"
        lines += [Text.assemble("  ", line) for line in prose(found, width - 2, DIM)]
    return lines + _more(len(bars))


def _value(value: float | None) -> str:
    """Return a value with eleven digits, which tell apart whatever counts as a change."""
    if value is None:
        return DASH
    whole = len(str(int(abs(value))))
    text = f"{value:,.{max(0, 11 - whole)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _by_bar(changes: Sequence[Change]) -> Iterator[list[Change]]:
    for _, group in groupby(changes, key=lambda change: (change.timeframe, change.ts_ns, change.found_ns)):
        yield list(group)


def _quarantined(file: FileDetail, width: int) -> list[Text]:
    if not file.quarantined:
        return []
    lines = [Text(), Text("quarantined", _BAD)]
    rejected = groupby(file.quarantined[:_MOST], key=lambda row: (row.file, row.rule, row.detail))
    for (name, rule, detail), rows in rejected:
        lines += prose(f"{name}, {rule}: {detail}", width)
        for row in rows:
            lines += _numbered(row.line, row.raw, width)
    return lines + _more(len(file.quarantined))


def _numbered(line: int, raw: str, width: int) -> list[Text]:
    """A row as it stood in its file, broken anywhere."""
    head = f"  line {line:<6} "
    room, text = max(10, width - len(head)), " ".join(raw.split())
    first, *more = [text[start : start + room] for start in range(0, len(text), room)] or [""]
    return [Text.assemble((head, DIM), first), *(Text(" " * len(head) + part) for part in more)]


def _provenance(found: Provenance) -> dict[str, str]:
    told = {
        "source": found.source,
        "origin": found.origin if found.origin != found.source else "",
        "built from": " and ".join(found.derived_from),
        "pieces": "; ".join(f"{piece.source} from {instant(piece.from_ns)}" for piece in found.pieces),
        "note": found.note or "",
        "adjustment": {"none": "none: raw prices", "split": "splits", "all": "splits and dividends"}.get(
            found.adjustment, found.adjustment
        ),
        "calendar": found.calendar,
        "fingerprint": found.fingerprint,
        "file": f"{found.path}, {found.size_bytes:,} bytes",
        "written": instant(found.written_ns),
    }
    return {name: value for name, value in told.items() if value}


def _actions(found: ActionsDetail, width: int) -> list[Text]:
    lines = [Text(), Text("corporate actions", "bold")]
    if found.problem is not None:
        return [*lines, *prose(f"! {found.problem}", width, WARN)]
    since = date(found.asked_from_ns) if found.asked_from_ns else "the start"
    asked = f"{len(found.events):,} by {found.source}, asked from {since} to {date(found.asked_until_ns)}"
    rows = [
        Row(key=str(place), cells=(date(event.ex_ns), event.kind, _value(event.value)))
        for place, event in enumerate(found.events[:_MOST])
    ]
    lines += [*prose(asked, width), *(table(_EVENTS, rows, width) if rows else []), *_more(len(found.events))]
    if found.restatements:
        lines += [Text(), Text("restated actions", _BAD), *_changed(list(_by_bar(found.restatements)), width)]
    return lines


def _more(count: int) -> list[Text]:
    if count <= _MOST:
        return []
    return [Text(f"and {count - _MOST:,} older ones: tradeterm data status SYMBOL --json has them all", DIM)]
