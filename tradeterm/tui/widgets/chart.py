"""A line over time, drawn with plotext from at most two points per column, on change or resize only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual_plotext import PlotextPlot

from tradeterm.tui.cells import date

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events

__all__ = ["Chart", "envelope"]

_LABEL = 9


def envelope(values: Sequence[float], columns: int) -> list[tuple[int, float]]:
    """Return the least and the greatest value of each of ``columns`` equal parts, in their order, with their indices.

    What would be drawn over the same column is left out; extremes never are.
    """
    count = len(values)
    if count <= 2 * columns:
        return list(enumerate(values))
    chosen: list[tuple[int, float]] = []
    for part in range(columns):
        low, high = part * count // columns, (part + 1) * count // columns
        least = min(range(low, high), key=values.__getitem__)
        greatest = max(range(low, high), key=values.__getitem__)
        chosen.extend((index, values[index]) for index in sorted({least, greatest}))
    return chosen


class Chart(PlotextPlot):
    """One series by day."""

    def __init__(
        self, form: Callable[[float], str], *, id: str | None = None, classes: str | None = None, color: str = "blue"
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._form = form
        self._color = color
        self._times: tuple[int, ...] = ()
        self._values: tuple[float, ...] = ()
        self._drawn: tuple[object, ...] = ()
        # Frame and labels take the colours of the widget; the line's is one of the terminal's, as in cells.
        self.theme = "clear"

    def say(self, form: Callable[[float], str]) -> None:
        """Label the levels so from the next drawing on."""
        if form is not self._form:
            self._form, self._drawn = form, ()

    def show(self, times: Sequence[int], values: Sequence[float]) -> None:
        """Draw these points; nothing is drawn for fewer than two."""
        self._times, self._values = tuple(times), tuple(values)
        self.set_class(len(self._values) < 2, "-empty")
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        """Draw for the new size."""
        self._draw()

    def _draw(self) -> None:
        width, height = self.size
        wanted = (self._times, self._values, width, height)
        if len(self._values) < 2 or width < 2 * _LABEL or height < 3 or wanted == self._drawn:
            return
        self._drawn = wanted
        points = envelope(self._values, width - _LABEL)
        low, high = min(self._values), max(self._values)
        if low == high:
            low, high = low - 1.0, high + 1.0
        plot = self.plt
        plot.clear_data()
        plot.clear_figure()
        plot.plot(
            [index for index, _ in points],
            [value for _, value in points],
            marker="braille",
            color=self._color,
        )
        plot.ylim(low, high)
        plot.xaxes(False, False)
        plot.yaxes(False, False)
        levels = [low, (low + high) / 2, high] if height >= 7 else [low, high]
        plot.yticks(levels, [self._form(level).rjust(_LABEL - 1) for level in levels])
        last = len(self._values) - 1
        plot.xticks([0, last], [date(self._times[0]), date(self._times[-1])])
        self.refresh()
