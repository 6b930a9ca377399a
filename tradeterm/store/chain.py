"""The hash chain over the ledger's rows, and its head in a file of its own."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tradeterm.core.errors import LedgerBroken
from tradeterm.core.ids import canonical_json
from tradeterm.store.atomic import write_bytes_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["GENESIS", "Head", "Row", "Verification", "link", "read_head", "walk", "write_head"]

GENESIS = "0" * 64


class Row(NamedTuple):
    """One row of the ledger as it is stored; ``payload`` is canonical JSON text."""

    seq: int
    recorded_at: int
    kind: str
    key: str
    payload: str
    prev_hash: str
    hash: str

    def __str__(self) -> str:
        return f"row {self.seq} ({self.kind} '{self.key}')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest row that is known to be on disk."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What walking the whole chain found; ``problem`` names the first thing that is wrong, in one line."""

    ok: bool
    rows: int
    problem: str | None


def link(prev_hash: str, seq: int, recorded_at: int, kind: str, key: str, payload: str) -> str:
    """SHA-256, in hex, over the previous row's hash and this row's content."""
    content = {"seq": seq, "recorded_at": recorded_at, "kind": kind, "key": key, "payload": payload}
    return hashlib.sha256(f"{prev_hash}\n{canonical_json(content)}".encode()).hexdigest()


def read_head(path: Path) -> Head | None:
    """Return the head, or None when there is no such file.

    Raises
    ------
    LedgerBroken
        When the file is there but holds no head.
    """
    try:
        found = json.loads(path.read_bytes())
        return Head(seq=int(found["seq"]), hash=str(found["hash"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as failure:
        raise LedgerBroken(
            f"{path}: can't be read as the ledger's head ({type(failure).__name__}); restore it from a backup, "
            "or delete it to take the rows as they are (the next write makes a new one)"
        ) from failure


def write_head(path: Path, head: Head) -> None:
    """Replace the head; the caller holds the ledger's lock."""
    write_bytes_atomic(path, f'{{"hash":"{head.hash}","seq":{head.seq}}}\n'.encode(), locked=True)


def walk(rows: Iterable[Row], head: Head | None) -> Verification:
    """Recompute every hash in order of ``seq``; rows beyond the head are fine, a head beyond the rows is not.

    head : read before the rows were, so that rows written meanwhile are only ever beyond it
    """
    last: Row | None = None
    for count, row in enumerate(rows):
        problem = _step(last, row, head)
        if problem is not None:
            return Verification(ok=False, rows=count, problem=problem)
        last = row
    newest = 0 if last is None else last.seq
    return Verification(ok=(tail := _tail(newest, head)) is None, rows=newest, problem=tail)


def _step(last: Row | None, row: Row, head: Head | None) -> str | None:
    expected, before = (1, GENESIS) if last is None else (last.seq + 1, last.hash)
    if row.seq != expected:
        return f"row {expected} is missing: {row} follows {last or 'the start'}"
    if row.prev_hash != before:
        return f"{last or row} was altered: {row} was chained to another hash"
    if row.hash != link(row.prev_hash, *row[:5]):
        return f"{row} was altered: its content does not give its hash"
    if head is not None and row.seq == head.seq and row.hash != head.hash:
        return f"{row} was altered: ledger.head holds another hash for it"
    return None


def _tail(newest: int, head: Head | None) -> str | None:
    if head is None:
        return "ledger.head is missing: whether the tail was cut can't be told" if newest else None
    if head.seq > newest:
        return f"the tail was cut: ledger.head stands at row {head.seq}, the last row is {newest}"
    return None
