"""What is to be refreshed, from which sources, and how what has changed is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradeterm.core.errors import UsageError, nearest
from tradeterm.core.market import Timeframe, checked_symbol
from tradeterm.core.time import iso
from tradeterm.data.publication import PublicationRule
from tradeterm.data.refresh import IMPORTED, RefreshPlan, refresh
from tradeterm.data.restating import RestatementLog
from tradeterm.data.sources.registry import suppliers
from tradeterm.research.desk import watched
from tradeterm.store.bars import BarStore
from tradeterm.store.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tradeterm.config.schema import Config
    from tradeterm.config.settings import Settings
    from tradeterm.data.crew import Supplier
    from tradeterm.data.refresh import RefreshItem, RefreshReport

    Progress = Callable[[str, int, int], None]

__all__ = ["open_sources", "publication_rules", "refresh_plan", "update"]


def publication_rules(config: Config) -> dict[str, PublicationRule]:
    """Release schedule per macro series."""
    return {
        name: PublicationRule(kind=rule.kind, lag_days=rule.lag_days, at=rule.at, tz=rule.tz)
        for name, rule in config.universe.publication.items()
    }


def refresh_plan(
    settings: Settings, *, symbols: Sequence[str] = (), since_ns: int | None = None, only: str | None = None
) -> RefreshPlan:
    """Instruments and series of the universe with their sources.

    symbols : these alone, all where empty
    since_ns : ask from there on (0: all there is), not from the last stored bars
    only : ask this source alone; without ``symbols``, for what names it

    Raises
    ------
    UsageError
        When a symbol is not in the universe, or does not name that source.
    """
    config = settings.config
    entries = {entry.symbol: entry for entry in config.universe.instruments}
    for symbol in symbols:
        if checked_symbol(symbol, entries) not in entries:
            near = nearest(symbol, entries)
            hint = f"did you mean '{near}'?" if near else f"it has {', '.join(entries)}"
            raise UsageError(f"{symbol} is not in universe.instruments; {hint}")
        if only is not None and only not in entries[symbol].source:
            raise UsageError(f"{symbol} has no source '{only}'; its sources are {', '.join(entries[symbol].source)}")
    chosen = [symbol for symbol in entries if not symbols or symbol in symbols]
    if only is not None:
        chosen = [symbol for symbol in chosen if only in entries[symbol].source]
        if not chosen:
            named = sorted({name for entry in entries.values() for name in entry.source})
            raise UsageError(f"source '{only}' serves no symbol of universe.instruments; these do: {', '.join(named)}")
    return RefreshPlan(
        instruments=tuple(item for item in watched(config) if item.symbol in chosen),
        sources={symbol: entry.source for symbol, entry in entries.items()},
        publication=publication_rules(config),
        timeframes={
            symbol: tuple(Timeframe(timeframe) for timeframe in entry.timeframes) for symbol, entry in entries.items()
        },
        overlap=config.sources.overlap_bars,
        since_ns=since_ns,
        only=None if only == IMPORTED else only,
    )


def open_sources(settings: Settings) -> dict[str, Supplier]:
    """Every source, made when it is first asked."""
    return suppliers(settings.config, settings.secrets, publication_rules(settings.config))


def update(
    settings: Settings,
    plan: RefreshPlan,
    *,
    asof_ns: int,
    clock: Callable[[], int],
    progress: Progress | None = None,
    sources: Mapping[str, Supplier] | None = None,
    command: str | None = None,
) -> RefreshReport:
    """Bring the workspace's bars up to an instant; changed bars become facts before they are stored.

    sources : in the place of those of the configuration
    command : what a person ran, under which the outcome becomes a fact; a daily run records it as its own step
    """
    log = RestatementLog(settings.workspace.results, clock=clock)
    report = refresh(
        BarStore(settings.workspace.data),
        plan,
        asof_ns=asof_ns,
        sources=open_sources(settings) if sources is None else sources,
        progress=progress,
        restated=log.record,
        restated_actions=log.record_actions,
        now_ns=clock(),
    )
    if command is not None:
        _record(settings, report, command, clock)
    return report


def _record(settings: Settings, report: RefreshReport, command: str, clock: Callable[[], int]) -> None:
    payload = {
        "command": command,
        "asof": iso(report.asof_ns),
        "profile": settings.profile,
        "items": [_told(item) for item in report.items],
    }
    with Ledger(settings.workspace.results, clock=clock) as ledger:
        ledger.append("refresh", f"{iso(clock())}|{command}", payload)


def _told(item: RefreshItem) -> dict[str, Any]:
    return {
        "bars": str(item.key),
        "source": item.source,
        "state": item.state,
        "added": item.added,
        "restated": item.restated,
        "tries": [tried._asdict() for tried in item.tries],
        "error": item.error or None,
    }
