"""What ccxt raises, in our words."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from tradeterm.core.errors import BadAnswer, SourceBusy, SourceDown, SourceError, SourceRefused, UnknownSymbol
from tradeterm.data.sources.session import one_line, transport_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradeterm.data.sources.session import Heard

__all__ = ["translated"]

T = TypeVar("T")


def translated(source: str, symbol: str, heard: Heard, ask: Callable[[], T]) -> T:
    """Return what ``ask`` returns; what ccxt raises in it comes out as a SourceError, without its URL.

    Raises
    ------
    SourceError
        When the exchange refuses, fails, or answers what ccxt can't read.
    """
    errors: Any = import_module("ccxt")
    heard.forget()
    try:
        return ask()
    except errors.BaseError as failure:
        raise _error(errors, source, symbol, heard, failure) from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        # Its parsers take the shape of an answer for granted.
        raise heard.error(source, symbol, "") or BadAnswer(source, symbol, "an answer of another shape") from None


def _error(errors: Any, source: str, symbol: str, heard: Heard, failure: Exception) -> SourceError:
    said = _said(source, heard, failure)
    # Codes of the exchange's own say more than the status beside them; of the rest the nearest class counts.
    kinds: list[tuple[Any, type[SourceError]]] = [
        (errors.BadSymbol, UnknownSymbol),
        ((errors.AuthenticationError, errors.RestrictedLocation), SourceRefused),
        (errors.BadResponse, BadAnswer),
    ]
    for kind, meant in kinds:
        if isinstance(failure, kind):
            return meant(source, symbol, said)
    if isinstance(failure, (errors.DDoSProtection, errors.RateLimitExceeded)):
        return SourceBusy(source, symbol, said, retry_after_s=heard.retry_after_s)
    if heard.status in (401, 403, 451):
        # 451 and some 403 refuse the country or the address that asks; ccxt takes both for an exchange that is away.
        return SourceRefused(source, symbol, f"HTTP {heard.status}, {said}", "see whether the exchange serves you here")
    if heard.status is None and isinstance(failure.__cause__, OSError):
        # Nothing came: what requests raised says why.
        return transport_error(source, symbol, failure.__cause__)
    if isinstance(failure, errors.OperationFailed):
        # It answered with an error of its own, whatever the status of it.
        return SourceDown(source, symbol, said if heard.status in (None, 200) else f"HTTP {heard.status}, {said}")
    return heard.error(source, symbol, said) or BadAnswer(source, symbol, said)


def _said(source: str, heard: Heard, failure: Exception) -> str:
    """What the exchange said; ccxt puts its name, and for failures of HTTP method, URL and status, before it."""
    words = str(failure).removeprefix(source).split()
    kept = [word for word in words if not word.startswith("https://") and word not in ("GET", str(heard.status))]
    return one_line(" ".join(kept)) or type(failure).__name__
