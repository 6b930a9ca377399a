"""Lines over named places, such as bins, months or bars: drawn with plotext on change or resize only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual_plotext import PlotextPlot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events

__all__ = ["Curves"]

_MARKERS = ("braille", "dot")
_COLORS = ("blue", "red")
_LABEL = 12


class Curves(PlotextPlot):
    """One or two series over the same labels; what has fewer than two places takes no room."""

    def __init__(self, title: str, *, id: str, limits: tuple[float, float] | None = None) -> None:
        super().__init__(id=id, classes="curves -empty")
        self._title = title
        self._limits = limits
        self._labels: tuple[str, ...] = ()
        self._series: tuple[tuple[str, tuple[float | None, ...]], ...] = ()
        self._drawn: tuple[object, ...] = ()
        self.theme = "clear"

    def show(self, labels: Sequence[str], series: Sequence[tuple[str, Sequence[float | None]]]) -> None:
        """Draw a value per label of each named series, None where there is none."""
        self._labels = tuple(labels)
        self._series = tuple((name, tuple(values)) for name, values in series)
        self.set_class(len(self._labels) < 2, "-empty")
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        """Draw for the new size."""
        self._draw()

    def _draw(self) -> None:
        width, height = self.size
        wanted = (self._labels, self._series, width, height)
        if len(self._labels) < 2 or width < 2 * _LABEL or height < 5 or wanted == self._drawn:
            return
        self._drawn = wanted
        plot = self.plt
        plot.clear_data()
        plot.clear_figure()
        plot.title(self._title)
        for (name, values), marker, color in zip(self._series, _MARKERS, _COLORS, strict=False):
            points = [(place, value) for place, value in enumerate(values) if value is not None]
            if points:
                xs, ys = [place for place, _ in points], [value for _, value in points]
                plot.plot(xs, ys, marker=marker, color=color, label=name if len(self._series) > 1 else None)
        if self._limits is not None:
            plot.ylim(*self._limits)
        plot.xaxes(False, False)
        plot.yaxes(False, False)
        last = len(self._labels) - 1
        # With room to spare: of labels that touch, plotext leaves out one or another.
        room = (width - _LABEL) // (max(map(len, self._labels)) + 4)
        shown = range(last + 1) if last < room else sorted({0, last // 2, last})
        plot.xticks(list(shown), [self._labels[place] for place in shown])
        self.refresh()
