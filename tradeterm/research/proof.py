"""What a run is believed by: the certificate that nothing saw the future, and the audit of its fills and its cash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradeterm.core.time import iso
from tradeterm.engine.audit import RULES, audit
from tradeterm.engine.lookahead import Sampling, certify
from tradeterm.research.learned import checked_again

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradeterm.config.settings import Settings
    from tradeterm.engine.audit import Audit, Violation
    from tradeterm.engine.lookahead import Certificate, Difference
    from tradeterm.engine.replay import Replay
    from tradeterm.research.backtest import Prepared

    Progress = Callable[[str, int, int], None]

__all__ = ["Proof", "audited", "prove"]

_TESTS = (
    "known: no bar that was read is known before it ended, no value before its publication",
    "cut: decided again on the look-back that ends at the decision",
    "poison: decided again with garbage after the decision, every row of the look-back compared",
)
_OF_MODELS = "models: fitted again on what was known then, and with garbage after it"
_MOST_KEPT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Certificate and audit of one run; ``learned``: whether its book had models to fit again."""

    certificate: Certificate
    audit: Audit
    learned: bool = False

    @property
    def ok(self) -> bool:
        """Whether the run's numbers may be shown."""
        return self.certificate.ok and self.audit.ok

    def failure(self, run_id: str) -> str:
        """Say what was found first, and how many more there are; for a proof that is not ok."""
        show = f"see `tradeterm backtest show {run_id}`"
        if not self.certificate.ok:
            first, *others = self.certificate.differences
            more = f" (and {len(others)} more)" if others else ""
            return f"run {run_id}: {first}{more}; the strategy reads bars it should not, {show}"
        more = f" (and {self.audit.count - 1} more)" if self.audit.count > 1 else ""
        return f"run {run_id}: audit: {self.audit.violations[0]}{more}; its numbers can't be trusted, {show}"

    def summary(self) -> dict[str, Any]:
        """What the run's fact says of it."""
        return {
            "ok": self.ok,
            "checked": self.certificate.checked,
            "decisions": self.certificate.decisions,
            "coverage": self.certificate.coverage,
            "audit": {
                "ok": self.audit.ok,
                "fills": self.audit.fills,
                "steps": self.audit.steps,
                "residual": self.audit.residual,
            },
        }

    def document(self, symbols: tuple[str, ...]) -> dict[str, Any]:
        """What is kept with the run."""
        found = self.summary()
        found["audit"] |= {"rules": RULES, "violations": [_violated(item, symbols) for item in self.audit.violations]}
        differences = self.certificate.differences[:_MOST_KEPT]
        tests = [*_TESTS, _OF_MODELS] if self.learned else list(_TESTS)
        return found | {"tests": tests, "failures": [_differed(item) for item in differences]}


def prove(
    settings: Settings, prepared: Prepared, *, every: bool = False, progress: Callable[[int, int], None] | None = None
) -> Proof:
    """Decide again at sampled times (``every``: at all) with strategies loaded anew, and audit what was recorded.

    Raises
    ------
    StrategyBroken
        When a strategy's file changed while the run was made.
    """
    sample = settings.config.system.certificate
    afresh, seed = prepared.desk.afresh(), int(prepared.run_id, 16)
    certificate = certify(
        prepared.run,
        prepared.market.regime,
        sampling=Sampling(newest=sample.newest, changed=sample.changed, drawn=sample.drawn, every=every),
        seed=seed,
        afresh=afresh,
        progress=progress,
    )
    certificate = checked_again(settings, certificate, prepared.learned, afresh, seed=seed, every=every)
    return Proof(certificate=certificate, audit=audited(prepared.run), learned=bool(prepared.learned))


def audited(run: Replay) -> Audit:
    """Audit of a run that was recorded whole."""
    return audit(run.market, run.terms, run.record, run.state, capital=run.spec.capital)


def _differed(item: Difference) -> dict[str, Any]:
    return {
        "strategy": item.strategy,
        "time": iso(item.time_ns),
        "what": item.what,
        "expected": item.expected,
        "found": item.found,
        "test": "poison" if item.garbage else "cut",
    }


def _violated(item: Violation, symbols: tuple[str, ...]) -> dict[str, Any]:
    return {
        "rule": item.rule,
        "time": iso(item.time_ns),
        "symbol": None if item.column is None else symbols[item.column],
        "expected": item.expected,
        "found": item.found,
    }
