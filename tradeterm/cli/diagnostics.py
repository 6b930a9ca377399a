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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.cli.invocation import Workstation
    from tradeterm.config.scrub import Scrubber

__all__ = ["BROKEN_PIPE", "INTERRUPTED", "run"]

INTERRUPTED = 130
BROKEN_PIPE = 141
_DONE, _FAILED, _USAGE = 0, 1, 2


def run(arguments: Sequence[str], *, workstation: Workstation | None = None) -> int:
    """Run one command line and return its exit code; every failure is one line on stderr.

    workstation : what a line without a command opens
    """
    import typer
    from typer.exceptions import TyperException

    from tradeterm.cli.app import app

    try:
        command = typer.main.get_command(app)
        with command.make_context("tradeterm", list(arguments), obj=workstation) as context:
            command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as ended:
        return ended.exit_code
    except TradetermError as error:
        return _report(str(error), error.exit_code)
    except TyperException as error:
        return _report(_usage(error), _USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return _report("interrupted; what was finished is kept, run the same command again", INTERRUPTED)
    except BrokenPipeError:
        # The reader went away, as `| head` does. Python would complain when it flushes at exit: give it nowhere to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:  # the last stop: recorded in full in a crash file, shown as one line
        return _report(_crash(error, arguments), _FAILED)
    return _DONE


def _report(text: str, code: int) -> int:
    line = " ".join(_scrubber()(text).split())
    sys.stderr.write(f"error: {line}\n")
    return code


def _usage(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    told = getattr(error, "format_message", error.__str__)().strip().replace("Value error, ", "")
    command = context.command_path if context is not None else "tradeterm"
    if type(error).__name__ == "NoArgsIsHelpError":
        told = "no command was given"
    return f"{told.rstrip('.')}; see `{command} --help`"


def _crash(error: Exception, arguments: Sequence[str]) -> str:
    import time
    import traceback

    scrub = _scrubber()
    told = f"{type(error).__name__}: {error}"
    text = f"tradeterm {' '.join(arguments)}\n\n{''.join(traceback.format_exception(error))}"
    try:
        folder = _logs()
        os.makedirs(folder, exist_ok=True)
        name = f"crash-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.log"
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(scrub(text))
    except OSError as problem:
        return f"unexpected {told} (and no crash report could be written: {problem.strerror})"
    return f"unexpected {told}; please report it with {path}"


def _logs() -> str:
    from tradeterm.killfile import find_root

    root = find_root(None, os.environ, os.getcwd())
    return os.path.join(root if root is not None else os.getcwd(), "results", "logs")


def _scrubber() -> Scrubber:
    from pathlib import Path

    from tradeterm.config.scrub import Scrubber
    from tradeterm.killfile import find_root

    found = [value for name, value in os.environ.items() if name.endswith(("_KEY", "_SECRET", "_TOKEN", "_PASSWORD"))]
    root = find_root(None, os.environ, os.getcwd())
    try:
        lines = Path(root, ".env").read_text(encoding="utf-8").splitlines() if root is not None else []
    except (OSError, UnicodeDecodeError):
        lines = []
    stored = [line.partition("=")[2].strip().strip("\"'") for line in lines if "=" in line and line[:1] != "#"]
    return Scrubber([*found, *stored])
