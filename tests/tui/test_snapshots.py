"""What the screens look like, as pictures that a person has looked at.

After an intended change: ``pytest tests/tui/test_snapshots.py --snapshot-update``, and look at each file again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fixed_views import COMPARISON, DETAIL, NOW, PERFORMANCE, RUN, RUNS, SCORES, VIEWS, shown_bars, status
from textual.pilot import Pilot

from tradeterm import killfile
from tradeterm.killfile import KillRecord
from tradeterm.store.progress import Part
from tradeterm.tui.app import TradetermApp
from tradeterm.tui.jobs import Job
from tradeterm.tui.keys import PANES
from tradeterm.tui.messages import ComparisonRead, JobMoved, PerformanceRead, RunRead, ScoresRead, SeriesRead
from tradeterm.tui.screens.work import WorkScreen
from tradeterm.tui.widgets.lines import Lines
from tradeterm.tui.widgets.tabs import Tabs
from tradeterm.views import book, data, regime, runs, signals
from tradeterm.views import status as status_view

MakeApp = Callable[..., TradetermApp]
Compare = Callable[..., bool]
KILL = KillRecord("2026-11-21T01:45:50.123456Z", "operator:key")


def pressing(*names: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """Read the run of pane 2, press these, and wait for what follows."""

    async def before(pilot: Pilot[Any]) -> None:
        await pilot.pause()
        pilot.app.post_message(RunRead(RUN.row.run_id, RUN))
        await pilot.press(*names)
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    return before


RUNNING = Job(
    number=1,
    name="update",
    pane="data",
    output=Path("update.out"),
    errors=Path("update.err"),
    parts=(Part("yahoo", 7, 9), Part("binance", 2, 2), Part("fred", 0, 3)),
    seconds=12,
)
ENDED = Job(
    number=2,
    name="validate",
    pane="data",
    output=Path("validate.out"),
    errors=Path("validate.err"),
    outcome="1 error, 12 warning, 30 info",
    seconds=3,
    code=4,
)


def after_job(job: Job) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """Go to pane 1 and let a command have come so far."""

    async def before(pilot: Pilot[Any]) -> None:
        await pilot.press("1")
        pilot.app.post_message(JobMoved(job))
        await pilot.pause()
        await pilot.pause()

    return before


@pytest.fixture
def app(make_app: MakeApp) -> TradetermApp:
    """The app on fixed views; runs come from them, not from a store."""
    made = make_app()
    made.read_run = lambda run_id: None  # type: ignore[assignment,method-assign]
    made.read_performance = lambda run_id: None  # type: ignore[assignment,method-assign]
    return made


@pytest.mark.parametrize("pane", PANES)
def test_pane_at_80_by_24(app: TradetermApp, snap_compare: Compare, pane: str) -> None:
    number = str(PANES.index(pane) + 1)
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing("2" if number == "1" else "1", number))


@pytest.mark.parametrize("size", [(120, 36), (160, 48)], ids=["120x36", "160x48"])
@pytest.mark.parametrize("pane", PANES)
def test_pane_zoomed(app: TradetermApp, snap_compare: Compare, pane: str, size: tuple[int, int]) -> None:
    number = str(PANES.index(pane) + 1)
    assert snap_compare(app, terminal_size=size, run_before=pressing("2" if number == "1" else "1", number, "z"))


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (160, 48)], ids=["80x24", "120x36", "160x48"])
def test_series_detail(app: TradetermApp, snap_compare: Compare, size: tuple[int, int]) -> None:
    read = lambda key: app.post_message(SeriesRead(key, DETAIL, shown_bars()))  # noqa: E731
    app.read_series = read  # type: ignore[assignment,method-assign]
    assert snap_compare(app, terminal_size=size, run_before=pressing("1", "j", "j", "j", "enter"))


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
@pytest.mark.parametrize("presses", [0, 4, 5, 6, 7], ids=["curves", "months", "regimes", "models", "trips"])
def test_run_in_full(app: TradetermApp, snap_compare: Compare, presses: int, size: tuple[int, int]) -> None:
    read = lambda run_id: app.post_message(PerformanceRead(run_id, PERFORMANCE, RUN))  # noqa: E731
    app.read_performance = read  # type: ignore[assignment,method-assign]
    assert snap_compare(app, terminal_size=size, run_before=pressing("2", "enter", *["l"] * presses))


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_runs_compared(app: TradetermApp, snap_compare: Compare, size: tuple[int, int]) -> None:
    read = lambda run_ids: app.post_message(ComparisonRead(run_ids, COMPARISON))  # noqa: E731
    app.read_comparison = read  # type: ignore[assignment,method-assign]
    assert snap_compare(app, terminal_size=size, run_before=pressing("2", "space", "j", "space", "enter"))


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (160, 48)], ids=["80x24", "120x36", "160x48"])
def test_scores(app: TradetermApp, snap_compare: Compare, size: tuple[int, int]) -> None:
    app.read_scores = lambda: app.post_message(ScoresRead(SCORES))  # type: ignore[assignment,method-assign]
    assert snap_compare(app, terminal_size=size, run_before=pressing("6", "a"))


def test_series_detail_scrolled_and_without_colour(
    make_app: MakeApp, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app()
    read = lambda key: app.post_message(SeriesRead(key, DETAIL, shown_bars()))  # noqa: E731
    app.read_series = read  # type: ignore[assignment,method-assign]
    keys = ("1", "j", "j", "j", "enter", "minus", "left", "pagedown", "pagedown")
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing(*keys))


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=["80x24", "120x36"])
def test_update_running(app: TradetermApp, snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(app, terminal_size=size, run_before=after_job(RUNNING))


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_validation_ended(app: TradetermApp, snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(app, terminal_size=size, run_before=after_job(ENDED))


def test_screen_at_120_by_36(app: TradetermApp, snap_compare: Compare) -> None:
    assert snap_compare(app, terminal_size=(120, 36), run_before=pressing())


def test_screen_at_160_by_48(app: TradetermApp, snap_compare: Compare) -> None:
    assert snap_compare(app, terminal_size=(160, 48), run_before=pressing("2"))


def test_screen_killed(app: TradetermApp, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(killfile, "trip", lambda results, by: KILL)
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing("3", "f9"))


def test_modal_killed(app: TradetermApp, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(killfile, "trip", lambda results, by: KILL)
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing("2", "enter", "f9"))


def test_screen_without_colour(make_app: MakeApp, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(make_app(), terminal_size=(80, 24), run_before=pressing("5"))


def test_screen_that_is_too_small(app: TradetermApp, snap_compare: Compare) -> None:
    assert snap_compare(app, terminal_size=(58, 20), run_before=pressing())


def test_screen_on_an_empty_workspace(make_app: MakeApp, settings: Any, snap_compare: Compare) -> None:
    workspace = settings.workspace
    empty = {
        "status": status_view.build(workspace, NOW, profile="sample", sample=True),
        "data": data.build(workspace, NOW, config=None, profile="sample"),
        "runs": runs.build(workspace, NOW),
        "book": book.build(workspace, NOW, profile="sample"),
        "regime": regime.build(workspace, NOW),
        "orders": VIEWS["orders"],
        "signals": signals.build(workspace, NOW),
    }
    assert snap_compare(make_app(views=empty), terminal_size=(120, 36))


@pytest.mark.parametrize(
    ("size", "shown"),
    [((80, 24), 1), ((99, 30), 1), ((100, 30), 6), ((139, 40), 6), ((140, 48), 6), ((59, 40), 1), ((120, 23), 1)],
)
async def test_panes_that_fit_are_shown(make_app: MakeApp, size: tuple[int, int], shown: int) -> None:
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        panes = [pane.NAME for pane in app.screen.query(".pane") if pane.display]
        assert len(panes) == shown
        too_small = size[0] < 60 or size[1] < 24
        assert app.screen.query_one("#larger").display is too_small
        if too_small:
            assert panes == ["orders"]


def test_import_form(app: TradetermApp, snap_compare: Compare) -> None:
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing("1", "i"))


async def test_a_form_shows_its_last_line_on_the_smallest_screen(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("1", "i")
        await pilot.pause()
        box, note = app.screen.query_one(".box"), app.screen.query_one(".hint")
        assert note.region.height >= 1
        assert note.region.bottom < box.region.bottom <= 24


def too_high(app: TradetermApp) -> list[Lines]:
    """Blocks of lines with blank rows beneath their text."""
    return [
        lines
        for lines in app.screen.query(Lines)
        if lines.styles.height is not None
        and lines.styles.height.is_auto
        and lines.display
        and lines.region.height > str(lines.render()).count("\n") + 1
    ]


async def test_lines_have_the_height_of_their_text_at_every_size(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        for size in ((80, 24), (160, 48), (120, 36), (140, 48), (80, 24), (160, 48)):
            await pilot.resize_terminal(*size)
            # A change of height takes a second layout; the suite's own time limit ends a wait that never does.
            while too_high(app):
                await pilot.pause(0.01)


async def test_resizing_both_ways_keeps_pane_and_rows(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4", "j")
        screen = app.screen
        assert isinstance(screen, WorkScreen)
        for size in ((160, 48), (80, 24), (120, 36), (58, 20), (160, 48)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert screen.active == "regime"
            assert screen.here.grid.current == "volatility"
            assert screen.here.grid.row_count == 4


@pytest.mark.parametrize("width", [80, 100, 120, 140, 160, 200])
async def test_mode_and_kill_hint_are_never_cut(make_app: MakeApp, width: int) -> None:
    views = VIEWS | {"status": status(nav=123_456_789_012.34, mode="LIVE", profile="live", sample=False)}
    app = make_app(views=views)
    async with app.run_test(size=(width, 30)) as pilot:
        await pilot.pause()
        bar = app.screen.query_one("StatusBar")
        line, hint = bar.query_one("#status-line"), bar.query_one("KillHint")
        assert str(line.render()).startswith(" LIVE ")
        assert line.region.right <= hint.region.x
        assert hint.region.right == width
        assert "F9 KILL" in str(hint.render())
        assert app.has_class("-live")


@pytest.mark.parametrize("troubled", [False, True])
@pytest.mark.parametrize("pane", PANES)
async def test_the_count_beside_the_tabs_is_never_cut(make_app: MakeApp, pane: str, troubled: bool) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(str(PANES.index(pane) + 1))
        screen = app.screen
        assert isinstance(screen, WorkScreen)
        tabs = screen.query_one(Tabs)
        tabs.show(pane, PANES if troubled else (), screen.here.count)
        await pilot.pause()
        line = str(tabs.render())
        assert len(line) <= 79
        named = line.rpartition("Orders")[2].removeprefix("!").strip("] ")
        assert named
        # Whole parts from the first on; all of them where no tab has trouble.
        assert f"{screen.here.count}  ".startswith(f"{named}  ")
        assert troubled or named == screen.here.count


@pytest.mark.parametrize("name", ["data", "runs", "book"])
async def test_sample_is_a_word_where_sample_data_is_shown(make_app: MakeApp, name: str) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "SAMPLE" in str(app.screen.query_one(f"#pane-{name} .note").render())
        assert str(app.screen.query_one("#status-line").render()).startswith(" SAMPLE ")


def test_optimistic_fills_are_called_so(make_app: MakeApp) -> None:
    from dataclasses import replace

    from tradeterm.tui.panes.runs import _row

    assert "optimistic" in _row(replace(RUNS.runs[0], fill="close"), marked=False).text
    assert "optimistic" not in _row(RUNS.runs[0], marked=False).text
