"""What a Sharpe ratio is worth when it was the best of many: the trials of the ledger, also those that failed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tradeterm.store.ledger import Fact

__all__ = ["Deflated", "deflated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deflated:
    """A run among the trials of its strategies.

    trials : how many were recorded; measured : those of them with a Sharpe ratio, the others failed or have none
    probability : that the true ratio is over what the best of so many shows by luck; None where undefined
    track_days : NAV days that a record needs for 95 % that the true ratio is over 0; None where it can't be
    """

    trials: int
    measured: int
    probability: float | None
    track_days: int | None


def deflated(trials: Iterable[Fact], runs: Iterable[Fact], run: Fact, metrics: Mapping[str, Any]) -> Deflated | None:
    """Deflate the Sharpe ratio of ``run`` by all trials of the same strategies; None where it has none.

    trials, runs : facts of the ledger; metrics : the run's own document, of the days that the ratio is counted on
    """
    from statistics import variance

    from tradeterm.engine.overfit import deflated_sharpe, minimum_track_record

    book, year = metrics.get("portfolio") or {}, metrics.get("periods_per_year")
    yearly, skew, kurtosis = (book.get(name) for name in ("sharpe", "skew", "kurtosis"))
    if year is None or yearly is None or skew is None or kurtosis is None:
        return None
    mine = {fact.payload.get("run_id") for fact in trials if _names(fact) == _names(run)} | {run.key}
    found = [fact.payload["metrics"].get("sharpe") for fact in runs if fact.key in mine]
    ratios = [float(value) / math.sqrt(year) for value in found if value is not None]
    # One ratio alone says nothing of how much they vary.
    spread = variance(ratios) if len(ratios) > 1 else None
    probability = None
    if spread is not None or len(mine) == 1:
        probability = deflated_sharpe(
            yearly / math.sqrt(year),
            skew=skew,
            kurtosis=kurtosis,
            periods=book["days"],
            trials=len(mine),
            variance=spread or 0.0,
        )
    track = minimum_track_record(yearly / math.sqrt(year), 0.0, skew=skew, kurtosis=kurtosis)
    return Deflated(
        trials=len(mine),
        measured=len(ratios),
        probability=probability,
        track_days=None if track is None else math.ceil(track),
    )


def _names(fact: Fact) -> list[str]:
    return sorted(str(item["name"]) for item in fact.payload["strategies"])
