"""What ``backtest show``, ``list`` and ``compare`` lay out for a person: tables, and curves drawn by plotext."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

from tradeterm.core.time import iso_date

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.cli.output import Page
    from tradeterm.research.performance import Performance
    from tradeterm.views.comparison import ComparisonView
    from tradeterm.views.runs import RunRow

__all__ = ["LISTED", "charts", "show_comparison", "show_performance", "show_runs"]

LISTED = ("total_return", "cagr", "sharpe", "max_drawdown", "win_rate", "trades", "bps_score")
_MONTHS = tuple(f"{month:02d}" for month in range(1, 13))
_MARKERS = ("braille", "·", "+")
_WIDEST, _HIGH, _LOW = 120, 14, 8


def show_runs(page: Page, rows: Sequence[RunRow]) -> None:
    """Show a line per run."""
    cells = [
        (
            row.run_id,
            row.name,
            row.profile,
            f"{iso_date(row.start_ns)}..{iso_date(row.end_ns)}",
            "close: OPTIMISTIC" if row.fill == "close" else row.fill,
            "ok" if row.certificate.ok else "FAILED",
            *(getattr(row, name) for name in LISTED),
        )
        for row in rows
    ]
    page.table(("run", "name", "profile", "period", "fill", "certificate", *(f">{name}" for name in LISTED)), cells)


def show_performance(page: Page, found: Performance) -> None:
    """Show months, regimes and benchmarks."""
    page.line()
    page.title("returns by month, %")
    months = {(item.year, item.month): item.value for item in found.months}
    page.table(
        ("", *(f">{month}" for month in _MONTHS), ">year"),
        [
            (
                str(item.year),
                *(_hundredths(months.get((item.year, month))) for month in range(1, 13)),
                _hundredths(item.value),
            )
            for item in found.years
        ],
    )
    page.line()
    page.title("by regime known when the day began; mean in basis points a day, 95 % intervals")
    page.table(
        ("axis", "state", "of", ">n days", ">mean", "interval", ">annualised", ">Sharpe", "interval "),
        [
            (
                item.axis,
                item.state,
                "book" if item.owner == "portfolio" else item.owner,
                item.n,
                None if item.mean is None else f"{1e4 * item.mean:+.2f}",
                _interval(item.mean_interval, 1e4),
                None if item.annual is None else f"{item.annual:+.1%}",
                None if item.sharpe is None else f"{item.sharpe:+.2f}",
                _interval(item.sharpe_interval, 1.0),
            )
            for item in found.regimes
        ],
    )
    if found.benchmarks:
        page.line()
        page.title("against benchmarks")
        keys = list(found.benchmarks[0].metrics)
        page.table(
            ("", ">book", *(f">{item.name}" for item in found.benchmarks)),
            [(key, found.metrics.get(key), *(item.metrics.get(key) for item in found.benchmarks)) for key in keys],
        )


def show_comparison(page: Page, view: ComparisonView) -> None:
    """Show runs side by side."""
    heads = tuple(f">{row.run_id}" for row in view.runs)
    page.line(view.note)
    told = [
        ("name", *(row.name for row in view.runs)),
        ("profile", *(row.profile for row in view.runs)),
        ("period", *(f"{iso_date(row.start_ns)}..{iso_date(row.end_ns)}" for row in view.runs)),
        ("fill", *("close: OPTIMISTIC" if row.fill == "close" else row.fill for row in view.runs)),
        ("bars", *("SAMPLE" if row.sample else "stored" for row in view.runs)),
        ("certificate", *("ok" if row.certificate.ok else "FAILED" for row in view.runs)),
    ]
    page.table(("", *heads), [*told, *((item.name, *item.values) for item in view.metrics)])
    if view.common:
        page.line()
        page.title(f"on the {view.common_days} days that all of them have")
        page.table(("", *heads), [(item.name, *item.values) for item in view.common])
    page.line()
    page.title("correlation of daily returns on shared days")
    page.table(("", *heads), [(row.run_id, *values) for row, values in zip(view.runs, view.correlation, strict=True)])
    page.line()
    page.title("what is configured differently")
    page.table(("", *heads), [(item.key, *map(_text, item.values)) for item in view.differences])


def charts(page: Page, found: Performance) -> None:
    """Draw NAV and drawdown where people see them: on a terminal, as wide as it is."""
    if not sys.stdout.isatty() or len(found.ts_ns) < 3:
        return
    width = min(_WIDEST, shutil.get_terminal_size().columns)
    nav = [[value or 0.0 for value in found.nav], *([v or 0.0 for v in item.nav] for item in found.benchmarks)]
    names = ["book", *(item.name for item in found.benchmarks)]
    page.line()
    page.line(_drawn(found.ts_ns, nav, names, width, _HIGH))
    page.line(_drawn(found.ts_ns, [[100.0 * (value or 0.0) for value in found.drawdown]], ["drawdown, %"], width, _LOW))


def _drawn(
    ts_ns: Sequence[int], curves: Sequence[Sequence[float]], names: Sequence[str], width: int, height: int
) -> str:
    import plotext

    figure: Any = plotext
    figure.clear_figure()
    figure.theme("clear")
    figure.plot_size(width, height)
    step = max(1, len(ts_ns) // (2 * width))
    places = sorted({*range(0, len(ts_ns), step), len(ts_ns) - 1})
    for curve, name, marker in zip(curves, names, _MARKERS, strict=False):
        figure.plot(places, [curve[place] for place in places], marker=marker, label=name)
    last = len(ts_ns) - 1
    figure.xticks([0, last // 2, last], [iso_date(ts_ns[place]) for place in (0, last // 2, last)])
    # Told apart by their marks, so that nothing is lost without colour.
    text = str(figure.uncolorize(figure.build()))
    figure.clear_figure()
    return text


def _hundredths(value: float | None) -> str | None:
    return None if value is None else f"{100.0 * value:+.1f}"


def _interval(ends: tuple[float, float] | None, scale: float) -> str | None:
    return None if ends is None else f"{scale * ends[0]:+.2f} to {scale * ends[1]:+.2f}"


def _text(value: Any) -> str:
    return "-" if value is None else str(value)
