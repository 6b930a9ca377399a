"""YAML as a plain tree that remembers where each value came from.

The scalar rules are those of YAML 1.2's core schema: ``yes``, ``on``, ``2018-01-01`` and ``16:15`` are text, which
PyYAML's own YAML 1.1 rules would turn into a bool, a date and the number 975.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from tradeterm.core.errors import BadConfigFile, ConfigError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Tree", "dotted", "parse_scalar", "read_tree"]

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]  # the C loader where PyYAML was built with it: an alias mypy can't follow
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # PyYAML's own contract


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|false|False)$"), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)

KeyPath = tuple[str, ...]


def dotted(path: KeyPath) -> str:
    """Dotted form of a path of keys."""
    return ".".join(path)


class Tree:
    """Nested dicts, lists and scalars, with the origin of each by its path of keys."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[KeyPath, str] = {}

    def merge(self, other: Tree) -> None:
        """Lay ``other`` over this tree: mappings merge by key, everything else is replaced."""
        self._merge(self.values, other.values, (), other.origins)

    def set(self, path: KeyPath, value: Any, origin: str) -> None:
        """Put one value in place, creating the mappings on the way; items of lists go by number, name or symbol."""
        node: Any = self.values
        for depth, key in enumerate(path[:-1]):
            node = self._step(node, key, path[: depth + 1], origin)
        if isinstance(node, list):
            node[self._index(node, path[-1], path, origin)] = value
        elif isinstance(node, dict):
            node[path[-1]] = value
        else:
            raise ConfigError(f"{origin}: {dotted(path[:-1])} was {node!r}, which has no keys; set it as a whole")
        self._forget(path)
        self.origins[path] = origin

    def spelled(self, path: KeyPath) -> KeyPath:
        """Return ``path`` in the case of the keys that are there (environment names are upper case)."""
        node: Any = self.values
        found: list[str] = []
        for key in path:
            names = _names(node)
            name = next((name for name in names if name.lower() == key.lower()), key.lower())
            found.append(name)
            node = names.get(name)
        return tuple(found)

    def origin(self, path: KeyPath) -> str:
        """Where a value came from: its own entry, else that of the nearest thing around it."""
        while path and path not in self.origins:
            path = path[:-1]
        return self.origins.get(path, "configs")

    def _step(self, node: Any, key: str, path: KeyPath, origin: str) -> Any:
        if isinstance(node, list):
            return node[self._index(node, key, path, origin)]
        if isinstance(node, dict):
            if key not in node:
                node[key], self.origins[path] = {}, origin
            return node[key]
        raise ConfigError(f"{origin}: {dotted(path[:-1])} was {node!r}, which has no keys; set it as a whole")

    def _index(self, items: list[Any], key: str, path: KeyPath, origin: str) -> int:
        if key.isdigit() and int(key) < len(items):
            return int(key)
        for index, item in enumerate(items):
            if isinstance(item, dict) and key in (item.get("name"), item.get("symbol")):
                return index
        raise ConfigError(f"{origin}: {dotted(path[:-1])} has no item '{key}'; give its number, name or symbol")

    def _merge(self, below: dict[str, Any], above: dict[str, Any], at: KeyPath, origins: dict[KeyPath, str]) -> None:
        for key, value in above.items():
            path = (*at, key)
            if isinstance(value, dict) and isinstance(below.get(key), dict):
                self._merge(below[key], value, path, origins)
                continue
            below[key] = value
            self._forget(path)
            self.origins.update({found: text for found, text in origins.items() if found[: len(path)] == path})

    def _forget(self, path: KeyPath) -> None:
        for found in [found for found in self.origins if found[: len(path)] == path]:
            del self.origins[found]


def read_tree(path: Path, name: str) -> Tree:
    """Read one YAML file; ``name`` stands for it in origins and errors."""
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=_Loader)
    except (OSError, UnicodeDecodeError) as problem:
        raise BadConfigFile(name, f"can't be read ({problem})") from None
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark is not None else name
        raise BadConfigFile(where, str(getattr(problem, "problem", None) or problem).splitlines()[0]) from None
    tree = Tree()
    if node is None:
        return tree
    if not isinstance(node, yaml.MappingNode):
        raise BadConfigFile(f"{name}:{node.start_mark.line + 1}", "a list or a single value")
    tree.values = _plain(node, (), name, tree.origins)
    return tree


def parse_scalar(text: str, origin: str) -> Any:
    """Value of an environment variable or ``--set``: a YAML scalar, or a list or mapping in flow style."""
    try:
        node = yaml.compose(text, Loader=_Loader)
        return _plain(node, (), origin, {}) if node is not None else None
    except yaml.YAMLError:
        raise ConfigError(f"{origin}: {text!r} is no YAML value; quote it") from None


def _plain(node: yaml.Node, path: KeyPath, name: str, origins: dict[KeyPath, str]) -> Any:
    origins[path] = f"{name}:{node.start_mark.line + 1}"
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, name, origins)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, str(index)), name, origins) for index, item in enumerate(node.value)]
    return _scalar(node)


def _mapping(node: yaml.MappingNode, path: KeyPath, name: str, origins: dict[KeyPath, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise BadConfigFile(f"{name}:{line}", "a key that is a list or mapping")
        key = str(key_node.value)
        if key in lines:
            raise ConfigError(
                f"{name}:{line}: key '{dotted((*path, key))}' was there on line {lines[key]} too; keep one"
            )
        lines[key] = line
        found[key] = _plain(value_node, (*path, key), name, origins)
        origins[(*path, key)] = f"{name}:{line}"
    return found


def _scalar(node: yaml.Node) -> Any:
    text = str(node.value)
    if node.tag.endswith(":bool"):
        return text.lower() == "true"
    if node.tag.endswith(":null"):
        return None
    if node.tag.endswith(":int"):
        return int(text)
    return float(text) if node.tag.endswith(":float") else text


def _names(node: Any) -> dict[str, Any]:
    if isinstance(node, dict):
        return node
    if isinstance(node, list):
        named = {str(item.get("name") or item.get("symbol")): item for item in node if isinstance(item, dict)}
        return named | {str(index): item for index, item in enumerate(node)}
    return {}
