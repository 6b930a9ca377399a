from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def stand_in(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"]}
    return subprocess.run(["make", *words], capture_output=True, text=True, cwd=folder, env=environment, check=False)


@pytest.fixture
def installed(clone: Path) -> Path:
    """A clone whose interpreter writes down what it is asked, and whose program says how it was called."""
    stand_in(clone / ".venv/bin/python", f'echo "$@" >> {clone}/asked')
    stand_in(clone / ".venv/bin/tradeterm", 'echo "tradeterm $@"')
    return clone


def asked(folder: Path) -> list[str]:
    path = folder / "asked"
    return path.read_text().splitlines() if path.exists() else []


def test_an_old_python_is_refused_in_one_line(clone: Path) -> None:
    stand_in(clone / "python3.9", 'test "$1" = -V && echo "Python 3.9.1" && exit 0; exit 1')
    done = make(clone, "install", "PYTHON=./python3.9")
    assert done.returncode != 0
    assert "error: Python 3.11 or newer is needed, ./python3.9 was Python 3.9.1" in done.stderr.splitlines()[0]
    assert not (clone / ".venv").exists()


def test_run_installs_once_then_only_runs(installed: Path) -> None:
    first = make(installed, "run")
    assert first.stdout == "tradeterm daily --workspace . --profile sample\n", first.stderr
    assert len(asked(installed)) == 2
    assert "--require-hashes -r requirements.lock" in asked(installed)[0]
    assert "--no-deps --no-build-isolation -e ." in asked(installed)[1]
    second = make(installed, "run", "ARGS=--asof 2024-08-30")
    assert second.stdout == "tradeterm daily --workspace . --profile sample --asof 2024-08-30\n"
    assert second.stderr == ""
    assert len(asked(installed)) == 2, "nothing was asked of pip again"


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_changed_lock_or_project_is_installed_again(installed: Path, changed: str) -> None:
    make(installed, "run")
    with (installed / changed).open("a") as file:
        file.write("\n# changed\n")
    make(installed, "run")
    assert len(asked(installed)) == 4
    assert len(list((installed / ".venv").glob(".run-*"))) == 1, "the old stamp is gone"


def test_a_touched_lock_is_not_installed_again(installed: Path) -> None:
    make(installed, "run")
    os.utime(installed / "requirements.lock")
    make(installed, "run")
    assert len(asked(installed)) == 2


def test_an_installation_that_broke_off_is_done_again(installed: Path) -> None:
    stand_in(installed / ".venv/bin/python", f'echo "$@" >> {installed}/asked; exit 1')
    assert make(installed, "run").returncode != 0
    stand_in(installed / ".venv/bin/python", f'echo "$@" >> {installed}/asked')
    assert make(installed, "run").returncode == 0
    assert len(asked(installed)) == 3


def test_the_development_installation_serves_run_too(installed: Path) -> None:
    make(installed, "test")
    assert "-r requirements-dev.lock" in asked(installed)[0]
    assert asked(installed)[2] == "-m pytest -n 3"
    make(installed, "run")
    assert len(asked(installed)) == 3


def test_help_lists_every_target(clone: Path) -> None:
    listed = {line.split()[1] for line in make(clone).stdout.splitlines()}
    phony = next(line for line in (clone / "Makefile").read_text().splitlines() if line.startswith(".PHONY:"))
    assert listed == set(phony.removeprefix(".PHONY:").split())


def test_ci_calls_check_and_nothing_else() -> None:
    path = ROOT / ".ci" / "run"
    commands = [line for line in path.read_text().splitlines() if line and not line.startswith(("#", "set", "cd"))]
    assert commands == ["exec make check"]
    assert os.access(path, os.X_OK)
