"""What one command line asked for besides the command itself, and what it resolves to when a command needs it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tradeterm.cli.output import Output
from tradeterm.core.errors import StoreUnwritable, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import typer

    from tradeterm.config.settings import Settings
    from tradeterm.config.workspace import Workspace
    from tradeterm.store.ledger import Ledger

    # Opens another face and returns its exit code; handed in, as no face imports another.
    Workstation = Callable[[Workspace, Settings], int]

__all__ = ["GLOBAL_OPTIONS", "Faces", "Invocation", "Service", "invocation_of", "split_globals"]

GLOBAL_OPTIONS: tuple[tuple[str, str], ...] = (
    ("--workspace DIR", "Folder with configs/, strategies/, data/, results/ (else TRADETERM_WORKSPACE, else upward)."),
    ("--profile NAME", "Profile below configs/profiles (else TRADETERM_PROFILE, else sample)."),
    ("--experiment FILE", "One more YAML layer: a file, or a name below configs/experiments."),
    ("--set KEY=VALUE", "One value over all files, such as system.capital=50000; may be repeated."),
    ("--json", "Exactly one JSON object on stdout; messages stay on stderr."),
    ("-v, --verbose", "Progress messages on stderr, not only warnings."),
)
_VALUED = ("--workspace", "--profile", "--experiment", "--set")
_FLAGS = {"--json": "json", "-v": "verbose", "--verbose": "verbose"}


class Service(Protocol):
    """Serves a workspace over HTTP until it is stopped, and returns the exit code."""

    def __call__(
        self,
        workspace: Workspace,
        settings: Settings,
        *,
        host: str,
        port: int,
        profile: str | None,
        announce: Callable[[str], None],
    ) -> int:
        """Serve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faces:
    """The other faces, where they are part of the installation."""

    workstation: Workstation | None = None
    service: Service | None = None


@dataclass(slots=True)
class Invocation:
    """Global options; workspace and settings are resolved on first use, as not every command needs them."""

    workspace_option: str | None = None
    profile: str | None = None
    experiment: str | None = None
    sets: list[str] = field(default_factory=list)
    json: bool = False
    verbose: bool = False
    faces: Faces = Faces()
    _workspace: Workspace | None = None
    _settings: Settings | None = None

    @property
    def workstation(self) -> Workstation | None:
        """What a line without a command opens."""
        return self.faces.workstation

    @property
    def service(self) -> Service | None:
        """What ``serve`` starts."""
        return self.faces.service

    @property
    def out(self) -> Output:
        """Printer of the result."""
        return Output(as_json=self.json)

    def workspace(self) -> Workspace:
        """Return the workspace, or raise WorkspaceNotFound."""
        if self._workspace is None:
            from tradeterm.config.workspace import find_workspace

            explicit = Path(self.workspace_option) if self.workspace_option else None
            self._workspace = find_workspace(explicit, Path.cwd())
        return self._workspace

    def settings(self) -> Settings:
        """Return the resolved configuration; imports pydantic (150 ms)."""
        if self._settings is None:
            from tradeterm.config.load import load_settings

            experiment = Path(self.experiment) if self.experiment else None
            self._settings = load_settings(
                self.workspace(), profile=self.profile, experiment=experiment, sets=self.sets
            )
        return self._settings

    def words(self) -> list[str]:
        """Return the options that make another process resolve to the same workspace and configuration."""
        named = {"--workspace": str(self.workspace().root), "--profile": self.profile, "--experiment": self.experiment}
        given = [word for name, value in named.items() if value for word in (name, value)]
        given += [word for text in self.sets for word in ("--set", text)]
        return given + (["--json"] if self.json else []) + (["--verbose"] if self.verbose else [])

    def instant(self, text: str) -> int:
        """Instant that an ``--asof`` means on the configured decision grid; the future is refused."""
        from tradeterm.core.time import DAY_NS, H4_NS, asof_instant, iso

        step_ns = DAY_NS if self.settings().config.system.timeframe == "daily" else H4_NS
        now_ns = time.time_ns()
        asof_ns = asof_instant(text, now_ns, step_ns)
        if asof_ns > now_ns:
            raise UsageError(f"'{text}' means {iso(asof_ns)}, which has not come; give an earlier day, or today")
        return asof_ns

    def ledger(self) -> Ledger:
        """Open the ledger for recording; use it as a context."""
        from tradeterm.store.ledger import Ledger

        return Ledger(self.workspace().results, clock=time.time_ns)

    @contextmanager
    def logged(self, proc: str, *, needed: bool = True) -> Iterator[None]:
        """Log this process to the workspace as ``proc``: that it began, how it ended, and what is logged between.

        needed : whether a folder that can't be written is an error; else only stderr is written to
        """
        from loguru import logger

        from tradeterm.config.log import configure, only_stderr

        settings = self.settings()
        level = "INFO" if self.verbose else "WARNING"
        try:
            log = configure(
                self.workspace(),
                settings.secrets,
                None,
                proc=proc,
                settings=settings.config.system.log,
                stderr_level=level,
            )
        except StoreUnwritable:
            if needed:
                raise
            only_stderr(settings.secrets, stderr_level=level)
            yield
            return
        logger.info("{} began", proc, profile=settings.profile, config_hash=settings.config_hash)
        try:
            yield
            logger.info("{} ended", proc)
        except Exception as problem:
            # Raised again: the last line of the log says why, and the command line tells the person.
            logger.bind(kind=type(problem).__name__, quiet=True).error("{} failed: {}", proc, problem)
            raise
        finally:
            log.close()

    def use_engine(self) -> None:
        """Name the kernel cache; has to come before anything that imports numba."""
        from tradeterm.config.kernels import use_kernel_cache

        use_kernel_cache()


def invocation_of(context: typer.Context) -> Invocation:
    """Return the invocation behind a command's context."""
    found = context.obj
    return found if isinstance(found, Invocation) else Invocation()


def split_globals(arguments: Sequence[str]) -> tuple[Invocation, list[str]]:
    """Take the global options out of a command line, wherever they stand before a ``--``."""
    invocation = Invocation()
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            return invocation, [*rest, word, *words]
        name, equals, value = word.partition("=")
        if word in _FLAGS:
            setattr(invocation, _FLAGS[word], True)
        elif name in _VALUED:
            _take(invocation, name, value if equals else next(words, None))
        else:
            rest.append(word)
    return invocation, rest


def _take(invocation: Invocation, name: str, value: str | None) -> None:
    if not value:
        raise UsageError(f"{name} had no value; see `tradeterm --help`")
    if name == "--set":
        invocation.sets.append(value)
    elif name == "--workspace":
        invocation.workspace_option = value
    else:
        setattr(invocation, name.removeprefix("--"), value)
