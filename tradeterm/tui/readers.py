"""What the poller reads: which stores each read model depends on, and how it is built."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from typing import IO, TYPE_CHECKING, Any

from tradeterm import killfile
from tradeterm.core.errors import StoreError, TradetermError
from tradeterm.store.ledger import Ledger
from tradeterm.views import board, book, data, orders, regime, runs, series, signals, status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tradeterm.config.settings import Settings
    from tradeterm.config.workspace import Workspace
    from tradeterm.core.market import BarKey
    from tradeterm.views.candles import Shown
    from tradeterm.views.series import SeriesView

__all__ = ["ODD", "Readers"]

# What a store of another version or another program's hand may do to a builder.
ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError)

_DEPENDS = {
    "status": ("ledger", "kill", "day"),
    "data": ("ledger", "bars"),
    "runs": ("ledger",),
    "book": ("ledger",),
    "regime": ("ledger",),
    "orders": ("ledger", "kill"),
    "signals": ("ledger",),
    "board": ("ledger", "strategies"),
}
_BAR_FOLDERS = ("equities", "crypto", "macro", "quarantine")


class Readers:
    """Builds read models; lives in one thread.

    command : how ``tradeterm`` is run, for what must not happen in this process: loading the user's strategies
    """

    names: tuple[str, ...] = tuple(_DEPENDS)

    def __init__(
        self, workspace: Workspace, settings: Settings | None, clock: Callable[[], int], command: Sequence[str]
    ) -> None:
        self.results = workspace.results
        self._workspace = workspace
        self._settings = settings
        self._clock = clock
        self._ledger = Ledger.reader(workspace.results)
        self._day_change: float | None = None
        self._lister = _Lister(workspace.strategies, command)

    @property
    def profile(self) -> str | None:
        """Profile that is shown; None takes the newest of any."""
        return self._settings.profile if self._settings is not None else None

    @property
    def sample(self) -> bool | None:
        """Whether configured bars are made up."""
        return self._settings.made_up if self._settings is not None else None

    def stamp(self, name: str) -> object:
        """Return what changes when the read model may have changed."""
        return tuple(getattr(self, f"_stamp_{part}")() for part in _DEPENDS[name])

    def build(self, name: str) -> Any:
        """Build one read model.

        Raises
        ------
        TradetermError
            When a store can't be read; the message is one line for people.
        """
        return getattr(self, f"_build_{name}")(self._clock())

    def series(self, key: BarKey) -> tuple[SeriesView | str, Shown | None]:
        """Read one bar file in full, or say in a line why it can't be; unlike the others, in any thread."""
        from tradeterm.views.candles import Shown

        config = self._settings.config if self._settings is not None else None
        try:
            found, bars = series.read(self._workspace, self._clock(), key, config=config, profile=self.profile)
            return found, None if bars is None else Shown(bars)
        except TradetermError as failure:
            return str(failure), None
        except ODD as failure:
            return f"{key} can't be shown ({type(failure).__name__}: {failure}); see `tradeterm doctor`", None

    def scores(self) -> signals.OutcomesView | str:
        """Read how good signals were, or say in a line why that can't be told; in any thread."""
        try:
            return signals.build_outcomes(self._workspace, self._clock())
        except TradetermError as failure:
            return str(failure)
        except ODD as failure:
            return f"scores can't be shown ({type(failure).__name__}: {failure}); see `tradeterm ledger verify`"

    def close(self) -> None:
        """Let go of the ledger, and of a listing that still runs."""
        self._ledger.close()
        self._lister.close()

    def _stamp_ledger(self) -> object:
        try:
            return self._ledger.data_version(), _stat(self._ledger.path)
        except StoreError as failure:
            self._ledger.close()
            return str(failure), _stat(self._ledger.path)

    def _stamp_kill(self) -> object:
        return killfile.read(self.results)

    def _stamp_day(self) -> object:
        # Read with the book, from Parquet, which the status line itself doesn't wait for.
        return self._day_change

    def _stamp_bars(self) -> object:
        return tuple(_files(self._workspace.data / name) for name in _BAR_FOLDERS)

    def _stamp_strategies(self) -> object:
        return self._lister.look(_files(self._workspace.strategies))

    def _build_status(self, now_ns: int) -> status.StatusView:
        return status.build(
            self._workspace, now_ns, profile=self.profile, sample=self.sample, day_change=self._day_change
        )

    def _build_data(self, now_ns: int) -> data.DataView:
        config = self._settings.config if self._settings is not None else None
        return data.build(self._workspace, now_ns, config=config, profile=self.profile)

    def _build_runs(self, now_ns: int) -> runs.RunsView:
        return runs.build(self._workspace, now_ns)

    def _build_book(self, now_ns: int) -> book.BookView:
        found = book.build(self._workspace, now_ns, profile=self.profile)
        self._day_change = found.day_change
        return found

    def _build_regime(self, now_ns: int) -> regime.RegimeView:
        return regime.build(self._workspace, now_ns, profile=self.profile)

    def _build_orders(self, now_ns: int) -> orders.OrdersView:
        return orders.build(self._workspace, now_ns)

    def _build_signals(self, now_ns: int) -> signals.SignalsView:
        return signals.build(self._workspace, now_ns)

    def _build_board(self, now_ns: int) -> board.BoardView | None:
        if self._settings is None:
            raise StoreError("no configuration; see `tradeterm config show`")
        found = self._lister.found
        if found is None and self._lister.problem is None:
            return None
        return board.build(
            self._workspace,
            now_ns,
            config=self._settings.config,
            strategies=found or (),
            problem=self._lister.problem,
        )


class _Lister:
    """Lists strategies in a process of its own: their code is the user's, and brings numba with it."""

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        self._folder = folder
        self._command = (*command, "strategy", "list", "--json")
        self._seen: object = None
        self._running: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._listings = 0
        self.found: tuple[board.Listed, ...] | None = None
        self.problem: str | None = None

    def look(self, stamp: object) -> int:
        """List again when files have changed; return how many listings have ended."""
        if self._running is not None and self._running.poll() is not None:
            self._take()
        if self._running is None and stamp != self._seen:
            self._seen = stamp
            # A file, not a pipe: nobody reads while it runs, and a full pipe would stop it.
            self._output = tempfile.TemporaryFile()  # noqa: SIM115 (read and closed by _take, long after this)
            self._running = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.DEVNULL,
            )
        return self._listings

    def close(self) -> None:
        """End a listing that still runs."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None
        if self._output is not None:
            self._output.close()
            self._output = None

    def _take(self) -> None:
        running, output = self._running, self._output
        if running is None or output is None:
            return
        output.seek(0)
        text = output.read()
        code = running.returncode
        self.close()
        self._listings += 1
        try:
            self.found = tuple(map(board.Listed.of, json.loads(text)["strategies"]))
            self.problem = None
        except (ValueError, LookupError, TypeError):
            self.found = None
            self.problem = f"strategies can't be listed (exit {code}); see `tradeterm strategy list`"


def _stat(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_dev


def _files(folder: Path) -> object:
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.stat()) for entry in entries if not entry.name.startswith((".", "__"))]
    except OSError:
        return ()
    return tuple(sorted((name, stat.st_mtime_ns, stat.st_size) for name, stat in found))
