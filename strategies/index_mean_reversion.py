"""Buy the equity index when it is oversold on H4 bars, and leave soon."""

from collections.abc import Mapping

import numpy as np

from tradeterm.strategy_api import (
    Context,
    Lookback,
    Panel,
    Params,
    Strategy,
    TargetWeights,
    bollinger,
    carried,
    lookback_wilder,
    rsi,
)


class ReversionParams(Params):
    """Windows and holding time in H4 bars, RSI levels in points."""

    rsi_window: int = 14
    rsi_entry: float = 35.0
    band_window: int = 20
    band_width: float = 2.0
    most_bars: int = 12


class IndexMeanReversionModel(Strategy):
    """Enter below the lower Bollinger band with a low RSI; leave at the middle band or after ``most_bars``."""

    name = "IndexMeanReversionModel_v1"
    version = "1.0.0"
    universe = ("SPY", "QQQ")
    horizon = 4
    params_type = ReversionParams

    @property
    def lookback(self) -> Lookback:
        """Return the longer of RSI and band."""
        return Lookback(bars=max(lookback_wilder(self.params.rsi_window), self.params.band_window))

    def features(self, panel: Panel) -> Mapping[str, np.ndarray]:
        """RSI and bands, each at the newest own bar."""
        bands = bollinger(panel, self.params.band_window, self.params.band_width)
        return {
            "close": carried(panel, panel.close),
            "rsi": carried(panel, rsi(panel, self.params.rsi_window)),
            "middle": carried(panel, bands.middle),
            "lower": carried(panel, bands.lower),
        }

    def generate_target_weights(self, ctx: Context) -> TargetWeights:
        """1/N of the budget in each symbol that is oversold or still held."""
        now = {name: values[-1] for name, values in ctx.features.items()}
        part = 1.0 / len(ctx.symbols)
        weights = {}
        for column, symbol in enumerate(ctx.symbols):
            held = ctx.held.get(symbol)
            close = now["close"][column]
            if held is not None:
                keep = close < now["middle"][column] and held.bars_held < self.params.most_bars
            else:
                keep = close < now["lower"][column] and now["rsi"][column] < self.params.rsi_entry
            weights[symbol] = part if keep else 0.0
        return TargetWeights(weights=weights, horizon=self.horizon)
