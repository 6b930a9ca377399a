"""Candles of a bar file, two heights to a character; series of single values are a line instead.

A body that rose is solid and one that fell is dashed, so that colour says nothing that the glyph doesn't.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.text import Text
from textual.widgets import Static

from tradeterm.tui.cells import BAD, DIM, GOOD, WARN, date, instant, prose

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events

    from tradeterm.views.candles import Candle, Candles, Shown

__all__ = ["CandleChart"]

_FEWEST = 8
# Most columns of a candle: further apart they are no chart.
_WIDEST = 4
_HEAD = 2
_MOST_TICKS = 5
_BLOCKS = " ▁▂▃▄▅▆▇█"
# Upper and lower half of a character: nothing, wick, body.
_ROSE = {
    (0, 0): " ",
    (1, 1): "│",
    (2, 2): "┃",
    (0, 1): "╷",
    (1, 0): "╵",
    (0, 2): "╻",
    (2, 0): "╹",
    (1, 2): "╽",
    (2, 1): "╿",
}
_FELL = _ROSE | {(2, 2): "┇"}
_GRID = "┈"
# Bits of a braille character by column and row, from the top.
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))


class CandleChart(Static):
    """The newest bars; fewer or more of them, or earlier ones, on request."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._series: Shown | None = None
        self._intraday = False
        self._word = "reading the bars"
        self._style = DIM
        self._count: int | None = None
        self._end: int | None = None

    @property
    def view(self) -> Candles | None:
        """What is drawn."""
        from tradeterm.views.candles import shown

        if self._series is None:
            return None
        columns = self._columns()
        return shown(self._series, count=self._count or columns, end=self._end, at_most=columns)

    def show(self, series: Shown, *, intraday: bool) -> None:
        """Draw these bars, the newest first; intraday ones carry their time."""
        self._series, self._intraday = series, intraday
        self._draw()

    def say(self, text: str, style: str = WARN) -> None:
        """Say why there is nothing to draw."""
        self._series, self._word, self._style = None, text, style
        self._draw()

    def zoom(self, by: int) -> None:
        """Show half as many bars (1), or twice as many (-1)."""
        found = self.view
        if found is None:
            return
        bars = found.end - found.first
        wanted = bars // 2 if by > 0 else bars * 2
        fewest = max(_FEWEST, self._columns() // _WIDEST)
        self._count = min(max(fewest, wanted), found.total)
        self._draw()

    def scroll_bars(self, by: int) -> None:
        """Show later bars (1) or earlier ones (-1), a quarter of what is shown further."""
        found = self.view
        if found is None:
            return
        bars = found.end - found.first
        end = max(bars, min(found.total, found.end + by * max(1, bars // 4)))
        self._count, self._end = bars, None if end >= found.total else end
        self._draw()

    def newest(self) -> None:
        """Show the newest bars, one to a candle."""
        self._count = self._end = None
        self._draw()

    def until(self, at_ns: int) -> None:
        """Show the bars up to the one that opens at or before an instant."""
        if self._series is not None:
            self._end = int(self._series.ts.searchsorted(at_ns, side="right"))
            self._draw()

    def on_resize(self, event: events.Resize) -> None:
        """Draw for the new size."""
        self._draw()

    def _columns(self) -> int:
        return max(_FEWEST, self.size.width - self._labels())

    def _labels(self) -> int:
        """Cells to the right of the candles, wide enough for any price of the series."""
        series = self._series
        if series is None or not len(series):
            return 0
        ends = (series.least, series.greatest)
        return max(len(f"{price:,.{_most_digits(abs(price))}f}") for price in ends) + 2

    def _draw(self) -> None:
        width, height = self.size
        if width < 2 * _FEWEST or height < 1:
            return
        found = self.view
        if found is None:
            word = self._word if self._series is None else "no bar has a price"
            lines = prose(word, width, self._style)[:height]
        else:
            # Candles of several bars go back so far that the day is enough.
            when = instant if self._intraday and found.per_candle == 1 else date
            lines = _Sheet(found, width, height, self._labels(), when).lines()
        self.update(Text("\n", no_wrap=True, overflow="ellipsis").join(lines))


class _Sheet:
    """One drawing: head, prices, volume, dates."""

    def __init__(self, found: Candles, width: int, height: int, labels: int, when: Callable[[int], str]) -> None:
        self._found = found
        self._width = width
        self._columns = width - labels
        self._pitch = max(1, self._columns // len(found.candles))
        self._when = when
        self._traded = any(candle.volume for candle in found.candles)
        free = height - _HEAD - 1
        self._volume_rows = 0 if not self._traded or free < 6 else 2 if free >= 14 else 1
        self._rows = max(1, free - self._volume_rows)
        self._low = min(candle.low for candle in found.candles)
        self._high = max(candle.high for candle in found.candles)
        prices = [price for each in found.candles for price in (each.open, each.high, each.low, each.close)]
        self._digits = _digits(prices)

    def lines(self) -> list[Text]:
        return [*self._head(), *self._prices(), *self._volume(), self._dates()]

    def _head(self) -> list[Text]:
        found = self._found
        last = found.candles[-1]
        span = f"{self._when(found.first_ns)} to {self._when(found.last_ns)}"
        drawn = "column" if found.flat else "candle"
        several = f", {found.per_candle:,} a {drawn}" if found.per_candle > 1 else ""
        cells = {"O": last.open, "H": last.high, "L": last.low, "C": last.close}
        if found.flat:
            cells = {"last": last.close}
        values = [f"{name} {self._price(value)}" for name, value in cells.items()]
        if last.volume is not None and not found.flat:
            values.append(f"V {last.volume:,.0f}" if last.volume >= 100 else f"V {last.volume:,.4g}")
        return [
            Text(f"{found.end - found.first:,} of {found.total:,} bars{several}  {span}"),
            Text("  ".join(values), _tone(last)),
        ]

    def _prices(self) -> list[Text]:
        grid = self._line() if self._found.flat else self._bodies()
        labels = {self._row(price): (self._price(price), DIM) for price in self._ticks()}
        last = self._found.candles[-1].close
        labels[self._row(last)] = (self._price(last), "bold")
        lines = []
        for row in range(self._rows):
            word, tone = labels.get(row, ("", ""))
            empty = _GRID if tone == DIM else " "
            text = Text()
            for glyph, style in grid[row]:
                text.append(empty if glyph == " " else glyph, DIM if glyph == " " else style)
            text.append(empty * (self._columns - text.cell_len), DIM)
            text.append(f" {word}", tone)
            lines.append(text)
        return lines

    def _bodies(self) -> list[list[tuple[str, str]]]:
        grid = [[(" ", "")] * (len(self._found.candles) * self._pitch) for _ in range(self._rows)]
        for place, candle in enumerate(self._found.candles):
            halves = [0] * (2 * self._rows)
            for half in range(self._half(candle.low), self._half(candle.high) + 1):
                halves[half] = 1
            ends = sorted((self._half(candle.open), self._half(candle.close)))
            for half in range(ends[0], ends[1] + 1):
                halves[half] = 2
            glyphs = _FELL if candle.close < candle.open else _ROSE
            for row in range(self._rows):
                upper = 2 * (self._rows - row) - 1
                grid[row][place * self._pitch] = (glyphs[halves[upper], halves[upper - 1]], _tone(candle))
        return grid

    def _line(self) -> list[list[tuple[str, str]]]:
        """Values as a line of dots, two by four to a character."""
        columns = len(self._found.candles) * self._pitch
        dots = [[0] * columns for _ in range(self._rows)]
        before: tuple[int, int] | None = None
        for place, candle in enumerate(self._found.candles):
            x = 2 * place * self._pitch
            for level in (candle.open, candle.low, candle.high, candle.close):
                now = (x, self._level(level, 4 * self._rows))
                for x_dot, y_dot in _between(before or now, now):
                    row = self._rows - 1 - y_dot // 4
                    dots[row][x_dot // 2] |= _DOTS[x_dot % 2][3 - y_dot % 4]
                before = now
        return [[(chr(0x2800 + bits) if bits else " ", "blue") for bits in line] for line in dots]

    def _volume(self) -> list[Text]:
        if not self._volume_rows:
            return []
        most = max(candle.volume or 0.0 for candle in self._found.candles)
        lines = []
        for row in reversed(range(self._volume_rows)):
            text = Text()
            for candle in self._found.candles:
                filled = round((candle.volume or 0.0) / most * 8 * self._volume_rows) - 8 * row
                text.append(_BLOCKS[max(0, min(8, filled))] + " " * (self._pitch - 1), f"{DIM} {_tone(candle)}")
            text.pad_right(self._columns - text.cell_len)
            text.append(f" {_short(most)}" if row == self._volume_rows - 1 else "", DIM)
            lines.append(text)
        return lines

    def _dates(self) -> Text:
        first, last = self._when(self._found.first_ns), self._when(self._found.last_ns)
        used = len(self._found.candles) * self._pitch
        text = Text(first, DIM)
        middle = self._found.candles[len(self._found.candles) // 2].ts_ns
        if used >= 4 * len(first):
            text.pad_right(used // 2 - len(first) // 2 - text.cell_len)
            text.append(self._when(middle), DIM)
        if used >= 2 * len(first) + 2:
            text.pad_right(used - len(last) - text.cell_len)
            text.append(last, DIM)
        return text

    def _ticks(self) -> list[float]:
        span = self._high - self._low
        if span <= 0:
            return []
        wanted = span / min(_MOST_TICKS, max(1, self._rows // 2))
        size = 10.0 ** math.floor(math.log10(wanted))
        step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= wanted)
        first = math.ceil(self._low / step)
        return [count * step for count in range(first, math.floor(self._high / step) + 1)]

    def _price(self, price: float) -> str:
        return f"{price:,.{self._digits}f}"

    def _level(self, price: float, levels: int) -> int:
        """Place of a price among so many levels, from below."""
        span = self._high - self._low
        return levels // 2 if span <= 0 else min(levels - 1, max(0, round((price - self._low) / span * (levels - 1))))

    def _half(self, price: float) -> int:
        return self._level(price, 2 * self._rows)

    def _row(self, price: float) -> int:
        return self._rows - 1 - self._half(price) // 2


def _between(one: tuple[int, int], other: tuple[int, int]) -> list[tuple[int, int]]:
    """Dots from one to the other, both included."""
    steps = max(abs(other[0] - one[0]), abs(other[1] - one[1]), 1)
    return [
        (one[0] + round(step * (other[0] - one[0]) / steps), one[1] + round(step * (other[1] - one[1]) / steps))
        for step in range(steps + 1)
    ]


def _tone(candle: Candle) -> str:
    return BAD if candle.close < candle.open else GOOD


def _digits(prices: Sequence[float]) -> int:
    """Decimals that these prices have, as far as they tell them apart: two of 12.34, four of 0.1234."""
    most = _most_digits(max(map(abs, prices)))
    needed = (digits for digits in range(2, most) if all(_is(price, digits) for price in prices))
    return next(needed, most)


def _most_digits(price: float) -> int:
    return 2 if price >= 10 or price == 0 else min(8, 3 - math.floor(math.log10(price)))


def _is(price: float, digits: int) -> bool:
    return math.isclose(price, round(price, digits), rel_tol=1e-9, abs_tol=1e-12)


def _short(value: float) -> str:
    """Return a volume in few characters: ``1.2M``."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.1f}{letter}"
    return f"{value:.3g}"
