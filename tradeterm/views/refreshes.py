"""What the sources were asked for and what they gave: by daily runs, and by updates and downloads that a person ran."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tradeterm.store.ledger import LedgerReader

__all__ = ["FileTry", "Refresh", "SourceRow", "file_problems", "refreshes", "source_rows"]

# Older refreshes than these are history; a ledger of years is not read to show the present.
_LOOKED_AT = 400
_RECENT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTry:
    """What became of one bar file.

    source : the one that gave it; where none did, the first
    tries : sources that failed before, and why; error : why nothing came, None where something did
    """

    bars: str
    source: str
    tries: tuple[tuple[str, str], ...] = ()
    error: str | None = None

    @property
    def failures(self) -> tuple[tuple[str, str], ...]:
        """Each source that failed, and why."""
        if self.error is not None and not self.tries:
            return ((self.source, self.error),)
        return self.tries


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """One round of questions; command is ``daily``, ``update`` or ``download``."""

    command: str
    profile: str
    recorded_ns: int
    files: tuple[FileTry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """The health of one source.

    tried_ns : when it was asked last, None where never; success_ns : when it last gave something, None where never
    files, failed : files that it gave at the last try, and that it was asked for in vain
    problem : why the first of those failed, None where none did
    """

    source: str
    tried_ns: int | None
    success_ns: int | None
    files: int
    failed: int
    problem: str | None


def refreshes(ledger: LedgerReader, *, profile: str | None = None) -> Iterator[Refresh]:
    """Yield them newest first, whatever instant they were for; ``profile`` None takes any."""
    found = heapq.merge(_by_hand(ledger), _of_dailies(ledger), key=lambda item: item.recorded_ns, reverse=True)
    return (item for item in found if profile in (None, item.profile))


def source_rows(rounds: Iterable[Refresh], *, configured: Iterable[str] = ()) -> tuple[SourceRow, ...]:
    """Return the health of each configured source, and of others that were asked as lately, by name."""
    wanted = set(configured)
    last: dict[str, SourceRow] = {}
    successes: dict[str, int] = {}
    for item in rounds:
        for row in _rows(item):
            last.setdefault(row.source, row)
            if row.files:
                successes.setdefault(row.source, item.recorded_ns)
        if wanted and wanted <= successes.keys():
            # Nothing older changes what is known of these.
            break
    for name in wanted - last.keys():
        last[name] = SourceRow(source=name, tried_ns=None, success_ns=None, files=0, failed=0, problem=None)
    return tuple(replace(last[name], success_ns=successes.get(name)) for name in sorted(last))


def file_problems(rounds: Iterable[Refresh]) -> dict[str, str]:
    """Why a source failed to give a file when it was asked for it last, by ``SYMBOL timeframe``; only where one did.

    What was not asked for in the newest rounds has no problem that matters now.
    """
    problems: dict[str, str | None] = {}
    for item in islice(rounds, _RECENT):
        for file in item.files:
            problems.setdefault(file.bars, file.failures[0][1] if file.failures else None)
    return {bars: problem for bars, problem in problems.items() if problem is not None}


def _rows(item: Refresh) -> list[SourceRow]:
    given = Counter(file.source for file in item.files if file.error is None)
    failed: dict[str, list[str]] = {}
    for source, error in (failure for file in item.files for failure in file.failures):
        failed.setdefault(source, []).append(error)
    return [
        SourceRow(
            source=name,
            tried_ns=item.recorded_ns,
            success_ns=None,
            files=given[name],
            failed=len(failed.get(name, ())),
            problem=failed[name][0] if name in failed else None,
        )
        for name in given.keys() | failed.keys()
    ]


def _by_hand(ledger: LedgerReader) -> Iterator[Refresh]:
    for fact in reversed(ledger.facts("refresh", newest=_LOOKED_AT)):
        files = tuple(
            FileTry(
                bars=str(item["bars"]),
                source=str(item["source"]),
                tries=tuple((str(tried["source"]), str(tried["error"])) for tried in item.get("tries", ())),
                error=_text(item.get("error")),
            )
            for item in fact.payload["items"]
        )
        yield Refresh(
            command=str(fact.payload["command"]),
            profile=str(fact.payload["profile"]),
            recorded_ns=fact.recorded_at,
            files=files,
        )


def _of_dailies(ledger: LedgerReader) -> Iterator[Refresh]:
    """In the order in which the daily runs began."""
    for daily in reversed(ledger.facts("daily", newest=_LOOKED_AT)):
        step = ledger.get("step", f"{daily.key}:refresh")
        if step is not None:
            outputs = step.payload.get("outputs") or {}
            yield Refresh(
                command="daily",
                profile=str(daily.payload.get("profile", "")),
                recorded_ns=step.recorded_at,
                files=_daily_files(outputs),
            )


def _daily_files(outputs: dict[str, Any]) -> tuple[FileTry, ...]:
    errors = {str(item["bars"]): str(item["error"]) for item in outputs.get("failed", ())}
    tries: dict[str, list[tuple[str, str]]] = {}
    for item in outputs.get("tries", ()):
        tries.setdefault(str(item["bars"]), []).append((str(item["source"]), str(item["error"])))
    sources = {str(item["bars"]): str(item["source"]) for item in outputs.get("bars", ())}
    return tuple(
        FileTry(
            bars=bars,
            source=sources.get(bars, "unknown"),
            tries=tuple(tries.get(bars, ())),
            error=errors.get(bars),
        )
        for bars in dict.fromkeys([*sources, *errors, *tries])
    )


def _text(value: object) -> str | None:
    return str(value) if value else None
