"""What a run came to: metrics of the book and of each strategy, round trips, and the days they are counted on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.engine.metrics import conventions, daily_nav, nav_metrics, portfolio_metrics, remarks
from tradeterm.engine.regime import AXES, STATES
from tradeterm.engine.roundtrips import (
    book_activity,
    book_round_trips,
    strategy_activity,
    strategy_round_trips,
)
from tradeterm.engine.stress import BEST_DAYS, COSTS, best_asset, stress, without_best_days
from tradeterm.store.columns import instants, table, words

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from tradeterm.config.settings import Settings
    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.engine.metrics import DayNav, Metrics
    from tradeterm.engine.replay import Replay
    from tradeterm.engine.roundtrips import Activity, RoundTrips, Trips

__all__ = ["STRESSED", "SUMMARY", "Measured", "measure"]

STRESSED = ("total_return", "cagr", "sharpe", "max_drawdown")

SUMMARY = (
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "max_drawdown",
    "calmar",
    "trades",
    "win_rate",
    "exposure",
    "turnover",
    "bps_score",
    "bps_robust",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Metrics of one run.

    summary : the headline numbers, by key; document : all of them with their definitions
    day_ends : (D,) decision times that end a NAV day; roundtrips : closed trips of the book and of each strategy
    days : NAV of the book by day; activities : of the book, then of each strategy
    """

    summary: Metrics
    document: dict[str, Any]
    day_ends: IntArray
    roundtrips: pa.Table
    days: DayNav
    activities: tuple[Activity, ...]


def measure(settings: Settings, run: Replay) -> Measured:
    """Measure a run and each strategy in it on the days of its universe's calendar."""
    sessions = _sessions(run)
    year = settings.config.system.annualisation
    per_year = year.continuous if sessions is None else year.exchange

    def days(nav: np.ndarray) -> DayNav:
        return daily_nav(
            run.times,
            nav,
            capital=run.spec.capital,
            start_ns=int(run.times[0]),
            sessions_ns=sessions,
            periods_per_year=per_year,
        )

    book_days = days(run.record.nav[0])
    trips = book_round_trips(run.market, run.terms, run.record)
    activity = book_activity(run.market, run.terms, run.record)
    book = portfolio_metrics(book_days, trades=trips.closed, activity=activity)
    own_trips = strategy_round_trips(run.market, run.terms, run.record)
    own_activity = strategy_activity(run.market, run.terms, run.record)
    strategies = {
        name: portfolio_metrics(
            days(run.spec.capital + run.record.pnl[0][:, m]), trades=own_trips[m].closed, activity=own_activity[m]
        )
        for m, name in enumerate(run.spec.names)
    }
    document = {
        "portfolio": book,
        "remarks": remarks(book),
        "open_trips": len(trips.open),
        "strategies": strategies,
        "stress": _strip(run, trips, book_days, days),
        "periods_per_year": per_year,
        "benchmark": settings.config.universe.roles.equity,
        "universe": [item.symbol for item in run.spec.instruments],
        "regimes": [{"axis": axis, "states": list(states)} for axis, states in zip(AXES, STATES, strict=True)],
        "conventions": conventions(per_year),
        "assumptions": _assumptions(run),
    }
    return Measured(
        summary={key: book[key] for key in SUMMARY},
        document=document,
        day_ends=book_days.times[1:],
        roundtrips=_trips_table(run, [trips.closed, *(own.closed for own in own_trips)]),
        days=book_days,
        activities=(activity, *own_activity),
    )


def _strip(run: Replay, trips: Trips, own: DayNav, days: Callable[[FloatArray], DayNav]) -> list[dict[str, Any]]:
    """The run under worse terms, each with the same measures; None where a scenario can't be."""
    asset = best_asset(trips, len(run.spec.instruments))
    worse = stress(run, asset)
    dearer = zip(COSTS, worse.costs, strict=True)
    best = "best asset dropped" if asset is None else f"best asset dropped ({run.panel.symbols[asset]})"
    rows: list[tuple[str, DayNav | None]] = [
        ("as run", own),
        *((f"costs x {times:g}", days(nav)) for times, nav in dearer),
        ("one bar later", days(worse.later)),
        (f"best {BEST_DAYS} days dropped", without_best_days(own)),
        (best, None if worse.without is None else days(worse.without)),
    ]
    return [{"scenario": name} | _stressed(day_nav) for name, day_nav in rows]


def _stressed(day_nav: DayNav | None) -> dict[str, Any]:
    found = {} if day_nav is None else nav_metrics(day_nav)
    return {key: found.get(key) for key in STRESSED}


def _sessions(run: Replay) -> IntArray | None:
    """Session dates of a universe without a 24/7 instrument, None with one."""
    calendars = {item.calendar for item in run.spec.instruments}
    if "24/7" in calendars:
        return None
    from tradeterm.data.calendar import sessions

    return np.unique(np.concatenate([sessions(name).date_ns for name in sorted(calendars)]))


def _assumptions(run: Replay) -> list[str]:
    orders = run.spec.orders
    said = ["market orders fill at the bar's open, without market impact"]
    if orders.limit is not None:
        said = ["limit orders fill at the open beyond their price, else at it where the bar trades through it"]
    said.append(
        "fills take any part of a bar's volume"
        if orders.share == math.inf
        else f"fills take at most {orders.share:.0%} of a bar's volume"
    )
    if run.spec.fill == "close":
        said.insert(0, "OPTIMISTIC: fills at the last close, which the decision has already seen")
    if run.spec.sizing == "at_fill":
        said.insert(0, "OPTIMISTIC: quantities are sized at the fill price, which a live decision does not know")
    credit, debit = run.spec.interest
    borrow = {name: cost.borrow for name, cost in sorted(run.spec.costs.items())}
    said.append(f"cash earns {credit:.2%} a year and costs {debit:.2%} below zero")
    said.append("borrowing costs " + ", ".join(f"{name} {rate:.2%} a year" for name, rate in borrow.items()))
    said.append("dividends are paid on the ex-date, whole: no tax is withheld")
    return said


def _trips_table(run: Replay, parts: list[RoundTrips]) -> pa.Table:
    owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    return table(
        {
            "owner": words(("portfolio", *run.spec.names), owner),
            "symbol": words(run.panel.symbols, joined("instrument")),
            "side": words(("LONG", "SHORT"), (joined("side") < 0).astype(np.int64)),
            "entry_at": instants(joined("entry_at")),
            "exit_at": instants(joined("exit_at")),
            "quantity": joined("quantity"),
            "entry_price": joined("entry_price"),
            "exit_price": joined("exit_price"),
            "gross": joined("gross"),
            "cost": joined("cost"),
            "net": joined("net"),
            "bars": joined("bars"),
        }
    )
