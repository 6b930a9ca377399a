"""What ``signals outcomes`` shows a person: scores by group, the curves, and the newest outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradeterm.cli.charts import lines_chart
from tradeterm.core.time import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.cli.output import Page
    from tradeterm.core.scores import Group
    from tradeterm.views.signals import OutcomesView

__all__ = ["show_outcomes"]

_SHOWN_SYMBOLS = 20
_SCORED = (">matured", ">waiting", ">hit rate", ">from", ">to", ">mean net", ">Brier", ">its base", ">IC")


def show_outcomes(page: Page, view: OutcomesView) -> None:
    """Show scores, then charts, then outcomes."""
    groups = [group for group in (view.whole, *view.models) if group is not None]
    page.table(("signals", *_SCORED), [_scored(group) for group in groups])
    if view.whole is None or not view.whole.score.n:
        page.line("no signal has matured yet", style="dim")
        return
    page.line()
    page.table(("regime", *_SCORED), [_scored(group) for group in view.regimes])
    if view.symbol is None:
        page.line()
        most = sorted(view.symbols, key=lambda group: -group.signals)[:_SHOWN_SYMBOLS]
        page.table(("symbol", *_SCORED), [_scored(group) for group in most])
        if len(view.symbols) > len(most):
            page.line(f"and {len(view.symbols) - len(most)} more symbols: --symbol, --json", style="dim")
    _curves(page, view.whole)
    rows = [
        (
            iso(row.ts_ns),
            row.symbol,
            row.side,
            row.prob,
            row.gross,
            row.net,
            row.hit,
            row.restated_net,
            row.strategy + (" (replayed)" if row.replayed else ""),
        )
        for row in view.outcomes
    ]
    page.line()
    page.table(("ts", "symbol", "side", ">prob", ">gross", ">net", "hit", ">net restated", "strategy"), rows)
    if view.restated:
        page.line(f"{view.restated} outcomes would be others on the bars as they are now", style="dim")
    if view.uncounted:
        page.line(f"{view.uncounted} newer facts are not in the scores yet; the next daily counts them", style="dim")


def _scored(group: Group) -> tuple[object, ...]:
    score = group.score
    numbers = (score.hit_rate, score.low, score.high, score.mean_net, score.brier, score.brier_base, score.ic)
    return (group.name, score.n, group.waiting, *numbers)


def _curves(page: Page, group: Group) -> None:
    bins = [(f"{item.predicted:.2f}", item.hit_rate, item.predicted) for item in group.bins]
    _draw(
        page,
        lines_chart(
            "reliability: share of hits by the probability that was said",
            [label for label, _, _ in bins],
            [("came", [came for _, came, _ in bins]), ("said", [said for _, _, said in bins])],
            limits=(0.0, 1.0),
        ),
    )
    _draw(
        page,
        lines_chart(
            "hit rate by month of the decision",
            [item.month for item in group.months],
            [("hit rate", [item.hits / item.n for item in group.months])],
            limits=(0.0, 1.0),
        ),
    )
    _draw(
        page,
        lines_chart(
            "information coefficient by own bars after the entry",
            [str(item.lag) for item in group.decay],
            [("IC", [item.ic for item in group.decay])],
        ),
    )


def _draw(page: Page, lines: Sequence[str]) -> None:
    if lines:
        page.line()
    for line in lines:
        page.line(line)
