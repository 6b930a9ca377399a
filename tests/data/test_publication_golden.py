"""When values become known, against the answer files of ``golden/publication``: a new case is a new file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden_years import GOLDEN

from tradeterm.core.market import AssetClass, BarKey, Instrument, Timeframe
from tradeterm.core.time import from_iso, iso
from tradeterm.data.evidence import Reading
from tradeterm.data.files.table import read_table
from tradeterm.data.files.wanted import Wanted
from tradeterm.data.intake import take_in
from tradeterm.data.publication import PublicationRule
from tradeterm.data.sources.answers import checked_bars
from tradeterm.data.stamps import stamps_of

NOW = from_iso("2025-06-01")
CELLS = ("open", "high", "low", "close", "volume")


def cases(kind: str) -> list[Any]:
    found = sorted((GOLDEN / "publication").glob(f"{kind}_*.json"))
    assert found
    return [pytest.param(json.loads(path.read_text(encoding="utf-8")), id=path.stem) for path in found]


def class_of(case: dict[str, Any]) -> AssetClass:
    return AssetClass.CRYPTO if case["calendar"] == "24/7" else AssetClass.EQUITY


def known(case: dict[str, Any]) -> list[str]:
    return [iso(from_iso(row[1])) for row in case["rows"] if row[1] is not None]


@pytest.mark.parametrize("case", cases("daily"))
def test_daily_bars_of_a_file_are_known_when_the_answer_says(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("\n".join(["date,open,high,low,close,volume", *(f"{row[0]},1,1,1,1,1" for row in case["rows"])]))
    table = read_table(path, Wanted(symbol="X"))
    taken = take_in(
        table,
        stamps_of(table.times.cells),
        Reading(timeframe=Timeframe.DAILY, tz="UTC", label="open"),
        path=path,
        key=BarKey(class_of(case), "X", Timeframe.DAILY),
        calendar=case["calendar"],
        now_ns=NOW,
        publication=None,
    )
    assert [iso(int(ns)) for ns in taken.bars.known_at] == known(case)
    without = [line for line, row in enumerate(case["rows"], start=2) if row[1] is None]
    assert [line for line, _ in taken.rejected.get("no-session", [])] == without


@pytest.mark.parametrize("case", cases("daily"))
def test_daily_bars_of_a_service_are_known_when_the_answer_says(case: dict[str, Any]) -> None:
    # Noon by UTC is the same date at every exchange.
    stamps = [from_iso(f"{row[0]}T12:00Z") for row in case["rows"]]
    bars = checked_bars(
        "acme",
        Instrument(symbol="X", asset_class=class_of(case), calendar=case["calendar"]),
        Timeframe.DAILY,
        start_ns=0,
        end_ns=NOW,
        now_ns=NOW,
        ts=stamps,
        **{name: [1.0] * len(stamps) for name in CELLS},
    )
    assert [iso(int(ns)) for ns in bars.known_at] == known(case)


@pytest.mark.parametrize("case", cases("rule"))
def test_values_of_a_series_are_known_and_due_when_the_answer_says(case: dict[str, Any]) -> None:
    rule = PublicationRule(**case["rule"])
    periods = np.array([from_iso(row[0]) for row in case["rows"]], dtype=np.int64)
    assert [iso(int(ns)) for ns in rule.known_at(periods)] == known(case)
    assert [iso(int(ns)) for ns in rule.due_after(periods)] == [iso(from_iso(row[2])) for row in case["rows"]]
