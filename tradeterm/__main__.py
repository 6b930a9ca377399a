"""Entry of the command line; ``kill`` is answered before anything but the standard library is imported."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command of ``sys.argv`` and end the process with its exit code."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["kill"]:
        from tradeterm import killcommand

        sys.exit(killcommand.run(arguments[1:]))
    from tradeterm.cli.diagnostics import run

    sys.exit(run(arguments))


if __name__ == "__main__":
    main()
