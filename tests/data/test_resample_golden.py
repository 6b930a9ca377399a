"""Files of bars against the H4 and daily rows of ``golden/bars``: a new case is a new file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from golden_years import GOLDEN
from rows import daily_rows, h4_rows

from tradeterm.core.market import AssetClass, BarKey, Timeframe
from tradeterm.core.time import from_iso
from tradeterm.data.evidence import Reading
from tradeterm.data.files.table import read_table
from tradeterm.data.files.wanted import Wanted
from tradeterm.data.importing import import_file
from tradeterm.data.intake import take_in
from tradeterm.data.resample import complete_until, resample_daily, resample_h4
from tradeterm.data.stamps import stamps_of
from tradeterm.store.bars import BarStore

FILES = sorted((GOLDEN / "bars").glob("*.json"))
CASES = [pytest.param(json.loads(path.read_text(encoding="utf-8")), id=path.stem) for path in FILES]
NOW = from_iso("2025-06-01")


def written(case: dict[str, Any], folder: Path) -> Path:
    """The case's bars as a file of a user."""
    path = folder / "bars.csv"
    rows = [",".join(map(str, row)) for row in case["bars"]]
    path.write_text("\n".join(["time,open,high,low,close,volume", *rows]) + "\n")
    return path


def declared(case: dict[str, Any]) -> dict[str, Any]:
    """What a user says of it, beside zone and label."""
    return {"calendar": case["calendar"], "now_ns": NOW, "publication": None}


def key_of(case: dict[str, Any], timeframe: str) -> BarKey:
    asset_class = AssetClass.CRYPTO if case["calendar"] == "24/7" else AssetClass.EQUITY
    return BarKey(asset_class, "X", Timeframe(timeframe))


def in_ns(rows: list[list[Any]]) -> list[list[Any]]:
    return [[from_iso(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]


@pytest.mark.parametrize("case", CASES)
def test_bars_become_the_rows_of_the_answer(case: dict[str, Any], tmp_path: Path) -> None:
    path = written(case, tmp_path)
    table = read_table(path, Wanted(symbol="X"))
    key = key_of(case, case["timeframe"])
    reading = Reading(timeframe=key.timeframe, tz=case.get("tz", "UTC"), label=case.get("label", "open"))
    taken = take_in(table, stamps_of(table.times.cells), reading, path=path, key=key, **declared(case))
    assert (taken.left_out, taken.rejected) == (case.get("left_out", 0), {})
    assert len(taken.bars) + taken.left_out == len(case["bars"])
    step = key.timeframe.step_ns
    until = from_iso(case["until"]) if "until" in case else complete_until(case["calendar"], taken.bars, step)
    assert h4_rows(resample_h4(taken.bars, until)) == in_ns(case["h4"])
    assert daily_rows(resample_daily(taken.bars, case["calendar"], until)) == in_ns(case["daily"])


@pytest.mark.parametrize("case", [case for case in CASES if "until" not in case.values[0]])
def test_an_imported_file_is_stored_as_the_rows_of_the_answer(case: dict[str, Any], tmp_path: Path) -> None:
    store = BarStore(tmp_path / "data")
    key = key_of(case, case["timeframe"])
    import_file(
        store,
        written(case, tmp_path),
        symbol=key.symbol,
        asset_class=key.asset_class,
        timeframe=key.timeframe,
        tz=case.get("tz", "UTC"),
        label=case.get("label", "open"),
        **declared(case),
    )
    for name, rows_of in (("h4", h4_rows), ("daily", daily_rows)):
        target = key_of(case, name)
        stored = rows_of(store.read(target)) if store.exists(target) else []
        assert stored == in_ns(case[name])


def test_there_is_a_case_for_each_length_of_a_bar_label_and_calendar() -> None:
    cases = [case.values[0] for case in CASES]
    lengths = {timeframe.value for timeframe in Timeframe if timeframe.is_intraday_source}
    for label in ("open", "close"):
        assert label in {case.get("label", "open") for case in cases}
    assert {case["timeframe"] for case in cases} == lengths
    assert {case["calendar"] for case in cases} >= {"XNYS", "XNAS", "XLON", "XETR", "XTSE", "XTKS", "24/7"}
