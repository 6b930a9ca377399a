"""What people read on stderr when a command fails, and the exit code it ends with.

| code | meaning |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | wrong usage or configuration |
| 3 | another process holds the lock |
| 4 | partly done, or data too old |
| 5 | risk halt |
| 6 | reconciliation break |
| 7 | kill latched |
| 8 | look-ahead certificate failed |
| 9 | promotion gate refused |
| 130 | interrupted |
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from tradeterm.core.errors import TradetermError
from tradeterm.killfile import find_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.cli.invocation import Faces
    from tradeterm.config.scrub import Scrubber

__all__ = ["BROKEN_PIPE", "INTERRUPTED", "run"]

INTERRUPTED = 130
BROKEN_PIPE = 141
_DONE, _FAILED, _USAGE = 0, 1, 2


def run(arguments: Sequence[str], *, faces: Faces | None = None) -> int:
    """Run one command line and return its exit code; every failure is one line on stderr.

    faces : the workstation and the service, where there are any
    """
    import typer
    from typer.exceptions import TyperException

    root = _root(arguments)
    try:
        return _invoked(arguments, faces)
    except TradetermError as error:
        return _report(str(error), error.exit_code, root)
    except TyperException as error:
        return _report(_usage(error), _USAGE, root)
    except (KeyboardInterrupt, typer.Abort):
        return _report("interrupted; what was finished is kept, run the same command again", INTERRUPTED, root)
    except BrokenPipeError:
        # The reader went away, as `| head` does. Python would complain when it flushes at exit: give it nowhere to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:  # the last stop: recorded in full in a crash file, shown as one line
        return _report(_crash(error, arguments, root), _FAILED, root)


def _invoked(arguments: Sequence[str], faces: Faces | None) -> int:
    import typer

    from tradeterm.cli.app import app

    code = _DONE
    try:
        command = typer.main.get_command(app)
        with command.make_context("tradeterm", list(arguments), obj=faces) as context:
            command.invoke(context)
    except typer.Exit as ended:
        code = ended.exit_code
    # Here, where a reader that went away is still met with the right words.
    sys.stdout.flush()
    return code


def _root(arguments: Sequence[str]) -> str | None:
    """Workspace of a command line, found with the standard library: its settings may be what is broken."""
    from tradeterm.cli.invocation import split_globals

    try:
        named = split_globals(arguments)[0].workspace_option
    except TradetermError:
        named = None
    return find_root(named, os.environ, os.getcwd())


def _report(text: str, code: int, root: str | None) -> int:
    line = " ".join(_scrubber(root)(text).split())
    sys.stderr.write(f"error: {line}\n")
    return code


def _usage(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    told = getattr(error, "format_message", error.__str__)().strip().replace("Value error, ", "")
    command = context.command_path if context is not None else "tradeterm"
    return f"{told.rstrip('.')}; see `{command} --help`"


def _crash(error: Exception, arguments: Sequence[str], root: str | None) -> str:
    import tempfile
    import time
    import traceback

    told = f"{type(error).__name__}: {error}"
    text = f"tradeterm {' '.join(arguments)}\n\n{''.join(traceback.format_exception(error))}"
    folder = os.path.join(root, "results", "logs") if root is not None else tempfile.gettempdir()
    path = os.path.join(folder, f"crash-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.log")
    try:
        os.makedirs(folder, exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(_scrubber(root)(text))
    except OSError as problem:
        return f"unexpected {told} (and no crash report could be written: {problem.strerror})"
    return f"unexpected {told}; please report it with {path}"


def _scrubber(root: str | None) -> Scrubber:
    from tradeterm.config.scrub import Scrubber

    found = [value for name, value in os.environ.items() if name.endswith(("_KEY", "_SECRET", "_TOKEN", "_PASSWORD"))]
    return Scrubber([*found, *_stored(root)])


def _stored(root: str | None) -> list[str]:
    """Values of the workspace's ``.env``, read by hand: what reads it properly may be what failed."""
    if root is None:
        return []
    try:
        with open(os.path.join(root, ".env"), encoding="utf-8") as file:
            lines = [line for line in file if "=" in line and not line.startswith("#")]
    except (OSError, UnicodeDecodeError):
        return []
    return [line.partition("=")[2].strip().strip("\"'") for line in lines]
