"""Run the configured book over stored bars, certify it, measure it, and keep it under its id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tradeterm.config.log import stream
from tradeterm.config.marks import relevant
from tradeterm.core.errors import CertificateFailed, StaleData, UsageError
from tradeterm.core.time import DAY_NS, H4_NS, from_iso, grid_floor, iso
from tradeterm.data.panel import MarketRequest, build_market
from tradeterm.engine.replay import replay
from tradeterm.research import days, tables
from tradeterm.research.decisions import decision_tables, kept_rows, terms_document
from tradeterm.research.desk import actions_of, open_desk
from tradeterm.research.freshness import stale, stale_line
from tradeterm.research.identity import code_hash, run_id, trial_id
from tradeterm.research.learned import taught, with_models
from tradeterm.research.plan import publication_rules
from tradeterm.research.proof import prove
from tradeterm.research.published import publish_metrics
from tradeterm.research.report import measure
from tradeterm.store.bars import BarStore
from tradeterm.store.runs import RunStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tradeterm.config.settings import Settings
    from tradeterm.data.panel import Market
    from tradeterm.engine.replay import Replay
    from tradeterm.research.desk import Desk
    from tradeterm.research.learned import Taught
    from tradeterm.research.proof import Proof
    from tradeterm.store.ledger import Ledger

    Progress = Callable[[str, int, int], None]

__all__ = [
    "LaidOut",
    "Prepared",
    "RunResult",
    "keep",
    "lay_out",
    "market_request",
    "open_market",
    "play",
    "prepare",
    "run_backtest",
    "silent",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidOut:
    """A book and the market that it will run over; the id is known before the run is, and so are all its models."""

    desk: Desk
    market: Market
    start_ns: int
    end_ns: int
    run_id: str
    learned: tuple[Taught, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A book that has run over a market, not yet certified or kept; ``learned`` are its learned strategies."""

    desk: Desk
    market: Market
    run: Replay
    start_ns: int
    end_ns: int
    run_id: str
    learned: tuple[Taught, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A run that is kept.

    status : written, or verified when the id was there with the same bits
    """

    run_id: str
    status: Literal["written", "verified"]
    path: Path
    fact: dict[str, Any]
    proof: Proof


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


def lay_out(
    settings: Settings,
    *,
    start_ns: int | None = None,
    end_ns: int,
    only: str | None = None,
    progress: Progress | None = None,
) -> LaidOut:
    """Load strategies and bars for a run from ``start_ns`` (configured start) to the grid time ``end_ns``.

    Raises
    ------
    UsageError
        When the window holds no decision.
    MissingBars
        When nothing is stored for an instrument of the book.
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
    learned = taught(settings, desk, market, end, progress=progress)
    desk = with_models(desk, learned)
    identity = run_id(
        config_hash=settings.config_hash,
        strategies=_deciding(desk, learned),
        start=iso(start),
        end=iso(end),
        data_hash=market.fingerprint,
    )
    return LaidOut(desk=desk, market=market, start_ns=start, end_ns=end, run_id=identity, learned=learned)


def play(laid: LaidOut, *, allow_stale: bool = False, progress: Progress | None = None) -> Prepared:
    """Run the book over its market.

    Raises
    ------
    StrategyError
        When a strategy fails or gives weights that it may not give.
    StaleData
        When an instrument's bars end long before the run does: its last part would be made of nothing.
    """
    (progress or silent)("decisions", 0, 1)
    market = laid.market
    run = replay(market.panel, market.fills, market.regime, laid.desk.spec, start_ns=laid.start_ns)
    if not allow_stale:
        for symbol in stale(run):
            raise StaleData(stale_line(run, symbol))
    return Prepared(
        desk=laid.desk,
        market=market,
        run=run,
        start_ns=laid.start_ns,
        end_ns=laid.end_ns,
        run_id=laid.run_id,
        learned=laid.learned,
    )


def prepare(
    settings: Settings,
    *,
    start_ns: int | None = None,
    end_ns: int,
    only: str | None = None,
    allow_stale: bool = False,
    progress: Progress | None = None,
) -> Prepared:
    """Lay out and play; raises as both do."""
    laid = lay_out(settings, start_ns=start_ns, end_ns=end_ns, only=only, progress=progress)
    return play(laid, allow_stale=allow_stale, progress=progress)


def _deciding(desk: Desk, learned: tuple[Taught, ...]) -> list[dict[str, Any]]:
    """What names each strategy of a run: of a learned one also its models, each with the instant of its first use."""
    models = {item.name: {"models": item.timeline()} for item in learned}
    return [strategy | models.get(strategy["name"], {}) for strategy in desk.identity()]


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
    """Prove and measure a prepared run, write its folder and its facts; an id that is there is verified."""
    tell = progress or silent
    proof = prove(settings, prepared, every=every, progress=lambda done, total: tell("certificate", done, total))
    tell("metrics", 0, 1)
    measured = measure(settings, prepared.run)
    fact = _fact(settings, prepared, proof, measured.summary if proof.ok else {}, name=name, kind=kind)
    manifest = _manifest(settings, prepared)
    metrics = measured.document if proof.ok else {"withheld": "no certificate, no metrics"}
    kept = kept_rows(prepared.run)
    status = RunStore(settings.workspace.results).write(
        prepared.run_id,
        {
            "nav": tables.nav_table(prepared.run, measured.day_ends, kept),
            "trades": tables.trades_table(prepared.run),
            "roundtrips": measured.roundtrips,
            "days": days.days_table(prepared.run, measured.days, measured.activities[0], prepared.market.regime.equity),
            "strategy_days": days.strategy_days_table(prepared.run, measured.days, measured.activities[1:]),
            **decision_tables(prepared.run, kept),
        },
        {
            "manifest": manifest,
            "metrics": metrics,
            "certificate": proof.document(prepared.run.panel.symbols),
            "book": tables.book_document(prepared.run),
            "terms": terms_document(prepared.run),
        },
    )
    publish_metrics(settings.workspace.results, prepared.run_id, manifest, metrics, certified=proof.ok)
    if ledger.get("run", prepared.run_id) is None:
        ledger.append("run", prepared.run_id, fact)
    path = settings.workspace.results / "runs" / prepared.run_id
    return RunResult(run_id=prepared.run_id, status=status, path=path, fact=fact, proof=proof)


def run_backtest(
    settings: Settings,
    ledger: Ledger,
    *,
    name: str,
    start_ns: int | None,
    end_ns: int,
    progress: Progress | None = None,
) -> RunResult:
    """Make and keep one backtest; that it was tried is in the ledger before it runs, whatever becomes of it.

    Raises
    ------
    CertificateFailed
        When a decision came out otherwise without the future, or the audit found a breach; the run is kept, without
        metrics.
    """
    laid = lay_out(settings, start_ns=start_ns, end_ns=end_ns, progress=progress)
    trial = _trial(settings, laid)
    if ledger.get("trial", trial_id(trial)) is None:
        ledger.append("trial", trial_id(trial), trial | {"run_id": laid.run_id})
    result = keep(settings, ledger, play(laid, progress=progress), name=name, kind="backtest", progress=progress)
    if not result.proof.ok:
        raise CertificateFailed(result.proof.failure(result.run_id))
    return result


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
        "strategies": _deciding(prepared.desk, prepared.learned),
        "config_hash": settings.config_hash,
        "code_hash": code_hash(),
        "data_hash": prepared.market.fingerprint,
        "read": [dict(item) for item in prepared.market.read],
        "config": relevant(settings.config),
    }


def _fact(
    settings: Settings,
    prepared: Prepared,
    proof: Proof,
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
        "certificate": proof.summary(),
        "ladder": {
            "state": prepared.run.ladder_state,
            "drawdown": float(prepared.run.record.drawdown[0, last]),
        },
    }


def _trial(settings: Settings, laid: LaidOut) -> dict[str, Any]:
    system = settings.config.system
    return {
        "strategies": laid.desk.identity(),
        "universe": [item.symbol for item in laid.desk.spec.instruments],
        "timeframe": system.timeframe,
        "fill": system.fill,
        "costs": {name: cost.model_dump(mode="json") for name, cost in system.costs.items()},
        "limits": system.limits.model_dump(mode="json"),
        "start": iso(laid.start_ns),
        "end": iso(laid.end_ns),
    }
