"""The command as a process of its own: what it refuses, what it says, how it stops."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tradeterm.cli.commands.init import write_workspace
from tradeterm.client import Client

TOKEN = "a-token-of-twenty-five-ch"
Starting = Callable[..., tuple["subprocess.Popen[str]", str]]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    write_workspace(tmp_path / "desk")
    return tmp_path / "desk"


def command(workspace: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "tradeterm", "serve", "--workspace", str(workspace), *words]


def environment(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "XDG_CACHE_HOME") if name in os.environ}
    return kept | {"PYTHONUNBUFFERED": "1"} | more


def refused(workspace: Path, *words: str, **env: str) -> str:
    """Run a command that must end at once with code 2, and return its one line."""
    done = subprocess.run(
        command(workspace, *words), capture_output=True, text=True, env=environment(**env), timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.fixture
def starting(workspace: Path) -> Iterator[Starting]:
    """Start the service on a free port; returns the process and the address that it tells."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, **env: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            command(workspace, "--port", "0", *words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**env),
        )
        started.append(process)
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.fullmatch(r"serving (.+) on (http://\S+), read-only; ctrl\+c or SIGTERM stops it\n", line)
        assert found is not None, line + process.stderr.read()
        assert found[1] == str(workspace)
        return process, found[2]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_until_it_is_told_to_stop_and_ends_well(
    starting: Starting, workspace: Path, number: signal.Signals
) -> None:
    process, url = starting()
    with Client(url) as client:
        assert client.health().reasons == ("no daily run is recorded yet; run `tradeterm daily`",)
        assert client.predict().signals == ()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    log = (workspace / "results/logs/app.serve.jsonl").read_text()
    assert "GET /predict 200" in log
    assert "serve ended" in log


def test_a_taken_port_is_told_in_one_line(workspace: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert refused(workspace, "--port", str(port)) == (
            f"error: port {port} of 127.0.0.1 is taken; stop what listens there, or give another with --port\n"
        )


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_others_are_let_in_with_a_token_alone(workspace: Path, host: str) -> None:
    assert "a token is required; set TRADETERM_API_TOKEN in the environment or .env" in refused(
        workspace, "--host", host, "--port", "0"
    )


@pytest.mark.parametrize("token", ["short", "with a space in its middle", "nicht-aus-ascii-zeichen-ä"])
def test_a_weak_token_is_refused_without_being_shown(workspace: Path, token: str) -> None:
    told = refused(workspace, "--port", "0", TRADETERM_API_TOKEN=token)
    assert told.startswith("error: TRADETERM_API_TOKEN: must be at least 16 printable ASCII characters without spaces")
    assert token not in told


def test_no_token_is_taken_from_the_command_line(workspace: Path) -> None:
    assert "No such option: --token" in refused(workspace, "--token", TOKEN)


def test_an_address_of_another_machine_is_refused(workspace: Path) -> None:
    # 192.0.2.0/24 is for documentation: no machine has it.
    told = refused(workspace, "--host", "192.0.2.7", "--port", "0", TRADETERM_API_TOKEN=TOKEN)
    assert told.startswith("error: --host 192.0.2.7: can't be listened on (")


def test_a_token_of_the_env_file_is_asked_for_on_every_address(starting: Starting, workspace: Path) -> None:
    (workspace / ".env").write_text(f"TRADETERM_API_TOKEN={TOKEN}\n")
    process, url = starting("--host", "0.0.0.0")
    port = int(url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/health", headers={"Host": "desk.example"})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Server")) == (401, None)
    answer.read()
    connection.close()
    with Client(f"http://127.0.0.1:{port}", token=TOKEN) as client:
        assert client.health().ledger_seq == 0
    process.terminate()
    _, err = process.communicate(timeout=30)
    logs = "".join(path.read_text() for path in (workspace / "results/logs").iterdir())
    assert TOKEN not in err + logs


def test_a_workspace_that_cannot_be_written_is_served(starting: Starting, workspace: Path) -> None:
    # Root may write anywhere, so a file stands where the logs would go.
    (workspace / "results/logs").write_text("")
    process, url = starting()
    with Client(url) as client:
        assert client.health().ledger_seq == 0
    process.terminate()
    assert process.wait(timeout=30) == 0
    assert sorted(path.name for path in (workspace / "results").iterdir()) == ["logs"]
