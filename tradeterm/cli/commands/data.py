"""``tradeterm data``: bars from the sources and from the user's own files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tradeterm.cli.groups import group
from tradeterm.cli.invocation import invocation_of
from tradeterm.cli.progress import progress, progress_each
from tradeterm.cli.stored import show_data, show_series
from tradeterm.core.errors import StaleData, UsageError
from tradeterm.core.exchanges import CALENDARS, checked_calendar
from tradeterm.core.time import from_iso, iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.cli.invocation import Invocation
    from tradeterm.cli.output import Page
    from tradeterm.config.schema import InstrumentEntry
    from tradeterm.config.settings import Settings
    from tradeterm.data.importing import ImportReport
    from tradeterm.data.refresh import RefreshItem

__all__ = ["app"]

_SHOWN_LINES = 5
_SHOWN_FINDINGS = 40

app = group("Bars: download, update, import, status, validate.")


_SYMBOLS = typer.Argument(metavar="[SYMBOL]...", help="These alone; nothing = the whole universe.")
_SOURCE = typer.Option("--source", help="Ask this source alone, in the place of the order of universe.instruments.")
_ASOF = typer.Option("--asof", help="Date, instant or today: fetch what is known by then.")


@app.command()
def download(
    context: typer.Context,
    symbols: Annotated[list[str] | None, _SYMBOLS] = None,
    since: Annotated[str, typer.Option("--since", help="First day; nothing = all that the source has.")] = "",
    source: Annotated[str, _SOURCE] = "",
    asof: Annotated[str, _ASOF] = "today",
) -> None:
    """Fetch whole histories and compare what is stored with them; exit code 4 when something is missing."""
    invocation = invocation_of(context)
    _fetch(invocation, "download", symbols or (), since_ns=from_iso(since) if since else 0, only=source, asof=asof)


@app.command()
def update(
    context: typer.Context,
    symbols: Annotated[list[str] | None, _SYMBOLS] = None,
    since: Annotated[str, typer.Option("--since", help="First day; nothing = a few bars before the last one.")] = "",
    source: Annotated[str, _SOURCE] = "",
    asof: Annotated[str, _ASOF] = "today",
) -> None:
    """Fetch what is new, and see whether the last stored bars changed; exit code 4 when something is missing."""
    invocation = invocation_of(context)
    _fetch(invocation, "update", symbols or (), since_ns=from_iso(since) if since else None, only=source, asof=asof)


def _fetch(
    invocation: Invocation, command: str, symbols: Sequence[str], *, since_ns: int | None, only: str, asof: str
) -> None:
    settings, asof_ns = invocation.settings(), invocation.instant(asof)
    from tradeterm.research.plan import refresh_plan
    from tradeterm.research.plan import update as bring

    plan = refresh_plan(settings, symbols=symbols, since_ns=since_ns, only=only or None)
    with invocation.logged(command), progress_each() as report:
        done = bring(settings, plan, asof_ns=asof_ns, clock=time.time_ns, progress=report, command=command)
    missing = [str(item.key) for item in done.items if item.error]
    counts = f"{len(done.items)} files, {done.added:,} bars added, {done.restated} restated, {done.failed} files failed"

    def show(page: Page) -> None:
        columns = ("bars", "source", "state", ">added", ">restated", "last", ">late h")
        page.table(columns, [tuple(row[name] for name in _SHOWN) for row in map(_fetched_row, done.items)])
        for item in done.items:
            for tried in item.tries:
                page.line(f"! {item.key}: {tried.error}")
            if item.error and not item.tries:
                page.line(f"! {item.key}: {item.error}")
        if missing:
            page.line(f"missing: {', '.join(missing)}")
        page.line(counts, style="dim")

    document = {
        "schema": f"tradeterm.{command}.v1",
        "asof": iso(asof_ns),
        "ok": done.ok,
        "added": done.added,
        "restated": done.restated,
        "items": [_fetched_row(item) for item in done.items],
        "missing": missing,
    }
    invocation.out.result(document, show, outcome=counts, next_command="tradeterm data status")
    if not done.ok:
        raise typer.Exit(StaleData.exit_code)


_SHOWN = ("bars", "source", "state", "added", "restated", "last", "late_hours")


def _fetched_row(item: RefreshItem) -> dict[str, Any]:
    return {
        "bars": str(item.key),
        "source": item.source,
        "state": item.state,
        "added": item.added,
        "restated": item.restated,
        "last": iso(item.last_ns) if item.last_ns >= 0 else None,
        "late_hours": round(item.lag_ns / 3.6e12, 1),
        "tries": [tried._asdict() for tried in item.tries],
        "error": item.error or None,
    }


@app.command()
def status(
    context: typer.Context,
    symbol: Annotated[
        str, typer.Argument(metavar="[SYMBOL]", help="Tell everything about its files; nothing = a line per file.")
    ] = "",
) -> None:
    """Show each file: last bar, lag, gaps, quarantined rows, restated bars, source; and the health of the sources."""
    invocation = invocation_of(context)
    settings = invocation.settings()
    if symbol:
        from tradeterm.views import series

        view = series.build(
            settings.workspace, time.time_ns(), symbol, config=settings.config, profile=invocation.profile
        )
        invocation.out.result(
            view.to_json(), lambda page: show_series(page, view), next_command="tradeterm data status"
        )
        return
    from tradeterm.views import data

    found = data.build(settings.workspace, time.time_ns(), config=settings.config, profile=invocation.profile)
    follow = "tradeterm data validate"
    if found.late or found.bad:
        sources = {name for entry in settings.config.universe.instruments for name in entry.source}
        follow = "tradeterm data import FILE" if sources == {"import"} else "tradeterm data update"
    invocation.out.result(found.to_json(), lambda page: show_data(page, found), next_command=follow)


def _status_of(invocation: Invocation, symbol: str) -> None:
    from tradeterm.views.series import build

    settings = invocation.settings()
    found = build(settings.workspace, time.time_ns(), symbol, config=settings.config, profile=invocation.profile)
    invocation.out.result(found.to_json(), lambda page: show_series(page, found), next_command="tradeterm data status")


@app.command()
def validate(
    context: typer.Context,
    asof: Annotated[str, typer.Option("--asof", help="Date, instant or today: judge what is known by then.")] = "today",
) -> None:
    """Judge the stored bars by named rules; ends with exit code 4 when one can't be right."""
    from tradeterm.data.validate import ValidationRules
    from tradeterm.data.validate import validate as judge
    from tradeterm.research.plan import publication_rules
    from tradeterm.store.bars import BarStore
    from tradeterm.views.base import plain

    invocation = invocation_of(context)
    settings = invocation.settings()
    thresholds = settings.config.system.validation
    rules = ValidationRules(**thresholds.model_dump(), publication=publication_rules(settings.config))
    with progress() as report:
        found = judge(BarStore(settings.workspace.data), rules, invocation.instant(asof), progress=report)
    counts = {severity: sum(item.severity == severity for item in found) for severity in ("error", "warning", "info")}
    told = ", ".join(f"{count} {severity}" for severity, count in counts.items())

    def show(page: Page) -> None:
        # What is known to happen is told on request; the rest is what a person should look at, gravest first.
        shown = [item for item in found if invocation.verbose or item.severity != "info"]
        shown.sort(key=lambda item: item.severity != "error")
        rows = [
            (
                item.severity,
                item.symbol,
                item.timeframe,
                iso(item.ts_ns) if item.ts_ns >= 0 else None,
                item.rule,
                item.detail,
            )
            for item in shown[:_SHOWN_FINDINGS]
        ]
        page.table(("", "symbol", "bars", "bar", "rule", "detail"), rows)
        if len(shown) > len(rows):
            page.line(f"and {len(shown) - len(rows)} more: tradeterm data validate --json")
        page.line(told, style="dim")

    findings = [plain(item) | ({"ts": None} if item.ts_ns < 0 else {}) for item in found]
    document = {"schema": "tradeterm.validate.v1", "counts": counts, "findings": findings}
    invocation.out.result(document, show, outcome=told, next_command="tradeterm data status")
    if counts["error"]:
        raise typer.Exit(StaleData.exit_code)


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV (also gzipped or zipped) or Parquet file with a row per bar.")
    ],
    symbol: Annotated[str, typer.Option("--symbol", help="Name it gets, such as SPY, BTC/USDT or T10Y2Y.")],
    timeframe: Annotated[
        Literal["1m", "5m", "15m", "30m", "1h", "daily", "monthly"] | None,
        typer.Option("--timeframe", help="Length of a bar; nothing = as its stamps prove."),
    ] = None,
    asset_class: Annotated[
        Literal["equity", "crypto", "macro"] | None,
        typer.Option("--asset-class", help="What it is; nothing = as the universe says."),
    ] = None,
    tz: Annotated[
        str | None, typer.Option("--tz", help="Time zone of stamps that carry no offset; nothing = as they prove.")
    ] = None,
    label: Annotated[
        Literal["open", "close"] | None,
        typer.Option("--label", help="Whether a stamp is the open or the close of its bar; nothing = as they prove."),
    ] = None,
    dates: Annotated[
        Literal["month-first", "day-first"] | None,
        typer.Option("--dates", help="What comes first in 01/02/2024; nothing = as the dates prove."),
    ] = None,
    adjustment: Annotated[
        Literal["none", "split", "all"], typer.Option("--adjustment", help="What the prices are adjusted for.")
    ] = "none",
    calendar: Annotated[
        str | None,
        typer.Option(
            "--calendar",
            metavar="NAME",
            help=f"Whose hours it keeps: {', '.join(CALENDARS)}; nothing = as the universe says, New York's where it "
            "says nothing.",
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="OURS=THEIRS",
            help="Name of a column in the file, such as ts=unix or volume='Volume USD'; may be repeated. "
            "Ours are ts, open, high, low, close, volume and value.",
        ),
    ] = None,
    ticker: Annotated[
        str, typer.Option("--ticker", help="The file's name of the instrument, where it isn't the symbol.")
    ] = "",
) -> None:
    """Bring your own file into the store; bad rows are named and kept in quarantine, the rest goes in."""
    invocation = invocation_of(context)
    settings = invocation.settings()
    from tradeterm.core.market import AssetClass, Timeframe, checked_symbol
    from tradeterm.data.importing import import_file
    from tradeterm.data.restating import RestatementLog
    from tradeterm.research.plan import publication_rules
    from tradeterm.store.bars import BarStore

    entry = _entry(settings, checked_symbol(symbol, [item.symbol for item in settings.config.universe.instruments]))
    kind, hours = _listed(entry, symbol, asset_class, calendar)
    log = RestatementLog(settings.workspace.results, clock=time.time_ns)
    with invocation.logged("import"), progress() as report:
        done = import_file(
            BarStore(settings.workspace.data),
            Path(file),
            symbol=symbol,
            asset_class=AssetClass(kind),
            timeframe=Timeframe(timeframe) if timeframe is not None else None,
            tz=tz,
            label=label,
            dates=dates,
            calendar=hours,
            now_ns=time.time_ns(),
            adjustment=adjustment,
            ticker=ticker,
            columns=_columns(column or []),
            aliases=[names[symbol] for names in settings.config.universe.names.values() if symbol in names],
            publication=publication_rules(settings.config).get(symbol),
            restated=lambda key, found: log.record(key, found, f"import:{Path(file).name}"),
            progress=report,
        )
    document = _imported(done) | {"file": file, "configured": entry is not None}
    invocation.out.result(
        document,
        lambda page: _show_import(page, done, configured=entry is not None),
        outcome=_outcome(done),
        next_command="tradeterm data status",
    )


_COUNTED = ("rows_in", "stored", "added", "left_out", "crosses", "unfinished", "blank", "repeated", "sorted_here")
_BAR = ("open", "high", "low", "close", "volume")


def _imported(done: ImportReport) -> dict[str, Any]:
    return {name: getattr(done, name) for name in _COUNTED} | {
        "schema": "tradeterm.import.v1",
        "symbol": done.key.symbol,
        "timeframe": done.key.timeframe.value,
        "first": iso(done.first_ns),
        "last": iso(done.last_ns),
        "restated": len(done.restated),
        "quarantined": {rule: list(lines) for rule, lines in done.quarantined.items()},
        "derived": [str(key) for key in done.derived],
        "replaced": list(done.replaced),
        "recognised": [item._asdict() for item in done.recognised],
        "bars": [{"ts": iso(bar.ts_ns)} | {name: _known(getattr(bar, name)) for name in _BAR} for bar in done.shown],
    }


def _outcome(done: ImportReport) -> str:
    """Say what became of the rows, in one line."""
    kept = f"{done.key}: {done.stored:,} of {done.rows_in:,} rows stored, {done.added:,} new"
    others = {
        "restated": len(done.restated),
        **{f"quarantined by {rule}": len(lines) for rule, lines in done.quarantined.items()},
        "outside sessions": done.left_out,
        "unfinished": done.unfinished,
        "blank": done.blank,
        "repeated": done.repeated,
    }
    return ", ".join([kept, *(f"{count:,} {what}" for what, count in others.items() if count)])


def _show_import(page: Page, done: ImportReport, *, configured: bool) -> None:
    page.title(f"{done.key}: {done.added} bars added, {iso(done.first_ns)} to {iso(done.last_ns)}")
    page.pairs({name: getattr(done, name) for name in _COUNTED} | {"restated": len(done.restated)})
    for item in done.recognised:
        page.line(f"recognised {item.what}: {item.value} ({item.why})")
    for rule, lines in done.quarantined.items():
        some = ", ".join(map(str, lines[:_SHOWN_LINES])) + (", ..." if len(lines) > _SHOWN_LINES else "")
        page.line(f"quarantined {len(lines)} of {done.key} by {rule}: line {some}")
    if done.crosses:
        page.line(
            f"! {done.crosses} bars open before a session and close in it: they were left out, and the stored sessions "
            "begin after them"
        )
    page.line(f"derived: {', '.join(map(str, done.derived)) or 'nothing'}")
    if done.replaced:
        page.line(f"made-up bars gave way: {', '.join(done.replaced)}")
    if not configured:
        page.line(f"{done.key.symbol} is not in universe.instruments: nothing uses these bars until it is named there")
    page.table(
        ("", "bar", *(f">{name}" for name in _BAR)),
        [
            (which, iso(bar.ts_ns), *(_known(getattr(bar, name)) for name in _BAR))
            for which, bar in zip(("first", "last"), done.shown, strict=False)
        ],
    )


def _known(value: float) -> float | None:
    return None if value != value else value


def _columns(given: Sequence[str]) -> dict[str, str]:
    """Names of columns as ``--column`` gives them."""
    found = {}
    for item in given:
        ours, parted, theirs = item.partition("=")
        if not (ours and parted and theirs):
            raise UsageError(f"--column {item}: write it as OURS=THEIRS, such as ts=unix")
        found[ours] = theirs
    return found


def _entry(settings: Settings, symbol: str) -> InstrumentEntry | None:
    """Return the symbol's entry of the universe, if any; refuse where its own bars would be no source of it."""
    entry = next((item for item in settings.config.universe.instruments if item.symbol == symbol), None)
    if entry is not None and "import" not in entry.source:
        given = ", ".join(entry.source)
        wanted = "import" if entry.made_up else f"[import, {given}]"
        raise UsageError(
            f"{symbol}: its source is {given}, so that imported bars would not be used; give --set "
            f'"universe.instruments.{symbol}.source={wanted}", or write source: {wanted} in universe.yaml, '
            "then import again; nothing was changed"
        )
    return entry


def _listed(
    entry: InstrumentEntry | None, symbol: str, asset_class: str | None, calendar: str | None
) -> tuple[str, str]:
    """Asset class and calendar: as asked, else as the universe lists the symbol."""
    asked = checked_calendar(calendar) if calendar is not None else None
    kind = asset_class or (entry.asset_class if entry is not None else None)
    if kind is None:
        raise UsageError(f"{symbol} is not in universe.instruments; say what it is with --asset-class")
    own = "24/7" if kind == "crypto" else "XNYS"
    if entry is not None and entry.asset_class == kind:
        own = entry.calendar
    if asked is not None and asked != own and (entry is not None or kind == "crypto"):
        raise UsageError(
            f"{symbol}: {kind} on the calendar {own}, --calendar says {asked}; leave it out, or change calendar in "
            "universe.instruments; nothing was changed"
        )
    return kind, asked or own
