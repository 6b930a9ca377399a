"""Where compiled kernels may be kept.

Numba's cache keys a kernel by its own source file and does not see edits in the functions it calls. So the cache
folder is named by a hash of every source that a kernel may call, and an edit anywhere means a new, empty folder.
This has to run before numba is imported; without a folder that can be written, kernels are compiled in memory.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

__all__ = ["kernel_hash", "use_kernel_cache"]

SWITCH = "TRADETERM_KERNEL_CACHE"
_SOURCES = ("core", "engine")
_VERSIONS = ("numba", "llvmlite", "numpy")
_UNUSED_DAYS = 30
_STAMP = "used"


def kernel_hash(package: Path | None = None) -> str:
    """Identity of the sources that kernels are compiled from, and of what compiles them."""
    root = package if package is not None else Path(__file__).resolve().parent.parent
    digest = hashlib.sha256(f"{sys.version_info[:3]} {sys.platform}".encode())
    for name in _VERSIONS:
        digest.update(f"{name}=={_version(name)}".encode())
    for part in _SOURCES:
        for path in sorted((root / part).rglob("*.py")):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()[:16]


def use_kernel_cache(
    *,
    package: Path | None = None,
    cache: Path | None = None,
    environ: MutableMapping[str, str] | None = None,
) -> Path | None:
    """Point numba at the folder for the present sources, and return it; None where nothing can be kept."""
    env = os.environ if environ is None else environ
    if env.get(SWITCH) == "0":
        env.pop("NUMBA_CACHE_DIR", None)
        return None
    folder = (cache if cache is not None else _user_cache()) / "tradeterm" / "kernels" / kernel_hash(package)
    # Not Path.is_dir, which raises where a parent folder is closed to us.
    new = not os.path.isdir(folder)
    if not _usable(folder):
        env[SWITCH] = "0"
        env.pop("NUMBA_CACHE_DIR", None)
        return None
    env["NUMBA_CACHE_DIR"] = str(folder)
    if new:
        _drop_unused(folder.parent, keep=folder)
    return folder


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _user_cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path()


def _usable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".try-"):
            pass
        (folder / _STAMP).touch()
    except OSError:
        return False
    return True


def _drop_unused(parent: Path, *, keep: Path) -> None:
    oldest = time.time() - _UNUSED_DAYS * 86_400
    for folder in parent.iterdir():
        if folder != keep and _last_used(folder) < oldest:
            _remove(folder)


def _last_used(folder: Path) -> float:
    for path in (folder / _STAMP, folder):
        try:
            return path.stat().st_mtime
        except OSError:
            continue
    return time.time()


def _remove(folder: Path) -> None:
    # Renamed first: a crash half-way leaves a name that no hash has, never a folder that looks whole.
    gone = folder.with_name(f"{folder.name}.gone")
    try:
        folder.rename(gone)
    except OSError:
        return
    shutil.rmtree(gone, ignore_errors=True)
