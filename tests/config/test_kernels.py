from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import tradeterm
from tradeterm.config.kernels import kernel_hash, use_kernel_cache

PACKAGE = Path(tradeterm.__file__).parent


@pytest.fixture
def package(tmp_path: Path) -> Path:
    copy = tmp_path / "package"
    for part in ("core", "engine"):
        shutil.copytree(PACKAGE / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def test_the_folder_is_named_for_numba_before_it_is_imported(package: Path, tmp_path: Path) -> None:
    env: dict[str, str] = {}
    folder = use_kernel_cache(package=package, cache=tmp_path / "cache", environ=env)
    assert folder is not None
    assert env == {"NUMBA_CACHE_DIR": str(folder)}
    assert folder.is_dir()
    assert folder.parent == tmp_path / "cache" / "tradeterm" / "kernels"
    assert use_kernel_cache(package=package, cache=tmp_path / "cache", environ=env) == folder


def test_the_copy_of_the_sources_is_the_same_kernel(package: Path) -> None:
    assert kernel_hash(package) == kernel_hash()


@pytest.mark.parametrize("edited", ["engine/rolling.py", "engine/jit.py", "core/types.py"])
def test_an_edited_callee_moves_the_folder(package: Path, edited: str) -> None:
    before = kernel_hash(package)
    path = package / edited
    stamp = path.stat()
    path.write_text(path.read_text().replace("import annotations", "import annotations ", 1))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert kernel_hash(package) != before, "content counts, not the time of the file"


def test_a_new_or_renamed_source_moves_the_folder(package: Path) -> None:
    before = kernel_hash(package)
    (package / "engine" / "extra.py").write_text("")
    added = kernel_hash(package)
    (package / "engine" / "extra.py").rename(package / "engine" / "other.py")
    assert len({before, added, kernel_hash(package)}) == 3


def test_without_a_writable_folder_kernels_are_compiled_in_memory(package: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    env = {"NUMBA_CACHE_DIR": "/somewhere/else"}
    assert use_kernel_cache(package=package, cache=tmp_path / "cache", environ=env) is None
    assert env == {"TRADETERM_KERNEL_CACHE": "0"}


def test_it_can_be_switched_off(package: Path, tmp_path: Path) -> None:
    env = {"TRADETERM_KERNEL_CACHE": "0", "NUMBA_CACHE_DIR": "/x/tradeterm/kernels/stale"}
    assert use_kernel_cache(package=package, cache=tmp_path, environ=env) is None
    assert "NUMBA_CACHE_DIR" not in env
    assert not (tmp_path / "tradeterm").exists()


def test_folders_unused_for_a_month_go_and_recent_ones_stay(package: Path, tmp_path: Path) -> None:
    kernels = tmp_path / "tradeterm" / "kernels"
    month = 31 * 86_400
    for name, age in (("old", month), ("old.gone", month), ("recent", 86_400)):
        (kernels / name).mkdir(parents=True)
        stamp = kernels / name / "used"
        stamp.touch()
        os.utime(stamp, (stamp.stat().st_atime - age, stamp.stat().st_mtime - age))
    folder = use_kernel_cache(package=package, cache=tmp_path, environ={})
    assert folder is not None
    assert sorted(path.name for path in kernels.iterdir()) == sorted(["recent", folder.name])
