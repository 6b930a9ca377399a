"""Why a run decided on an instrument as it did: wishes, limits, ladder, order, fill, and what was read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tradeterm.core.errors import StoreError
from tradeterm.core.time import asof_instant, iso
from tradeterm.engine.explain import Why, contributions, explain
from tradeterm.views.base import View, number
from tradeterm.views.decisions import Decisions

if TYPE_CHECKING:
    from tradeterm.config.workspace import Workspace

__all__ = ["Fill", "OrderFate", "Read", "Shortage", "WhyView", "build", "instant_of"]

_NEAR = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """What was filled: at_ns is when its bar opens; how : market, or how a limit order came; costs in money."""

    at_ns: int
    side: str
    how: str
    quantity: float
    price: float
    notional: float
    fee: float
    slippage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """What cut an order at its fill: ``cash``, ``gross`` or ``class NAME``.

    asked, headroom : fractions of NAV, of all increases of that instant; passes : units that would have passed whole
    """

    limit: str
    asked: float
    headroom: float
    passes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFate:
    """An order and what came of it; quantities in units as they are counted at the fill, after any split.

    quantity : bought (+) or sold (-); limit : price of a limit order; because : why not all was filled, else empty
    low, high : of the bar that a limit order met; room, volume : units that the bar had for it, and that it traded
    """

    quantity: float
    filled: float
    limit: float | None
    because: str
    low: float | None
    high: float | None
    room: float | None
    volume: float | None
    shortage: Shortage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Bars that the run has read of the symbol or for the regime, with the fingerprint of their content."""

    symbol: str
    timeframe: str
    rows: int
    first: str | None
    last: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyView(View):
    """One instrument at one decision of a stored run.

    asked_ns : what was asked for; decision_ns : the newest decision by then; stands_ns : the one that it repeats, which
        is explained, itself where it repeats none
    symbols : all that the run trades; sample : whether bars were made up, None where the ledger does not know the run
    earlier_ns, later_ns : the decisions before and after that one which say anything of the symbol
    read : of the symbol, then of the rest; hashes : of configuration, code, data and each strategy's file
    """

    SCHEMA: ClassVar[str] = "tradeterm.why.v1"

    run_id: str
    symbol: str
    asset_class: str
    symbols: tuple[str, ...]
    fill_at: str
    timeframe: str
    sample: bool | None
    asked_ns: int
    decision_ns: int
    stands_ns: int
    earlier_ns: int | None
    later_ns: int | None
    why: Why
    order: OrderFate | None
    fill: Fill | None
    read: tuple[Read, ...]
    hashes: dict[str, str]


def instant_of(text: str) -> int | None:
    """Instant that a question means: a date all of its day; nothing and ``today`` the last decision, which is None."""
    return None if text in ("", "today", "now") else asof_instant(text, 0)


def build(workspace: Workspace, run_id: str, symbol: str | None, at_ns: int | None) -> WhyView:
    """Explain the newest decision at or before an instant; without one the last, without a symbol the first of the run.

    Raises
    ------
    UsageError
        When the run does not trade the symbol, or the instant is outside of its decisions.
    RunNotFound, StoreError
        When there is no such run, it keeps no decisions, or its files do not agree with each other.
    """
    kept = Decisions(workspace, run_id)
    return explained(
        kept, kept.symbols[0] if symbol is None else symbol, int(kept.times[-1]) if at_ns is None else at_ns
    )


def explained(kept: Decisions, symbol: str, at_ns: int) -> WhyView:
    """Explain from decisions that are open already; raises as :func:`build` does."""
    j = kept.column_of(symbol)
    newest, stands = kept.standing(at_ns)
    at = kept.at(stands)
    why = explain(at, j)
    _check(kept, symbol, stands, "the target", kept.target(stands, symbol), why.target)
    for name, asked, recorded in zip(at.strategies, contributions(at)[:, j], at.contribution[:, j], strict=True):
        _check(kept, symbol, stands, f"{name}'s part", float(recorded), float(asked))
    earlier, later = kept.beside(symbol, stands)
    unit = float(kept.unit[j])
    manifest = kept.manifest
    return WhyView(
        run_id=kept.run_id,
        symbol=symbol,
        asset_class=at.classes[int(at.asset_class[j])],
        symbols=kept.symbols,
        fill_at=str(manifest["fill"]),
        timeframe=str(manifest["timeframe"]),
        sample=kept.sample,
        asked_ns=at_ns,
        decision_ns=newest,
        stands_ns=stands,
        earlier_ns=earlier,
        later_ns=later,
        why=why,
        order=next((_order(row, unit) for row in kept.rows("orders", stands) if row["symbol"] == symbol), None),
        fill=next((_fill(row) for row in kept.rows("trades", stands) if row["symbol"] == symbol), None),
        read=_read(manifest["read"], symbol),
        hashes={
            "config": str(manifest["config_hash"]),
            "code": str(manifest["code_hash"]),
            "data": str(manifest["data_hash"]),
            **{f"{item['name']}@{item['version']}": str(item["content_hash"]) for item in manifest["strategies"]},
        },
    )


def _check(kept: Decisions, symbol: str, at_ns: int, what: str, recorded: float, found: float) -> None:
    if not math.isclose(found, recorded, rel_tol=_NEAR, abs_tol=_NEAR):
        raise StoreError(
            f"run {kept.run_id}: {what} of {symbol} at {iso(at_ns)} was recorded as {recorded:.9f}, but its files "
            f"come to {found:.9f}; a file was changed, move the run's folder away and run it again"
        )


def _order(row: dict[str, Any], unit: float) -> OrderFate:
    whole = row["fate"] == "filled whole"
    short = row["short_of"]
    return OrderFate(
        quantity=float(row["order_lots"]) * unit,
        filled=float(row["filled_lots"]) * unit,
        limit=number(row["limit"]),
        because="" if whole else str(row["fate"]),
        low=number(row["low"]),
        high=number(row["high"]),
        room=None if row["room_lots"] is None else float(row["room_lots"]) * unit,
        volume=number(row["volume"]),
        shortage=Shortage(
            limit=str(short),
            asked=float(row["asked"]),
            headroom=float(row["headroom"]),
            passes=float(row["passes_lots"]) * unit,
        )
        if short
        else None,
    )


def _fill(row: dict[str, Any]) -> Fill:
    return Fill(
        at_ns=int(row["at"]),
        side=str(row["side"]),
        how=str(row["how"]),
        quantity=float(row["quantity"]),
        price=float(row["price"]),
        notional=float(row["notional"]),
        fee=float(row["fee"]),
        slippage=float(row["slippage"]),
    )


def _read(items: list[dict[str, Any]], symbol: str) -> tuple[Read, ...]:
    found = [
        Read(
            symbol=str(item["symbol"]),
            timeframe=str(item["timeframe"]),
            rows=int(item["rows"]),
            first=item.get("first"),
            last=item.get("last"),
            fingerprint=str(item["fingerprint"]),
        )
        for item in items
    ]
    return tuple(sorted(found, key=lambda item: item.symbol != symbol))
