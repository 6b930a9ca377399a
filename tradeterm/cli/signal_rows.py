"""A signal as a row of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradeterm.core.time import iso

if TYPE_CHECKING:
    from tradeterm.views.signals import SignalRow

__all__ = ["HEADINGS", "cells"]

HEADINGS = ("ts", "symbol", "side", ">prob", ">ev", ">sample", ">horizon", "model")


def cells(row: SignalRow) -> tuple[object, ...]:
    """Cells below :data:`HEADINGS`."""
    model = row.model_version + (" (replayed)" if row.replayed else "")
    return (iso(row.ts_ns), row.symbol, row.side, row.prob, row.ev, row.sample, row.horizon, model)
