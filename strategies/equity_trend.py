"""Long the equity index while its daily trend and momentum are up, flat otherwise."""

import numpy as np

from tradeterm.strategy_api import Lookback, Panel, Params, RegimeFrame, VectorStrategy, daily_carried, momentum, sma


class TrendParams(Params):
    """Windows in daily bars."""

    trend_days: int = 200
    momentum_days: int = 126


class EquityTrendModel(VectorStrategy):
    """Equal parts of the budget in each index that closes above its mean with positive momentum."""

    name = "EquityTrendModel_v1"
    version = "1.0.0"
    universe = ("SPY", "QQQ")
    timeframe = "daily"
    horizon = 10
    params_type = TrendParams

    @property
    def lookback(self) -> Lookback:
        """Return the longer of the two windows."""
        return Lookback(daily=max(self.params.trend_days, self.params.momentum_days + 1))

    def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
        """(T, N): 1/N while a symbol trends, 0 otherwise."""
        days = panel.days
        rising = (days.close > sma(days, self.params.trend_days)) & (momentum(days, self.params.momentum_days) > 0)
        return daily_carried(panel, rising / len(panel.symbols))
