"""Bars that a source tells differently than before, as facts: what stood there, what stands now, which runs used it."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

from tradeterm.core.errors import StoreError
from tradeterm.core.ids import short_id
from tradeterm.core.market import AssetClass, Timeframe
from tradeterm.core.time import from_iso, iso
from tradeterm.store.ledger import Ledger
from tradeterm.store.runs import RunStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tradeterm.core.market import BarKey
    from tradeterm.data.merging import Restatement
    from tradeterm.store.ledger import Fact

__all__ = ["RestatementLog"]

_BUILT = (Timeframe.H4, Timeframe.DAILY)


class RestatementLog:
    """Records restatements; threads may share one.

    A fact comes before its bar is stored: killed between the two, the next update finds the same change again and
    records nothing twice.

    clock : now, ns UTC
    """

    def __init__(self, results_dir: Path, *, clock: Callable[[], int]) -> None:
        self._results_dir, self._clock = results_dir, clock
        self._lock = threading.Lock()

    def record(self, key: BarKey, found: Sequence[Restatement], source: str) -> int:
        """Record changed bars of one file with the runs that had read them; return how many facts were new."""
        with self._lock, Ledger(self._results_dir, clock=self._clock) as ledger:
            reads = _Reads(ledger, RunStore(self._results_dir), key)
            facts = [self._fact(ledger, reads, key, item, source) for item in found]
            return ledger.append_many(fact for fact in facts if fact is not None)

    def _fact(
        self, ledger: Ledger, reads: _Reads, key: BarKey, item: Restatement, source: str
    ) -> tuple[str, str, dict[str, Any]] | None:
        bar = f"{key.symbol}|{key.timeframe.value}|{iso(item.ts_ns)}"
        told = {"before": _plain(item.before), "after": _plain(item.after)}
        earlier = ledger.facts("restatement", newest=1, prefix=f"{bar}|")
        if earlier and {name: earlier[0].payload.get(name) for name in told} == told:
            return None
        payload = {
            "symbol": key.symbol,
            "timeframe": key.timeframe.value,
            "ts": iso(item.ts_ns),
            "found_at": iso(self._clock()),
            "source": source,
            "runs": reads.runs(item.ts_ns),
            **told,
        }
        return "restatement", f"{bar}|{short_id(payload)}", payload


class _Reads:
    """What the stored runs had read of one symbol."""

    def __init__(self, ledger: Ledger, runs: RunStore, key: BarKey) -> None:
        self._key = key
        self._spans: list[tuple[str, int, int]] = []
        for fact in ledger.facts("run"):
            self._spans += [(fact.key, *span) for span in self._of(runs, fact)]

    def runs(self, ts_ns: int) -> list[str]:
        """Ids of the runs that had read the bar of ``ts_ns``, or one built from it, in the order of their facts."""
        return list(dict.fromkeys(run for run, first, end in self._spans if first <= ts_ns < end))

    def _of(self, runs: RunStore, fact: Fact) -> list[tuple[int, int]]:
        try:
            manifest = runs.document(fact.key, "manifest")
        except StoreError:
            # Without its manifest nobody knows what it read; `ledger verify` and `backtest show` tell that it is gone.
            return []
        return [span for item in manifest.get("read", ()) if (span := self._span(item)) is not None]

    def _span(self, item: Mapping[str, Any]) -> tuple[int, int] | None:
        if item.get("symbol") != self._key.symbol or item.get("first") is None or item.get("last") is None:
            return None
        timeframe, own = Timeframe(item["timeframe"]), self._key.timeframe
        built = own.is_intraday_source and self._key.asset_class is not AssetClass.MACRO and timeframe in _BUILT
        if timeframe is not own and not built:
            return None
        # A built bar holds source bars up to its end, an own one is itself.
        return from_iso(item["first"]), from_iso(item["last"]) + (timeframe.step_ns if built else 1)


def _plain(values: Sequence[float]) -> list[float | None]:
    # JSON knows no NaN, which is the volume of what has none.
    return [None if math.isnan(value) else value for value in values]
