"""A run as tables and documents: what is written to its folder."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.time import HOUR_NS, iso
from tradeterm.engine.book import AT_OPEN, FILLS, LADDER_STATES, WITHIN
from tradeterm.engine.decided import decided
from tradeterm.engine.executed import executed
from tradeterm.engine.explain import cuts, exposures
from tradeterm.research.freshness import stale
from tradeterm.store.columns import instants, table, words

if TYPE_CHECKING:
    import pyarrow as pa

    from tradeterm.core.types import IntArray
    from tradeterm.engine.replay import Replay

__all__ = [
    "book_document",
    "nav_table",
    "trades_table",
]


def nav_table(run: Replay, day_ends: IntArray, kept: IntArray) -> pa.Table:
    """NAV by decision: ts, nav, cash, gross, drawdown, ladder, whether it is a point of the metrics' series.

    decided : whether the decision is one of the ``kept`` rows; else the one before stands
    """
    record = run.record
    return table(
        {
            "ts": instants(run.times),
            "nav": record.nav[0],
            "cash": record.cash[0],
            "gross": record.gross[0],
            "interest": record.interest[0],
            "drawdown": record.drawdown[0],
            "ladder": words(LADDER_STATES, record.ladder[0]),
            "day_end": np.isin(run.times, day_ends),
            "decided": np.isin(np.arange(len(run.times)), kept),
        }
    )


def trades_table(run: Replay) -> pa.Table:
    """Fills: the decision, the bar and the raw price, how it came, quantity in units, and costs in money."""
    filled, market, terms = run.record.filled[0], run.market, run.terms
    rows, columns = np.nonzero(filled)
    order = np.lexsort((columns, market.fill_at[rows, columns]))
    rows, columns = rows[order], columns[order]
    made = executed(market, terms, run.record)
    quantity = filled[rows, columns] * market.unit[columns]
    price = made.price[rows, columns]
    notional = np.abs(quantity) * price
    how = run.record.how[0][rows, columns] if len(run.record.how[0]) else np.full(len(rows), AT_OPEN)
    slippage = np.where(how == AT_OPEN, terms.slippage[0][columns], 0.0)
    fee = np.where(how == WITHIN, terms.maker[0][columns], terms.taker[0][columns])
    return table(
        {
            "ts": instants(run.times[rows]),
            "at": instants(market.fill_at[rows, columns]),
            "symbol": words(run.panel.symbols, columns),
            "side": words(("BUY", "SELL"), (quantity < 0).astype(np.int64)),
            "how": words(FILLS, how.astype(np.int64)),
            "quantity": np.abs(quantity),
            "price": price,
            "notional": notional,
            "fee": notional * fee,
            "slippage": notional * slippage,
        }
    )


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def book_document(run: Replay) -> dict[str, Any]:
    """The book at the last decision: positions, what each strategy wants, limits, ladder and what was cut."""
    row = len(run.times) - 1
    record, market = run.record, run.market
    nav = float(record.nav[0, row])
    stood = decided(run, row)
    held = stood.position
    after = record.contribution[0, row] * record.scale[0, row]
    target = after.sum(axis=0)
    residual = float(np.abs(record.held[0, row].sum(axis=0) - record.position[0, row]).max(initial=0.0))
    late = stale(run)
    found = cuts(stood)
    binding = {item.limit for item in found}
    return {
        "asof": iso(int(run.times[row])),
        "nav": _number(nav),
        "cash": _number(float(record.cash[0, row])),
        "gross": _number(float(record.gross[0, row])),
        "positions": [
            {
                "symbol": item.symbol,
                "asset_class": item.asset_class.value,
                "quantity": float(record.position[0, row, j] * market.unit[j]),
                "mark": _number(float(market.mark[row, j])),
                "weight": _number(float(held[j])),
                "target": _number(float(target[j])),
                "delta": _number(float(target[j] - held[j])),
                # What is stale is not acted on.
                "order": 0.0
                if item.symbol in late
                else float((record.target[0, row, j] - record.position[0, row, j]) * market.unit[j]),
                "overdue_hours": late.get(item.symbol, 0) / HOUR_NS,
                "strategies": {
                    name: {"before": float(record.contribution[0, row, m, j]), "after": float(after[m, j])}
                    for m, name in enumerate(run.spec.names)
                    if record.contribution[0, row, m, j] != 0.0
                },
            }
            for j, item in enumerate(run.spec.instruments)
        ],
        "limits": [
            {
                "name": item.name,
                "now": _number(item.now),
                "cap": item.cap,
                "binding": item.name in binding or (item.name == "max asset" and "asset" in binding),
            }
            for item in exposures(stood, run.spec.ladder.derisk)
        ],
        "ladder": {
            "state": run.ladder_state,
            "drawdown": _number(float(record.drawdown[0, row])),
            "peak": _number(float(run.state.peak[0])),
            "derisk_at": run.spec.ladder.derisk,
            "halt_at": run.spec.ladder.halt,
            "recovery": run.spec.ladder.recovery,
        },
        "residual": residual,
        "cuts": [
            {
                "limit": item.limit,
                "symbol": item.symbol,
                "wanted": item.wanted,
                "cap": item.cap,
                "headroom": item.headroom,
                "passes": item.passes,
            }
            for item in found
        ],
    }
