"""`strategy check`: one strategy alone in a book, decided again at sampled or at all times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradeterm.engine.lookahead import Sampling, certify
from tradeterm.research.backtest import prepare, silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradeterm.config.settings import Settings
    from tradeterm.engine.lookahead import Certificate

    Progress = Callable[[str, int, int], None]

__all__ = ["StrategyCheck", "check_strategy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyCheck:
    """What a check of one strategy found."""

    name: str
    version: str
    start_ns: int
    end_ns: int
    certificate: Certificate


def check_strategy(
    settings: Settings, name: str, *, end_ns: int, every: bool = False, progress: Progress | None = None
) -> StrategyCheck:
    """Run ``name`` alone with its configured parameters and certify it; ``every`` decides again at all times."""
    tell = progress or silent
    prepared = prepare(settings, end_ns=end_ns, only=name, progress=progress)
    sample = settings.config.system.certificate
    certificate = certify(
        prepared.run,
        prepared.market.regime,
        sampling=Sampling(newest=sample.newest, changed=sample.changed, drawn=sample.drawn, every=every),
        seed=int(prepared.run_id, 16),
        progress=lambda done, total: tell("decisions", done, total),
    )
    member = prepared.run.spec.members[0]
    return StrategyCheck(
        name=member.strategy.name,
        version=member.strategy.version,
        start_ns=int(prepared.run.times[0]),
        end_ns=int(prepared.run.times[-1]),
        certificate=certificate,
    )
