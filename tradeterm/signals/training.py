"""Whether learned strategies are to be trained tonight, and their training: all that the daily run knows of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tradeterm.core.time import DAY_NS, from_ns

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tradeterm.engine.strategy import Strategy

__all__ = ["Schedule", "Trained", "due", "is_learned", "train_due"]

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a model is trained again: every N days, on a weekday, on drift; None and False never for that reason."""

    every_days: int | None = None
    weekly: str | None = None
    on_drift: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What came of it: which strategies were due and why, and which were trained.

    reason : why nothing was, empty otherwise
    """

    due: Mapping[str, str] = field(default_factory=dict)
    trained: Sequence[str] = ()
    reason: str = ""

    def outputs(self) -> dict[str, Any]:
        """Plain values, as the daily run records them."""
        told: dict[str, Any] = {"due": dict(self.due), "trained": list(self.trained)}
        return told | {"reason": self.reason} if self.reason else told


def due(schedule: Schedule, last_trained_ns: int | None, asof_ns: int, *, drifted: bool) -> str | None:
    """Why a model is to be trained as of an instant; None when it isn't.

    last_trained_ns : as-of instant of the newest training up to ``asof_ns``, None if there never was one
    drifted : whether something of it has drifted in a major way since

    An as-of instant belongs to the day that ends there: 2024-06-08T00:00Z is the Friday.
    """
    if last_trained_ns is None:
        return "never trained"
    if last_trained_ns >= asof_ns:
        return None
    if schedule.every_days is not None and asof_ns - last_trained_ns >= schedule.every_days * DAY_NS:
        return f"trained {(asof_ns - last_trained_ns) // DAY_NS} days ago, every {schedule.every_days} days is set"
    if schedule.weekly is not None and last_trained_ns <= _began(schedule.weekly, asof_ns):
        return f"every {schedule.weekly} is set"
    return "drifted" if schedule.on_drift and drifted else None


def _began(weekday: str, asof_ns: int) -> int:
    """Instant at which the newest such weekday began."""
    today = (asof_ns - 1) - (asof_ns - 1) % DAY_NS
    return today - (from_ns(today).weekday() - _WEEKDAYS.index(weekday)) % len(_WEEKDAYS) * DAY_NS


def is_learned(strategy: Strategy) -> bool:
    """Whether a strategy is fitted to data, rather than made of rules."""
    return callable(getattr(strategy, "fit", None))


def train_due(
    strategies: Sequence[Strategy],
    schedule: Schedule,
    *,
    last_trained: Mapping[str, int],
    asof_ns: int,
    drifted: Collection[str],
) -> Trained:
    """Train those learned strategies that are due.

    last_trained : as-of instant of the newest training, by strategy name
    drifted : names of strategies of which something has drifted in a major way
    """
    learned = [strategy for strategy in strategies if is_learned(strategy)]
    if not learned:
        return Trained(reason="no learned strategy")
    wanted = {
        strategy.name: why
        for strategy in learned
        if (why := due(schedule, last_trained.get(strategy.name), asof_ns, drifted=strategy.name in drifted))
    }
    return Trained(due=wanted, reason="training is not part of this version" if wanted else "none is due")
