"""What validation finds, the rules it goes by with their severities, and its thresholds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tradeterm.core.time import iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradeterm.core.market import BarKey
    from tradeterm.data.publication import PublicationRule

__all__ = ["SEVERITIES", "Finding", "Severity", "ValidationRules", "finding"]

Severity = Literal["error", "warning", "info"]

SEVERITIES: dict[str, Severity] = {
    "unreadable": "error",
    "unsorted": "error",
    "duplicate-stamp": "error",
    "known-too-early": "error",
    "off-grid": "error",
    "no-session": "error",
    "outside-session": "error",
    "unparsable-value": "error",
    "ohlc-consistency": "error",
    "non-positive-price": "error",
    "negative-volume": "error",
    "derived-differs": "error",
    "gap": "warning",
    "stale": "warning",
    "spike": "warning",
    "split-like": "warning",
    "sum-differs": "warning",
    "sources-differ": "warning",
    "zero-volume": "info",
    "sum-volume": "info",
    "adjustments-differ": "info",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRules:
    """Thresholds of the checks.

    gap_bars : missing bars in a row that are a gap
    spike_mads : size of a move that is a spike, in median absolute moves of its window of ``spike_window`` bars
    stale_hours : how long the next bar may be overdue
    split_tolerance : how far from p/q a jump may be that looks like a split of p for q, in log price
    price_tolerance : how far a sourced daily bar may be from the finer bars of its day, or one source from another;
        the official close is an auction's price, the last bar's close the last trade
    volume_tolerance : the same for volume, of one source; daily volume also counts auctions and late reports
    publication : release schedule per macro series
    """

    gap_bars: int = 5
    stale_hours: float = 48.0
    spike_mads: float = 20.0
    spike_window: int = 101
    split_tolerance: float = 0.05
    price_tolerance: float = 0.01
    volume_tolerance: float = 0.5
    publication: Mapping[str, PublicationRule] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing about one bar (or about a whole file: ``ts_ns`` -1).

    severity : error (can't be right), warning (a person should look), info (known to happen)
    """

    symbol: str
    timeframe: str
    rule: str
    severity: Severity
    ts_ns: int
    detail: str

    def __str__(self) -> str:
        bar = f" {iso(self.ts_ns)}" if self.ts_ns >= 0 else ""
        return f"{self.symbol} {self.timeframe}{bar}: {self.severity} {self.rule}: {self.detail}"


def finding(key: BarKey, rule: str, ts_ns: int, detail: str, *, severity: Severity | None = None) -> Finding:
    """Return a finding about ``key`` of the severity that its rule has, unless another is given."""
    return Finding(
        symbol=key.symbol,
        timeframe=key.timeframe.value,
        rule=rule,
        severity=SEVERITIES[rule] if severity is None else severity,
        ts_ns=int(ts_ns),
        detail=detail,
    )
