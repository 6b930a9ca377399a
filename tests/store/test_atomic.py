from __future__ import annotations

import os
from pathlib import Path

import pytest

from tradeterm.core.errors import StoreUnwritable
from tradeterm.store.atomic import alive, replace_file, write_bytes_atomic


@pytest.mark.parametrize("options", [{}, {"durable": False}, {"locked": True}])
def test_a_file_is_made_with_its_folders_and_replaced(tmp_path: Path, options: dict[str, bool]) -> None:
    path = tmp_path / "a" / "b" / "head"
    write_bytes_atomic(path, b"one", **options)
    write_bytes_atomic(path, b"two", **options)
    assert path.read_bytes() == b"two"
    assert [each.name for each in path.parent.iterdir()] == ["head"]


def test_a_failure_inside_leaves_the_old_file_and_passes_on(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail() -> None:
        with replace_file(path) as temporary:
            temporary.write_bytes(b"half")
            assert path.read_bytes() == b"old"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_two_at_once_have_temporary_files_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with replace_file(path) as one:
        with replace_file(path) as two:
            one.write_bytes(b"one")
            two.write_bytes(b"two")
        assert path.read_bytes() == b"two"
    assert path.read_bytes() == b"one"


def test_remains_of_a_dead_writer_that_held_the_lock_are_used_up(tmp_path: Path) -> None:
    with replace_file(tmp_path / "file", locked=True) as temporary:
        temporary.write_bytes(b"x")
        left = temporary.name
    (tmp_path / left).write_bytes(b"remains, and longer than what comes")
    write_bytes_atomic(tmp_path / "file", b"new", locked=True)
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("file", b"new")]


def test_a_folder_that_cannot_be_is_unwritable_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    with pytest.raises(StoreUnwritable, match=r"results/head: can't be written \(.+\); free space or make") as refused:
        write_bytes_atomic(tmp_path / "results" / "head", b"x")
    assert "\n" not in str(refused.value)


def test_a_target_that_is_a_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(StoreUnwritable):
        write_bytes_atomic(tmp_path / "file", b"x")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_this_process_is_alive_and_a_reaped_child_is_not() -> None:
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    assert alive(os.getpid())
    assert alive(1)
    assert not alive(child)
