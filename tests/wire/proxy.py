"""Production URLs on the loopback: a private authority and a CONNECT proxy that lets nothing else through."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType


class Authority:
    """An authority that exists for one test; clients trust ``bundle``."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.bundle = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.bundle))

    def server(self, *hosts: str) -> ssl.SSLContext:
        """Return a server context for these host names, to be handed to ``Stub``."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*hosts).configure_cert(context)
        return context

    def client(self) -> ssl.SSLContext:
        """Return a client context that trusts this authority alone."""
        return ssl.create_default_context(cafile=str(self.bundle))


class ConnectProxy:
    """A proxy at ``url`` that carries the hosts of ``ports`` to loopback ports and refuses, and notes, all others."""

    def __init__(self, ports: Mapping[str, int]) -> None:
        self._ports = dict(ports)
        self.denied: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> ConnectProxy:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # Closing alone does not wake a thread that waits in accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                part = client.recv(4096)
                if not part:
                    return
                head += part
            verb, target, _ = head.split(b"\r\n", 1)[0].decode().split()
            port = self._ports.get(target.rpartition(":")[0]) if verb == "CONNECT" else None
            if port is None:
                self.denied.append(target)
                client.sendall(b"HTTP/1.1 403 egress denied\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", port)) as service:
                client.sendall(b"HTTP/1.1 200 connected\r\n\r\n")
                back = threading.Thread(target=_pipe, args=(service, client), daemon=True)
                back.start()
                _pipe(client, service)
                back.join()


def _pipe(source: socket.socket, target: socket.socket) -> None:
    try:
        while part := source.recv(65536):
            target.sendall(part)
    except OSError:
        # A reset on one side is passed on as the end of the other.
        pass
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return
