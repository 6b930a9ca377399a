"""What a run keeps of its decisions, so that each can be asked why from the run's files alone.

Kept are the decisions at which something differs from the one before; between them the decision before stands.
``tradeterm.views.decisions`` reads them back.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.engine.decided import aims, flags_at, limit_prices, movable, position_weights, rules_of, worth
from tradeterm.engine.explain import FLAGS
from tradeterm.engine.fates import FATES, NO_VOLUME, SHARE, fates
from tradeterm.engine.regime import AXES, NEVER, STATES, STATUS
from tradeterm.store.columns import instants, numbers, table, texts, words

if TYPE_CHECKING:
    import pyarrow as pa

    from tradeterm.core.types import BoolArray, FloatArray, IntArray, StateArray
    from tradeterm.engine.replay import Replay

__all__ = ["decision_tables", "kept_rows", "terms_document"]


def kept_rows(run: Replay) -> IntArray:
    """(K,) rows whose decision differs from the one before, those with orders, the first and the last."""
    record, plan, terms, market = run.record, run.plan, run.terms, run.market
    ordered = (record.target[0] != record.position[0]).any(axis=1)
    keeps = ordered.copy()
    if not len(keeps):
        return np.empty(0, dtype=np.int64)
    part = run.frame.rows(run.first_row, run.first_row + len(keeps))
    for values in (
        record.contribution[0],
        record.scale[0],
        record.held[0],
        record.position[0],
        record.target[0],
        record.ladder[0],
        plan.weights[0],
        plan.budget[0],
        terms.asset_tight[0],
        terms.class_cap[0],
        terms.gross_cap[0],
        terms.net_cap[0],
        part.state,
        part.last,
        part.status,
    ):
        keeps[1:] |= _differs(values)
    # Who can trade matters where a limit is at work or an order waits.
    matters = (record.scale[0] != 1.0).any(axis=1) | ordered
    keeps[1:] |= _differs(market.tradable) & (matters[1:] | matters[:-1])
    keeps[[0, -1]] = True
    return np.flatnonzero(keeps)


def _differs(values: FloatArray | np.ndarray) -> BoolArray:
    """(T - 1,) whether a row differs from the one before."""
    found: BoolArray = (values[1:] != values[:-1]).reshape(len(values) - 1, -1).any(axis=1)
    return found


def decision_tables(run: Replay, rows: IntArray) -> dict[str, pa.Table]:
    """Tables by name: weights, attribution, limits, regime and orders; the first four at the rows that are kept."""
    return {
        "weights": _weights(run, rows),
        "attribution": _attribution(run, rows),
        "limits": _limits(run, rows),
        "regime": _regime(run, rows),
        "orders": _orders(run),
    }


def _weights(run: Replay, rows: IntArray) -> pa.Table:
    """Target and held weight by symbol, and the lots that come of them; symbols with nothing now and before left out.

    scale : what limits leave of the net wish; mark : last close; lots, aim_lots, order_lots : held, wanted, ordered
    limit : price of a limit order; movable : whether it can trade before the next decision
    """
    record = run.record
    net = np.zeros((len(rows), len(run.panel.symbols)))
    for m in range(record.contribution.shape[2]):
        net = net + record.contribution[0, rows, m]
    target = net * record.scale[0, rows]
    held, lots, aim = position_weights(run, rows), record.position[0, rows], aims(run, rows)
    order = record.target[0, rows] - lots
    there = (net != 0.0) | (lots != 0.0) | (aim != 0.0) | (run.plan.weights[0, rows] != 0.0).any(axis=1)
    there[1:] |= there[:-1]
    there[[0, -1]] = True
    k, j = np.nonzero(there)
    limit = limit_prices(run, rows)[k, j]
    return table(
        {
            "ts": instants(run.times[rows][k]),
            "symbol": words(run.panel.symbols, j),
            "target": target[k, j],
            "held": held[k, j],
            "scale": record.scale[0, rows][k, j],
            "mark": run.market.mark[rows][k, j],
            "lots": lots[k, j],
            "aim_lots": aim[k, j],
            "order_lots": order[k, j],
            "limit": numbers(limit, ~np.isnan(limit)),
            "movable": movable(run, rows)[k, j],
        }
    )


def _attribution(run: Replay, rows: IntArray) -> pa.Table:
    """By strategy and symbol: weight of its budget, override, weight before and after risk, and held."""
    record = run.record
    weight, before, lots = run.plan.weights[0, rows], record.contribution[0, rows], record.held[0, rows]
    after = before * record.scale[0, rows][:, None, :]
    held = np.where(lots != 0.0, lots * worth(run, rows)[:, None, :], 0.0)
    k, m, j = np.nonzero((weight != 0.0) | (before != 0.0) | (lots != 0.0))
    return table(
        {
            "ts": instants(run.times[rows][k]),
            "symbol": words(run.panel.symbols, j),
            "strategy": words(run.spec.names, m),
            "weight": weight[k, m, j],
            "budget": run.plan.budget[0, rows][k, m],
            "flag": words(FLAGS, flags_at(run, rows)[k, m, j].astype(np.int64)),
            "before": before[k, m, j],
            "after": after[k, m, j],
            "held": held[k, m, j],
        }
    )


def _limits(run: Replay, rows: IntArray) -> pa.Table:
    """Caps and budgets in force by name, where they change; none where there is no limit."""
    terms, plan = run.terms, run.plan
    series: dict[str, FloatArray] = {"asset": terms.asset_tight[0, rows]}
    series |= {f"class {name}": terms.class_cap[0, rows, c] for c, name in enumerate(run.spec.classes)}
    series |= {"gross": terms.gross_cap[0, rows], "net": terms.net_cap[0, rows]}
    series |= {f"budget {name}": plan.budget[0, rows, m] for m, name in enumerate(run.spec.names)}
    values = np.column_stack(list(series.values()))
    changed = np.vstack([np.ones((1, values.shape[1]), dtype=np.bool_), values[1:] != values[:-1]])[: len(rows)]
    k, c = np.nonzero(changed)
    found = values[k, c]
    return table(
        {
            "ts": instants(run.times[rows][k]),
            "name": words(tuple(series), c),
            "value": numbers(found, np.isfinite(found)),
        }
    )


def _regime(run: Replay, rows: IntArray) -> pa.Table:
    """The axes as the kept decisions knew them, where one of their values changes."""
    frame = run.frame
    at = rows + run.first_row
    coded: list[StateArray] = [frame.state[at], frame.last[at], frame.status[at]]
    compared: list[FloatArray] = [frame.reading[at], frame.reference[at]]
    changed = np.zeros((len(rows), len(AXES)), dtype=np.bool_)
    changed[:1] = True
    for codes in coded:
        changed[1:] |= codes[1:] != codes[:-1]
    for values in compared:
        changed[1:] |= (values[1:] != values[:-1]) & ~(np.isnan(values[1:]) & np.isnan(values[:-1]))
    k, axis = np.nonzero(changed)
    state, last, status = (codes[k, axis].astype(np.int64) for codes in coded)
    reading, reference = (values[k, axis] for values in compared)
    names = tuple(name for states in STATES for name in states)
    start = np.cumsum([0, *(len(states) for states in STATES[:-1])])[axis]
    return table(
        {
            "ts": instants(run.times[rows][k]),
            "axis": words(AXES, axis),
            "state": words(names, start + state),
            "last": words((*names, ""), np.where(last == NEVER, len(names), start + last)),
            "status": words(STATUS, status),
            "reading": numbers(reading, ~np.isnan(reading)),
            "reference": numbers(reference, ~np.isnan(reference)),
        }
    )


def _orders(run: Replay) -> pa.Table:
    """Every order with what came of it; lots as they are counted at the fill.

    limit : price at the fill; room_lots, volume : where an order takes a share of its bar; low, high : of the bar that
        a limit order met
    short_of, asked, headroom, passes_lots : what cut it at the fill, fractions of NAV of all increases together, and
        the lots of it that would have passed whole
    """
    found = fates(run)
    limited = np.isfinite(found.limit)
    shared = np.isin(found.fate, (SHARE, NO_VOLUME))
    shortages = [found.shortages.get(k) for k in range(len(found.rows))]
    cut = np.array([each is not None for each in shortages], dtype=np.bool_)

    def where(values: FloatArray, there: BoolArray) -> pa.Array:
        return numbers(values, there & np.isfinite(values))

    return table(
        {
            "ts": instants(run.times[found.rows]),
            "symbol": words(run.panel.symbols, found.columns),
            "order_lots": found.order,
            "filled_lots": found.filled,
            "fate": words(FATES, found.fate),
            "limit": where(found.limit, limited),
            "low": where(found.low, limited),
            "high": where(found.high, limited),
            "room_lots": where(found.room, shared),
            "volume": where(found.volume, shared),
            "short_of": texts([each.limit if each else None for each in shortages]),
            "asked": numbers(np.array([each.asked if each else math.nan for each in shortages]), cut),
            "headroom": numbers(np.array([each.headroom if each else math.nan for each in shortages]), cut),
            "passes_lots": numbers(np.array([each.passes if each else math.nan for each in shortages]), cut),
        }
    )


def terms_document(run: Replay) -> dict[str, Any]:
    """What holds at every decision of a run alike: instruments, strategies, rules, ladder and how orders are made."""
    plan, terms, market, symbols = run.plan, run.terms, run.market, run.panel.symbols
    return {
        "instruments": [
            {
                "symbol": symbol,
                "asset_class": run.spec.classes[int(market.asset_class[j])],
                "unit": float(market.unit[j]),
                "cap": _limit(float(terms.asset_cap[0, j])),
                "least": float(terms.least[0, j]),
            }
            for j, symbol in enumerate(symbols)
        ],
        "classes": list(run.spec.classes),
        "strategies": [
            {
                "name": name,
                "budget": float(member.budget),
                "cap": _limit(float(plan.cap[0, m])),
                "multipliers": {
                    symbol: float(plan.multiplier[0, m, j])
                    for j, symbol in enumerate(symbols)
                    if plan.multiplier[0, m, j] != 1.0
                },
            }
            for m, (name, member) in enumerate(zip(run.spec.names, run.spec.members, strict=True))
        ],
        "rules": [
            {"axis": rule.axis, "state": rule.state, "multipliers": dict(rule.multipliers), "caps": dict(rule.caps)}
            for rule in rules_of(run.spec.rules)
        ],
        "band": float(terms.band[0]),
        "derisk_scale": float(terms.ladder[0, 3]),
        "share": _limit(float(terms.share[0])),
        "sizing": run.spec.sizing,
    }


def _limit(value: float) -> float | None:
    return value if math.isfinite(value) else None
