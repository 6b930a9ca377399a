"""``tradeterm init``: a workspace that works as it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradeterm.cli.groups import single
from tradeterm.cli.invocation import invocation_of
from tradeterm.core.errors import StoreUnwritable, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

    from tradeterm.cli.output import Page

__all__ = ["app", "write_workspace"]

app = single()
_SUFFIXES = (".yaml", ".py")


@app.command()
def init(
    context: typer.Context,
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Folder to make; it may exist, without configs/ in it.")],
) -> None:
    """Make a workspace in DIR: configs, strategies, data, results and .env.example."""
    root = Path(folder).expanduser().absolute()
    written = write_workspace(root)

    def show(page: Page) -> None:
        page.line(f"workspace {root}: {len(written)} files")

    document = {"schema": "tradeterm.init.v1", "workspace": str(root), "written": written}
    invocation_of(context).out.result(document, show, next_command=f"cd {folder} && tradeterm daily")


def write_workspace(root: Path) -> list[str]:
    """Copy the packaged workspace to ``root``; refuses where one is, and overwrites nothing.

    Raises
    ------
    UsageError
        When a file of the workspace is there already.
    """
    # 15 ms to import, and only this command needs it.
    from importlib.resources import files

    template = files("tradeterm") / "template"
    planned = {root / name: source for name, source in _planned(template)}
    taken = next((path for path in planned if path.exists()), None)
    if taken is not None:
        raise UsageError(f"{taken} is there already; name another folder, or move it away")
    try:
        for path, source in planned.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.read_bytes())
        for name in ("data", "results"):
            (root / name).mkdir(exist_ok=True)
    except OSError as problem:
        raise StoreUnwritable(problem.filename or root, problem.strerror or str(problem)) from None
    return sorted(path.relative_to(root).as_posix() for path in planned)


def _planned(template: Traversable) -> Iterator[tuple[str, Traversable]]:
    for part in ("configs", "strategies"):
        yield from _files(template / part, part)
    yield ".env.example", template / "env.example"


def _files(folder: Traversable, at: str) -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda found: found.name):
        if entry.is_dir():
            yield from _files(entry, f"{at}/{entry.name}")
        elif entry.name.endswith(_SUFFIXES):
            yield f"{at}/{entry.name}", entry
