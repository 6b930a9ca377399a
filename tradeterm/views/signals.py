"""Signals as they were made, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tradeterm.core.time import from_iso
from tradeterm.store.ledger import Ledger
from tradeterm.views.base import View, number

if TYPE_CHECKING:
    from tradeterm.config.workspace import Workspace
    from tradeterm.store.ledger import Fact

__all__ = ["HitRate", "SignalRow", "SignalsView", "build"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRow:
    """One signal; net and hit are None until its horizon has matured (hit stays None for flat ones)."""

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
    matured: bool
    exit_at_ns: int | None
    net: float | None
    hit: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HitRate:
    """Share of matured directional signals with a positive net return; None while none has matured."""

    strategy: str
    rate: float | None
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalsView(View):
    """The newest signals, newest decision first; rates count all of them, the first is of all strategies together."""

    SCHEMA: ClassVar[str] = "tradeterm.signals.v1"

    signals: tuple[SignalRow, ...]
    total: int
    waiting: int
    rates: tuple[HitRate, ...]


def build(workspace: Workspace, now_ns: int, *, newest: int = 100, symbol: str | None = None) -> SignalsView:
    """Read the signals and score them.

    Raises
    ------
    StoreError
        When the ledger can't be read.
    """
    with Ledger.reader(workspace.results) as ledger:
        outcomes = {fact.key: fact for fact in ledger.facts("outcome")}
        rows = [_row(fact, outcomes.get(fact.key)) for fact in ledger.facts("signal")]
    chosen = [row for row in rows if symbol is None or row.symbol == symbol]
    chosen.sort(key=lambda row: row.ts_ns, reverse=True)
    names = sorted({row.strategy for row in chosen})
    return SignalsView(
        signals=tuple(chosen[:newest]),
        total=len(chosen),
        waiting=sum(not row.matured for row in chosen),
        rates=(_rate("all", chosen), *(_rate(name, [row for row in chosen if row.strategy == name]) for name in names)),
    )


def _rate(strategy: str, rows: list[SignalRow]) -> HitRate:
    hits = [row.hit for row in rows if row.hit is not None]
    return HitRate(strategy=strategy, rate=sum(hits) / len(hits) if hits else None, n=len(hits))


def _row(fact: Fact, outcome: Fact | None) -> SignalRow:
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
        matured=outcome is not None,
        exit_at_ns=from_iso(ended["exit_at"]) if ended else None,
        net=number(ended.get("net")),
        hit=ended.get("hit"),
    )
