"""Named arrays in one memory-mapped file: a cache that may be lost at any time and is never read half.

A file is written under a temporary name and renamed when it is whole. It is not synced to the disk, which for
gigabytes would take seconds: after a power failure its blocks could be empty, so a file counts only within the boot
that wrote it. Where the system does not name its boots, files are synced instead.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tradeterm.core.errors import StoreUnwritable
from tradeterm.store.atomic import alive

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ArrayFile", "ArraySpec", "new_arrays", "read_arrays", "save_arrays"]

_MAGIC = b"TTARRAY1"
_PAGE = 4096
_TAIL = 16
_PART = 1 << 28
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class ArraySpec(NamedTuple):
    """Type and shape of one array."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return int(np.dtype(self.dtype).itemsize * int(np.prod(self.shape, dtype=np.int64)))


class ArrayFile(NamedTuple):
    """Arrays of a file by name, and what was told with them. Writing into the arrays changes no file."""

    arrays: dict[str, Any]
    head: dict[str, Any]


def new_arrays(specs: Mapping[str, ArraySpec]) -> dict[str, Any]:
    """Return arrays in memory; their content is not set."""
    return {name: np.empty(spec.shape, dtype=spec.dtype) for name, spec in specs.items()}


def save_arrays(
    path: Path,
    arrays: Mapping[str, Any],
    head: Mapping[str, Any],
    *,
    keep_bytes: int,
    instead: Mapping[str, tuple[int, Any]] | None = None,
) -> None:
    """Keep arrays and what is told with them as ``path``.

    keep_bytes : afterwards the files of the folder that were used longest ago go until no more than this is left;
        the new one stays
    instead : by array a row and its values, written in the place of what stands there now

    Raises
    ------
    StoreUnwritable
        When there is no room for it, or the folder can't be written; nothing is changed then.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    specs = {name: ArraySpec(values.dtype.str, values.shape) for name, values in arrays.items()}
    offsets, total = _offsets(specs)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _drop_remains(path.parent)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            for name, values in arrays.items():
                _write_at(handle, offsets[name], values)
                if instead is not None and name in instead:
                    row, replaced = instead[name]
                    _write_at(handle, offsets[name] + row * values.strides[0], replaced)
            _finish(handle, total, specs, head)
            os.replace(temporary, path)
        finally:
            os.close(handle)
    except OSError as failure:
        raise StoreUnwritable(path, failure.strerror or str(failure)) from failure
    finally:
        with suppress(OSError):
            temporary.unlink()
    _evict(path, keep_bytes)


def read_arrays(path: Path) -> ArrayFile | None:
    """Map a file; None where there is none that can be trusted. Pages are read when they are first looked at."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        told = _told(handle)
        if told is None or told["boot"] != _boot():
            return None
        specs = {name: ArraySpec(dtype, tuple(shape)) for name, (dtype, shape) in told["arrays"].items()}
        offsets, _ = _offsets(specs)
        # Private: who writes into an array, as the market does for its last row, changes its own copy of that page.
        mapped = mmap.mmap(handle, 0, access=mmap.ACCESS_COPY)
        with suppress(OSError):
            os.utime(path)
        return ArrayFile(_views(mapped, specs, offsets), told["head"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    finally:
        os.close(handle)


def _offsets(specs: Mapping[str, ArraySpec]) -> tuple[dict[str, int], int]:
    offsets, total = {}, 0
    for name, spec in specs.items():
        offsets[name] = total
        total += -(-spec.size // _PAGE) * _PAGE
    return offsets, total


def _views(mapped: mmap.mmap, specs: Mapping[str, ArraySpec], offsets: Mapping[str, int]) -> dict[str, Any]:
    found = {}
    for name, spec in specs.items():
        count = int(np.prod(spec.shape, dtype=np.int64))
        flat = np.frombuffer(mapped, dtype=spec.dtype, count=count, offset=offsets[name] if count else 0)
        found[name] = flat.reshape(spec.shape)
    return found


def _write_at(handle: int, offset: int, values: Any) -> None:
    # In parts: one write takes 2 GiB at the most.
    content = np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
    for start in range(0, len(content), _PART):
        part = content[start : start + _PART]
        if os.pwrite(handle, part, offset + start) < len(part):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _finish(handle: int, total: int, specs: Mapping[str, ArraySpec], head: Mapping[str, Any]) -> None:
    boot = _boot()
    told = {"boot": boot, "arrays": {name: [spec.dtype, list(spec.shape)] for name, spec in specs.items()}}
    text = json.dumps(told | {"head": head}, separators=(",", ":")).encode()
    os.pwrite(handle, text + len(text).to_bytes(8, "little") + _MAGIC, total)
    if boot is None:
        os.fsync(handle)


def _told(handle: int) -> dict[str, Any] | None:
    size = os.fstat(handle).st_size
    tail = os.pread(handle, _TAIL, max(0, size - _TAIL))
    if len(tail) < _TAIL or tail[8:] != _MAGIC:
        return None
    length = int.from_bytes(tail[:8], "little")
    told: dict[str, Any] = json.loads(os.pread(handle, length, size - _TAIL - length))
    return told


def _boot() -> str | None:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return None


def _drop_remains(folder: Path) -> None:
    """Remove what dead processes left half written."""
    for path in folder.glob(".*.tmp"):
        pid = path.suffixes[-2].removeprefix(".") if len(path.suffixes) > 1 else ""
        if pid.isdigit() and int(pid) != os.getpid() and not alive(int(pid)):
            with suppress(OSError):
                path.unlink()


def _evict(kept: Path, keep_bytes: int) -> None:
    files = []
    for path in kept.parent.glob(f"*{kept.suffix}"):
        with suppress(OSError):
            status = path.stat()
            files.append((path != kept, -status.st_mtime_ns, status.st_size, path))
    total = 0
    for other, _, size, path in sorted(files):
        total += size
        if other and total > keep_bytes:
            with suppress(OSError):
                path.unlink()
