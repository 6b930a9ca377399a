"""``tradeterm config``: what the configuration resolves to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradeterm.cli.groups import group
from tradeterm.cli.invocation import invocation_of
from tradeterm.core.errors import UnknownKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradeterm.cli.output import Page

__all__ = ["app"]

app = group("Show the resolved configuration and where each value came from.")


@app.command()
def show(
    context: typer.Context,
    section: Annotated[str, typer.Argument(help="Only what is under this dotted name, such as system.limits.")] = "",
    origin: Annotated[bool, typer.Option("--origin", help="Add where each value came from.")] = False,
) -> None:
    """Show each value of the resolved configuration; secrets are only told as set or not."""
    invocation = invocation_of(context)
    settings = invocation.settings()
    values = dict(_leaves(settings.config.model_dump(mode="json"), ""))
    chosen = {key: value for key, value in values.items() if not section or f"{key}.".startswith(f"{section}.")}
    if not chosen:
        raise UnknownKey("config show", section, {part for key in values for part in key.split(".")})
    present = settings.secrets.present()

    def lay_out(page: Page) -> None:
        page.line(f"profile {settings.profile}, experiment {settings.experiment or '-'}, hash {settings.config_hash}")
        if origin:
            page.table(
                ("key", "value", "origin"), [(key, _text(v), _origin(settings, key)) for key, v in chosen.items()]
            )
        else:
            page.table(("key", "value"), [(key, _text(value)) for key, value in chosen.items()])
        if not section:
            page.line("secrets: " + ", ".join(f"{name} {'set' if there else '-'}" for name, there in present.items()))

    document = {
        "schema": "tradeterm.config.v1",
        "workspace": str(settings.workspace.root),
        "profile": settings.profile,
        "experiment": settings.experiment,
        "config_hash": settings.config_hash,
        "values": chosen,
        "origins": {key: _origin(settings, key) for key in chosen},
        "secrets": present,
    }
    invocation.out.result(document, lay_out, next_command="tradeterm doctor")


def _leaves(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if _is_list_of_sections(value) else None
    if not items:
        yield at, value
        return
    for key, item in items:
        yield from _leaves(item, f"{at}.{key}" if at else str(key))


def _is_list_of_sections(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _origin(settings: Any, key: str) -> str:
    name = key
    while name:
        if name in settings.origins:
            return str(settings.origins[name])
        children = (found for known, found in settings.origins.items() if known.startswith(f"{name}."))
        if (first := next(children, None)) is not None:
            return str(first)
        name = name.rpartition(".")[0]
    return "default"


def _text(value: Any) -> str:
    from tradeterm.core.ids import canonical_json

    return value if isinstance(value, str) else canonical_json(value)
