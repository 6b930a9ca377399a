"""An update that is killed leaves every file old or new; the same one again ends as if it had not been killed."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from dying import answers
from dying_update import first, second

from tradeterm.core.market import BarKey
from tradeterm.store.bars import BarStore
from tradeterm.store.ledger import Ledger

SCRIPT = Path(__file__).resolve().parent / "dying_update.py"


def contents(folder: Path) -> dict[BarKey, bytes]:
    store = BarStore(folder / "data")
    keys = store.keys()
    return {key: store.path(key).read_bytes() for key in keys}


def facts(folder: Path) -> dict[tuple[str, str], str]:
    with Ledger.reader(folder / "results") as reader:
        assert reader.verify().ok
        return {(row.kind, row.key): row.payload for row in reader.rows()}


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("stocked")
    assert first(folder).ok
    return folder


@pytest.fixture(scope="module")
def undisturbed(stocked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("undisturbed") / "after"
    shutil.copytree(stocked, folder)
    report = second(folder)
    assert sum(item.restated for item in report.items) == 2
    assert len(facts(folder)) == 2
    return folder


def test_a_kill_anywhere_leaves_old_or_new_files_and_no_change_unrecorded(
    stocked: Path, undisturbed: Path, tmp_path: Path
) -> None:
    counted = tmp_path / "counted"
    shutil.copytree(stocked, counted)
    (points,) = answers(SCRIPT, [(0, counted)])
    assert points > 30
    old, new = contents(stocked), contents(undisturbed)
    assert old.keys() == new.keys()
    assert len(old) == 6
    numbers = sorted({1, 2, points - 1, points, *range(3, points, max(1, points // 14))})
    folders = {number: tmp_path / f"killed{number}" for number in numbers}
    for folder in folders.values():
        shutil.copytree(stocked, folder)
    assert answers(SCRIPT, folders.items()) == [-signal.SIGKILL] * len(numbers)
    for number, folder in folders.items():
        left = contents(folder)
        assert all(left[key] in (old[key], new[key]) for key in old), number
        # What differs from before was recorded before it was stored.
        hours_changed = [key for key in old if key.timeframe == "1h" and left[key] != old[key]]
        assert len(facts(folder)) >= len(hours_changed), number
        assert second(folder).ok
        assert contents(folder) == new, number
        assert facts(folder) == facts(undisturbed), number
