"""Bars that a source tells differently than before, as facts: what stood there, what stands now, which runs used it."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

from tradeterm.core.errors import StoreError
from tradeterm.core.ids import short_id
from tradeterm.core.market import Timeframe
from tradeterm.core.time import from_iso, iso
from tradeterm.store.ledger import Ledger
from tradeterm.store.runs import RunStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tradeterm.core.market import BarKey
    from tradeterm.data.merging import Restatement
    from tradeterm.store.actions import ActionRestatement
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
            reads = _Reads(ledger, RunStore(self._results_dir), key.symbol, _holding(key))
            told = [
                {
                    "symbol": key.symbol,
                    "timeframe": key.timeframe.value,
                    "ts": iso(item.ts_ns),
                    "source": source,
                    "runs": reads.runs(item.ts_ns),
                    "before": _plain(item.before),
                    "after": _plain(item.after),
                }
                for item in found
            ]
            return self._append(ledger, told)

    def record_actions(self, symbol: str, found: Sequence[ActionRestatement], source: str) -> int:
        """Record changed splits and dividends, which every later bar of a run rests on."""
        with self._lock, Ledger(self._results_dir, clock=self._clock) as ledger:
            every = {timeframe: timeframe.step_ns for timeframe in Timeframe}
            reads = _Reads(ledger, RunStore(self._results_dir), symbol, every)
            told = [
                {
                    "symbol": symbol,
                    "timeframe": item.kind,
                    "ts": iso(item.ex_ns),
                    "source": source,
                    "runs": reads.runs(item.ex_ns),
                    "before": [item.before],
                    "after": [item.after],
                }
                for item in found
            ]
            return self._append(ledger, told)

    def _append(self, ledger: Ledger, told: Sequence[dict[str, Any]]) -> int:
        facts = [self._fact(ledger, item) for item in told]
        return ledger.append_many(fact for fact in facts if fact is not None)

    def _fact(self, ledger: Ledger, told: dict[str, Any]) -> tuple[str, str, dict[str, Any]] | None:
        bar = f"{told['symbol']}|{told['timeframe']}|{told['ts']}"
        earlier = ledger.facts("restatement", newest=1, prefix=f"{bar}|")
        if earlier and all(earlier[0].payload.get(name) == told[name] for name in ("before", "after")):
            return None
        payload = {**told, "found_at": iso(self._clock())}
        return "restatement", f"{bar}|{short_id(payload)}", payload


class _Reads:
    """What the stored runs had read of one symbol.

    holding : timeframes whose rows hold what is looked for, each with the length of a row
    """

    def __init__(self, ledger: Ledger, runs: RunStore, symbol: str, holding: Mapping[Timeframe, int]) -> None:
        self._symbol, self._holding = symbol, holding
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
        if item.get("symbol") != self._symbol or item.get("first") is None or item.get("last") is None:
            return None
        length = self._holding.get(Timeframe(item["timeframe"]))
        return None if length is None else (from_iso(item["first"]), from_iso(item["last"]) + length)


def _holding(key: BarKey) -> dict[Timeframe, int]:
    """Timeframes whose bars hold those of ``key``: itself, and what is built from hours or finer bars."""
    built = _BUILT if key.timeframe.is_intraday_source else ()
    return {timeframe: timeframe.step_ns for timeframe in built} | {key.timeframe: 1}


def _plain(values: Sequence[float]) -> list[float | None]:
    # JSON knows no NaN, which is the volume of what has none.
    return [None if math.isnan(value) else value for value in values]
