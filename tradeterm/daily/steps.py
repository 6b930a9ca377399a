"""The steps of a daily run, in their order; each returns what it leaves in the ledger."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tradeterm.config.log import stream
from tradeterm.core.errors import FactConflict
from tradeterm.core.time import DAY_NS, from_iso, from_ns, iso
from tradeterm.daily.night import Ended, Night, Status
from tradeterm.daily.reporting import write_report
from tradeterm.data.findings import ValidationRules
from tradeterm.data.validate import validate as judge
from tradeterm.engine.drift import Bands
from tradeterm.engine.learning import LearnedStrategy
from tradeterm.research.backtest import keep
from tradeterm.research.freshness import STALE_NS, stale
from tradeterm.research.plan import refresh_plan, update
from tradeterm.research.train import train as fit_models
from tradeterm.signals.input_drift import watch_inputs
from tradeterm.signals.outcomes import differs, realise_all
from tradeterm.signals.predict import predict as make_signals
from tradeterm.signals.scoreboard import update_scores
from tradeterm.signals.training import train_due
from tradeterm.signals.watch import recent_signals, watch
from tradeterm.store.runs import RunStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tradeterm.core.signals import Signal
    from tradeterm.store.ledger import Fact

__all__ = ["STEP_OF", "realise", "record_signals", "refresh", "snapshot", "validate"]

# Findings that are named in the ledger and in the report; the rest are counted.
_NAMED = 20
_RECENT_NS = 7 * DAY_NS


def refresh(night: Night) -> Ended:
    """Fetch what is new up to the as-of instant."""
    if night.refreshed is not None:
        return night.refreshed
    plan = refresh_plan(night.settings)
    report = update(
        night.settings,
        plan,
        asof_ns=night.asof_ns,
        clock=time.time_ns,
        progress=night.progress,
        sources=night.sources,
    )
    failed = [{"bars": str(item.key), "error": item.error} for item in report.items if item.error]
    late = [str(item.key) for item in report.items if item.lag_ns > STALE_NS]
    for item in failed:
        night.incident(f"refresh {item['bars']}: {item['error']}", "older bars are used")
    if late:
        night.incident(f"bars are overdue at {iso(night.asof_ns)}: {', '.join(late)}", "no signal on what is stale")
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
    inputs = {"instruments": [item.symbol for item in plan.instruments]}
    return Ended("partial" if failed or late else "done", outputs, inputs)


def validate(night: Night) -> Ended:
    """Judge the stored bars by named rules; what can't be right becomes an incident when it is met first."""
    rules = ValidationRules(**night.settings.config.system.validation.model_dump())
    found = judge(night.store, rules, night.asof_ns, progress=night.progress)
    count = Counter(item.severity for item in found)
    wrong = [str(item) for item in found if item.severity == "error"]
    recent = [str(item) for item in found if item.severity == "warning" and item.ts_ns >= night.asof_ns - _RECENT_NS]
    for line in wrong[:_NAMED]:
        night.incident(f"validate {line}", "the bar is used as it is", standing=True)
    outputs = {
        **{severity: count[severity] for severity in ("error", "warning", "info")},
        "errors": wrong[:_NAMED],
        "recent_warnings": recent[:_NAMED],
    }
    return Ended("done", outputs, {"files": len(night.store.keys())})


def train(night: Night) -> Ended:
    """Fit the models of the book's learned strategies that are due; what can't be fitted yet is an incident."""
    names = [item.strategy.name for item in night.desk.spec.members if isinstance(item.strategy, LearnedStrategy)]
    schedule = night.settings.config.models.training
    drifted = _drifted(night) & set(names) if schedule.on_drift and names else set()
    for name in sorted(drifted):
        refit = {"strategy": name, "at": iso(night.asof_ns), "reason": "drifted"}
        night.ledger.append("refit", f"{name}|{iso(night.asof_ns)}", refit)

    def fit(name: str) -> Mapping[str, Any]:
        (found,) = fit_models(night.settings, night.ledger, [name], asof_ns=night.asof_ns, progress=night.progress)
        return found.fact

    done = train_due(names, fit, last_trained=_last_trained(night) if names else {}, drifted=drifted)
    for name, why in done.untrained.items():
        night.incident(why, f"{name} stays flat until it has a model")
    status: Status = "partial" if done.untrained else "done" if done.trained else "skipped"
    return Ended(status, done.outputs(), {"schedule": schedule.model_dump()})


def _last_trained(night: Night) -> dict[str, int]:
    """As-of instant of the newest training of each strategy, as daily runs up to this one recorded it."""
    newest: dict[str, int] = {}
    for asof_ns, outputs in _earlier(night, "train"):
        for name in outputs.get("trained", ()):
            newest[name] = max(newest.get(name, 0), asof_ns)
    return newest


def _drifted(night: Night) -> set[str]:
    """Strategies that the newest daily run before this one saw drift in a major way."""
    found = max(_earlier(night, "realise"), key=lambda item: item[0], default=(0, {}))[1]
    return {item["strategy"] for item in found.get("drift", ()) if item["band"] == "major"}


def _earlier(night: Night, step: str) -> Iterable[tuple[int, dict[str, Any]]]:
    """As-of instant and outputs of a step of the daily runs before this one, newest recorded first."""
    for fact in reversed(night.ledger.facts("daily")):
        before = str(fact.payload.get("asof", "9"))
        done = night.ledger.get("step", f"{fact.key}:{step}") if before < iso(night.asof_ns) else None
        if done is not None:
            yield from_iso(before), done.payload["outputs"]


def predict(night: Night) -> Ended:
    """Record the signals of this instant."""
    run = night.book.run
    made = make_signals(run, night.own_bars, config_hashes=night.signal_hashes(), run_id=night.daily_id)
    late = stale(run)
    signals = [signal for signal in made if signal.symbol not in late]
    refused = record_signals(night, signals)
    regime = night.record_regime()
    outputs = {
        "signals": len(signals) - len(refused),
        "refused": refused,
        "withheld": sorted(late),
        "keys": [item.key for item in signals],
        "regime": regime,
    }
    inputs = {"data_hash": night.book.market.fingerprint, "models": night.book.desk.identity()}
    return Ended("partial" if refused else "done", outputs, inputs)


def record_signals(night: Night, signals: Sequence[Signal]) -> list[str]:
    """Record signals, and return the keys of those for which another answer stands; each is an incident."""
    try:
        night.ledger.append_many([("signal", item.key, item.payload()) for item in signals])
    except FactConflict:
        return [key for key in map(lambda item: _refused(night, item), signals) if key]
    return []


def _refused(night: Night, signal: Signal) -> str:
    try:
        night.ledger.append("signal", signal.key, signal.payload())
    except FactConflict as conflict:
        night.incident(str(conflict), "the signal that was recorded first stands")
        return signal.key
    return ""


def realise(night: Night) -> Ended:
    """Score the signals whose horizon has matured, and look at what has drifted."""
    open_ones = [
        (fact.key, fact.payload)
        for fact in night.ledger.without("signal", "outcome")
        if fact.payload["symbol"] in night.instruments and fact.payload["ts"] <= iso(night.asof_ns)
    ]
    new = [
        ("outcome", item.signal_key, item.payload())
        for item in realise_all(open_ones, night.own_bars, asof_ns=night.asof_ns)
    ]
    night.ledger.append_many(new)
    _restate(night)
    update_scores(night.settings.workspace.results, night.ledger)
    outputs = {
        "outcomes": night.ledger.count("outcome"),
        "waiting": len(open_ones) - len(new),
        "restated": night.ledger.count("outcome_restated"),
        "drift": [asdict(item) for item in _watched(night)],
    }
    return Ended("done", outputs, {"signals": night.ledger.count("signal")})


def _watched(night: Night) -> list[Any]:
    lines = night.settings.config.daily.drift
    run = night.book.run
    bands = Bands(moderate=lines.moderate, major=lines.major, least=lines.least, hit_rate_z=lines.hit_rate_z)
    found = watch(
        run,
        recent_signals(
            night.ledger,
            asof=iso(night.asof_ns),
            decisions=lines.window,
            per_decision=sum(len(member.symbols) for member in run.spec.members),
        ),
        decisions=lines.window,
        bands=bands,
    )
    for learned in night.book.learned:
        if learned.used is not None:
            found += watch_inputs(learned.training.course, learned.used, decisions=lines.window, bands=bands)
    for item in found:
        if item.band in ("moderate", "major"):
            stream("app", run_id=night.daily_id).warning("{}", item.line(), strategy=item.strategy, quiet=True)
    return found


def _restate(night: Night) -> None:
    """Record what outcomes would be now, where bars were restated since they were last looked at."""
    steps = [fact.seq for fact in night.ledger.facts("step", newest=200) if fact.payload["step"] == "realise"]
    told = night.ledger.rows(["restatement"], after=max(steps, default=0))
    keys = {row.key for row in told}
    changed = [fact for fact in night.ledger.facts("restatement") if fact.key in keys] if keys else []
    for symbol in sorted({str(fact.payload["symbol"]) for fact in changed} & set(night.instruments)):
        night.ledger.append_many(_restated(night, symbol))


def _restated(night: Night, symbol: str) -> list[tuple[str, str, dict[str, Any]]]:
    stored = {fact.key: fact for fact in night.ledger.greatest("outcome", -1, holding=f"|{symbol}|")}
    signals = [(key, signal.payload) for key in stored if (signal := night.ledger.get("signal", key)) is not None]
    found = []
    for now in realise_all(signals, night.own_bars, asof_ns=night.asof_ns):
        before = night.ledger.facts("outcome_restated", prefix=f"{now.signal_key}|")
        newest: Fact = before[-1] if before else stored[now.signal_key]
        if differs(newest.payload, now):
            found.append(("outcome_restated", f"{now.signal_key}|{len(before) + 1}", now.payload()))
    return found


def snapshot(night: Night) -> Ended:
    """Keep the book's backtest as of this instant, certified."""
    result = keep(
        night.settings, night.ledger, night.book, name="daily snapshot", kind="snapshot", progress=night.progress
    )
    outputs = {
        "run_id": result.run_id,
        "certificate": result.proof.ok,
        "metrics": result.fact["metrics"],
        "ladder": result.fact["ladder"],
    }
    _log_book(night, result.run_id)
    if not result.proof.ok:
        night.incident(result.proof.failure(result.run_id), "no metrics are shown for this run")
    inputs = {"data_hash": night.book.market.fingerprint, "config_hash": night.settings.config_hash}
    return Ended("done" if result.proof.ok else "partial", outputs, inputs)


def _log_book(night: Night, run_id: str) -> None:
    """Log what the simulated book traded since the day before, and what it would order at the next open."""
    store = RunStore(night.settings.workspace.results)
    fills = store.table(run_id, "trades").to_pylist()
    since = from_ns(night.asof_ns - DAY_NS)
    for fill in fills:
        if fill["at"] >= since:
            fact = {**fill, "ts": fill["ts"].isoformat(), "at": fill["at"].isoformat(), "simulated": True}
            stream("trades", run_id=night.daily_id).info("simulated fill {}", fill["symbol"], **fact)
    for item in store.document(run_id, "book")["positions"]:
        if item["order"]:
            fact = {"symbol": item["symbol"], "quantity": item["order"], "simulated": True}
            stream("orders", run_id=night.daily_id).info("simulated order {}", item["symbol"], **fact)


STEP_OF: dict[str, Callable[[Night], Ended]] = {
    "refresh": refresh,
    "validate": validate,
    "train": train,
    "predict": predict,
    "realise": realise,
    "snapshot": snapshot,
    "report": write_report,
}
