"""Identity of parts of the program's own sources and of libraries: what was computed by other code is not the same."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

__all__ = ["source_hash"]

_PACKAGE = Path(__file__).resolve().parent.parent


@cache
def source_hash(parts: tuple[str, ...], libraries: tuple[str, ...]) -> str:
    """Hash of the sources below ``parts`` (folders or files of the package) and of the versions of ``libraries``."""
    digest = hashlib.sha256()
    for part in parts:
        place = _PACKAGE / part
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    for name in libraries:
        digest.update(f"{name}=={version(name)}\n".encode())
    return digest.hexdigest()[:12]
