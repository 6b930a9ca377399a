"""The screens of a run: complete at every size, from run to trade, and one clear sentence where it can't be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fixed_views import COMPARISON, PERFORMANCE, RUN, RUNS, run_row
from textual.pilot import Pilot

from tradeterm.tui.app import TradetermApp
from tradeterm.tui.messages import PerformanceRead
from tradeterm.tui.screens.compare import CompareScreen
from tradeterm.tui.screens.detail import DetailScreen
from tradeterm.tui.screens.run import PARTS, RunScreen
from tradeterm.tui.screens.run_lines import (
    chart_values,
    comparison_lines,
    part_line,
    part_lines,
    sparkline,
    trade_lines,
    trip_rows,
)
from tradeterm.tui.widgets.chart import Chart
from tradeterm.tui.widgets.grid import Grid
from tradeterm.tui.widgets.lines import Lines
from tradeterm.views.performance import PerformanceView

MakeApp = Callable[..., TradetermApp]
MADE = PERFORMANCE.performance
assert MADE is not None


async def opened(
    app: TradetermApp, pilot: Pilot[Any], part: str, found: PerformanceView | str = PERFORMANCE
) -> RunScreen:
    """Open the first run at a part, as if it were read at once."""
    app.read_performance = lambda run_id: None  # type: ignore[assignment,method-assign]
    await pilot.press("2", "enter")
    app.post_message(PerformanceRead("a41f00aa11bb", found, RUN))
    await pilot.pause()
    await pilot.press(*["l"] * PARTS.index(part))
    await pilot.pause()
    screen = app.screen
    assert isinstance(screen, RunScreen)
    return screen


def said(screen: RunScreen) -> str:
    return str(screen.query_one("#told", Lines).render())


async def test_what_the_list_knows_is_shown_while_the_run_is_read(make_app: MakeApp) -> None:
    app = make_app()
    app.read_performance = lambda run_id: None  # type: ignore[assignment,method-assign]
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2", "enter")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, RunScreen)
        assert "reading the run" in said(screen)
        assert "no look-ahead found" in said(screen)


async def test_a_run_that_cannot_be_read_says_why(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, "curves", "days.parquet: can't be read (it is missing)")
        assert "! days.parquet: can't be read" in said(screen)


async def test_a_failed_certificate_leaves_no_number_on_the_screen(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        withheld = PerformanceView(row=RUNS.runs[2], performance=None)
        screen = await opened(app, pilot, "curves", withheld)
        assert "FAILED, no metrics are shown" in said(screen)
        for part in PARTS:
            assert f"[{part}]" in str(screen.query_one("#parts", Lines).render())
            assert not screen.query_one("#trips").display
            assert screen.query_one("#upper", Chart).has_class("-empty")
            await pilot.press("l")


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
@pytest.mark.parametrize("part", PARTS)
async def test_every_part_fits_and_says_something(make_app: MakeApp, part: str, size: tuple[int, int]) -> None:
    app = make_app()
    async with app.run_test(size=size) as pilot:
        screen = await opened(app, pilot, part)
        box = screen.query_one(".box")
        assert box.region.bottom <= size[1]
        if part in ("curves", "rolling", "exposure"):
            for name in ("upper", "lower"):
                chart = screen.query_one(f"#{name}", Chart)
                assert chart.region.height >= 4
                assert chart.region.bottom <= box.region.bottom
            assert said(screen)
        elif part in ("trips", "fills"):
            grid = screen.query_one(f"#{part}", Grid)
            assert grid.has_focus
            assert len(grid.shown) == (40 if part == "trips" else 1)
            assert grid.region.height >= 10
        else:
            assert said(screen).count("\n") >= 2
            assert screen.query_one(".scroll").region.bottom <= box.region.bottom


async def test_enter_leads_from_a_round_trip_to_its_fills_and_back(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, "trips")
        await pilot.press("enter")
        assert isinstance(app.screen, DetailScreen)
        text = str(app.screen.query_one(".scroll Lines", Lines).render())
        assert "fills of the book in it" in text
        assert "589.10" in text
        await pilot.press("escape")
        assert app.screen is screen


async def test_enter_leads_from_a_fill_to_its_round_trips(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, "fills")
        await pilot.press("enter")
        text = str(app.screen.query_one(".scroll Lines", Lines).render())
        assert "decided" in text
        assert "2026-11-20 20:00Z" in text
        assert "round trips that it is part of" in text


def lines_of(part: str, width: int) -> list[str]:
    assert MADE is not None
    return [line.plain for line in part_lines(part, RUNS.runs[0], MADE, RUN, width)]


@pytest.mark.parametrize("width", [72, 76, 124])
@pytest.mark.parametrize("part", PARTS[3:7])
def test_no_line_is_wider_than_the_box(part: str, width: int) -> None:
    assert max(map(len, lines_of(part, width))) <= width


def test_regimes_show_n_interval_and_where_days_are_too_few() -> None:
    text = "\n".join(lines_of("regimes", 76))
    assert "book" in text
    assert "CryptoMomentumModel_v1" in text
    (few, *_) = [line for line in text.splitlines() if "NEUTRAL" in line]
    assert few.split()[:6] == ["equity", "NEUTRAL", "13", "-", "-", "-"]
    (bull, *_) = [line for line in text.splitlines() if "BULL" in line]
    assert bull.split()[:6] == ["equity", "BULL", "300", "+3.20", "+0.20", "+6.20"]


def test_attribution_by_year_adds_up_to_the_book() -> None:
    rows = [line.split() for line in lines_of("models", 76)]
    years = [row for row in rows if row and row[0] in ("2025", "2026")]
    assert len(years) == 2
    for row in years:
        *parts, book = (float(text.rstrip("%")) for text in row[1:] if text != "-")
        assert sum(parts) == pytest.approx(book, abs=0.02)


def test_the_names_of_the_parts_shrink_to_the_neighbours() -> None:
    assert part_line(PARTS, "curves", 200)[0].plain.startswith("[curves]  rolling")
    assert part_line(PARTS, "curves", 40)[0].plain == "< fills  [curves]  rolling >"


def test_a_sparkline_shows_the_last_of_each_part_and_gaps_as_blanks() -> None:
    assert sparkline([0.0, 1.0, 2.0, 7.0], 4) == "▁▂▃█"
    assert sparkline([0.0, 9.0, 1.0, 7.0], 2) == "█▁"
    assert sparkline([None, 1.0], 2) == " ▁"
    assert sparkline([None], 5) == ""


def test_charts_leave_out_what_is_unknown() -> None:
    assert MADE is not None
    upper, lower = chart_values("rolling", MADE)
    assert len(upper[3]) == 218
    assert lower[0] == "NAV against buy and hold of SPY, start = 1"
    assert lower[3][0] == pytest.approx(1.0)
    _, bare = chart_values("rolling", replace(MADE, benchmarks=()))
    assert bare[3] == ()


def test_trips_are_newest_first_and_keep_their_place() -> None:
    assert MADE is not None
    rows = trip_rows(MADE)
    exits = [MADE.trips[int(row.key)].exit_ns for row in rows]
    assert exits == sorted(exits, reverse=True)
    assert trade_lines("fills", 99, MADE, RUN) is None


def test_runs_side_by_side_say_what_differs() -> None:
    text = "\n".join(line.plain for line in comparison_lines(COMPARISON, 76))
    assert "same window" in text
    assert "system.limits.gross" in text
    assert "0.97" in text
    assert "SAMPLE" in text


async def test_a_fifth_run_is_not_marked(make_app: MakeApp) -> None:
    app = make_app()
    rows = tuple(run_row(f"{place}{place}00aa", f"run {place}") for place in range(6))
    async with app.run_test(size=(80, 24)) as pilot:
        app.take_view("runs", replace(RUNS, runs=rows, total=6))
        await pilot.press("2")
        for _ in range(5):
            await pilot.press("space", "j")
        assert "four runs are marked already" in str(app.screen.query_one("#news").render())
        app.read_comparison = lambda run_ids: None  # type: ignore[assignment,method-assign]
        await pilot.press("enter")
        screen = app.screen
        assert isinstance(screen, CompareScreen)
        assert len(screen.run_ids) == 4
