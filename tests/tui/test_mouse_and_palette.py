"""Nothing is only for the mouse, and what the keys do the mouse and the palette do too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Footer

from tradeterm.tui import keys
from tradeterm.tui.app import TradetermApp
from tradeterm.tui.screens.form import FormScreen
from tradeterm.tui.screens.modal import Palette
from tradeterm.tui.screens.series import SeriesScreen
from tradeterm.tui.screens.work import WorkScreen

MakeApp = Callable[..., TradetermApp]


def active(app: TradetermApp) -> str:
    return next(screen.active for screen in app.screen_stack if isinstance(screen, WorkScreen))


async def chosen(app: TradetermApp, pilot: Pilot[Any], title: str) -> None:
    """Choose a command of the palette, as enter on its line does."""
    found = {command.title: command for command in app.get_system_commands(app.screen)}
    found[title].callback()
    await pilot.pause()


@pytest.mark.parametrize("number", range(1, 7))
async def test_a_click_on_a_tab_goes_to_its_pane(make_app: MakeApp, number: int) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("6" if number == 1 else "1")
        tabs = app.screen.query_one("#tabs")
        line = str(tabs.render())
        await pilot.click("#tabs", offset=(line.index(f"{number} "), 0))
        assert active(app) == keys.PANES[number - 1]


async def test_a_click_on_a_border_takes_the_focus(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.click("#pane-regime", offset=(20, 0))
        assert active(app) == "regime"
        assert app.screen.query_one("#pane-regime Grid").has_focus


async def test_a_click_on_the_footer_does_what_the_key_does(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.pause()
        labels = {key.description: key for key in app.screen.query_one(Footer).query("FooterKey")}  # type: ignore[attr-defined]
        await pilot.click(labels["zoom"])
        assert app.screen.has_class("-zoomed")


async def test_the_palette_offers_every_action_of_the_registry(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.pause()
        offered = {command.help for command in app.get_system_commands(app.screen)}
        assert {key.help for key in keys.REGISTRY if key.palette} <= offered


async def test_the_palette_runs_an_action_of_another_pane(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await chosen(app, pilot, "backtest (b)")
        assert isinstance(app.screen, FormScreen)
        assert active(app) == "runs"


async def test_over_a_modal_the_palette_offers_what_works_there(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("enter")
        assert isinstance(app.screen, SeriesScreen)
        offered = {command.title for command in app.get_system_commands(app.screen)}
        assert "theme (t)" in offered
        assert "zoom (z)" not in offered
        await chosen(app, pilot, "theme (t)")
        assert app.theme == "tradeterm-light"


async def test_typing_in_the_palette_runs_what_was_found(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("colon", *"zoom")
        assert isinstance(app.screen, Palette)
        while isinstance(app.screen, Palette):
            await pilot.press("enter")
        while not app.screen.has_class("-zoomed"):
            await pilot.pause(0.01)


async def test_resume_is_told_not_done(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("f9")
        await chosen(app, pilot, "resume")
        assert 'tradeterm resume --kill --reason "..."' in str(app.screen.query_one("#news").render())
        assert app.workspace.kill_file.exists()
