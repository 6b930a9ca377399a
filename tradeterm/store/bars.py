"""Bars in Parquet files below ``data/``, one per instrument and timeframe, replaced whole."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tradeterm.core.errors import BarsUnreadable, MissingBars
from tradeterm.core.market import AssetClass, BarKey, Bars, Timeframe
from tradeterm.store.atomic import replace_file
from tradeterm.store.bar_table import METADATA_KEY, BarMeta, content_hash, from_table, meta_of, to_table
from tradeterm.store.fingerprints import FingerprintIndex
from tradeterm.store.locks import file_lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow.parquet as pq

__all__ = ["BarMeta", "BarStore"]

_LOCK_TIMEOUT_S = 30.0


class BarStore:
    """The bar files of one ``data/`` folder; one object may serve several threads."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._index = FingerprintIndex(data_dir)
        self._held: dict[BarKey, int] = {}

    def path(self, key: BarKey) -> Path:
        """Where the bars of ``key`` are, or would be."""
        return self.data_dir / key.relative_path

    def exists(self, key: BarKey) -> bool:
        """Whether bars of ``key`` are stored."""
        return self.path(key).is_file()

    def stamp(self, key: BarKey) -> list[int] | None:
        """Size, mtime in ns and inode of the file of ``key``, which change when it is replaced; None without one."""
        return self._index.stamp(key.relative_path)

    def keys(self) -> list[BarKey]:
        """All stored keys, sorted; a file that can't be read is listed under the symbol that its name says."""
        found = [
            self._key(asset_class, path)
            for asset_class in AssetClass
            for path in (self.data_dir / asset_class.folder).glob("*.parquet")
        ]
        return sorted(key for key in found if key is not None)

    def read(self, key: BarKey) -> Bars:
        """Return the stored bars.

        Raises
        ------
        MissingBars
            When nothing is stored for ``key``.
        BarsUnreadable
            When the file is cut, altered, not Parquet or holds other columns.
        """
        with self._opened(key) as file:
            return self._bars(key, file)

    def meta(self, key: BarKey) -> BarMeta:
        """Return what the file's footer says; the bars themselves are not read. Raises as :meth:`read` does."""
        with self._opened(key) as file:
            return self._meta(key, file)

    def read_whole(self, key: BarKey) -> tuple[Bars, BarMeta]:
        """Return both; the file is opened once, so that they belong together. Raises as :meth:`read` does."""
        with self._opened(key) as file:
            return self._bars(key, file), self._meta(key, file)

    def _bars(self, key: BarKey, file: pq.ParquetFile) -> Bars:
        import pyarrow as pa

        table = file.read(use_threads=False)
        try:
            return from_table(table)
        except (pa.ArrowException, KeyError, ValueError) as failure:
            raise BarsUnreadable(self.path(key), f"holds no bars ({_line(failure)})") from failure

    def _meta(self, key: BarKey, file: pq.ParquetFile) -> BarMeta:
        try:
            return meta_of(file.metadata)
        except (KeyError, TypeError, ValueError) as failure:
            raise BarsUnreadable(
                self.path(key), f"was not written by tradeterm (no usable '{METADATA_KEY.decode()}' metadata)"
            ) from failure

    def write(self, key: BarKey, bars: Bars, meta: BarMeta) -> None:
        """Replace the stored bars; the same bars and meta give the same bytes.

        Raises
        ------
        StoreUnwritable
            When the disk is full or the folder can't be written; what was stored is as it was.
        LockHeld
            When another process writes this file for longer than 30 s.
        """
        import pyarrow.parquet as pq

        table = to_table(bars, meta)
        with self.locked(key):
            with replace_file(self.path(key), locked=True) as temporary:
                pq.write_table(table, temporary, compression="zstd", compression_level=3, write_page_checksum=True)
            self._index.put(key.relative_path, self._index.stamp(key.relative_path), content_hash(bars))

    @contextmanager
    def locked(self, key: BarKey) -> Iterator[None]:
        """Keep other writers of this file out, also in other processes, from reading it to writing it.

        Within the block :meth:`write` on the same thread takes no second lock.
        """
        if self._held.get(key) == threading.get_ident():
            yield
            return
        lock = self.data_dir / ".locks" / f"{key.relative_path.replace('/', '_')}.lock"
        with file_lock(lock, str(self.path(key)), timeout_s=_LOCK_TIMEOUT_S):
            self._held[key] = threading.get_ident()
            try:
                yield
            finally:
                del self._held[key]

    def fingerprint(self, key: BarKey) -> str:
        """Return a hash of the bars, whatever the bytes of their file; raises as :meth:`read` does.

        It is remembered by size, mtime and inode of the file, so that an unchanged file is not read again.
        """
        # Before reading: a file that is replaced meanwhile has another stamp, and what is put here is never used.
        stamp = self._index.stamp(key.relative_path)
        known = self._index.get(key.relative_path, stamp)
        if known is None:
            known = content_hash(self.read(key))
            self._index.put(key.relative_path, stamp, known)
        return known

    def _key(self, asset_class: AssetClass, path: Path) -> BarKey | None:
        stem, _, timeframe = path.stem.rpartition("_")
        if timeframe not in list(Timeframe) or not stem or stem.startswith("."):
            return None
        by_name = BarKey(asset_class, stem, Timeframe(timeframe))
        try:
            symbol = self.meta(by_name).symbol
        except (BarsUnreadable, MissingBars):
            return by_name
        key = BarKey(asset_class, symbol, Timeframe(timeframe))
        # A file that was copied to another name says a symbol that leads elsewhere.
        return key if key.relative_path == by_name.relative_path else by_name

    @contextmanager
    def _opened(self, key: BarKey) -> Iterator[pq.ParquetFile]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.path(key)
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                yield file
        except FileNotFoundError:
            raise MissingBars(str(key)) from None
        except (pa.ArrowException, OSError) as failure:
            raise BarsUnreadable(path, f"can't be read as Parquet ({_line(failure)})") from failure


def _line(failure: Exception) -> str:
    return (str(failure) or type(failure).__name__).splitlines()[0].rstrip(".")
