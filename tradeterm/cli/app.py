"""The command table: names and one-line helps here, modules imported only when their command is run."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradeterm import __version__
from tradeterm.cli.groups import Group
from tradeterm.cli.invocation import GLOBAL_OPTIONS, invocation_of, split_globals
from tradeterm.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COMMANDS", "RootGroup", "app"]

# Section of the help -> command -> (module below cli/commands, one line).
COMMANDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Every day": {
        "daily": ("daily", "Refresh, predict, score, snapshot, report: the whole day in one command."),
        "status": ("status", "Mode, NAV, drawdown, regimes, kill state; fast enough for a prompt."),
        "kill": ("kill", "No new orders, cancel what is working; never asks back."),
        "resume": ("resume", "Take back a kill or a halt, with a reason."),
    },
    "Workspace": {
        "init": ("init", "Make a workspace: configs, strategies, data, results."),
        "doctor": ("doctor", "Check Python, packages, paths, stores and keys."),
        "config": ("config", "Show the resolved configuration and where each value came from."),
        "data": ("data", "Bars: update, import, status, validate."),
    },
    "Research": {
        "strategy": ("strategy", "List strategies, and check one for look-ahead."),
        "train": ("train", "Fit the models of learned strategies that are due."),
        "models": ("models", "List and show fitted models."),
        "predict": ("predict", "The signals of one instant, one per strategy and symbol."),
        "backtest": ("backtest", "Run, list, show, compare and report backtests."),
        "signals": ("signals", "Predictions as they were made, and what became of them."),
        "regime": ("regime", "Regimes now and their history."),
    },
    "Records": {
        "sql": ("sql", "Ask DuckDB over bars, runs and facts."),
        "ledger": ("ledger", "Verify the chain of facts."),
        "serve": ("serve", "Answer other programs over HTTP, read-only."),
        "incidents": ("incidents", "What went wrong, and closing it."),
    },
}
_MODULES = {name: module for section in COMMANDS.values() for name, (module, _) in section.items()}


class RootGroup(Group):
    """The root: takes the global options from anywhere, and loads a command's module when it is run."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take out the global options before the rest is parsed."""
        faces = ctx.obj
        ctx.obj, rest = split_globals(args)
        if faces is not None:
            ctx.obj.faces = faces
        return super().parse_args(ctx, rest)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the help."""
        return list(_MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import the module of a command and return the command."""
        module = _MODULES.get(cmd_name)
        if module is None:
            return None
        command = typer.main.get_command(import_module(f"tradeterm.cli.commands.{module}").app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the table of commands and the global options; imports none of the commands."""
        for section, commands in COMMANDS.items():
            with formatter.section(section):
                formatter.write_dl([(f"{name:<9}", line) for name, (_, line) in commands.items()])
        with formatter.section("Global options (before or after the command)"):
            formatter.write_dl(list(GLOBAL_OPTIONS))


app = typer.Typer(
    cls=RootGroup,
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Terminal workstation for systematic trading; without a command it opens the workstation."""
    if version:
        sys.stdout.write(f"tradeterm {__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        _workstation(context)


def _workstation(context: typer.Context) -> None:
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise UsageError("the workstation needs a terminal; use a command, see `tradeterm --help`")
    invocation = invocation_of(context)
    if invocation.workstation is None:
        raise UsageError("the workstation isn't part of this installation; use a command, see `tradeterm --help`")
    raise typer.Exit(invocation.workstation(invocation.workspace(), invocation.settings()))
