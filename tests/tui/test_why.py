"""Why, on the screen: from a position or a run to the wishes, limits, order and fill, and down to the bar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fixed_views import BOOK, DETAIL, RUNS, WHY, shown_bars, why_view
from textual.pilot import Pilot

from tradeterm.tui.app import TradetermApp
from tradeterm.tui.messages import SeriesRead, WhyRead
from tradeterm.tui.screens.form import FormScreen
from tradeterm.tui.screens.help import HelpScreen
from tradeterm.tui.screens.series import SeriesScreen
from tradeterm.tui.screens.why import WhyScreen
from tradeterm.tui.screens.work import WorkScreen
from tradeterm.tui.widgets.candles import CandleChart
from tradeterm.tui.widgets.lines import Lines

MakeApp = Callable[..., TradetermApp]
Asked = tuple[str, str | None, int | None]


class Desk:
    """An app whose questions are noted and answered from fixed views."""

    def __init__(self, app: TradetermApp) -> None:
        self.app = app
        self.asked: list[Asked] = []
        app.read_why = self.read  # type: ignore[assignment,method-assign]
        app.read_run = lambda run_id: None  # type: ignore[assignment,method-assign]
        app.read_series = self.bars  # type: ignore[assignment,method-assign]

    def read(self, asked: Asked) -> None:
        self.asked.append(asked)
        self.app.post_message(WhyRead(asked, why_view(*asked)))

    def bars(self, key: Any) -> None:
        self.app.post_message(SeriesRead(key, DETAIL, shown_bars()))

    @property
    def text(self) -> str:
        return str(self.app.screen.query_one(".scroll Lines", Lines).render())

    @property
    def hint(self) -> str:
        return str(self.app.screen.query_one(".box").border_subtitle)


@pytest.fixture
def desk(make_app: MakeApp) -> Desk:
    return Desk(make_app())


async def opened(pilot: Pilot[Any], *names: str) -> None:
    await pilot.press(*names)
    await pilot.pause()
    assert isinstance(pilot.app.screen, WhyScreen)


async def test_y_on_a_position_asks_its_run_for_its_symbol(desk: Desk) -> None:
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "3", "j", "j", "y")
        assert desk.asked == [(BOOK.run_id, "BTC/USDT", None)]
        assert "Wishes" in desk.text
        assert "class crypto" in desk.text
        await pilot.press("escape")
        assert isinstance(desk.app.screen, WorkScreen)


async def test_y_on_a_run_asks_for_its_first_symbol(desk: Desk) -> None:
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "2", "y")
        assert desk.asked == [(RUNS.runs[0].run_id, None, None)]


async def test_y_without_a_run_says_so(make_app: MakeApp) -> None:
    app = make_app(views={})
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3", "y")
        assert isinstance(app.screen, WorkScreen)
        assert "no run to ask" in str(app.screen.query_one("#news").render())


async def test_left_and_right_go_from_decision_to_decision_and_n_to_the_next_symbol(desk: Desk) -> None:
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "3", "j", "j", "y")
        for key, expected in (
            ("left", ("BTC/USDT", WHY.earlier_ns)),
            ("right", ("BTC/USDT", WHY.later_ns)),
            ("n", ("ETH/USDT", WHY.decision_ns)),
            ("N", ("BTC/USDT", WHY.decision_ns)),
            ("0", ("BTC/USDT", None)),
        ):
            await pilot.press(key)
            await pilot.pause()
            assert desk.asked[-1][1:] == expected, key


async def test_a_asks_for_symbol_and_time(desk: Desk) -> None:
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "3", "j", "j", "y")
        await pilot.press("a")
        assert isinstance(desk.app.screen, FormScreen)
        await pilot.press("enter")
        await pilot.pause()
        assert desk.asked[-1] == (BOOK.run_id, "BTC/USDT", WHY.decision_ns)


async def test_a_time_that_is_none_and_a_question_without_an_answer_keep_what_is_shown(desk: Desk) -> None:
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "3", "j", "j", "y")
        before = desk.text
        await pilot.press("a", "tab", "ctrl+u", *"soon", "enter")
        await pilot.pause()
        assert "soon" in desk.hint
        screen = desk.app.screen
        assert isinstance(screen, WhyScreen)
        desk.app.post_message(WhyRead(screen.asked, "run a41f trades no 'XYZ'"))
        await pilot.pause()
        assert "trades no" in desk.hint
        assert desk.text == before


async def test_b_goes_down_to_the_bar_that_filled_the_order(desk: Desk) -> None:
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "3", "j", "j", "y")
        await pilot.press("b")
        await pilot.pause()
        assert isinstance(desk.app.screen, SeriesScreen)
        view = desk.app.screen.query_one(CandleChart).view
        assert view is not None
        assert WHY.fill is not None
        assert view.last_ns <= WHY.fill.at_ns < view.last_ns + 4 * 3600 * 10**9
        await pilot.press("escape")
        assert isinstance(desk.app.screen, WhyScreen)


async def test_a_symbol_without_stored_bars_is_said_so(make_app: MakeApp) -> None:
    from fixed_views import VIEWS

    desk = Desk(make_app(views={name: view for name, view in VIEWS.items() if name != "data"}))
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "3", "j", "j", "y")
        await pilot.press("b")
        assert isinstance(desk.app.screen, WhyScreen)
        assert "no bars of BTC/USDT are stored" in desk.hint


async def test_a_run_that_cannot_be_explained_is_a_sentence(desk: Desk) -> None:
    async with desk.app.run_test(size=(80, 24)) as pilot:
        desk.app.read_why = lambda asked: desk.app.post_message(  # type: ignore[assignment,method-assign]
            WhyRead(asked, "run a41f keeps no decisions")
        )
        await opened(pilot, "3", "y")
        assert desk.text == "! run a41f keeps no decisions"
        await pilot.press("left", "n", "0", "a", "b")
        assert isinstance(desk.app.screen, WhyScreen)


async def test_a_run_that_is_not_stored_is_read_beside_the_loop_and_said_so(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3", "y")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "a41f00aa11bb" in str(app.screen.query_one(".scroll Lines", Lines).render())


async def test_the_kill_key_and_the_help_work_over_it(desk: Desk) -> None:
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "3", "y")
        await pilot.press("question_mark")
        assert isinstance(desk.app.screen, HelpScreen)
        assert "Earlier decision" in desk.text
        await pilot.press("escape", "f9")
        assert desk.app.workspace.kill_file.exists()


@pytest.mark.parametrize("width", [72, 76, 100, 126])
def test_no_number_is_cut_at_any_width(width: int) -> None:
    from tradeterm.tui.screens.why import _section
    from tradeterm.views.why_page import sections

    for section in sections(WHY):
        told = _section(section, width)
        assert all(line.cell_len <= width for line in told), [line.plain for line in told if line.cell_len > width]
        if section.columns:
            kept = [name.removeprefix(">") for name in section.columns]
            head = next(line.plain for line in told if line.plain.split()[:1] == kept[:1] or not kept[0])
            assert "…" not in head


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_why_screen(desk: Desk, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot, "3", "j", "j", "y")
        await pilot.pause()

    assert snap_compare(desk.app, terminal_size=size, run_before=before)


def test_why_screen_scrolled(desk: Desk, snap_compare: Callable[..., bool]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot, "3", "j", "j", "y")
        await pilot.press("pagedown")
        await pilot.pause()

    assert snap_compare(desk.app, terminal_size=(80, 24), run_before=before)
