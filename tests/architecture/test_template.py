from __future__ import annotations

import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from tradeterm.cli.commands.init import write_workspace
from tradeterm.config.load import load_settings
from tradeterm.config.workspace import Workspace
from tradeterm.core.errors import UsageError

ROOT = Path(__file__).parents[2]


def contents(root: Path) -> dict[str, bytes]:
    parts = [*(root / "configs").rglob("*.yaml"), *(root / "strategies").glob("*.py"), root / ".env.example"]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in parts}


def test_a_new_workspace_is_the_repository_s_own(tmp_path: Path) -> None:
    written = write_workspace(tmp_path / "new")
    assert contents(tmp_path / "new") == contents(ROOT)
    assert sorted(contents(ROOT)) == written
    assert (tmp_path / "new" / "data").is_dir()
    assert (tmp_path / "new" / "results").is_dir()


def test_a_new_workspace_loads_and_its_book_is_the_repository_s(tmp_path: Path) -> None:
    write_workspace(tmp_path / "new")
    here, there = (load_settings(Workspace(root), env={}) for root in (ROOT, tmp_path / "new"))
    assert here.config == there.config
    assert here.config_hash == there.config_hash


@pytest.mark.parametrize("taken", ["configs/base/system.yaml", ".env.example", "strategies/equity_trend.py"])
def test_nothing_is_overwritten(tmp_path: Path, taken: str) -> None:
    path = tmp_path / taken
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        write_workspace(tmp_path)
    assert path.read_text() == "mine"
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path], "and nothing half-written is left"


def test_the_template_keeps_no_second_copy() -> None:
    template = Path(str(files("tradeterm") / "template"))
    for entry in template.iterdir():
        assert entry.is_symlink(), entry
        assert entry.resolve().is_relative_to(ROOT)


def test_what_git_ignores_is_anchored() -> None:
    probe = [
        "data/equities/SPY_h4.parquet",
        "results/KILL",
        ".env",
        ".venv/bin/python",
        "tradeterm/engine/__pycache__/x.pyc",
    ]
    kept = ["tradeterm/data/panel.py", "tests/data/test_x.py", "data/.gitkeep", "results/.gitkeep", ".env.example"]
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", *probe, *kept], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.stdout.split() == probe
