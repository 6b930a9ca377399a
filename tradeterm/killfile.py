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

__all__ = ["KILL_NAME", "KillRecord", "clear", "find_root", "latched", "read", "read_all", "standing", "trip"]

KILL_NAME = "KILL"
# A key that is held down must not fill the disk; the latch stands whatever is written in it.
_LARGE = 32_768


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
    """Latch, and return the record that stands: the first one wins, a later one is added behind it.

    A later one is written down too, so that whoever clears the latch sees that somebody wanted it meanwhile.
    """
    os.makedirs(results_dir, exist_ok=True)
    path = os.path.join(results_dir, KILL_NAME)
    record = KillRecord(_instant(time.time_ns()), by, reason, flatten)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        _add(path, record)
        return read(results_dir) or trip(results_dir, by, reason, flatten=flatten)
    _write(descriptor, record)
    _sync_folder(results_dir)
    return record


def read(results_dir: str | os.PathLike[str]) -> KillRecord | None:
    """Return the standing record, None when nothing is latched; a file without one was touched by hand."""
    records = read_all(results_dir)
    return records[0]._replace(flatten=any(record.flatten for record in records)) if records else None


def read_all(results_dir: str | os.PathLike[str]) -> list[KillRecord]:
    """Return every record of the latch, the first one first; empty when nothing is latched."""
    path = os.path.join(results_dir, KILL_NAME)
    try:
        touched = _instant(os.lstat(path).st_mtime_ns)
    except (FileNotFoundError, NotADirectoryError):
        return []
    lines = [_parse(line) for line in _lines(path)] or [None]
    records = [record for record in lines if record is not None]
    if lines[0] is None:
        # Something else was there before a program of ours wrote behind it.
        records.insert(0, KillRecord(min([touched, *(record.at for record in records)]), "touch"))
    return records


def clear(results_dir: str | os.PathLike[str], *, seen: int | None = None) -> bool:
    """Remove the latch, and return whether it is gone; the caller has recorded why.

    seen : :func:`standing` of what was recorded; when more was written since, the latch stays.
    """
    path = os.path.join(results_dir, KILL_NAME)
    aside = f"{path}.clearing"
    if seen is not None and _size(path) > seen:
        return False
    try:
        # Renamed first: a kill that comes from now on makes a latch of its own.
        os.rename(path, aside)
    except FileNotFoundError:
        return True
    if seen is not None and _size(aside) != seen:
        os.rename(aside, path)
        return False
    os.unlink(aside)
    _sync_folder(results_dir)
    return not latched(results_dir)


def standing(results_dir: str | os.PathLike[str]) -> int:
    """Size of what the latch holds, which grows with every press; 0 for an empty or absent one."""
    return _size(os.path.join(results_dir, KILL_NAME))


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except FileNotFoundError:
        return 0


def _instant(ns: int) -> str:
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 1000:06d}Z"


def _add(path: str, record: KillRecord) -> None:
    if _size(path) > _LARGE and not record.flatten:
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    except FileNotFoundError:
        return
    except OSError as problem:
        if not record.flatten:
            return
        # A latch that can't be opened (a folder, another owner's file) stands all the same; only the wish is lost.
        raise OSError(
            problem.errno, f"latched already, but flatten can't be recorded: {problem.strerror}", path
        ) from None
    _write(descriptor, record, lead=b"" if _ends_line(path) else b"\n")


def _ends_line(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read()[-1:] == b"\n"


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


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(65_536).splitlines()
    except OSError:
        return []


def _parse(line: str) -> KillRecord | None:
    try:
        found = json.loads(line)
        return KillRecord(str(found["at"]), str(found["by"]), str(found["reason"]), found.get("flatten") is True)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
