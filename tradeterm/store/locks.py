"""Locks between processes, by ``flock``: the kernel lets go when the holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tradeterm.core.errors import LockHeld, StoreUnwritable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["fair_lock", "file_lock"]

# A constant interval: one that grew would let newcomers overtake those who have waited longest.
_POLL_S = 0.001


@contextmanager
def file_lock(path: Path, what: str, *, timeout_s: float) -> Iterator[None]:
    """Hold ``path`` exclusively; the file stays behind and holds the last holder's process id.

    what : named in the message, as in "data/crypto/BTC-USDT_h4.parquet"
    timeout_s : how long to wait; 0 tries once

    Raises
    ------
    LockHeld
        When another process (or another thread) still holds it after ``timeout_s``.
    StoreUnwritable
        When the lock file can't be made.
    """
    handle = _open(path)
    try:
        _acquire(handle, time.monotonic() + timeout_s, what, path)
        _sign(handle)
        try:
            yield
        finally:
            # Explicit: a child forked meanwhile holds a copy of the handle, and closing ours would not release it.
            fcntl.flock(handle, fcntl.LOCK_UN)
    finally:
        os.close(handle)


@contextmanager
def fair_lock(path: Path, what: str, *, timeout_s: float) -> Iterator[None]:
    """Hold ``path`` exclusively; a process that just let go can't take it again before one that waits.

    Whoever wants the lock first takes the turnstile (``path`` + ``.turn``), holds it while waiting for the lock, and
    opens it again on entering: so at most one waits at the lock itself, and the last holder has to queue behind it.
    Raises as :func:`file_lock` does.
    """
    deadline = time.monotonic() + timeout_s
    turnstile, handle = _open(path.with_name(path.name + ".turn")), -1
    try:
        handle = _open(path)
        _acquire(turnstile, deadline, what, path)
        try:
            _acquire(handle, deadline, what, path)
        finally:
            fcntl.flock(turnstile, fcntl.LOCK_UN)
        _sign(handle)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)
    finally:
        os.close(turnstile)
        if handle >= 0:
            os.close(handle)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as failure:
        raise StoreUnwritable(path, failure.strerror or str(failure)) from failure


def _acquire(handle: int, deadline: float, what: str, signed: Path) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LockHeld(what, _holder(signed)) from None
            time.sleep(_POLL_S)
        else:
            return


def _sign(handle: int) -> None:
    # Only for the message of those who wait, so a full disk must not stop the holder.
    with suppress(OSError):
        os.pwrite(handle, f"{os.getpid():<20}\n".encode(), 0)


def _holder(path: Path) -> str:
    try:
        pid = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        pid = ""
    return f"process {pid}" if pid.isdigit() else "another process"
