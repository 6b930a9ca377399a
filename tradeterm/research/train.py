"""Train what is due: fit the models of the schedule up to an instant, and record the newest of each strategy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradeterm.config.log import stream
from tradeterm.core.errors import ModelNotFound, UsageError, nearest
from tradeterm.core.ids import short_id
from tradeterm.core.time import iso
from tradeterm.engine.learning import LearnedStrategy
from tradeterm.research.backtest import open_market
from tradeterm.research.desk import open_desk
from tradeterm.research.learned import training_of
from tradeterm.research.modellog import entry, write_entry
from tradeterm.store.artifacts import ModelStore
from tradeterm.store.incidents import record_incident, write_incidents
from tradeterm.store.strategies import discover

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradeterm.config.settings import Settings
    from tradeterm.signals.timeline import Refit
    from tradeterm.store.ledger import Ledger

    Progress = Callable[[str, int, int], None]

__all__ = ["Trained", "learned_names", "record", "train"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The newest model of one strategy.

    fact : as it is recorded; new : whether it was not recorded before; fits : of the schedule up to then
    """

    fact: Mapping[str, Any]
    manifest: Mapping[str, Any]
    new: bool
    fits: int


def learned_names(settings: Settings, *, enabled: bool = False) -> list[str]:
    """Names of the configuration's strategies that learn; ``enabled``: of those that take part."""
    found = {each.name: each.cls for each in discover(settings.workspace.strategies)}
    names = []
    for item in settings.config.models.strategies:
        kind = found.get(item.name)
        if kind is not None and issubclass(kind, LearnedStrategy) and (item.enabled or not enabled):
            names.append(item.name)
    return names


def train(
    settings: Settings, ledger: Ledger, names: list[str], *, asof_ns: int, progress: Progress | None = None
) -> tuple[Trained, ...]:
    """Fit every model that is due by an instant, from what was known at its own, and record the newest.

    Raises
    ------
    UsageError
        When a name is no learned strategy.
    NotTrainable
        When there is too little to fit a single model on.
    """
    learned = learned_names(settings)
    for name in names:
        found = next((each.cls for each in discover(settings.workspace.strategies) if each.name == name), None)
        if found is not None and not issubclass(found, LearnedStrategy):
            raise UsageError(f"{name} follows rules and learns nothing; {_hint(name, learned)}")
    return tuple(_train(settings, ledger, name, asof_ns, progress) for name in names)


def _hint(name: str, learned: list[str]) -> str:
    near = nearest(name, learned)
    return f"did you mean '{near}'?" if near else f"learned strategies: {', '.join(learned) or 'none'}"


def _train(settings: Settings, ledger: Ledger, name: str, asof_ns: int, progress: Progress | None) -> Trained:
    desk = open_desk(settings, only=name)
    market = open_market(settings, desk, asof_ns)
    training = training_of(settings, desk, market, desk.spec.members[0], progress=progress)
    refits = training.newest(asof_ns)
    return record(settings, ledger, training.course.strategy, refits)


def record(settings: Settings, ledger: Ledger, strategy: LearnedStrategy, refits: tuple[Refit, ...]) -> Trained:
    """Record the newest of ``refits``: a fact, and an entry in the changelog or, of a candidate, an incident."""
    newest = refits[-1]
    fact = _fact(strategy, newest)
    before = _before(settings, ledger, newest, fact)
    new = ledger.append("model", short_id(fact), fact)
    if newest.status == "accepted":
        write_entry(settings.workspace.root, fact, entry(fact, newest.manifest, before))
    elif new:
        _incident(settings, ledger, fact)
    return Trained(fact=fact, manifest=newest.manifest, new=new, fits=len(refits))


def _fact(strategy: LearnedStrategy, refit: Refit) -> dict[str, Any]:
    data = refit.manifest["data"]
    return {
        "strategy": strategy.name,
        "version": strategy.version,
        "model_hash": refit.model.model_hash,
        "known_from": iso(refit.model.known_from),
        "status": refit.status,
        "score": refit.score,
        "before": refit.before,
        "newest": refit.newest,
        "rival": refit.rival,
        "samples": data["samples"],
        "data_from": data["from"],
        "data_to": data["to"],
        "fingerprint": data["fingerprint"],
    }


def _before(settings: Settings, ledger: Ledger, refit: Refit, fact: Mapping[str, Any]) -> dict[str, Any] | None:
    """Manifest of the model that was accepted last: as recorded, else the one before on the schedule."""
    store = ModelStore(settings.workspace.results)
    recorded = [
        item.payload["model_hash"]
        for item in ledger.facts("model")
        if item.payload["strategy"] == fact["strategy"]
        and item.payload["status"] == "accepted"
        and item.payload["known_from"] <= fact["known_from"]
        and item.payload["model_hash"] != fact["model_hash"]
    ]
    for model_hash in (*reversed(recorded), refit.before):
        try:
            if model_hash is not None:
                return store.manifest(model_hash)
        except ModelNotFound:
            continue
    return None


def _incident(settings: Settings, ledger: Ledger, fact: Mapping[str, Any]) -> None:
    margin = settings.config.models.training.margin
    name = f"{fact['strategy']}@{fact['version']}+{fact['model_hash']}"
    what = (
        f"model {name} has a skill of {_score(fact['newest'])} on the newest fold, more than {margin:g} below "
        f"{_score(fact['rival'])} of the one in use ({fact['before']}): "
        "it is kept as a candidate"
    )
    effect = f"model {fact['before']} stays in use"
    record_incident(ledger, at=fact["known_from"], run_id=fact["model_hash"], what=what, effect=effect, standing=True)
    write_incidents(settings.workspace.root, ledger)
    stream("errors").warning("{}", what)


def _score(score: float | None) -> str:
    return "unknown" if score is None else f"{score:.4f}"
