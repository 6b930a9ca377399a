"""How a model's inputs were spread when it was fitted: what later inputs are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tradeterm.engine.learning import Dataset

__all__ = ["binned"]

_BINS = 10


def binned(data: Dataset) -> dict[str, Any]:
    """Deciles of each feature with the decisions in each bin, and the decisions in each state of each regime axis.

    A feature has ``edges`` (inner ones, ascending) and one count more than edges: bin k holds values x with
    ``edges[k-1] <= x < edges[k]``, the outer bins all that is beyond. An axis has counts by the code of its state.
    """
    levels = np.arange(1, _BINS) / _BINS
    found: dict[str, Any] = {}
    for place, name in enumerate(data.names):
        values = data.features[:, place]
        edges = np.unique(np.quantile(values, levels))
        counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
        found[name] = {"edges": edges.tolist(), "counts": counts.tolist()}
    for place, axis in enumerate(data.axes):
        counts = np.bincount(data.states[:, place].astype(np.int64))
        found[f"regime {axis}"] = {"counts": counts.tolist()}
    return found
