"""Which revision of the program computed something, and on what processor and libraries."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

__all__ = ["Revision", "libraries", "revision"]

_PACKAGE = Path(__file__).resolve().parent.parent


class Revision(NamedTuple):
    """Commit of the program's own sources, and whether they were as committed; None where that can't be told."""

    sha: str | None
    clean: bool | None


@cache
def revision(folder: Path = _PACKAGE) -> Revision:
    """Revision of the sources in ``folder``."""
    sha = _git(folder, "rev-parse", "HEAD")
    # What training itself writes into a workspace changes no source.
    changes = (
        _git(folder, "status", "--porcelain", "--", ":/", ":(top,exclude)docs/model_changelog.md") if sha else None
    )
    return Revision(sha=sha, clean=None if changes is None else not changes)


def _git(folder: Path, *words: str) -> str | None:
    try:
        # Fixed words; which git is found on the path is the user's own affair.
        done = subprocess.run(  # noqa: S603 - as above
            ["git", "-C", str(folder), *words],  # noqa: S607 - as above
            capture_output=True,
            text=True,
            timeout=10.0,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def libraries(*names: str) -> dict[str, str]:
    """Versions of Python and of these libraries."""
    return {"python": platform.python_version()} | {name: version(name) for name in names}
