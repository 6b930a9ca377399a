"""What stands before every answer, and before every route: the name that was asked for, the method, the token."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from loguru import logger

from tradeterm.api.problems import problem

if TYPE_CHECKING:
    from pydantic import SecretStr
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Gate"]

_READING = ("GET", "HEAD")


class Gate:
    """Lets reading requests through that know the token, under the names that this service answers to.

    names : accepted in the Host header, None accepts any. A page of the web whose name is made to point here asks
        under its own name, so a service without a token answers to its own names alone.
    """

    def __init__(self, app: ASGIApp, *, token: SecretStr | None, names: frozenset[str] | None) -> None:
        self._app, self._names = app, names
        self._expected = f"Bearer {token.get_secret_value()}".encode() if token is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on; a HEAD request is a GET whose body is held back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        head = scope["method"] == "HEAD"

        async def reply(message: Message) -> None:
            if message["type"] == "http.response.start":
                logger.info("{} {} {}", scope["method"], scope["path"], message["status"])
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        refused = self._refusal(scope)
        if refused is not None:
            await refused(scope, receive, reply)
        else:
            await self._app({**scope, "method": "GET"}, receive, reply)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = dict(reversed(scope["headers"]))
        if self._names is not None and _host(headers.get(b"host", b"")) not in self._names:
            return problem(400, f"this service answers to {', '.join(sorted(self._names))} only; ask it by that name")
        if self._expected is not None and not hmac.compare_digest(_credentials(headers), self._expected):
            told = "the token is missing or wrong; send `Authorization: Bearer TOKEN` with TRADETERM_API_TOKEN's value"
            return problem(401, told, {"WWW-Authenticate": 'Bearer realm="tradeterm"'})
        if scope["method"] not in _READING:
            return problem(405, "this service only reads; use GET or HEAD", {"Allow": ", ".join(_READING)})
        return None


def _host(header: bytes) -> str:
    """Name in a Host header, without its port."""
    try:
        return urlsplit(f"//{header.decode('ascii')}").hostname or ""
    except ValueError:
        return ""


def _credentials(headers: dict[bytes, bytes]) -> bytes:
    """Authorization header with its scheme, which may be written in any case, as ours."""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return b"Bearer " + token.strip() if scheme.lower() == b"bearer" else b""
