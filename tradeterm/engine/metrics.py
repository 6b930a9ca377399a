"""Performance in numbers: from NAV by day, round trips and activity to the keys that every report uses.

All returns are simple net returns between NAV points, all fractions annualised with the days of the series' own year.
What is undefined is None, never infinite and never NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tradeterm.core.time import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradeterm.core.types import BoolArray, FloatArray, IntArray
    from tradeterm.engine.roundtrips import Activity, RoundTrips

__all__ = [
    "DEFINITIONS",
    "DayNav",
    "Evidence",
    "Metrics",
    "bps_robust",
    "bps_score",
    "conventions",
    "daily_nav",
    "nav_metrics",
    "portfolio_metrics",
    "remarks",
]

Metrics: TypeAlias = dict[str, float | int | None]

CONTINUOUS_DAYS, EXCHANGE_DAYS = 365, 252
_MIN_DAYS, _MIN_TRIPS, _BLOCK_DAYS, _TAIL_DAYS, _SQN_TRIPS = 126, 20, 63, 100, 30
_FLOOR = 0.02
# A divisor at or below this is nothing; a spread at or below this share of the values' size (of 1 for returns) is
# rounding, not dispersion.
_FLAT = 1e-12

DEFINITIONS: dict[str, str] = {
    "days": "count of NAV days n; r = simple net return per NAV day, A = {A} NAV days a year",
    "total_return": "fraction; prod(1 + r) - 1",
    "cagr": "fraction a year; CAGR[d,{A}] = (1 + total_return)^({A}/n) - 1, -1 when all is lost",
    "volatility": "fraction a year; VOL[d,{A},ddof1] = std(r) * sqrt({A})",
    "sharpe": "ratio; SR[d,{A},rf0,ddof1] = mean(r) / std(r) * sqrt({A}); null when std is 0",
    "sortino": "ratio; SO[d,{A},mar0,full] = mean(r) / sqrt(mean(min(r, 0)^2)) * sqrt({A}); null without a loss",
    "max_drawdown": "fraction, <= 0; min(NAV / running peak - 1), the starting capital is the first point",
    "max_drawdown_days": "calendar days from the peak to the trough of max_drawdown; 0 without a drawdown",
    "recovery_days": "calendar days from that peak to the first NAV at or above it; null while open",
    "calmar": "ratio, whole sample; cagr / |max_drawdown|; null without a drawdown",
    "omega": "ratio, threshold 0; sum(max(r, 0)) / sum(max(-r, 0)); null without a loss",
    "var_95": "fraction a day; empirical 5 % quantile of r, linear between neighbours",
    "cvar_95": "fraction a day; mean of the floor(0.05 (n - 1)) + 1 lowest r: those at or below var_95",
    "psr": "probability that the true SR > 0; Phi(SR/SE), SR by day, SE = sqrt((1 - g3 SR + (g4 - 1)/4 SR^2)/(n - 1))",
    "best_day": "fraction; highest r",
    "worst_day": "fraction; lowest r",
    "skew": "g3 = m3 / m2^1.5 of r, population moments",
    "kurtosis": "g4 = m4 / m2^2 of r, Pearson (normal = 3), population moments",
    "trades": "count of closed round trips, flat to flat per instrument, a change of sign splits; open ones left out",
    "win_rate": "fraction of round trips with net PnL > 0",
    "profit_factor": "ratio; net PnL of winning / |net PnL of losing| round trips; null without a loss",
    "expectancy": "money; mean net PnL of a round trip",
    "expectancy_r": "multiple of R; expectancy / mean |net loss| (R = the mean loss); null without a loss",
    "payoff": "ratio; mean net win / mean |net loss|; null without a win or a loss",
    "sqn": "sqrt(trades) * mean / std (ddof 1) of net PnL by round trip, not capped",
    "exposure": "fraction of NAV; mean over decisions of the sum of |weight|",
    "time_in_market": "fraction of NAV days with any exposure at a decision",
    "turnover": "fraction of NAV a year, one-way; sum(|traded notional| / NAV) / 2 * {A}/n; drift by price is no trade",
    "bps_score": "score; 0.4 sharpe + 0.3 cagr + 0.2 win_rate - 0.1 |max_drawdown|; null if a part is",
    "bps_robust": "0 to 100; 100 R^.35 D^.25 C^.15 E^.10 G^.15 (risk-adjusted lower bound, drawdown, consistency, "
    "costs, generalisation: 0.5 without evidence); null under 126 days or 20 round trips",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DayNav:
    """NAV by day, shape (n + 1,) each; the first point is the starting capital.

    times : instants of the points, ns UTC; periods_per_year : NAV days in a year of this series
    """

    times: IntArray
    nav: FloatArray
    periods_per_year: int

    @property
    def returns(self) -> FloatArray:
        """(n,) simple returns; empty when a NAV is unknown or not positive, after which none is defined."""
        if not np.isfinite(self.nav).all() or (self.nav <= 0.0).any():
            return np.empty(0)
        return np.asarray(self.nav[1:] / self.nav[:-1] - 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known beyond the run: Sharpe in and out of sample, and the probability of backtest overfitting."""

    sharpe_in: float | None = None
    sharpe_out: float | None = None
    overfit: float | None = None


def daily_nav(
    times: IntArray,
    nav: FloatArray,
    *,
    capital: float,
    start_ns: int,
    sessions_ns: IntArray | None = None,
    periods_per_year: int | None = None,
) -> DayNav:
    """NAV at each day's end: the NAV found by the decision at 00:00 UTC of the next day.

    A universe with a 24/7 instrument counts every UTC day (A = 365); one of exchange-traded instruments alone counts
    session dates only (A = 252). The first point is ``capital`` at ``start_ns``, or at the first decision if that is
    later; decisions after the last day's end are in no day. Where 00:00 has no decision the one before stands.

    times, nav : (T,) decision times and the NAV found at them
    sessions_ns : dates of the exchange sessions as ns UTC of 00:00, None for a 24/7 universe
    periods_per_year : days in a year, where the configuration says otherwise
    """
    start = max(start_ns, int(times[0])) if len(times) else start_ns
    last = int(times[-1]) if len(times) else start
    if sessions_ns is None:
        # Counted in whole numbers: np.arange finds its length in floats, in which a nanosecond is lost after 128 days.
        first = start // DAY_NS + 1
        ends = DAY_NS * (first + np.arange(max(0, last // DAY_NS + 1 - first), dtype=np.int64))
        usual = CONTINUOUS_DAYS
    else:
        ends = np.unique(sessions_ns - sessions_ns % DAY_NS) + DAY_NS
        ends = ends[(ends > start) & (ends <= last)]
        usual = EXCHANGE_DAYS
    rows = np.searchsorted(times, ends, side="right") - 1
    return DayNav(
        times=np.concatenate([np.array([start], dtype=np.int64), ends]),
        nav=np.concatenate([np.array([float(capital)]), nav[rows]]),
        periods_per_year=usual if periods_per_year is None else periods_per_year,
    )


def conventions(periods_per_year: int) -> dict[str, str]:
    """Unit and formula of every key, for a series of so many days a year."""
    return {key: text.replace("{A}", str(periods_per_year)) for key, text in DEFINITIONS.items()}


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _ratio(over: float | None, under: float | None) -> float | None:
    if over is None or under is None or abs(under) <= _FLAT:
        return None
    return _known(over / under)


def _spread(values: FloatArray, size: float) -> float | None:
    """Sample standard deviation; None under two values or where they differ by rounding only."""
    return None if _is_flat(values, size) else _known(float(np.std(values, ddof=1)))


def _is_flat(values: FloatArray, size: float) -> bool:
    return len(values) < 2 or float(np.ptp(values)) <= _FLAT * size


def _growth(total: float, periods_per_year: int, days: int) -> float | None:
    if total <= -1.0:
        return -1.0
    with np.errstate(over="ignore"):
        return _known(float(np.power(1.0 + total, periods_per_year / days) - 1.0))


def _drawdown(day_nav: DayNav) -> Metrics:
    """Depth, and days from the last peak before the trough to the trough and to the first NAV that is back."""
    nav, times = day_nav.nav, day_nav.times
    below = nav / np.maximum.accumulate(nav) - 1.0
    trough = int(np.argmin(below))
    if len(nav) < 2 or not np.isfinite(below).all():
        return {"max_drawdown": None, "max_drawdown_days": None, "recovery_days": None}
    peak = trough - int(np.argmax(nav[trough::-1]))
    back = np.flatnonzero(nav[trough:] >= nav[peak])
    return {
        "max_drawdown": float(below[trough]),
        "max_drawdown_days": _days(times[trough] - times[peak]),
        "recovery_days": _days(times[trough + back[0]] - times[peak]) if len(back) else None,
    }


def _days(span_ns: int) -> int:
    return int(-(-span_ns // DAY_NS))


def _moments(returns: FloatArray) -> tuple[float | None, float | None, float | None]:
    """Sample standard deviation, skew and Pearson kurtosis; None where the returns differ by rounding only."""
    if _is_flat(returns, max(1.0, float(np.abs(returns).max(initial=0.0)))):
        return None, None, None
    centred = returns - returns.mean()
    # Products: a power of three is forty times as slow.
    squares = centred * centred
    second = float(np.mean(squares))
    third, fourth = float(np.mean(squares * centred)), float(np.mean(squares * squares))
    spread = math.sqrt(float(squares.sum()) / (len(returns) - 1))
    return _known(spread), _known(third / second**1.5), _known(fourth / second**2)


def _standard_error(sharpe: float | None, skew: float | None, kurtosis: float | None, days: int) -> float | None:
    """Standard error of the per-day Sharpe ratio; None where the moments leave no dispersion."""
    if sharpe is None or skew is None or kurtosis is None:
        return None
    variance = (1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2) / (days - 1)
    return math.sqrt(variance) if variance > _FLAT else None


def _tail(returns: FloatArray, losses: FloatArray) -> tuple[float, float]:
    """The empirical 5 % quantile, linear between neighbours, and the mean of the returns up to it."""
    place = (len(returns) - 1) * 0.05
    below = int(place)
    above = min(below + 1, len(returns) - 1)
    # Most often the losses alone hold the tail, and they are far fewer.
    lowest = np.sort(np.partition(losses if len(losses) > above else returns, above)[: above + 1])
    quantile = lowest[below] + (lowest[above] - lowest[below]) * (place - below)
    return float(quantile), float(lowest[: below + 1].mean())


def _of_returns(day_nav: DayNav) -> Metrics:
    """Measures of the daily returns; with a NAV that was unknown or not positive only what is still defined."""
    returns, year = day_nav.returns, day_nav.periods_per_year
    points, days = day_nav.nav, len(day_nav.nav) - 1
    total = _known(float(points[-1] / points[0] - 1.0)) if days > 0 and points[0] > 0.0 else None
    known = len(returns) > 0
    mean = float(returns.mean()) if known else None
    spread, skew, kurtosis = _moments(returns)
    daily_sharpe = _ratio(mean, spread)
    error = _standard_error(daily_sharpe, skew, kurtosis, days)
    t_value = _ratio(daily_sharpe, error)
    losses = returns[returns < 0.0]
    loss = math.sqrt(float((losses * losses).sum()) / len(returns)) if known else None
    value_at_risk, tail = _tail(returns, losses) if known else (None, None)
    return {
        "days": days,
        "total_return": total,
        "cagr": _growth(total, year, days) if total is not None else None,
        "volatility": (spread or 0.0) * math.sqrt(year) if len(returns) > 1 else None,
        "sharpe": daily_sharpe * math.sqrt(year) if daily_sharpe is not None else None,
        "sortino": _ratio(mean * math.sqrt(year), loss) if mean is not None else None,
        "omega": _ratio(float(np.maximum(returns, 0.0).sum()), -float(losses.sum())),
        "var_95": value_at_risk,
        "cvar_95": tail,
        "psr": 0.5 * (1.0 + math.erf(t_value / math.sqrt(2.0))) if t_value is not None else None,
        "best_day": float(returns.max()) if known else None,
        "worst_day": float(returns.min()) if known else None,
        "skew": skew,
        "kurtosis": kurtosis,
    }


def _of_trips(trips: RoundTrips) -> Metrics:
    net, count = trips.net, len(trips)
    wins, losses = net[net > 0.0], net[net < 0.0]
    mean = float(net.mean()) if count else None
    mean_win = float(wins.mean()) if len(wins) else None
    mean_loss = float(-losses.mean()) if len(losses) else None
    quality = _ratio(mean, _spread(net, float(np.abs(net).max())) if count else None)
    return {
        "trades": count,
        "win_rate": len(wins) / count if count else None,
        "profit_factor": _ratio(float(wins.sum()), float(-losses.sum())),
        "expectancy": mean,
        "expectancy_r": _ratio(mean, mean_loss),
        "payoff": _ratio(mean_win, mean_loss),
        "sqn": math.sqrt(count) * quality if quality is not None else None,
    }


def _per_nav(activity: Activity, money: FloatArray, rows: BoolArray) -> float:
    """Sum of money over the NAV of its decision."""
    usable = rows & (activity.nav > 0.0)
    return float((money[usable] / activity.nav[usable]).sum())


def _of_activity(day_nav: DayNav, activity: Activity) -> tuple[Metrics, float | None]:
    """Exposure and turnover over the days of the NAV series, and the mean daily cost as a fraction of NAV."""
    days, ends = len(day_nav.times) - 1, day_nav.times
    if days == 0:
        return {"exposure": None, "time_in_market": None, "turnover": None}, None
    # What is found at a decision belongs to the day that ends with it; what is traded after it, to the day that begins.
    found = (activity.times > ends[0]) & (activity.times <= ends[-1])
    trading = (activity.times >= ends[0]) & (activity.times < ends[-1])
    gross = activity.gross[found & np.isfinite(activity.gross)]
    invested = activity.times[found & (activity.gross > 0.0)]
    traded = _per_nav(activity, activity.traded, trading) / 2.0
    return {
        "exposure": float(gross.mean()) if len(gross) else None,
        "time_in_market": len(np.unique(np.searchsorted(ends, invested))) / days,
        "turnover": traded * day_nav.periods_per_year / days,
    }, _per_nav(activity, activity.cost, trading) / days


def bps_score(
    *, sharpe: float | None, cagr: float | None, win_rate: float | None, max_drawdown: float | None
) -> float | None:
    """0.4 Sharpe + 0.3 CAGR + 0.2 win rate - 0.1 |max drawdown|; None if a part is."""
    if sharpe is None or cagr is None or win_rate is None or max_drawdown is None:
        return None
    return 0.4 * sharpe + 0.3 * cagr + 0.2 * win_rate - 0.1 * abs(max_drawdown)


def _generalises(evidence: Evidence | None) -> float:
    """Share of the Sharpe ratio that survives out of sample, less overfitting; 0.5 where any of it is unknown."""
    if evidence is None or evidence.sharpe_in is None or evidence.sharpe_out is None or evidence.overfit is None:
        return 0.5
    kept = min(1.0, evidence.sharpe_out / evidence.sharpe_in) if evidence.sharpe_in > 0.0 else 0.0
    return max(_FLOOR, kept * (1.0 - evidence.overfit))


def bps_robust(
    returns: FloatArray,
    *,
    periods_per_year: int,
    max_drawdown: float,
    daily_cost: float,
    evidence: Evidence | None = None,
) -> float | None:
    """Weighted geometric mean of five parts, 0 to 100, so that no part can be bought with another.

    R : L = SR - 1.645 SE annualised; e + (1 - e) L / (1 + L), or e exp(L) below 0; e = 0.02
    D : 1 / (1 + (max drawdown / 0.15)^2)
    C : (positive blocks of 63 days + 1) / (blocks + 2); whole blocks from the start
    E : e + (1 - e) max(0, 1 - daily cost / mean net return)
    G : min(1, SR out of sample / SR in sample) (1 - probability of overfitting), at least e; 0.5 without evidence

    None under 126 days or without dispersion. The count of round trips is for the caller to judge.

    returns : (n,) net, by day; daily_cost : mean daily cost, fraction of NAV
    """
    days = len(returns)
    if days < _MIN_DAYS:
        return None
    mean = float(returns.mean())
    spread, skew, kurtosis = _moments(returns)
    sharpe = _ratio(mean, spread)
    error = _standard_error(sharpe, skew, kurtosis, days)
    if sharpe is None or error is None:
        return None
    low = (sharpe - 1.645 * error) * math.sqrt(periods_per_year)
    adjusted = _FLOOR + (1.0 - _FLOOR) * low / (1.0 + low) if low >= 0.0 else _FLOOR * math.exp(low)
    shallow = 1.0 / (1.0 + (max_drawdown / 0.15) ** 2)
    blocks = days // _BLOCK_DAYS
    grown = np.prod(1.0 + returns[: blocks * _BLOCK_DAYS].reshape(blocks, _BLOCK_DAYS), axis=1) > 1.0
    consistent = (int(np.count_nonzero(grown)) + 1) / (blocks + 2)
    kept = max(0.0, 1.0 - daily_cost / mean) if mean > 0.0 else 0.0
    survives = _FLOOR + (1.0 - _FLOOR) * kept
    parts = adjusted**0.35 * shallow**0.25 * consistent**0.15 * survives**0.10 * _generalises(evidence) ** 0.15
    return float(100.0 * parts)


def nav_metrics(day_nav: DayNav) -> Metrics:
    """Those measures that follow from NAV by day alone."""
    return _of_returns(day_nav) | _drawdown(day_nav)


def portfolio_metrics(
    day_nav: DayNav, *, trades: RoundTrips, activity: Activity, evidence: Evidence | None = None
) -> Metrics:
    """All measures of a book or a strategy, by the keys of ``DEFINITIONS``; undefined is None.

    For a strategy inside a book the NAV is the starting capital plus its PnL: its part of the book, undiluted by
    others and not scaled to its budget.
    """
    values = nav_metrics(day_nav) | _of_trips(trades)
    used, daily_cost = _of_activity(day_nav, activity)
    depth = values["max_drawdown"]
    values |= used
    values["calmar"] = _ratio(values["cagr"], abs(depth)) if depth is not None else None
    values["bps_score"] = bps_score(
        sharpe=values["sharpe"], cagr=values["cagr"], win_rate=values["win_rate"], max_drawdown=depth
    )
    values["bps_robust"] = None
    if len(trades) >= _MIN_TRIPS and depth is not None and daily_cost is not None:
        values["bps_robust"] = bps_robust(
            day_nav.returns,
            periods_per_year=day_nav.periods_per_year,
            max_drawdown=depth,
            daily_cost=daily_cost,
            evidence=evidence,
        )
    return {key: values[key] for key in DEFINITIONS}


def remarks(values: Mapping[str, float | int | None]) -> dict[str, str]:
    """Why a measure is null or weak, by key; keys that need no remark are left out."""
    days, trades = values["days"] or 0, values["trades"] or 0
    few_days = days < _TAIL_DAYS
    no_loss = trades > 0 and values["expectancy_r"] is None
    unranked = f"not ranked: {days} days of {_MIN_DAYS}" if days < _MIN_DAYS else "not ranked: returns do not vary"
    if trades < _MIN_TRIPS <= _MIN_DAYS <= days:
        unranked = f"not ranked: {trades} round trips of {_MIN_TRIPS}"
    said = {
        "var_95": (few_days, f"few days: {days} of {_TAIL_DAYS}"),
        "cvar_95": (few_days, f"few days: {days} of {_TAIL_DAYS}"),
        "sharpe": (values["sharpe"] is None, "returns do not vary, are too few or are unknown"),
        "recovery_days": (days > 0 and values["recovery_days"] is None, "not recovered yet"),
        "profit_factor": (no_loss, "no losing round trip"),
        "expectancy_r": (no_loss, "no losing round trip"),
        "payoff": (no_loss, "no losing round trip"),
        "sqn": (trades < _SQN_TRIPS, f"few round trips: {trades} of {_SQN_TRIPS}"),
        "win_rate": (trades == 0, "no round trip has closed"),
        "bps_robust": (values["bps_robust"] is None, unranked),
    }
    return {key: text for key, (applies, text) in said.items() if applies}
