"""The units and the crontab of docs/deploy: they parse, and what they start exists."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

from tradeterm.cli.app import app
from tradeterm.cli.invocation import GLOBAL_OPTIONS

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs" / "deploy"
UNITS = sorted(path.name for path in DEPLOY.glob("tradeterm-*"))
PROGRAM = "/opt/tradeterm/bin/tradeterm"
ANALYZE = shutil.which("systemd-analyze")


def unit(name: str) -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None, strict=True)
    found.optionxform = str  # type: ignore[assignment,method-assign]  # systemd minds the case
    found.read(DEPLOY / name, encoding="utf-8")
    return found


def is_a_command(line: str) -> None:
    """The program, a command that exists, and options that it takes."""
    program, name, *words = shlex.split(line)
    assert program == PROGRAM
    root: Any = typer.main.get_command(app)
    command = root.get_command(typer.Context(root, info_name="tradeterm"), name)
    assert command is not None, name
    known = {option for param in command.params for option in param.opts}
    known |= {word for option, _ in GLOBAL_OPTIONS for word in re.findall(r"--?[a-z-]+", option)}
    used = {word for word in words if word.startswith("-")}
    assert used <= known, used - known
    assert len(words) == 2 * len(used), "each option has its value, and nothing else is there"


def cron_entries() -> list[str]:
    lines = (DEPLOY / "crontab").read_text(encoding="utf-8").splitlines()
    assignment = re.compile(r"[A-Z_]+=\S+")
    return [line for line in lines if line and not line.startswith("#") and not assignment.fullmatch(line)]


def test_there_is_a_service_and_a_timer_for_the_day_and_a_service_for_serving() -> None:
    assert UNITS == ["tradeterm-daily.service", "tradeterm-daily.timer", "tradeterm-serve.service"]


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_a_service_starts_a_command_that_exists_as_a_user_without_rights(name: str) -> None:
    service = unit(name)["Service"]
    is_a_command(service["ExecStart"])
    assert (service["User"], service["NoNewPrivileges"], service["CapabilityBoundingSet"]) == ("tradeterm", "yes", "")
    assert service["ProtectSystem"] == "strict"


def test_the_timer_starts_the_day_after_each_time_of_the_decision_grid() -> None:
    timer = unit("tradeterm-daily.timer")["Timer"]
    assert timer["OnCalendar"] == "*-*-* 00/4:10:00 UTC"
    assert "Unit" not in timer, "it starts the service of its own name"


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    stand_in = tmp_path / "tradeterm"
    stand_in.write_text("#!/bin/sh\n")
    stand_in.chmod(0o755)
    for name in UNITS:
        text = (DEPLOY / name).read_text(encoding="utf-8").replace(PROGRAM, str(stand_in))
        (tmp_path / name).write_text(text, encoding="utf-8")
    command = [str(ANALYZE), "verify", *(str(tmp_path / name) for name in UNITS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
def test_systemd_reads_the_calendar_as_six_times_a_day() -> None:
    told = unit("tradeterm-daily.timer")["Timer"]["OnCalendar"]
    command = [str(ANALYZE), "calendar", "--base-time=2026-01-01 00:00:00 UTC", "--iterations=6", told]
    done = subprocess.run(command, capture_output=True, text=True, env={"TZ": "UTC", "LC_ALL": "C"}, check=True)
    times = re.findall(r"2026-01-01 (\d\d:\d\d):00 UTC", done.stdout)
    assert times == ["00:10", "04:10", "08:10", "12:10", "16:10", "20:10"]


def test_the_crontab_has_one_entry_that_starts_the_day() -> None:
    (entry,) = cron_entries()
    minute, hour, day, month, weekday, command = entry.split(None, 5)
    assert (minute, hour, day, month, weekday) == ("10", "*/4", "*", "*", "*")
    assert "%" not in command, "cron would end the line there"
    program, _, redirected = command.partition(" >")
    assert redirected == "/dev/null", "what is said on stderr is mailed"
    is_a_command(program)


def test_the_crontab_s_entry_is_a_line_of_shell() -> None:
    (entry,) = cron_entries()
    done = subprocess.run(["sh", "-n", "-c", entry.split(None, 5)[5]], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
