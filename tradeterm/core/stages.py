"""Stages of a strategy's life, in their order."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Stage"]


class Stage(StrEnum):
    """Where a strategy stands between idea and live trading."""

    RESEARCH = "research"
    CANDIDATE = "candidate"
    PAPER = "paper"
    LIVE = "live"
