"""The kill latch: one file whose existence means no new orders and cancel what is working.

Standard library only: the kill key, ``tradeterm kill``, the guard and every order check read or write it here,
and it has to work when configuration, packages and stores don't. A plain ``touch results/KILL`` latches too.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KILL_NAME", "KillRecord", "clear", "find_root", "latched", "read", "trip"]

KILL_NAME = "KILL"


class KillRecord(NamedTuple):
    """Who latched, when and why.

    at : ISO-8601 instant in UTC
    by : ``operator:cli``, ``operator:key``, ``guard``, or ``touch`` for a file that no program of ours wrote
    flatten : whether positions were asked to be closed as well
    """

    at: str
    by: str
    reason: str = ""
    flatten: bool = False


def find_root(explicit: str | None, environ: Mapping[str, str], start: str) -> str | None:
    """Return the workspace folder: named, else ``TRADETERM_WORKSPACE``, else the nearest with ``configs/`` upward."""
    named = explicit or environ.get("TRADETERM_WORKSPACE")
    if named:
        folder = os.path.abspath(os.path.expanduser(named))
        return folder if os.path.isdir(folder) else None
    folder = os.path.abspath(start)
    while not os.path.isdir(os.path.join(folder, "configs")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder


def latched(results_dir: str | os.PathLike[str]) -> bool:
    """Whether the latch stands; whatever lies there under its name counts."""
    return os.path.lexists(os.path.join(results_dir, KILL_NAME))


def trip(results_dir: str | os.PathLike[str], by: str, reason: str = "", *, flatten: bool = False) -> KillRecord:
    """Latch, and return the record that stands: the first one wins, a later ``flatten`` is added to it."""
    os.makedirs(results_dir, exist_ok=True)
    path = os.path.join(results_dir, KILL_NAME)
    record = KillRecord(_instant(time.time_ns()), by, reason, flatten)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        if flatten:
            _append(path, record)
        return read(results_dir) or record
    _write(descriptor, record)
    _sync_folder(results_dir)
    return record


def read(results_dir: str | os.PathLike[str]) -> KillRecord | None:
    """Return the standing record, None when nothing is latched; a file without one was touched by hand."""
    path = os.path.join(results_dir, KILL_NAME)
    try:
        touched = os.lstat(path).st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return None
    records = _records(path)
    first = records[0] if records else KillRecord(_instant(touched), "touch")
    return first._replace(flatten=any(record.flatten for record in records))


def clear(results_dir: str | os.PathLike[str]) -> None:
    """Remove the latch; the caller has recorded why."""
    try:
        os.unlink(os.path.join(results_dir, KILL_NAME))
    except FileNotFoundError:
        return
    _sync_folder(results_dir)


def _instant(ns: int) -> str:
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 1000:06d}Z"


def _append(path: str, record: KillRecord) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    except OSError as problem:
        # A latch that can't be opened (a folder, another owner's file) stands all the same; only the wish is lost.
        raise OSError(
            problem.errno, f"latched already, but flatten can't be recorded: {problem.strerror}", path
        ) from None
    _write(descriptor, record, lead=b"\n")


def _write(descriptor: int, record: KillRecord, lead: bytes = b"") -> None:
    try:
        os.write(descriptor, lead + json.dumps(record._asdict()).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: str | os.PathLike[str]) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _records(path: str) -> list[KillRecord]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read(65_536).splitlines()
    except OSError:
        return []
    return [record for record in map(_parse, lines) if record is not None]


def _parse(line: str) -> KillRecord | None:
    try:
        found = json.loads(line)
        return KillRecord(str(found["at"]), str(found["by"]), str(found["reason"]), found.get("flatten") is True)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
