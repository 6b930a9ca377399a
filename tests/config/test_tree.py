from __future__ import annotations

import copy
import math
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tradeterm.config.tree import Tree, parse_scalar, read_tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("16:15", "16:15"),
        ("2018-01-01", "2018-01-01"),
        ("24/7", "24/7"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("7", 7),
        ("-3", -3),
        ("007", 7),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("1_000", "1_000"),
        ("'7'", "7"),
        ("[1, a]", [1, "a"]),
        ("{a: {b: 1}}", {"a": {"b": 1}}),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    found = parse_scalar(text, "here")
    assert found == value
    assert type(found) is type(value)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), plain, max_size=4))
def test_what_yaml_wrote_is_read_back(document: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.yaml")
        # Quoted scalars: the dumper's own rules are YAML 1.1, whose bare words differ.
        path.write_text(yaml.dump(document, default_style=None, Dumper=_Quoting, allow_unicode=True), encoding="utf-8")
        assert read_tree(path, "x").values == document


class _Quoting(yaml.SafeDumper):
    def represent_text(self, text: str) -> yaml.Node:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style='"')


_Quoting.add_representer(str, _Quoting.represent_text)


def reference_merge(below: object, above: object) -> object:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    both = {key: reference_merge(below[key], above[key]) for key in below.keys() & above.keys()}
    return {**below, **above, **both}


trees = st.recursive(
    st.integers(0, 5) | st.lists(st.integers(0, 3), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(st.sampled_from("abc"), trees, max_size=3)


def tree_of(values: dict[str, object], name: str) -> Tree:
    tree = Tree()
    tree.values = values

    def mark(value: object, path: tuple[str, ...]) -> None:
        tree.origins[path] = name
        for key, item in value.items() if isinstance(value, dict) else ():
            mark(item, (*path, key))

    mark(values, ())
    return tree


@given(documents, documents)
def test_merge_is_deep_for_mappings_and_whole_for_the_rest(below: dict[str, object], above: dict[str, object]) -> None:
    tree = tree_of(copy.deepcopy(below), "below")
    tree.merge(tree_of(copy.deepcopy(above), "above"))
    assert tree.values == reference_merge(below, above)


@given(documents, documents)
def test_the_origin_of_a_leaf_is_the_last_layer_that_named_it(
    below: dict[str, object], above: dict[str, object]
) -> None:
    tree = tree_of(copy.deepcopy(below), "below")
    tree.merge(tree_of(copy.deepcopy(above), "above"))

    def at(document: object, path: tuple[str, ...]) -> object:
        for key in path:
            if not isinstance(document, dict) or key not in document:
                return math.nan
            document = document[key]
        return document

    def leaves(value: object, path: tuple[str, ...]) -> list[tuple[str, ...]]:
        if isinstance(value, dict) and value:
            return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
        return [path] if not isinstance(value, dict) else []

    for path in leaves(tree.values, ()):
        named_above = at(above, path) is not math.nan
        assert tree.origin(path) == ("above" if named_above else "below")
