"""The real thing in a pseudo-terminal: raw bytes in, a latch on disk and a banner on screen out."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tradeterm import killfile
from tradeterm.config.workspace import Workspace

HERE = Path(__file__).parent


class Terminal:
    """A program in a pseudo-terminal of 80 by 24, and all that it has written."""

    def __init__(self, words: list[str], *, cwd: Path, env: dict[str, str]) -> None:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            words, stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=env, start_new_session=True
        )
        os.close(slave)
        self._master = master
        self.written = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def press(self, raw: bytes) -> None:
        os.write(self._master, raw)

    def until(self, reached: Callable[[], bool]) -> None:
        """Read what is written until a state is reached; a program that ends before is a failure."""
        while not reached():
            if select.select([self._master], [], [], 0.02)[0]:
                try:
                    self.written += os.read(self._master, 65_536)
                except OSError:
                    break
            elif self.process.poll() is not None:
                break
        assert reached(), self.written[-2000:].decode(errors="replace")

    def shows(self, words: bytes) -> None:
        self.until(lambda: words in self.written)

    def ends(self) -> int:
        """Read to the end, so that a full terminal doesn't hold the program, and return its exit code."""
        while self.process.poll() is None:
            if select.select([self._master], [], [], 0.02)[0]:
                try:
                    self.written += os.read(self._master, 65_536)
                except OSError:
                    time.sleep(0.02)
        return self.process.returncode


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A plain terminal, and a home that holds nothing."""
    found = {name: os.environ[name] for name in ("PATH", "LANG", "VIRTUAL_ENV") if name in os.environ}
    return found | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}


@pytest.fixture
def workstation(workspace: Workspace, environ: dict[str, str]) -> Iterator[Terminal]:
    with Terminal([sys.executable, "-m", "tradeterm"], cwd=workspace.root, env=environ) as terminal:
        terminal.shows(b"F9 KILL")
        yield terminal


@pytest.fixture
def blockable(workspace: Workspace, environ: dict[str, str]) -> Iterator[Terminal]:
    words = [sys.executable, str(HERE / "blocked_app.py"), str(workspace.root)]
    with Terminal(words, cwd=workspace.root, env=environ) as terminal:
        terminal.shows(b"F9 KILL")
        terminal.press(b"x")
        terminal.until((workspace.results / "blocked").exists)
        yield terminal


@pytest.mark.parametrize("raw", [b"\x1b[20~", b"\x07"], ids=["f9", "ctrl+g"])
def test_raw_bytes_of_the_kill_key_latch_and_show(workstation: Terminal, workspace: Workspace, raw: bytes) -> None:
    workstation.press(raw)
    workstation.until(workspace.kill_file.exists)
    workstation.shows(b"KILLED")
    record = killfile.read(workspace.results)
    assert record is not None
    assert record.by == "operator:key"
    workstation.press(b"q")
    assert workstation.ends() == 0
    assert b"nothing keeps running" in workstation.written


def test_the_key_latches_while_the_loop_is_blocked(blockable: Terminal, workspace: Workspace) -> None:
    # The loop waits for the latch: only the thread that reads the terminal can set it.
    blockable.press(b"\x1b[20~")
    blockable.until((workspace.results / "released").exists)
    blockable.shows(b"KILLED")


def test_the_command_latches_while_the_loop_is_blocked(
    blockable: Terminal, workspace: Workspace, environ: dict[str, str]
) -> None:
    words = [sys.executable, "-m", "tradeterm", "kill", "--workspace", str(workspace.root), "--reason", "frozen"]
    subprocess.run(words, check=True, env=environ, capture_output=True)
    blockable.until((workspace.results / "released").exists)
    blockable.shows(b"KILLED")


def test_a_latch_made_by_hand_shows_within_the_running_screen(workstation: Terminal, workspace: Workspace) -> None:
    workspace.kill_file.touch()
    workstation.shows(b"by touch")


def test_quitting_says_what_keeps_running(workstation: Terminal) -> None:
    workstation.press(b"q")
    assert workstation.ends() == 0
    assert b"nothing keeps running: no session was started" in workstation.written
    assert b"Traceback" not in workstation.written
