"""How Alpaca is asked: its clients with bounds, page by page, their errors in our words."""

from __future__ import annotations

import json
import warnings
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from tradeterm.core.errors import BadAnswer, SourceError, SourceRefused, UnknownSymbol
from tradeterm.data.sources.session import Heard, bound, one_line, transport_error
from tradeterm.data.sources.wire import status_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from alpaca.common.exceptions import APIError
    from alpaca.common.rest import RESTClient
    from pydantic import SecretStr

    from tradeterm.data.sources.wire import Line, Patience

    Kind = Literal["stock", "crypto", "actions"]

__all__ = ["AlpacaLine", "load_client"]


def load_client() -> None:
    """Import the client's packages, 0.9 s, before any other import of them."""
    with warnings.catch_warnings():
        # Its streams, which aren't used here, stand on a part of websockets that will go away; both are pinned.
        warnings.simplefilter("ignore", DeprecationWarning)
        import_module("alpaca.data.historical")


class AlpacaLine:
    """Alpaca's data clients behind one line, made when they are first asked; for one thread at a time."""

    def __init__(
        self, key: SecretStr | None, secret: SecretStr | None, *, line: Line, patience: Patience, base_url: str | None
    ) -> None:
        self._key, self._secret = key, secret
        self._line, self._patience, self._base_url = line, patience, base_url
        self._clients: dict[str, tuple[RESTClient, Heard]] = {}
        self._date_ns: int | None = None

    def until(self, end_ns: int) -> int:
        """Return ``end_ns``, or the service's clock where that is behind: it ends bars by its own, not by ours."""
        return end_ns if self._date_ns is None else min(end_ns, self._date_ns)

    def pages(self, symbol: str, kind: Kind, path: str, part: str, asked: Mapping[str, Any]) -> Iterator[Any]:
        """Yield ``part`` of each page of an answer, following ``next_page_token``; each page is one question.

        The client's own paging would ask for all pages in one go: without a limit of its rate, all over again after
        a failure, and for ever where a token repeats.

        Raises
        ------
        SourceError
            When the service refuses or fails, or a page has another shape.
        """
        if kind != "crypto" and not (_plain(self._key) and _plain(self._secret)):
            remedy = "set ALPACA_API_KEY and ALPACA_SECRET_KEY in the environment or .env"
            raise SourceRefused(self._line.source, symbol, "no key, and equities can't be had without", remedy)
        client, heard = self._client(kind)
        tokens: set[str] = set()
        token: str | None = None
        while True:
            params = {**asked, **({"page_token": token} if token else {})}
            answer = self._line.ask(symbol, partial(self._answer, client, heard, symbol, path, params))
            if not isinstance(answer, dict) or part not in answer or "next_page_token" not in answer:
                raise BadAnswer(self._line.source, symbol, f"an answer without {part}")
            yield answer[part] if answer[part] is not None else {}
            token = answer["next_page_token"]
            if not token:
                return
            if not isinstance(token, str) or token in tokens:
                raise BadAnswer(self._line.source, symbol, "pages that lead back to an earlier one")
            tokens.add(token)

    def _answer(self, client: RESTClient, heard: Heard, symbol: str, path: str, params: dict[str, Any]) -> Any:
        from alpaca.common.exceptions import APIError
        from requests import RequestException

        source = self._line.source
        try:
            answer = client.get(path, params)
        except APIError as failure:
            raise self._refusal(symbol, failure, heard) from None
        except RequestException as failure:
            raise heard.error(source, symbol, "") or transport_error(source, symbol, failure) from None
        if answer is None:
            raise heard.error(source, symbol, "") or BadAnswer(source, symbol, "an empty answer")
        self._date_ns = heard.date_ns
        return answer

    def _refusal(self, symbol: str, failure: APIError, heard: Heard) -> SourceError:
        source, said = self._line.source, self._said(str(failure))
        if heard.status in (400, 422) and "symbol" in said.lower():
            return UnknownSymbol(source, symbol, said)
        if heard.status == 403 and "subscription" in said.lower():
            return SourceRefused(source, symbol, said, "use the feed iex or delayed_sip, or subscribe to sip")
        return heard.error(source, symbol, said) or status_error(source, symbol, failure.status_code or 500, found=said)

    def _said(self, body: str) -> str:
        """Text of an error's body, without the key should the service repeat it."""
        try:
            text = str(json.loads(body)["message"])
        except (KeyError, TypeError, ValueError):
            text = body
        for secret in (_plain(self._key), _plain(self._secret)):
            text = text.replace(secret, "***") if secret else text
        return one_line(text)

    def _client(self, kind: Kind) -> tuple[RESTClient, Heard]:
        if kind not in self._clients:
            client = self._made(kind)
            # The client would wait 3 s and ask again, thrice; our line does that.
            client._retry = 0
            self._clients[kind] = client, bound(client._session, self._patience)
        return self._clients[kind]

    def _made(self, kind: Kind) -> RESTClient:
        load_client()
        from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
        from alpaca.data.historical.corporate_actions import CorporateActionsClient

        clients = {
            "stock": StockHistoricalDataClient,
            "crypto": CryptoHistoricalDataClient,
            "actions": CorporateActionsClient,
        }
        made: RESTClient = clients[kind](
            _plain(self._key) or None, _plain(self._secret) or None, raw_data=True, url_override=self._base_url
        )
        return made


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""
