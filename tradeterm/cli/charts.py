"""Charts on a terminal, in characters alone: plotext draws them for the width that there is."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["lines_chart"]

_HEIGHT = 12
_MARGIN = 12
_WIDEST = 100


def lines_chart(
    title: str,
    labels: Sequence[str],
    series: Sequence[tuple[str, Sequence[float | None]]],
    *,
    limits: tuple[float, float] | None = None,
) -> list[str]:
    """Draw lines over the same labels, and what each stands for; fewer than two points draw nothing.

    series : name and a value per label, None where there is none
    """
    import plotext as plt  # 60 ms: only people who look at charts pay for it

    if len(labels) < 2:
        return []
    plt.clear_figure()
    plt.theme("clear")
    width = min(_WIDEST, shutil.get_terminal_size((80, 24)).columns)
    plt.plotsize(width, _HEIGHT)
    plt.title(title)
    for (name, values), marker in zip(series, ("braille", "dot", "x"), strict=False):
        points = [(place, value) for place, value in enumerate(values) if value is not None]
        if points:
            plt.plot([place for place, _ in points], [value for _, value in points], marker=marker, label=name)
    if limits is not None:
        plt.ylim(*limits)
    last, room = len(labels) - 1, (width - _MARGIN) // (max(map(len, labels)) + 4)
    # Of labels that touch, plotext leaves out one or another.
    shown = list(range(last + 1)) if last < room else sorted({0, last // 2, last})
    plt.xticks(shown, [labels[place] for place in shown])
    drawn: list[str] = plt.uncolorize(plt.build()).splitlines()
    return [line.rstrip() for line in drawn]
