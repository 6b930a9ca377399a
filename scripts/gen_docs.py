"""Write docs/cli.md, configuration.md, keys.md and docs/api/ from the program itself; tests compare them."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer
from pydantic import BaseModel

from tradeterm.cli import diagnostics
from tradeterm.cli.app import COMMANDS, app
from tradeterm.cli.invocation import GLOBAL_OPTIONS
from tradeterm.config.marks import Mark, mark_of
from tradeterm.config.schema import Config
from tradeterm.tui import keys

DOCS = Path(__file__).resolve().parents[1] / "docs"


def main() -> int:
    for name, page in PAGES.items():
        (DOCS / name).parent.mkdir(exist_ok=True)
        (DOCS / name).write_text(page(), encoding="utf-8")
        print(DOCS / name)
    return 0


# --- commands


def cli_page() -> str:
    lines = ["# Commands", "", "Written by `make docs` from the program itself.", ""]
    lines += ["`tradeterm` alone opens the workstation. Options that every command takes, before or after it:", ""]
    lines += ["| option | meaning |", "|---|---|"]
    lines += [f"| `{option}` | {text} |" for option, text in GLOBAL_OPTIONS]
    lines += ["", "Exit codes:", "", *str(diagnostics.__doc__).strip().split("\n\n", 1)[1].splitlines()]
    root = typer.main.get_command(app)
    context = typer.Context(root, info_name="tradeterm")
    for section, commands in COMMANDS.items():
        lines += ["", f"## {section}"]
        for name in commands:
            lines += command_lines(root.get_command(context, name), f"tradeterm {name}")
    return "\n".join(lines).rstrip() + "\n"


def command_lines(command: Any, path: str) -> list[str]:
    subcommands = getattr(command, "commands", {})
    if subcommands:
        return [line for name, inner in subcommands.items() for line in command_lines(inner, f"{path} {name}")]
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    shown = " ".join(
        f"[{param.display_name_raw.upper()}]" if not param.required else param.display_name_raw.upper()
        for param in arguments
    )
    lines = ["", f"### `{f'{path} {shown}'.strip()}`", "", " ".join(str(command.help).split())]
    rows = [f"| `{param.display_name_raw}` | {param.help or ''} |" for param in arguments]
    rows += [
        option_row(param) for param in command.params if param.param_type_name == "option" and param.name != "help"
    ]
    if command.name == "kill":
        rows += kill_rows()
    return [*lines, "", "| argument or option | meaning |", "|---|---|", *rows] if rows else lines


def option_row(option: Any) -> str:
    default = option.default
    told = f" Default: `{default}`." if default not in (None, "", False) and not option.required else ""
    needed = " Required." if option.required else ""
    return f"| `{', '.join(option.opts)}` | {option.help or ''}{told}{needed} |"


def kill_rows() -> list[str]:
    from tradeterm.killcommand import option_help

    return [f"| `{name}` | {text} |" for name, text in option_help()]


# --- configuration


def configuration_page() -> str:
    lines = [
        "# Configuration",
        "",
        "Written by `make docs` from the schema; the base files in `configs/base/` carry the same words as comments.",
        "",
        "Order, each over the one before: `configs/base/*.yaml`, `configs/profiles/NAME.yaml` (`--profile`, else",
        "`TRADETERM_PROFILE`, else `sample`), `--experiment FILE`, environment `TRADETERM__SECTION__KEY`,",
        "`--set section.key=value`. Mappings merge by key, lists are replaced. An unknown key is an error that names",
        "the file, the line and the nearest key. `tradeterm config show --origin` tells where each value came from.",
        "Items of lists go by number, name or symbol: `--set models.strategies.EquityTrendModel_v1.budget=0.5`.",
        "",
        "Secrets come from the environment or the workspace's `.env` (see `.env.example`) and from nowhere else.",
        "",
        "*Result* says whether results depend on the key: those keys are covered by the configuration hash.",
    ]
    for name, field in Config.model_fields.items():
        lines += [
            "",
            f"## `{name}`",
            "",
            field_docs(Config)[name],
            "",
            "| key | type | result | meaning |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| `{key}` | {kind} | {mark} | {text} |"
            for key, kind, mark, text in rows_of(section_of(field.annotation), name)
        ]
    return "\n".join(lines).rstrip() + "\n"


def rows_of(model: type[BaseModel], at: str) -> list[tuple[str, str, str, str]]:
    rows = []
    documents = field_docs(model)
    for name, field in model.model_fields.items():
        key = f"{at}.{name}"
        inner = sections_in(field.annotation)
        if inner:
            rows += rows_of(inner[0], f"{key}{step_into(field.annotation)}")
            continue
        mark = "yes" if mark_of(model, name) is Mark.RESULT else "no"
        rows.append((key, kind_of(field.annotation), mark, documents[name]))
    return rows


def field_docs(model: type[BaseModel]) -> dict[str, str]:
    """Text under each field of a schema class."""
    body = ast.parse(inspect.getsource(model)).body[0].body  # type: ignore[attr-defined]  # it is a class
    found = {}
    for field, text in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            found[field.target.id] = " ".join(str(ast.literal_eval(text.value)).split())
    return found


def sections_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in sections_in(part)]


def section_of(annotation: Any) -> type[BaseModel]:
    return sections_in(annotation)[0]


def step_into(annotation: Any) -> str:
    origin = get_origin(annotation)
    return {dict: ".NAME", tuple: ".N"}.get(origin, "")


def kind_of(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if origin is dict:
        return "mapping"
    if origin is tuple:
        return "list"
    if origin is not None and type(None) in get_args(annotation):
        return " or ".join(kind_of(part) for part in get_args(annotation))
    if hasattr(annotation, "__metadata__"):
        return kind_of(get_args(annotation)[0])
    return {float: "number", int: "whole number", str: "text", bool: "true or false", type(None): "null"}[annotation]


def keys_page() -> str:
    return keys.markdown().strip() + "\n\nWritten by `make docs` from the program itself.\n"


# --- the service


def openapi_document() -> dict[str, Any]:
    from tradeterm.api.app import application
    from tradeterm.config.workspace import Workspace

    # Asked for its routes alone: nothing of the workspace is read.
    app = application(Workspace(DOCS.parent), profile=None, clock=lambda: 0, secured=True)
    return json.loads(json.dumps(app.openapi()))


def openapi_page() -> str:
    return json.dumps(openapi_document(), indent=2, ensure_ascii=False) + "\n"


def postman_page() -> str:
    from tradeterm.api.postman import collection
    from tradeterm.client import DEFAULT_URL

    return json.dumps(collection(openapi_document(), url=DEFAULT_URL), indent=2, ensure_ascii=False) + "\n"


PAGES = {
    "cli.md": cli_page,
    "configuration.md": configuration_page,
    "keys.md": keys_page,
    "api/openapi.json": openapi_page,
    "api/tradeterm.postman_collection.json": postman_page,
}


if __name__ == "__main__":
    sys.exit(main())
