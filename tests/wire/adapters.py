"""Sessions of requests whose production hosts are loopback services; every other host is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as Unconnected

if TYPE_CHECKING:
    from collections.abc import Mapping


class Redirected(HTTPAdapter):
    """Sends what is meant for a host to another one; its client sees the URL that it asked for."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        super().__init__()

    def send(self, request: PreparedRequest, *rest: Any, **options: Any) -> Response:
        asked = request.url or ""
        parts = urlsplit(asked)
        request.headers["Host"] = parts.netloc
        request.url = urlunsplit((self._to.scheme, self._to.netloc, parts.path, parts.query, ""))
        reply = super().send(request, *rest, **options)
        request.url = reply.url = asked
        return reply


class Refused(HTTPAdapter):
    """Refuses."""

    def send(self, request: PreparedRequest, *rest: Any, **options: Any) -> Response:
        raise Unconnected(f"egress denied: {request.url}")


def redirected(hosts: Mapping[str, str]) -> Session:
    """Return a session that knows these hosts alone: host name -> URL of a loopback service."""
    session = Session()
    session.trust_env = False
    session.mount("https://", Refused())
    session.mount("http://", Refused())
    for host, url in hosts.items():
        session.mount(f"https://{host}/", Redirected(url))
    return session
