"""Drift of a strategy: of the sides it takes against its replay, and of its hits against its odds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.time import DAY_NS, from_iso
from tradeterm.engine.drift import drift_of_counts, hit_rate_drift, unusual_psi

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tradeterm.engine.drift import Band, Bands
    from tradeterm.engine.replay import Replay
    from tradeterm.store.ledger import LedgerReader

__all__ = ["Watched", "recent_signals", "watch"]

_SIDES = ("long", "short", "flat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One thing that was watched of one strategy.

    feature : what it is: a feature's name, ``side`` for predictions, ``hit rate``
    measure : psi or z, and ``value`` of it; n : values behind it
    """

    strategy: str
    feature: str
    measure: str
    value: float | None
    band: Band
    n: int

    def line(self) -> str:
        """Warning for people."""
        value = "unknown" if self.value is None else f"{self.value:.2f}"
        return f"{self.strategy}: {self.feature} drifted, {self.measure} {value} over {self.n} ({self.band})"


def recent_signals(
    ledger: LedgerReader, *, asof: str, decisions: int, per_decision: int
) -> list[tuple[Mapping[str, Any], Mapping[str, Any] | None]]:
    """Signals of the newest ``decisions`` instants up to ``asof`` with their outcomes, as stored, oldest first."""
    # Keys begin with the instant, and a tilde sorts after every character of one.
    found = ledger.greatest("signal", decisions * per_decision, below=f"{asof}~")
    pairs: list[tuple[Mapping[str, Any], Mapping[str, Any] | None]] = []
    for fact in reversed(found):
        outcome = ledger.get("outcome", fact.key)
        pairs.append((fact.payload, None if outcome is None else outcome.payload))
    return pairs


def watch(
    run: Replay,
    recent: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]],
    *,
    decisions: int,
    bands: Bands,
) -> list[Watched]:
    """Watch every strategy of a book: sides now against those of its replay, hits against the odds that were told.

    recent : signals of the newest ``decisions`` nights with their outcomes

    A strategy keeps a side for weeks: what counts as drift is a distance that no window of so many nights had within
    the replay itself.
    """
    found = []
    nights = np.flatnonzero(run.times[:-1] % DAY_NS == 0)
    for m, member in enumerate(run.spec.members):
        name = member.strategy.name
        version = f"{name}@{member.strategy.version}"
        own = [pair for pair in recent if str(pair[0]["model_version"]).partition("+")[0] == version]
        columns = [run.panel.column(symbol) for symbol in member.symbols]
        taken = np.sign(run.weights[nights, m][:, columns]).astype(np.int64)
        # Places in _SIDES.
        placed = np.array([2, 0, 1])[taken].ravel()
        expected = np.bincount(placed, minlength=len(_SIDES))
        count = Counter(str(signal["side"]) for signal, _ in own)
        window = min(decisions, len({signal["ts"] for signal, _ in own}))
        usual = unusual_psi(placed, np.repeat(nights, len(columns)), len(_SIDES), window) if window else None
        sides = drift_of_counts(expected, [count[side] for side in _SIDES], bands=bands, usual=usual)
        found.append(Watched(strategy=name, feature="side", measure="psi", value=sides.psi, band=sides.band, n=sides.n))
        told = [(signal, out) for signal, out in own if out is not None and out["hit"] is not None]
        told = [(signal, out) for signal, out in told if signal["prob"] is not None]
        hits = hit_rate_drift(
            [bool(out["hit"]) for _, out in told if out is not None],
            [float(signal["prob"]) for signal, _ in told],
            overlap=_overlap([(signal, out) for signal, out in told if out is not None]),
            bands=bands,
        )
        found.append(Watched(strategy=name, feature="hit rate", measure="z", value=hits.z, band=hits.band, n=hits.n))
    return found


def _overlap(matured: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> float:
    """How many signals of one symbol are out at a time, on average; of the symbols, all of which share the market."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for signal, out in matured:
        spans.setdefault(str(signal["symbol"]), []).append((from_iso(signal["ts"]), from_iso(out["exit_at"])))
    held = sum(stop - start for each in spans.values() for start, stop in each)
    whole = sum(max(stop for _, stop in each) - min(start for start, _ in each) for each in spans.values())
    return held / whole if whole > 0 else 1.0
