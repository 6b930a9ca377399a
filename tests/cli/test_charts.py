"""Charts of characters: inside the terminal, the same each time, and nothing for nothing."""

from __future__ import annotations

import pytest

from tradeterm.cli.charts import lines_chart

MONTHS = [f"2026-{month:02}" for month in range(1, 13)]


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_chart_fits_the_terminal_and_is_the_same_each_time(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    series = [("hit rate", [month / 12 for month in range(12)])]
    drawn = lines_chart("hit rate by month", MONTHS, series, limits=(0.0, 1.0))
    assert drawn == lines_chart("hit rate by month", MONTHS, series, limits=(0.0, 1.0))
    assert max(map(len, drawn)) <= min(columns, 100)
    text = "\n".join(drawn)
    assert "hit rate by month" in text
    assert "\x1b" not in text
    assert "2026-01" in drawn[-1]
    assert "2026-12" in drawn[-1]


def test_points_that_are_not_there_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert lines_chart("IC", ["1"], [("IC", [0.1])]) == []
    assert lines_chart("IC", [], [("IC", [])]) == []
    assert "IC" in "\n".join(lines_chart("IC", ["1", "2", "3"], [("IC", [0.1, None, 0.2])]))
