from __future__ import annotations

import hashlib
import json
import os
import pickle
import sys
from pathlib import Path

import pytest

from tradeterm.core.errors import StrategyBroken, StrategyNotFound
from tradeterm.store.strategies import anew, discover, load

_HEAD = "from tradeterm.strategy_api import Lookback, Strategy\n"


def _cls(name: str, version: str = "1.0.0", *, more: str = "", base: str = "Strategy") -> str:
    return (
        f"class {name}({base}):\n"
        f"    name = '{name}'\n    version = '{version}'\n    universe = ('SPY',)\n"
        "    lookback = None\n    def generate_target_weights(self, ctx): return None\n" + more
    )


def _file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_every_strategy_of_every_file_is_found_by_name(tmp_path: Path) -> None:
    two = _file(tmp_path, "two.py", _HEAD + _cls("Zeta_v1", "1.2.0") + _cls("Alpha_v1", "0.1.0-rc.1"))
    one = _file(tmp_path, "one.py", _HEAD + _cls("Mid_v2"))
    _file(tmp_path, "_helper.py", "raise RuntimeError")
    _file(tmp_path, "notes.txt", "")
    found = discover(tmp_path)
    assert [(each.name, each.version, each.path, each.error) for each in found] == [
        ("Alpha_v1", "0.1.0-rc.1", two, None),
        ("Mid_v2", "1.0.0", one, None),
        ("Zeta_v1", "1.2.0", two, None),
    ]
    assert all(each.cls is not None and each.cls.name == each.name for each in found)
    assert found[1].content_hash == hashlib.sha256(one.read_bytes()).hexdigest()
    assert found[0].content_hash == found[2].content_hash


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert discover(tmp_path / "strategies") == []


def test_imported_and_abstract_classes_are_no_strategies(tmp_path: Path) -> None:
    base = "class Base(Strategy):\n    universe = ('SPY',)\n"
    _file(
        tmp_path,
        "one.py",
        f"{_HEAD}from tradeterm.strategy_api import VectorStrategy\n{base}" + _cls("Real_v1", base="Base"),
    )
    assert [each.name for each in discover(tmp_path)] == ["Real_v1"]


def test_a_name_bound_twice_in_one_file_is_one_strategy(tmp_path: Path) -> None:
    _file(tmp_path, "one.py", _HEAD + _cls("Real_v1") + "Alias = Real_v1\n")
    assert [(each.name, each.error) for each in discover(tmp_path)] == [("Real_v1", None)]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("x = 1\ndef broken(:\n", "line 2: invalid syntax"),
        ("import tradeterm_no_such_thing\n", "line 1: ModuleNotFoundError: No module named 'tradeterm_no_such_thing'"),
        ("\n\nx = 1 / 0\n", "line 3: ZeroDivisionError: division by zero"),
        ("def f():\n    raise ValueError('a\\nb')\nf()\n", "line 2: ValueError: a"),
        ("import sys\nsys.exit(3)\n", "line 2: SystemExit: 3"),
        ("x = 1\n", "defines no subclass of Strategy"),
        (_HEAD + "class A(Strategy):\n    name = 'A'\n", "A lacks generate_target_weights, lookback"),
        (_HEAD + _cls("A", more="    name = 7\n"), "class A: name was 7; it must be a text"),
        (_HEAD + _cls("A", "one"), "A: version was 'one'; it must be a semantic version, as 1.2.0"),
        (_HEAD + _cls("A", more="    universe = 'SPY'\n"), "A: universe was 'SPY'; it must be a tuple of symbols"),
        (_HEAD + _cls("A", more="    timeframe = '1h'\n"), "A: timeframe was '1h'; it must be 'h4' or 'daily'"),
    ],
)
def test_a_file_that_cannot_be_used_says_why_in_one_line_and_spoils_no_other(
    tmp_path: Path, text: str, error: str
) -> None:
    before = set(sys.modules)
    _file(tmp_path, "broken.py", text)
    _file(tmp_path, "good.py", _HEAD + _cls("Good_v1"))
    broken, good = sorted(discover(tmp_path), key=lambda each: each.path)
    assert good.cls is not None
    assert broken.cls is None
    assert str(broken.error).startswith(error)
    assert "\n" not in str(broken.error)
    assert load("Good_v1", tmp_path).cls is good.cls
    with pytest.raises(StrategyBroken, match=r"broken\.py: .*; mend the file"):
        load(broken.name, tmp_path)
    assert not any("tradeterm_strategy_broken" in name for name in set(sys.modules) - before if "Error" in error)


def test_bytes_that_are_no_text_are_an_error_of_that_file(tmp_path: Path) -> None:
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00x = 1")
    (tmp_path / "folder.py").mkdir()
    assert [each.cls for each in discover(tmp_path)] == [None, None]
    assert all(each.error for each in discover(tmp_path))


def test_one_name_in_two_files_is_an_error_on_both(tmp_path: Path) -> None:
    _file(tmp_path, "one.py", _HEAD + _cls("Same_v1"))
    _file(tmp_path, "two.py", _HEAD + _cls("Same_v1", "2.0.0") + _cls("Other_v1"))
    found = discover(tmp_path)
    assert [(each.name, each.path.name, each.error) for each in found] == [
        ("Other_v1", "two.py", None),
        ("Same_v1", "one.py", "the name 'Same_v1' occurs again in two.py; names must differ"),
        ("Same_v1", "two.py", "the name 'Same_v1' occurs again in one.py; names must differ"),
    ]
    with pytest.raises(StrategyBroken, match="names must differ"):
        load("Same_v1", tmp_path)


def test_a_name_that_no_file_has_offers_the_nearest(tmp_path: Path) -> None:
    _file(tmp_path, "one.py", _HEAD + _cls("EquityTrend_v1"))
    with pytest.raises(StrategyNotFound, match=r"no strategy 'EquityTrend_v2'; did you mean 'EquityTrend_v1'\?"):
        load("EquityTrend_v2", tmp_path)


def test_an_edited_file_is_loaded_anew_and_an_unchanged_one_is_the_same_class(tmp_path: Path) -> None:
    path = _file(tmp_path, "one.py", _HEAD + _cls("A_v1", "1.0.0"))
    first = load("A_v1", tmp_path)
    assert load("A_v1", tmp_path).cls is first.cls
    stamp = path.stat()
    _file(tmp_path, "one.py", _HEAD + _cls("A_v1", "1.0.1"))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    second = load("A_v1", tmp_path)
    assert (second.version, second.cls is first.cls) == ("1.0.1", False)
    assert second.content_hash != first.content_hash


def test_loading_leaves_sys_path_and_the_folder_alone(tmp_path: Path) -> None:
    path = list(sys.path)
    _file(tmp_path, "json.py", _HEAD + _cls("Named_v1"))
    assert load("Named_v1", tmp_path).cls is not None
    assert sys.path == path
    assert [each.name for each in tmp_path.iterdir()] == ["json.py"]
    assert json.dumps({}) == "{}"


def test_a_loaded_strategy_can_have_dataclasses_and_be_pickled(tmp_path: Path) -> None:
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n" + _HEAD
        + "@dataclass\nclass Row:\n    x: int = 1\n" + _cls("A_v1")
    )  # fmt: skip
    _file(tmp_path, "one.py", text)
    cls = load("A_v1", tmp_path).cls
    assert cls is not None
    assert type(pickle.loads(pickle.dumps(cls()))) is cls


def test_a_file_run_anew_shares_nothing_with_the_first_one(tmp_path: Path) -> None:
    _file(tmp_path, "one.py", _HEAD + "SEEN = []\n" + _cls("Real_v1", more="    def seen(self): return SEEN\n"))
    found = load("Real_v1", tmp_path)
    first, again = found.cls, anew(found)
    assert first is not None
    assert again is not first
    assert again.name == "Real_v1"
    first().seen().append(1)
    assert again().seen() == []
    assert load("Real_v1", tmp_path).cls is first


def test_a_file_that_changed_is_not_run_anew(tmp_path: Path) -> None:
    path = _file(tmp_path, "one.py", _HEAD + _cls("Real_v1"))
    found = load("Real_v1", tmp_path)
    path.write_text(path.read_text() + "\n")
    with pytest.raises(StrategyBroken, match="changed while it was in use; run again"):
        anew(found)
    path.unlink()
    with pytest.raises(StrategyBroken, match="can't be read again"):
        anew(found)
