from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tradeterm import killfile
from tradeterm.core.time import from_iso

ROOT = Path(__file__).parents[2]


def test_the_first_to_latch_wins(tmp_path: Path) -> None:
    first = killfile.trip(tmp_path, "operator:key", "spread blew up")
    second = killfile.trip(tmp_path, "guard", "heartbeat died")
    assert second == first == killfile.read(tmp_path)
    assert (first.by, first.reason, first.flatten) == ("operator:key", "spread blew up", False)
    assert from_iso(first.at) > from_iso("2024-01-01")


def test_flatten_asked_for_later_is_added_and_who_latched_stays(tmp_path: Path) -> None:
    first = killfile.trip(tmp_path, "operator:key")
    later = killfile.trip(tmp_path, "operator:cli", flatten=True)
    assert later == first._replace(flatten=True) == killfile.read(tmp_path)
    assert killfile.trip(tmp_path, "guard").flatten, "a wish is not withdrawn by another kill"


def test_many_at_once_agree_on_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: killfile.trip(tmp_path, f"by-{number}"), range(64)))
    record = killfile.read(tmp_path)
    assert record is not None
    assert record.by.startswith("by-")
    assert {each.by for each in killfile.read_all(tmp_path)} == {f"by-{number}" for number in range(64)}


def test_results_is_made_when_it_is_missing(tmp_path: Path) -> None:
    killfile.trip(tmp_path / "a" / "results", "guard")
    assert killfile.latched(tmp_path / "a" / "results")


@pytest.mark.parametrize(
    "content", [b"", b"stop!\n", b"[]", b"{}", b'{"at": 1', b"\xff\xfe\x00", b"null\n\n", b'"text"']
)
def test_a_touched_or_foreign_file_latches_too(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "KILL"
    path.write_bytes(content)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert killfile.latched(tmp_path)
    assert killfile.read(tmp_path) == killfile.KillRecord("2023-11-14T22:13:20.000000Z", "touch")
    assert killfile.trip(tmp_path, "operator:cli").by == "touch"


def test_a_dangling_link_and_a_folder_latch_too(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "KILL").symlink_to(tmp_path / "nowhere")
    (tmp_path / "two" / "KILL").mkdir(parents=True)
    for folder in (tmp_path / "one", tmp_path / "two"):
        assert killfile.latched(folder)
        record = killfile.read(folder)
        assert record is not None
        assert record.by == "touch"


def test_clear_takes_it_back_and_may_be_repeated(tmp_path: Path) -> None:
    killfile.trip(tmp_path, "operator:cli")
    killfile.clear(tmp_path)
    killfile.clear(tmp_path)
    assert killfile.read(tmp_path) is None
    assert not killfile.latched(tmp_path)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "configs" / "base").mkdir(parents=True)
    (tmp_path / "configs" / "base" / "system.yaml").write_text("{ this is broken")
    return tmp_path


def run_kill(*words: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tradeterm", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **(env or {})},
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_kill_works_while_the_configuration_is_broken(workspace: Path) -> None:
    done = run_kill("kill", "--reason", "wrong side", cwd=workspace)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("KILLED at ")
    assert "by operator:cli: wrong side" in done.stdout
    again = run_kill("kill", "--reason", "other", cwd=workspace)
    assert again.returncode == 0
    assert "was latched already" in again.stdout
    assert "wrong side" in again.stdout


def test_kill_json_is_one_object(workspace: Path) -> None:
    done = run_kill("kill", "--json", "--flatten", "--by", "me", cwd=workspace / "configs")
    document = json.loads(done.stdout)
    assert document["schema"] == "tradeterm.kill.v1"
    assert (document["by"], document["flatten"], document["first"]) == ("me", True, True)
    assert document["path"] == str(workspace / "results" / "KILL")


@pytest.mark.parametrize("words", [["--flaten"], ["--reason"], ["--profile"], ["now", "please"]])
def test_whoever_mistypes_in_a_hurry_is_obeyed_and_then_told(workspace: Path, words: list[str]) -> None:
    done = run_kill("kill", *words, cwd=workspace)
    assert done.returncode == 2
    assert killfile.latched(workspace / "results")
    assert done.stderr.count("\n") == 1
    assert "the latch stands all the same" in done.stderr


def test_asking_for_help_does_not_kill(workspace: Path) -> None:
    done = run_kill("kill", "--help", cwd=workspace)
    assert done.returncode == 0
    assert "--flatten" in done.stdout
    assert not killfile.latched(workspace / "results")


@pytest.mark.parametrize("before", [True, False])
def test_the_workspace_may_be_named_before_or_after(
    workspace: Path, tmp_path_factory: pytest.TempPathFactory, before: bool
) -> None:
    named = ["--workspace", str(workspace)]
    words = [*named, "kill"] if before else ["kill", *named]
    done = run_kill(*words, "--reason", "far away", cwd=tmp_path_factory.mktemp("elsewhere"))
    assert done.returncode == 0, done.stderr
    record = killfile.read(workspace / "results")
    assert record is not None
    assert record.reason == "far away"


def test_without_a_workspace_it_says_where_it_looked(tmp_path: Path) -> None:
    done = run_kill("kill", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path}: no workspace here or above; name it: tradeterm kill --workspace DIR\n"


def test_the_environment_names_the_workspace(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    done = run_kill("kill", cwd=elsewhere, env={"TRADETERM_WORKSPACE": str(workspace)})
    assert done.returncode == 0
    assert killfile.latched(workspace / "results")


def test_a_place_that_can_not_be_latched_is_said(workspace: Path) -> None:
    (workspace / "results").write_text("a file where the folder should be")
    done = run_kill("kill", cwd=workspace)
    assert done.returncode == 1
    assert "can't be latched" in done.stderr
    assert done.stderr.count("\n") == 1
