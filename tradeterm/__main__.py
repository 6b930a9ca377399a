"""Entry of the command line; ``kill`` is answered before anything but the standard library is imported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradeterm.config.settings import Settings
    from tradeterm.config.workspace import Workspace

__all__ = ["main"]


def main() -> None:
    """Run the command of ``sys.argv`` and end the process with its exit code."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["kill"]:
        from tradeterm import killcommand

        sys.exit(killcommand.run(arguments[1:]))
    from tradeterm.cli.diagnostics import run
    from tradeterm.cli.invocation import Faces

    sys.exit(run(arguments, faces=Faces(workstation=_workstation, service=_service)))


def _workstation(workspace: Workspace, settings: Settings) -> int:
    # Textual takes 200 ms to import, and no command needs it.
    from tradeterm.tui.app import run

    return run(workspace, settings)


def _service(
    workspace: Workspace,
    settings: Settings,
    *,
    host: str,
    port: int,
    profile: str | None,
    announce: Callable[[str], None],
) -> int:
    # FastAPI and uvicorn take 300 ms to import, and no other command needs them.
    from tradeterm.api.server import run

    return run(workspace, settings, host=host, port=port, profile=profile, announce=announce)


if __name__ == "__main__":
    main()
