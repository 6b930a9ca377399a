"""The hand labels themselves, which need no bars: whole, well formed, and never edited."""

from __future__ import annotations

import csv
import hashlib
from datetime import date, timedelta
from pathlib import Path

import pytest

FILE = Path(__file__).parent / "labels" / "regimes.csv"
SHA256 = "b8f87615ec66b10ee80b8f18a26fb8ff4b0a6fef2053145a43eccd8ed7cc377f"
STATES = {
    "equity": {"BULL", "NEUTRAL", "BEAR"},
    "volatility": {"LOW", "NORMAL", "HIGH"},
    "crypto": {"RISK_ON", "RISK_OFF"},
    "macro": {"EXPANSION", "SLOWDOWN", "RECESSION"},
}
BEGIN = {axis: date(2015 if axis == "crypto" else 2007, 1, 1) for axis in STATES}
END = date(2024, 12, 31)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    """Lines of the file, in its order."""
    with FILE.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_labels_are_those_that_were_committed_before_the_classifier_ran() -> None:
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == SHA256


@pytest.mark.parametrize("axis", STATES)
def test_the_periods_of_an_axis_tile_its_years_without_hole_or_overlap(rows: list[dict[str, str]], axis: str) -> None:
    due = BEGIN[axis]
    for row in rows:
        if row["axis"] == axis:
            first, last = date.fromisoformat(row["first"]), date.fromisoformat(row["last"])
            assert first == due <= last, row
            due = last + timedelta(days=1)
    assert due == END + timedelta(days=1)


def test_every_period_has_a_state_of_its_axis_that_differs_from_the_one_before(rows: list[dict[str, str]]) -> None:
    before: dict[str, str] = {}
    for row in rows:
        assert row["state"] in STATES[row["axis"]], row
        assert before.get(row["axis"]) != row["state"], row
        before[row["axis"]] = row["state"]


def test_every_period_names_the_event_that_justifies_it(rows: list[dict[str, str]]) -> None:
    assert all(row["event"].strip() for row in rows)
