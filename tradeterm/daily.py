"""The headless pipeline: refresh, train if due, predict, realise, backtest snapshot, report.

Each step is a function of the stored bars and the configuration as of one instant, writes only facts and files that
carry their own identity, and is recorded when it has ended. Whatever was killed in the middle is done again to the
same end; what is recorded is not done twice.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from tradeterm.config.log import stream
from tradeterm.core.errors import FactConflict, LedgerBroken
from tradeterm.core.ids import canonical_json, short_id
from tradeterm.core.time import DAY_NS, from_ns, iso, iso_date
from tradeterm.research.backtest import keep, prepare, silent
from tradeterm.research.desk import actions_of, open_desk
from tradeterm.research.freshness import STALE_NS, stale
from tradeterm.research.page import render_page
from tradeterm.research.plan import refresh_plan, update
from tradeterm.research.regimes import state_fact, transition_facts
from tradeterm.signals.outcomes import realise
from tradeterm.signals.own_bars import read_own_bars
from tradeterm.signals.predict import predict
from tradeterm.store.atomic import write_bytes_atomic
from tradeterm.store.bars import BarStore
from tradeterm.store.locks import file_lock
from tradeterm.store.runs import RunStore
from tradeterm.trading.kill import record_kill

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradeterm.config.settings import Settings
    from tradeterm.core.market import Instrument
    from tradeterm.data.crew import Supplier
    from tradeterm.engine.outcomes import OwnFills
    from tradeterm.killfile import KillRecord
    from tradeterm.research.backtest import Prepared
    from tradeterm.store.ledger import Ledger

    Progress = Callable[[str, int, int], None]

__all__ = ["STEPS", "DailyResult", "StepResult", "run_daily"]

STEPS = ("refresh", "train", "predict", "realise", "snapshot", "report")
Status = Literal["done", "skipped", "partial"]

_DONE, _PARTIAL_DATA, _CERTIFICATE = 0, 4, 8


class _Ended(NamedTuple):
    """What a step leaves in the ledger: nothing that depends on when, how long or how often it ran."""

    status: Status
    outputs: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One step of a daily run; ``repeated`` when its fact was there and nothing was done."""

    name: str
    status: Status
    outputs: dict[str, Any]
    seconds: float
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyResult:
    """A finished daily run; ``written`` names what is on disk and where."""

    daily_id: str
    asof_ns: int
    profile: str
    steps: tuple[StepResult, ...]
    exit_code: int
    written: tuple[tuple[str, str], ...]
    killed: KillRecord | None
    next_command: str


def run_daily(
    settings: Settings,
    ledger: Ledger,
    *,
    asof_ns: int,
    seed: int | None = None,
    progress: Progress | None = None,
    sources: Mapping[str, Supplier] | None = None,
) -> DailyResult:
    """Run the steps that are not recorded yet for this as-of instant, configuration and strategies.

    sources : in the place of those of the configuration

    Raises
    ------
    LockHeld
        When another daily run works in this workspace.
    """
    results = settings.workspace.results
    with file_lock(results / "daily.lock", "the daily run", timeout_s=0.0):
        killed = record_kill(ledger, results)
        chosen = settings.config.system.seed if seed is None else seed
        night = _attempt(_Night(settings, ledger, asof_ns, chosen, progress or silent, sources))
        ledger.append("daily", night.daily_id, night.identity)
        steps = tuple(night.step(name) for name in STEPS)
    return DailyResult(
        daily_id=night.daily_id,
        asof_ns=asof_ns,
        profile=settings.profile,
        steps=steps,
        exit_code=_exit_code(steps),
        written=_written(settings, steps),
        killed=killed,
        next_command="tradeterm",
    )


def _attempt(night: _Night) -> _Night:
    """Return the night to go on with: where a refresh was partial it is tried again, and news makes a new attempt."""
    while (there := night.refresh_fact()) is not None and there["status"] == "partial":
        if night.refreshed is None:
            night = replace(night, refreshed=night.refresh())
        if night.refreshed is not None and json.loads(canonical_json(night.refreshed.outputs)) == there["outputs"]:
            break
        night = replace(night, attempt=night.attempt + 1)
    return night


def _exit_code(steps: tuple[StepResult, ...]) -> int:
    by_name = {step.name: step for step in steps}
    if by_name["snapshot"].status == "partial":
        return _CERTIFICATE
    return _PARTIAL_DATA if any(step.status == "partial" for step in steps) else _DONE


def _written(settings: Settings, steps: tuple[StepResult, ...]) -> tuple[tuple[str, str], ...]:
    outputs = {step.name: step.outputs for step in steps}
    return (
        (f"{len(outputs['refresh']['bars'])} bar files", "data/"),
        (
            f"{outputs['predict']['signals']} signals, {outputs['realise']['outcomes']} outcomes",
            "results/ledger.sqlite",
        ),
        (f"backtest {outputs['snapshot']['run_id']}", f"results/runs/{outputs['snapshot']['run_id']}/"),
        ("report", outputs["report"]["path"]),
        ("logs", f"{settings.workspace.logs.relative_to(settings.workspace.root)}/"),
    )


@dataclass
class _Night:
    """One daily run; market and book are built once, by the first step that needs them."""

    settings: Settings
    ledger: Ledger
    asof_ns: int
    seed: int
    progress: Progress
    sources: Mapping[str, Supplier] | None
    attempt: int = 0
    refreshed: _Ended | None = None
    _bars: dict[tuple[str, str], OwnFills] = field(default_factory=dict, init=False)

    def refresh_fact(self) -> dict[str, Any] | None:
        """What the refresh of this attempt left, if it has ended."""
        fact = self.ledger.get("step", f"{self.daily_id}:refresh")
        return None if fact is None else fact.payload

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What makes this the same daily run again."""
        again = {"attempt": self.attempt} if self.attempt else {}
        return again | {
            "asof": iso(self.asof_ns),
            "profile": self.settings.profile,
            "made_up": self.settings.made_up,
            "config_hash": self.settings.config_hash,
            "seed": self.seed,
            "strategies": open_desk(self.settings).identity(),
        }

    @cached_property
    def daily_id(self) -> str:
        """Id of this daily run."""
        return short_id(self.identity)

    @cached_property
    def store(self) -> BarStore:
        """Stored bars."""
        return BarStore(self.settings.workspace.data)

    @cached_property
    def book(self) -> Prepared:
        """The configured book, run up to the as-of instant."""
        return prepare(self.settings, end_ns=self.asof_ns, allow_stale=True, progress=self.progress)

    @cached_property
    def _instruments(self) -> dict[str, Instrument]:
        from tradeterm.research.desk import instruments

        return {item.symbol: item for item in instruments(self.settings.config)}

    def own_bars(self, symbol: str, timeframe: str) -> OwnFills:
        """Stored bars that a horizon counts, read once."""
        key = (symbol, timeframe)
        if key not in self._bars:
            actions = actions_of(self.settings.workspace.data, [symbol]).get(symbol)
            self._bars[key] = read_own_bars(self.store, self._instruments[symbol], timeframe, actions)
        return self._bars[key]

    def step(self, name: str) -> StepResult:
        """Do one step, or read what it left."""
        self.progress(name, STEPS.index(name), len(STEPS))
        key = f"{self.daily_id}:{name}"
        began = time.monotonic()
        there = self.ledger.get("step", key)
        if there is not None:
            ended = _Ended(there.payload["status"], there.payload["outputs"])
        else:
            ended = _STEP[name](self)
            self.ledger.append(
                "step",
                key,
                {"daily_id": self.daily_id, "step": name, "status": ended.status, "outputs": ended.outputs},
            )
        seconds = time.monotonic() - began
        stream("performance", run_id=self.daily_id).info(
            "daily step {} {}", name, ended.status, step=name, seconds=round(seconds, 3), repeated=there is not None
        )
        return StepResult(
            name=name, status=ended.status, outputs=ended.outputs, seconds=seconds, repeated=there is not None
        )

    def incident(self, what: str, effect: str) -> None:
        """Record something that a person should look at."""
        stream("errors", run_id=self.daily_id).warning("{}", what)
        payload = {"at": iso(self.asof_ns), "daily_id": self.daily_id, "what": what, "effect": effect, "state": "open"}
        self.ledger.append("incident", short_id(payload), payload)

    def refresh(self) -> _Ended:
        """Fetch what is new up to the as-of instant."""
        if self.refreshed is not None:
            return self.refreshed
        report = update(
            self.settings,
            refresh_plan(self.settings),
            asof_ns=self.asof_ns,
            clock=time.time_ns,
            progress=self.progress,
            sources=self.sources,
        )
        failed = [{"bars": str(item.key), "error": item.error} for item in report.items if item.error]
        late = [str(item.key) for item in report.items if item.lag_ns > STALE_NS]
        for item in failed:
            self.incident(f"refresh {item['bars']}: {item['error']}", "older bars are used")
        if late:
            self.incident(f"bars are overdue at {iso(self.asof_ns)}: {', '.join(late)}", "no signal on what is stale")
        bars = [
            {"bars": str(item.key), "source": item.source, "last": iso(item.last_ns) if item.last_ns >= 0 else None}
            for item in report.items
        ]
        # Sources that failed where another one, or none, stepped in.
        tries = [
            {"bars": str(item.key), "source": tried.source, "error": tried.error}
            for item in report.items
            for tried in item.tries
        ]
        outputs = {"bars": bars, "failed": failed, "stale": late, "tries": tries}
        return _Ended("partial" if failed or late else "done", outputs)

    def train(self) -> _Ended:
        """Train what is due: rule-based strategies need no training."""
        return _Ended("skipped", {"reason": "no strategy of the book is learned; nothing to train"})

    def predict(self) -> _Ended:
        """Record the signals of this instant."""
        hashes = {entry.name: self._signal_hash(entry.name) for entry in self.settings.config.models.strategies}
        made = predict(self.book.run, self.own_bars, config_hashes=hashes, run_id=self.daily_id)
        late = stale(self.book.run)
        signals = [signal for signal in made if signal.symbol not in late]
        refused = []
        for signal in signals:
            try:
                self.ledger.append("signal", signal.key, signal.payload())
            except FactConflict as conflict:
                refused.append(signal.key)
                self.incident(str(conflict), "the signal that was recorded first stands")
        state = state_fact(self.settings, self.book.run, self.daily_id)
        states, recorded = self.ledger.facts("regime_state"), self.ledger.facts("regime")
        self.ledger.append_many([state, *transition_facts(self.settings, self.book.run, states, recorded)])
        outputs = {
            "signals": len(signals) - len(refused),
            "refused": refused,
            "withheld": sorted(late),
            "keys": [item.key for item in signals],
            "regime": state[1],
        }
        return _Ended("partial" if refused else "done", outputs)

    def _signal_hash(self, name: str) -> str:
        """Identity of the configuration behind one strategy's signals: its own entry, its data and its costs."""
        names = [entry.name for entry in self.settings.config.models.strategies]
        return self.settings.hash_of(
            f"models.strategies.{names.index(name)}",
            "system.timeframe",
            "system.start",
            "system.costs",
            "universe",
            "regime_budgets",
        )

    def realise(self) -> _Ended:
        """Score the signals whose horizon has matured."""
        scored = {fact.key for fact in self.ledger.facts("outcome")}
        new = []
        waiting = 0
        for fact in self.ledger.facts("signal"):
            foreign = fact.payload["symbol"] not in self._instruments
            if fact.key in scored or foreign or fact.payload["ts"] > iso(self.asof_ns):
                continue
            outcome = realise(fact.payload, fact.key, self.own_bars, asof_ns=self.asof_ns)
            if outcome is None:
                waiting += 1
            else:
                new.append(("outcome", fact.key, outcome.payload()))
        self.ledger.append_many(new)
        matured = [fact for fact in self.ledger.facts("outcome") if fact.payload["exit_at"] <= iso(self.asof_ns)]
        return _Ended("done", {"outcomes": len(matured), "waiting": waiting})

    def snapshot(self) -> _Ended:
        """Keep the book's backtest as of this instant, certified."""
        result = keep(
            self.settings, self.ledger, self.book, name="daily snapshot", kind="snapshot", progress=self.progress
        )
        outputs = {
            "run_id": result.run_id,
            "certificate": result.proof.ok,
            "metrics": result.fact["metrics"],
            "ladder": result.fact["ladder"],
        }
        self._log_book(result.run_id)
        if not result.proof.ok:
            self.incident(result.proof.failure(result.run_id), "no metrics are shown for this run")
        return _Ended("done" if result.proof.ok else "partial", outputs)

    def _log_book(self, run_id: str) -> None:
        """Log what the simulated book traded since the day before, and what it would order at the next open."""
        store = RunStore(self.settings.workspace.results)
        fills = store.table(run_id, "trades").to_pylist()
        since = from_ns(self.asof_ns - DAY_NS)
        for fill in fills:
            if fill["at"] >= since:
                fact = {**fill, "ts": fill["ts"].isoformat(), "at": fill["at"].isoformat(), "simulated": True}
                stream("trades", run_id=self.daily_id).info("simulated fill {}", fill["symbol"], **fact)
        for item in store.document(run_id, "book")["positions"]:
            if item["order"]:
                fact = {"symbol": item["symbol"], "quantity": item["order"], "simulated": True}
                stream("orders", run_id=self.daily_id).info("simulated order {}", item["symbol"], **fact)

    def report(self) -> _Ended:
        """Write the page of this run."""
        predicted, snapshot = self._outputs("predict"), self._outputs("snapshot")
        relative = f"results/reports/{iso_date(self.asof_ns - 1)}/{self.daily_id}.md"
        page = render_page(
            asof=iso(self.asof_ns),
            profile=self.settings.profile,
            made_up=self.settings.made_up,
            signals=[self._fact("signal", key) for key in predicted["keys"]],
            regime=self._fact("regime_state", predicted["regime"]),
            book=RunStore(self.settings.workspace.results).document(snapshot["run_id"], "book"),
            snapshot=snapshot,
        )
        write_bytes_atomic(self.settings.workspace.root / relative, page.encode())
        return _Ended("done", {"path": relative})

    def _outputs(self, step: str) -> dict[str, Any]:
        outputs: dict[str, Any] = self._fact("step", f"{self.daily_id}:{step}")["outputs"]
        return outputs

    def _fact(self, kind: str, key: str) -> dict[str, Any]:
        fact = self.ledger.get(kind, key)
        if fact is None:
            raise LedgerBroken(
                f"{self.ledger.path}: no {kind} '{key}', which an earlier step recorded; run `tradeterm ledger verify`"
            )
        return fact.payload


_STEP: dict[str, Callable[[_Night], _Ended]] = {name: getattr(_Night, name) for name in STEPS}
