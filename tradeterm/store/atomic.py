"""Files are replaced whole or not at all: temporary file beside the target, fsync, rename, fsync of the folder."""

from __future__ import annotations

import itertools
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tradeterm.core.errors import StoreUnwritable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["alive", "replace_file", "sync_folder", "write_bytes_atomic"]

_SERIAL = itertools.count()


def alive(pid: int) -> bool:
    """Whether a process of that id runs (also one that this user may not signal)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def sync_folder(folder: Path) -> None:
    """Make renames inside ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def replace_file(path: Path, *, durable: bool = True, locked: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the same folder and move it onto ``path`` when the block succeeds.

    durable : sync file and folder; False for caches, which may be lost but never torn
    locked : the caller holds the lock of ``path``, so one fixed temporary name serves and a dead writer's
        remains are overwritten instead of piling up

    Raises
    ------
    StoreUnwritable
        When the disk is full, or the folder can't be written; ``path`` is as it was.
    """
    mark = "tmp" if locked else f"{os.getpid()}-{next(_SERIAL)}.tmp"
    temporary = path.with_name(f".{path.name}.{mark}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if durable:
            _sync_file(temporary)
        os.replace(temporary, path)
        if durable:
            sync_folder(path.parent)
    except OSError as failure:
        raise StoreUnwritable(path, failure.strerror or str(failure)) from failure
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_bytes_atomic(path: Path, data: bytes, *, durable: bool = True, locked: bool = False) -> None:
    """Replace ``path`` by ``data``; see :func:`replace_file` for ``durable``, ``locked`` and what is raised."""
    with replace_file(path, durable=durable, locked=locked) as temporary:
        temporary.write_bytes(data)


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
