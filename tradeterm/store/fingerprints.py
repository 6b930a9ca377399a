"""Content hashes of the bar files, by file: a cache in ``data/.index.json`` that may be lost at any time."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tradeterm.core.errors import StoreUnwritable
from tradeterm.store.atomic import write_bytes_atomic

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FingerprintIndex"]


class FingerprintIndex:
    """Fingerprints by relative path, each good while size, mtime and inode of its file stay as they were.

    Processes replace the file under each other; what one of them loses is only computed again.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._path = data_dir / ".index.json"
        self._lock = threading.Lock()
        self._known: dict[str, list[Any]] | None = None

    def get(self, relative_path: str, stamp: list[int] | None) -> str | None:
        """Return the fingerprint that was put for this file when it had this stamp."""
        with self._lock:
            if self._known is None:
                self._known = self._load()
            match self._known.get(relative_path):
                case [*known, str(fingerprint)] if known == stamp:
                    return fingerprint
        return None

    def put(self, relative_path: str, stamp: list[int] | None, fingerprint: str) -> None:
        """Remember the fingerprint; where the folder can't be written, for the life of this object only."""
        if stamp is None:
            return
        with self._lock:
            # Read again, so that what other processes put meanwhile is kept.
            self._known = (self._known or {}) | self._load()
            self._known[relative_path] = [*stamp, fingerprint]
            with suppress(StoreUnwritable):
                text = json.dumps(self._known, separators=(",", ":"), sort_keys=True)
                write_bytes_atomic(self._path, text.encode(), durable=False)

    def stamp(self, relative_path: str) -> list[int] | None:
        """Size, mtime in ns and inode of the file; None where there is none."""
        try:
            status = (self._data_dir / relative_path).stat()
        except OSError:
            return None
        return [status.st_size, status.st_mtime_ns, status.st_ino]

    def _load(self) -> dict[str, list[Any]]:
        try:
            found = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
