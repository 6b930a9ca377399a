"""No test reaches beyond the loopback: sockets of Python refuse, note it, and the test fails whatever was caught."""

from __future__ import annotations

import ipaddress
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Iterator


class Egress(OSError):
    """A connection beyond the loopback was asked for."""


@contextmanager
def loopback_only() -> Iterator[list[str]]:
    """Refuse every other host within the block and take away proxy settings; what was refused is yielded."""
    denied: list[str] = []
    connect, connect_ex, lookup = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(host: object) -> None:
        name = host.decode() if isinstance(host, bytes) else str(host)
        if name in ("", "None", "localhost") or _is_loopback(name):
            return
        denied.append(name)
        raise Egress(f"egress denied: {name}")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            check(address[0])
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        if self.family != socket.AF_UNIX:
            check(address[0])
        return connect_ex(self, address)

    def guarded_lookup(host: Any, *rest: Any, **named: Any) -> Any:
        check(host)
        return lookup(host, *rest, **named)

    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with (
        mock.patch.object(socket.socket, "connect", guarded_connect),
        mock.patch.object(socket.socket, "connect_ex", guarded_connect_ex),
        mock.patch.object(socket, "getaddrinfo", guarded_lookup),
        mock.patch.dict(os.environ, kept, clear=True),
    ):
        yield denied
    assert not denied, f"hosts beyond the loopback were asked for: {sorted(set(denied))}"


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
