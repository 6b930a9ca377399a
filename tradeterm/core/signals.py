"""The signal contract and its outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tradeterm.core.time import iso

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Outcome", "Side", "Signal"]


class Side(StrEnum):
    """Direction of a signal."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One prediction, as it was made; never changed afterwards.

    ts_ns : decision time
    horizon : own bars of the strategy's timeframe until it is scored
    prob : probability that the signed net return is positive, null when flat or nothing has matured
    ev : expected signed net return over the horizon, fraction; null likewise
    sample : how many matured replay signals of this side stand behind prob and ev
    timeframe : whose own bars the horizon counts; cost : fee and slippage of one fill, fraction of notional
    bar_ns : known_at of the newest own bar it was made on
    regime : state of each regime axis at ``ts``; UNKNOWN where it was not known
    replayed : made later than ``ts``, from the bars as they are stored now
    """

    ts_ns: int
    symbol: str
    horizon: int
    side: Side
    prob: float | None
    ev: float | None
    model_version: str
    config_hash: str
    run_id: str
    bar_ns: int
    sample: int
    timeframe: str
    cost: float
    regime: Mapping[str, str] = field(default_factory=dict)
    replayed: bool = False

    @property
    def key(self) -> str:
        """Identity: a second, different answer for it is refused."""
        return f"{iso(self.ts_ns)}|{self.symbol}|{self.horizon}|{self.model_version}|{self.config_hash}"

    def payload(self) -> dict[str, Any]:
        """The fact as it is stored."""
        return {
            "ts": iso(self.ts_ns),
            "symbol": self.symbol,
            "horizon": self.horizon,
            "side": self.side.value,
            "prob": self.prob,
            "ev": self.ev,
            "model_version": self.model_version,
            "config_hash": self.config_hash,
            "run_id": self.run_id,
            "bar": iso(self.bar_ns),
            "sample": self.sample,
            "timeframe": self.timeframe,
            "cost": self.cost,
            "regime": dict(self.regime),
            **({"replayed": True} if self.replayed else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a signal, written once when its exit price is known.

    gross, net : signed return over the horizon before and after costs, fraction (flat signals: of the long side)
    hit : whether the signed net return is positive; null for flat signals
    known_ns : when the exit price counted as known
    path : own bars after the entry, and the signed return before costs to the opening price there
    """

    signal_key: str
    entry_ns: int
    exit_ns: int
    entry_price: float
    exit_price: float
    gross: float
    net: float
    hit: bool | None
    known_ns: int
    path: tuple[tuple[int, float], ...] = ()

    def payload(self) -> dict[str, Any]:
        """The fact as it is stored."""
        return {
            "signal": self.signal_key,
            "entry_at": iso(self.entry_ns),
            "exit_at": iso(self.exit_ns),
            "entry_price": self.entry_price,
            "exit_price": self.exit_price,
            "gross": self.gross,
            "net": self.net,
            "hit": self.hit,
            "known_at": iso(self.known_ns),
            "path": [list(point) for point in self.path],
        }
