"""Made panels for the tests: random bars with gaps between own bars, daily bars beside them, fills and regimes."""

from __future__ import annotations

import numpy as np

from tradeterm.engine.inputs import RegimeInputs, RegimeSeries
from tradeterm.engine.panel import FillFrame, Panel

H4 = 4 * 3600 * 10**9
DAY = 24 * 3600 * 10**9


def made_panel(
    seed: int, rows: int = 300, symbols: tuple[str, ...] = ("A", "B"), *, gaps: float = 0.4, step: int = H4
) -> Panel:
    """Panel whose columns are drawn one by one: a further symbol changes none of those before it."""
    columns = [_column(seed, index, rows, gaps) for index in range(len(symbols))]
    cells = {name: np.stack([column[name] for column in columns], axis=1) for name in columns[0]}
    times = step * np.arange(1, rows + 1, dtype=np.int64)
    known = np.where(cells["bar_no"] >= 0, times[:, None], -1)
    return Panel(times=times, symbols=symbols, asset_class=("equity",) * len(symbols), known_at=known, **cells)


def _column(seed: int, index: int, rows: int, gaps: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng([seed, index])
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, rows)))
    opens = close * np.exp(rng.normal(0.0, 0.01, rows))
    high = np.maximum(opens, close) * (1.0 + rng.random(rows) * 0.01)
    low = np.minimum(opens, close) * (1.0 - rng.random(rows) * 0.01)
    own = rng.random(rows) >= gaps
    own[:2] = rng.random() < 0.5
    prices = {"open": opens, "high": high, "low": low, "close": close, "volume": rng.random(rows)}
    cells = {name: np.where(own, values, np.nan) for name, values in prices.items()}
    return {**cells, "bar_no": np.where(own, np.cumsum(own) - 1, -1).astype(np.int64)}


def with_days(panel: Panel) -> Panel:
    """Same panel with daily bars beside it: the last own bar of each UTC day, known at the day's end."""
    day = (panel.times - 1) // DAY
    ends = [k for k in range(len(panel)) if panel.times[k] % DAY == 0]
    shape = (len(ends), len(panel.symbols))
    cells = {name: np.full(shape, np.nan) for name in ("open", "high", "low", "close", "volume")}
    bar_no = np.full(shape, -1, dtype=np.int64)
    for d, k in enumerate(ends):
        for j in range(shape[1]):
            own = np.flatnonzero((day == day[k]) & (panel.bar_no[:, j] >= 0))
            if len(own):
                for name in cells:
                    cells[name][d, j] = getattr(panel, name)[own[-1], j]
                bar_no[d, j] = (bar_no[:d, j] >= 0).sum()
    times = panel.times[ends]
    daily = Panel(
        times=times,
        symbols=panel.symbols,
        asset_class=panel.asset_class,
        bar_no=bar_no,
        known_at=np.where(bar_no >= 0, times[:, None], -1),
        **cells,
    )
    row = np.full(panel.close.shape, -1, dtype=np.int64)
    for k, now in enumerate(panel.times):
        for j in range(shape[1]):
            known = np.flatnonzero((times <= now) & (bar_no[:, j] >= 0))
            row[k, j] = known[-1] if len(known) else -1
    return Panel(
        **{name: getattr(panel, name) for name in panel.__slots__ if name not in ("daily", "daily_row")},
        daily=daily,
        daily_row=row,
    )


def made_fills(panel: Panel, seed: int) -> FillFrame:
    """Fill prices near the next own bar's open, with bars that don't come and hours without trading."""
    rng = np.random.default_rng([seed, 99])
    mark = np.full(panel.close.shape, np.nan)
    last = np.full(len(panel.symbols), np.nan)
    for k in range(len(panel)):
        last = np.where(panel.bar_no[k] >= 0, panel.close[k], last)
        mark[k] = last
    came = (rng.random(mark.shape) < 0.9) & np.isfinite(mark)
    price = np.where(came, mark * np.exp(rng.normal(0.0, 0.005, mark.shape)), np.nan)
    return FillFrame(
        open=price,
        high=price * 1.01,
        low=price * 0.99,
        volume=np.where(came, 1e6, 0.0),
        at=np.where(came, panel.times[:, None], -1),
        mark=mark,
        tradable=rng.random(mark.shape) < 0.9,
    )


def series(
    values: list[float] | np.ndarray,
    *,
    known: list[int] | np.ndarray | None = None,
    due: list[int] | np.ndarray | None = None,
    ordinal: list[int] | np.ndarray | None = None,
    symbol: str = "X",
) -> RegimeSeries:
    """Series of daily values: value i known at day i + 1, the next one due a day later, unless told."""
    count = len(values)
    at = DAY * np.arange(1, count + 1, dtype=np.int64) if known is None else np.array(known, dtype=np.int64)
    return RegimeSeries(
        symbol=symbol,
        known_at=at,
        ordinal=np.arange(count, dtype=np.int64) if ordinal is None else np.array(ordinal, dtype=np.int64),
        value=np.array(values, dtype=np.float64),
        due_at=at + DAY if due is None else np.array(due, dtype=np.int64),
    )


def made_inputs(seed: int, days: int) -> RegimeInputs:
    """Inputs of every axis that change state now and then."""
    rng = np.random.default_rng([seed, 7])
    walk = lambda scale: 100.0 * np.exp(np.cumsum(rng.normal(0.0, scale, days)))  # noqa: E731 - one use
    return RegimeInputs(
        equity=series(walk(0.01)),
        volatility=series(20.0 + 8.0 * np.sin(np.arange(days) / 5.0)),
        crypto=series(walk(0.03)),
        slope=series(np.sin(np.arange(days) / 9.0)),
        activity=series(50.0 + 6.0 * np.sin(np.arange(days) / 13.0)),
    )
