"""Take secrets out of a finished line of text, in every encoding in which a client is known to send or print them."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MASK", "Scrubber"]

MASK = "[secret]"
_SHORTEST = 4  # a shorter secret would blank out ordinary words

_NAMES = (
    r"signature|x-mbx-apikey|api[-_]?key|api[-_]?sign|apca-api-[a-z-]+|(?:proxy-)?authorization|listen_?key|crumb"
    r"|(?:api[-_]?)?secret(?:[-_]?key)?|passw(?:or)?d|access[-_]token"
)
# The name (quoted or not, quotes perhaps JSON-escaped), = or :, then the value up to a delimiter: the line stays valid
# JSON because neither quotes nor backslashes are taken.
_NAMED = re.compile(
    rf"""((?:{_NAMES})(?:\\*["'])?\s*(?:=|:|%3D)\s*(?:\\*["'])?)(?:(?:basic|bearer)\s+)?(?!\[secret\])[^\s"'&,;)}}\]\\]+""",
    re.IGNORECASE,
)


class Scrubber:
    """Replaces known secrets and whatever stands behind a telling name by a mask."""

    def __init__(self, values: Iterable[str] = (), pairs: Iterable[tuple[str, str]] = ()) -> None:
        forms: set[str] = set()
        for value in values:
            if len(value) >= _SHORTEST:
                forms.update(_forms(value))
        for key, secret in pairs:
            forms.update(_forms(f"{key}:{secret}"))
        # Longest first: a form that contains another must not be left with its ends showing.
        ordered = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        """Return ``text`` without secrets."""
        known = self._known.sub(MASK, text) if self._known is not None else text
        return _NAMED.sub(rf"\1{MASK}", known)


def _forms(value: str) -> set[str]:
    raw = value.encode()
    encoded = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    plain = {value, quote(value), quote(value, safe=""), quote_plus(value), repr(value)[1:-1]}
    plain |= encoded | {form.rstrip("=") for form in encoded}
    plain |= {quote(form, safe="") for form in encoded}
    escaped = plain | _escaped(plain)
    # A document inside a message is escaped once more when the message becomes part of a JSON line.
    return escaped | _escaped(escaped)


def _escaped(forms: set[str]) -> set[str]:
    return {_json(form) for form in forms} | {_json(form, ascii_only=False) for form in forms}


def _json(text: str, *, ascii_only: bool = True) -> str:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1]
