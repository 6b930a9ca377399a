"""`strategy check`: one strategy alone in a book, decided again at sampled or at all times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradeterm.research.backtest import prepare, silent
from tradeterm.research.proof import prove

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradeterm.config.settings import Settings
    from tradeterm.research.proof import Proof

    Progress = Callable[[str, int, int], None]

__all__ = ["StrategyCheck", "check_strategy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyCheck:
    """What a check of one strategy found."""

    name: str
    version: str
    symbols: tuple[str, ...]
    start_ns: int
    end_ns: int
    proof: Proof


def check_strategy(
    settings: Settings, name: str, *, end_ns: int, every: bool = False, progress: Progress | None = None
) -> StrategyCheck:
    """Run ``name`` alone with its configured parameters and prove it; ``every`` decides again at all times."""
    tell = progress or silent
    prepared = prepare(settings, end_ns=end_ns, only=name, progress=progress)
    proof = prove(settings, prepared, every=every, progress=lambda done, total: tell("decisions", done, total))
    member = prepared.run.spec.members[0]
    return StrategyCheck(
        name=member.strategy.name,
        version=member.strategy.version,
        symbols=prepared.run.panel.symbols,
        start_ns=int(prepared.run.times[0]),
        end_ns=int(prepared.run.times[-1]),
        proof=proof,
    )
