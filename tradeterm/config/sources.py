"""The part of the configuration that says where bars come from, and how patiently each service is asked."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from tradeterm.config.marks import Face, Result, Section

__all__ = ["SERVICES", "ServiceName", "SourceName", "SourceNames", "SourcePatience", "Sources"]

SourceName = Literal["sample", "import", "yahoo", "alpaca", "binance", "kraken", "fred"]
ServiceName = Literal["yahoo", "alpaca", "binance", "kraken", "fred"]
SERVICES: tuple[str, ...] = get_args(ServiceName)

Some = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]


def _listed(found: Any) -> Any:
    return [found] if isinstance(found, str) else found


SourceNames = Annotated[tuple[SourceName, ...], BeforeValidator(_listed), Field(strict=False, min_length=1)]


class SourcePatience(Section):
    """How long, how often and by how many workers one service is asked."""

    requests_per_minute: Face[Some]
    """Most requests within any 60 seconds, repeated ones included."""
    workers: Face[Annotated[int, Field(ge=1, le=16)]]
    """Symbols that are asked for at the same time."""
    attempts: Face[Some]
    """Most requests for one question; a refusal or a wrong answer is never asked again."""
    first_wait_s: Face[Seconds]
    """Wait before the second attempt, seconds; doubled for each further one, shortened by a random part."""
    longest_wait_s: Face[Seconds]
    """Longest such wait, seconds; what the service itself asks for is kept to beyond that."""
    connect_s: Face[Seconds]
    """Longest time until a connection stands, seconds."""
    read_s: Face[Seconds]
    """Longest silence within an answer, seconds."""
    answer_s: Face[Seconds]
    """Longest time for one whole answer, from asking to its last byte, seconds; what drips for longer is no answer."""
    largest_mb: Face[Some]
    """Largest body of an answer, unpacked, 10^6 bytes; a larger one is refused."""
    total_s: Face[Seconds]
    """No attempt begins later than this after the first, seconds; a question ends by answer_s after that."""
    breaker_failures: Face[Some]
    """Failed attempts in a row after which the service isn't asked for a while."""
    breaker_reset_s: Face[Seconds]
    """That while, seconds."""


class Sources(Section):
    """How the services are asked; which one serves which symbol stands in universe.instruments."""

    overlap_bars: Face[Some]
    """Stored bars that an update asks for again, to see whether they changed."""
    alpaca_feed: Result[Literal["iex", "sip", "delayed_sip"]]
    """Equities of alpaca: iex (one venue, free), sip (all venues, subscribed), delayed_sip (all, 16 minutes late)."""
    yahoo: SourcePatience
    """Bars, splits and dividends of equities, coins and indices; no key."""
    alpaca: SourcePatience
    """Equities (with a key) and coins."""
    binance: SourcePatience
    """Coins; no key."""
    kraken: SourcePatience
    """Coins, the newest 720 bars alone; no key."""
    fred: SourcePatience
    """Macro series; with a key every vintage of monthly ones, without one today's values."""
