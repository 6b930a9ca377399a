"""Models: ``results/models/<model_hash>/`` with ``manifest.json`` and ``bundle.joblib``, written once.

The hash is of content, so that a model that is there already is the same model: it is left alone. A bundle is loaded
only when its bytes are those that its manifest names.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.errors import BundleRefused, ModelNotFound, StoreUnwritable
from tradeterm.core.ids import canonical_json
from tradeterm.store.atomic import alive, sync_folder, write_bytes_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tradeterm.core.types import FloatArray

    Arrays = Mapping[str, FloatArray]

__all__ = ["ModelStore", "arrays_digest"]

_HASH = re.compile(r"[0-9a-f]{8,64}")
_TEMPORARY = re.compile(r"\.tmp-.+-(\d+)")


def arrays_digest(arrays: Arrays) -> str:
    """SHA-256 of names, shapes and bits of fitted arrays, whatever file they lie in."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name], dtype=np.float64)
        digest.update(f"{name}{values.shape};".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


class ModelStore:
    """The models of one ``results/`` folder; needs no locks."""

    def __init__(self, results_dir: Path) -> None:
        self.models_dir = results_dir / "models"

    def hashes(self) -> list[str]:
        """Return the hashes of all stored models, sorted."""
        if not self.models_dir.is_dir():
            return []
        return sorted(path.name for path in self.models_dir.iterdir() if _HASH.fullmatch(path.name))

    def write(self, model_hash: str, arrays: Arrays, manifest: Mapping[str, Any]) -> None:
        """Store a model; one that is there already stays as it is.

        Raises
        ------
        StoreUnwritable
            When the disk is full or the folder can't be written.
        """
        import joblib

        final = self.models_dir / model_hash
        if final.is_dir():
            return
        buffer = io.BytesIO()
        joblib.dump({name: np.ascontiguousarray(values, dtype=np.float64) for name, values in arrays.items()}, buffer)
        bundle = buffer.getvalue()
        told = {**manifest, "model_hash": model_hash, "bundle_sha256": hashlib.sha256(bundle).hexdigest()}
        text = json.dumps(json.loads(canonical_json(told)), indent=2, sort_keys=True, ensure_ascii=False)
        temporary = self.models_dir / f".tmp-{model_hash}-{os.getpid()}"
        try:
            self.models_dir.mkdir(parents=True, exist_ok=True)
            self._clear_remains(temporary)
            temporary.mkdir()
            write_bytes_atomic(temporary / "bundle.joblib", bundle)
            write_bytes_atomic(temporary / "manifest.json", f"{text}\n".encode())
            self._move(temporary, final)
        except OSError as failure:
            raise StoreUnwritable(final, failure.strerror or str(failure)) from failure
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def manifest(self, model_hash: str) -> dict[str, Any]:
        """Return the manifest of a model.

        Raises
        ------
        ModelNotFound
            When no such model is stored.
        BundleRefused
            When its manifest can't be read.
        """
        if not _HASH.fullmatch(model_hash) or not (self.models_dir / model_hash).is_dir():
            raise ModelNotFound(model_hash, self.models_dir, self.hashes())
        path = self.models_dir / model_hash / "manifest.json"
        try:
            found = json.loads(path.read_bytes())
        except (OSError, ValueError) as failure:
            raise BundleRefused(path, "it can't be read") from failure
        if not isinstance(found, dict):
            raise BundleRefused(path, "it holds no object")
        return found

    def arrays(self, model_hash: str) -> dict[str, FloatArray]:
        """Return the fitted arrays of a model.

        Raises
        ------
        ModelNotFound
            When no such model is stored.
        BundleRefused
            When the bundle's bytes are not those that its manifest names (then nothing of it is loaded), or its numbers
            are not.
        """
        told = self.manifest(model_hash)
        path = self.models_dir / model_hash / "bundle.joblib"
        try:
            bundle = path.read_bytes()
        except OSError as failure:
            raise BundleRefused(path, f"it can't be read ({failure.strerror or failure})") from failure
        found = hashlib.sha256(bundle).hexdigest()
        if found != told.get("bundle_sha256"):
            raise BundleRefused(path, f"its SHA-256 is {found[:12]}…, its manifest says {told.get('bundle_sha256')}")
        import joblib

        arrays: dict[str, FloatArray] = joblib.load(io.BytesIO(bundle))
        if arrays_digest(arrays) != told.get("fitted_sha256"):
            raise BundleRefused(path, "its numbers are not those that its manifest names")
        return arrays

    def remember(self, inputs: str, model_hash: str) -> None:
        """Note which model came of these inputs, so that it isn't fitted again."""
        write_bytes_atomic(self.models_dir / ".inputs" / inputs, model_hash.encode(), durable=False)

    def remembered(self, inputs: str) -> str | None:
        """Hash of the stored model that came of these inputs, if any."""
        try:
            found = (self.models_dir / ".inputs" / inputs).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return found if _HASH.fullmatch(found) and (self.models_dir / found).is_dir() else None

    def _move(self, temporary: Path, final: Path) -> None:
        try:
            temporary.rename(final)
        except OSError:
            # Another process stored the same model since we looked.
            if not final.is_dir():
                raise
        sync_folder(self.models_dir)

    def _clear_remains(self, own: Path) -> None:
        for path in self.models_dir.glob(".tmp-*"):
            owner = _TEMPORARY.fullmatch(path.name)
            if path == own or (owner and not alive(int(owner[1]))):
                shutil.rmtree(path, ignore_errors=True)
