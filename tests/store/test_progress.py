"""A progress file tells whoever started a command how it goes, and costs the command nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradeterm.store import progress
from tradeterm.store.progress import VARIABLE, Part, Progress, ProgressFile, read_progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_parts_stand_side_by_side_and_the_outcome_comes_last(tmp_path: Path, clock: list[float]) -> None:
    path = tmp_path / "logs" / "p.json"
    file = ProgressFile(path, each=True)
    file.report("yahoo", 0, 3)
    file.report("fred", 0, 2)
    file.report("fred", 2, 2)
    assert read_progress(path) == Progress((Part("yahoo", 0, 3), Part("fred", 2, 2)), "")
    file.end("all is well")
    assert read_progress(path).outcome == "all is well"


def test_where_one_thing_follows_another_only_the_newest_is_told(tmp_path: Path, clock: list[float]) -> None:
    file = ProgressFile(tmp_path / "p")
    file.report("read", 0, 4)
    file.report("store", 2, 4)
    assert read_progress(tmp_path / "p").parts == (Part("store", 2, 4),)


def test_what_comes_too_soon_is_told_with_the_next_but_an_end_at_once(tmp_path: Path, clock: list[float]) -> None:
    file = ProgressFile(tmp_path / "p")
    seen = []
    for done, at in ((1, 100.0), (2, 100.01), (3, 100.2), (4, 100.21), (9, 100.22)):
        clock[0] = at
        file.report("rows", done, 9)
        seen.append(read_progress(tmp_path / "p").parts[0].done)
    assert seen == [1, 1, 3, 3, 9]


def test_nothing_is_told_where_nobody_asked() -> None:
    assert ProgressFile.named({}) is None


def test_the_environment_names_the_file(tmp_path: Path) -> None:
    file = ProgressFile.named({VARIABLE: str(tmp_path / "p")})
    assert file is not None
    file.end("done")
    assert read_progress(tmp_path / "p").outcome == "done"


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"parts": [["a"]], "outcome": ""}', '{"parts": 7}'])
def test_a_file_that_is_none_tells_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "p").write_text(text)
    assert read_progress(tmp_path / "p") == Progress()
    assert read_progress(tmp_path / "nowhere") == Progress()


def test_a_file_that_cannot_be_written_stops_no_command(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file where a folder should be")
    ProgressFile(tmp_path / "folder" / "p").report("rows", 1, 1)
