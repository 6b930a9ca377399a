"""The kill key works in every state that was found to defeat a plain binding, and exactly once."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.command import CommandPalette
from textual.containers import Vertical
from textual.message import Message
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import (
    Button,
    DataTable,
    Input,
    MaskedInput,
    OptionList,
    RichLog,
    Select,
    Static,
    TextArea,
    Tree,
)

from tradeterm import killfile
from tradeterm.tui.app import TradetermApp
from tradeterm.tui.messages import LatchMoved
from tradeterm.tui.screens.help import HelpScreen
from tradeterm.tui.screens.modal import Palette
from tradeterm.tui.widgets.status_bar import KillHint, StatusBar

MakeApp = Callable[..., TradetermApp]
State = Callable[[TradetermApp, Pilot[Any]], Awaitable[None]]
STATES: dict[str, State] = {}


def state(check: State) -> State:
    STATES[check.__name__] = check
    return check


async def focused(app: TradetermApp, pilot: Pilot[Any], widget: Widget) -> None:
    await app.screen.mount(widget)
    widget.focus()
    await pilot.pause()
    assert widget.has_focus


class Greedy(Static, can_focus=True):
    """Takes every key for itself, as an embedded editor or terminal does, and binds the kill keys too."""

    BINDINGS = [Binding("f9,ctrl+g", "swallow", priority=True)]  # noqa: RUF012

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return True

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()

    def action_swallow(self) -> None:
        raise AssertionError("the kill key reached a widget")


class Box(ModalScreen[None]):
    """A modal that binds the kill keys for itself."""

    BINDINGS = [Binding("f9,ctrl+g", "swallow", priority=True)]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        yield Vertical(Input(id="inside"))

    def action_swallow(self) -> None:
        raise AssertionError("the kill key reached a modal")


@state
async def on_the_work_screen(app: TradetermApp, pilot: Pilot[Any]) -> None:
    pass


@state
async def without_focus(app: TradetermApp, pilot: Pilot[Any]) -> None:
    app.screen.set_focus(None)


@state
async def in_the_filter(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await pilot.press("slash", "x")


@state
async def in_an_input(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await focused(app, pilot, Input("text"))


@state
async def in_a_number_input(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await focused(app, pilot, Input(type="number"))


@state
async def in_a_masked_input(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await focused(app, pilot, MaskedInput(template="9999"))


@state
async def in_a_text_area(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await focused(app, pilot, TextArea("words"))


@state
async def on_a_select(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await focused(app, pilot, Select([("a", 1), ("b", 2)]))


@state
async def in_an_open_select(app: TradetermApp, pilot: Pilot[Any]) -> None:
    select = Select([("a", 1), ("b", 2)])
    await focused(app, pilot, select)
    await pilot.press("enter")
    assert select.expanded


@state
async def in_an_option_list(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await focused(app, pilot, OptionList("a", "b"))


@state
async def in_a_data_table(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await focused(app, pilot, DataTable())


@state
async def in_a_tree(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await focused(app, pilot, Tree("root"))


@state
async def in_a_log(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await focused(app, pilot, RichLog())


@state
async def on_a_button(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await focused(app, pilot, Button("go"))


@state
async def in_a_widget_that_consumes_all_keys(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await focused(app, pilot, Greedy("mine"))


@state
async def in_a_modal(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await app.push_screen(Box())


@state
async def in_stacked_modals(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await app.push_screen(Box())
    await app.push_screen(Box())


@state
async def in_a_form(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await pilot.press("2", "b", "x")


@state
async def in_a_detail(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await pilot.press("enter")


@state
async def in_help(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await pilot.press("f1")
    assert isinstance(app.screen, HelpScreen)


@state
async def in_the_palette_with_text(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await pilot.press("ctrl+p", "z")
    assert isinstance(app.screen, Palette)


@state
async def in_the_palette_over_a_modal(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await app.push_screen(Box())
    await pilot.press("ctrl+p")
    assert isinstance(app.screen, CommandPalette)


@state
async def while_zoomed(app: TradetermApp, pilot: Pilot[Any]) -> None:
    await pilot.press("z")


@state
async def while_maximised(app: TradetermApp, pilot: Pilot[Any]) -> None:
    table: DataTable[str] = DataTable()
    await focused(app, pilot, table)
    app.screen.maximize(table)


@state
async def while_loading(app: TradetermApp, pilot: Pilot[Any]) -> None:
    app.screen.query_one("#pane-data").loading = True


@state
async def while_the_screen_is_disabled(app: TradetermApp, pilot: Pilot[Any]) -> None:
    app.screen.disabled = True


@state
async def after_a_keymap_gave_the_keys_away(app: TradetermApp, pilot: Pilot[Any]) -> None:
    app.set_keymap({"tradeterm.zoom": "f9", "tradeterm.theme": "ctrl+g"})
    app.refresh_bindings()


def kills(app: TradetermApp) -> list[str]:
    """Who latched; at most one ever."""
    record = killfile.read(app.workspace.results)
    return [] if record is None else [record.by]


@asynccontextmanager
async def running(app: TradetermApp, **options: Any) -> Any:
    async with app.run_test(**options) as pilot:
        await pilot.pause()
        yield pilot


@pytest.mark.parametrize("name", STATES)
async def test_kill_key_latches_and_changes_nothing_else(make_app: MakeApp, name: str) -> None:
    app = make_app()
    async with running(app) as pilot:
        await STATES[name](app, pilot)
        await pilot.pause()
        screens, focus = list(app.screen_stack), app.screen.focused
        for key in ("f9", "ctrl+g"):
            await pilot.press(key)
            assert kills(app) == ["operator:key"], key
            await pilot.pause()
            assert app.screen_stack == screens, key
            assert app.screen.focused is focus, key
            assert app.latch is not None, key
            # The state is as it was, so the next key meets the same; a latch of its own has to be new.
            app.workspace.kill_file.unlink()
            app.latch = None


class Rebound(TradetermApp):
    """A subclass that takes the keys for something else."""

    BINDINGS = [Binding("f9,ctrl+g", "bell", priority=True)]  # noqa: RUF012


class Forbidding(TradetermApp):
    """A subclass that allows no action."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None


@pytest.mark.parametrize("key", ["f9", "ctrl+g"])
@pytest.mark.parametrize("kind", [Rebound, Forbidding])
async def test_a_subclass_can_not_take_the_key_away(make_app: MakeApp, kind: type[TradetermApp], key: str) -> None:
    app = make_app(kind)
    async with running(app) as pilot:
        await pilot.press(key)
        assert kills(app) == ["operator:key"]


class Busy(Message):
    pass


class BusyApp(TradetermApp):
    """An app whose own handler waits."""

    entered: asyncio.Event
    release: asyncio.Event

    async def on_busy(self, message: Busy) -> None:
        self.entered.set()
        await self.release.wait()


class BusyWidget(Static):
    def __init__(self, entered: asyncio.Event, release: asyncio.Event) -> None:
        super().__init__("busy")
        self.entered, self.release = entered, release

    async def on_busy(self, message: Busy) -> None:
        self.entered.set()
        await self.release.wait()


@pytest.mark.parametrize("key", ["f9", "ctrl+g"])
async def test_a_busy_app_handler_does_not_delay_the_kill(make_app: MakeApp, key: str) -> None:
    app = make_app(BusyApp)
    async with running(app):
        app.entered, app.release = asyncio.Event(), asyncio.Event()
        app.post_message(Busy())
        await app.entered.wait()
        # As the driver delivers it; the app's queue is not being read.
        app.post_message(events.Key(key, None))
        assert kills(app) == ["operator:key"]
        app.release.set()


@pytest.mark.parametrize("key", ["f9", "ctrl+g"])
async def test_a_busy_widget_does_not_delay_the_kill(make_app: MakeApp, key: str) -> None:
    app = make_app()
    async with running(app) as pilot:
        widget = BusyWidget(asyncio.Event(), asyncio.Event())
        await app.screen.mount(widget)
        widget.post_message(Busy())
        await widget.entered.wait()
        app.post_message(events.Key(key, None))
        assert kills(app) == ["operator:key"]
        widget.release.set()
        await pilot.pause()


@pytest.mark.parametrize("key", ["f9", "ctrl+g"])
def test_a_key_before_the_first_screen_latches(make_app: MakeApp, key: str) -> None:
    app = make_app()
    app.post_message(events.Key(key, None))
    assert kills(app) == ["operator:key"]


async def test_a_paste_that_names_the_key_does_not_latch(make_app: MakeApp) -> None:
    app = make_app()
    async with running(app) as pilot:
        await pilot.press("slash")
        app.post_message(events.Paste("f9 ctrl+g \x07 \x1b[20~"))
        await pilot.pause()
        assert kills(app) == []


async def test_a_click_on_the_hint_latches(make_app: MakeApp) -> None:
    app = make_app()
    async with running(app) as pilot:
        await pilot.click(KillHint)
        assert kills(app) == ["operator:action"]


async def test_the_palette_latches(make_app: MakeApp) -> None:
    app = make_app()
    async with running(app) as pilot:
        await pilot.press("ctrl+p", *"KILL")
        await app.workers.wait_for_complete()
        while not kills(app):
            await pilot.press("enter")
        assert kills(app) == ["operator:action"]


async def test_repeated_presses_keep_the_first_record(make_app: MakeApp) -> None:
    app = make_app()
    async with running(app) as pilot:
        await pilot.press("f9")
        first = app.workspace.kill_file.read_bytes()
        await pilot.press("f9", "ctrl+g", "f9")
        assert app.workspace.kill_file.read_bytes().startswith(first)
        assert json.loads(first.splitlines()[0])["by"] == "operator:key"


@pytest.mark.parametrize("open_with", ["", "enter", "f1", "ctrl+p"])
async def test_the_banner_stands_on_every_screen(make_app: MakeApp, open_with: str) -> None:
    app = make_app()
    async with running(app) as pilot:
        if open_with:
            await pilot.press(open_with)
        await pilot.press("f9")
        await pilot.pause()
        for screen in app.screen_stack:
            bar = screen.query_one(StatusBar)
            assert bar.has_class("-killed")
            assert bar.size.height == 2
            text = str(bar.query_one("#status-line").render())
            assert "KILLED" in text
            assert 'tradeterm resume --kill --reason "..."' in text


async def test_a_latch_from_elsewhere_shows_and_goes_with_its_file(make_app: MakeApp) -> None:
    app = make_app()
    async with running(app) as pilot:
        (app.workspace.results / "KILL").touch()
        app.post_message(LatchMoved())
        await pilot.pause()
        assert "by touch" in str(app.screen.query_one("#status-line").render())
        killfile.clear(app.workspace.results)
        app.post_message(LatchMoved())
        await pilot.pause()
        assert "SAMPLE" in str(app.screen.query_one("#status-line").render())
        assert app.screen.query_one(StatusBar).size.height == 1


async def test_a_latch_that_stands_at_the_start_is_shown_at_once(make_app: MakeApp, workspace: Any) -> None:
    killfile.trip(workspace.results, "guard", "heartbeat lost")
    app = make_app()
    async with running(app):
        assert "by guard  heartbeat lost" in str(app.screen.query_one("#status-line").render())


async def test_a_latch_that_can_not_be_written_says_so_loudly(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise OSError(30, os.strerror(30))

    app = make_app()
    async with running(app) as pilot:
        monkeypatch.setattr(killfile, "trip", refuse)
        await pilot.press("f9")
        await pilot.pause()
        assert "KILL NOT WRITTEN: Read-only file system" in str(app.screen.query_one("#status-line").render())


async def test_printable_neighbours_do_not_latch(make_app: MakeApp) -> None:
    app = make_app()
    async with running(app) as pilot:
        await pilot.press("f8", "f10", "g", "G", "K")
        assert kills(app) == []
