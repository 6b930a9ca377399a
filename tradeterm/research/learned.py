"""The learned strategies of a book, with the models that were known at each time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tradeterm.core.time import from_iso, iso
from tradeterm.engine.learning import LearnedStrategy
from tradeterm.research.desk import actions_of
from tradeterm.signals.course import Course
from tradeterm.signals.modelcheck import check_models
from tradeterm.signals.own_bars import known_at, read_own_bars
from tradeterm.signals.own_rows import own_timeframe
from tradeterm.signals.timeline import Schedule, Training, models_of
from tradeterm.store.artifacts import ModelStore
from tradeterm.store.bars import BarStore
from tradeterm.store.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradeterm.config.settings import Settings
    from tradeterm.data.panel import Market
    from tradeterm.engine.lookahead import Certificate
    from tradeterm.engine.replay import Member
    from tradeterm.engine.strategy import Strategy
    from tradeterm.research.desk import Desk
    from tradeterm.signals.timeline import Refit

    Progress = Callable[[str, int, int], None]

__all__ = ["Taught", "checked_again", "course_of", "schedule_of", "taught", "training_of", "with_models"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """A learned strategy with every fit up to an instant, oldest first."""

    training: Training
    refits: tuple[Refit, ...]

    @property
    def name(self) -> str:
        """Name of the strategy."""
        return self.training.course.strategy.name

    @property
    def used(self) -> Refit | None:
        """The fit that is in use, if there is one."""
        return next((refit for refit in reversed(self.refits) if refit.status == "accepted"), None)

    def timeline(self) -> list[list[str]]:
        """Instant and hash of every model that is used."""
        used = models_of(self.refits).timeline
        return [[iso(model.known_from), model.model_hash] for model in used]


def schedule_of(settings: Settings, strategy: str) -> Schedule:
    """How the configuration says that models are fitted, with the fits on drift that daily runs recorded."""
    given = settings.config.models.training
    parts: dict[str, Any] = {name: getattr(given, name) for name in type(given).model_fields}
    return Schedule(
        **parts, seed=settings.config.system.seed, extra=_refits(settings, strategy) if given.on_drift else ()
    )


def _refits(settings: Settings, strategy: str) -> tuple[int, ...]:
    with Ledger.reader(settings.workspace.results) as ledger:
        return tuple(from_iso(fact.payload["at"]) for fact in ledger.facts("refit", prefix=f"{strategy}|"))


def course_of(settings: Settings, desk: Desk, market: Market, member: Member) -> Course:
    """What a learned strategy of the book can learn from: the market, and its own bars as they were known."""
    store, end = BarStore(settings.workspace.data), market.request.asof_ns
    items = {item.symbol: item for item in desk.spec.instruments}
    actions = actions_of(settings.workspace.data, member.symbols)
    timeframe = own_timeframe(market.panel, member.strategy.timeframe)
    fills, cost = {}, {}
    for symbol in member.symbols:
        bars = read_own_bars(store, items[symbol], timeframe, actions.get(symbol))
        fills[symbol] = known_at(bars, end)
        costs = desk.spec.costs[items[symbol].asset_class.value]
        cost[symbol] = costs.fee + costs.slippage
    return Course(
        member=member,
        panel=market.panel,
        inputs=market.regime,
        thresholds=desk.spec.thresholds,
        fills=fills,
        cost=cost,
    )


def training_of(
    settings: Settings, desk: Desk, market: Market, member: Member, *, progress: Progress | None = None
) -> Training:
    """Training of one learned strategy of the book."""
    return Training(
        course=course_of(settings, desk, market, member),
        schedule=schedule_of(settings, member.strategy.name),
        store=ModelStore(settings.workspace.results),
        content_hash=desk.found[member.strategy.name].content_hash,
        progress=progress,
    )


def taught(
    settings: Settings, desk: Desk, market: Market, until_ns: int, *, progress: Progress | None = None
) -> tuple[Taught, ...]:
    """Fit, or take from the store, every model of the book's learned strategies up to an instant."""
    found = []
    for member in desk.spec.members:
        if isinstance(member.strategy, LearnedStrategy):
            training = training_of(settings, desk, market, member, progress=progress)
            found.append(Taught(training=training, refits=training.refits(until_ns)))
    return tuple(found)


def checked_again(
    settings: Settings,
    certificate: Certificate,
    learned: tuple[Taught, ...],
    afresh: Mapping[str, Strategy],
    *,
    seed: int,
    every: bool = False,
) -> Certificate:
    """Certificate with the book's models fitted again, at a sample of the schedule or (``every``) each of them.

    afresh : strategies by name, loaded anew, that fit instead of those of the run
    """
    most = None if every else settings.config.system.certificate.models
    differences, words = certificate.differences, certificate.coverage
    for item in learned:
        course, schedule = item.training.course, item.training.schedule
        course = replace(course, member=replace(course.member, strategy=afresh[item.name]))
        found = check_models(course, schedule, item.refits, most=most, seed=seed)
        differences += found.differences
        words += f"; {found.checked} of {found.models} models of {item.name} fitted again"
    return replace(certificate, differences=differences, coverage=words)


def with_models(desk: Desk, learned: tuple[Taught, ...]) -> Desk:
    """Book whose learned strategies have their models."""
    models = {item.name: models_of(item.refits) for item in learned}
    members = tuple(
        replace(member, models=models[member.strategy.name]) if member.strategy.name in models else member
        for member in desk.spec.members
    )
    return replace(desk, spec=replace(desk.spec, members=members))
