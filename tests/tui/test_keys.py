"""Every key of the registry does what it says; the registry is complete and has no clash."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fixed_views import COMPARISON, DETAIL, PERFORMANCE, RUN, SCORES, WHY, shown_bars, why_view
from textual.pilot import Pilot
from textual.widgets import Input

from tradeterm.tui import keys
from tradeterm.tui.app import TradetermApp
from tradeterm.tui.messages import ComparisonRead, PerformanceRead, RunRead, ScoresRead, SeriesRead, WhyRead
from tradeterm.tui.screens.detail import DetailScreen
from tradeterm.tui.screens.form import FormScreen
from tradeterm.tui.screens.help import HelpScreen
from tradeterm.tui.screens.modal import Modal, Palette
from tradeterm.tui.screens.run import PARTS, RunScreen
from tradeterm.tui.screens.run_lines import trip_rows
from tradeterm.tui.screens.scores import ScoresScreen
from tradeterm.tui.screens.series import SeriesScreen
from tradeterm.tui.screens.why import WhyScreen
from tradeterm.tui.screens.work import WorkScreen
from tradeterm.tui.widgets.candles import CandleChart
from tradeterm.tui.widgets.grid import Grid
from tradeterm.tui.widgets.lines import Lines

IMPORTED = ["--symbol", "BTC/USDT", "--adjustment", "none"]
Check = Callable[[TradetermApp, Pilot[Any], str], Awaitable[None]]
CHECKS: dict[str, Check] = {}


def shows(*names: str) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        for name in names:
            CHECKS[f"tradeterm.{name}"] = check
        return check

    return register


def work(app: TradetermApp) -> WorkScreen:
    screen = app.screen
    assert isinstance(screen, WorkScreen), screen
    return screen


def news(app: TradetermApp) -> str:
    return str(next(each for each in app.screen_stack if isinstance(each, WorkScreen)).query_one("#news").render())


async def until(pilot: Pilot[Any], reached: Callable[[], bool]) -> None:
    """Wait for a state; the suite's own time limit ends a wait that never does."""
    while not reached():
        await pilot.pause(0.01)


@shows("kill")
async def kills(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press(key)
    assert app.workspace.kill_file.exists()


@shows("help")
async def opens_help_of_the_focused_pane(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press("2", key)
    assert isinstance(app.screen, HelpScreen)
    text = str(app.screen.query_one(".scroll Lines", Lines).render())
    assert "Start a backtest" in text
    assert "Fetch what is new" not in text


@shows("palette")
async def opens_the_palette(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press(key)
    assert isinstance(app.screen, Palette)


@shows("theme")
async def changes_the_theme(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    seen = [app.theme]
    for _ in range(4):
        await pilot.press(key)
        seen.append(app.theme)
    assert seen == ["tradeterm", "tradeterm-light", "ansi-dark", "ansi-light", "tradeterm"]


@shows("screenshot")
async def saves_a_picture(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press(key)
    saved = app.workspace.results / "screenshots" / "tradeterm-20261121T014551Z.svg"
    assert saved.read_text().startswith("<svg")
    assert "saved results/screenshots/" in news(app)


@shows("pane.data", "pane.runs", "pane.book", "pane.regime", "pane.board", "pane.orders")
async def goes_to_the_pane(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press("1" if key != "1" else "2", key)
    assert keys.PANES.index(work(app).active) == int(key) - 1
    assert work(app).here.grid.has_focus


@shows("next_pane")
async def goes_to_the_next_pane_and_round(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press(*[key] * 7)
    assert work(app).active == "runs"


@shows("previous_pane")
async def goes_to_the_previous_pane(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press(key)
    assert work(app).active == "orders"


@shows("filter")
async def filters_rows(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    grid = work(app).here.grid
    await pilot.press(key, *"spy", "enter")
    assert [row.key for row in grid.shown] == ["SPY|1h", "SPY|h4"]
    assert grid.has_focus
    await pilot.press("escape", key, *"!spy")
    assert {row.key.partition("|")[0] for row in grid.shown} == {"QQQ", "BTC/USDT", "ETH/USDT", "VIX", "T10Y2Y", "PMI"}


@shows("next_match")
async def goes_to_the_next_match_and_round(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    grid = work(app).here.grid
    await pilot.press("slash", *"spy", "enter", key)
    assert grid.current == "SPY|h4"
    await pilot.press(key)
    assert grid.current == "SPY|1h"


@shows("clear")
async def clears_the_filter_then_the_zoom(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press("z", "slash", *"spy", "enter", key)
    assert len(work(app).here.grid.shown) == 8
    assert work(app).has_class("-zoomed")
    await pilot.press(key)
    assert not work(app).has_class("-zoomed")


@shows("detail")
async def opens_the_detail(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    app.read_series = lambda key: None  # type: ignore[assignment,method-assign]
    app.read_performance = lambda run_id: None  # type: ignore[assignment,method-assign]
    for number, said in enumerate(
        ("12,345", "no look-ahead found", "after risk", "541.00", "equity_trend.py", "321 matured"), 1
    ):
        app.post_message(RunRead("a41f00aa11bb", RUN))
        await pilot.press(str(number), key)
        assert isinstance(app.screen, {1: SeriesScreen, 2: RunScreen}.get(number, DetailScreen))
        text = str(app.screen.query_one(".scroll Lines", Lines).render())
        assert said.lower() in text.lower(), text
        await pilot.press("escape")


async def bars_shown(app: TradetermApp, pilot: Pilot[Any], *names: str) -> tuple[int, int]:
    """Open the detail of BTC/USDT h4, press these, and return which of its bars are drawn."""
    app.read_series = lambda key: app.post_message(SeriesRead(key, DETAIL, shown_bars()))  # type: ignore[assignment,method-assign]
    if not isinstance(app.screen, SeriesScreen):
        await pilot.press("1", "j", "j", "j", "enter")
        await pilot.pause()
    await pilot.press(*names)
    view = app.screen.query_one(CandleChart).view
    assert view is not None
    return view.first, view.end


@shows("fewer_bars", "more_bars")
async def shows_half_or_twice_as_many_bars(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    first, end = await bars_shown(app, pilot)
    assert end == 12_345
    many = end - first
    first, end = await bars_shown(app, pilot, key)
    assert (end, end - first) == (12_345, many * 2 if key == "minus" else many // 2)
    # There is an end to both.
    first, end = await bars_shown(app, pilot, *[key] * 12)
    assert (first, end) == ((0, 12_345) if key == "minus" else (12_345 - many // 4, 12_345))


@shows("earlier", "later")
async def shows_earlier_or_later_bars(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    first, end = await bars_shown(app, pilot)
    step = (end - first) // 4
    earlier = await bars_shown(app, pilot, "left", "left")
    assert earlier == (first - 2 * step, end - 2 * step)
    moved = await bars_shown(app, pilot, key)
    assert moved[0] == first - (3 if key in ("left", "h") else 1) * step
    assert moved[1] - moved[0] == end - first
    # Not beyond the newest bar.
    assert await bars_shown(app, pilot, *["right"] * 9) == (first, end)


@shows("newest")
async def goes_back_to_the_newest_bars(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    before = await bars_shown(app, pilot)
    assert await bars_shown(app, pilot, "minus", "left", "left") != before
    assert await bars_shown(app, pilot, key) == before


@shows("zoom")
async def shows_one_pane_and_back(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.resize_terminal(160, 48)
    await pilot.press("4", key)
    await pilot.pause()
    assert [pane.NAME for pane in work(app).query(".pane") if pane.display] == ["regime"]
    await pilot.press(key)
    await pilot.pause()
    assert sum(pane.display for pane in work(app).query(".pane")) == 6


@shows("refresh")
async def reads_again(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    asked: list[None] = []
    app.refresh_views = lambda: asked.append(None)  # type: ignore[method-assign]
    await pilot.press(key)
    assert asked == [None]


@shows("daily")
async def runs_the_daily(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: "daily: done" in news(app))
    assert given(app) == ["daily"]


@shows("update")
async def updates(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press("1", key)
    await until(pilot, lambda: "update: done" in news(app))
    assert given(app) == ["data", "update"]


@shows("validate")
async def validates(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press("1", key)
    await until(pilot, lambda: "validate: done" in news(app))
    assert given(app) == ["data", "validate"]


@shows("import")
async def imports_a_file(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press("1", key)
    assert isinstance(app.screen, FormScreen)
    await pilot.press("enter")
    assert isinstance(app.screen, FormScreen), "a file is needed"
    app.screen.query_one("#field-file", Input).value = "/tmp/my bars.csv"
    app.screen.query_one("#field-symbol", Input).value = "BTC/USDT"
    await pilot.press("enter")
    await until(pilot, lambda: "import: done" in news(app))
    assert given(app) == ["data", "import", "/tmp/my bars.csv", *IMPORTED]


@shows("output", "output_here")
async def shows_what_the_last_command_printed(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press("1", key)
    assert "no command has ended yet" in news(app)
    await pilot.press("1", "u")
    await until(pilot, lambda: "update: done" in news(app))
    await pilot.press(key)
    text = str(app.screen.query_one(".scroll Lines", Lines).render())
    assert "all is well" in text


@shows("backtest")
async def starts_a_backtest(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press("2", key)
    app.screen.query_one("#field-start", Input).value = "2020-01-01"
    await pilot.press("enter")
    await until(pilot, lambda: "backtest: done" in news(app))
    assert given(app) == ["backtest", "run", "--name", "backtest", "--start", "2020-01-01"]


@shows("mark")
async def marks_runs_and_compares_them(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    answer = lambda run_ids: app.post_message(ComparisonRead(run_ids, COMPARISON))  # noqa: E731
    app.read_comparison = answer  # type: ignore[assignment,method-assign]
    await pilot.press("2", key, "j", key, "enter")
    await pilot.pause()
    text = str(app.screen.query_one(".scroll Lines", Lines).render())
    assert "a41f00" in text
    assert "9c0200" in text
    assert "77de00" not in text


@shows("sort")
async def sorts_the_runs(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    grid = work(app).pane_of("runs").grid
    await pilot.press("2", key)
    assert [row.key[:4] for row in grid.shown] == ["a41f", "9c02", "77de"]
    assert "by sharpe" in work(app).pane_of("runs").count
    await pilot.press(key, key)
    # The shallowest drawdown first, what is withheld last.
    assert [row.key[:4] for row in grid.shown] == ["9c02", "a41f", "77de"]
    assert "runs by max_drawdown" in news(app)


@shows("report")
async def makes_the_report_of_the_run_under_the_cursor(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press("2", "j", key)
    await until(pilot, lambda: "report: done" in news(app))
    assert given(app) == ["backtest", "report", "9c0200aa11bb"]


async def run_opened(app: TradetermApp, pilot: Pilot[Any], *names: str) -> RunScreen:
    """Open a run by these keys, as if it were read at once."""
    answer = lambda run_id: app.post_message(PerformanceRead(run_id, PERFORMANCE, RUN))  # noqa: E731
    app.read_performance = answer  # type: ignore[assignment,method-assign]
    await pilot.press(*names)
    await pilot.pause()
    screen = app.screen
    assert isinstance(screen, RunScreen)
    return screen


@shows("book_performance", "regime_performance")
async def shows_what_the_book_made(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    screen = await run_opened(app, pilot, "3", key)
    assert (screen.run_id, screen.part) == ("a41f00aa11bb", "exposure")
    await pilot.press("escape")
    screen = await run_opened(app, pilot, "4", key)
    assert (screen.run_id, screen.part) == ("a41f00aa11bb", "regimes")
    assert "BULL" in str(screen.query_one("#told", Lines).render())


@shows("next_part")
async def goes_through_the_parts_and_round(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    screen = await run_opened(app, pilot, "2", "enter")
    seen = []
    for _ in PARTS:
        seen.append(screen.part)
        await pilot.press(key)
    assert tuple(seen) == PARTS
    assert screen.part == PARTS[0]


@shows("part_before")
async def goes_back_through_the_parts(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    screen = await run_opened(app, pilot, "2", "enter")
    await pilot.press(key, key)
    assert screen.part == PARTS[-2]


@shows("filter_trades")
async def filters_trips_and_fills(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    screen = await run_opened(app, pilot, "2", "enter", "h", "h")
    grid = screen.query_one("#trips", Grid)
    every = len(grid.shown)
    await pilot.press(key, *"book", "enter")
    assert grid.has_focus
    assert (every, len(grid.shown)) == (40, 20)
    await pilot.press("escape")
    assert len(grid.shown) == 40
    await pilot.press("escape")
    assert not isinstance(app.screen, Modal)


@shows("session")
async def says_that_there_is_no_session(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press(key)
    assert "no session to start" in news(app)


@shows("scores")
async def shows_how_good_signals_were(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    app.read_scores = lambda: app.post_message(ScoresRead(SCORES))  # type: ignore[assignment,method-assign]
    await pilot.press("6", key)
    assert isinstance(app.screen, ScoresScreen)
    await pilot.pause()
    assert "EquityTrendModel_v1" in str(app.screen.query_one("#groups", Lines).render())
    assert "equity BEAR" in str(app.screen.query_one("#others", Lines).render())


@shows("promote")
async def shows_what_the_gate_asks_for(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press("5", key)
    text = str(app.screen.query_one(".scroll Lines", Lines).render())
    assert "promotion is not part of this version" in text
    assert "31.0%" in text


@shows("quit")
async def leaves(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press(key)
    assert app.return_code == 0
    assert not app.workspace.kill_file.exists()


@shows("down", "page_down", "bottom")
async def moves_down(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    grid = work(app).here.grid
    await pilot.press(key)
    assert grid.cursor_row == (1 if key in ("j", "down") else 7)


@shows("up", "page_up", "top")
async def moves_up(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    grid = work(app).here.grid
    await pilot.press("G", key)
    assert grid.cursor_row == (6 if key in ("k", "up") else 0)


@shows("right")
async def goes_right_within_the_row(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.resize_terminal(160, 48)
    await pilot.pause()
    await pilot.press(key, key, key, key)
    assert work(app).active == "book"


@shows("left")
async def goes_left_within_the_row(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.resize_terminal(120, 36)
    await pilot.pause()
    await pilot.press("4", key, key)
    assert work(app).active == "book"


@shows("close")
async def closes_a_modal(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await pilot.press("2", "b")
    assert isinstance(app.screen, FormScreen)
    await pilot.press(key)
    work(app)
    assert given(app) is None


async def why(app: TradetermApp, pilot: Pilot[Any]) -> list[tuple[str, str | None, int | None]]:
    """Open why a position is what it is; returns what is asked from then on."""
    asked: list[tuple[str, str | None, int | None]] = []

    def read(question: tuple[str, str | None, int | None]) -> None:
        asked.append(question)
        app.post_message(WhyRead(question, why_view(*question)))

    app.read_why = read  # type: ignore[assignment,method-assign]
    await pilot.press("3", "j", "j", "y")
    await pilot.pause()
    assert isinstance(app.screen, WhyScreen)
    return asked


@shows("why_run", "why_position")
async def explains_what_is_under_the_cursor(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    for pane in ("2", "3"):
        await pilot.press(pane, key)
        assert isinstance(app.screen, WhyScreen)
        await pilot.press("escape")


@shows("why_trade")
async def explains_the_trade_under_the_cursor(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    app.read_why = lambda asked: None  # type: ignore[assignment,method-assign]
    await run_opened(app, pilot, "2", "enter")
    told = PERFORMANCE.performance
    assert told is not None
    first = told.trips[int(trip_rows(told)[0].key)]
    for part, symbol, at_ns in (
        ("fills", RUN.trades[0].symbol, RUN.trades[0].ts_ns),
        ("trips", first.symbol, first.entry_ns),
        ("models", None, None),
    ):
        screen = app.screen
        assert isinstance(screen, RunScreen)
        await pilot.press(*["left"] * ((PARTS.index(screen.part) - PARTS.index(part)) % len(PARTS)), key)
        assert isinstance(app.screen, WhyScreen)
        assert app.screen.asked == (RUN.row.run_id, symbol, at_ns)
        await pilot.press("escape")


@shows("earlier_decision", "later_decision", "last_decision", "next_symbol", "previous_symbol")
async def asks_for_another_decision(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    asked = await why(app, pilot)
    await pilot.press(key)
    expected = {
        "left": ("BTC/USDT", WHY.earlier_ns),
        "right": ("BTC/USDT", WHY.later_ns),
        "0": ("BTC/USDT", None),
        "n": ("ETH/USDT", WHY.decision_ns),
        "N": ("SPY", WHY.decision_ns),
    }
    assert asked[-1][1:] == expected[{"h": "left", "l": "right"}.get(key, key)]


@shows("ask")
async def asks_for_symbol_and_time(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await why(app, pilot)
    await pilot.press(key)
    assert isinstance(app.screen, FormScreen)


@shows("bar")
async def goes_down_to_the_bar(app: TradetermApp, pilot: Pilot[Any], key: str) -> None:
    await why(app, pilot)
    await pilot.press(key)
    assert isinstance(app.screen, SeriesScreen)


def given(app: TradetermApp) -> list[str] | None:
    """Words that the stand-in for the command line was given last."""
    path = app.workspace.results / "given.json"
    return json.loads(path.read_text()) if path.exists() else None


@pytest.fixture
def stand_in(tmp_path: Path, make_app: Callable[..., TradetermApp]) -> TradetermApp:
    """An app whose commands only write down their words."""
    app = make_app()
    script = tmp_path / "command.py"
    target = app.workspace.results / "given.json"
    script.write_text(
        f"import json, sys; open({str(target)!r}, 'w').write(json.dumps(sys.argv[1:])); print('all is well')"
    )
    app.runner.command = [sys.executable, "-I", str(script)]
    return app


PRESSES = [(key.id, name) for key in keys.REGISTRY for name in key.keys]


@pytest.mark.parametrize(("id", "name"), PRESSES, ids=[f"{id}-{name}" for id, name in PRESSES])
async def test_key_does_what_the_registry_says(stand_in: TradetermApp, id: str, name: str) -> None:
    async with stand_in.run_test() as pilot:
        await pilot.pause()
        await CHECKS[id](stand_in, pilot, name)


def test_every_key_has_a_check_and_no_check_is_left_over() -> None:
    assert set(CHECKS) == {key.id for key in keys.REGISTRY}


def test_no_two_keys_that_are_live_together_clash() -> None:
    for place in (*keys.PANES,):
        live = [
            (name, key.id)
            for key in keys.REGISTRY
            if key.where in ("everywhere", "work", "table", place)
            for name in key.keys
        ]
        names = [name for name, _ in live]
        assert len(names) == len(set(names)), live
    for place in ("series", "run", "why"):
        modal = [name for key in keys.REGISTRY if key.where in ("everywhere", "modal", place) for name in key.keys]
        assert len(modal) == len(set(modal)), modal


def test_kill_keys_are_never_bound_to_anything_else() -> None:
    assert {name for key in keys.REGISTRY if key.id == "tradeterm.kill" for name in key.keys} == keys.KILL_KEYS
    assert not any(keys.KILL_KEYS & set(key.keys) for key in keys.REGISTRY if key.id != "tradeterm.kill")
    assert all(len(name) > 1 for name in keys.KILL_KEYS), "a printable key would be typed into inputs"


def test_markdown_names_every_key() -> None:
    text = keys.markdown()
    for key in keys.REGISTRY:
        assert f"| `{key.shown}` | {key.help} |" in text
