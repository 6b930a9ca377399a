"""The kill key on the thread that reads the terminal: it latches even while the app's loop stands still."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual import events

from tradeterm.tui.keys import KILL_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.driver import Driver
    from textual.message import Message

__all__ = ["with_kill"]


def with_kill(driver: type[Driver], trip: Callable[[], None]) -> type[Driver]:
    """Return the driver, which calls ``trip`` on its own thread for a kill key, then goes on as always."""

    class KillDriver(driver):  # type: ignore[misc,valid-type]  # the platform decides at run time which driver it is
        def process_message(self, message: Message) -> None:
            if isinstance(message, events.Key) and message.key in KILL_KEYS:
                trip()
            super().process_message(message)

    found: Any = KillDriver
    found.__name__ = driver.__name__
    return KillDriver
