"""Merge the layers of the configuration and validate the whole: base, profile, experiment, environment, ``--set``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from tradeterm.config.schema import Config
from tradeterm.config.secrets import load_secrets
from tradeterm.config.settings import Settings
from tradeterm.config.tree import Tree, dotted, parse_scalar, read_tree
from tradeterm.core.errors import BadValue, ConfigError, UnknownKey, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import ErrorDetails

    from tradeterm.config.workspace import Workspace

__all__ = ["DEFAULT_PROFILE", "ENV_PREFIX", "load_settings"]

DEFAULT_PROFILE = "sample"
ENV_PREFIX = "TRADETERM__"


def load_settings(
    workspace: Workspace,
    *,
    profile: str | None = None,
    experiment: Path | None = None,
    sets: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> Settings:
    """Resolve and validate the configuration of a workspace.

    profile : name below ``configs/profiles``; else ``TRADETERM_PROFILE``, else ``sample``
    experiment : a file, or its name below ``configs/experiments``
    sets : ``section.key=value`` texts, each value a YAML scalar or flow collection
    env : environment; the process's own if None
    """
    environ = os.environ if env is None else env
    chosen = profile or environ.get("TRADETERM_PROFILE") or DEFAULT_PROFILE
    tree = Tree()
    for path in _base_files(workspace):
        tree.merge(read_tree(path, _shown(path, workspace)))
    profile_path = _named(workspace.configs / "profiles", chosen, "profile")
    tree.merge(read_tree(profile_path, _shown(profile_path, workspace)))
    experiment_path = _experiment(workspace, experiment)
    if experiment_path is not None:
        tree.merge(read_tree(experiment_path, _shown(experiment_path, workspace)))
    _apply_environment(tree, environ)
    _apply_sets(tree, sets)
    return Settings(
        workspace=workspace,
        config=_validated(tree),
        profile=chosen,
        experiment=None if experiment_path is None else _shown(experiment_path, workspace),
        origins=_leaf_origins(tree),
        secrets=load_secrets(workspace.root / ".env", environ),
    )


def _base_files(workspace: Workspace) -> list[Path]:
    files = sorted((workspace.configs / "base").glob("*.yaml"))
    if not files:
        raise ConfigError(
            f"{workspace.configs / 'base'}: no YAML files; run `tradeterm init DIR` for a whole workspace"
        )
    return files


def _named(folder: Path, name: str, what: str) -> Path:
    path = folder / f"{name}.yaml"
    if not path.is_file():
        near = nearest(name, [found.stem for found in folder.glob("*.yaml")])
        hint = f"did you mean '{near}'?" if near else "see the files there"
        raise ConfigError(f"{folder}: no {what} '{name}'; {hint}")
    return path


def _experiment(workspace: Workspace, experiment: Path | None) -> Path | None:
    if experiment is None:
        return None
    if experiment.is_file():
        return experiment
    if experiment.suffix in (".yaml", ".yml") or len(experiment.parts) > 1:
        raise ConfigError(f"{experiment}: no such experiment file; see {workspace.configs / 'experiments'}")
    return _named(workspace.configs / "experiments", experiment.name, "experiment")


def _shown(path: Path, workspace: Workspace) -> str:
    try:
        return path.resolve().relative_to(workspace.root.resolve()).as_posix()
    except ValueError:
        return str(path)


def _apply_environment(tree: Tree, environ: Mapping[str, str]) -> None:
    for name in sorted(environ):
        if name.startswith(ENV_PREFIX):
            origin = f"env {name}"
            path = tree.spelled(tuple(name[len(ENV_PREFIX) :].split("__")))
            tree.set(path, parse_scalar(environ[name], origin), origin)


def _apply_sets(tree: Tree, sets: Sequence[str]) -> None:
    for text in sets:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {text!r}: no 'key=value'; write --set system.capital=50000")
        tree.set(tuple(key.strip().split(".")), parse_scalar(value, f"--set {key.strip()}"), "--set")


def _validated(tree: Tree) -> Config:
    try:
        return Config.model_validate(tree.values)
    except ValidationError as problem:
        raise _as_config_error(problem.errors(include_url=False), tree) from None


def _as_config_error(problems: list[ErrorDetails], tree: Tree) -> ConfigError:
    # An unknown key is most often the misspelling of one that is therefore missing: name the misspelling.
    first = next((found for found in problems if found["type"] == "extra_forbidden"), problems[0])
    path = tuple(str(part) for part in first["loc"] if part != "[key]")
    where, key = tree.origin(path), dotted(path)
    if first["type"] == "extra_forbidden":
        return UnknownKey(where, key, _known_keys(path[:-1]))
    if first["type"] == "missing":
        return ConfigError(f"{where}: {key} is missing; add it, `tradeterm init DIR` writes a whole example")
    message = first["msg"].removeprefix("Value error, ")
    expected = message[:1].lower() + message[1:]
    if isinstance(first["input"], (dict, list, BaseModel)):
        return ConfigError(f"{where}: {key or 'configuration'}: {expected}")
    return BadValue(where, key, first["input"], expected)


def _known_keys(path: tuple[str, ...]) -> list[str]:
    model: type[BaseModel] = Config
    for part in path:
        field = model.model_fields.get(part)
        model = _section_in(field.annotation) if field is not None else model
    return list(model.model_fields)


def _section_in(annotation: Any) -> type[BaseModel]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = [_section_in(part) for part in get_args(annotation) if part is not Ellipsis]
    return next((found for found in inner if found is not BaseModel), BaseModel)


def _leaf_origins(tree: Tree) -> dict[str, str]:
    found: dict[str, str] = {}

    def walk(value: Any, path: tuple[str, ...]) -> None:
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        children = [(str(key), item) for key, item in items]
        if not children:
            found[dotted(path)] = tree.origin(path)
        for key, item in children:
            walk(item, (*path, key))

    walk(tree.values, ())
    return found
