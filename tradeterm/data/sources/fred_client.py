"""The requests of the FRED source: the JSON route with a key, the graph's CSV without one.

The key is part of the URL, which httpx logs. So it is put in below the client, by the transport: no log line,
exception or traceback of a request holds it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from urllib.request import getproxies, proxy_bypass

import httpx

from tradeterm.core.errors import BadAnswer, SourceDown, SourceRefused, UnknownSymbol
from tradeterm.data.sources.allowance import Allowance, limit_transport
from tradeterm.data.sources.wire import retry_after, status_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import SecretStr

    from tradeterm.core.errors import SourceError
    from tradeterm.data.sources.wire import Line

__all__ = ["CSV_URL", "JSON_URL", "FredClient"]

JSON_URL = "https://api.stlouisfed.org/fred/series/observations"
CSV_URL = "https://fred.stlouisfed.org/graph/fredgraph.csv"
_SOURCE = "fred"


class FredClient:
    """One conversation; a context manager, which closes its connections."""

    def __init__(self, url: str, key: SecretStr | None, line: Line, now: Callable[[], int]) -> None:
        self._url, self._key, self._line, self._now = url, key, line, now
        patience = line.patience
        self._allowance = Allowance(patience)
        transport = httpx.HTTPTransport(proxy=_proxy(url))
        limit_transport(transport, self._allowance)
        self._client = httpx.Client(
            transport=_Keyed(transport, key),
            timeout=httpx.Timeout(patience.read_s, connect=patience.connect_s),
            headers={"User-Agent": "tradeterm"},
        )

    def __enter__(self) -> FredClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def text(self, symbol: str, params: Mapping[str, str]) -> str:
        """Return the text of one answer, asked for as patiently as the line is."""
        return self._line.ask(symbol, lambda: self._once(symbol, params))

    def document(self, symbol: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Return one answer that is a JSON object."""
        text = self.text(symbol, params)
        try:
            found = json.loads(text)
        except ValueError:
            raise BadAnswer(_SOURCE, symbol, f"an answer that is no JSON ({_begin(text)})") from None
        if not isinstance(found, dict):
            raise BadAnswer(_SOURCE, symbol, f"an answer that is no JSON object ({_begin(text)})")
        return found

    def _once(self, symbol: str, params: Mapping[str, str]) -> str:
        self._allowance.begin()
        try:
            with self._client.stream("GET", self._url, params=params) as response:
                body = self._body(symbol, response)
                if response.status_code != httpx.codes.OK:
                    raise self._refusal(symbol, response, body)
                return body
        except httpx.TimeoutException as failure:
            raise SourceDown(_SOURCE, symbol, f"no whole answer in time ({type(failure).__name__})") from None
        except httpx.TransportError as failure:
            raise SourceDown(
                _SOURCE, symbol, f"the connection broke ({_begin(self._without_key(str(failure)))})"
            ) from None

    def _body(self, symbol: str, response: httpx.Response) -> str:
        found = self._allowance.gather()
        try:
            for part in response.iter_bytes():
                if not found.add(part):
                    raise BadAnswer(_SOURCE, symbol, found.excess)
        except httpx.RemoteProtocolError:
            raise BadAnswer(_SOURCE, symbol, "an answer that was cut short") from None
        except httpx.DecodingError:
            raise BadAnswer(_SOURCE, symbol, "an answer that can't be unpacked") from None
        return self._without_key(found.body.decode(errors="replace"))

    def _refusal(self, symbol: str, response: httpx.Response, body: str) -> SourceError:
        said = _begin(_message(body))
        if response.status_code == httpx.codes.BAD_REQUEST and "api_key" in said:
            return SourceRefused(_SOURCE, symbol, said)
        if response.status_code == httpx.codes.BAD_REQUEST and "does not exist" in said:
            return UnknownSymbol(_SOURCE, symbol, said)
        wait = retry_after(response.headers.get("Retry-After"), self._now() / 1e9)
        return status_error(_SOURCE, symbol, response.status_code, found=said, retry_after_s=wait)

    def _without_key(self, text: str) -> str:
        """FRED's own texts repeat what they were sent."""
        if self._key is None:
            return text
        secret = self._key.get_secret_value()
        for form in (secret, quote(secret, safe="")):
            text = text.replace(form, "**********") if form else text
        return text


class _Keyed(httpx.BaseTransport):
    """Adds the key to what goes out, where nothing logs it any more."""

    def __init__(self, inner: httpx.BaseTransport, key: SecretStr | None) -> None:
        self._inner, self._key = inner, key

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._key is None:
            return self._inner.handle_request(request)
        keyed = httpx.Request(
            request.method,
            request.url.copy_add_param("api_key", self._key.get_secret_value()),
            headers=request.headers,
            extensions=request.extensions,
        )
        return self._inner.handle_request(keyed)

    def close(self) -> None:
        self._inner.close()


def _proxy(url: str) -> str | None:
    """Proxy that the environment names; httpx looks there itself only as long as it is given no transport."""
    parts = httpx.URL(url)
    return None if proxy_bypass(parts.host) else getproxies().get(parts.scheme)


def _begin(text: str) -> str:
    return " ".join(text.split())[:120]


def _message(body: str) -> str:
    try:
        return str(json.loads(body)["error_message"])
    except (ValueError, KeyError, TypeError):
        return body
