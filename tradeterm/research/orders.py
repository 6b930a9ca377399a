"""What the target portfolio would trade at the next open from the book as it stands, with cost and binding limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tradeterm.config.schema import System

__all__ = ["NextOrder", "next_orders"]

_BP = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class NextOrder:
    """One order for the next open; None where no price is known.

    quantity : units, negative for a sale; price : the last close, which the notional and the cost are reckoned at
    cost : fee and slippage that are expected of it, account currency
    limits : what made the position's target smaller than wished
    """

    symbol: str
    side: str
    quantity: float
    price: float | None
    notional: float | None
    cost: float | None
    weight: float | None
    target: float | None
    limits: tuple[str, ...]


def next_orders(book: Mapping[str, Any], system: System) -> list[NextOrder]:
    """Orders of a book document, in its order; what the band or stale bars hold back is none."""
    return [_order(item, book["cuts"], system) for item in book["positions"] if item["order"]]


def _order(item: Mapping[str, Any], cuts: Sequence[Mapping[str, Any]], system: System) -> NextOrder:
    quantity, price = float(item["order"]), item["mark"]
    costs = system.costs[item["asset_class"]]
    resting = system.orders.limit_bp is not None
    rate = costs.maker_bp if resting else costs.fee_bp + costs.slippage_bp
    notional = None if price is None else abs(quantity) * float(price)
    return NextOrder(
        symbol=str(item["symbol"]),
        side="BUY" if quantity > 0 else "SELL",
        quantity=quantity,
        price=price,
        notional=notional,
        cost=None if notional is None else notional * rate * _BP,
        weight=item["weight"],
        target=item["target"],
        limits=tuple(dict.fromkeys(str(cut["limit"]) for cut in cuts if _meets(cut, item))),
    )


def _meets(cut: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    """Whether a limit made this position smaller: its own, its class's, its strategy's, or one on the whole book."""
    if cut["symbol"] is not None:
        return bool(cut["symbol"] == item["symbol"])
    kind, _, name = str(cut["limit"]).partition(" ")
    if kind == "class":
        return bool(name == item["asset_class"])
    return name in item["strategies"] if kind == "strategy" else bool(item["strategies"])
