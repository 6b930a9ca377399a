"""Log files of one process: a stream each, rotated by size, never shared with another process."""

from __future__ import annotations

import fcntl
import os
from typing import IO, TYPE_CHECKING

from tradeterm.core.errors import StoreUnwritable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LogFolder", "RotatingFile"]

_MOST_PROCESSES = 100


class RotatingFile:
    """Append-only text file; at ``limit_bytes`` it becomes ``NAME.1.jsonl`` and so on, ``keep`` of them."""

    def __init__(self, path: Path, *, limit_bytes: int, keep: int) -> None:
        self._path, self._limit, self._keep = path, limit_bytes, keep
        self._file: IO[str] = self._open()

    def write(self, line: str) -> None:
        """Append one line; it is with the operating system when this returns."""
        if self._size and self._size + len(line) > self._limit:
            self._rotate()
        self._file.write(line)
        self._size += len(line.encode())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _open(self) -> IO[str]:
        file = self._path.open("a", buffering=1, encoding="utf-8")
        self._size = os.fstat(file.fileno()).st_size
        return file

    def _rotate(self) -> None:
        self._file.close()
        for number in range(self._keep, 0, -1):
            older = self._numbered(number)
            if number == self._keep:
                older.unlink(missing_ok=True)
            elif older.exists():
                older.rename(self._numbered(number + 1))
        self._path.rename(self._numbered(1))
        self._file = self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.stem}.{number}{self._path.suffix}")


class LogFolder:
    """Claims a process name in a folder and opens its streams on their first line.

    The claim is a lock that the kernel drops with the process, so the next ``daily`` goes on in the same files, and a
    second one at the same time gets ``daily-2``: the folder stays tidy without any file being shared.
    """

    def __init__(self, folder: Path, proc: str, *, limit_bytes: int, keep: int) -> None:
        self._folder, self._limit, self._keep = folder, limit_bytes, keep
        self._files: dict[str, RotatingFile] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.proc, self._claim = _claim(folder, proc)
        except OSError as error:
            raise StoreUnwritable(folder, error.strerror or str(error)) from error

    def write(self, stream: str, line: str) -> None:
        """Append one line to a stream."""
        file = self._files.get(stream)
        if file is None:
            path = self._folder / f"{stream}.{self.proc}.jsonl"
            try:
                file = self._files[stream] = RotatingFile(path, limit_bytes=self._limit, keep=self._keep)
            except OSError as error:
                raise StoreUnwritable(path, error.strerror or str(error)) from error
        file.write(line)

    def close(self) -> None:
        """Close every stream and give the name back."""
        for file in self._files.values():
            file.close()
        self._files.clear()
        if self._claim is not None:
            os.close(self._claim)
            self._claim = None


def _claim(folder: Path, proc: str) -> tuple[str, int | None]:
    for number in range(1, _MOST_PROCESSES):
        name = proc if number == 1 else f"{proc}-{number}"
        descriptor = os.open(folder / f".{name}.lock", os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return name, descriptor
    return f"{proc}-{os.getpid()}", None
