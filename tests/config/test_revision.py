"""What the manifest of a model says of the program's sources."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tradeterm.config.revision import Revision, libraries, revision


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_is_named_and_whether_the_sources_are_as_committed(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        given = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=n@example.org", *words]
        return subprocess.run(given, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "a.py").write_text("a = 1\n")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    sha = git("rev-parse", "HEAD")
    found = revision.__wrapped__
    assert found(tmp_path / "package") == Revision(sha=sha, clean=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "model_changelog.md").write_text("# Models\n")
    assert found(tmp_path / "package") == Revision(sha=sha, clean=True), "what training writes is no change"
    (tmp_path / "other.py").write_text("b = 2\n")
    assert found(tmp_path / "package") == Revision(sha=sha, clean=False)


def test_outside_a_repository_nothing_is_claimed(tmp_path: Path) -> None:
    assert revision.__wrapped__(tmp_path) == Revision(sha=None, clean=None)


def test_versions_are_those_that_are_installed() -> None:
    import numpy

    assert libraries("numpy")["numpy"] == numpy.__version__
