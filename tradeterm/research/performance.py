"""A stored run read back in full: curves, months, trips, regimes and benchmarks, from the files of the run alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.engine.benchmark import RELATIONS, relate
from tradeterm.engine.by_state import BY_STATE, figures, resamples
from tradeterm.engine.metrics import DEFINITIONS, DayNav, nav_metrics
from tradeterm.engine.periods import PERIODS, drawdowns, months_of, period_returns, rolling_sharpe, rolling_window

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.engine.by_state import Resamples
    from tradeterm.store.runs import RunStore

__all__ = [
    "BOOK",
    "Benchmark",
    "ByState",
    "Performance",
    "PeriodReturn",
    "StrategyCurve",
    "Trip",
    "Values",
    "read_performance",
]

BOOK = "portfolio"
Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One thing that the run is held against.

    name : what was held; nav : its worth at each point; metrics : of its own returns, and how the run's relate to them
    """

    key: str
    name: str
    nav: Values
    metrics: dict[str, float | int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyCurve:
    """One strategy at each point: PnL since the start (money), exposure by day and turnover (fractions of NAV)."""

    name: str
    pnl: Values
    gross: Values
    turnover: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodReturn:
    """Return over a month, or over a year where ``month`` is None."""

    year: int
    month: int | None
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """A closed round trip; net and gross in money, share : net over what was paid for its largest size."""

    owner: str
    symbol: str
    side: str
    entry_ns: int
    exit_ns: int
    quantity: float
    entry_price: float
    exit_price: float
    gross: float
    cost: float
    net: float
    share: float | None
    bars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ByState:
    """Returns of the days that began in one state of one axis, of the book or of a strategy.

    share : of all days; intervals are (low, high); None where unknown
    """

    axis: str
    state: str
    owner: str
    n: int
    share: float
    mean: float | None
    mean_interval: tuple[float, float] | None
    annual: float | None
    sharpe: float | None
    sharpe_interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Everything that a report shows of a run whose certificate is good.

    ts_ns : points of the metrics' series, the first is the starting capital; the tuples beside it are as long
    drawdown : fraction <= 0; gross, net, turnover : by day, fractions of NAV; rolling_sharpe : None before the window
    interest : money since the start; stress : scenario and measures of the run made again under worse terms
    """

    run_id: str
    periods_per_year: int
    ts_ns: tuple[int, ...]
    nav: Values
    interest: Values
    drawdown: Values
    gross: Values
    net: Values
    turnover: Values
    rolling_sharpe: Values
    rolling_days: int
    metrics: dict[str, Any]
    strategy_metrics: dict[str, Any]
    strategies: tuple[StrategyCurve, ...]
    benchmarks: tuple[Benchmark, ...]
    months: tuple[PeriodReturn, ...]
    years: tuple[PeriodReturn, ...]
    trips: tuple[Trip, ...]
    regimes: tuple[ByState, ...]
    stress: tuple[dict[str, Any], ...]
    assumptions: tuple[str, ...]
    conventions: dict[str, str]


def read_performance(store: RunStore, run_id: str) -> Performance | None:
    """Read a run; None when its metrics are withheld.

    Raises
    ------
    RunNotFound, StoreError
        When the run is not stored, or a file of it is missing or damaged.
    """
    document = store.document(run_id, "metrics")
    if "portfolio" not in document:
        return None
    days, parts = store.table(run_id, "days"), store.table(run_id, "strategy_days")
    year = int(document["periods_per_year"])
    times, nav = _integers(days, "ts"), _floats(days, "nav")
    series = DayNav(times=times, nav=nav, periods_per_year=year)
    window = rolling_window(year)
    strategies = _strategies(parts, len(times))
    return Performance(
        run_id=run_id,
        periods_per_year=year,
        ts_ns=tuple(times.tolist()),
        nav=_values(nav),
        interest=_values(_floats(days, "interest")),
        drawdown=_values(drawdowns(nav)),
        gross=_values(_floats(days, "gross")),
        net=_values(_floats(days, "net")),
        turnover=_values(_floats(days, "turnover")),
        rolling_sharpe=(None, *_values(rolling_sharpe(series.returns, window, year))),
        rolling_days=window,
        metrics=_in_order(document["portfolio"]),
        strategy_metrics={name: _in_order(values) for name, values in document["strategies"].items()},
        strategies=strategies,
        benchmarks=_benchmarks(days, document, series),
        months=_periods(series, by_year=False),
        years=_periods(series, by_year=True),
        trips=_trips(store.table(run_id, "roundtrips")),
        regimes=_regimes(days, document, series, strategies, seed=int.from_bytes(run_id.encode())),
        stress=tuple(document.get("stress") or ()),
        assumptions=tuple(document["assumptions"]),
        conventions=_conventions(document["conventions"], year),
    )


def _in_order(values: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics in the order of their definitions: JSON has them by letter."""
    known = {key: values[key] for key in DEFINITIONS if key in values}
    return known | {key: value for key, value in values.items() if key not in known}


def _floats(table: pa.Table, name: str) -> FloatArray:
    return np.asarray(table.column(name).to_numpy(), dtype=np.float64)


def _integers(table: pa.Table, name: str) -> IntArray:
    import pyarrow as pa

    return np.asarray(table.column(name).cast(pa.int64()).to_numpy(), dtype=np.int64)


def _values(values: FloatArray) -> Values:
    return tuple(value if math.isfinite(value) else None for value in values.tolist())


def _strategies(parts: pa.Table, points: int) -> tuple[StrategyCurve, ...]:
    names = parts.column("strategy").to_pylist()[::points]
    columns = {name: _floats(parts, name).reshape(-1, points) for name in ("pnl", "gross", "turnover")}
    return tuple(
        StrategyCurve(name=name, **{column: _values(rows[place]) for column, rows in columns.items()})
        for place, name in enumerate(names)
    )


def _benchmarks(days: pa.Table, document: Mapping[str, Any], series: DayNav) -> tuple[Benchmark, ...]:
    held = {"buy_hold": f"buy and hold of {', '.join(document['universe'])}"}
    if document["benchmark"]:
        held["benchmark"] = f"buy and hold of {document['benchmark']}"
    found = []
    for key, name in held.items():
        nav = _floats(days, key)
        if np.isfinite(nav).all():
            own = DayNav(times=series.times, nav=nav, periods_per_year=series.periods_per_year)
            metrics = nav_metrics(own) | relate(series.returns, own.returns, own.periods_per_year)
            found.append(Benchmark(key=key, name=name, nav=_values(nav), metrics=metrics))
    return tuple(found)


def _periods(series: DayNav, *, by_year: bool) -> tuple[PeriodReturn, ...]:
    if not len(series.returns):
        return ()
    months = months_of(series.times[1:])
    number, value = period_returns(series.nav, months // 12 if by_year else months)
    return tuple(
        PeriodReturn(
            year=1970 + (each if by_year else each // 12), month=None if by_year else each % 12 + 1, value=made
        )
        for each, made in zip(number.tolist(), value.tolist(), strict=True)
    )


def _trips(table: pa.Table) -> tuple[Trip, ...]:
    words = {name: table.column(name).to_pylist() for name in ("owner", "symbol", "side")}
    instants = {"entry_ns": _integers(table, "entry_at").tolist(), "exit_ns": _integers(table, "exit_at").tolist()}
    money = {
        name: _floats(table, name).tolist()
        for name in ("quantity", "entry_price", "exit_price", "gross", "cost", "net")
    }
    columns = words | instants | money | {"bars": _integers(table, "bars").tolist()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return tuple(Trip(**row, share=_share(row)) for row in rows)


def _share(row: Mapping[str, Any]) -> float | None:
    paid = row["quantity"] * row["entry_price"]
    return row["net"] / paid if paid > 0.0 else None


def _regimes(
    days: pa.Table, document: Mapping[str, Any], series: DayNav, strategies: tuple[StrategyCurve, ...], *, seed: int
) -> tuple[ByState, ...]:
    """Figures by axis, state and owner; the state is the one known at the point before each day."""
    year = series.periods_per_year
    capital = float(series.nav[0])
    owners = {BOOK: series.returns}
    for item in strategies:
        nav = capital + np.asarray(item.pnl, dtype=np.float64)
        owners[item.name] = DayNav(times=series.times, nav=nav, periods_per_year=year).returns
    count = len(series.times) - 1
    if not count:
        return ()
    drawn = resamples(count, seed=seed)
    found = []
    for item in document["regimes"]:
        began = np.asarray(days.column(item["axis"]).to_pylist()[:-1], dtype=object)
        for state in (*item["states"], "UNKNOWN"):
            inside = began == state
            if inside.any():
                found += [
                    _by_state(item["axis"], state, owner, returns, inside, drawn, year)
                    for owner, returns in owners.items()
                ]
    return tuple(found)


def _by_state(
    axis: str, state: str, owner: str, returns: FloatArray, inside: Any, drawn: Resamples, year: int
) -> ByState:
    n = int(np.count_nonzero(inside))
    share = n / drawn.days
    if len(returns) != drawn.days:
        # A NAV that was not positive: no return is defined after it, so none is counted by state.
        nothing = {"mean": None, "mean_interval": None, "annual": None, "sharpe": None, "sharpe_interval": None}
        return ByState(axis=axis, state=state, owner=owner, n=n, share=share, **nothing)
    told = figures(returns, inside, drawn, year)
    return ByState(
        axis=axis,
        state=state,
        owner=owner,
        n=n,
        share=share,
        mean=told.mean,
        mean_interval=told.mean_interval,
        annual=told.annual,
        sharpe=told.sharpe,
        sharpe_interval=told.sharpe_interval,
    )


def _conventions(stored: Mapping[str, str], year: int) -> dict[str, str]:
    """Definition of everything that a report names: the metrics', as stored, and those of what is made from them."""
    own = {
        "buy and hold": "capital in equal parts at the last close known at the first decision (cash until there is "
        "one), kept, no costs, dividends reinvested on the ex-date",
        "benchmark": "the same in the benchmark of the equity axis, its daily closes as they became known",
        "exposure by day": "gross: mean over the day's decisions of the sum of |weight|, net: of the sum of weights",
        "turnover by day": "fraction of NAV, one-way; sum of |traded notional| / NAV / 2 of the decisions in the day",
        "curve of a model": "PnL of its own holdings since the start, costs borne included, money; all models and "
        "interest add up to the book. Its returns are those of capital + PnL",
        "attribution": "PnL and exposure by model over time; crossing between models is at the fill price, free",
        "stress": "the recorded wishes of the models carried out again under the terms of each scenario",
        "return of a trip": "fraction; net PnL / (largest size held * average entry price)",
    }
    words = {"{A}": str(year), "{W}": str(rolling_window(year))}
    made = {}
    for key, text in (own | PERIODS | RELATIONS | BY_STATE).items():
        for name, value in words.items():
            text = text.replace(name, value)
        made[key] = text
    return {**stored, **made}
