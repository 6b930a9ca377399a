"""The process: binds one address, refuses what would be open to others without a token, stops when told to."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import signal
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from tradeterm.api.app import application
from tradeterm.api.gate import Gate
from tradeterm.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import SecretStr
    from starlette.types import ASGIApp

    from tradeterm.config.settings import Settings
    from tradeterm.config.workspace import Workspace

__all__ = ["SHORTEST_TOKEN", "guarded", "run"]

SHORTEST_TOKEN = 16
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_STOP_WITHIN_S = 5
# Far more than a desk's programs open at once; the next one is told to come later.
_MOST_AT_ONCE = 200


def run(
    workspace: Workspace,
    settings: Settings,
    *,
    host: str,
    port: int,
    profile: str | None,
    announce: Callable[[str], None],
) -> int:
    """Serve until SIGTERM or SIGINT, and return the exit code.

    profile : show only daily runs under it; announce : is told the address once it listens

    Raises
    ------
    UsageError
        When the address is not this machine's own and there is no token, or when it can't be taken.
    """
    token = _checked(settings.secrets.tradeterm_api_token)
    family, address = _resolved(host, port)
    local = ipaddress.ip_address(address[0].partition("%")[0]).is_loopback
    if token is None and not local:
        raise UsageError(
            f"--host {host}: others could read it, so a token is required; set TRADETERM_API_TOKEN in the environment "
            "or .env"
        )
    with _bound(family, address, host, port) as listening:
        app = guarded(workspace, profile=profile, token=token, names=_LOCAL_NAMES | {host.lower()} if local else None)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            limit_concurrency=_MOST_AT_ONCE,
            timeout_graceful_shutdown=_STOP_WITHIN_S,
        )
        shown = f"[{host}]" if ":" in host else host
        announce(f"http://{shown}:{listening.getsockname()[1]}")
        asyncio.run(_Server(config).serve(sockets=[listening]))
    return 0


def guarded(
    workspace: Workspace,
    *,
    profile: str | None = None,
    token: SecretStr | None = None,
    names: frozenset[str] | None = None,
    clock: Callable[[], int] = time.time_ns,
) -> ASGIApp:
    """Return the routes behind their gate."""
    return Gate(
        application(workspace, profile=profile, clock=clock, secured=token is not None), token=token, names=names
    )


class _Server(uvicorn.Server):
    """Takes both signals as a wish to stop, after which the process goes on to its end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle the signals while serving; uvicorn would raise them again afterwards, and die of them."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _checked(token: SecretStr | None) -> SecretStr | None:
    if token is None:
        return None
    text = token.get_secret_value()
    if len(text) < SHORTEST_TOKEN or not text.isascii() or not text.isprintable() or " " in text:
        raise UsageError(
            f"TRADETERM_API_TOKEN: must be at least {SHORTEST_TOKEN} printable ASCII characters without spaces; "
            "`openssl rand -hex 32` makes one"
        )
    return token


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """First address of a name: whether others can reach it is judged by the address that is bound, not by the name."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as problem:
        raise UsageError(f"--host '{host}': is no address ({problem}); give one, such as 127.0.0.1") from problem
    return family, (str(address[0]), int(address[1]))


@contextmanager
def _bound(family: socket.AddressFamily, address: tuple[str, int], host: str, port: int) -> Iterator[socket.socket]:
    with socket.socket(family, socket.SOCK_STREAM) as made:
        # Only for a port whose last connections are still fading, never for one that somebody listens on.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind(address)
            made.listen()
        except OSError as problem:
            raise UsageError(_refused(problem, host, port)) from problem
        yield made


def _refused(problem: OSError, host: str, port: int) -> str:
    if problem.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is taken; stop what listens there, or give another with --port"
    if problem.errno == errno.EACCES:
        return f"port {port} of {host} needs rights that this process hasn't; give one above 1023 with --port"
    return f"--host {host}: can't be listened on ({problem.strerror}); give an address of this machine"
