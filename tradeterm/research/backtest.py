"""Run the configured book over stored bars, certify it, measure it, and keep it under its id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tradeterm.config.log import stream
from tradeterm.config.marks import relevant
from tradeterm.core.errors import CertificateFailed, StaleData, UsageError
from tradeterm.core.time import DAY_NS, H4_NS, from_iso, grid_floor, iso
from tradeterm.data.panel import MarketRequest, build_market
from tradeterm.engine.lookahead import Sampling, certify
from tradeterm.engine.replay import replay
from tradeterm.research import tables
from tradeterm.research.desk import actions_of, open_desk
from tradeterm.research.freshness import stale, stale_line
from tradeterm.research.identity import code_hash, run_id, trial_id
from tradeterm.research.plan import publication_rules
from tradeterm.research.report import measure
from tradeterm.store.bars import BarStore
from tradeterm.store.runs import RunStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tradeterm.config.settings import Settings
    from tradeterm.data.panel import Market
    from tradeterm.engine.lookahead import Certificate
    from tradeterm.engine.replay import Replay
    from tradeterm.research.desk import Desk
    from tradeterm.store.ledger import Ledger

    Progress = Callable[[str, int, int], None]

__all__ = ["Prepared", "RunResult", "keep", "market_request", "open_market", "prepare", "run_backtest", "silent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A book that has run over a market, not yet certified or kept."""

    desk: Desk
    market: Market
    run: Replay
    start_ns: int
    end_ns: int
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A run that is kept.

    status : written, or verified when the id was there with the same bits
    """

    run_id: str
    status: Literal["written", "verified"]
    path: Path
    fact: dict[str, Any]
    certificate: Certificate


def silent(stage: str, done: int, total: int) -> None:
    """Show nothing."""


def market_request(settings: Settings, desk: Desk, asof_ns: int) -> MarketRequest:
    """What the book needs of the stored bars, as of an instant."""
    given = settings.config.universe.roles
    roles = {name: getattr(given, name) for name in type(given).model_fields}
    symbols = {item.symbol for item in desk.spec.instruments} | {symbol for symbol in roles.values() if symbol}
    return MarketRequest(
        instruments=desk.spec.instruments,
        timeframe=settings.config.system.timeframe,
        asof_ns=asof_ns,
        roles=roles,
        publication=publication_rules(settings.config),
        actions=actions_of(settings.workspace.data, sorted(symbols)),
        carry_limit=settings.config.system.missing.bars if any(member.carries for member in desk.spec.members) else 0,
    )


def open_market(settings: Settings, desk: Desk, asof_ns: int) -> Market:
    """What the book reads, as of an instant; bars that were carried because none came are logged.

    Raises as :func:`tradeterm.data.panel.build_market` does.
    """
    market = build_market(
        BarStore(settings.workspace.data),
        market_request(settings, desk, asof_ns),
        cache_bytes=int(settings.config.system.frames_gb * 1e9),
    )
    for symbol, count in market.carried.items():
        stream("app", symbol=symbol).info("{}: {} missing bars carried forward", symbol, count)
    return market


def prepare(
    settings: Settings,
    *,
    start_ns: int | None = None,
    end_ns: int,
    only: str | None = None,
    allow_stale: bool = False,
    progress: Progress | None = None,
) -> Prepared:
    """Load strategies and bars, and run the book from ``start_ns`` (configured start) to the grid time ``end_ns``.

    Raises
    ------
    UsageError
        When the window holds no decision.
    MissingBars
        When nothing is stored for an instrument of the book.
    StaleData
        When an instrument's bars end long before the run does: its last part would be made of nothing.
    """
    tell = progress or silent
    desk = open_desk(settings, only=only)
    step = H4_NS if settings.config.system.timeframe == "h4" else DAY_NS
    end = grid_floor(end_ns, step)
    start = from_iso(settings.config.system.start) if start_ns is None else start_ns
    tell("market", 0, 1)
    market = open_market(settings, desk, end)
    if not len(market.panel) or int(market.panel.times[-1]) < start:
        first = iso(int(market.panel.times[0])) if len(market.panel) else "none"
        last = iso(int(market.panel.times[-1])) if len(market.panel) else "none"
        raise UsageError(f"backtest {iso(start)} to {iso(end)}: no decision in it; bars are known {first} to {last}")
    start = max(start, int(market.panel.times[0]))
    tell("decisions", 0, 1)
    run = replay(market.panel, market.fills, market.regime, desk.spec, start_ns=start)
    if not allow_stale:
        for symbol in stale(run):
            raise StaleData(stale_line(run, symbol))
    identity = run_id(
        config_hash=settings.config_hash,
        strategies=desk.identity(),
        start=iso(start),
        end=iso(end),
        data_hash=market.fingerprint,
    )
    return Prepared(desk=desk, market=market, run=run, start_ns=start, end_ns=end, run_id=identity)


def keep(
    settings: Settings,
    ledger: Ledger,
    prepared: Prepared,
    *,
    name: str,
    kind: Literal["backtest", "snapshot"],
    every: bool = False,
    progress: Progress | None = None,
) -> RunResult:
    """Certify and measure a prepared run, write its folder and its facts; an id that is there is verified."""
    tell = progress or silent
    sample = settings.config.system.certificate
    certificate = certify(
        prepared.run,
        prepared.market.regime,
        sampling=Sampling(newest=sample.newest, changed=sample.changed, drawn=sample.drawn, every=every),
        seed=int(prepared.run_id, 16),
        progress=lambda done, total: tell("certificate", done, total),
    )
    tell("metrics", 0, 1)
    measured = measure(settings, prepared.run)
    fact = _fact(settings, prepared, certificate, measured.summary if certificate.ok else {}, name=name, kind=kind)
    status = RunStore(settings.workspace.results).write(
        prepared.run_id,
        {
            "nav": tables.nav_table(prepared.run, measured.day_ends),
            "trades": tables.trades_table(prepared.run),
            "roundtrips": measured.roundtrips,
            "weights": tables.weights_table(prepared.run),
            "attribution": tables.attribution_table(prepared.run),
        },
        {
            "manifest": _manifest(settings, prepared),
            "metrics": measured.document if certificate.ok else {"withheld": "no certificate, no metrics"},
            "certificate": _certificate_document(certificate),
            "book": tables.book_document(prepared.run),
        },
    )
    facts = [("run", prepared.run_id, fact)]
    if kind == "backtest":
        trial = _trial(settings, prepared)
        facts.append(("trial", trial_id(trial), trial | {"run_id": prepared.run_id}))
    for fact_kind, key, payload in facts:
        if ledger.get(fact_kind, key) is None:
            ledger.append(fact_kind, key, payload)
    path = settings.workspace.results / "runs" / prepared.run_id
    return RunResult(run_id=prepared.run_id, status=status, path=path, fact=fact, certificate=certificate)


def run_backtest(
    settings: Settings,
    ledger: Ledger,
    *,
    name: str,
    start_ns: int | None,
    end_ns: int,
    progress: Progress | None = None,
) -> RunResult:
    """Prepare and keep one backtest.

    Raises
    ------
    CertificateFailed
        When a decision came out otherwise without the future; the run is kept, without metrics.
    """
    prepared = prepare(settings, start_ns=start_ns, end_ns=end_ns, progress=progress)
    result = keep(settings, ledger, prepared, name=name, kind="backtest", progress=progress)
    if not result.certificate.ok:
        raise CertificateFailed(failure_line(result.run_id, result.certificate))
    return result


def failure_line(run: str, certificate: Certificate) -> str:
    """Say what differed first, and how many more did."""
    first, *others = certificate.differences
    more = f" (and {len(others)} more)" if others else ""
    return f"run {run}: {first}{more}; the strategy reads bars it should not, see `tradeterm backtest show {run}`"


def _manifest(settings: Settings, prepared: Prepared) -> dict[str, Any]:
    # Only what the run id covers: anything else would make the same id give other bits.
    return {
        "run_id": prepared.run_id,
        "timeframe": settings.config.system.timeframe,
        "fill": settings.config.system.fill,
        "sizing": settings.config.system.sizing,
        "start": iso(prepared.start_ns),
        "end": iso(prepared.end_ns),
        "decisions": len(prepared.run.times),
        "strategies": prepared.desk.identity(),
        "config_hash": settings.config_hash,
        "code_hash": code_hash(),
        "data_hash": prepared.market.fingerprint,
        "read": [dict(item) for item in prepared.market.read],
        "config": relevant(settings.config),
    }


def _certificate_document(certificate: Certificate) -> dict[str, Any]:
    return {
        "ok": certificate.ok,
        "checked": certificate.checked,
        "decisions": certificate.decisions,
        "coverage": certificate.coverage,
        "tests": ["cut: decided again on the look-back that ends at the decision"],
        "failures": [
            {
                "strategy": item.strategy,
                "time": iso(item.time_ns),
                "what": item.what,
                "expected": item.expected,
                "found": item.found,
            }
            for item in certificate.differences[:100]
        ],
    }


def _fact(
    settings: Settings,
    prepared: Prepared,
    certificate: Certificate,
    summary: dict[str, Any],
    *,
    name: str,
    kind: str,
) -> dict[str, Any]:
    last = len(prepared.run.times) - 1
    return {
        "name": name,
        "kind": kind,
        "profile": settings.profile,
        "made_up": settings.made_up,
        "timeframe": settings.config.system.timeframe,
        "fill": settings.config.system.fill,
        "start": iso(prepared.start_ns),
        "end": iso(prepared.end_ns),
        "strategies": prepared.desk.identity(),
        "config_hash": settings.config_hash,
        "code_hash": code_hash(),
        "data_hash": prepared.market.fingerprint,
        "metrics": summary,
        "certificate": {
            "ok": certificate.ok,
            "checked": certificate.checked,
            "decisions": certificate.decisions,
            "coverage": certificate.coverage,
        },
        "ladder": {
            "state": prepared.run.ladder_state,
            "drawdown": float(prepared.run.record.drawdown[0, last]),
        },
    }


def _trial(settings: Settings, prepared: Prepared) -> dict[str, Any]:
    system = settings.config.system
    return {
        "strategies": prepared.desk.identity(),
        "universe": [item.symbol for item in prepared.desk.spec.instruments],
        "timeframe": system.timeframe,
        "fill": system.fill,
        "costs": {name: cost.model_dump(mode="json") for name, cost in system.costs.items()},
        "limits": system.limits.model_dump(mode="json"),
        "start": iso(prepared.start_ns),
        "end": iso(prepared.end_ns),
    }
