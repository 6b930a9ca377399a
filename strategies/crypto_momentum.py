"""Long crypto with positive momentum, only while the crypto regime is risk-on."""

import numpy as np

from tradeterm.strategy_api import Lookback, Panel, Params, RegimeFrame, VectorStrategy, daily_carried, momentum


class MomentumParams(Params):
    """Windows in daily bars."""

    fast_days: int = 30
    slow_days: int = 60


class CryptoMomentumModel(VectorStrategy):
    """Equal parts of the budget in each coin whose 30- and 60-day returns are positive on average."""

    name = "CryptoMomentumModel_v1"
    version = "1.0.0"
    universe = ("BTC/USDT", "ETH/USDT")
    timeframe = "daily"
    horizon = 7
    params_type = MomentumParams

    @property
    def lookback(self) -> Lookback:
        """Return the slow window and the bar before it."""
        return Lookback(daily=max(self.params.fast_days, self.params.slow_days) + 1)

    def weights(self, panel: Panel, regime: RegimeFrame) -> np.ndarray:
        """(T, N): 1/N while a coin rises and the regime is RISK_ON, 0 otherwise."""
        days = panel.days
        mean = (momentum(days, self.params.fast_days) + momentum(days, self.params.slow_days)) / 2.0
        rising = daily_carried(panel, (mean > 0.0) / len(panel.symbols))
        risk_on = regime.is_state("crypto", "RISK_ON")
        return np.where(risk_on[:, None], rising, 0.0)
