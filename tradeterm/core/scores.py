"""What signals came to, in numbers: a score, a reliability curve, hits by month, and how both fade.

Standard library only, so that a face that shows them waits for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Bin", "Decay", "Group", "Month", "Score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Signals whose probability lies in [low, high) (the last bin holds 1 too): what was said, what came."""

    low: float
    high: float
    n: int
    predicted: float
    hit_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a group of matured signals came to; None where it is not defined.

    n : matured signals; directional : those long or short, of which ``hits`` had a positive net return
    low, high : 95 % interval of the hit rate (Wilson), of independent signals
    mean_net : mean signed return after costs of the directional ones, fraction
    brier : mean of (prob - hit) squared over the ``predicted`` ones that had a probability
    brier_base : the same, had each been given these signals' own hit rate
    ic : rank correlation of forecast and realised return over ``ic_n`` signals
    """

    n: int
    directional: int
    hits: int
    hit_rate: float | None
    low: float | None
    high: float | None
    mean_net: float | None
    predicted: int
    brier: float | None
    brier_base: float | None
    ic: float | None
    ic_n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """Directional signals of one month (UTC, by decision time) that have matured: 2024-06, how many, hits of them."""

    month: str
    n: int
    hits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decay:
    """How a group did ``lag`` own bars after the entry, over the signals whose horizon is as long or longer.

    ic : rank correlation of forecast and return until then; hit_rate : of a return after the costs of both fills
    """

    lag: int
    n: int
    ic: float | None
    hit_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Signals that are scored together.

    by : all, strategy, model, symbol, regime, or strategy and symbol; name : which of them
    signals : all of them; waiting : those not matured
    bins : the reliability curve; months, decay : hits over time and over the horizon
    """

    by: str
    name: str
    signals: int
    waiting: int
    score: Score
    bins: tuple[Bin, ...] = ()
    months: tuple[Month, ...] = ()
    decay: tuple[Decay, ...] = ()
