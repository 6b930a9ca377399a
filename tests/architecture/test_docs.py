from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from tradeterm.cli.app import COMMANDS, app
from tradeterm.config.schema import Config

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gen_docs", ROOT / "scripts" / "gen_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands() -> set[str]:
    root: Any = typer.main.get_command(app)
    context = typer.Context(root, info_name="tradeterm")
    found = set()
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        found |= {f"{name} {inner}" for inner in getattr(command, "commands", {})} or {name}
    return found


PAGES = ("cli.md", "configuration.md", "keys.md", "api/openapi.json", "api/tradeterm.postman_collection.json")


@pytest.mark.parametrize("page", PAGES)
def test_a_written_page_is_what_the_program_says(generator: ModuleType, page: str) -> None:
    assert set(generator.PAGES) == set(PAGES)
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == generator.PAGES[page](), "run `make docs`"


def test_readme_links_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page}: {link}"


def test_every_command_is_documented_and_nothing_else_is() -> None:
    headings = re.findall(r"^### `tradeterm ([^`]+)`$", (ROOT / "docs/cli.md").read_text(), re.M)
    named = {" ".join(word for word in heading.split() if word.islower()) for heading in headings}
    assert named == commands()


def test_the_table_names_each_command_once() -> None:
    names = [name for section in COMMANDS.values() for name in section]
    assert len(names) == len(set(names))


def test_every_command_has_a_help_text() -> None:
    root: Any = typer.main.get_command(app)
    context = typer.Context(root, info_name="tradeterm")
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        for inner in getattr(command, "commands", {"": command}).values():
            assert inner.help, name
            for param in inner.params:
                assert param.help or param.name == "help", f"{name}: {param.name}"


def models(model: type[BaseModel], generator: ModuleType, seen: set[type[BaseModel]]) -> set[type[BaseModel]]:
    seen.add(model)
    for field in model.model_fields.values():
        for inner in generator.sections_in(field.annotation):
            if inner not in seen:
                models(inner, generator, seen)
    return seen


def test_every_configuration_key_says_what_it_is(generator: ModuleType) -> None:
    for model in models(Config, generator, set()):
        documents = generator.field_docs(model)
        assert set(documents) == set(model.model_fields), model.__name__
        assert all(len(text) > 5 for text in documents.values()), model.__name__


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "base").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_key_of_the_base_files_is_commented(path: Path) -> None:
    explained: set[str] = set()
    for number, line in enumerate(path.read_text().splitlines(), 1):
        explained |= set(re.findall(r"\w+", line.partition("#")[2]))
        match = re.match(r"^\s*(?:- )?(?P<key>\w+):(?P<value>[^#]*)(?P<comment>#.*)?$", line)
        if match is None:
            continue
        if match["comment"]:
            explained.add(match["key"])
        # A heading is explained by the keys below it; an item of a list by the first one.
        assert not match["value"].strip() or match["key"] in explained, f"{path.name}:{number}: {match['key']}"
