"""The pictures of a report: one function per picture, drawn by matplotlib without any state of its own.

The same run gives the same bytes: no dates, no random ids, no settings of the user. Ink, grid and the colours of
series are those of ``INK`` and ``SERIES``, so that a page can put its own in their place.
"""

from __future__ import annotations

import io
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.research.performance import BOOK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tradeterm.research.performance import ByState, Performance, Values

__all__ = ["GRID", "INK", "PICTURES", "SERIES", "draw"]

INK, GRID = "#41454c", "#c9ccd1"
# Book, benchmarks and models: told apart without red and green beside each other.
SERIES = ("#2f6fb3", "#c8742b", "#7a8088", "#6a51a3", "#2a8f83", "#b5446e", "#8c6d1f", "#4b8fd0")
_GAIN, _LOSS = SERIES[0], SERIES[1]
_MODELS = (SERIES[0], SERIES[3], SERIES[4], SERIES[5], SERIES[6], SERIES[7], SERIES[1])
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SIZE = (9.0, 3.2)
_TALL = (9.0, 4.6)
_DPI = 120
_FACE = "none"
_MOST_STATES = 16
_MOST_POINTS = 500

_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.facecolor": _FACE,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": None,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "lines.linewidth": 1.2,
    "figure.facecolor": _FACE,
    "savefig.facecolor": _FACE,
    "svg.hashsalt": "tradeterm",
    "svg.fonttype": "none",
    "timezone": "UTC",
    "path.simplify": True,
}


def draw(found: Performance) -> dict[str, dict[str, bytes]]:
    """Draw every picture: its name, then the bytes of ``png`` and ``svg``."""
    with _plain_style():
        return {name: _rendered(made(found)) for name, (_, made) in PICTURES.items()}


@contextmanager
def _plain_style() -> Iterator[None]:
    """Set what pictures are drawn by, whatever the user's own settings are."""
    import matplotlib as mpl
    from cycler import cycler

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE | {"axes.prop_cycle": cycler(color=SERIES)})
        yield


def _rendered(figure: Figure) -> dict[str, bytes]:
    made = {}
    for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
        buffer = io.BytesIO()
        # Transparent for pages; a picture of its own has to be legible on any ground.
        face = "white" if kind == "png" else _FACE
        figure.savefig(buffer, format=kind, dpi=_DPI, metadata=metadata, facecolor=face)
        made[kind] = buffer.getvalue()
    return made


def _blank(title: str, size: tuple[float, float] = _SIZE, rows: int = 1) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0].tolist()
    axes[0].set_title(title)
    return figure, axes


def _days(found: Performance) -> Any:
    """Points as dates of the days that end there; the first is the start."""
    return np.asarray(found.ts_ns, dtype=np.int64).astype("datetime64[ns]").astype("datetime64[s]")


def _array(values: Values) -> Any:
    return np.array([math.nan if value is None else value for value in values])


def _percents(axes: Axes, *, digits: int = 0) -> None:
    from matplotlib.ticker import PercentFormatter

    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=digits))


def _money(axes: Axes) -> None:
    from matplotlib.ticker import StrMethodFormatter

    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="upper left", ncols=2)


def _equity(found: Performance) -> Figure:
    figure, (axes,) = _blank("NAV, money, log scale", _TALL)
    days = _days(found)
    for place, item in enumerate(found.benchmarks):
        axes.plot(days, _array(item.nav), color=SERIES[1 + place], linewidth=0.9, label=item.name)
    axes.plot(days, _array(found.nav), color=SERIES[0], linewidth=1.6, label="book")
    known = [_array(values) for values in (found.nav, *(item.nav for item in found.benchmarks))]
    if all(np.nanmin(values) > 0.0 for values in known):
        axes.set_yscale("log")
        from matplotlib.ticker import NullFormatter

        axes.yaxis.set_minor_formatter(NullFormatter())
        low, high = min(np.nanmin(values) for values in known), max(np.nanmax(values) for values in known)
        axes.set_yticks(_levels(float(low), float(high)))
    else:
        axes.set_title("NAV, money")
    _money(axes)
    _legend(axes)
    return figure


def _levels(low: float, high: float) -> list[float]:
    """Round levels of a log scale between the ends, at most about eight."""
    if high <= low:
        return [low]
    from matplotlib.ticker import MaxNLocator

    levels = MaxNLocator(nbins=7, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [float(level) for level in levels if low * 0.98 <= level <= high * 1.02] or [low, high]


def _drawdown(found: Performance) -> Figure:
    figure, (axes,) = _blank("drawdown, fraction of the running peak")
    values = _array(found.drawdown)
    axes.fill_between(_days(found), values, 0.0, color=_LOSS, alpha=0.35, linewidth=0.0)
    axes.plot(_days(found), values, color=_LOSS, linewidth=1.0)
    _percents(axes)
    return figure


def _months(found: Performance) -> Figure:
    from matplotlib.colors import LinearSegmentedColormap

    years = sorted({item.year for item in found.months})
    figure, (axes,) = _blank("return by month", (9.0, max(1.6, 0.9 + 0.32 * len(years))))
    grid = np.full((max(1, len(years)), 12), math.nan)
    for item in found.months:
        if item.month is not None:
            grid[years.index(item.year), item.month - 1] = item.value
    size = max(1e-9, float(np.nanmax(np.abs(grid)))) if found.months else 1.0
    shades = LinearSegmentedColormap.from_list("months", [f"{_LOSS}90", f"{_LOSS}00", f"{_GAIN}00", f"{_GAIN}90"])
    axes.pcolormesh(np.arange(13), np.arange(len(grid) + 1), grid, cmap=shades, vmin=-size, vmax=size)
    for (row, column), value in np.ndenumerate(grid):
        if math.isfinite(value):
            axes.text(column + 0.5, row + 0.5, f"{100 * value:+.1f}", ha="center", va="center", fontsize=8.0)
    axes.grid(visible=False)
    axes.set_xticks(np.arange(12) + 0.5, _MONTHS)
    axes.set_yticks(np.arange(len(years)) + 0.5, [str(year) for year in years])
    axes.set_ylim(len(grid), 0)
    return figure


def _trips(found: Performance) -> Figure:
    own = np.array([item.share for item in found.trips if item.owner == BOOK and item.share is not None])
    figure, (axes,) = _blank(f"net return of {len(own)} round trips of the book")
    if len(own):
        low, high = float(own.min()), float(own.max())
        edges = np.linspace(low, high if high > low else low + 1e-6, min(60, max(10, len(own) // 4)) + 1)
        parts, colours = [own[own <= 0.0], own[own > 0.0]], [_LOSS, _GAIN]
        axes.hist(parts, bins=edges.tolist(), color=colours, label=["not a win", "win"], stacked=True)
        axes.axvline(float(own.mean()), color=INK, linestyle="--", linewidth=1.0, label=f"mean {own.mean():+.2%}")
        from matplotlib.ticker import PercentFormatter

        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
        _legend(axes)
    axes.set_ylabel("trips")
    return figure


def _exposure(found: Performance) -> Figure:
    figure, (axes,) = _blank("exposure by day, fraction of NAV")
    days = _days(found)[1:]
    gross = _array(found.gross[1:])
    axes.fill_between(days, np.nan_to_num(gross), 0.0, color=SERIES[0], alpha=0.25, linewidth=0.0, label="gross")
    axes.plot(days, _array(found.net[1:]), color=SERIES[1], linewidth=0.9, label="net")
    _percents(axes)
    _legend(axes)
    return figure


def _turnover(found: Performance) -> Figure:
    figure, (axes,) = _blank("turnover by month, one-way, fraction of NAV")
    months = ((np.asarray(found.ts_ns[1:], dtype=np.int64) - 1).astype("datetime64[ns]")).astype("datetime64[M]")
    values = _array(found.turnover[1:])
    named = np.unique(months)
    totals = [float(np.nansum(values[months == month])) for month in named]
    axes.bar(named.astype("datetime64[s]"), totals, width=np.timedelta64(24, "D"), color=SERIES[0], align="edge")
    _percents(axes)
    return figure


def _models(found: Performance) -> Figure:
    figure, (axes,) = _blank("PnL by model since the start, money", _TALL)
    for place, item in enumerate(found.strategies):
        axes.plot(_days(found), _array(item.pnl), color=_colour(place), label=item.name)
    axes.axhline(0.0, color=GRID, linewidth=1.0)
    _money(axes)
    _legend(axes)
    return figure


def _colour(place: int) -> str:
    return _MODELS[place % len(_MODELS)]


def _attribution(found: Performance) -> Figure:
    figure, (above, below) = _blank("exposure by model, stacked, fraction of NAV", (9.0, 5.6), rows=2)
    some = _thinned(len(found.ts_ns))
    days = _days(found)
    names = [item.name for item in found.strategies]
    colours = [_colour(place) for place in range(len(names))]
    if names:
        parts = [np.nan_to_num(_array(item.gross))[some] for item in found.strategies]
        above.stackplot(days[some], *parts, labels=names, colors=colours, alpha=0.7, linewidth=0.0)
        _percents(above)
        _legend(above)
    below.set_title("where the PnL came from, stacked, money; the line is NAV - capital")
    made = [_array(item.pnl) for item in found.strategies] + [_array(found.interest)]
    for sign in (1.0, -1.0):
        part = [np.maximum(sign * values[some], 0.0) * sign for values in made]
        below.stackplot(days[some], *part, colors=[*colours, SERIES[2]], alpha=0.6, linewidth=0.0)
    nav = _array(found.nav)
    below.plot(days, nav - nav[0], color=INK, linewidth=1.2)
    _money(below)
    return figure


def _thinned(count: int) -> Any:
    """Places of at most some hundred points, the last among them: areas are drawn from each of their points."""
    step = max(1, count // _MOST_POINTS)
    return np.arange(count - 1, -1, -step)[::-1]


def _regimes(found: Performance) -> Figure:
    rows = [item for item in found.regimes if item.owner == BOOK][:_MOST_STATES]
    figure, (axes,) = _blank(
        "mean daily return of the book by regime, 95 % interval, basis points", (9.0, max(2.0, 0.8 + 0.27 * len(rows)))
    )
    for place, item in enumerate(rows):
        _whisker(axes, place, item)
    axes.axvline(0.0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(rows)), [f"{item.axis} {item.state}, n {item.n}" for item in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    return figure


def _whisker(axes: Axes, place: int, item: ByState) -> None:
    if item.mean is None:
        axes.text(0.0, place, "  too few days", va="center", fontsize=8.0)
        return
    if item.mean_interval is not None:
        low, high = (1e4 * end for end in item.mean_interval)
        axes.plot([low, high], [place, place], color=SERIES[0], linewidth=2.0, alpha=0.5)
    axes.plot([1e4 * item.mean], [place], color=SERIES[0], marker="o", markersize=5.0)


def _rolling(found: Performance) -> Figure:
    figure, (axes,) = _blank(f"Sharpe ratio over the last {found.rolling_days} NAV days")
    values = _array(found.rolling_sharpe)
    axes.plot(_days(found), values, color=SERIES[0])
    axes.axhline(0.0, color=INK, linewidth=0.8)
    if not np.isfinite(values).any():
        axes.text(0.5, 0.5, f"under {found.rolling_days} days", transform=axes.transAxes, ha="center")
    return figure


def _relative(found: Performance) -> Figure:
    figure, (axes,) = _blank("NAV of the book over that of a benchmark, start = 1")
    nav = _array(found.nav)
    for place, item in enumerate(found.benchmarks):
        ratio = (nav / nav[0]) / (_array(item.nav) / _array(item.nav)[0])
        axes.plot(_days(found), ratio, color=SERIES[1 + place], label=item.name)
    axes.axhline(1.0, color=INK, linewidth=0.8)
    _legend(axes)
    return figure


# Name -> what is to be seen, and who draws it; in the order of the page.
PICTURES: Mapping[str, tuple[str, Callable[[Performance], Figure]]] = {
    "equity": ("NAV of the book and of its benchmarks", _equity),
    "drawdown": ("Drawdown of the book", _drawdown),
    "relative": ("Book against benchmarks", _relative),
    "rolling_sharpe": ("Rolling Sharpe ratio", _rolling),
    "months": ("Monthly returns", _months),
    "trips": ("Distribution of round trips", _trips),
    "exposure": ("Exposure", _exposure),
    "turnover": ("Turnover", _turnover),
    "models": ("Curves of the models", _models),
    "attribution": ("Attribution over time", _attribution),
    "regimes": ("By regime", _regimes),
}
