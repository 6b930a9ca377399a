"""``tradeterm doctor``: what works, what doesn't, and what to do about it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated

import typer

from tradeterm import __version__, killfile
from tradeterm.cli.groups import single
from tradeterm.cli.invocation import invocation_of
from tradeterm.core.errors import ConfigError, StoreError, TradetermError
from tradeterm.core.time import iso

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tradeterm.cli.invocation import Invocation
    from tradeterm.cli.output import Page
    from tradeterm.config.settings import Settings
    from tradeterm.config.workspace import Workspace

__all__ = ["Check", "app", "checks"]

app = single()

_PACKAGES = ("numpy", "numba", "pandas", "pyarrow", "duckdb", "pydantic", "textual", "typer", "exchange_calendars")
_LEAST_FREE_MB = 500
# Exchanges refuse what is signed further off, and a bar's end is judged by our clock.
_MOST_SKEW_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding: ``ok`` is None for what is only told."""

    what: str
    ok: bool | None
    found: str


@app.command()
def doctor(
    context: typer.Context,
    online: Annotated[
        bool, typer.Option("--online", help="Ask each configured source too; nothing goes out without it.")
    ] = False,
) -> None:
    """Check Python, packages, paths, disk, ledger, kernel cache, keys, sources, kill state and the age of the data."""
    invocation = invocation_of(context)
    found = list(checks(invocation, online=online))
    broken = [check for check in found if check.ok is False]

    def show(page: Page) -> None:
        marks = {True: "ok", False: "BROKEN", None: "-"}
        page.table(("", "check", "found"), [(marks[check.ok], check.what, check.found) for check in found])

    document = {"schema": "tradeterm.doctor.v1", "ok": not broken, "checks": [asdict(check) for check in found]}
    follow = "mend what is BROKEN, then tradeterm doctor" if broken else "tradeterm daily"
    invocation.out.result(document, show, next_command=follow)
    if broken:
        raise typer.Exit(1)


def checks(invocation: Invocation, *, online: bool = False) -> Iterator[Check]:
    """Run every check; one that fails doesn't stop the others.

    online : whether sources are asked
    """
    yield _python()
    yield from map(_package, _PACKAGES)
    try:
        workspace = invocation.workspace()
    except TradetermError as problem:
        yield Check(what="workspace", ok=False, found=str(problem))
        return
    yield Check(what="workspace", ok=True, found=str(workspace.root))
    for folder in (workspace.strategies, workspace.data, workspace.results):
        yield _folder(folder)
    yield _disk(workspace)
    yield from _settings(invocation)
    yield from _sources(invocation, online=online)
    yield _ledger(workspace)
    yield _kernels()
    yield _kill(workspace)
    yield _data_age(workspace)


def _python() -> Check:
    text = f"{sys.version.split()[0]} at {sys.executable}, tradeterm {__version__}"
    return Check(what="python", ok=sys.version_info >= (3, 11), found=text)


def _package(name: str) -> Check:
    try:
        return Check(what=name, ok=True, found=version(name))
    except PackageNotFoundError:
        return Check(what=name, ok=False, found="not installed; run `make install`")


def _folder(folder: Path) -> Check:
    if not folder.is_dir():
        # data/ and results/ are made when they are first written to.
        parent_ok = os.access(folder.parent, os.W_OK)
        return Check(what=folder.name, ok=parent_ok, found=f"{folder}: not there yet")
    writable = os.access(folder, os.W_OK)
    return Check(what=folder.name, ok=writable, found=f"{folder}{'' if writable else ': not writable'}")


def _disk(workspace: Workspace) -> Check:
    free_mb = shutil.disk_usage(workspace.root).free // 1_000_000
    return Check(what="disk", ok=free_mb >= _LEAST_FREE_MB, found=f"{free_mb:,} MB free (at least {_LEAST_FREE_MB} MB)")


def _settings(invocation: Invocation) -> Iterator[Check]:
    try:
        settings = invocation.settings()
    except ConfigError as problem:
        yield Check(what="config", ok=False, found=str(problem))
        return
    yield Check(what="config", ok=True, found=f"profile {settings.profile}, hash {settings.config_hash}")
    for name, there in settings.secrets.present().items():
        yield Check(what=name, ok=None, found="set" if there else "not set")


def _sources(invocation: Invocation, *, online: bool) -> Iterator[Check]:
    try:
        settings = invocation.settings()
    except ConfigError:
        # Told already.
        return
    entries = settings.config.universe.instruments
    successes = _last_successes(settings.workspace)
    for name in dict.fromkeys(name for entry in entries for name in entry.source):
        yield from _source(settings, name, successes.get(name), online=online)


def _source(settings: Settings, name: str, success_ns: int | None, *, online: bool) -> Iterator[Check]:
    from tradeterm.config.sources import SERVICES

    if name == "import":
        yield Check(what="import", ok=None, found="your own files, by `tradeterm data import`: nothing to ask")
        return
    remedy = "tradeterm data update" if name in SERVICES else "tradeterm daily"
    when = iso(success_ns) if success_ns is not None else f"none recorded; run `{remedy}`"
    if name not in SERVICES:
        yield Check(what=name, ok=True, found="made here: needs no key, no network and no clock")
        yield Check(what=f"{name} last success", ok=None, found=when)
        return
    yield _key(settings, name)
    yield Check(what=f"{name} last success", ok=None, found=when)
    if online:
        yield from _reached(settings, name)
    else:
        asks = "not asked; `tradeterm doctor --online` does, and compares the clocks"
        yield Check(what=f"{name} reachable", ok=None, found=asks)


def _key(settings: Settings, name: str) -> Check:
    """Whether a source has its key; without one it is broken only where nothing else serves the symbol."""
    secrets, what = settings.secrets, f"{name} key"
    if name == "fred":
        there = secrets.fred_api_key is not None
        found = "set" if there else "not set: today's values alone, no vintages; FRED_API_KEY brings them"
        return Check(what=what, ok=True if there else None, found=found)
    if name != "alpaca":
        return Check(what=what, ok=True, found="needs none")
    if secrets.alpaca_api_key is not None and secrets.alpaca_secret_key is not None:
        return Check(what=what, ok=True, found="set")
    alone = [
        entry.symbol
        for entry in settings.config.universe.instruments
        if entry.source == (name,) and entry.asset_class == "equity"
    ]
    found = "not set: no equities; set ALPACA_API_KEY and ALPACA_SECRET_KEY in the environment or .env"
    return Check(what=what, ok=False if alone else None, found=found)


def _last_successes(workspace: Workspace) -> dict[str, int]:
    """When each source last gave something, to a daily run or to an update by hand."""
    from tradeterm.store.ledger import Ledger
    from tradeterm.views.refreshes import refreshes, source_rows

    try:
        with Ledger.reader(workspace.results) as ledger:
            rows = source_rows(refreshes(ledger))
    except StoreError:
        # Told by the check of the ledger.
        return {}
    return {row.source: row.success_ns for row in rows if row.success_ns is not None}


def _reached(settings: Settings, name: str) -> Iterator[Check]:
    from tradeterm.data.sources.probing import HOSTS, clock_skew_s, probe
    from tradeterm.research.plan import open_sources, refresh_plan

    plan = refresh_plan(settings)
    instrument = next(item for item in plan.instruments if name in plan.sources[item.symbol])
    answer = probe(open_sources(settings)[name].make(), instrument, plan.keys(instrument)[0], time.time_ns())
    yield Check(what=f"{name} reachable", ok=answer.ok, found=answer.found)
    skew = clock_skew_s(HOSTS[name])
    if skew is None:
        yield Check(what=f"{name} clock", ok=None, found="it doesn't say")
    else:
        yield Check(what=f"{name} clock", ok=abs(skew) < _MOST_SKEW_S, found=f"ours is {skew:+.1f} s against it")


def _ledger(workspace: Workspace) -> Check:
    from tradeterm.store.ledger import Ledger

    try:
        with Ledger.reader(workspace.results) as ledger:
            found = ledger.verify()
    except StoreError as problem:
        return Check(what="ledger", ok=False, found=str(problem))
    return Check(what="ledger", ok=found.ok, found=f"{found.rows} facts, whole" if found.ok else str(found.problem))


def _kernels() -> Check:
    from tradeterm.config.kernels import use_kernel_cache

    folder = use_kernel_cache()
    return Check(what="kernels", ok=None, found=str(folder) if folder else "no cache folder: compiled at each start")


def _kill(workspace: Workspace) -> Check:
    record = killfile.read(workspace.results)
    if record is None:
        return Check(what="kill", ok=None, found="not latched")
    return Check(
        what="kill", ok=None, found=f"LATCHED at {record.at} by {record.by}: {record.reason or 'no reason given'}"
    )


def _data_age(workspace: Workspace) -> Check:
    newest = max((path.stat().st_mtime for path in workspace.data.glob("*/*.parquet")), default=None)
    if newest is None:
        return Check(what="data", ok=None, found="no bars stored yet; run `tradeterm data update`")
    return Check(what="data", ok=None, found=f"newest file written {(time.time() - newest) / 3600:.1f} h ago")
