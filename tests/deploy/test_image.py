"""The steps of the Dockerfile, run outside a container: no engine is needed, and none is used.

Each instruction is carried out in a temporary folder that stands for the image's root. Three things differ, and only
those: the locked packages are borrowed from this installation, where the image asks an index; no user is made; and
what runs as that user runs here under another id without rights, where these tests run as root.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import pytest

from tradeterm.client import ApiError, Client

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "Dockerfile"
TOKEN = "a-token-of-twenty-five-ch"
NOBODY = 65_534
# What an image's root has and ours is to stand for.
PLACES = ("/opt/tradeterm", "/srv/tradeterm", "/src")

INSTALL_LOCKED = "/opt/tradeterm/bin/python -m pip install --no-cache-dir --require-hashes -r requirements.lock"
MAKE_USER = "useradd --create-home --uid 10001 tradeterm && install -d -o tradeterm -g tradeterm /srv/tradeterm"


def instructions() -> list[tuple[str, str]]:
    """Instructions in order: name and the rest of the line."""
    text = re.sub(r"\\\n", " ", DOCKERFILE.read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def argument(name: str) -> str:
    """The last instruction of that name."""
    return [rest for found, rest in instructions() if found == name][-1]


def unprivileged() -> list[str]:
    """Words before a command that take its rights: other than root, nobody needs any.

    Reading stays allowed, as a root's interpreter may lie in a folder of its own.
    """
    if os.geteuid() != 0:
        return []
    caps = [
        "--inh-caps=-all,+dac_read_search",
        "--ambient-caps=+dac_read_search",
        "--bounding-set=-all,+dac_read_search",
    ]
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *caps, "--no-new-privs"]


@dataclass
class Image:
    """A folder that stands for the image's root, and how far it is built."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": os.environ["PATH"], "HOME": "/nonexistent"})
    workdir: str = "/"
    user: str | None = None

    def here(self, text: str) -> str:
        for place in PLACES:
            text = re.sub(rf"(?<![\w.]){place}\b", f"{self.root}{place}", text)
        return text

    def words(self, command: list[str]) -> list[str]:
        return [*(unprivileged() if self.user else []), *map(self.here, command)]

    def called(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(command),
            cwd=self.here(self.workdir),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def run(self, command: str) -> None:
        if command == INSTALL_LOCKED:
            return self.borrow()
        if command == MAKE_USER:
            return self.make_user()
        done = self.called(["sh", "-c", command])
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"

    def borrow(self) -> None:
        """Let the environment find the packages of this one, the pinned builder before its own."""
        (site,) = (self.root / "opt/tradeterm/lib").glob("python*/site-packages")
        for own in (*site.glob("setuptools*"), *site.glob("_distutils_hack"), *site.glob("distutils-precedence.pth")):
            shutil.rmtree(own) if own.is_dir() else own.unlink()
        folders = [path for path in sys.path if path.endswith("site-packages")]
        (site / "borrowed.pth").write_text("".join(f"{path}\n" for path in folders), encoding="utf-8")

    def make_user(self) -> None:
        folder = self.root / "srv/tradeterm"
        folder.mkdir(parents=True)
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)

    def copy(self, rest: str) -> None:
        if rest.startswith("--from="):
            # Both stages are one folder here.
            assert rest == "--from=build /opt/tradeterm /opt/tradeterm"
            return
        *sources, target = rest.split()
        folder = self.root / self.workdir.strip("/") / target
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, folder, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, folder / source)

    def carry_out(self, name: str, rest: str) -> None:
        if name == "RUN":
            self.run(rest)
        elif name == "COPY":
            self.copy(rest)
        elif name == "WORKDIR":
            self.workdir = rest
            (self.root / rest.strip("/")).mkdir(parents=True, exist_ok=True)
        elif name == "USER":
            self.user = rest
        elif name == "ENV":
            for key, value in (pair.split("=", 1) for pair in rest.split()):
                self.environment[key] = self.here(value).replace("$PATH", self.environment["PATH"])


def test_every_instruction_is_one_that_is_carried_out_or_only_told() -> None:
    told = {"FROM", "EXPOSE", "VOLUME", "HEALTHCHECK", "CMD"}
    assert {name for name, _ in instructions()} == told | {"RUN", "COPY", "WORKDIR", "USER", "ENV"}


def test_the_image_is_slim_and_ends_as_another_user_than_root() -> None:
    assert [rest for name, rest in instructions() if name == "FROM"] == [
        "python:3.11-slim AS build",
        "python:3.11-slim",
    ]
    assert argument("USER") == "tradeterm"
    names = [name for name, _ in instructions()]
    assert "USER" not in names[: names.index("USER")]
    assert names.index("CMD") > names.index("USER")


def test_what_is_borrowed_here_is_what_the_lock_pins() -> None:
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)(?: ; ([^\\]*))?", (ROOT / "requirements.lock").read_text(), re.M)
    assert len(pins) > 50
    wanted = {name: pin for name, pin, marker in pins if not marker}
    assert {name: version(name) for name in wanted} == wanted


def test_nothing_but_what_is_copied_is_sent_to_the_engine() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*"
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {
        word for name, rest in instructions() if name == "COPY" and "--from" not in rest for word in rest.split()[:-1]
    }
    assert sent == copied
    assert not sent & {"data", "results", ".env", "."}


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that others may pass through, as pytest's own may not."""
    with tempfile.TemporaryDirectory(prefix="tradeterm-image-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_the_image_s_steps_give_a_service_without_rights_that_is_healthy_and_stops(root: Path) -> None:
    image = Image(root)
    for name, rest in instructions():
        image.carry_out(name, rest)
    has_the_built_package(image)
    owns_its_workspace(image)
    starts_with_a_token_alone(image)
    serves_and_stops(image)


def has_the_built_package(image: Image) -> None:
    code = "import tradeterm, os; print(os.path.dirname(tradeterm.__file__), os.getuid())"
    done = image.called(["/opt/tradeterm/bin/python", "-c", code])
    folder, uid = done.stdout.split()
    assert Path(folder).is_relative_to(image.root / "opt/tradeterm/lib")
    assert uid != "0"


def owns_its_workspace(image: Image) -> None:
    for name in ("configs/base/system.yaml", "strategies", "data", "results", ".env.example"):
        path = image.root / "srv/tradeterm" / name
        assert path.exists()
        assert path.stat().st_uid != 0


def starts_with_a_token_alone(image: Image) -> None:
    done = image.called(json.loads(argument("CMD")))
    assert done.returncode == 2
    assert "a token is required; set TRADETERM_API_TOKEN" in done.stderr


def serves_and_stops(image: Image) -> None:
    # On a free port: the image's own may be taken on this machine.
    command = [*json.loads(argument("CMD")), "--port", "0"]
    image.environment["TRADETERM_API_TOKEN"] = TOKEN
    process = subprocess.Popen(
        image.words(command), cwd=image.here(image.workdir), env=image.environment, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        port = re.search(r"http://0\.0\.0\.0:(\d+)", line)
        assert port is not None, line + process.stderr.read()
        image.environment["TRADETERM_API_URL"] = url = f"http://127.0.0.1:{port[1]}"
        options, _, check = argument("HEALTHCHECK").partition(" CMD ")
        assert "--start-period=" in options
        done = image.called(json.loads(check))
        assert (done.returncode, done.stdout) == (0, "degraded: no daily run is recorded yet; run `tradeterm daily`\n")
        with Client(url) as stranger, pytest.raises(ApiError, match=r"^401 "):
            stranger.predict()
        process.terminate()
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.communicate()


def test_the_health_check_asks_where_the_command_listens() -> None:
    from tradeterm.client import DEFAULT_URL

    assert argument("EXPOSE") == DEFAULT_URL.rpartition(":")[2] == "8710"
    assert "--port" not in argument("CMD")
