"""One thread that watches the stores and builds read models when something has changed.

Four times a second it looks at three cheap things: the ledger's data version, the stamps of files, and whether the kill
file is there. It never touches a widget; it posts messages.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tradeterm import killfile
from tradeterm.core.errors import TradetermError
from tradeterm.tui.messages import LatchMoved, PollerStopped, ViewUpdated
from tradeterm.tui.readers import ODD

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.message import Message

    from tradeterm.tui.readers import Readers

__all__ = ["Poller"]

_TICK_S = 0.25
# Ages move even where nothing else does.
_TICKS_TO_AGE = 120


class Poller(threading.Thread):
    """Posts ``ViewUpdated`` and ``LatchMoved`` until it is stopped."""

    def __init__(self, readers: Readers, post: Callable[[Message], object]) -> None:
        super().__init__(name="tradeterm-poller", daemon=True)
        self._readers = readers
        self._post = post
        self._stopped = threading.Event()
        self._wake = threading.Event()
        self._everything = True
        self._stamps: dict[str, object] = {}
        self._latch: killfile.KillRecord | None = None
        self._shown: dict[str, tuple[Any, str | None]] = {}

    def refresh(self) -> None:
        """Build everything again at once."""
        self._everything = True
        self._wake.set()

    def stop(self) -> None:
        """Let the thread end."""
        self._stopped.set()
        self._wake.set()

    def run(self) -> None:
        """Watch until stopped."""
        ticks = 0
        try:
            while not self._stopped.is_set():
                self._tick(ages=ticks % _TICKS_TO_AGE == 0)
                ticks += 1
                self._wake.wait(_TICK_S)
                self._wake.clear()
        except Exception as failure:
            self._post(PollerStopped(failure))
            raise
        finally:
            self._readers.close()

    def _tick(self, *, ages: bool) -> None:
        latch = killfile.read(self._readers.results)
        if latch != self._latch:
            self._latch = latch
            self._post(LatchMoved())
        everything, self._everything = self._everything or ages, False
        for name in self._readers.names:
            if self._stopped.is_set():
                return
            stamp = self._readers.stamp(name)
            if everything or stamp != self._stamps.get(name):
                self._stamps[name] = stamp
                self._build(name)

    def _build(self, name: str) -> None:
        view, trouble = None, None
        try:
            view = self._readers.build(name)
        except TradetermError as failure:
            trouble = str(failure)
        except ODD as failure:
            trouble = f"what is stored can't be shown ({type(failure).__name__}: {failure}); see `tradeterm doctor`"
        if self._shown.get(name) != (view, trouble):
            self._shown[name] = (view, trouble)
            self._post(ViewUpdated(name, view, trouble))
