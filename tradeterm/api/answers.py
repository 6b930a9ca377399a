"""Answers that a client may keep: a strong validator from the ledger's newest row, and 304 for who has it already."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from tradeterm import __version__
from tradeterm.core.ids import canonical_json, short_id
from tradeterm.store.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from tradeterm.config.workspace import Workspace
    from tradeterm.views.predictions import LedgerPoint

__all__ = ["fresh", "kept", "unchanged"]

_TAG = re.compile(r'(?:W/)?("[^"]*")')


def unchanged(request: Request, workspace: Workspace, asked: Mapping[str, Any]) -> Response | None:
    """Return the 304 when the client holds the answer of the ledger as it stands; nothing is built for it."""
    held = request.headers.get("if-none-match")
    if held is None:
        return None
    with Ledger.reader(workspace.results) as ledger:
        tip = ledger.tip()
    tag = _tag(request, asked, tip.seq, tip.hash)
    if not tip.seq or (held.strip() != "*" and tag not in _TAG.findall(held)):
        return None
    return Response(status_code=304, headers=_keeping(tag))


def kept(
    request: Request, document: Mapping[str, Any], asked: Mapping[str, Any], point: LedgerPoint, *, whole: bool = True
) -> Response:
    """Answer with a validator.

    asked : every parameter of the request, defaults included
    point : the row that the document was read at
    whole : whether the document rests on nothing but the ledger and files that never change
    """
    if not whole or not point.seq:
        return fresh(document)
    return _json(document, 200, _keeping(_tag(request, asked, point.seq, point.hash)))


def fresh(document: Mapping[str, Any], status: int = 200) -> Response:
    """Answer with what is true at this moment only."""
    return _json(document, status, {"Cache-Control": "no-store"})


def _json(document: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> Response:
    return Response(canonical_json(document), status_code=status, media_type="application/json", headers=dict(headers))


def _keeping(tag: str) -> dict[str, str]:
    # Kept by the client alone, and asked about each time.
    return {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}


def _tag(request: Request, asked: Mapping[str, Any], seq: int, row_hash: str) -> str:
    return f'"{seq}-{short_id([__version__, request.url.path, dict(asked), row_hash], 20)}"'
