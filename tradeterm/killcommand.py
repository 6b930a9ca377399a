"""``tradeterm kill``: latch and say so, with the standard library alone and without asking anything back.

It works while configuration, packages and stores are broken, and takes about as long as Python's own start.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from tradeterm import killfile

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["option_help", "run"]

_DONE, _FAILED, _USAGE = 0, 1, 2


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Malformed(message)


class _Malformed(Exception):
    """Words after ``kill`` that make no sense."""


def run(argv: Sequence[str]) -> int:
    """Latch, whatever else is wrong with the words after ``kill``; return the exit code."""
    problem: str | None = None
    try:
        options, unknown = _parser().parse_known_args(argv)
        problem = f"'{unknown[0]}' is no option of kill" if unknown else None
    except _Malformed as malformed:
        # Whoever types kill in a hurry means it: latch first, complain after.
        options, problem = _salvaged(argv), str(malformed)
    root = killfile.find_root(options.workspace, os.environ, os.getcwd())
    if root is None:
        where = options.workspace or os.environ.get("TRADETERM_WORKSPACE") or os.getcwd()
        return _fail(f"{where}: no workspace here or above; name it: tradeterm kill --workspace DIR", _USAGE)
    results = os.path.join(root, "results")
    stood = killfile.read(results)
    try:
        record = killfile.trip(results, options.by, options.reason, flatten=options.flatten)
    except OSError as failure:
        path = os.path.join(results, killfile.KILL_NAME)
        return _fail(f"{path}: can't be latched ({failure.strerror}); stop the session's process by hand", _FAILED)
    _report(record, first=stood is None, path=os.path.join(results, killfile.KILL_NAME), as_json=options.json)
    if problem is not None:
        return _fail(f"{problem}; the latch stands all the same, see tradeterm kill --help", _USAGE)
    return _DONE


def option_help() -> list[tuple[str, str]]:
    """Names and meanings of the options, for the documentation."""
    actions = [
        action for action in _parser()._actions if action.help is not argparse.SUPPRESS and action.dest != "help"
    ]
    return [(", ".join(action.option_strings), str(action.help)) for action in actions]


def _parser() -> _Parser:
    parser = _Parser(
        prog="tradeterm kill",
        description="Latch the kill switch: no new orders, cancel what is working. Never asks back.",
        epilog="To take it back: tradeterm resume --kill --reason TEXT",
        allow_abbrev=False,
    )
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the record")
    parser.add_argument("--by", default="operator:cli", metavar="WHO", help="who latches (default: operator:cli)")
    parser.add_argument("--flatten", action="store_true", help="ask the session to close all positions as well")
    parser.add_argument("--workspace", metavar="DIR", help="workspace, if it isn't this folder or one above")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    # The other commands' global options mean nothing here, and must not keep it from latching.
    for name in ("--profile", "--experiment", "--set"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    parser.add_argument("-v", "--verbose", action="store_true", help=argparse.SUPPRESS)
    return parser


def _salvaged(argv: Sequence[str]) -> argparse.Namespace:
    options = _parser().parse_args([])
    options.flatten, options.json = "--flatten" in argv, "--json" in argv
    if "--workspace" in argv[:-1]:
        options.workspace = argv[list(argv).index("--workspace") + 1]
    return options


def _report(record: killfile.KillRecord, *, first: bool, path: str, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(
            json.dumps({"schema": "tradeterm.kill.v1", **record._asdict(), "first": first, "path": path}) + "\n"
        )
        return
    said = "KILLED" if first else "was latched already,"
    why = f": {record.reason}" if record.reason else ""
    flat = ", positions to be closed" if record.flatten else ""
    sys.stdout.write(f"{said} at {record.at} by {record.by}{why}{flat}\n")
    sys.stdout.write('next: tradeterm status, or take it back: tradeterm resume --kill --reason "..."\n')


def _fail(text: str, code: int) -> int:
    sys.stderr.write(f"error: {text}\n")
    return code
