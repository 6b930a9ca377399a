"""The audit of a recorded run: every fill against its bar, and every step of the cash against what moved it.

It is a second account of what the kernel did, from the market and the record alone, and in another form: whole arrays
instead of a loop. It shares no function with the kernel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tradeterm.core.time import DAY_NS, iso
from tradeterm.engine.book import AT_OPEN, WITHIN

if TYPE_CHECKING:
    from tradeterm.core.types import BoolArray, FloatArray, IntArray, StateArray
    from tradeterm.engine.book import Market, Record, State, Terms

A = TypeVar("A", bound="np.ndarray[Any, Any]")
Numbers = np.ndarray[Any, Any]

__all__ = ["CASH_TOLERANCE", "RULES", "Audit", "Violation", "audit"]

RULES = {
    "fill-time": "a fill is at or after its decision and before the next one",
    "fill-bar": "a fill is in a bar that came while the instrument could trade, and in which something traded",
    "fill-price": "a market order fills at the open, a limit order at its price inside the bar's range or at the open",
    "participation": "a fill takes no more than its share of the bar's volume",
    "fill-size": "a fill goes toward the decision's target and never past it",
    "position": "what is held is what was held before, corporate actions and fills added",
    "cash": "cash is the cash before, with fills, costs, dividends, interest and borrowing",
    "interest": "interest is the rate on the cash of the time before",
    "nav": "NAV is cash and positions at their marks",
    "holdings": "what the strategies hold adds up to the position",
    "attribution": "capital, the strategies' PnL and interest add up to NAV",
}
# Fractions of NAV; attribution is a longer sum.
CASH_TOLERANCE = 1e-9
_SUM_TOLERANCE = 1e-6
_LOT_TOLERANCE = 1e-9
_MOST_KEPT = 100
_MOST_CELLS = 1_000_000
_NEVER = np.iinfo(np.int64).max
_BY_ROW = (
    *("times", "mark", "own_bar", "carried", "tradable", "split", "dividend", "factor"),
    *("fill_open", "fill_high", "fill_low", "fill_volume", "fill_at"),
)
_YEAR_NS = 365.0 * DAY_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One breach of a rule of :data:`RULES`; ``column`` is the instrument, None where the whole book is meant."""

    rule: str
    row: int
    time_ns: int
    column: int | None
    expected: float
    found: float

    def __str__(self) -> str:
        return f"{self.rule} at {iso(self.time_ns)}: expected {self.expected!r}, found {self.found!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What was looked at and what was wrong.

    fills : fills checked; steps : decisions whose cash and positions were followed to the next
    residual : largest difference of the cash identity, fraction of NAV
    violations : the first of them by rule; count : how many there are in all
    """

    fills: int
    steps: int
    residual: float
    violations: tuple[Violation, ...]
    count: int

    @property
    def ok(self) -> bool:
        """Whether no rule was broken."""
        return self.count == 0


@dataclass(frozen=True, slots=True)
class _Fills:
    """The fills of a run, (F,) each, ascending by row."""

    rows: IntArray
    columns: IntArray
    lots: FloatArray
    price: FloatArray
    how: StateArray


class _Findings:
    """Collects violations of one run."""

    def __init__(self, times: IntArray) -> None:
        self._times = times
        self.start = 0
        self.kept: list[Violation] = []
        self.count = 0

    def note(
        self,
        rule: str,
        wrong: BoolArray,
        rows: IntArray,
        columns: IntArray | None,
        expected: Numbers,
        found: Numbers,
    ) -> None:
        """Note the elements that are wrong."""
        at = np.flatnonzero(wrong)
        self.count += len(at)
        for i in at[: max(0, _MOST_KEPT - len(self.kept))].tolist():
            self.kept.append(
                Violation(
                    rule=rule,
                    row=self.start + int(rows[i]),
                    time_ns=int(self._times[self.start + rows[i]]),
                    column=None if columns is None else int(columns[i]),
                    expected=float(expected[i]),
                    found=float(found[i]),
                )
            )


def audit(market: Market, terms: Terms, record: Record, state: State, *, capital: float, run: int = 0) -> Audit:
    """Check one run that was recorded whole; ``state`` is how it ended, ``capital`` how it began."""
    findings = _Findings(market.times)
    rows, fills, residual = len(market.times), 0, 0.0
    step = max(1, _MOST_CELLS // max(1, len(market.unit)))
    for start in range(0, rows, step):
        part = _Part(market, terms, record, state, run, start, min(start + step, rows))
        findings.start = start
        made, after = part.fills(), part.lots_after_actions()
        _check_fills(part, made, findings)
        _check_sizes(part, made, after, findings)
        _check_positions(part, made, after, findings)
        residual = max(residual, _check_cash(part, made, after, findings))
        _check_nav(part, capital, findings)
        fills += len(made.rows)
    return Audit(fills=fills, steps=rows, residual=residual, violations=tuple(findings.kept), count=findings.count)


class _Part:
    """Rows [start, stop) of one run without the run axis, and what followed the last of them."""

    def __init__(
        self, market: Market, terms: Terms, record: Record, state: State, run: int, start: int, stop: int
    ) -> None:
        rows = slice(start, stop)
        self.start = start
        self.market = _rows_of(market, rows)
        self.position, self.held = record.position[run, rows], record.held[run, rows]
        self.target, self.filled = record.target[run, rows], record.filled[run, rows]
        # Where all orders are market orders, neither was recorded.
        self.how, self.price = record.how[run, rows], record.price[run, rows]
        self.cash, self.nav = record.cash[run, rows], record.nav[run, rows]
        self.pnl, self.interest = record.pnl[run, rows], record.interest[run, rows]
        after = slice(start + 1, stop + 1)
        last = stop == len(market.times)
        self.next_position = _followed(record.position[run, after], state.lots[run][None], last)
        self.next_cash = _followed(record.cash[run, after], state.cash[run : run + 1], last)
        self.next_interest = _followed(record.interest[run, after], state.interest[run : run + 1], last)
        self.next_times = _followed(market.times[after], np.array([_NEVER]), last)
        self.next_mark = _followed(market.mark[after], market.mark[-1:], last)
        # A book whose NAV is not known is measured by what it began with.
        known = np.isfinite(self.nav) & (self.nav > 0.0)
        self.scale = np.where(known, np.abs(self.nav), abs(float(record.cash[run, 0])))
        self.taker, self.maker, self.slippage = (_own(terms, name, run) for name in ("taker", "maker", "slippage"))
        self.borrow, self.rates = _own(terms, "borrow", run), _own(terms, "interest", run)
        self.share = float(_own(terms, "share", run))

    def fills(self) -> _Fills:
        """Fills with their prices and kinds."""
        rows, columns = np.nonzero(self.filled)
        if len(self.how):
            price, how = self.price[rows, columns], self.how[rows, columns]
        else:
            price, how = self.market.fill_open[rows, columns], np.full(len(rows), AT_OPEN, dtype=np.int8)
        return _Fills(rows, columns, self.filled[rows, columns], price, how)

    def lots_after_actions(self) -> FloatArray:
        """(T, N) lots that are held when the fills of a row begin."""
        after = self.position
        if len(self.market.split):
            exact = after * self.market.split
            worth = self._price_after()
            paid = (self.market.split != 1.0) & self.market.rounds & np.isfinite(worth)
            paid[self._gone()] = False
            after = np.where(paid, np.copysign(np.floor(np.abs(exact) + _LOT_TOLERANCE), exact), exact)
        gone = self._gone()
        if len(gone[0]):
            after = after.copy()
            after[gone] = 0.0
        return after

    def paid_by_actions(self, after: FloatArray) -> FloatArray:
        """(T,) money that dividends, fractions of lots and delistings brought."""
        market, paid = self.market, np.zeros(len(self.position))
        if len(market.split):
            paid += np.where(market.dividend != 0.0, self.position * market.unit * market.dividend, 0.0).sum(axis=1)
            left = self.position * market.split - after
            left[self._gone()] = 0.0
            paid += np.where(left != 0.0, left * market.unit * self._price_after(), 0.0).sum(axis=1)
        rows, columns = self._gone()
        ratio = market.split[rows, columns] if len(market.split) else 1.0
        money = self.position[rows, columns] * ratio * market.unit[columns] * market.last_price[columns]
        np.add.at(paid, rows, money)
        return paid

    def _price_after(self) -> FloatArray:
        worth: FloatArray = (self.market.mark - self.market.dividend) / self.market.split
        return worth

    def _gone(self) -> tuple[IntArray, IntArray]:
        rows = self.market.gone - self.start
        columns = np.flatnonzero((rows >= 0) & (rows < len(self.position)))
        return rows[columns], columns


def _rows_of(market: Market, rows: slice) -> Market:
    parts = {name: getattr(market, name) for name in _BY_ROW}
    return market._replace(**{name: part[rows] for name, part in parts.items() if len(part)})


def _followed(values: A, end: A, last: bool) -> A:
    found: A = np.concatenate([values, end]) if last else values  # type: ignore[assignment]
    return found


def _own(terms: Terms, name: str, run: int) -> FloatArray:
    values = getattr(terms, name)
    found: FloatArray = values[run if len(values) > 1 else 0]
    return found


def _check_fills(part: _Part, fills: _Fills, findings: _Findings) -> None:
    market, at = part.market, (fills.rows, fills.columns)
    when = market.fill_at[at]
    decided = market.times[fills.rows]
    following = part.next_times[fills.rows]
    findings.note("fill-time", (when < decided) | (when >= following), *at, decided, when)
    volume = market.fill_volume[at]
    findings.note("fill-bar", ~market.tradable[at] | (volume == 0.0), *at, np.ones(len(when)), volume)
    low, high, opened = market.fill_low[at], market.fill_high[at], market.fill_open[at]
    noise = _LOT_TOLERANCE * np.abs(opened)
    inside = (fills.price >= low - noise) & (fills.price <= high + noise) & np.isfinite(fills.price)
    rested = fills.how == WITHIN
    # Touching is not enough, and a bar that opens beyond the limit fills there.
    through = np.where(
        fills.lots > 0.0, (low < fills.price) & (fills.price < opened), (high > fills.price) & (fills.price > opened)
    )
    right = inside & np.where(rested, through, fills.price == opened)
    findings.note("fill-price", ~right, *at, opened, fills.price)
    if math.isfinite(part.share):
        most = part.share * np.nan_to_num(volume)
        units = np.abs(fills.lots) * market.unit[fills.columns]
        findings.note("participation", units > most * (1.0 + _LOT_TOLERANCE) + _LOT_TOLERANCE, *at, most, units)


def _check_sizes(part: _Part, fills: _Fills, after: FloatArray, findings: _Findings) -> None:
    """Toward the target and not past it; after a split the target is counted in other lots."""
    at = (fills.rows, fills.columns)
    plain = part.market.split[at] == 1.0 if len(part.market.split) else np.ones(len(fills.rows), dtype=np.bool_)
    asked = part.target[at] - after[at]
    wrong = (asked * fills.lots <= 0.0) | (np.abs(fills.lots) > np.abs(asked) * (1.0 + _LOT_TOLERANCE))
    findings.note("fill-size", plain & wrong, *at, asked, fills.lots)


def _check_positions(part: _Part, fills: _Fills, after: FloatArray, findings: _Findings) -> None:
    expected = after.copy()
    expected[fills.rows, fills.columns] += fills.lots
    off = np.abs(part.next_position - expected) > _LOT_TOLERANCE * np.maximum(1.0, np.abs(expected))
    rows, columns = np.nonzero(off)
    every = np.ones(len(rows), dtype=np.bool_)
    findings.note("position", every, rows, columns, expected[rows, columns], part.next_position[rows, columns])


def _check_cash(part: _Part, fills: _Fills, after: FloatArray, findings: _Findings) -> float:
    """Follow the cash from each decision to the next; returns the largest difference, fraction of NAV."""
    market, rows = part.market, np.arange(len(part.cash))
    notional = fills.lots * market.unit[fills.columns] * fills.price
    market_order = fills.how == AT_OPEN
    rate = np.where(fills.how == WITHIN, part.maker[fills.columns], part.taker[fills.columns])
    rate = rate + np.where(market_order, part.slippage[fills.columns], 0.0)
    spent = np.bincount(fills.rows, weights=notional + np.abs(notional) * rate, minlength=len(rows))
    before = part.cash + part.paid_by_actions(after) - spent
    # Nothing accrues after the last decision.
    years = np.where(part.next_times == _NEVER, 0, part.next_times - market.times) / _YEAR_NS
    interest = np.where(before > 0.0, part.rates[0], part.rates[1]) * before * years
    told = part.next_interest - part.interest
    findings.note("interest", ~(np.abs(told - interest) <= CASH_TOLERANCE * part.scale), rows, None, interest, told)
    expected = before + interest - _borrowed(part) * years
    off = np.abs(part.next_cash - expected) / part.scale
    findings.note("cash", ~(off <= CASH_TOLERANCE), rows, None, expected, part.next_cash)
    return float(off.max(initial=0.0))


def _borrowed(part: _Part) -> FloatArray:
    """(T,) what borrowing costs a year from each decision on, at the prices of the next; money."""
    if not part.borrow.any():
        return np.zeros(len(part.cash))
    mark, short = part.next_mark, np.minimum(part.next_position, 0.0)
    worth = np.where((short < 0.0) & np.isfinite(mark), -short * part.market.unit * mark * part.borrow, 0.0)
    total: FloatArray = worth.sum(axis=1)
    return total


def _check_nav(part: _Part, capital: float, findings: _Findings) -> None:
    market, rows = part.market, np.arange(len(part.nav))
    worth = market.unit * market.mark
    nav = part.cash + np.where(part.position != 0.0, part.position * worth, 0.0).sum(axis=1)
    known = np.isfinite(nav)
    off = np.where(known, np.abs(part.nav - nav) > CASH_TOLERANCE * part.scale, np.isfinite(part.nav))
    findings.note("nav", off, rows, None, nav, part.nav)
    held = part.held.sum(axis=1)
    apart = np.where(held != part.position, np.abs(held - part.position) * worth, 0.0)
    at, columns = np.nonzero(~(np.nan_to_num(apart) <= _SUM_TOLERANCE * part.scale[:, None]))
    every = np.ones(len(at), dtype=np.bool_)
    findings.note("holdings", every, at, columns, part.position[at, columns], held[at, columns])
    told = capital + part.pnl.sum(axis=1) + part.interest
    off = known & ~(np.abs(told - part.nav) <= _SUM_TOLERANCE * part.scale)
    findings.note("attribution", off, rows, None, part.nav, told)
