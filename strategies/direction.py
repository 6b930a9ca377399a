"""Long what a model, fitted on the past, expects to earn more than it costs."""

from collections.abc import Mapping

import numpy as np

from tradeterm.strategy_api import (
    NO_MODELS,
    CannotFit,
    Dataset,
    Forecast,
    LearnedStrategy,
    Lookback,
    Models,
    Panel,
    Params,
    RegimeFrame,
    bollinger,
    carried,
    daily_carried,
    linear,
    logistic,
    lookback_wilder,
    momentum,
    one_hot,
    rsi,
    sma,
    volatility,
)


class DirectionParams(Params):
    """Windows in daily and H4 bars, and what a position must promise."""

    month_days: int = 21
    quarter_days: int = 63
    half_days: int = 126
    rsi_window: int = 14
    band_window: int = 20
    strength: float = 1.0  # inverse of the classifier's penalty
    least_prob: float = 0.5  # probability of a gain after costs from which a symbol is held
    least_ev: float = 0.0  # expected return after costs above which a symbol is held, fraction


class DirectionModel(LearnedStrategy):
    """Equal parts of the budget in each symbol whose five-day return is expected to be positive after costs.

    A logistic regression on scaled features and the encoded regime, calibrated on forecasts of purged folds.
    """

    name = "DirectionModel_v1"
    version = "1.0.0"
    universe = ("SPY", "QQQ", "BTC/USDT", "ETH/USDT")
    timeframe = "daily"
    horizon = 5
    params_type = DirectionParams

    @property
    def lookback(self) -> Lookback:
        """Return the longest windows of both timeframes."""
        p = self.params
        return Lookback(
            bars=max(lookback_wilder(p.rsi_window), p.band_window, 7),
            daily=max(p.month_days, p.quarter_days, p.half_days, p.band_window) + 1,
        )

    def features(self, panel: Panel) -> Mapping[str, np.ndarray]:
        """Returns in units of volatility, places within bands and an oscillator, of daily and of H4 bars."""
        p, days = self.params, panel.days
        risk = volatility(days, p.month_days, 252.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            daily = {
                "volatility": risk,
                "week": momentum(days, 5) / risk,
                "month": momentum(days, p.month_days) / risk,
                "quarter": momentum(days, p.quarter_days) / risk,
                "half_year": momentum(days, p.half_days) / risk,
                "trend": (days.close / sma(days, p.half_days) - 1.0) / risk,
                "band": _place(days, p.band_window),
            }
            h4 = {
                "h4_move": momentum(panel, 6),
                "h4_rsi": rsi(panel, p.rsi_window),
                "h4_band": _place(panel, p.band_window),
            }
        found = {name: daily_carried(panel, values) for name, values in daily.items()}
        return found | {name: carried(panel, values) for name, values in h4.items()}

    def fit(self, dataset: Dataset) -> Mapping[str, np.ndarray]:
        """Scaler, encoder, classifier and calibrator, and what gains and losses came to in units of volatility."""
        gain = dataset.label > 0
        if gain.all() or not gain.any():
            raise CannotFit(f"all {len(gain)} labels are of one class")
        moves = dataset.gross / dataset.features[:, 0]
        return {
            **self._classifier(dataset),
            "calibrator": self._calibrator(dataset),
            "payoff": np.array([moves[gain].mean(), moves[~gain].mean()]),
            "cost": dataset.cost,
        }

    def _classifier(self, dataset: Dataset) -> dict[str, np.ndarray]:
        """Scaler, encoder and classifier of these decisions alone."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        scaler = StandardScaler().fit(dataset.features)
        encoder = OneHotEncoder().fit(dataset.states)
        counts = [len(seen) for seen in encoder.categories_]
        arrays = {
            "scaler_mean": scaler.mean_,
            "scaler_scale": scaler.scale_,
            "encoder_axis": np.repeat(np.arange(len(counts)), counts).astype(np.float64),
            "encoder_state": np.concatenate(encoder.categories_).astype(np.float64),
        }
        model = LogisticRegression(C=self.params.strength, solver="newton-cholesky", tol=1e-8)
        model.fit(_inputs(arrays, dataset.features, dataset.states), dataset.label > 0)
        return arrays | {"factors": model.coef_[0], "offset": model.intercept_}

    def _calibrator(self, dataset: Dataset) -> np.ndarray:
        """Slope and offset that turn log-odds of purged folds into what came; never a slope that turns them round."""
        from sklearn.linear_model import LogisticRegression

        odds, came = [], []
        for fold in dataset.splits():
            known, later = dataset.rows(fold.train), dataset.rows(fold.test)
            if len(np.unique(known.label > 0)) == 2:
                odds.append(_odds(self._classifier(known), later.features, later.states))
                came.append(later.label > 0)
        seen = np.concatenate(came) if came else np.zeros(0, dtype=np.bool_)
        if seen.all() or not seen.any():
            raise CannotFit("no fold has labels of both classes to train and to test on")
        line = LogisticRegression(solver="newton-cholesky", tol=1e-8).fit(np.concatenate(odds)[:, None], seen)
        slope, offset = line.coef_[0, 0], line.intercept_[0]
        if slope <= 0.0:
            slope, offset = 0.0, np.log(seen.mean() / (1.0 - seen.mean()))
        return np.array([slope, offset])

    def infer(
        self, arrays: Mapping[str, np.ndarray], features: np.ndarray, states: np.ndarray, column: np.ndarray
    ) -> Forecast:
        """Calibrated probability, and the expected return that follows from it at the symbol's volatility."""
        slope, offset = arrays["calibrator"]
        prob = logistic(slope * _odds(arrays, features, states) + offset)
        gain, loss = arrays["payoff"]
        gross = features[:, 0] * (prob * gain + (1.0 - prob) * loss)
        cost = arrays["cost"][column]
        # Costs are paid on both notionals: 1 at the entry, 1 + gross at the exit.
        return Forecast(prob=prob, ev=gross - cost * (2.0 + gross))

    def weights(self, panel: Panel, regime: RegimeFrame, models: Models = NO_MODELS) -> np.ndarray:
        """(T, N): 1/N while a symbol is expected to earn its costs, 0 otherwise and before the first model."""
        made = self.forecast(panel, regime, models)
        held = (made.prob >= self.params.least_prob) & (made.ev > self.params.least_ev)
        weights: np.ndarray = held / len(panel.symbols)
        return weights


def _inputs(arrays: Mapping[str, np.ndarray], features: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Scaled features beside the encoded regime."""
    scaled = (features - arrays["scaler_mean"]) / arrays["scaler_scale"]
    return np.hstack([scaled, one_hot(states, arrays["encoder_axis"], arrays["encoder_state"])])


def _odds(arrays: Mapping[str, np.ndarray], features: np.ndarray, states: np.ndarray) -> np.ndarray:
    return linear(_inputs(arrays, features, states), arrays["factors"], arrays["offset"][0])


def _place(panel: Panel, window: int) -> np.ndarray:
    """Distance of the close from its mean, in halves of the band around it."""
    bands = bollinger(panel, window)
    place: np.ndarray = np.divide(panel.close - bands.middle, bands.upper - bands.middle)
    return place
