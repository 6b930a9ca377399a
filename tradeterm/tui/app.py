"""The app: the kill key, the poller's messages, subprocesses, crashes."""

from __future__ import annotations

import os
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from rich.text import Text
from textual import events, work
from textual.app import App, SystemCommand
from textual.binding import Binding

from tradeterm import killfile
from tradeterm.config.scrub import Scrubber
from tradeterm.core.errors import TradetermError
from tradeterm.core.time import from_ns
from tradeterm.tui import keys, themes
from tradeterm.tui.driver import with_kill
from tradeterm.tui.jobs import Runner
from tradeterm.tui.messages import (
    ComparisonRead,
    JobMoved,
    LatchMoved,
    PerformanceRead,
    PollerStopped,
    RunRead,
    ScoresRead,
    SeriesRead,
    ViewUpdated,
    WhyRead,
)
from tradeterm.tui.poller import Poller
from tradeterm.tui.readers import ODD, Readers
from tradeterm.tui.screens.compare import CompareScreen
from tradeterm.tui.screens.help import HelpScreen
from tradeterm.tui.screens.modal import Palette
from tradeterm.tui.screens.run import RunScreen
from tradeterm.tui.screens.scores import ScoresScreen
from tradeterm.tui.screens.series import SeriesScreen
from tradeterm.tui.screens.why import WhyScreen
from tradeterm.tui.screens.work import WorkScreen
from tradeterm.tui.widgets.status_bar import StatusBar
from tradeterm.views.runs import build_run
from tradeterm.views.status import mode_word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.binding import BindingType
    from textual.message import Message
    from textual.screen import Screen

    from tradeterm.config.settings import Settings
    from tradeterm.config.workspace import Workspace
    from tradeterm.core.market import BarKey
    from tradeterm.views.status import StatusView

__all__ = ["TradetermApp", "command_of", "run"]

Found = TypeVar("Found")


class TradetermApp(App[object]):
    """The workstation.

    clock : now, ns UTC, for everything that is shown
    watch : whether the stores are polled; without it views are those that are given to :meth:`take_view`
    """

    TITLE = "tradeterm"
    # In full, or else a subclass elsewhere would look for it beside itself.
    CSS_PATH = str(Path(__file__).with_name("tradeterm.tcss"))
    ENABLE_COMMAND_PALETTE = True
    ALLOW_IN_MAXIMIZED_VIEW = "Footer, StatusBar"
    BINDINGS: ClassVar[list[BindingType]] = [
        # The key itself is caught in post_message; this entry is what a footer click and the keymap's ids go by.
        Binding("f9", "kill", "KILL", priority=True, show=False, id="tradeterm.kill"),
    ]

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings | None,
        *,
        clock: Callable[[], int] = time.time_ns,
        watch: bool = True,
    ) -> None:
        super().__init__()
        self.driver_class = with_kill(self.driver_class, self._trip_by_key)
        self.workspace = workspace
        self.settings = settings
        self.clock = clock
        self.views: dict[str, tuple[Any, str | None]] = {}
        self.latch = killfile.read(workspace.results)
        self.latch_failure: str | None = None
        self.crash_log: str | None = None
        command = command_of(workspace, settings)
        self.readers = Readers(workspace, settings, clock, command)
        self.runner = Runner(command, workspace.logs, workspace.results, self.post_message)
        self._poller = Poller(self.readers, self.post_message) if watch else None
        self.ansi_theme_dark, self.ansi_theme_light = themes.TERMINAL_DARK, themes.TERMINAL_LIGHT
        self.register_theme(themes.DARK)
        self.register_theme(themes.LIGHT)
        self.theme = themes.ORDER[0]

    @property
    def status(self) -> StatusView | None:
        """The newest status that was read."""
        found: StatusView | None = self.views.get("status", (None, None))[0]
        return found

    @property
    def mode(self) -> str:
        """SAMPLE, PAPER, LIVE or another profile's name."""
        if self.status is not None and self.status.mode != "KILLED":
            return self.status.mode
        return mode_word(self.readers.profile, sample=self.readers.sample is True)

    def get_default_screen(self) -> Screen[Any]:
        """Start on the work screen."""
        return WorkScreen()

    def on_mount(self) -> None:
        """Start to watch the stores."""
        if self._poller is not None:
            self._poller.start()

    def on_unmount(self) -> None:
        """Stop watching."""
        if self._poller is not None:
            self._poller.stop()

    # The kill switch

    def post_message(self, message: Message) -> bool:
        """Catch the kill key before it is queued: whatever has focus, whatever is busy, whatever is bound."""
        if isinstance(message, events.Key) and message.key in keys.KILL_KEYS and not message.is_forwarded:
            self._trip_by_key()
            if self._open_screens():
                self.call_next(self.show_latch)
            return True
        return super().post_message(message)

    def action_kill(self) -> None:
        """Latch, from a click or the palette."""
        self._trip("operator:action")
        self.show_latch()

    def show_latch(self) -> None:
        """Show on every screen whether the latch stands, and what mode this is."""
        self.set_class(self.mode == "LIVE", "-live")
        for screen in self._open_screens():
            for bar in screen.query(StatusBar):
                bar.show()

    def _trip_by_key(self) -> None:
        self._trip("operator:key")

    def _trip(self, by: str) -> None:
        try:
            self.latch = killfile.trip(self.workspace.results, by)
            self.latch_failure = None
        except OSError as failure:
            self.latch_failure = f"{failure.strerror}: {self.workspace.kill_file}"

    # What threads tell

    def on_view_updated(self, message: ViewUpdated) -> None:
        """Show what has changed."""
        self.take_view(message.name, message.view, message.trouble)

    def on_latch_moved(self, message: LatchMoved) -> None:
        """Read the latch, which may have moved again since the message was sent."""
        self.latch = killfile.read(self.workspace.results)
        if self.latch is not None:
            self.latch_failure = None
        self.show_latch()

    def on_job_moved(self, message: JobMoved) -> None:
        """Show how a command goes."""
        work_screen = self._work_screen()
        if work_screen is not None:
            work_screen.show_job(message.job)
        if message.job.code is not None:
            self.refresh_views()

    def on_run_read(self, message: RunRead) -> None:
        """Show a run that pane 2 asked for."""
        work_screen = self._work_screen()
        if work_screen is not None:
            work_screen.show_run(message.run_id, message.found)

    def on_series_read(self, message: SeriesRead) -> None:
        """Show a bar file that its detail asked for."""
        for screen in self._open_screens():
            if isinstance(screen, SeriesScreen) and screen.key == message.key:
                screen.take(message.found, message.bars)

    def on_performance_read(self, message: PerformanceRead) -> None:
        """Show a run that its screen asked for."""
        for screen in self._open_screens():
            if isinstance(screen, RunScreen) and screen.run_id == message.run_id:
                screen.take(message.found, message.run)

    def on_comparison_read(self, message: ComparisonRead) -> None:
        """Show runs side by side that their screen asked for."""
        for screen in self._open_screens():
            if isinstance(screen, CompareScreen) and screen.run_ids == message.run_ids:
                screen.take(message.found)

    def on_scores_read(self, message: ScoresRead) -> None:
        """Show the scores that their screen asked for."""
        for screen in self._open_screens():
            if isinstance(screen, ScoresScreen):
                screen.take(message.found)

    def on_why_read(self, message: WhyRead) -> None:
        """Show a decision that its screen asked for."""
        for screen in self._open_screens():
            if isinstance(screen, WhyScreen) and screen.asked == message.asked:
                screen.take(message.found)

    def on_poller_stopped(self, message: PollerStopped) -> None:
        """End with the poller's own failure: a screen that no longer follows the stores would lie."""
        raise message.failure

    def take_view(self, name: str, view: Any, trouble: str | None = None) -> None:
        """Keep a read model and show it where it belongs."""
        self.views[name] = (view, trouble)
        if name == "status":
            self.show_latch()
        work_screen = self._work_screen()
        if work_screen is not None:
            work_screen.show(name, view, trouble)
        if name == "data" and view is not None:
            for screen in self._open_screens():
                if isinstance(screen, SeriesScreen):
                    screen.follow(view)

    def refresh_views(self) -> None:
        """Have everything read again."""
        if self._poller is not None:
            self._poller.refresh()

    @work(thread=True, exclusive=True, exit_on_error=False, group="run")
    def read_run(self, run_id: str) -> None:
        """Read one run for pane 2."""
        self.post_message(RunRead(run_id, self._read(lambda: build_run(self.workspace, run_id), f"run {run_id}")))

    @work(thread=True, exclusive=True, exit_on_error=False, group="performance")
    def read_performance(self, run_id: str) -> None:
        """Read one run in full for its screen."""
        from tradeterm.views.performance import build

        found = self._read(lambda: build(self.workspace, run_id), f"run {run_id}")
        run = self._read(lambda: build_run(self.workspace, run_id), f"run {run_id}")
        self.post_message(PerformanceRead(run_id, found, run))

    @work(thread=True, exclusive=True, exit_on_error=False, group="comparison")
    def read_comparison(self, run_ids: tuple[str, ...]) -> None:
        """Read runs side by side for their screen."""
        from tradeterm.views.comparison import build

        found = self._read(lambda: build(self.workspace, run_ids), f"runs {', '.join(run_ids)}")
        self.post_message(ComparisonRead(run_ids, found))

    @work(thread=True, exclusive=True, exit_on_error=False, group="why")
    def read_why(self, asked: tuple[str, str | None, int | None]) -> None:
        """Read why a run decided as it did."""
        from tradeterm.views.why import build

        self.post_message(WhyRead(asked, self._read(lambda: build(self.workspace, *asked), f"run {asked[0]}")))

    def _read(self, build: Callable[[], Found | None], what: str) -> Found | str:
        """Read something, or say in a line why it can't be."""
        try:
            return build() or f"{what}: in no ledger"
        except TradetermError as failure:
            return str(failure)
        except ODD as failure:
            return f"{what} can't be shown ({type(failure).__name__}: {failure})"

    @work(thread=True, exclusive=True, exit_on_error=False, group="series")
    def read_series(self, key: BarKey) -> None:
        """Read one bar file for its detail."""
        found, bars = self.readers.series(key)
        self.post_message(SeriesRead(key, found, bars))

    @work(thread=True, exclusive=True, exit_on_error=False, group="scores")
    def read_scores(self) -> None:
        """Read the scores of signals for their screen."""
        self.post_message(ScoresRead(self.readers.scores()))

    # Actions

    def action_help(self) -> None:
        """Show the keys."""
        if isinstance(self.screen, HelpScreen):
            return
        if isinstance(self.screen, SeriesScreen):
            self.push_screen(HelpScreen("series"))
            return
        if isinstance(self.screen, WhyScreen):
            self.push_screen(HelpScreen("why"))
            return
        if isinstance(self.screen, RunScreen):
            self.push_screen(HelpScreen("run"))
            return
        self.push_screen(HelpScreen(self.screen.active if isinstance(self.screen, WorkScreen) else None))

    def action_command_palette(self) -> None:
        """Open the palette."""
        if not Palette.is_open(self):
            self.push_screen(Palette(id="--command-palette", placeholder="every action by its name"))

    def action_next_theme(self) -> None:
        """Use the next theme."""
        place = themes.ORDER.index(self.theme) if self.theme in themes.ORDER else -1
        self.theme = themes.ORDER[(place + 1) % len(themes.ORDER)]
        self._say(f"theme {self.theme}")

    def action_picture(self) -> None:
        """Save the screen as SVG."""
        name = f"tradeterm-{from_ns(self.clock()):%Y%m%dT%H%M%SZ}.svg"
        folder = self.workspace.results / "screenshots"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.save_screenshot(name, path=str(folder))
        except OSError as failure:
            self._say(f"{folder}: can't be written ({failure.strerror})")
            return
        self._say(f"saved results/screenshots/{name}")

    async def action_quit(self) -> None:
        """Leave; say what runs on."""
        running = self.runner.running
        lines = [f"{job.name} runs on to its end; it prints to {job.output}" for job in running]
        self.exit(message="\n".join(lines) if lines else "nothing keeps running: no session was started")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Offer every action of the registry that makes sense on this screen."""
        on_work = isinstance(screen, WorkScreen)
        for key in keys.REGISTRY:
            if key.palette and (on_work or key.action.startswith("app.")):
                yield SystemCommand(f"{key.label} ({key.shown})", key.help, self._doing(key))
        yield SystemCommand("resume", "Take back the kill: how to.", self._tell_resume)

    def _doing(self, key: keys.Key) -> Callable[[], None]:
        def do() -> None:
            screen = self.screen
            if isinstance(screen, WorkScreen) and key.where in keys.PANES:
                screen.action_pane(keys.PANES.index(key.where) + 1)
            self.call_next(self.run_action, key.action, screen)

        return do

    def _tell_resume(self) -> None:
        self._say('resume needs a reason: tradeterm resume --kill --reason "..."')

    def _say(self, text: str) -> None:
        work_screen = self._work_screen()
        if work_screen is not None:
            work_screen.say(text)

    def _work_screen(self) -> WorkScreen | None:
        """Return the work screen once its panes are there; what comes before is shown when they are."""
        return next((each for each in self._open_screens() if isinstance(each, WorkScreen) and each.is_mounted), None)

    def _open_screens(self) -> tuple[Screen[Any], ...]:
        """Screens that can be written on: none while the app ends, when widgets go one by one."""
        return tuple(self._screen_stack) if self.is_running else ()

    # Crashes

    def _handle_exception(self, error: Exception) -> None:
        """Keep the traceback in a file, restore the terminal, leave one line."""
        line, self.crash_log = _write_crash(self.workspace, self.settings, error)
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self.panic(Text(line, no_wrap=True, overflow="ignore"))


def _write_crash(workspace: Workspace, settings: Settings | None, error: Exception) -> tuple[str, str]:
    """Write the report; return the line for people and the path, both without secrets."""
    secrets = settings.secrets if settings is not None else None
    scrub = Scrubber(secrets.values(), secrets.pairs()) if secrets is not None else Scrubber()
    name = f"crash-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.log"
    path = workspace.logs / name
    told = scrub(" ".join(f"error: unexpected {type(error).__name__}: {error}".split()))
    text = "".join(traceback.format_exception(error))
    try:
        workspace.logs.mkdir(parents=True, exist_ok=True)
        path.write_text(scrub(f"tradeterm (workstation)\n\n{text}"), encoding="utf-8")
    except OSError as failure:
        return f"{told} (and no crash report could be written: {failure.strerror})", ""
    return f"{told}; please report it with {path}", str(path)


def command_of(workspace: Workspace, settings: Settings | None) -> list[str]:
    """Return how a subprocess is started so that it works with the same workspace and configuration."""
    import json

    words = [sys.executable, "-m", "tradeterm", "--workspace", str(workspace.root)]
    if settings is None:
        return words
    words += ["--profile", settings.profile]
    if settings.experiment:
        words += ["--experiment", str(workspace.root / settings.experiment)]
    for key, origin in settings.origins.items():
        if origin == "--set":
            words += ["--set", f"{key}={json.dumps(_plain(settings.value(key)))}"]
    return words


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def run(workspace: Workspace, settings: Settings | None) -> int:
    """Open the workstation, and return its exit code when it is left."""
    app = TradetermApp(workspace, settings)
    app.run()
    return app.return_code or 0
