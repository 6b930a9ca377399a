"""Results of runs: ``results/runs/<run_id>/``, written once and never changed.

A run id is the hash of everything that decides the result, so writing an id again is a check: the same bytes, or an
error that names the file.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING, Any, Literal

from tradeterm.core.errors import RunMismatch, RunNotFound, StoreError, StoreUnwritable
from tradeterm.core.ids import canonical_json
from tradeterm.store.atomic import alive, sync_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa

__all__ = ["RunStore"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TEMPORARY = re.compile(r"\.tmp-.+-(\d+)")


class RunStore:
    """The runs of one ``results/`` folder; needs no locks."""

    def __init__(self, results_dir: Path) -> None:
        self.runs_dir = results_dir / "runs"

    def path(self, run_id: str) -> Path:
        """Folder of a run.

        Raises
        ------
        RunNotFound
            When ``run_id`` is no id at all (``../x``).
        """
        if not _ID.fullmatch(run_id):
            raise RunNotFound(run_id, self.runs_dir, ())
        return self.runs_dir / run_id

    def ids(self) -> list[str]:
        """Return the ids of all stored runs, sorted."""
        if not self.runs_dir.is_dir():
            return []
        return sorted(path.name for path in self.runs_dir.iterdir() if _ID.fullmatch(path.name) and path.is_dir())

    def write(
        self, run_id: str, tables: Mapping[str, pa.Table], documents: Mapping[str, Mapping[str, Any]]
    ) -> Literal["written", "verified"]:
        """Store tables as ``<name>.parquet`` and documents as ``<name>.json``, all of them or nothing.

        Raises
        ------
        RunMismatch
            When the id is stored with other bytes; what is stored is kept.
        StoreUnwritable
            When the disk is full or the folder can't be written.
        """
        final = self.path(run_id)
        temporary = self.runs_dir / f".tmp-{run_id}-{os.getpid()}"
        try:
            self.runs_dir.mkdir(parents=True, exist_ok=True)
            self._clear_remains(temporary)
            temporary.mkdir()
            _fill(temporary, tables, documents)
            if final.exists():
                return _verified(run_id, final, temporary)
            return self._move(run_id, temporary, final)
        except OSError as failure:
            raise StoreUnwritable(final, failure.strerror or str(failure)) from failure
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def document(self, run_id: str, name: str) -> dict[str, Any]:
        """Return a JSON document of a run.

        Raises
        ------
        RunNotFound
            When no such run is stored.
        StoreError
            When its file is missing or damaged.
        """
        path = self._file(run_id, f"{name}.json")
        try:
            found = json.loads(path.read_bytes())
        except (OSError, ValueError) as failure:
            raise _damaged(path, failure) from failure
        if not isinstance(found, dict):
            raise _damaged(path, TypeError("it holds no object"))
        return found

    def table(self, run_id: str, name: str) -> pa.Table:
        """Return a table of a run; raises as :meth:`document` does."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._file(run_id, f"{name}.parquet")
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                return file.read()
        except (pa.ArrowException, OSError) as failure:
            raise _damaged(path, failure) from failure

    def _file(self, run_id: str, name: str) -> Path:
        folder = self.path(run_id)
        if not folder.is_dir():
            raise RunNotFound(run_id, self.runs_dir, self.ids())
        return folder / name

    def _move(self, run_id: str, temporary: Path, final: Path) -> Literal["written", "verified"]:
        try:
            temporary.rename(final)
        except OSError:
            # Another process stored the same run since we looked: then this is a check.
            if not final.is_dir():
                raise
            return _verified(run_id, final, temporary)
        sync_folder(self.runs_dir)
        return "written"

    def _clear_remains(self, own: Path) -> None:
        for path in self.runs_dir.glob(".tmp-*"):
            owner = _TEMPORARY.fullmatch(path.name)
            if path == own or (owner and not alive(int(owner[1]))):
                shutil.rmtree(path, ignore_errors=True)


def _fill(folder: Path, tables: Mapping[str, pa.Table], documents: Mapping[str, Mapping[str, Any]]) -> None:
    import pyarrow.parquet as pq

    for name, table in tables.items():
        # Metadata that pandas or a caller leaves in a schema is no result.
        plain = table.replace_schema_metadata(None).combine_chunks()
        pq.write_table(
            plain, folder / f"{name}.parquet", compression="zstd", compression_level=3, write_page_checksum=True
        )
    for name, document in documents.items():
        text = json.dumps(json.loads(canonical_json(document)), indent=2, sort_keys=True, ensure_ascii=False)
        (folder / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
    for path in folder.iterdir():
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    sync_folder(folder)


def _verified(run_id: str, final: Path, temporary: Path) -> Literal["verified"]:
    stored, made = ({path.name: path for path in folder.iterdir()} for folder in (final, temporary))
    for name in sorted(stored.keys() | made.keys()):
        if name not in stored or name not in made or stored[name].read_bytes() != made[name].read_bytes():
            raise RunMismatch(run_id, name)
    return "verified"


def _damaged(path: Path, failure: Exception) -> StoreError:
    reason = "it is missing" if isinstance(failure, FileNotFoundError) else str(failure).splitlines()[0].rstrip(".")
    return StoreError(f"{path}: can't be read ({reason}); move the run's folder away and run it again")
