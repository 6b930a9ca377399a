from __future__ import annotations

from pathlib import Path

import pytest

from tradeterm.config.workspace import find_workspace
from tradeterm.core.errors import WorkspaceNotFound


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "mine" / "configs").mkdir(parents=True)
    (tmp_path / "mine" / "strategies" / "deep").mkdir(parents=True)
    (tmp_path / "other" / "configs").mkdir(parents=True)
    return tmp_path


def test_it_is_the_nearest_folder_upward_with_configs(here: Path) -> None:
    assert find_workspace(None, here / "mine" / "strategies" / "deep", env={}).root == here / "mine"


def test_the_environment_comes_before_the_folder_and_the_option_before_both(here: Path) -> None:
    env = {"TRADETERM_WORKSPACE": str(here / "other")}
    assert find_workspace(None, here / "mine", env=env).root == here / "other"
    assert find_workspace(here / "mine", here / "other", env=env).root == here / "mine"


@pytest.mark.parametrize("explicit", ["nowhere", "mine/strategies"])
def test_a_named_folder_without_configs_is_an_error(here: Path, explicit: str) -> None:
    with pytest.raises(WorkspaceNotFound, match=explicit):
        find_workspace(here / explicit, here / "mine", env={})


def test_no_workspace_upward_is_an_error_with_a_remedy(here: Path) -> None:
    with pytest.raises(WorkspaceNotFound, match="tradeterm init DIR") as caught:
        find_workspace(None, here, env={})
    assert caught.value.exit_code == 2


def test_its_folders_have_their_places(here: Path) -> None:
    workspace = find_workspace(here / "mine", here, env={})
    assert workspace.kill_file == here / "mine" / "results" / "KILL"
    assert workspace.logs == here / "mine" / "results" / "logs"
    assert workspace.data == here / "mine" / "data"
