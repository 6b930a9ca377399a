"""Gaps of a bar file, counted whenever it is written, so that whoever lists files need not read them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tradeterm.data.findings import ValidationRules
from tradeterm.data.findings_grid import gaps

if TYPE_CHECKING:
    from tradeterm.core.market import BarKey, Bars
    from tradeterm.store.bar_table import BarMeta

__all__ = ["GAP_BARS", "with_gaps"]

GAP_BARS = ValidationRules().gap_bars
"""So many expected bars in a row that are missing count as a gap: validation's own threshold."""


def with_gaps(key: BarKey, bars: Bars, meta: BarMeta) -> BarMeta:
    """Say in ``meta`` how many gaps ``bars`` have, as validation counts them at its own threshold."""
    return replace(meta, extra={**meta.extra, "gaps": sum(1 for _ in gaps(key, bars, meta, GAP_BARS))})
