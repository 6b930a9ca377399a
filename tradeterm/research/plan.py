"""What is to be refreshed, from the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradeterm.data.publication import PublicationRule
from tradeterm.data.refresh import RefreshPlan
from tradeterm.research.desk import watched

if TYPE_CHECKING:
    from tradeterm.config.schema import Config
    from tradeterm.config.settings import Settings

__all__ = ["publication_rules", "refresh_plan"]


def publication_rules(config: Config) -> dict[str, PublicationRule]:
    """Release schedule per macro series."""
    return {
        name: PublicationRule(kind=rule.kind, lag_days=rule.lag_days, at=rule.at, tz=rule.tz)
        for name, rule in config.universe.publication.items()
    }


def refresh_plan(settings: Settings) -> RefreshPlan:
    """Every instrument and series of the universe with its source."""
    config = settings.config
    return RefreshPlan(
        instruments=watched(config),
        sources={entry.symbol: entry.source for entry in config.universe.instruments},
        publication=publication_rules(config),
    )
