"""Labels of regimes against what the classifier judged on the stored bars, day by day.

The state of a day is what was known when it was over, at 00:00 UTC of the next one: what a decision there stands on.
Days are the sessions of the axis' input, so that a weekend doesn't count a Friday three times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import NotLabels
from tradeterm.core.time import DAY_NS
from tradeterm.data.calendar import sessions
from tradeterm.data.panel import regime_asof
from tradeterm.engine.agreement import NOTHING, Agreement, agreement
from tradeterm.engine.regime import AXES, LATE, STATES, classify, known_states
from tradeterm.research.desk import actions_of, thresholds, watched
from tradeterm.research.plan import publication_rules
from tradeterm.store.bars import BarStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradeterm.config.settings import Settings
    from tradeterm.core.types import IntArray, StateArray
    from tradeterm.engine.regime import RegimeFrame
    from tradeterm.research.labels import LabelledPeriod

__all__ = ["AxisAgreement", "agree"]

# Roles that an axis is judged on; the first one's calendar says which days there are.
_INPUTS = {
    "equity": ("equity",),
    "volatility": ("volatility", "equity"),
    "crypto": ("crypto",),
    "macro": ("activity", "slope"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisAgreement:
    """One axis.

    inputs : symbols that it is judged on
    days : (K,) 00:00 UTC of each day that was asked for, from the first labelled one to the last
    judged : (K,) state when the day was over, NOTHING where it was unknown
    late : compared days on which an input was overdue and its last known state stood
    """

    axis: str
    inputs: tuple[str, ...]
    calendar: str
    periods: tuple[LabelledPeriod, ...]
    days: IntArray
    period: IntArray
    judged: StateArray
    late: int
    result: Agreement


def agree(settings: Settings, periods: Sequence[LabelledPeriod]) -> tuple[AxisAgreement, ...]:
    """Compare the labels of each axis that has any with its judged states.

    Raises
    ------
    MissingBars
        When an input of a labelled axis isn't stored.
    NotLabels
        When an axis is labelled that has no input in the configuration.
    """
    axes = [axis for axis in AXES if any(item.axis == axis for item in periods)]
    inputs = {axis: _inputs(settings, axis) for axis in axes}
    days = {axis: _days(settings, inputs[axis], [item for item in periods if item.axis == axis]) for axis in axes}
    times = np.unique(np.concatenate([calendar_days for _, calendar_days in days.values()])) + DAY_NS
    frame = _frame(settings, {role: symbol for axis in axes for role, symbol in inputs[axis].items()}, times)
    return tuple(
        _axis(axis, inputs[axis], days[axis], tuple(item for item in periods if item.axis == axis), frame)
        for axis in axes
    )


def _inputs(settings: Settings, axis: str) -> dict[str, str]:
    """Symbol by role of what an axis is judged on."""
    roles = settings.config.universe.roles
    named = {role: getattr(roles, role) for role in _INPUTS[axis]}
    found = {role: symbol for role, symbol in named.items() if symbol is not None}
    if not found:
        roles_named = " or ".join(f"universe.roles.{role}" for role in _INPUTS[axis])
        raise NotLabels(f"labels of {axis}", "nothing is configured to judge this axis on", f"set {roles_named}")
    return found


def _days(settings: Settings, inputs: dict[str, str], periods: Sequence[LabelledPeriod]) -> tuple[str, IntArray]:
    calendars = {item.symbol: item.calendar for item in watched(settings.config)}
    calendar = calendars[next(iter(inputs.values()))]
    every = sessions(calendar).date_ns
    return calendar, every[(every >= periods[0].first_ns) & (every <= periods[-1].last_ns)]


def _frame(settings: Settings, roles: dict[str, str], times: IntArray) -> RegimeFrame:
    """States at ``times`` by the classifier that backtests and the daily run use."""
    inputs, _ = regime_asof(
        BarStore(settings.workspace.data),
        int(times[-1]) if len(times) else 0,
        roles=roles,
        publication=publication_rules(settings.config),
        actions=actions_of(settings.workspace.data, sorted(set(roles.values()))),
    )
    return classify(times, inputs, thresholds(settings.config))


def _axis(
    axis: str,
    inputs: dict[str, str],
    asked: tuple[str, IntArray],
    periods: tuple[LabelledPeriod, ...],
    frame: RegimeFrame,
) -> AxisAgreement:
    column = AXES.index(axis)
    calendar, days = asked
    rows = np.searchsorted(frame.times, days + DAY_NS)
    status = frame.status[rows, column]
    judged = known_states(frame)[rows, column]
    first = np.array([item.first_ns for item in periods], dtype=np.int64)
    last = np.array([item.last_ns for item in periods], dtype=np.int64)
    period = np.searchsorted(first, days, side="right") - 1
    period = np.where(days <= last[period], period, NOTHING)
    label = np.array([STATES[column].index(item.state) for item in periods], dtype=np.int8)
    return AxisAgreement(
        axis=axis,
        inputs=tuple(dict.fromkeys(inputs.values())),
        calendar=calendar,
        periods=periods,
        days=days,
        period=period,
        judged=judged,
        late=int(((status == LATE) & (period != NOTHING)).sum()),
        result=agreement(period, label, judged, len(STATES[column])),
    )
