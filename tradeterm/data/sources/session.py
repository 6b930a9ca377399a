"""Sessions of clients that set no bounds of their own: every request ends, and what the last reply said is kept."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from tradeterm.core.errors import BadAnswer, SourceDown, SourceError
from tradeterm.core.time import MINUTE_NS, to_ns
from tradeterm.data.sources.allowance import TOO_LARGE, Allowance, limit_adapter
from tradeterm.data.sources.wire import retry_after, status_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import Response, Session
    from requests.adapters import BaseAdapter

    from tradeterm.data.sources.wire import Patience

__all__ = ["SKEW_NS", "Heard", "bound", "one_line", "transport_error"]

# By so much may a service's clock run ahead of ours: its newest bar has begun there and not yet here.
SKEW_NS = 5 * MINUTE_NS
_LONGEST = 160
_READ_BYTES = 65536


class Heard:
    """What the last reply of a session said beside its body; None where it didn't, or none came.

    status : of HTTP
    retry_after_s : how long it asked to be left alone
    date_ns : the service's own clock, ns UTC
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start over before a request."""
        self.status: int | None = None
        self.retry_after_s: float | None = None
        self.date_ns: int | None = None

    def listen(self, response: Response) -> None:
        """Keep what ``response`` says."""
        self.status = response.status_code
        self.retry_after_s = retry_after(response.headers.get("Retry-After"), time.time())
        self.date_ns = _instant(response.headers.get("Date"))

    def error(self, source: str, symbol: str, found: str) -> SourceError | None:
        """Error that the last status stands for; None where it stands for none."""
        if self.status is None or self.status < 300:
            return None
        return status_error(source, symbol, self.status, found=found, retry_after_s=self.retry_after_s)


def bound(session: Session, patience: Patience, *, clock: Callable[[], float] = time.monotonic) -> Heard:
    """Bound every request of ``session`` and refuse redirects, whatever its client asks for; return what it hears.

    A session serves one thread at a time. clock : seconds, by which an answer's time is measured
    """
    heard, allowance = Heard(), Allowance(patience, clock=clock)
    unbound, adapter_of = session.request, session.get_adapter

    def get_adapter(url: str) -> BaseAdapter:
        adapter = adapter_of(url)
        limit_adapter(adapter, allowance)
        return adapter

    def request(*asked: Any, **options: Any) -> Response:
        heard.forget()
        allowance.begin()
        # No service here moves its data: a redirect is a portal or a proxy that wants something. The body is read
        # below, part by part: the session itself would take it whole.
        options |= {"timeout": (patience.connect_s, patience.read_s), "allow_redirects": False, "stream": True}
        response = unbound(*asked, **options)
        _take_body(response, allowance)
        heard.listen(response)
        return response

    def no_target(resp: Response) -> None:
        """Say that it leads nowhere: else the body of a redirect is read to its end before ours."""

    session.request = request  # type: ignore[method-assign]  # clients hold the instance, and take no session class
    session.get_adapter = get_adapter  # type: ignore[method-assign]  # as above
    session.get_redirect_target = no_target  # type: ignore[method-assign]  # as above
    return heard


def _take_body(response: Response, allowance: Allowance) -> None:
    from requests.exceptions import RequestException

    found = allowance.gather()
    try:
        for part in response.iter_content(_READ_BYTES):
            if not found.add(part):
                raise RequestException(found.excess)
    except OSError:
        response.close()
        raise
    # Where its client looks for it.
    response._content = found.body


def transport_error(source: str, symbol: str, failure: OSError) -> SourceError:
    """Error for a request that brought no usable reply; its text holds no URL."""
    from requests.exceptions import ConnectTimeout, ContentDecodingError, InvalidJSONError, ReadTimeout

    if str(failure).startswith(TOO_LARGE):
        return BadAnswer(source, symbol, str(failure))
    if isinstance(failure, (InvalidJSONError, ContentDecodingError)):
        return BadAnswer(source, symbol, "an answer that is no JSON")
    if "IncompleteRead" in str(failure):
        return BadAnswer(source, symbol, "an answer that was cut short")
    if isinstance(failure, ConnectTimeout):
        return SourceDown(source, symbol, "no connection in time")
    # A body that stalls or drips ends as a ConnectionError around urllib3's read timeout.
    if isinstance(failure, ReadTimeout) or "Read timed out" in str(failure):
        return SourceDown(source, symbol, "no whole answer in time")
    return SourceDown(source, symbol, f"the connection failed ({type(failure).__name__})")


def one_line(text: str) -> str:
    """Return what a service said as a short line: no page of HTML, no line ends."""
    flat = " ".join(text.split())
    if "<" in flat:
        flat = flat[: flat.index("<")] + "a page of HTML"
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 3] + "..."


def _instant(header: str | None) -> int | None:
    if header is None:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return to_ns(moment) if moment.tzinfo is not None else None
