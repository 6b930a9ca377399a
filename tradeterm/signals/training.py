"""Training in a daily run: which learned strategies had a fit due since they were trained last, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tradeterm.core.errors import NotTrainable
from tradeterm.core.time import from_iso, iso_date

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

__all__ = ["Trained", "train_due"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What came of it: which strategies were due and why, and which were trained.

    models : the newest fit of each, by strategy; untrained : what kept a strategy from having any, by strategy
    reason : why nothing was trained, empty otherwise
    """

    due: Mapping[str, str] = field(default_factory=dict)
    trained: Sequence[str] = ()
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    untrained: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    def outputs(self) -> dict[str, Any]:
        """Plain values, as the daily run records them."""
        told: dict[str, Any] = {"due": dict(self.due), "trained": list(self.trained)}
        if self.models or self.untrained:
            told |= {"models": dict(self.models), "untrained": dict(self.untrained)}
        return told | {"reason": self.reason} if self.reason else told


def train_due(
    names: Sequence[str],
    fit: Callable[[str], Mapping[str, Any]],
    *,
    last_trained: Mapping[str, int],
    drifted: Collection[str],
) -> Trained:
    """Fit what the schedule has due of these learned strategies.

    fit : fits what is due of one and returns the newest model as it is recorded
    last_trained : as-of instant of the newest training, by strategy name; drifted : those fitted anew for drift
    """
    if not names:
        return Trained(reason="no learned strategy")
    due: dict[str, str] = {}
    models: dict[str, Mapping[str, Any]] = {}
    untrained: dict[str, str] = {}
    for name in names:
        try:
            found = fit(name)
        except NotTrainable as failure:
            untrained[name] = str(failure)
            continue
        models[name] = {key: found[key] for key in ("model_hash", "known_from", "status")}
        last, known_from = last_trained.get(name), from_iso(found["known_from"])
        if last is None:
            due[name] = "never trained"
        elif known_from > last:
            due[name] = "drifted" if name in drifted else f"the fit of {iso_date(known_from)} was due"
    reason = "" if due else "none is due"
    return Trained(due=due, trained=list(due), models=models, untrained=untrained, reason=reason)
