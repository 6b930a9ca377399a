"""What came of each order of a replay before the next decision, and what kept it from more.

Bars, volumes and limit prices answer for nearly all; where cash or the headroom at the fill cut an increase, the fills
of that row are gone through once more, in plain arithmetic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tradeterm.engine.book import AT_OPEN, BEYOND, WITHIN
from tradeterm.engine.decided import limit_prices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.engine.replay import Replay

__all__ = ["FATES", "Fates", "Shortage", "fates"]

(
    WHOLE,
    ENDS,
    DELISTED,
    SPLIT_AWAY,
    CLOSED,
    NO_BAR,
    NO_TRADING,
    NOT_REACHED,
    NO_VOLUME,
    SHARE,
    SHORT,
) = range(11)
FATES = (
    "filled whole",
    "the run ends before a bar could fill it",
    "the instrument was delisted before it could fill",
    "the split before the fill left less than a lot of it",
    "the calendar expects no bar before the next decision",
    "no bar came before the next decision",
    "nothing was traded in its bar",
    "the bar did not trade through the limit price",
    "the volume of its bar is unknown, and an order takes a share of it",
    "an order takes no more than its share of the bar's volume",
    "cash or headroom at the fill",
)
_HAIR = 1e-9
# Less than this part of an order that is missing is rounding.
_WHOLE = 1e-12


class Shortage(NamedTuple):
    """What cut the increases of one instant: ``cash``, ``gross`` or ``class NAME``.

    asked, headroom : fractions of NAV, of all increases together
    passes : lots of this increase that would have passed whole, if nothing else changed
    """

    limit: str
    asked: float
    headroom: float
    passes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fates:
    """Orders in the order of their rows; K of them.

    rows, columns : (K,) decision and instrument; order, filled : (K,) lots as they are counted at the fill
    limit : (K,) price of limit orders as it counts at the fill, else NaN
    room : (K,) lots that the bar had for it, infinite for any; volume, low, high : (K,) of the bar, NaN without one
    fate : (K,) places in :data:`FATES`; shortages : by place in these arrays
    """

    rows: IntArray
    columns: IntArray
    order: FloatArray
    filled: FloatArray
    limit: FloatArray
    room: FloatArray
    volume: FloatArray
    low: FloatArray
    high: FloatArray
    fate: IntArray
    shortages: dict[int, Shortage]


def fates(run: Replay) -> Fates:
    """Say what came of every order."""
    record, market = run.record, run.market
    rows, columns = np.nonzero(record.target[0] != record.position[0])
    ratio, paid = np.ones(len(rows)), np.zeros(len(rows))
    if market.split.shape[0]:
        ratio, paid = market.split[rows, columns], market.dividend[rows, columns]
    order = _order_at_fill(run, rows, columns, ratio)
    limit = (_limits(run, rows, columns) - paid) / ratio
    volume = market.fill_volume[rows, columns]
    room = _room(run, volume, columns)
    filled = record.filled[0, rows, columns]
    fate = _fate(run, rows, columns, order, filled, limit, room)
    found = Fates(
        rows=rows,
        columns=columns,
        order=order,
        filled=filled,
        limit=limit,
        room=room,
        volume=volume,
        low=market.fill_low[rows, columns],
        high=market.fill_high[rows, columns],
        fate=fate,
        shortages={},
    )
    short = np.flatnonzero(fate == SHORT)
    for row in np.unique(rows[short]).tolist():
        places = {int(columns[k]): int(k) for k in np.flatnonzero(rows == row)}
        for j, shortage in _Fills(run, row, found, places).shortages().items():
            found.shortages[places[j]] = shortage
    return found


def _whole(lots: FloatArray, rounds: FloatArray | np.ndarray) -> FloatArray:
    return np.where(rounds, np.copysign(np.floor(np.abs(lots) + _HAIR), lots), lots)


def _order_at_fill(run: Replay, rows: IntArray, columns: IntArray, ratio: FloatArray) -> FloatArray:
    """Orders after the splits before their fills."""
    record, market = run.record, run.market
    lots, target = record.position[0, rows, columns], record.target[0, rows, columns]
    rounds, mark = market.rounds[columns], market.mark[rows, columns]
    pays = rounds & np.isfinite(mark) & (market.gone[columns] != rows)
    kept = np.where(pays, _whole(lots * ratio, pays), lots * ratio)
    return np.where(ratio == 1.0, target - lots, _whole(target * ratio, rounds) - kept)


def _limits(run: Replay, rows: IntArray, columns: IntArray) -> FloatArray:
    if not np.isfinite(run.terms.limit).any():
        return np.full(len(rows), np.nan)
    own, place = np.unique(rows, return_inverse=True)
    return limit_prices(run, own)[place, columns]


def _room(run: Replay, volume: FloatArray, columns: IntArray) -> FloatArray:
    share = float(run.terms.share[0])
    if not math.isfinite(share):
        return np.full(len(columns), math.inf)
    taken = np.where(np.isfinite(volume), share * volume / run.market.unit[columns], 0.0)
    return _whole(taken, run.market.rounds[columns])


def _fate(
    run: Replay,
    rows: IntArray,
    columns: IntArray,
    order: FloatArray,
    filled: FloatArray,
    limit: FloatArray,
    room: FloatArray,
) -> IntArray:
    market = run.market
    opens, volume = market.fill_open[rows, columns], market.fill_volume[rows, columns]
    gone = (market.gone[columns] >= 0) & (market.gone[columns] <= rows)
    bar = (market.fill_at[rows, columns] >= 0) & np.isfinite(opens)
    low, high = market.fill_low[rows, columns], market.fill_high[rows, columns]
    reached = np.where(order > 0.0, (opens <= limit) | (low < limit), (opens >= limit) | (high > limit))
    missing = np.abs(filled) < np.abs(order) * (1.0 - _WHOLE)
    last = rows == len(run.times) - 1
    cases = (
        (SPLIT_AWAY, order == 0.0),
        (WHOLE, ~missing),
        (DELISTED, gone),
        (ENDS, last & ~bar),
        (CLOSED, ~market.tradable[rows, columns]),
        (NO_BAR, ~bar),
        (NO_TRADING, volume == 0.0),
        (NOT_REACHED, np.isfinite(limit) & ~reached),
        (NO_VOLUME, np.isfinite(room) & ~np.isfinite(volume)),
        (SHARE, np.abs(filled) >= room * (1.0 - _WHOLE)),
    )
    return np.select([case for _, case in cases], [code for code, _ in cases], default=SHORT)


class _Fills:
    """The fills of one row once more, for what cut the increases of an instant."""

    def __init__(self, run: Replay, row: int, found: Fates, places: dict[int, int]) -> None:
        self._run, self._row, self._found, self._places = run, row, found, places
        self._nav = float(run.record.nav[0, row])
        self._cash = float(run.record.cash[0, row])
        self._lots = run.record.position[0, row].copy()
        market = run.market
        self._ratio = market.split[row] if market.split.shape[0] else np.ones(len(market.unit))
        self._price = market.mark[row] / self._ratio
        self._act()

    def _act(self) -> None:
        """Dividends, splits and delistings before the fills."""
        market, row = self._run.market, self._row
        for j in np.flatnonzero(self._lots).tolist():
            lots, unit = float(self._lots[j]), float(market.unit[j])
            paid = float(market.dividend[row, j]) if market.split.shape[0] else 0.0
            self._cash += lots * unit * paid
            if self._ratio[j] != 1.0:
                exact = lots * float(self._ratio[j])
                worth = unit * (float(market.mark[row, j]) - paid) / float(self._ratio[j])
                pays = market.rounds[j] and math.isfinite(worth) and market.gone[j] != row
                kept = float(_whole(np.array(exact), market.rounds[j])) if pays else exact
                self._cash += (exact - kept) * worth if pays else 0.0
                self._lots[j] = kept
            if market.gone[j] == row:
                self._cash += float(self._lots[j]) * unit * float(market.last_price[j])
                self._lots[j] = 0.0

    def shortages(self) -> dict[int, Shortage]:
        """What cut the increases, by instrument."""
        due: dict[int, list[int]] = {}
        for j, place in self._places.items():
            if self._found.filled[place] != 0.0 or self._found.fate[place] == SHORT:
                at = int(self._run.market.fill_at[self._row, j])
                due.setdefault(2**62 if self._how(j) == WITHIN else at, []).append(j)
        told: dict[int, Shortage] = {}
        for at in sorted(due):
            told |= self._instant(due[at])
        return told

    def _instant(self, members: Sequence[int]) -> dict[int, Shortage]:
        """Reductions first; then what the increases ask for, what there is, and what was filled of them."""
        rest, reduced = {}, {}
        for j in members:
            place = self._places[j]
            order, room, held = float(self._found.order[place]), float(self._found.room[place]), float(self._lots[j])
            cut = math.copysign(min(abs(order), abs(held)), order) if order * held < 0.0 else 0.0
            reduced[j] = math.copysign(min(abs(cut), room), cut)
            self._trade(j, reduced[j])
            left = order - cut
            rest[j] = math.copysign(min(abs(left), room - abs(reduced[j])), left)
        short = [j for j in members if self._found.fate[self._places[j]] == SHORT]
        told = {j: found for j in short if (found := self._shortage(j, rest)) is not None}
        for j in members:
            self._trade(j, float(self._found.filled[self._places[j]]) - reduced[j])
        return told

    def _shortage(self, j: int, rest: dict[int, float]) -> Shortage | None:
        """The tightest of cash, gross and the instrument's class."""
        market, terms, row, nav = self._run.market, self._run.terms, self._row, self._nav
        gross, c = float(terms.gross_cap[0, row]), int(market.asset_class[j])
        spend = {i: lots * self._cost(i) for i, lots in rest.items() if lots > 0.0}
        added = {i: abs(lots) * market.unit[i] * float(self._price[i]) for i, lots in rest.items() if lots != 0.0}
        peers = {i: value for i, value in added.items() if market.asset_class[i] == c}
        has = np.where(self._lots != 0.0, np.abs(self._lots) * market.unit * self._price, 0.0)
        room_of_class = float(terms.class_cap[0, row, c]) * nav - float(has[market.asset_class == c].sum())
        tried = (
            ("cash", spend, self._cash + max(0.0, gross - 1.0) * nav),
            ("gross", added, gross * nav - float(has.sum())),
            (f"class {self._run.spec.classes[c]}", peers, room_of_class),
        )
        found = []
        for name, values, room in tried:
            asked, left = math.fsum(values.values()), max(0.0, room)
            if asked > left:
                own = values.get(j, 0.0)
                fits = max(0.0, left - (asked - own)) / own if own else 0.0
                found.append((left / asked, Shortage(name, asked / nav, left / nav, abs(rest[j]) * min(1.0, fits))))
        return min(found)[1] if found else None

    def _cost(self, j: int) -> float:
        """Money that a lot costs, with all costs."""
        return float(self._run.market.unit[j] * self._fill_price(j) * (1.0 + self._rate(j)))

    def _trade(self, j: int, lots: float) -> None:
        notional = lots * float(self._run.market.unit[j]) * self._fill_price(j)
        self._lots[j] += lots
        self._cash -= notional + abs(notional) * self._rate(j)

    def _fill_price(self, j: int) -> float:
        limit = float(self._found.limit[self._places[j]])
        return limit if self._how(j) == WITHIN else float(self._run.market.fill_open[self._row, j])

    def _rate(self, j: int) -> float:
        terms, how = self._run.terms, self._how(j)
        if how == AT_OPEN:
            return float(terms.taker[0, j] + terms.slippage[0, j])
        return float(terms.taker[0, j] if how == BEYOND else terms.maker[0, j])

    def _how(self, j: int) -> int:
        place = self._places[j]
        limit, order = float(self._found.limit[place]), float(self._found.order[place])
        opens = float(self._run.market.fill_open[self._row, j])
        if not math.isfinite(limit):
            return AT_OPEN
        return BEYOND if (opens <= limit if order > 0.0 else opens >= limit) else WITHIN
