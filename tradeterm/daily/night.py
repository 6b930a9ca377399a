"""What the steps of one daily run share: its identity, the book built once, its incidents, what earlier steps left."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from tradeterm.config.log import stream
from tradeterm.core.errors import LedgerBroken
from tradeterm.core.ids import short_id
from tradeterm.core.time import iso
from tradeterm.research.backtest import prepare
from tradeterm.research.desk import actions_of, instruments, open_desk
from tradeterm.research.regimes import state_fact, transition_facts
from tradeterm.signals.own_bars import read_own_bars
from tradeterm.store.bars import BarStore
from tradeterm.store.incidents import record_incident

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradeterm.config.settings import Settings
    from tradeterm.core.market import Instrument
    from tradeterm.data.crew import Supplier
    from tradeterm.engine.outcomes import OwnFills
    from tradeterm.research.backtest import Prepared
    from tradeterm.research.desk import Desk
    from tradeterm.store.ledger import Ledger

    Progress = Callable[[str, int, int], None]

__all__ = ["STEPS", "Ended", "Night", "Status"]

STEPS = ("refresh", "validate", "train", "predict", "realise", "snapshot", "report")
Status = Literal["done", "skipped", "partial"]


class Ended(NamedTuple):
    """What a step leaves in the ledger: nothing that depends on when, how long or how often it ran.

    inputs : what it was done on
    """

    status: Status
    outputs: dict[str, Any]
    inputs: dict[str, Any]


@dataclass
class Night:
    """One daily run; market and book are built once, by the first step that needs them.

    chosen : steps that take part, in their order
    since_ns : first instant of a replay of the past, which ends at ``asof_ns``; None for an ordinary night
    """

    settings: Settings
    ledger: Ledger
    asof_ns: int
    seed: int
    progress: Progress
    sources: Mapping[str, Supplier] | None
    chosen: tuple[str, ...] = STEPS
    since_ns: int | None = None
    attempt: int = 0
    refreshed: Ended | None = None
    _bars: dict[tuple[str, str], OwnFills] = field(default_factory=dict, init=False)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What makes this the same daily run again."""
        again = {"attempt": self.attempt} if self.attempt else {}
        some = {} if self.chosen == STEPS else {"steps": list(self.chosen)}
        past = {} if self.since_ns is None else {"replayed_from": iso(self.since_ns)}
        return (
            again
            | some
            | past
            | {
                "asof": iso(self.asof_ns),
                "profile": self.settings.profile,
                "made_up": self.settings.made_up,
                "config_hash": self.settings.config_hash,
                "seed": self.seed,
                "strategies": self.desk.identity(),
            }
        )

    @cached_property
    def desk(self) -> Desk:
        """The book as configured, not yet run."""
        return open_desk(self.settings)

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
    def instruments(self) -> dict[str, Instrument]:
        """Instruments that are traded, by symbol."""
        return {item.symbol: item for item in instruments(self.settings.config)}

    def own_bars(self, symbol: str, timeframe: str) -> OwnFills:
        """Stored bars that a horizon counts, read once."""
        key = (symbol, timeframe)
        if key not in self._bars:
            actions = actions_of(self.settings.workspace.data, [symbol]).get(symbol)
            self._bars[key] = read_own_bars(self.store, self.instruments[symbol], timeframe, actions)
        return self._bars[key]

    def signal_hashes(self) -> dict[str, str]:
        """Identity of the configuration behind each strategy's signals: its own entry, its data and its costs."""
        names = [entry.name for entry in self.settings.config.models.strategies]
        return {
            name: self.settings.hash_of(
                f"models.strategies.{place}",
                "system.timeframe",
                "system.start",
                "system.costs",
                "universe",
                "regime_budgets",
            )
            for place, name in enumerate(names)
        }

    def record_regime(self) -> str:
        """Record the regime at this instant and the transitions that led there; returns the state's key."""
        run = self.book.run
        state = state_fact(self.settings, run, self.daily_id)
        states, recorded = self.ledger.facts("regime_state"), self.ledger.facts("regime")
        self.ledger.append_many([state, *transition_facts(self.settings, run, states, recorded)])
        return state[1]

    def incident(self, what: str, effect: str, *, standing: bool = False) -> None:
        """Record something that a person should look at; a ``standing`` one when it is met first, and not again."""
        stream("errors", run_id=self.daily_id).warning("{}", what)
        record_incident(
            self.ledger, at=iso(self.asof_ns), run_id=self.daily_id, what=what, effect=effect, standing=standing
        )

    def outputs(self, step: str) -> dict[str, Any] | None:
        """What a step of this run left; None where it takes no part."""
        if step not in self.chosen:
            return None
        found: dict[str, Any] = self.fact("step", f"{self.daily_id}:{step}")["outputs"]
        return found

    def fact(self, kind: str, key: str) -> dict[str, Any]:
        """Return a fact that an earlier step recorded."""
        fact = self.ledger.get(kind, key)
        if fact is None:
            raise LedgerBroken(
                f"{self.ledger.path}: no {kind} '{key}', which an earlier step recorded; run `tradeterm ledger verify`"
            )
        return fact.payload
