"""The configured book, and what is said when it can't be opened."""

from __future__ import annotations

import pytest
from desks import Bench

from tradeterm.core.errors import BadValue, ConfigError, MissingBars, StrategyNotFound
from tradeterm.research.desk import open_desk


def test_the_book_holds_the_enabled_strategies_with_their_budgets(bench: Bench) -> None:
    spec = open_desk(bench.settings).spec
    assert [(member.strategy.name, member.budget) for member in spec.members] == [
        ("EquityTrendModel_v1", 0.6),
        ("IndexMeanReversionModel_v1", 0.25),
        ("CryptoMomentumModel_v1", 0.15),
    ]
    assert [item.symbol for item in spec.instruments] == ["SPY", "QQQ", "BTC/USDT", "ETH/USDT"]
    assert spec.costs["crypto"].fee == pytest.approx(0.001)
    assert spec.limits.classes == {"crypto": 0.2}


@pytest.mark.parametrize(
    ("entry", "error", "said"),
    [
        ("{name: EquityTrendModel_v2, budget: 1.0}", StrategyNotFound, "did you mean 'EquityTrendModel_v1'"),
        ("{name: EquityTrendModel_v1, budget: 1.0, params: {trend_day: 3}}", BadValue, r"parameters: trend_days, mom"),
        ("{name: EquityTrendModel_v1, budget: 1.0, params: {trend_days: long}}", BadValue, "params.trend_days was 'lo"),
        ("{name: EquityTrendModel_v1, budget: 1.0, universe: [IWM]}", MissingBars, "wants IWM, which universe"),
        ("{name: EquityTrendModel_v1, budget: 1.0, enabled: false}", ConfigError, "none is enabled"),
    ],
)
def test_a_book_that_cannot_be_opened_says_why(bench: Bench, entry: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        open_desk(bench.with_sets(f"models.strategies=[{entry}]").settings)
    assert "\n" not in str(caught.value)


def test_an_activity_series_without_levels_is_refused(bench: Bench) -> None:
    bare = bench.with_sets("regime_budgets.thresholds.macro.series={CFNAI: {expansion: 0.0, recession: -0.7}}")
    # Merging keeps PMI, so its levels are taken away by naming another series.
    settings = bare.with_sets("universe.roles.activity=T10Y2Y").settings
    with pytest.raises(ConfigError, match="no levels for 'T10Y2Y'"):
        open_desk(settings)
