"""Groups of commands in the house's manner: plain help, and the nearest name for an unknown one."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from tradeterm.core.errors import UsageError, nearest

__all__ = ["Group", "LightCommand", "group", "single"]


class _LightHelp:
    """Gives ``--help`` its value when it isn't asked for: Typer imports pydantic (50 ms) to turn None into it."""

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option behind ``--help``."""
        option = super().get_help_option(ctx)  # type: ignore[misc]  # mixed into commands, which have it
        if option is not None:
            option.default = False
        return option


class LightCommand(_LightHelp, TyperCommand):
    """A command without values to convert, fast enough for a prompt."""


class Group(_LightHelp, TyperGroup):
    """A group whose complaint about an unknown command names the nearest one."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command named by the first argument."""
        names = self.list_commands(ctx)
        if args[0] not in names and not args[0].startswith("-"):
            near = nearest(args[0], names)
            hint = f"did you mean '{near}'?" if near else f"one of: {', '.join(names)}"
            raise UsageError(f"'{args[0]}' is no command of {ctx.command_path}; {hint}")
        return super().resolve_command(ctx, args)


def group(help_text: str) -> typer.Typer:
    """Return an empty group of commands in the house's manner."""
    made = typer.Typer(cls=Group, help=help_text, rich_markup_mode=None, add_completion=False)
    made.callback()(lambda: None)
    return made


def single() -> typer.Typer:
    """Return a holder for one command that is no group."""
    return typer.Typer(rich_markup_mode=None, add_completion=False)
