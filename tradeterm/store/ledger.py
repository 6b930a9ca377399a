"""The ledger: every fact once, in one order, never rewritten. Standard library only, so that opening it is cheap.

Files: ``ledger.sqlite`` (WAL, synchronous=FULL), ``ledger.head`` (the chain's newest row, written after each commit),
``ledger.lock`` and ``ledger.lock.turn``.

SQLite before 3.51.3 can damage a WAL database when two connections write or checkpoint at one instant. So a connection
that may write exists only under one lock between processes, from opening to closing; all others are read-only and can't
checkpoint. Each :class:`Ledger` keeps a read-only connection open meanwhile, which also makes closing the writing one
cheap: SQLite folds the WAL back and deletes it only when the last connection goes.

One object serves one thread at a time; threads that write at once take a ``Ledger`` each.
"""

from __future__ import annotations

import json
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradeterm.core.errors import FactConflict, LedgerBroken
from tradeterm.core.ids import canonical_json
from tradeterm.store.chain import GENESIS, Head, Row, Verification, link, read_head, walk, write_head
from tradeterm.store.ledger_file import open_reading, open_writing, sqlite_errors
from tradeterm.store.locks import fair_lock

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

__all__ = ["PROVENANCE", "Fact", "Ledger", "LedgerReader"]

# Says who recorded a fact, how long it took and in which regime, not what was found: two that found the same agree.
PROVENANCE = frozenset({"run_id", "replayed", "seconds", "regime"})

_EMPTY = Head(seq=0, hash=GENESIS)
_COLUMNS = "seq, recorded_at, kind, key, payload, prev_hash, hash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One recorded fact.

    recorded_at : ns UTC of the recording clock; the order of facts is ``seq``
    """

    seq: int
    recorded_at: int
    kind: str
    key: str
    payload: dict[str, Any]
    hash: str


class LedgerReader:
    """Reads the ledger without ever creating it; while there is none, it is empty."""

    def __init__(self, results_dir: Path) -> None:
        self.path = results_dir / "ledger.sqlite"
        self._head_path = results_dir / "ledger.head"
        self._reading: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next question opens it again."""
        if self._reading is not None:
            self._reading.close()
            self._reading = None

    def get(self, kind: str, key: str) -> Fact | None:
        """Return the fact of that kind and key."""
        return _first(self._ask("kind = ? AND key = ?", (kind, key)))

    def latest(self, kind: str) -> Fact | None:
        """Return the newest fact of that kind."""
        return _first(self._ask("kind = ? ORDER BY seq DESC LIMIT 1", (kind,)))

    def facts(
        self, kind: str, *, newest: int | None = None, prefix: str | None = None, before: int | None = None
    ) -> list[Fact]:
        """Return the facts of that kind, oldest first.

        newest : only that many, the last recorded
        prefix : only those whose key begins so
        before : only those whose seq is smaller
        """
        where = "kind = ?"
        values: list[str | int] = [kind]
        if prefix:
            where, values = f"{where} AND key >= ? AND key < ?", [kind, prefix, prefix + "\U0010ffff"]
        if before is not None:
            where, values = f"{where} AND seq < ?", [*values, before]
        limit = -1 if newest is None else newest
        return self._ask(f"{where} ORDER BY seq DESC LIMIT ?", (*values, limit))[::-1]

    def tip(self) -> Head:
        """Return seq and hash of the newest row; seq 0 while nothing is recorded."""
        with sqlite_errors(self.path):
            connection = self._connected()
            return _EMPTY if connection is None else _last(connection)

    @contextmanager
    def at_one_instant(self) -> Iterator[Self]:
        """Answer every question inside from one state of the ledger, whatever is recorded meanwhile.

        A writer never waits for this; SQLite only can't shorten its write-ahead log until it ends, so keep it short.
        """
        with sqlite_errors(self.path):
            connection = self._connected()
            if connection is not None:
                connection.execute("BEGIN")
        try:
            yield self
        finally:
            if connection is not None and connection.in_transaction:
                connection.execute("ROLLBACK")

    def rows(self, kinds: Sequence[str] | None = None, *, after: int = 0, most: int = -1) -> list[Row]:
        """Return the rows of some kinds (of all) as they are stored, oldest first; their payloads are JSON text.

        after : only those with a greater seq; most : no more than these, -1 for all
        """
        with sqlite_errors(self.path):
            connection = self._connected()
            if connection is None:
                return []
            # A few of many rows are read in their own order (the plus), else SQLite would sort all for each part.
            column = "kind" if most < 0 else "+kind"
            where = "" if kinds is None else f"AND {column} IN ({', '.join('?' * len(kinds))})"
            statement = f"SELECT {_COLUMNS} FROM facts WHERE seq > ? {where} ORDER BY seq LIMIT ?"  # noqa: S608 (placeholders)
            return [Row._make(row) for row in connection.execute(statement, (after, *(kinds or ()), most))]

    def greatest(self, kind: str, number: int, *, holding: str = "", below: str = "") -> list[Fact]:
        """Return the facts of that kind whose keys come last in alphabetical order, the last first.

        holding : only those whose key holds this text; below : only those whose key comes before this one
        """
        where, values = "kind = ?", [kind]
        if below:
            where, values = f"{where} AND key < ?", [*values, below]
        if holding:
            where, values = f"{where} AND instr(key, ?) > 0", [*values, holding]
        return self._ask(f"{where} ORDER BY key DESC LIMIT ?", (*values, number))

    def without(self, kind: str, other: str) -> list[Fact]:
        """Return the facts of that kind for whose key there is none of the ``other`` kind, oldest first."""
        missing = "NOT EXISTS (SELECT 1 FROM facts AS beside WHERE beside.kind = ? AND beside.key = facts.key)"
        return self._ask(f"kind = ? AND {missing} ORDER BY seq", (kind, other))

    def count(self, kind: str, *, after: int = 0) -> int:
        """Return how many facts of that kind there are; ``after``: with a greater seq."""
        with sqlite_errors(self.path):
            connection = self._connected()
            if connection is None:
                return 0
            found = connection.execute("SELECT count(*) FROM facts WHERE kind = ? AND seq > ?", (kind, after))
            return int(found.fetchone()[0])

    def hash_of(self, seq: int) -> str | None:
        """Return the hash of the row of that seq, which vouches for every row before it."""
        with sqlite_errors(self.path):
            connection = self._connected()
            row = (
                None
                if connection is None
                else connection.execute("SELECT hash FROM facts WHERE seq = ?", (seq,)).fetchone()
            )
            return None if row is None else str(row[0])

    def data_version(self) -> int:
        """Return a number that changes when anything is recorded by anybody; 0 while there is no ledger.

        Two calls on one object compare; it costs microseconds.
        """
        with sqlite_errors(self.path):
            connection = self._connected()
            return 0 if connection is None else int(connection.execute("PRAGMA data_version").fetchone()[0])

    def verify(self) -> Verification:
        """Walk the whole chain: altered, missing and cut rows are named, also a head that can't be read."""
        try:
            # The head first: rows recorded meanwhile are then beyond it, which is fine.
            head = read_head(self._head_path)
            with sqlite_errors(self.path):
                connection = self._connected()
                if connection is None:
                    return walk((), head)
                found = walk(map(Row._make, connection.execute(f"SELECT {_COLUMNS} FROM facts ORDER BY seq")), head)  # noqa: S608 (a constant)
                if found.ok and (damage := connection.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
                    return Verification(ok=False, rows=found.rows, problem=f"{self.path}: {damage.splitlines()[0]}")
                return found
        except LedgerBroken as broken:
            return Verification(ok=False, rows=0, problem=str(broken))

    def _ask(self, where: str, values: tuple[str | int, ...]) -> list[Fact]:
        with sqlite_errors(self.path):
            connection = self._connected()
            if connection is None:
                return []
            # S608: `where` is one of this module's own texts; what users give is bound.
            return [_fact(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM facts WHERE {where}", values)]  # noqa: S608

    def _connected(self) -> sqlite3.Connection | None:
        if self._reading is None and self.path.exists():
            self._reading = open_reading(self.path)
        return self._reading


class Ledger(LedgerReader):
    """Records facts, each under the lock and synced to disk before the call returns.

    clock : now, ns UTC
    timeout_s : how long to wait for the lock before LockHeld
    """

    def __init__(self, results_dir: Path, *, clock: Callable[[], int], timeout_s: float = 10.0) -> None:
        super().__init__(results_dir)
        self._clock = clock
        self._timeout_s = timeout_s

    @classmethod
    def reader(cls, results_dir: Path) -> LedgerReader:
        """Open for reading only; a missing ledger is an empty one."""
        return LedgerReader(results_dir)

    def append(self, kind: str, key: str, payload: Mapping[str, Any]) -> bool:
        """Record one fact; False when the same fact was there.

        Raises
        ------
        FactConflict
            When another payload is recorded for this kind and key (fields in PROVENANCE aside).
        """
        return self.append_many([(kind, key, payload)]) == 1

    def append_many(self, facts: Iterable[tuple[str, str, Mapping[str, Any]]]) -> int:
        """Record facts in one transaction, all or none; return how many were new.

        What is recorded already takes no lock, so a repeat works beside a writer and in a read-only folder.
        """
        offered = [(kind, key, canonical_json(payload)) for kind, key, payload in facts]
        with sqlite_errors(self.path):
            connection = self._connected()
            new = offered if connection is None else _not_recorded(connection, offered)
            if not new:
                return 0
            with fair_lock(self.path.with_name("ledger.lock"), f"{self.path}", timeout_s=self._timeout_s):
                return self._record(new)

    def _record(self, offered: list[tuple[str, str, str]]) -> int:
        head = read_head(self._head_path)
        with closing(open_writing(self.path)) as connection:
            last = _last(connection)
            _check_tail(connection, head, last)
            if head is None:
                # Before the first commit, so that from then on a missing head means that somebody took it.
                write_head(self._head_path, last)
            connection.execute("BEGIN IMMEDIATE")
            new = _not_recorded(connection, offered)
            now = self._clock()
            for kind, key, payload in new:
                seq = last.seq + 1
                row = (seq, now, kind, key, payload, last.hash, link(last.hash, seq, now, kind, key, payload))
                connection.execute(f"INSERT INTO facts ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608
                last = Head(seq=seq, hash=row[-1])
            connection.execute("COMMIT")
            # A reader is open before the writing connection closes: see the module's docstring.
            self._connected()
        if new:
            write_head(self._head_path, last)
        return len(new)


def _first(found: list[Fact]) -> Fact | None:
    return found[0] if found else None


def _fact(row: tuple[Any, ...]) -> Fact:
    seq, recorded_at, kind, key, payload, _, digest = row
    try:
        return Fact(seq=seq, recorded_at=recorded_at, kind=kind, key=key, payload=json.loads(payload), hash=digest)
    except ValueError as failure:
        raise LedgerBroken(
            f"ledger {Row._make(row)}: its payload is no JSON; run `tradeterm ledger verify`"
        ) from failure


def _last(connection: sqlite3.Connection) -> Head:
    row = connection.execute("SELECT seq, hash FROM facts ORDER BY seq DESC LIMIT 1").fetchone()
    return _EMPTY if row is None else Head(seq=row[0], hash=row[1])


def _check_tail(connection: sqlite3.Connection, head: Head | None, last: Head) -> None:
    """Refuse to write on a cut or altered tail: the next head would hide it."""
    if head is None or head.seq == 0:
        return
    row = connection.execute("SELECT hash FROM facts WHERE seq = ?", (head.seq,)).fetchone()
    if row is None or row[0] != head.hash:
        raise LedgerBroken(
            f"ledger: ledger.head stands at row {head.seq}, the last row is {last.seq}"
            f"{' and hashes differ' if row else ''}; run `tradeterm ledger verify`, then restore ledger.sqlite from a "
            "backup, or delete ledger.head to take the rows as they are"
        )


def _not_recorded(connection: sqlite3.Connection, offered: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Keep the facts that are new; one that contradicts a recorded or an earlier one is an error."""
    new: dict[tuple[str, str], str] = {}
    for kind, key, payload in offered:
        stored = new.get((kind, key))
        if stored is None:
            row = connection.execute("SELECT payload FROM facts WHERE kind = ? AND key = ?", (kind, key)).fetchone()
            if row is None:
                new[kind, key] = payload
                continue
            stored = row[0]
        if stored != payload:
            _compare(kind, key, stored, payload)
    return [(kind, key, payload) for (kind, key), payload in new.items()]


def _compare(kind: str, key: str, stored: str, offered: str) -> None:
    before, after = json.loads(stored), json.loads(offered)
    differ = sorted(
        name
        for name in (before.keys() | after.keys()) - PROVENANCE
        if name not in before or name not in after or before[name] != after[name]
    )
    if differ:
        raise FactConflict(kind, key, _shown(before, differ), _shown(after, differ))


def _shown(payload: dict[str, Any], names: list[str]) -> str:
    text = canonical_json({name: payload[name] for name in names if name in payload})
    return text if len(text) <= 160 else f"{text[:157]}..."
