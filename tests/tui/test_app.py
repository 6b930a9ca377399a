"""The app beside its stores: what changes shows, what doesn't paints nothing, what breaks says one clear word."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fixed_views import BOOK, DATA, NOW, RUN, RUNS, VIEWS, run_row, series
from pydantic import SecretStr
from textual import events
from textual.message import Message
from textual.pilot import Pilot

from tradeterm import killfile
from tradeterm.config.load import load_settings
from tradeterm.config.settings import Settings
from tradeterm.config.workspace import Workspace
from tradeterm.store.ledger import Ledger
from tradeterm.tui.app import TradetermApp, command_of
from tradeterm.tui.jobs import Job
from tradeterm.tui.messages import JobMoved, LatchMoved, PollerStopped, RunRead, ViewUpdated
from tradeterm.tui.screens.work import WorkScreen
from tradeterm.tui.widgets.grid import Grid

MakeApp = Callable[..., TradetermApp]


async def until(pilot: Pilot[Any], reached: Callable[[], bool]) -> None:
    while not reached():
        await pilot.pause(0.01)


def said(app: TradetermApp, where: str) -> str:
    return str(app.screen.query_one(where).render())


class Counting(TradetermApp):
    """Counts what reaches the terminal."""

    painted = 0

    def _display(self, screen: Any, renderable: Any) -> None:
        if renderable is not None:
            self.painted += 1
        super()._display(screen, renderable)


async def test_200_refreshes_with_unchanged_data_paint_nothing(make_app: MakeApp) -> None:
    app = make_app(Counting)
    app.read_run = lambda run_id: None  # type: ignore[assignment,method-assign]
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.pause()
        app.post_message(RunRead(RUN.row.run_id, RUN))
        await pilot.press("2")
        before = -1
        while app.painted != before:
            before = app.painted
            await pilot.pause()
        for _ in range(200):
            for name, view in VIEWS.items():
                app.take_view(name, replace(view))
            app.show_latch()
        await pilot.pause()
        assert app.painted == before
        app.take_view("book", replace(BOOK, positions=BOOK.positions[:2]))
        await pilot.pause()
        assert app.painted > before


async def test_a_changed_row_updates_its_changed_cells_alone(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        updated: list[tuple[Any, Any]] = []
        plain = Grid.update_cell

        def spy(self: Grid, row_key: Any, column_key: Any, value: Any, **options: Any) -> None:
            assert not options.get("update_width")
            updated.append((row_key, column_key))
            plain(self, row_key, column_key, value, **options)

        monkeypatch.setattr(Grid, "update_cell", spy)
        rows = list(DATA.series)
        rows[2] = replace(rows[2], gaps=7)
        app.take_view("data", replace(DATA, series=tuple(rows)))
        await pilot.pause()
        assert updated == [("QQQ|h4", "gaps")]


async def test_the_cursor_stays_on_its_row_when_others_come(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("2", "j")
        app.take_view("runs", replace(RUNS, runs=(run_row("0000aa", "newer"), *RUNS.runs), total=4))
        await pilot.pause()
        grid = app.screen.query_one("#pane-runs Grid", Grid)
        assert grid.current == "9c0200aa11bb"
        assert grid.row_count == 4


async def test_at_most_500_rows_are_shown(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        many = tuple(series(f"S{number}", "equity", "daily") for number in range(900))
        app.take_view("data", replace(DATA, series=many))
        await pilot.pause()
        grid = app.screen.query_one("#pane-data Grid", Grid)
        assert grid.row_count == 500
        await pilot.press("slash", *"s899", "enter")
        assert [row.key for row in grid.shown] == ["S899|daily"]


def test_newer_news_replaces_what_waits() -> None:
    assert ViewUpdated("data", 1).can_replace(ViewUpdated("data", 2))
    assert not ViewUpdated("data", 1).can_replace(ViewUpdated("runs", 2))


# Beside real stores


@pytest.fixture
def watching(workspace: Workspace, settings: Settings) -> TradetermApp:
    """An app that polls its empty workspace."""
    return TradetermApp(workspace, settings, clock=lambda: NOW)


async def test_an_empty_workspace_says_what_to_do(watching: TradetermApp) -> None:
    async with watching.run_test(size=(160, 48)) as pilot:
        await until(pilot, lambda: watching.views.keys() >= VIEWS.keys())
        await until(pilot, lambda: watching.views["board"][0] is not None)
        await pilot.pause()
        assert "nothing stored" in said(watching, "#pane-data .note")
        for pane in ("runs", "book", "regime", "orders"):
            assert "D " in said(watching, f"#pane-{pane} .note")
        assert "no strategy files" in said(watching, "#pane-board .note")


async def test_what_another_process_records_shows(watching: TradetermApp) -> None:
    async with watching.run_test(size=(160, 48)) as pilot:
        await until(pilot, lambda: "runs" in watching.views)
        payload = {
            "name": "from elsewhere",
            "kind": "backtest",
            "profile": "sample",
            "made_up": True,
            "timeframe": "h4",
            "fill": "next_open",
            "start": "2020-01-01T00:00:00Z",
            "end": "2024-01-01T00:00:00Z",
            "strategies": [],
            "metrics": {"sharpe": 1.0},
            "certificate": {"ok": True, "checked": 1, "decisions": 2, "coverage": "some"},
            "ladder": {"state": "NORMAL", "drawdown": 0.0},
        }
        with Ledger(watching.workspace.results, clock=lambda: NOW) as ledger:
            ledger.append("run", "feedface", payload)
        grid = watching.screen.query_one("#pane-runs Grid", Grid)
        await until(pilot, lambda: grid.current == "feedface")
        # Its folder isn't there: said in one line, not as a crash.
        await until(pilot, lambda: "no run 'feedface'" in " ".join(said(watching, "#run-line").split()))


async def test_a_kill_and_a_resume_from_elsewhere_show(watching: TradetermApp) -> None:
    async with watching.run_test() as pilot:
        killfile.trip(watching.workspace.results, "operator:cli", "drill")
        await until(pilot, lambda: "by operator:cli  drill" in said(watching, "#status-line"))
        killfile.clear(watching.workspace.results)
        await until(pilot, lambda: "SAMPLE" in said(watching, "#status-line"))


async def test_a_damaged_ledger_is_one_clear_line_on_every_pane(watching: TradetermApp) -> None:
    (watching.workspace.results / "ledger.sqlite").write_bytes(b"this is no database, whatever its name says" * 100)
    async with watching.run_test(size=(160, 48)) as pilot:
        await until(pilot, lambda: watching.views.keys() >= VIEWS.keys())
        await until(pilot, lambda: watching.views["board"][1] is not None)
        await pilot.pause()
        for pane in ("data", "runs", "book", "regime", "board", "orders"):
            note = said(watching, f"#pane-{pane} .note")
            assert note.startswith("! "), pane
            assert "ledger.sqlite" in note.replace("\n", "")
        assert "!" in said(watching, "#status-line")
        # The switch works all the same.
        await pilot.press("f9")
        assert watching.workspace.kill_file.exists()


async def test_a_damaged_bar_file_is_one_clear_word_in_its_row(watching: TradetermApp) -> None:
    folder = watching.workspace.data / "equities"
    folder.mkdir()
    (folder / "SPY_daily.parquet").write_bytes(b"PAR1 and nothing after it")
    async with watching.run_test(size=(160, 48)) as pilot:
        await until(pilot, lambda: "data" in watching.views)
        await pilot.pause()
        grid = watching.screen.query_one("#pane-data Grid", Grid)
        row = next(row for row in grid.shown if row.key == "SPY|daily")
        assert row.flag == "!"
        assert "damaged" in row.text
        assert "bad" in str(watching.screen.query_one("#pane-data").border_subtitle)


async def test_facts_of_another_shape_are_one_clear_line(watching: TradetermApp) -> None:
    with Ledger(watching.workspace.results, clock=lambda: NOW) as ledger:
        ledger.append("run", "odd", {"name": "of another version"})
    async with watching.run_test(size=(160, 48)) as pilot:
        await until(pilot, lambda: "runs" in watching.views)
        await pilot.pause()
        assert "can't be shown (KeyError" in said(watching, "#pane-runs .note").replace("\n", " ")


async def test_broken_strategy_files_are_on_the_board(watching: TradetermApp) -> None:
    (watching.workspace.strategies / "mine.py").write_text("import nothing_of_that_name\n")
    async with watching.run_test(size=(160, 48)) as pilot:
        await until(pilot, lambda: watching.views.get("board", (None, None))[0] is not None)
        await pilot.pause()
        grid = watching.screen.query_one("#pane-board Grid", Grid)
        assert "mine.py" in grid.shown[0].text
        assert "broken" in grid.shown[0].text
        assert "nothing_of_that_name" in said(watching, "#gate")


# Crashes


class Failing(TradetermApp):
    """Fails in a handler, with a secret in its words."""

    def on_failure(self, message: Any) -> None:
        raise RuntimeError("the key was hunter2hunter2")


class Failure(Message):
    pass


async def crash(app: TradetermApp, message: Message) -> None:
    async with app.run_test() as pilot:
        await pilot.pause()
        app.post_message(message)
        await until(pilot, lambda: app.crash_log is not None)


async def test_a_crash_leaves_one_line_and_a_scrubbed_report(
    workspace: Workspace, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = settings.secrets.model_copy(update={"alpaca_secret_key": SecretStr("hunter2hunter2")})
    app = Failing(workspace, replace(settings, secrets=secrets), clock=lambda: NOW, watch=False)
    with pytest.raises(RuntimeError, match="the key was"):
        await crash(app, Failure())
    assert app.return_code == 1
    assert app.crash_log is not None
    report = Path(app.crash_log).read_text()  # noqa: ASYNC240 (the app has ended)
    assert "RuntimeError" in report
    assert "on_failure" in report
    assert "hunter2" not in report
    told = capsys.readouterr().err
    assert "please report it with" in told
    assert "hunter2" not in told
    assert "Traceback" not in told


async def test_a_poller_that_fails_ends_the_screen(make_app: MakeApp) -> None:
    app = make_app()
    with pytest.raises(ZeroDivisionError):
        await crash(app, PollerStopped(ZeroDivisionError("unforeseen")))


# Subprocesses


@pytest.fixture
def scripted(make_app: MakeApp, tmp_path: Path) -> Callable[[str], TradetermApp]:
    """An app whose commands run this script instead."""

    def make(text: str) -> TradetermApp:
        script = tmp_path / "command.py"
        script.write_text(text)
        app = make_app()
        app.runner.command = [sys.executable, str(script), str(app.workspace.results)]
        return app

    return make


DAILY = """
import sys, time
from pathlib import Path
from tradeterm.store.ledger import Ledger
results = Path(sys.argv[1])
with Ledger(results, clock=lambda: 1) as ledger:
    ledger.append("daily", "d1", {"asof": "2026-11-21T00:00:00Z"})
    for step in ("refresh", "train"):
        ledger.append("step", "d1:" + step, {"step": step})
while not (results / "go on").exists():
    time.sleep(0.01)
"""


async def test_progress_of_a_daily_comes_from_its_recorded_steps(scripted: Callable[[str], TradetermApp]) -> None:
    app = scripted(DAILY)
    async with app.run_test() as pilot:
        await pilot.press("D")
        await until(pilot, lambda: "running: daily 2/6 predict" in said(app, "#pane-data .job"))
        assert [job.name for job in app.runner.running] == ["daily"]
        await pilot.press("D")
        assert "daily is running already" in said(app, "#news")
        (app.workspace.results / "go on").touch()
        await until(pilot, lambda: "daily: done" in said(app, "#news"))
        assert "running" not in said(app, "#pane-data .job")


UPDATE = """
import sys, time
from pathlib import Path
from tradeterm.store.progress import ProgressFile
results = Path(sys.argv[1])
file = ProgressFile.named(each=True)
file.report("yahoo", 3, 8)
file.report("fred", 0, 2)
while not (results / "go on").exists():
    time.sleep(0.01)
file.end("10 files: 42 bars added, 1 restated, 0 files failed")
print("a table of ten files")
"""


async def test_a_running_update_tells_of_each_source_how_many_files_are_done(
    scripted: Callable[[str], TradetermApp],
) -> None:
    app = scripted(UPDATE)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("1", "u")
        await until(pilot, lambda: "3/8" in said(app, "#pane-data .job"))
        total, yahoo, fred = said(app, "#pane-data .job").splitlines()
        assert total.startswith("running: update  3/10  ")
        assert yahoo.split()[0] == "yahoo"
        assert yahoo.split()[-1] == "3/8"
        assert (yahoo.count("━"), fred.count("━"), fred.split()[-1]) == (9, 0, "0/2")
        (app.workspace.results / "go on").touch()
        await until(pilot, lambda: "update: done" in said(app, "#news"))


async def test_what_came_of_a_command_stays_until_the_next_one(scripted: Callable[[str], TradetermApp]) -> None:
    app = scripted(UPDATE)
    (app.workspace.results / "go on").touch()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("1", "u")
        await until(pilot, lambda: "42 bars added, 1 restated" in said(app, "#pane-data .job"))
        told = said(app, "#pane-data .job")
        assert told.startswith("update: done after ")
        assert "(o: all of it)" in " ".join(told.split())
        await pilot.press("2", "1", "r")
        assert said(app, "#pane-data .job") == told
        await pilot.press("o")
        assert "a table of ten files" in said(app, ".scroll Lines")
        await pilot.press("escape")
        (app.workspace.results / "go on").unlink()
        await pilot.press("u")
        await until(pilot, lambda: "running: update" in said(app, "#pane-data .job"))
        assert "42 bars added" not in said(app, "#pane-data .job")
        (app.workspace.results / "go on").touch()
        await until(pilot, lambda: not app.runner.running)
    # What it told on the way is not left behind.
    assert not list((app.workspace.logs / "jobs").glob("*.progress"))


async def test_news_that_come_while_the_app_ends_harm_nothing(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app()
    ends = 0

    def tell(message: Message) -> None:
        nonlocal ends
        if isinstance(message, events.Unmount):
            ends += 1
            job = Job(number=ends, name="update", pane="data", output=tmp_path / "out", errors=tmp_path / "err", code=0)
            app.post_message(JobMoved(job))
            app.post_message(ViewUpdated("data", DATA))
            app.post_message(LatchMoved())

    async with app.run_test(size=(80, 24), message_hook=tell) as pilot:
        await pilot.press("1")
    assert ends > 10
    assert app.crash_log is None


async def test_a_command_that_was_partly_done_says_what_failed(scripted: Callable[[str], TradetermApp]) -> None:
    app = scripted(UPDATE + "sys.exit(4)")
    (app.workspace.results / "go on").touch()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("1", "u")
        await until(pilot, lambda: "! update: exit 4 after " in said(app, "#pane-data .job"))
        assert "0 files failed" in " ".join(said(app, "#pane-data .job").split())


async def test_leaving_says_which_command_runs_on(scripted: Callable[[str], TradetermApp]) -> None:
    app = scripted(DAILY)
    async with app.run_test() as pilot:
        await pilot.press("D")
        await until(pilot, lambda: bool(app.runner.running))
        job = app.runner.running[0]
        await pilot.press("q")
        assert app.return_code == 0
        rendered = [str(each) for each in app._exit_renderables]
        assert any(f"daily runs on to its end; it prints to {job.output}" in text for text in rendered)
    (app.workspace.results / "go on").touch()


async def test_a_command_that_fails_says_its_last_line(scripted: Callable[[str], TradetermApp]) -> None:
    app = scripted("import sys; print('error: no bars stored; do this', file=sys.stderr); sys.exit(4)")
    async with app.run_test() as pilot:
        await pilot.press("1", "u")
        await until(pilot, lambda: "update: exit 4" in said(app, "#news"))
        assert "no bars stored; do this" in said(app, "#news")


async def test_a_command_is_detached_from_the_terminal(scripted: Callable[[str], TradetermApp]) -> None:
    app = scripted(
        "import os, sys; open(sys.argv[1] + '/sid', 'w').write(f'{os.getsid(0)} {os.getpid()} {os.isatty(0)}')"
    )
    async with app.run_test() as pilot:
        await pilot.press("1", "u")
        await until(pilot, lambda: "update: done" in said(app, "#news"))
    session, own, terminal = (app.workspace.results / "sid").read_text().split()
    assert session == own != str(os.getsid(0))
    assert terminal == "False"


def test_commands_get_the_same_workspace_and_configuration(workspace: Workspace) -> None:
    (workspace.configs / "experiments").mkdir(exist_ok=True)
    experiment = workspace.configs / "experiments" / "mine.yaml"
    experiment.write_text("system: {band: 0.01}\n")
    settings = load_settings(
        workspace, profile="sample", experiment=experiment, sets=["system.capital=5000", "system.seed=9"], env={}
    )
    words = command_of(workspace, settings)[3:]
    again = load_settings(
        workspace,
        profile=words[words.index("--profile") + 1],
        experiment=Path(words[words.index("--experiment") + 1]),
        sets=[words[place + 1] for place, word in enumerate(words) if word == "--set"],
        env={},
    )
    assert words[words.index("--workspace") + 1] == str(workspace.root)
    assert again.config == settings.config
    assert again.config.system.capital == 5000


HEAVY = """
import sys
from pathlib import Path
from tradeterm.config.load import load_settings
from tradeterm.config.workspace import Workspace
from tradeterm.data.calendar import sessions
from tradeterm.tui.app import TradetermApp
workspace = Workspace(Path(sys.argv[1]))
app = TradetermApp(workspace, load_settings(workspace, profile="sample", env={}))
for name in app.readers.names:
    app.readers.stamp(name)
    app.readers.build(name)
app.readers.close()
print(sorted({"pandas", "numba", "exchange_calendars", "duckdb", "scipy", "sklearn"} & sys.modules.keys()))
"""


def test_the_screen_imports_no_heavy_library(workspace: Workspace) -> None:
    ran = subprocess.run([sys.executable, "-c", HEAVY, str(workspace.root)], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]", ran.stdout


async def test_work_screen_is_the_only_screen_at_start(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.pause()
        assert [type(screen) for screen in app.screen_stack] == [WorkScreen]
