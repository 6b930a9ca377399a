from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tradeterm.cli import diagnostics
from tradeterm.cli.invocation import Faces
from tradeterm.config.settings import Settings
from tradeterm.config.workspace import Workspace
from tradeterm.core.errors import (
    CertificateFailed,
    GateRefused,
    KillLatched,
    LockHeld,
    RiskHalt,
    StaleData,
    TradetermError,
)

ROOT = Path(__file__).parents[2]


def tradeterm(*words: str, cwd: Path = ROOT, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tradeterm", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **(env or {})},
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["bogus"], "'bogus' is no command of tradeterm; one of: daily,"),
        (["statis"], "'statis' is no command of tradeterm; did you mean 'status'?"),
        (["ledger", "verfy"], "'verfy' is no command of tradeterm ledger; did you mean 'verify'?"),
        (["status", "--nope"], "No such option: --nope"),
        (["init"], "Missing argument 'DIR'; see `tradeterm init --help`"),
        (["config"], "Missing command; see `tradeterm config --help`"),
        (["status", "--workspace"], "--workspace had no value"),
        (["config", "show", "--set", "system.capitl=1"], "unknown key 'system.capitl'; did you mean 'capital'?"),
        (["config", "show", "--profile", "smple"], "no profile 'smple'; did you mean 'sample'?"),
        (["config", "show", "system.limit"], "unknown key 'system.limit'; did you mean 'limits'?"),
        (["daily", "--asof", "yesterday-ish"], "'yesterday-ish' is no date or instant"),
        (["status", "--workspace", "/nowhere"], "/nowhere: no workspace here or above"),
        ([], "the workstation needs a terminal; use a command, see `tradeterm --help`"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(words: list[str], expected: str) -> None:
    done = tradeterm(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1


class _Raising:
    """Stands in for the command table: raises what a command would."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def make_context(self, *_: object, **__: object) -> object:
        raise self.error


def run_raising(monkeypatch: pytest.MonkeyPatch, error: BaseException, *words: str) -> int:
    monkeypatch.setattr("typer.main.get_command", lambda _: _Raising(error))
    return diagnostics.run(["daily", *words])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TradetermError("x"), 1),
        (LockHeld("the daily run", "pid 5"), 3),
        (StaleData("x"), 4),
        (RiskHalt("x"), 5),
        (KillLatched("x"), 7),
        (CertificateFailed("x"), 8),
        (GateRefused("x"), 9),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_error_has_its_exit_code_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    assert run_raising(monkeypatch, error) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1


def test_the_unexpected_is_one_line_and_a_scrubbed_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / ".env").write_text('# keys\nKRAKEN_SECRET_KEY="canary-in-the-file"\n')
    monkeypatch.setenv("ALPACA_SECRET_KEY", "canary-in-the-environment")
    told = "sent canary-in-the-environment\nand canary-in-the-file\nand apiKey=canary-unknown"
    assert run_raising(monkeypatch, ZeroDivisionError(told), "--workspace", str(tmp_path)) == 1
    error = capsys.readouterr().err
    (report,) = (tmp_path / "results" / "logs").glob("crash-*.log")
    assert error.count("\n") == 1
    assert str(report) in error
    text = report.read_text()
    assert "ZeroDivisionError" in text
    assert "Traceback" in text
    assert "canary" not in text + error
    assert text.count("[secret]") >= 3


def test_a_crash_that_can_not_be_recorded_is_still_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "results").write_text("a file")
    monkeypatch.setenv("TRADETERM_WORKSPACE", str(tmp_path))
    assert run_raising(monkeypatch, ZeroDivisionError("by zero")) == 1
    assert "ZeroDivisionError: by zero (and no crash report could be written" in capsys.readouterr().err


def test_a_reader_that_goes_away_leaves_no_noise(tmp_path: Path) -> None:
    # `true` ends without reading: the program's output has nowhere to go.
    command = f"{sys.executable} -m tradeterm config show --origin | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.strip() in {"0", "141"}


def test_an_interrupt_ends_quietly_with_130(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from tradeterm.cli import output\n"
        "def stop(*_): os.kill(os.getpid(), signal.SIGINT)\n"
        "output.Output.result = lambda *a, **k: stop()\n"
        "from tradeterm.cli.diagnostics import run\n"
        "sys.exit(run(['status']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
        check=False,
    )
    assert done.returncode == 130
    assert done.stderr == "error: interrupted; what was finished is kept, run the same command again\n"


def test_json_and_global_options_may_stand_anywhere() -> None:
    before = tradeterm("--json", "--workspace", str(ROOT), "config", "show", "system.fill")
    after = tradeterm("config", "show", "--workspace", str(ROOT), "system.fill", "--json")
    assert before.stdout == after.stdout
    document = json.loads(after.stdout)
    assert document["values"] == {"system.fill": "next_open"}
    assert after.stdout.count("\n") == 1


def test_a_line_without_a_command_opens_the_workstation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    opened: list[tuple[Path, str]] = []

    def workstation(workspace: Workspace, settings: Settings) -> int:
        opened.append((workspace.root, settings.profile))
        return 7

    assert diagnostics.run(["--workspace", str(ROOT), "--profile", "live"], faces=Faces(workstation=workstation)) == 7
    assert opened == [(ROOT, "live")]
