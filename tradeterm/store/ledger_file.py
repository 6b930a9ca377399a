"""Connections to the ledger's SQLite file: its schema with the guards, and SQLite's errors in our words."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from tradeterm.core.errors import LedgerBroken, LockHeld, StoreError, StoreUnwritable
from tradeterm.store.chain import GENESIS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["open_reading", "open_writing", "sqlite_errors"]

_SCHEMA = 1
_GUARDS = 3
# INSERT OR REPLACE deletes without firing delete triggers, and UPSERT updates what is there: so an INSERT is refused
# before either can happen. Foreign clients meet the same triggers.
_CREATE = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS facts (
    seq INTEGER PRIMARY KEY, recorded_at INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
    payload TEXT NOT NULL, prev_hash TEXT NOT NULL, hash TEXT NOT NULL, UNIQUE (kind, key)
) STRICT;
CREATE INDEX IF NOT EXISTS facts_by_kind ON facts (kind, seq);
CREATE TRIGGER IF NOT EXISTS facts_insert BEFORE INSERT ON facts BEGIN
    SELECT RAISE(ABORT, 'facts are append-only: this kind and key is recorded')
        WHERE EXISTS (SELECT 1 FROM facts WHERE kind = NEW.kind AND key = NEW.key);
    SELECT RAISE(ABORT, 'facts are append-only: seq must be the next one')
        WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM facts);
    SELECT RAISE(ABORT, 'facts are append-only: prev_hash must be the last hash')
        WHERE NEW.prev_hash IS NOT coalesce((SELECT hash FROM facts WHERE seq = NEW.seq - 1), '{GENESIS}');
END;
CREATE TRIGGER IF NOT EXISTS facts_update BEFORE UPDATE ON facts BEGIN
    SELECT RAISE(ABORT, 'facts are append-only: no update');
END;
CREATE TRIGGER IF NOT EXISTS facts_delete BEFORE DELETE ON facts BEGIN
    SELECT RAISE(ABORT, 'facts are append-only: no delete');
END;
PRAGMA user_version = {_SCHEMA};
COMMIT;
"""  # noqa: S608 (both values are constants of this program)
# A writer holds SQLite's own lock for a commit only; a foreign client may hold it for longer.
_BUSY_S = 2.0


def open_reading(path: Path) -> sqlite3.Connection | None:
    """Open read-only; None while there is no ledger in the file yet.

    The connection may move between threads, one at a time.
    """
    address = f"file:{quote(str(path))}?mode=ro"
    connection = _connect(address)
    try:
        try:
            version = _version(connection, path)
        except sqlite3.OperationalError:
            # A folder in which we may not write, and no WAL, which SQLite would have to make: the file holds it all.
            if path.with_name(path.name + "-wal").exists():
                raise
            connection.close()
            connection = _connect(address + "&immutable=1")
            version = _version(connection, path)
    except (sqlite3.Error, StoreError):
        connection.close()
        raise
    if version == 0:
        connection.close()
        return None
    return connection


def open_writing(path: Path) -> sqlite3.Connection:
    """Open for writing, making the file or its guards where they are missing; the caller holds the ledger's lock."""
    connection = _connect(f"file:{quote(str(path))}?mode=rwc")
    try:
        version = _version(connection, path)
        connection.execute("PRAGMA synchronous=FULL")
        if version == 0:
            connection.execute("PRAGMA journal_mode=WAL")
        guards = connection.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'").fetchone()[0]
        if version == 0 or guards < _GUARDS:
            connection.executescript(_CREATE)
    except (sqlite3.Error, StoreError):
        connection.close()
        raise
    return connection


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into one line of our own."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.Error as failure:
        raise _translated(path, failure) from failure


def _translated(path: Path, failure: sqlite3.Error) -> StoreError:
    # The low byte is the primary code. Python's own errors (text that is no UTF-8) have none.
    code = getattr(failure, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LockHeld(str(path), "another process")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY):
        return StoreUnwritable(path, str(failure))
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StoreError(f"{path}: can't be opened ({failure}); check that file and folder can be read and written")
    return LedgerBroken(f"{path}: is damaged ({failure}); move it and ledger.head away, or restore both from a backup")


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, isolation_level=None, timeout=_BUSY_S, check_same_thread=False)


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > _SCHEMA:
        raise StoreError(
            f"{path}: was written by a newer tradeterm (schema {version}, this one knows {_SCHEMA}); update tradeterm"
        )
    return version
