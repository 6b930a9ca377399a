"""What ``data status`` shows a person: a line per file and source, or one symbol in full."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from tradeterm.core.time import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.cli.output import Page
    from tradeterm.views.data import DataView
    from tradeterm.views.series import ActionsDetail, Change, FileDetail, Provenance, SeriesView

__all__ = ["show_data", "show_series"]

_SHOWN = 20
_CHANGED = ("restated", "bar", "value", ">before", ">after", "found", "source", "runs that had read it")


def show_data(page: Page, view: DataView) -> None:
    """Show all files, then the sources that were or could be asked."""
    counts = (">gaps", ">quarantined", ">restated")
    rows = [
        (
            row.symbol,
            row.timeframe,
            "SAMPLE" if row.sample else row.source,
            row.rows,
            _at(row.last_ns),
            row.late_hours,
            row.gaps,
            row.quarantined,
            row.restated,
            row.state,
            row.problem or row.source_problem,
        )
        for row in view.series
    ]
    page.table(("symbol", "bars", "source", ">rows", "last", ">late h", *counts, "state", "problem"), rows)
    if view.sources:
        page.line()
        sources = [
            (row.source, _at(row.tried_ns), _at(row.success_ns), row.files, row.failed, row.problem)
            for row in view.sources
        ]
        page.table(("asked", "last try", "last success", ">files", ">failed", "problem"), sources)
    page.line(f"{view.ok} ok, {view.late} late, {view.bad} missing or unreadable", style="dim")


def show_series(page: Page, view: SeriesView) -> None:
    """Show each file of a symbol, then its corporate actions."""
    for file in view.files:
        _file(page, file)
        page.line()
    if view.actions is not None:
        _actions(page, view.actions)


def _file(page: Page, file: FileDetail) -> None:
    row = file.row
    page.title(f"{row.symbol} {row.timeframe or ''}".rstrip())
    if row.sample:
        page.line("SAMPLE: these bars are made up")
    for problem in file.problems:
        page.line(f"! {problem}")
    if row.source_problem:
        page.line(f"! a source failed: {row.source_problem}")
    if row.rows is not None:
        page.pairs(_facts(file) | _provenance(file.provenance) | _counts(file))
    missing = [(iso(gap.from_ns), iso(gap.to_ns), gap.bars) for gap in file.gaps or ()]
    _table(page, ("missing from", "to", ">bars"), missing)
    _table(page, _CHANGED, list(map(_changed, file.restatements)))
    rejected = groupby(file.quarantined or (), key=lambda each: (each.file, each.rule, each.detail))
    for (name, rule, detail), rows in rejected:
        lines = [str(each.line) for each in rows]
        some = ", ".join(lines[:_SHOWN]) + (", ..." if len(lines) > _SHOWN else "")
        page.line(f"quarantined {len(lines)} of {name} by {rule} ({detail}): line {some}")


def _facts(file: FileDetail) -> dict[str, object]:
    row = file.row
    return {
        "state": row.state,
        "bars": row.rows,
        "first": _at(row.first_ns),
        "last": _at(row.last_ns),
        "known": _at(row.known_ns),
        "next due": _at(row.due_ns),
        "late hours": row.late_hours,
    }


def _provenance(found: Provenance | None) -> dict[str, object]:
    if found is None:
        return {}
    return {
        "source": found.source,
        "origin": found.origin,
        "pieces": "; ".join(f"{piece.source} from {iso(piece.from_ns)}" for piece in found.pieces) or None,
        "note": found.note,
        "adjustment": found.adjustment,
        "calendar": found.calendar,
        "file": f"{found.path}, {found.size_bytes:,} bytes, written {iso(found.written_ns)}",
        "fingerprint": found.fingerprint,
    }


def _counts(file: FileDetail) -> dict[str, object]:
    beside = f"; {file.scattered} more bars missing in shorter runs" if file.scattered else ""
    gaps = f"{len(file.gaps)} of {file.gap_bars} or more bars{beside}" if file.gaps is not None else None
    return {
        "gaps": gaps,
        "quarantined": len(file.quarantined) if file.quarantined is not None else None,
        "restated": len({(change.timeframe, change.ts_ns, change.found_ns) for change in file.restatements}),
    }


def _changed(change: Change) -> tuple[object, ...]:
    return (
        change.timeframe,
        iso(change.ts_ns),
        change.field,
        change.before,
        change.after,
        iso(change.found_ns),
        change.source,
        ", ".join(change.runs) or None,
    )


def _actions(page: Page, found: ActionsDetail) -> None:
    page.title("corporate actions")
    if found.problem is not None:
        page.line(f"! {found.problem}")
        return
    since = "the start" if not found.asked_from_ns else iso(found.asked_from_ns)
    page.pairs({"source": found.source, "asked": f"from {since} to {_at(found.asked_until_ns)}"})
    _table(page, ("from", "kind", ">value"), [(iso(event.ex_ns), event.kind, event.value) for event in found.events])
    _table(page, _CHANGED, list(map(_changed, found.restatements)))


def _table(page: Page, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print the newest rows, and how many there are besides; nothing where there are none."""
    if rows:
        page.table(columns, rows[:_SHOWN])
    if len(rows) > _SHOWN:
        page.line(f"and {len(rows) - _SHOWN} older ones: --json has them all", style="dim")


def _at(ns: int | None) -> str | None:
    return None if ns is None else iso(ns)
