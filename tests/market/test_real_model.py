"""The learned model on real bars: two days, and another checkout that comes to the same model and the same signals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from real_desks import DAYS, HOURS, SERIES, THERE, RealDesk, real_desk

pytestmark = [pytest.mark.market, THERE, pytest.mark.xdist_group("real desks")]

NAME = "DirectionModel_v1"
BOOK = (
    "models.strategies=[{name: EquityTrendModel_v1, budget: 0.5, universe: [SPY, QQQ]},"
    f" {{name: {NAME}, budget: 0.4, universe: [SPY, QQQ, BTC/USDT]}}]"
)
NIGHTS = ("2024-08-29", "2024-08-30")


def told(desk: RealDesk, night: str) -> dict[str, Any]:
    return desk("daily", "--asof", night, "--set", BOOK)


def lasting(signal: dict[str, Any]) -> dict[str, Any]:
    return {key: signal[key] for key in ("symbol", "side", "prob", "ev", "model_version", "sample")}


def test_two_nights_and_another_checkout_come_to_the_same_model_and_signals(tmp_path: Path) -> None:
    files = (*HOURS, *DAYS, *SERIES)
    one, other = (real_desk(tmp_path / name, "real-bars", files) for name in ("one", "other"))
    first = [told(one, night) for night in NIGHTS]
    # The other one never ran the first night: what it has on the second is the same.
    (late,) = (told(other, night) for night in NIGHTS[1:])
    assert [day["exit_code"] for day in (*first, late)] == [0, 0, 0]
    reports = [day["report"] for day in first]
    models = [{item["model_version"] for item in report["models"]} for report in reports]
    assert models[0] == models[1] == {item["model_version"] for item in late["report"]["models"]}
    (version,) = (name for name in models[1] if name.startswith(NAME))
    assert len(version.partition("+")[2]) == 16
    signals = [lasting(item) for item in reports[1]["signals"]]
    assert {item["symbol"] for item in signals if item["model_version"] == version} == {"SPY", "QQQ", "BTC/USDT"}
    assert signals == [lasting(item) for item in late["report"]["signals"]]
    assert all(0.0 < item["prob"] < 1.0 for item in signals if item["side"] == "long")

    folders = [sorted((desk.root / "results" / "models").glob("[0-9a-f]*")) for desk in (one, other)]
    assert [path.name for path in folders[0]] == [path.name for path in folders[1]]
    newest = [json.loads((path / "manifest.json").read_text()) for path in (folders[0][-1], folders[1][-1])]
    assert newest[0]["data"] == newest[1]["data"]
    assert (one.root / "docs" / "model_changelog.md").read_text().count(version.partition("+")[2]) >= 1
