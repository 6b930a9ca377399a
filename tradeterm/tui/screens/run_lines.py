"""What the screens of one run, and of runs side by side, say: lines, rows and points."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.text import Text

from tradeterm.tui.cells import (
    BAD,
    DASH,
    DIM,
    HEAD,
    WARN,
    Column,
    Row,
    date,
    fit,
    initials,
    instant,
    money,
    pairs,
    percent,
    plain_number,
    prose,
    quantity,
    signed,
    table,
    tone,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tradeterm.research.performance import ByState, Performance, StrategyCurve, Trip, Values
    from tradeterm.views.comparison import ComparisonView
    from tradeterm.views.runs import RunRow, RunView, Trade

    Drawn = tuple[str, Callable[[float], str], Sequence[int], Sequence[float]]

__all__ = [
    "FILLS",
    "TRIPS",
    "certificate_words",
    "chart_values",
    "comparison_lines",
    "fill_rows",
    "fill_words",
    "part_line",
    "part_lines",
    "trade_decision",
    "trade_lines",
    "trip_rows",
    "withheld_lines",
]

BOOK = "portfolio"
_BLOCKS = "▁▂▃▄▅▆▇█"
_BINS = 9

TRIPS = (
    Column(name="exit", width=10),
    Column(name="of", width=9, grow=True),
    Column(name="symbol", width=9),
    Column(name="side", width=5),
    Column(name="net", width=11, right=True),
    Column(name="return", width=7, right=True),
    Column(name="bars", width=5, right=True),
    Column(name="quantity", width=10, right=True, rank=1),
    Column(name="entry", width=11, right=True, rank=3),
    Column(name="exit at", width=11, right=True, rank=3),
    Column(name="cost", width=9, right=True, rank=2),
)
FILLS = (
    Column(name="filled", width=17),
    Column(name="symbol", width=9, grow=True),
    Column(name="side", width=4),
    Column(name="quantity", width=10, right=True),
    Column(name="price", width=11, right=True),
    Column(name="notional", width=12, right=True, rank=1),
    Column(name="costs", width=8, right=True, rank=2),
    Column(name="decided", width=17, rank=3),
)
_STATES = (
    Column(name="axis", width=10),
    Column(name="state", width=9),
    Column(name="n", width=5, right=True),
    Column(name="mean bp", width=7, right=True),
    Column(name="95 %", width=13, right=True),
    Column(name="Sharpe", width=6, right=True),
    Column(name="95 % ", width=12, right=True, rank=1),
    Column(name="a year", width=7, right=True, rank=2),
    Column(name="share", width=6, right=True, rank=3),
)
_FRACTIONS = frozenset(
    (
        *("total_return", "cagr", "volatility", "max_drawdown", "var_95", "cvar_95", "win_rate", "exposure"),
        *("time_in_market", "turnover", "best_day", "worst_day", "psr", "alpha", "tracking_error"),
    )
)


def part_line(parts: Sequence[str], here: str, width: int) -> list[Text]:
    """Return the names of the parts, the present one in brackets; its neighbours alone where there is no room."""
    text = Text("  ").join(Text(f"[{name}]", "bold") if name == here else Text(name, DIM) for name in parts)
    if text.cell_len <= width:
        return [text]
    place = parts.index(here)
    before, after = parts[place - 1], parts[(place + 1) % len(parts)]
    return [Text.assemble((f"< {before}  ", DIM), (f"[{here}]", "bold"), (f"  {after} >", DIM))]


def fill_words(row: RunRow) -> str:
    """Return how a run fills; at the close is optimistic."""
    return "close, optimistic" if row.fill == "close" else "next open"


def certificate_words(row: RunRow) -> str:
    """Return what the certificate and the audit found."""
    found = row.certificate
    words = "no look-ahead found" if found.ok else "FAILED, no metrics are shown"
    return f"{words}; {found.checked:,} of {found.decisions:,} decisions ({found.coverage})"


def withheld_lines(row: RunRow | None, run: RunView | str | None, width: int, *, reading: bool) -> list[Text]:
    """What is said of a run without a number: while it is read, and where its certificate failed."""
    lines = _told(row, width)
    if reading:
        return [*lines, Text("reading the run", DIM)]
    if run is not None and not isinstance(run, str) and run.failures:
        lines += [Text("what failed", BAD), *(part for text in run.failures[:20] for part in prose(text, width))]
    return lines


def _told(row: RunRow | None, width: int) -> list[Text]:
    if row is None:
        return []
    told = {
        "name": f"{row.name} ({row.kind}, profile {row.profile})",
        "period": f"{date(row.start_ns)} to {date(row.end_ns)}, {row.timeframe}, fill {fill_words(row)}",
        "strategies": ", ".join(row.strategies),
        "certificate": certificate_words(row),
        "ladder": row.ladder or DASH,
    }
    return [*pairs(told, width), Text()]


def _form_money(value: float) -> str:
    return f"{value:,.0f}"


def _form_percent(value: float) -> str:
    return f"{value:.0%}"


def _form_ratio(value: float) -> str:
    return f"{value:.2f}"


def chart_values(part: str, found: Performance | None) -> tuple[Drawn, Drawn]:
    """Name, labels and points of the two charts of a part; nothing where it has none."""
    nothing: Drawn = ("", _form_money, (), ())
    if found is None:
        return nothing, nothing
    times, rest = found.ts_ns, found.ts_ns[1:]
    if part == "curves":
        return (
            _drawn("NAV", _form_money, times, found.nav),
            _drawn("drawdown", _form_percent, times, found.drawdown),
        )
    if part == "rolling":
        upper = _drawn(f"Sharpe over the last {found.rolling_days} NAV days", _form_ratio, times, found.rolling_sharpe)
        if not found.benchmarks:
            return upper, nothing
        # SPY or its like where there is one, else what the book could have held.
        held = found.benchmarks[-1]
        ratio = [
            own / start / (other / first) if own is not None and other else None
            for start, first in [(found.nav[0] or math.nan, held.nav[0] or math.nan)]
            for own, other in zip(found.nav, held.nav, strict=True)
        ]
        return upper, _drawn(f"NAV against {held.name}, start = 1", _form_ratio, times, ratio)
    months, totals = _monthly(found)
    return (
        _drawn("gross exposure by day", _form_percent, rest, found.gross[1:]),
        _drawn("turnover by month, one-way, of NAV", _form_percent, months, totals),
    )


def _drawn(name: str, form: Callable[[float], str], times: Sequence[int], values: Sequence[float | None]) -> Drawn:
    known = [(time, value) for time, value in zip(times, values, strict=True) if value is not None]
    few = "" if len(known) > 1 else ": too few days"
    return f"{name}{few}", form, [time for time, _ in known], [value for _, value in known]


def _monthly(found: Performance) -> tuple[list[int], list[float]]:
    """Sum of the daily turnover by month, at the month's last point."""
    ends: dict[str, int] = {}
    totals: dict[str, float] = {}
    for ts, value in zip(found.ts_ns[1:], found.turnover[1:], strict=True):
        month = date(ts - 1)[:7]
        ends[month] = ts
        totals[month] = totals.get(month, 0.0) + (value or 0.0)
    return list(ends.values()), list(totals.values())


def part_lines(part: str, row: RunRow | None, found: Performance, run: RunView | str | None, width: int) -> list[Text]:
    """Lines of a part."""
    if part == "metrics":
        return _metrics(row, found, run, width)
    if part == "months":
        return _months(found, width)
    if part == "regimes":
        return _regimes(found, width)
    if part == "models":
        return _models(found, width)
    return _headline(part, found)


def _headline(part: str, found: Performance) -> list[Text]:
    values = found.metrics
    if part == "exposure":
        told = {"exposure": "mean exposure", "time_in_market": "days in the market", "turnover": "turnover a year"}
        return [Text("   ".join(f"{label} {metric_text(key, values.get(key))}" for key, label in told.items()))]
    if part == "rolling":
        related = {"beta": "beta", "alpha": "alpha", "correlation": "correlation", "information_ratio": "IR"}
        return [
            Text("  ".join(f"{label} {metric_text(key, item.metrics.get(key))}" for key, label in related.items()))
            + Text(f"  against {item.name}")
            for item in found.benchmarks
        ]
    keys = ("cagr", "sharpe", "max_drawdown")
    lines: list[tuple[str, dict[str, Any]]] = [("book", values)]
    lines += [(item.name, dict(item.metrics)) for item in found.benchmarks]
    return [
        Text("  ".join(f"{key} {metric_text(key, each.get(key)):>8}" for key in keys) + f"  {name}")
        for name, each in lines
    ]


def metric_text(name: str, value: Any) -> str:
    """Return a metric: percent where it is a fraction, a dash where there is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return DASH
    return percent(value, 2) if name in _FRACTIONS else f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def _metrics(row: RunRow | None, found: Performance, run: RunView | str | None, width: int) -> list[Text]:
    parts = {"book": found.metrics, **{initials(name): values for name, values in found.strategy_metrics.items()}}
    columns = (
        Column(name="", width=18, grow=True),
        *(Column(name=name, width=10, right=True, rank=place) for place, name in enumerate(parts)),
    )
    rows = [
        Row(key=name, cells=(name, *(metric_text(name, values.get(name)) for values in parts.values())))
        for name in found.metrics
    ]
    lines = [*_told(row, width), *table(columns, rows, width)]
    if found.stress:
        names = [name for name in found.stress[0] if name != "scenario"]
        heads = (
            Column(name="under stress", width=24, grow=True),
            *(Column(name=name[:12], width=12, right=True, rank=place) for place, name in enumerate(names)),
        )
        stressed = [
            Row(key=str(number), cells=(str(item["scenario"]), *(metric_text(name, item.get(name)) for name in names)))
            for number, item in enumerate(found.stress)
        ]
        lines += [Text(), *table(heads, stressed, width)]
    lines += [Text(), Text("conventions", DIM)]
    return lines + pairs(found.conventions, width)


def _months(found: Performance, width: int) -> list[Text]:
    """A row per year; whole percents where there is no room for tenths."""
    digits, size = (1, 7) if width >= 100 else (0, 5)
    months = {(item.year, item.month): item.value for item in found.months}
    heads = "".join(f"{month:02d}".rjust(size) for month in range(1, 13))
    lines = [Text(f"{'%':<4}{heads}{'year':>8}", HEAD)]
    for item in found.years:
        text = Text(str(item.year))
        for month in range(1, 13):
            text.append_text(_cell(months.get((item.year, month)), digits, size))
        lines.append(text.append_text(_cell(item.value, 1, 8)))
    return lines


def _cell(value: float | None, digits: int, size: int) -> Text:
    shown = DASH if value is None else f"{100.0 * value:+.{digits}f}"
    return Text(shown.rjust(size), tone(value))


def _regimes(found: Performance, width: int) -> list[Text]:
    lines: list[Text] = []
    for owner in dict.fromkeys(item.owner for item in found.regimes):
        own = [item for item in found.regimes if item.owner == owner]
        lines += [Text("book" if owner == BOOK else owner, "bold")]
        lines += [*table(_STATES, [_state_row(item) for item in own], width), Text()]
    told = found.conventions.get("interval", "")
    return lines + prose(f"days by the state known when they began; interval: {told}", width, DIM)


def _state_row(item: ByState) -> Row:
    return Row(
        key=f"{item.axis} {item.state}",
        style=DIM if item.mean is None else "",
        cells=(
            item.axis,
            item.state,
            f"{item.n:,}",
            DASH if item.mean is None else f"{1e4 * item.mean:+.2f}",
            _interval(item.mean_interval, 1e4),
            signed(item.sharpe),
            _interval(item.sharpe_interval, 1.0),
            percent(item.annual, sign=True),
            percent(item.share, 0),
        ),
    )


def _interval(ends: tuple[float, float] | None, scale: float) -> str:
    return DASH if ends is None else f"{scale * ends[0]:+.2f} {scale * ends[1]:+.2f}"


def _models(found: Performance, width: int) -> list[Text]:
    columns = (
        Column(name="model", width=6),
        Column(name="PnL", width=11, right=True),
        Column(name="Sharpe", width=6, right=True),
        Column(name="max DD", width=7, right=True),
        Column(name="exposure", width=8, right=True, rank=1),
        Column(name="turnover", width=8, right=True, rank=2),
        Column(name="PnL over time", width=20, grow=True),
    )
    spark = fit(columns, width)[-1][2]
    rows = [_model_row(item, found.strategy_metrics.get(item.name) or {}, spark) for item in found.strategies]
    rows.append(
        Row(
            key="interest",
            cells=("cash", money(found.interest[-1]), DASH, DASH, DASH, DASH, sparkline(found.interest, spark)),
        )
    )
    lines = table(columns, rows, width)
    lines += [
        Text(),
        Text("attribution: PnL by year, % of the NAV at the year's start", "bold"),
        *_by_year(found, width),
    ]
    lines += [Text(), Text("exposure over time", "bold")]
    for item in found.strategies:
        lines.append(Text.assemble(f"{initials(item.name):<8}", sparkline(item.gross, max(12, min(80, width - 10)))))
    names = {initials(item.name): item.name for item in found.strategies}
    return [*lines, Text(), *pairs(names, width)]


def _model_row(item: StrategyCurve, metrics: dict[str, Any], spark: int) -> Row:
    made = item.pnl[-1]
    return Row(
        key=item.name,
        cells=(
            initials(item.name),
            Text(money(made), tone(made)),
            signed(metrics.get("sharpe")),
            percent(metrics.get("max_drawdown")),
            percent(metrics.get("exposure")),
            percent(metrics.get("turnover"), 0),
            sparkline(item.pnl, spark),
        ),
    )


def _by_year(found: Performance, width: int) -> list[Text]:
    """Where each year's return came from: models, and interest on cash; they add up to it."""
    ends: dict[str, int] = {}
    for place, ts in enumerate(found.ts_ns[1:], start=1):
        ends[date(ts - 1)[:4]] = place
    curves = {**{initials(item.name): item.pnl for item in found.strategies}, "cash": found.interest}
    columns = (
        Column(name="", width=6),
        *(Column(name=name, width=8, right=True) for name in curves),
        Column(name="book", width=8, right=True),
    )
    rows, before = [], 0
    for year, end in ends.items():
        start = found.nav[before]
        cells = [_part(curve, before, end, start) for curve in (*curves.values(), found.nav)]
        rows.append(Row(key=year, cells=(year, *(Text(percent(cell, 2, sign=True), tone(cell)) for cell in cells))))
        before = end
    return table(columns, rows, width)


def _part(curve: Values, before: int, end: int, start: float | None) -> float | None:
    first, last = curve[before], curve[end]
    return (last - first) / start if first is not None and last is not None and start else None


def sparkline(values: Sequence[float | None], width: int) -> str:
    """Return values as blocks of eight heights, the last of each part of the time; blank where unknown."""
    count = len(values)
    picked = [values[min(count - 1, (place + 1) * count // width - 1 if count >= width else place)]
              for place in range(min(width, count))]  # fmt: skip
    known = [value for value in picked if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    size = (high - low) or 1.0
    return "".join(" " if value is None else _BLOCKS[min(7, int((value - low) / size * 8))] for value in picked)


def trip_rows(found: Performance) -> list[Row]:
    """Round trips, the newest first; the key is the place in the run's own list."""
    places = range(len(found.trips) - 1, -1, -1)
    ordered = sorted(places, key=lambda place: found.trips[place].exit_ns, reverse=True)
    return [_trip_row(place, found.trips[place]) for place in ordered]


def _trip_row(place: int, item: Trip) -> Row:
    return Row(
        key=str(place),
        cells=(
            date(item.exit_ns),
            "book" if item.owner == BOOK else initials(item.owner),
            item.symbol,
            item.side,
            Text(money(item.net), tone(item.net)),
            percent(item.share, sign=True),
            f"{item.bars:,}",
            quantity(item.quantity),
            money(item.entry_price),
            money(item.exit_price),
            money(item.cost),
        ),
    )


def fill_rows(run: RunView | str | None) -> list[Row]:
    """Fills, the newest first; the key is their place."""
    if run is None or isinstance(run, str):
        return []
    return [_fill_row(place, item) for place, item in enumerate(run.trades)]


def _fill_row(place: int, item: Trade) -> Row:
    return Row(
        key=str(place),
        cells=(
            instant(item.at_ns),
            item.symbol,
            item.side,
            quantity(item.quantity),
            money(item.price),
            money(item.notional),
            money(item.fee + item.slippage),
            instant(item.ts_ns),
        ),
    )


def trade_lines(
    part: str, place: int, found: Performance, run: RunView | str | None
) -> tuple[str, Callable[[int], list[Text]]] | None:
    """Title and lines of a round trip with its fills, or of a fill with the trips that it belongs to."""
    fills = () if run is None or isinstance(run, str) else run.trades
    if part == "trips":
        trip = found.trips[place]
        own = [item for item in fills if item.symbol == trip.symbol and trip.entry_ns <= item.at_ns <= trip.exit_ns]
        title = f"round trip {trip.symbol} {trip.side}"
        return title, lambda width: [*_trip_facts(trip, width), *_fills_of(own, trip, fills, width)]
    if place >= len(fills):
        return None
    item = fills[place]
    trips = [trip for trip in found.trips if trip.symbol == item.symbol and trip.entry_ns <= item.at_ns <= trip.exit_ns]
    return f"fill {item.symbol} {item.side}", lambda width: [*_fill_facts(item, width), *_trips_of(trips, width)]


def trade_decision(
    part: str, place: int, found: Performance | None, run: RunView | str | None
) -> tuple[str | None, int | None]:
    """Symbol of a trade, and an instant at which the decision that opened it was the newest; None where unknown."""
    if part == "trips" and found is not None:
        trip = found.trips[place]
        return trip.symbol, trip.entry_ns
    fills = () if run is None or isinstance(run, str) else run.trades
    return (fills[place].symbol, fills[place].ts_ns) if place < len(fills) else (None, None)


def _trip_facts(item: Trip, width: int) -> list[Text]:
    told = {
        "of": "the book" if item.owner == BOOK else item.owner,
        "entry": f"{instant(item.entry_ns)} at {money(item.entry_price)} on average",
        "exit": f"{instant(item.exit_ns)} at {money(item.exit_price)} on average",
        "largest size": quantity(item.quantity),
        "gross": money(item.gross),
        "cost": money(item.cost),
        "net": f"{money(item.net)} ({percent(item.share, 2, sign=True)})",
        "own bars": f"{item.bars:,}",
    }
    return [*pairs(told, width), Text()]


def _fills_of(own: Sequence[Trade], trip: Trip, known: Sequence[Trade], width: int) -> list[Text]:
    if known and trip.entry_ns < known[-1].at_ns:
        own_words = "fills of the book in it, of the newest ones that are read"
    else:
        own_words = "fills of the book in it"
    rows = [_fill_row(place, item) for place, item in enumerate(own)]
    return [Text(own_words, DIM), *(table(FILLS, rows, width) if rows else [Text("none", DIM)])]


def _fill_facts(item: Trade, width: int) -> list[Text]:
    told = {
        "decided": instant(item.ts_ns),
        "filled": instant(item.at_ns),
        "quantity": f"{item.side} {quantity(item.quantity)} at {money(item.price)}",
        "notional": money(item.notional),
        "fee": money(item.fee),
        "slippage": money(item.slippage),
    }
    return [*pairs(told, width), Text()]


def _trips_of(trips: Sequence[Trip], width: int) -> list[Text]:
    if not trips:
        return [Text("part of no round trip that has closed", DIM)]
    rows = [_trip_row(place, item) for place, item in enumerate(trips)]
    return [Text("round trips that it is part of", DIM), *table(TRIPS, rows, width)]


def comparison_lines(view: ComparisonView, width: int) -> list[Text]:
    """Lines of runs side by side."""
    columns = (
        Column(name="", width=18),
        *(Column(name=row.run_id[:6], width=13, right=True) for row in view.runs),
    )
    told: list[tuple[str, Callable[[RunRow], str]]] = [
        ("name", lambda row: row.name),
        ("profile", lambda row: row.profile),
        ("from", lambda row: date(row.start_ns)),
        ("to", lambda row: date(row.end_ns)),
        ("fill", fill_words),
        ("bars", lambda row: "SAMPLE" if row.sample else "stored"),
        ("certificate", lambda row: "ok" if row.certificate.ok else "FAILED"),
    ]
    rows = [Row(key=name, cells=(name, *(tell(row) for row in view.runs))) for name, tell in told]
    rows += [_measured(item.name, item.values) for item in view.metrics]
    lines = [*prose(view.note, width, WARN if "same window" not in view.note else ""), Text()]
    lines += table(columns, rows, width)
    if view.common:
        lines += [Text(), Text(f"on the {view.common_days:,} days that all of them have", "bold")]
        lines += table(columns, [_measured(item.name, item.values) for item in view.common], width)
    lines += [Text(), Text("correlation of daily returns on shared days", "bold")]
    paired = zip(view.runs, view.correlation, strict=True)
    lines += table(
        columns, [Row(key=row.run_id, cells=(row.run_id[:6], *map(plain_number, part))) for row, part in paired], width
    )
    lines += [Text(), Text("what is configured differently", "bold")]
    if not view.differences:
        return [*lines, Text("nothing", DIM)]
    for item in view.differences:
        values = {
            row.run_id[:6]: DASH if value is None else str(value)
            for row, value in zip(view.runs, item.values, strict=True)
        }
        lines += [Text(item.key), *pairs(values, width)]
    return lines


def _measured(name: str, values: Sequence[float | None]) -> Row:
    return Row(key=name, cells=(name, *(metric_text(name, value) for value in values)))
