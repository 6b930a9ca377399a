"""Signals as they were made, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tradeterm.core.time import from_iso
from tradeterm.signals.scorefile import Scores, behind, read_scores
from tradeterm.store.ledger import Ledger
from tradeterm.views.base import View, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.config.workspace import Workspace
    from tradeterm.core.scores import Group, Score
    from tradeterm.store.ledger import Fact, LedgerReader

__all__ = ["HitRate", "OutcomesView", "SignalRow", "SignalsView", "build", "build_named", "build_outcomes"]

# So many facts are counted while one waits; beyond it the daily run's file is shown, which says how far it goes.
_COUNTED_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRow:
    """One signal; net and hit are None until its horizon has matured (hit stays None for flat ones).

    replayed : made later than its instant
    restated_net : what the return after costs would be on the bars as they are now, where they were changed since
    """

    key: str
    ts_ns: int
    symbol: str
    strategy: str
    model_version: str
    horizon: int
    side: str
    prob: float | None
    ev: float | None
    sample: int | None
    replayed: bool
    matured: bool
    exit_at_ns: int | None
    gross: float | None
    net: float | None
    hit: bool | None
    restated_net: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HitRate:
    """Share of matured directional signals with a positive net return; None while none has matured."""

    strategy: str
    rate: float | None
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalsView(View):
    """The newest signals, newest decision first; rates count all of them, the first is of all strategies together.

    uncounted : signals and outcomes recorded since ``total``, ``waiting`` and ``rates`` were counted
    """

    SCHEMA: ClassVar[str] = "tradeterm.signals.v1"

    signals: tuple[SignalRow, ...]
    total: int
    waiting: int
    rates: tuple[HitRate, ...]
    uncounted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomesView(View):
    """What became of signals: the newest that matured, and how good they all were.

    whole : all signals, or those of ``symbol``, with reliability curve, months and decay; None without any
    models : likewise, one per model version; regimes : one per axis and state; symbols : scores alone
    restated : outcomes whose bars were changed afterwards, beside which what they would be now is recorded
    uncounted : signals and outcomes recorded since the scores were counted
    """

    SCHEMA: ClassVar[str] = "tradeterm.outcomes.v1"

    symbol: str | None
    outcomes: tuple[SignalRow, ...]
    rates: tuple[HitRate, ...]
    whole: Group | None
    models: tuple[Group, ...]
    regimes: tuple[Group, ...]
    symbols: tuple[Group, ...]
    restated: int
    uncounted: int


def build(workspace: Workspace, now_ns: int, *, newest: int = 100, symbol: str | None = None) -> SignalsView:
    """Read the newest signals and how they scored.

    Raises
    ------
    StoreError
        When the ledger can't be read.
    """
    with Ledger.reader(workspace.results) as ledger:
        scores, alone, uncounted = _scores(workspace, ledger, symbol)
        whole = _whole(scores, alone, symbol)
        facts = ledger.greatest("signal", newest, holding=f"|{symbol}|" if symbol else "")
        return SignalsView(
            signals=tuple(_row(fact, ledger) for fact in _in_order(facts)),
            total=whole.signals if whole else 0,
            waiting=whole.waiting if whole else 0,
            rates=_rates(alone, whole, symbol),
            uncounted=uncounted,
        )


def build_named(workspace: Workspace, keys: Sequence[str]) -> tuple[SignalRow, ...]:
    """Signals by their keys, in the order of these.

    Raises
    ------
    StoreError
        When the ledger can't be read.
    """
    with Ledger.reader(workspace.results) as ledger:
        found = [ledger.get("signal", key) for key in keys]
        return tuple(_row(fact, ledger) for fact in found if fact is not None)


def build_outcomes(workspace: Workspace, now_ns: int, *, newest: int = 50, symbol: str | None = None) -> OutcomesView:
    """Read what became of signals.

    Raises
    ------
    StoreError
        When the ledger can't be read.
    """
    with Ledger.reader(workspace.results) as ledger:
        scores, alone, uncounted = _scores(workspace, ledger, symbol)
        whole = _whole(scores, alone, symbol)
        facts = ledger.greatest("outcome", newest, holding=f"|{symbol}|" if symbol else "")
        signals = [signal for fact in facts if (signal := ledger.get("signal", fact.key)) is not None]
        return OutcomesView(
            symbol=symbol,
            outcomes=tuple(_row(fact, ledger) for fact in _in_order(signals)),
            rates=_rates(alone, whole, symbol),
            whole=whole,
            models=scores.of("model", whole=True),
            regimes=scores.of("regime"),
            symbols=scores.of("symbol"),
            restated=ledger.count("outcome_restated"),
            uncounted=uncounted,
        )


def _scores(workspace: Workspace, ledger: LedgerReader, symbol: str | None) -> tuple[Scores, Scores, int]:
    """Scores of all and of symbols, and how many signals and outcomes they don't hold yet."""
    kept = read_scores(workspace.results, ledger)
    alone = read_scores(workspace.results, ledger, of_symbols=True) if symbol else kept
    if kept is not None and alone is not None:
        missing = behind(ledger, kept)
        everything = kept.named("all", "all")
        if not missing or (everything is not None and everything.signals > _COUNTED_AT_ONCE):
            return kept, alone, missing
    elif not ledger.count("signal"):
        nothing = Scores(seq=0, hash="", found=())
        return nothing, nothing, 0
    from tradeterm.signals.scoreboard import count_scores

    counted = count_scores(ledger)
    return counted, counted, 0


def _whole(scores: Scores, alone: Scores, symbol: str | None) -> Group | None:
    return alone.named("symbol", symbol) if symbol else scores.named("all", "all")


def _rates(scores: Scores, whole: Group | None, symbol: str | None) -> tuple[HitRate, ...]:
    rates = [_rate("all", whole.score if whole else None)]
    if symbol is None:
        groups = [(group.name, group.score) for group in scores.of("strategy")]
    else:
        pairs = [(group.name.partition("|"), group.score) for group in scores.of("strategy and symbol")]
        groups = [(strategy, score) for (strategy, _, name), score in pairs if name == symbol]
    return (*rates, *(_rate(strategy, score) for strategy, score in groups))


def _rate(strategy: str, score: Score | None) -> HitRate:
    return HitRate(strategy=strategy, rate=score.hit_rate if score else None, n=score.directional if score else 0)


def _in_order(signals: list[Fact]) -> list[Fact]:
    """Newest decision first, and within one as they were recorded."""
    by_recording = sorted(signals, key=lambda fact: fact.seq)
    return sorted(by_recording, key=lambda fact: from_iso(fact.payload["ts"]), reverse=True)


def _row(fact: Fact, ledger: LedgerReader) -> SignalRow:
    outcome = ledger.get("outcome", fact.key)
    restated = ledger.facts("outcome_restated", newest=1, prefix=f"{fact.key}|") if outcome is not None else []
    payload, ended = fact.payload, outcome.payload if outcome is not None else {}
    return SignalRow(
        key=fact.key,
        ts_ns=from_iso(payload["ts"]),
        symbol=str(payload["symbol"]),
        strategy=str(payload["model_version"]).partition("@")[0],
        model_version=str(payload["model_version"]),
        horizon=int(payload["horizon"]),
        side=str(payload["side"]),
        prob=number(payload["prob"]),
        ev=number(payload["ev"]),
        sample=payload.get("sample"),
        replayed=payload.get("replayed") is True,
        matured=outcome is not None,
        exit_at_ns=from_iso(ended["exit_at"]) if ended else None,
        gross=number(ended.get("gross")),
        net=number(ended.get("net")),
        hit=ended.get("hit"),
        restated_net=number(restated[0].payload["net"]) if restated else None,
    )
