"""Backtest runs: the list from the ledger, one run in full from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tradeterm.core.time import from_iso
from tradeterm.research.trials import Deflated, deflated
from tradeterm.store.ledger import Ledger
from tradeterm.store.runs import RunStore
from tradeterm.views.base import View, number

if TYPE_CHECKING:
    import pyarrow as pa

    from tradeterm.config.workspace import Workspace
    from tradeterm.store.ledger import Fact

__all__ = ["MOST_RUNS", "Certified", "Point", "RunRow", "RunView", "RunsView", "Trade", "build", "build_run", "row_of"]

MOST_RUNS = 500
_MOST_TRADES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """The audit of a run: how many fills were held against their bars, and the largest gap in the cash, of NAV."""

    ok: bool
    fills: int
    residual: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """Why a run may be believed: how many of its decisions were decided again, and the audit; ok when all agreed."""

    ok: bool
    checked: int
    decisions: int
    coverage: str
    audit: Audited | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stressed:
    """The run made again under worse terms; measures are None where a scenario can't be."""

    scenario: str
    total_return: float | None
    cagr: float | None
    sharpe: float | None
    max_drawdown: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run of the list; metrics are None where undefined or withheld for want of a certificate.

    max_drawdown : fraction <= 0; fill : "close" is optimistic; sample : bars were made up
    strategies, versions : in the same order; recorded_ns : when the run was first kept
    """

    run_id: str
    name: str
    kind: str
    profile: str
    timeframe: str
    fill: str
    start_ns: int
    end_ns: int
    strategies: tuple[str, ...]
    versions: tuple[str, ...]
    recorded_ns: int
    sharpe: float | None
    sortino: float | None
    cagr: float | None
    max_drawdown: float | None
    total_return: float | None
    volatility: float | None
    win_rate: float | None
    trades: float | None
    exposure: float | None
    turnover: float | None
    bps_score: float | None
    bps_robust: float | None
    certificate: Certified
    ladder: str | None
    sample: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsView(View):
    """The newest runs, newest first; ``total`` counts what the ledger holds up to the cap."""

    SCHEMA: ClassVar[str] = "tradeterm.runs.v1"

    runs: tuple[RunRow, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """NAV and drawdown (fraction <= 0) at a day's end."""

    ts_ns: int
    nav: float
    drawdown: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One fill; at_ns is when it filled, ts_ns when it was decided."""

    ts_ns: int
    at_ns: int
    symbol: str
    side: str
    quantity: float
    price: float
    notional: float
    fee: float
    slippage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView(View):
    """One run in full.

    metrics : of the book, by name; strategies : the same per strategy; both empty without a certificate
    stress : the run as it was, and under worse terms
    points : day ends; trades : the newest fills, newest first, of ``fills`` in all
    trials : what its Sharpe ratio is worth among all that was tried with its strategies; None where it has none
    """

    SCHEMA: ClassVar[str] = "tradeterm.run.v1"

    row: RunRow
    metrics: dict[str, Any]
    strategies: dict[str, Any]
    stress: tuple[Stressed, ...]
    failures: tuple[str, ...]
    points: tuple[Point, ...]
    trades: tuple[Trade, ...]
    fills: int
    trials: Deflated | None = None


def build(workspace: Workspace, now_ns: int, *, newest: int = MOST_RUNS) -> RunsView:
    """List the newest runs."""
    with Ledger.reader(workspace.results) as ledger:
        facts = ledger.facts("run", newest=newest)
    return RunsView(runs=tuple(map(row_of, reversed(facts))), total=len(facts))


def build_run(workspace: Workspace, run_id: str) -> RunView | None:
    """Read one run in full; None when the ledger has no such run.

    Raises
    ------
    StoreError
        When a file of the run is missing or damaged.
    """
    with Ledger.reader(workspace.results) as ledger:
        fact = ledger.get("run", run_id)
        tried, made = ledger.facts("trial"), ledger.facts("run")
    if fact is None:
        return None
    store = RunStore(workspace.results)
    row = row_of(fact)
    metrics = store.document(run_id, "metrics") if row.certificate.ok else {}
    trades = store.table(run_id, "trades")
    return RunView(
        row=row,
        metrics=metrics.get("portfolio") or {},
        strategies=metrics.get("strategies") or {},
        stress=tuple(Stressed(**item) for item in metrics.get("stress") or ()),
        failures=_failures(store.document(run_id, "certificate")),
        points=day_points(store.table(run_id, "nav")),
        trades=_trades(trades),
        fills=trades.num_rows,
        trials=deflated(tried, made, fact, metrics),
    )


def day_points(nav: pa.Table) -> tuple[Point, ...]:
    """Points of the metrics' series in a run's NAV table; of every decision where none is marked.

    Drawdowns are the metrics' own, from one point to another: the ladder's, which the table has, know each decision.
    """
    columns = nav.select(["nav", "day_end"]).to_pydict()
    rows = list(zip(_ns(nav, "ts"), columns["nav"], columns["day_end"], strict=True))
    # The first decision found the starting capital.
    peak, points = rows[0][1] if rows else 0.0, []
    for ts, value, _ in [row for row in rows if row[2]] or rows:
        peak = max(peak, value)
        points.append(Point(ts_ns=ts, nav=value, drawdown=value / peak - 1.0))
    return tuple(points)


def _ns(table: pa.Table, name: str) -> list[int]:
    import pyarrow as pa

    values: list[int] = table.column(name).cast(pa.int64()).to_pylist()
    return values


def _trades(table: pa.Table) -> tuple[Trade, ...]:
    newest = table.slice(max(0, table.num_rows - _MOST_TRADES))
    names = ("symbol", "side", "quantity", "price", "notional", "fee", "slippage")
    columns = newest.select(list(names)).to_pylist()
    instants = zip(_ns(newest, "ts"), _ns(newest, "at"), strict=True)
    found = [Trade(ts_ns=ts, at_ns=at, **row) for (ts, at), row in zip(instants, columns, strict=True)]
    return tuple(reversed(found))


def _failures(certificate: dict[str, Any]) -> tuple[str, ...]:
    """What the certificate and the audit found, one line each."""
    violations = (certificate.get("audit") or {}).get("violations") or ()
    names = ("strategy", "rule", "time", "symbol", "what", "test", "expected", "found")
    return tuple(
        " ".join(str(item[name]) for name in names if item.get(name) is not None)
        for item in (*(certificate.get("failures") or ()), *violations)
    )


def _audited(audit: dict[str, Any] | None) -> Audited | None:
    if audit is None:
        return None
    return Audited(ok=audit["ok"] is True, fills=int(audit["fills"]), residual=float(audit["residual"]))


def row_of(fact: Fact) -> RunRow:
    """Return the line of a run as the ledger has it."""
    payload = fact.payload
    metrics, certificate = payload.get("metrics") or {}, payload["certificate"]
    return RunRow(
        run_id=fact.key,
        name=str(payload["name"]),
        kind=str(payload.get("kind", "backtest")),
        profile=str(payload["profile"]),
        timeframe=str(payload["timeframe"]),
        fill=str(payload["fill"]),
        start_ns=from_iso(payload["start"]),
        end_ns=from_iso(payload["end"]),
        strategies=tuple(str(item["name"]) for item in payload["strategies"]),
        versions=tuple(str(item["version"]) for item in payload["strategies"]),
        recorded_ns=fact.recorded_at,
        certificate=Certified(
            ok=certificate["ok"] is True,
            checked=int(certificate["checked"]),
            decisions=int(certificate["decisions"]),
            coverage=str(certificate["coverage"]),
            audit=_audited(certificate.get("audit")),
        ),
        ladder=(payload.get("ladder") or {}).get("state"),
        sample=payload["made_up"] is True,
        **{name: number(metrics.get(name)) for name in _METRICS},
    )


_METRICS = (
    "sharpe",
    "sortino",
    "cagr",
    "max_drawdown",
    "total_return",
    "volatility",
    "win_rate",
    "trades",
    "exposure",
    "turnover",
    "bps_score",
    "bps_robust",
)
