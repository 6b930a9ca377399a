"""A service on the loopback: routes, a log of what was asked, and a script of faults.

A fault meets the next requests on its path. Faults of the connection and of HTTP are made here; faults of what the
answer says (``SHAPED``) are left to the route's handler, which finds them in ``request.fault``.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from dataclasses import dataclass, field, replace
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

    Handler = Callable[["Request"], "Reply"]


class Fault(Enum):
    """What goes wrong."""

    WRONG_KEY = "wrong key"
    UNKNOWN_SYMBOL = "unknown symbol"
    BUSY = "busy"
    BUSY_RETRY_AFTER = "busy, says for how long"
    ERROR_500 = "error 500"
    ERROR_503 = "error 503"
    TRUNCATED = "truncated"  # shorter than its Content-Length
    EMPTY = "empty"  # 200 without a body
    NO_ROWS = "no rows"  # well-formed, and nothing in it
    HTML = "html"
    OTHER_SHAPE = "other shape"
    STALLED = "stalled"  # the body never ends
    DRIP = "drip"  # a byte of the body at a time, for ever
    DRIP_HEAD = "drip of headers"  # a byte of them at a time, for ever
    FLOOD = "flood"  # a body without an end, as fast as it is taken
    RESET = "reset"
    PAGE_CUT = "page cut"  # the first page comes, every further request is reset
    OUT_OF_ORDER = "out of order"
    REPEATED = "repeated"  # rows come twice, word for word
    FUTURE = "future"  # a bar of tomorrow
    CHANGED_PAST = "changed past"  # an old bar with other values


# What a handler answers itself, in its service's own words.
SHAPED = frozenset(
    {Fault.NO_ROWS, Fault.OTHER_SHAPE, Fault.OUT_OF_ORDER, Fault.REPEATED, Fault.FUTURE, Fault.CHANGED_PAST}
)
_ENDLESS = frozenset({Fault.DRIP, Fault.DRIP_HEAD, Fault.FLOOD})
RETRY_AFTER_S = 7
# Between two bytes: far less than any limit of silence.
DRIP_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the service was asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: bytes
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What it answers: bytes and text as they are, anything else as JSON."""

    content: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        if isinstance(self.content, bytes):
            return self.content
        return (self.content if isinstance(self.content, str) else json.dumps(self.content)).encode()


_CANNED = {
    Fault.WRONG_KEY: Reply({"message": "unauthorized"}, 401),
    Fault.UNKNOWN_SYMBOL: Reply({"message": "not found"}, 404),
    Fault.BUSY: Reply({"message": "too many requests"}, 429),
    Fault.BUSY_RETRY_AFTER: Reply({"message": "too many requests"}, 429, {"Retry-After": str(RETRY_AFTER_S)}),
    Fault.ERROR_500: Reply({"message": "internal error"}, 500),
    Fault.ERROR_503: Reply("Service Unavailable", 503, {"Content-Type": "text/plain"}),
    Fault.EMPTY: Reply(b""),
    Fault.HTML: Reply("<html><body>Welcome to the network</body></html>", 200, {"Content-Type": "text/html"}),
}


@dataclass(slots=True)
class _Planned:
    fault: Fault
    times: int
    path: str
    skip: int


class Stub:
    """A threaded service at ``url``; HTTPS where a server context is handed in. Use it as a context manager."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.log: list[Request] = []
        self._routes: dict[str, Handler] = {}
        self._shapes: dict[Fault, Reply] = {}
        self._plan: list[_Planned] = []
        self._lock = threading.Lock()
        self.ended = threading.Event()
        self._server = _Server(self, tls)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Stub:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def route(self, path: str, handler: Handler) -> None:
        """Answer requests whose path begins with ``path``; of several routes the longest counts."""
        self._routes[path] = handler

    def shape(self, fault: Fault, reply: Reply) -> None:
        """Answer a fault in the service's own words instead of plain HTTP."""
        self._shapes[fault] = reply

    def fail_next(self, fault: Fault, times: int = 1, *, path: str = "/", skip: int | None = None) -> None:
        """Let ``fault`` meet the next ``times`` requests on ``path``, after ``skip`` healthy ones (PAGE_CUT: 1)."""
        skipped = (1 if fault is Fault.PAGE_CUT else 0) if skip is None else skip
        with self._lock:
            self._plan.append(_Planned(fault, times, path, skipped))

    def asked(self, path: str = "/") -> list[Request]:
        """Return the requests so far on ``path``."""
        with self._lock:
            return [request for request in self.log if request.path.startswith(path)]

    def take(self, request: Request) -> Request:
        """Log the request and give it the fault that is due."""
        with self._lock:
            request = replace(request, fault=self._due(request.path))
            self.log.append(request)
        return request

    def answer(self, request: Request) -> Reply:
        """Return what is answered, before the connection does its own harm."""
        if request.fault in self._shapes:
            return self._shapes[request.fault]
        if request.fault in _CANNED:
            return _CANNED[request.fault]
        routes = [path for path in self._routes if request.path.startswith(path)]
        if not routes:
            return Reply({"message": f"no route {request.path}"}, 404)
        return self._routes[max(routes, key=len)](request)

    def _due(self, path: str) -> Fault | None:
        for planned in self._plan:
            if not path.startswith(planned.path) or not planned.times:
                continue
            if planned.skip:
                planned.skip -= 1
                return None
            planned.times -= 1
            return planned.fault
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, stub: Stub, tls: ssl.SSLContext | None) -> None:
        self.stub, self.tls = stub, tls
        super().__init__(("127.0.0.1", 0), _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        # The handshake in the connection's own thread: a client that never ends it holds up nobody else.
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        # Wrapping takes the socket away from the server, which closes what it knows.
        with self.tls.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
        )
        stub = self.server.stub
        request = stub.take(request)
        if request.fault in (Fault.RESET, Fault.PAGE_CUT):
            self._reset()
            return
        reply = stub.answer(request)
        if request.fault in _ENDLESS:
            self._endless(request.fault, reply)
            return
        if request.fault in (Fault.TRUNCATED, Fault.STALLED):
            self._cut(reply, stall=request.fault is Fault.STALLED)
            return
        self._send(reply, len(reply.body), reply.body)

    do_POST = do_DELETE = do_PUT = do_GET

    def log_message(self, *_: Any) -> None:
        """Keep stderr clean: the stub has a log of its own."""

    def _send(self, reply: Reply, length: int, body: bytes) -> None:
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _cut(self, reply: Reply, *, stall: bool) -> None:
        body = reply.body
        self.close_connection = True
        self._send(reply, len(body), body[: len(body) // 2])
        if stall:
            self.server.stub.ended.wait(30)

    def _endless(self, fault: Fault, reply: Reply) -> None:
        """Answer without an end; a client that hangs up makes the write fail, which ends it."""
        self.close_connection = True
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        if fault is not Fault.DRIP_HEAD:
            self.end_headers()
        self.wfile.flush()
        # Before its own words, so that what came is never an answer.
        part = {Fault.DRIP: b" ", Fault.DRIP_HEAD: b"X", Fault.FLOOD: b" " * 65536}[fault]
        if fault is Fault.DRIP_HEAD:
            self.wfile.write(b"".join(self._headers_buffer) + b"X-Slow: ")
            self._headers_buffer = []
        while not self.server.stub.ended.wait(0 if fault is Fault.FLOOD else DRIP_S):
            self.wfile.write(part)
            self.wfile.flush()

    def _reset(self) -> None:
        # Linger 0: closing sends RST instead of FIN.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
