"""Metrics of one fixed run of the sample profile, held within tolerances: what must not move without being meant to.

Counts are exact. Everything else is held to one part in a million, or 1e-9 where it is about zero: far less than any
change of a rule makes, far more than another processor's last digits do.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from desks import STOCKED, Bench

from tradeterm.core.time import from_iso
from tradeterm.research.backtest import run_backtest
from tradeterm.research.performance import read_performance
from tradeterm.store.runs import RunStore

GOLDEN = Path(__file__).parent / "golden" / "metrics.json"
RELATIVE, ABSOLUTE = 1e-6, 1e-9


def golden_run(bench: Bench) -> dict[str, Any]:
    """Run three models over four years and a half, and read what it came to."""
    with bench.ledger() as ledger:
        result = run_backtest(bench.settings, ledger, name="golden", start_ns=from_iso("2020-01-01"), end_ns=STOCKED)
    found = read_performance(RunStore(bench.workspace.results), result.run_id)
    assert found is not None
    return {
        "portfolio": found.metrics,
        "strategies": found.strategy_metrics,
        "benchmarks": {item.key: item.metrics for item in found.benchmarks},
        "years": {str(item.year): item.value for item in found.years},
        "regimes": {
            f"{item.axis} {item.state} {item.owner}": {"n": item.n, "mean": item.mean, "sharpe": item.sharpe}
            for item in found.regimes
        },
    }


def flat(value: Any, at: str = "") -> dict[str, float | int | None]:
    """Return numbers by their path."""
    if isinstance(value, dict):
        return {key: number for name, item in value.items() for key, number in flat(item, f"{at}/{name}").items()}
    return {at: value}


def test_metrics_of_a_fixed_run_stay_where_they_are(bench: Bench) -> None:
    found, expected = flat(golden_run(bench)), flat(json.loads(GOLDEN.read_text()))
    assert found.keys() == expected.keys()
    assert len(expected) > 250
    for key, value in expected.items():
        if value is None or isinstance(value, int):
            assert found[key] == value, key
        else:
            assert found[key] == pytest.approx(value, rel=RELATIVE, abs=ABSOLUTE), key
