"""Drift of what a model is shown against the window that it was fitted on, feature by feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.time import from_iso
from tradeterm.engine.drift import Drift, drift_of_counts, unusual_psi
from tradeterm.signals.watch import Watched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.engine.drift import Bands
    from tradeterm.signals.course import Course, Shown
    from tradeterm.signals.timeline import Refit

__all__ = ["watch_inputs"]


def watch_inputs(course: Course, used: Refit, *, decisions: int, bands: Bands) -> list[Watched]:
    """Watch every feature and regime axis of a model over the newest ``decisions`` instants.

    course : up to now; used : the model in use

    The bins are those of the model's manifest, over all symbols. Neighbouring decisions are shown nearly the same, so
    that a quarter of a year is far from its decade more often than not: what counts as drift is a distance that no
    window of that length had within the training window itself.
    """
    shown = course.shown()
    moments = np.unique(shown.time_ns)
    now = shown.time_ns >= moments[-decisions:][0] if len(moments) else np.zeros(0, dtype=np.bool_)
    # What was shown up to the newest decision that the model was fitted on; the manifest tells its first and last.
    data = used.manifest["data"]
    before = (shown.time_ns >= from_iso(data["from"])) & (shown.time_ns <= from_iso(data["to"]))
    found = []
    for name, counts, placed in _places(shown, used.manifest["bins"]):
        actual = np.bincount(placed[now], minlength=len(counts))
        usual = unusual_psi(placed[before], shown.time_ns[before], len(counts), decisions)
        told = drift_of_counts(counts, actual, bands=bands, usual=usual)
        found.append(_watched(course, name, told))
    return found


def _watched(course: Course, name: str, told: Drift) -> Watched:
    return Watched(strategy=course.strategy.name, feature=name, measure="psi", value=told.psi, band=told.band, n=told.n)


def _places(shown: Shown, bins: Mapping[str, Any]) -> Iterator[tuple[str, IntArray, IntArray]]:
    """Name, counts of the training window and the bin of each decision, of every feature and axis."""
    for place, name in enumerate(shown.names):
        counts = np.array(bins[name]["counts"], dtype=np.int64)
        edges: FloatArray = np.array(bins[name]["edges"], dtype=np.float64)
        yield name, counts, np.searchsorted(edges, shown.features[:, place], side="right").astype(np.int64)
    for place, axis in enumerate(shown.axes):
        name = f"regime {axis}"
        counts = np.array(bins[name]["counts"], dtype=np.int64)
        states = shown.states[:, place].astype(np.int64)
        # A state that the training window never had is a bin of its own, at the end.
        width = max(len(counts), int(states.max(initial=-1)) + 1)
        yield name, np.pad(counts, (0, width - len(counts))), states
