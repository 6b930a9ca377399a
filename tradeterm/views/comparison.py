"""Two to four runs side by side: metrics, what was configured differently, and how their days move together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tradeterm.core.errors import UsageError
from tradeterm.core.time import iso_date
from tradeterm.engine.metrics import DEFINITIONS, DayNav, nav_metrics
from tradeterm.store.ledger import Ledger
from tradeterm.store.runs import RunStore
from tradeterm.views.base import View, number
from tradeterm.views.runs import RunRow, row_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tradeterm.config.workspace import Workspace
    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.store.ledger import Fact

__all__ = ["MOST_COMPARED", "ComparisonView", "Difference", "Measure", "build"]

MOST_COMPARED = 4
_FEWEST_DAYS = 20
_COMMON = ("total_return", "cagr", "volatility", "sharpe", "sortino", "max_drawdown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One metric of each run, in the order of the runs; None where undefined or withheld."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A key of configuration, strategy or window that is not the same in all runs; None where a run has none."""

    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonView(View):
    """Runs side by side.

    metrics : each of the run's own window; common : those of returns, on the days that all runs have
    correlation : of daily returns on those days, by run and run; None under 20 of them or where nothing moves
    note : whether windows and days are the same, in words
    """

    SCHEMA: ClassVar[str] = "tradeterm.comparison.v1"

    runs: tuple[RunRow, ...]
    metrics: tuple[Measure, ...]
    common: tuple[Measure, ...]
    common_days: int
    common_start_ns: int | None
    common_end_ns: int | None
    correlation: tuple[tuple[float | None, ...], ...]
    differences: tuple[Difference, ...]
    note: str


@dataclass(frozen=True, slots=True)
class _Days:
    """Returns by the instant that each day began and ended."""

    spans: dict[tuple[int, int], float]
    periods_per_year: int


def build(workspace: Workspace, run_ids: Sequence[str]) -> ComparisonView:
    """Compare runs that the ledger has.

    Raises
    ------
    UsageError
        When there are not two to four different ones, or the ledger lacks one.
    StoreError
        When a file of a run is missing or damaged.
    """
    if not 2 <= len(set(run_ids)) == len(run_ids) <= MOST_COMPARED:
        raise UsageError(f"{len(run_ids)} runs were given; give two to {MOST_COMPARED} different ones")
    with Ledger.reader(workspace.results) as ledger:
        facts = [_known(ledger.get("run", run_id), run_id) for run_id in run_ids]
    store = RunStore(workspace.results)
    rows = tuple(map(row_of, facts))
    metrics = [_metrics(store, row) for row in rows]
    days = [_days(store, row) for row in rows]
    spans = _shared(days)
    returns = [[item.spans[span] for span in spans] if item is not None else [] for item in days]
    return ComparisonView(
        runs=rows,
        metrics=_measures(metrics),
        common=_common(days, spans),
        common_days=len(spans),
        common_start_ns=spans[0][0] if spans else None,
        common_end_ns=spans[-1][1] if spans else None,
        correlation=_correlation(returns),
        differences=_differences(store, rows),
        note=_note(rows, days, spans),
    )


def _known(fact: Fact | None, run_id: str) -> Fact:
    if fact is None:
        raise UsageError(f"no run '{run_id}' in the ledger; see `tradeterm backtest list`")
    return fact


def _metrics(store: RunStore, row: RunRow) -> dict[str, Any]:
    if not row.certificate.ok:
        return {}
    found = store.document(row.run_id, "metrics").get("portfolio")
    return found if isinstance(found, dict) else {}


def _measures(metrics: Sequence[Mapping[str, Any]]) -> tuple[Measure, ...]:
    held = {name for values in metrics for name in values}
    names = [*(name for name in DEFINITIONS if name in held), *sorted(held - DEFINITIONS.keys())]
    return tuple(Measure(name=name, values=tuple(number(part.get(name)) for part in metrics)) for name in names)


def _days(store: RunStore, row: RunRow) -> _Days | None:
    """Daily returns of a run; None without a certificate or where a NAV was not positive."""
    if not row.certificate.ok:
        return None
    import pyarrow as pa

    table = store.table(row.run_id, "days")
    times: IntArray = np.asarray(table.column("ts").cast(pa.int64()).to_numpy(), dtype=np.int64)
    nav: FloatArray = np.asarray(table.column("nav").to_numpy(), dtype=np.float64)
    year = int(store.document(row.run_id, "metrics")["periods_per_year"])
    returns = DayNav(times=times, nav=nav, periods_per_year=year).returns
    if not len(returns):
        return None
    ends = times.tolist()
    return _Days(dict(zip(pairwise(ends), returns.tolist(), strict=True)), year)


def _shared(days: Sequence[_Days | None]) -> list[tuple[int, int]]:
    """Days that begin and end at the same instants in every run that has any; none where a run has none."""
    found: set[tuple[int, int]] | None = None
    for item in days:
        own = set(item.spans) if item is not None else set()
        found = own if found is None else found & own
    return sorted(found or ())


def _common(days: Sequence[_Days | None], spans: Sequence[tuple[int, int]]) -> tuple[Measure, ...]:
    if not spans or len(_years(days)) > 1:
        return ()
    found: list[Mapping[str, Any]] = []
    for item in days:
        if item is None:
            found.append({})
            continue
        nav = np.cumprod(np.array([1.0, *(1.0 + item.spans[span] for span in spans)]))
        times = np.array([spans[0][0], *(end for _, end in spans)], dtype=np.int64)
        found.append(nav_metrics(DayNav(times=times, nav=nav, periods_per_year=item.periods_per_year)))
    return tuple(Measure(name=name, values=tuple(number(part.get(name)) for part in found)) for name in _COMMON)


def _years(days: Sequence[_Days | None]) -> set[int]:
    return {item.periods_per_year for item in days if item is not None}


def _correlation(returns: Sequence[Sequence[float]]) -> tuple[tuple[float | None, ...], ...]:
    return tuple(
        tuple(_pair(one, other, same=i == j) for j, other in enumerate(returns)) for i, one in enumerate(returns)
    )


def _pair(one: Sequence[float], other: Sequence[float], *, same: bool) -> float | None:
    if len(one) < _FEWEST_DAYS or len(one) != len(other):
        return None
    a, b = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if min(float(np.ptp(a)), float(np.ptp(b))) <= 1e-12:
        return None
    return 1.0 if same else float(np.corrcoef(a, b)[0, 1])


def _differences(store: RunStore, rows: Sequence[RunRow]) -> tuple[Difference, ...]:
    told = [_told(store.document(row.run_id, "manifest")) for row in rows]
    keys = dict.fromkeys(key for part in told for key in part)
    found = [Difference(key=key, values=tuple(part.get(key) for part in told)) for key in keys]
    return tuple(item for item in found if any(value != item.values[0] for value in item.values))


def _told(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a run was made with: window, code, data, strategies' versions, and every configured value by its key."""
    flat = {key: manifest.get(key) for key in ("start", "end", "code_hash", "data_hash")}
    for item in manifest.get("strategies") or ():
        name = item["name"]
        flat[f"{name} version"] = item["version"]
        flat[f"{name} file"] = str(item["content_hash"])[:12]
    _flatten(manifest.get("config"), "", flat)
    return flat


def _flatten(value: Any, at: str, into: dict[str, Any]) -> None:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            _flatten(item, f"{at}.{key}" if at else str(key), into)
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for place, item in enumerate(value):
            name = item.get("name") or item.get("symbol") or place
            _flatten(item, f"{at}.{name}", into)
    else:
        into[at] = value


def _note(rows: Sequence[RunRow], days: Sequence[_Days | None], spans: Sequence[tuple[int, int]]) -> str:
    if any(not row.certificate.ok for row in rows):
        failed = ", ".join(row.run_id for row in rows if not row.certificate.ok)
        return f"certificate FAILED: {failed}; no metrics of it are shown, and no days are shared"
    if not spans:
        return "no day is shared: metrics are of different windows and can't be held against each other"
    if len(_years(days)) > 1:
        return (
            f"calendars differ: metrics are of each run's own days; the correlation is of the {len(spans)} days that "
            "begin and end alike in all"
        )
    whole = all(item is not None and len(item.spans) == len(spans) for item in days)
    if whole:
        return f"same window: the {len(spans)} days of each run are the same"
    window = f"{iso_date(spans[0][0])} to {iso_date(spans[-1][1])}"
    return (
        f"windows differ: metrics are of each run's own; the common ones are of the {len(spans)} shared days, {window}"
    )
