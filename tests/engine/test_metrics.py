"""Every measure against empyrical-reloaded and scipy on random returns, by hand, and where it is undefined."""

from __future__ import annotations

import math
from dataclasses import replace

import empyrical
import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st

from tradeterm.core.time import DAY_NS, H4_NS, from_iso, iso_date
from tradeterm.engine.metrics import (
    DEFINITIONS,
    DayNav,
    Evidence,
    bps_robust,
    bps_score,
    conventions,
    daily_nav,
    portfolio_metrics,
    remarks,
)
from tradeterm.engine.roundtrips import Activity, RoundTrips

CAPITAL = 100_000.0
START = from_iso("2024-01-01")

# Six decimals: a loss is either none at all or one that a person could read.
daily_returns = st.lists(st.floats(-0.3, 0.3).map(lambda value: round(value, 6)), min_size=2, max_size=300)


def _trips(*net: float) -> RoundTrips:
    count = len(net)
    whole, money = np.zeros(count, dtype=np.int64), np.ones(count)
    return RoundTrips(
        instrument=whole, side=whole + 1, entry_at=whole, exit_at=whole, quantity=money, entry_price=money,
        exit_price=money, gross=np.array(net), cost=0 * money, net=np.array(net), bars=whole,
    )  # fmt: skip


def _series(returns: object, year: int = 252) -> DayNav:
    nav = CAPITAL * np.concatenate([[1.0], np.cumprod(1.0 + np.asarray(returns, dtype=np.float64))])
    return DayNav(times=START + DAY_NS * np.arange(len(nav), dtype=np.int64), nav=nav, periods_per_year=year)


def _idle(day_nav: DayNav) -> Activity:
    zero = np.zeros(len(day_nav.times))
    return Activity(times=day_nav.times, nav=zero + CAPITAL, gross=zero, traded=zero, cost=zero)


def _measure(day_nav: DayNav, trips: RoundTrips | None = None, **more: object) -> dict[str, float | int | None]:
    more.setdefault("activity", _idle(day_nav))
    return portfolio_metrics(day_nav, trades=_trips() if trips is None else trips, **more)


def _same(found: float | int | None, expected: float) -> bool:
    """Equal, where the reference says undefined by NaN or an infinity."""
    if not math.isfinite(expected):
        return found is None
    return found == pytest.approx(expected, rel=1e-7, abs=1e-9)


@given(returns=daily_returns, year=st.sampled_from([252, 365]))
def test_return_measures_equal_those_of_empyrical(returns: list[float], year: int):
    r = np.array(returns)
    found = _measure(_series(r, year))
    assert _same(found["total_return"], empyrical.cum_returns_final(r))
    assert _same(found["cagr"], empyrical.cagr(r, annualization=year))
    assert _same(found["volatility"], empyrical.annual_volatility(r, annualization=year))
    assert _same(found["sharpe"], empyrical.sharpe_ratio(r, annualization=year))
    assert _same(found["sortino"], empyrical.sortino_ratio(r, annualization=year))
    assert _same(found["max_drawdown"], empyrical.max_drawdown(r))
    assert _same(found["calmar"], empyrical.calmar_ratio(r, annualization=year))
    assert _same(found["omega"], empyrical.omega_ratio(r))
    assert _same(found["var_95"], empyrical.value_at_risk(r))
    assert _same(found["cvar_95"], empyrical.conditional_value_at_risk(r))


@given(returns=daily_returns)
def test_moments_and_the_probabilistic_sharpe_ratio_equal_those_of_scipy(returns: list[float]):
    r = np.array(returns)
    assume(np.ptp(r) > 1e-4)
    found = _measure(_series(r))
    skew, kurtosis = scipy.stats.skew(r), scipy.stats.kurtosis(r, fisher=False)
    assert found["skew"] == pytest.approx(skew, rel=1e-6, abs=1e-6)
    assert found["kurtosis"] == pytest.approx(kurtosis, rel=1e-6)
    sharpe = r.mean() / r.std(ddof=1)
    variance = 1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2
    if variance > 1e-6:
        expected = scipy.stats.norm.cdf(sharpe / math.sqrt(variance / (len(r) - 1)))
        assert found["psr"] == pytest.approx(expected, abs=1e-5)


@given(returns=st.lists(st.sampled_from([-1.5, -1.0, -0.5, -1e-13, 0.0, 1e-13, 0.01, 3.0]), max_size=150))
def test_no_measure_is_ever_infinite_or_nan(returns: list[float]):
    found = _measure(_series(returns), _trips(*returns))
    assert list(found) == list(DEFINITIONS)
    assert all(value is None or math.isfinite(value) for value in found.values())


def test_the_first_point_counts_in_the_drawdown_and_days_are_calendar_days():
    # 100 -> 120 (Tuesday) -> 90 (Friday) -> 110 -> 121: trough three days after the peak, back six days after it.
    times = START + DAY_NS * np.array([0, 1, 4, 5, 7], dtype=np.int64)
    found = _measure(DayNav(times=times, nav=np.array([100.0, 120, 90, 110, 121]), periods_per_year=252))
    assert found["max_drawdown"] == -0.25
    assert (found["max_drawdown_days"], found["recovery_days"]) == (3, 6)
    falling = _measure(_series([-0.1, 0.05]))
    assert falling["max_drawdown"] == pytest.approx(-0.1)
    assert (falling["max_drawdown_days"], falling["recovery_days"]) == (1, None)
    assert remarks(falling)["recovery_days"] == "not recovered yet"


def test_a_series_that_never_falls_has_no_drawdown_and_no_ratio_to_it():
    found = _measure(_series([0.01, 0.02, 0.0]))
    assert (found["max_drawdown"], found["max_drawdown_days"], found["recovery_days"]) == (0.0, 0, 0)
    assert (found["calmar"], found["sortino"], found["omega"]) == (None, None, None)
    assert found["sharpe"] is not None


@pytest.mark.parametrize("step", [0.0, 0.001, -0.001])
def test_returns_that_do_not_vary_have_no_sharpe_ratio_whatever_the_rounding(step: float):
    found = _measure(_series([step] * 200), _trips(*[1.0] * 25))
    for key in ("sharpe", "psr", "skew", "kurtosis", "bps_score", "bps_robust", "sqn"):
        assert found[key] is None, key
    assert found["volatility"] == 0.0
    assert remarks(found)["bps_robust"] == "not ranked: returns do not vary"


def test_a_run_without_a_day_has_counts_and_nothing_else():
    found = _measure(_series([]))
    assert {key for key, value in found.items() if value is not None} == {"days", "trades"}
    assert (found["days"], found["trades"]) == (0, 0)


def test_one_day_has_a_return_and_no_dispersion():
    found = _measure(_series([0.01]))
    assert found["total_return"] == pytest.approx(0.01)
    assert found["best_day"] == found["worst_day"] == pytest.approx(0.01)
    assert (found["volatility"], found["sharpe"]) == (None, None)


def test_a_lost_account_has_lost_everything_a_year_and_no_ratios():
    nav = np.array([100.0, 50.0, -10.0, 5.0, -20.0])
    found = _measure(DayNav(times=START + DAY_NS * np.arange(5), nav=nav, periods_per_year=365))
    assert found["total_return"] == pytest.approx(-1.2)
    assert found["cagr"] == -1.0
    assert found["max_drawdown"] == pytest.approx(-1.2)
    assert (found["sharpe"], found["volatility"], found["worst_day"]) == (None, None, None)


def test_an_unknown_nav_makes_what_depends_on_it_unknown():
    nav = np.array([100.0, math.nan, 110.0])
    found = _measure(DayNav(times=START + DAY_NS * np.arange(3), nav=nav, periods_per_year=365))
    assert found["total_return"] == pytest.approx(0.1)
    assert (found["sharpe"], found["max_drawdown"], found["calmar"]) == (None, None, None)


def _grid(first: str, last: str) -> np.ndarray:
    return np.arange(from_iso(first), from_iso(last) + 1, H4_NS, dtype=np.int64)


def test_a_universe_around_the_clock_counts_every_utc_day():
    # From Friday 12:00 to Monday 08:00; the NAV of a day is what the decision at the next midnight finds.
    times = _grid("2024-07-05T12:00Z", "2024-07-08T08:00Z")
    nav = 1000.0 + np.arange(len(times))
    found = daily_nav(times, nav, capital=1000.0, start_ns=int(times[0]))
    assert [iso_date(int(at)) for at in found.times] == ["2024-07-05", "2024-07-06", "2024-07-07", "2024-07-08"]
    assert list(found.nav) == [1000.0, 1003.0, 1009.0, 1015.0]
    assert found.periods_per_year == 365


def test_an_exchange_universe_counts_sessions_only():
    times = _grid("2024-07-03T00:00Z", "2024-07-09T00:00Z")
    nav = 1000.0 + np.arange(len(times))
    sessions = np.array(
        [from_iso(day) for day in ("2024-07-02", "2024-07-03", "2024-07-05", "2024-07-08", "2024-07-09")]
    )
    found = daily_nav(times, nav, capital=1000.0, start_ns=int(times[0]), sessions_ns=sessions)
    # Wednesday's end, Friday's (Thursday was Independence Day) and Monday's; Tuesday has not ended.
    assert [iso_date(int(at)) for at in found.times] == ["2024-07-03", "2024-07-04", "2024-07-06", "2024-07-09"]
    assert list(found.nav) == [1000.0, 1006.0, 1018.0, 1036.0]
    assert found.periods_per_year == 252


def test_daily_decisions_at_midnight_are_the_days_themselves():
    times = START + DAY_NS * np.arange(4, dtype=np.int64)
    nav = np.array([1000.0, 1010.0, 1005.0, 1020.0])
    found = daily_nav(times, nav, capital=1000.0, start_ns=START)
    assert np.array_equal(found.times, times)
    assert np.array_equal(found.nav, nav)


@pytest.mark.parametrize("step_ns", [H4_NS, DAY_NS])
@pytest.mark.parametrize("days", [1, 127, 128, 129, 760, 3530])
def test_the_last_day_of_a_run_of_any_length_is_a_day(days: int, step_ns: int):
    times = START + step_ns * np.arange(days * (DAY_NS // step_ns) + 1, dtype=np.int64)
    found = daily_nav(times, np.arange(len(times), dtype=np.float64), capital=0.0, start_ns=START)
    assert len(found.times) == days + 1
    assert int(found.times[-1]) == START + days * DAY_NS
    assert found.nav[-1] == len(times) - 1


def test_the_series_starts_no_earlier_than_the_first_decision():
    times = START + DAY_NS * np.arange(10, 13, dtype=np.int64)
    found = daily_nav(times, np.array([7.0, 8.0, 9.0]), capital=7.0, start_ns=START, periods_per_year=360)
    assert list(found.nav) == [7.0, 8.0, 9.0]
    assert found.periods_per_year == 360


def test_no_decisions_are_one_point():
    found = daily_nav(np.empty(0, dtype=np.int64), np.empty(0), capital=5.0, start_ns=START)
    assert (list(found.times), list(found.nav)) == ([START], [5.0])


def test_days_without_trading_change_no_sharpe_ratio_but_for_the_count_of_days():
    # The same path marked on sessions (A = 252) and on every day (A = 365), in a year of 365 days and 252 sessions.
    rng = np.random.default_rng(3)
    every = np.zeros(3 * 365)
    for year in range(3):
        every[year * 365 + np.sort(rng.choice(365, 252, replace=False))] = rng.normal(0.0005, 0.01, 252)
    on_sessions = _measure(_series(every[every != 0.0], 252))["sharpe"]
    on_days = _measure(_series(every, 365))["sharpe"]
    assert on_sessions == pytest.approx(on_days, rel=2e-3)


def test_trade_measures_worked_by_hand():
    found = _measure(_series([0.01]), _trips(100.0, -50.0, 0.0, 300.0, -150.0))
    assert found["trades"] == 5
    assert found["win_rate"] == 0.4, "a trip of zero is no win"
    assert found["profit_factor"] == 2.0
    assert found["expectancy"] == 40.0
    assert found["expectancy_r"] == pytest.approx(0.4)
    assert found["payoff"] == 2.0
    spread = math.sqrt((60**2 + 90**2 + 40**2 + 260**2 + 190**2) / 4)
    assert found["sqn"] == pytest.approx(math.sqrt(5) * 40 / spread)


def test_trips_without_a_loss_have_no_profit_factor_and_say_so():
    found = _measure(_series([0.01]), _trips(100.0, 20.0))
    assert (found["win_rate"], found["expectancy"]) == (1.0, 60.0)
    for key in ("profit_factor", "payoff", "expectancy_r"):
        assert found[key] is None
        assert remarks(found)[key] == "no losing round trip"
    assert _measure(_series([0.01]), _trips(-5.0, -7.0))["payoff"] is None


def test_exposure_time_in_market_and_turnover_worked_by_hand():
    # Three days of two decisions each. Bought 60,000 after the first, sold 30,000 in the middle of day three.
    times = START + DAY_NS // 2 * np.arange(7, dtype=np.int64)
    activity = Activity(
        times=times,
        nav=np.full(7, 100_000.0),
        gross=np.array([0.0, 0.6, 0.0, 0.0, 0.0, 0.3, 0.3]),
        traded=np.array([60_000.0, 60_000.0, 0.0, 0.0, 30_000.0, 0.0, 90_000.0]),
        cost=np.array([60.0, 60.0, 0.0, 0.0, 30.0, 0.0, 90.0]),
    )
    found = _measure(_series([0.01, 0.0, 0.02], 365), activity=activity)
    assert found["exposure"] == pytest.approx((0.6 + 0.3 + 0.3) / 6)
    assert found["time_in_market"] == pytest.approx(2 / 3)
    assert found["turnover"] == pytest.approx(1.5 / 2 * 365 / 3), "what is traded after the last day's end is not in it"


def test_decisions_without_a_known_exposure_are_left_out_of_the_mean():
    day_nav = _series([0.01, 0.01])
    activity = replace(_idle(day_nav), gross=np.array([0.0, math.nan, 0.5]))
    found = _measure(day_nav, activity=activity)
    assert (found["exposure"], found["time_in_market"]) == (0.5, 0.5)


def test_the_bps_score_is_the_formula_of_the_specification():
    # 0.4 * 1.2 + 0.3 * 0.1 + 0.2 * 0.55 - 0.1 * 0.2
    assert bps_score(sharpe=1.2, cagr=0.1, win_rate=0.55, max_drawdown=-0.2) == pytest.approx(0.60)
    assert bps_score(sharpe=1.2, cagr=0.1, win_rate=None, max_drawdown=-0.2) is None
    found = _measure(_series([0.01, -0.02, 0.03]), _trips(1.0, -1.0))
    expected = 0.4 * found["sharpe"] + 0.3 * found["cagr"] + 0.2 * 0.5 - 0.1 * 0.02
    assert found["bps_score"] == pytest.approx(expected)


def _year_and_more(seed: int = 11, days: int = 300) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0008, 0.008, days)


def test_the_robust_score_is_the_product_of_its_five_parts():
    r = _year_and_more(days=200)
    sharpe = r.mean() / r.std(ddof=1)
    error = math.sqrt(
        (1 - scipy.stats.skew(r) * sharpe + (scipy.stats.kurtosis(r, fisher=False) - 1) / 4 * sharpe**2) / 199
    )
    low = (sharpe - 1.645 * error) * math.sqrt(252)
    adjusted = 0.02 + 0.98 * low / (1 + low) if low >= 0 else 0.02 * math.exp(low)
    positive = sum(np.prod(1 + r[k : k + 63]) > 1 for k in (0, 63, 126))
    expected = 100 * adjusted**0.35 * 0.5**0.25 * ((positive + 1) / 5) ** 0.15
    expected *= (0.02 + 0.98 * 0.75) ** 0.10 * (0.8 * 0.9) ** 0.15
    found = bps_robust(
        r,
        periods_per_year=252,
        max_drawdown=-0.15,
        daily_cost=r.mean() / 4,
        evidence=Evidence(sharpe_in=1.0, sharpe_out=0.8, overfit=0.1),
    )
    assert found == pytest.approx(expected)


def test_costs_that_eat_the_edge_leave_the_floor_of_that_part():
    r = _year_and_more()
    free = bps_robust(r, periods_per_year=252, max_drawdown=-0.1, daily_cost=0.0)
    eaten = bps_robust(r, periods_per_year=252, max_drawdown=-0.1, daily_cost=2 * r.mean())
    assert eaten / free == pytest.approx(0.02**0.10)


def test_a_losing_run_gets_no_credit_for_its_costs():
    r = -np.abs(_year_and_more())
    scores = {bps_robust(r, periods_per_year=252, max_drawdown=-0.5, daily_cost=cost) for cost in (0.0, 0.001)}
    assert len(scores) == 1


@pytest.mark.parametrize(
    ("evidence", "part"),
    [
        (None, 0.5),
        (Evidence(sharpe_in=1.0, sharpe_out=1.0), 0.5),
        (Evidence(overfit=0.0), 0.5),
        (Evidence(sharpe_in=1.0, sharpe_out=2.0, overfit=0.0), 1.0),
        (Evidence(sharpe_in=2.0, sharpe_out=1.0, overfit=0.2), 0.4),
        (Evidence(sharpe_in=1.0, sharpe_out=-1.0, overfit=0.2), 0.02),
        (Evidence(sharpe_in=-1.0, sharpe_out=-2.0, overfit=0.0), 0.02),
        (Evidence(sharpe_in=1.0, sharpe_out=1.0, overfit=1.0), 0.02),
    ],
)
def test_missing_evidence_never_scores_like_good_evidence(evidence: Evidence | None, part: float):
    r = _year_and_more()
    terms = {"periods_per_year": 252, "max_drawdown": -0.1, "daily_cost": 0.0}
    perfect = bps_robust(r, **terms, evidence=Evidence(sharpe_in=1.0, sharpe_out=1.0, overfit=0.0))
    assert bps_robust(r, **terms, evidence=evidence) / perfect == pytest.approx(part**0.15)


def test_leverage_raises_the_bps_score_and_lowers_the_robust_one():
    # True Sharpe 1 at 8 % volatility over three years of sessions; x3 triples returns, costs and trips alike.
    rng = np.random.default_rng(5)
    base = rng.normal(0.08 / 252, 0.08 / math.sqrt(252), 756)
    trips = np.where(rng.random(60) < 0.55, 300.0, -200.0)

    def levered(factor: float) -> dict[str, float | int | None]:
        day_nav = _series(base * factor)
        cost = np.full(757, 0.00002 * CAPITAL * factor)
        return _measure(day_nav, _trips(*(trips * factor)), activity=replace(_idle(day_nav), cost=cost))

    once, thrice = levered(1.0), levered(3.0)
    assert thrice["sharpe"] == pytest.approx(once["sharpe"])
    assert thrice["max_drawdown"] < 2 * once["max_drawdown"]
    assert thrice["bps_score"] > once["bps_score"]
    assert thrice["bps_robust"] < 0.9 * once["bps_robust"]


@pytest.mark.parametrize(
    ("days", "trips", "remark"),
    [
        (125, 20, "not ranked: 125 days of 126"),
        (126, 19, "not ranked: 19 round trips of 20"),
        (125, 19, "not ranked: 125 days of 126"),
        (126, 20, None),
    ],
)
def test_a_short_sample_is_not_ranked_and_says_why(days: int, trips: int, remark: str | None):
    found = _measure(_series(_year_and_more(days=days)), _trips(*np.linspace(-1.0, 2.0, trips)))
    assert (found["bps_robust"] is None) == (remark is not None)
    assert remarks(found).get("bps_robust") == remark


def test_few_observations_are_remarked_on():
    said = remarks(_measure(_series([0.01, -0.01] * 10), _trips(1.0, -1.0)))
    assert said["var_95"] == "few days: 20 of 100"
    assert said["sqn"] == "few round trips: 2 of 30"
    full = _measure(_series(_year_and_more()), _trips(*np.linspace(-1.0, 2.0, 40)))
    assert set(remarks(full)) <= {"recovery_days"}


def test_conventions_state_the_days_of_the_year_for_every_key():
    texts = conventions(365)
    assert set(texts) == set(DEFINITIONS)
    assert "SR[d,365,rf0,ddof1]" in texts["sharpe"]
    assert "{" not in "".join(texts.values())
