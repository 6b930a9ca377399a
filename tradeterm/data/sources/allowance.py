"""What one answer may take: time until its last byte, however it drips, and bytes, however many it sends.

Clients limit the silence between two reads at most, and take a body whole however large it is. So every read of a
connection is shortened here to what is left of the answer's time: reads of status and headers, of the lines between
chunks and of the body alike.
"""

from __future__ import annotations

import io
import time
from functools import partial
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from requests.adapters import BaseAdapter

    from tradeterm.data.sources.wire import Patience

__all__ = ["TOO_LARGE", "Allowance", "Gathered", "limit_adapter", "limit_transport"]

TOO_LARGE = "an answer of more than"
_MB = 1_000_000


class Allowance:
    """Time and bytes of one answer after the other, for one thread at a time.

    Parameters
    ----------
    clock
        Time in seconds.
    """

    def __init__(self, patience: Patience, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._answer_s, self._largest_mb, self._clock = patience.answer_s, patience.largest_mb, clock
        self._until = clock() + patience.answer_s

    def begin(self) -> None:
        """Start over: something is being asked."""
        self._until = self._clock() + self._answer_s

    def gather(self) -> Gathered:
        """Return what the body of the answer is to be put into."""
        return Gathered(self._largest_mb)

    def wait_s(self, own_s: float | None) -> float:
        """Return how long the next read may wait: its own limit, or what is left if that is less.

        Raises
        ------
        TimeoutError
            When nothing is left.
        """
        left = self._until - self._clock()
        if left <= 0:
            raise TimeoutError("timed out")
        return left if own_s is None else min(own_s, left)


class Gathered:
    """The parts of a body, unpacked, as far as it may grow."""

    def __init__(self, largest_mb: int) -> None:
        self._most = largest_mb * _MB
        self._parts: list[bytes] = []
        self._size = 0
        self.excess = f"{TOO_LARGE} {largest_mb} MB"

    def add(self, part: bytes) -> bool:
        """Add a part; False where the body has grown too large."""
        self._size += len(part)
        if self.too_large:
            self._parts.clear()
        else:
            self._parts.append(part)
        return not self.too_large

    @property
    def too_large(self) -> bool:
        """Whether more came than may."""
        return self._size > self._most

    @property
    def body(self) -> bytes:
        """What came."""
        return b"".join(self._parts)


def limit_adapter(adapter: BaseAdapter, allowance: Allowance) -> None:
    """Let every read of the connections of an adapter of requests keep to ``allowance``; once is enough."""
    from requests.adapters import HTTPAdapter

    if isinstance(adapter, HTTPAdapter) and not isinstance(adapter.get_connection_with_tls_context, partial):
        limited = partial(_limited_pool, adapter.get_connection_with_tls_context, allowance)
        adapter.get_connection_with_tls_context = limited  # type: ignore[method-assign]  # it takes no connection class


def _limited_pool(found: Callable[..., Any], allowance: Allowance, *asked: Any, **options: Any) -> Any:
    pool = found(*asked, **options)
    own = pool.ConnectionCls
    if getattr(own, "allowance", None) is not allowance:
        response = partial(_limited_response, own.response_class, allowance)
        pool.ConnectionCls = type(
            own.__name__, (own,), {"response_class": staticmethod(response), "allowance": allowance}
        )
    return pool


def _limited_response(
    made: Callable[..., Any], allowance: Allowance, sock: socket.socket, *asked: Any, **how: Any
) -> Any:
    # It asks its socket for a file to read from, and for nothing else.
    return made(_Readable(sock, allowance), *asked, **how)


class _Readable:
    """A socket to read from."""

    def __init__(self, sock: socket.socket, allowance: Allowance) -> None:
        self._sock, self._allowance = sock, allowance

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return its bytes as a file."""
        return io.BufferedReader(_Reads(self._sock, self._allowance))


class _Reads(io.RawIOBase):
    """The reads of a socket, each within what is left."""

    def __init__(self, sock: socket.socket, allowance: Allowance) -> None:
        self._sock, self._allowance = sock, allowance
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Any) -> int | None:
        own_s = self._sock.gettimeout()
        self._sock.settimeout(self._allowance.wait_s(own_s))
        try:
            return self._raw.readinto(buffer)
        finally:
            self._sock.settimeout(own_s)

    def close(self) -> None:
        self._raw.close()
        super().close()


def limit_transport(transport: Any, allowance: Allowance) -> None:
    """Let every read of the connections of a transport of httpx keep to ``allowance``."""
    pool = transport._pool
    pool._network_backend = _Backend(pool._network_backend, allowance)


class _Backend:
    """Makes connections as another backend of httpcore does."""

    def __init__(self, inner: Any, allowance: Allowance) -> None:
        self._inner, self._allowance = inner, allowance

    def connect_tcp(self, *asked: Any, **options: Any) -> _Stream:
        return _Stream(self._inner.connect_tcp(*asked, **options), self._allowance)

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _Stream:
    """A connection of httpcore, whose reads keep to the allowance."""

    def __init__(self, inner: Any, allowance: Allowance) -> None:
        self._inner, self._allowance = inner, allowance

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        from httpcore import ReadTimeout

        try:
            wait_s = self._allowance.wait_s(timeout)
        except TimeoutError:
            raise ReadTimeout("timed out") from None
        return cast("bytes", self._inner.read(max_bytes, wait_s))

    def start_tls(self, *asked: Any, **options: Any) -> _Stream:
        return _Stream(self._inner.start_tls(*asked, **options), self._allowance)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
