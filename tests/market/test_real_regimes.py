"""The hand labels against the states that real bars give, by the command of the documentation, and its page."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from desks import ROOT
from real_desks import THERE, RealDesk, real_desk

from tradeterm.config.load import load_settings
from tradeterm.config.workspace import Workspace
from tradeterm.core.time import DAY_NS, from_iso
from tradeterm.data.calendar import sessions
from tradeterm.data.panel import regime_asof
from tradeterm.engine.regime import AXES, classify
from tradeterm.research.desk import thresholds
from tradeterm.research.plan import publication_rules
from tradeterm.store.bars import BarStore

LABELS = ROOT / "tests" / "market" / "labels" / "regimes.csv"
PAGE = ROOT / "docs" / "regimes.md"
WHOLE = (("SPY_1d__yahoo_adj.csv.gz", "SPY", "--adjustment", "all"),)

pytestmark = [pytest.mark.market, THERE, pytest.mark.xdist_group("real desks")]


def agreement(desk: RealDesk, *words: str) -> dict[str, dict[str, Any]]:
    """Compare the labels with the stored bars; returns what is said by axis."""
    return {axis["axis"]: axis for axis in desk("regime", "agree", str(LABELS), *words)["axes"]}


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """What writes the tables of the page."""
    spec = importlib.util.spec_from_file_location("gen_agreement", ROOT / "scripts" / "gen_agreement.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_tells_every_figure_and_every_disagreement(days: RealDesk, generator: ModuleType) -> None:
    found = agreement(days)
    page = PAGE.read_text(encoding="utf-8")
    for name, axis in found.items():
        begin, end = (mark.format(axis=name) for mark in (generator.BEGIN, generator.END))
        assert page.split(begin)[1].split(end)[0] == generator.tables(axis), name
        assert f"| {name} | {axis['compared']:,} | {generator.percent(axis['agreement'])} |" in page
    assert {name: (axis["compared"], axis["agreed"]) for name, axis in found.items()} == {
        "equity": (4448, 4069),
        "volatility": (4530, 4321),
        "crypto": (3454, 3238),
        "macro": (4530, 2838),
    }
    assert [name for name, axis in found.items() if axis["agreement"] <= 0.9] == ["macro"], (
        "the aim, and what misses it"
    )
    assert max(item["days"] for item in found["volatility"]["disagreements"]) == 5
    known = [span for span in found["equity"]["judged_spans"] if span["state"] is not None]
    assert (len(known) - 1, len(found["equity"]["labelled_spans"]) - 1) == (205, 30)
    assert found["equity"]["unjudged"] == [{"first": "2024-09-05", "last": "2024-12-31", "days": 82}]
    longer = [item for item in found["macro"]["disagreements"] if item["days"] > 5]
    assert (len(longer), len(found["macro"]["disagreements"])) == (55, 66)


def test_the_causes_that_the_page_names_for_the_macro_axis(days: RealDesk) -> None:
    macro = agreement(days, "--axis", "macro")["macro"]
    settings = load_settings(Workspace(days.root), profile="paper", experiment=Path(days.experiment), env={})
    times = sessions("XNYS").date_ns + DAY_NS
    inputs, _ = regime_asof(
        BarStore(settings.workspace.data),
        from_iso("2025-01-01"),
        roles={"activity": "CFNAI", "slope": "T10Y2Y"},
        publication=publication_rules(settings.config),
        actions={},
    )
    frame = classify(times, inputs, thresholds(settings.config))
    activity, slope = (values[:, AXES.index("macro")] for values in (frame.reading, frame.reference))
    spans = {("EXPANSION", "SLOWDOWN"): [], ("SLOWDOWN", "EXPANSION"): [], ("SLOWDOWN", "RECESSION"): []}
    for item in macro["disagreements"]:
        first, last = (from_iso(item[name]) + DAY_NS for name in ("first", "last"))
        rows = np.flatnonzero((times >= first) & (times <= last)).tolist()
        spans.get((item["label"], item["judged"]), []).extend(rows)
    slowed, grew, feared = (np.array(rows) for rows in spans.values())
    single = (activity[slowed] > -0.2) & (activity[slowed] < 0)
    assert (len(slowed), int(single.sum())) == (850, 398)
    assert (len(grew), int((activity[grew] < 0.2).sum())) == (356, 290)
    assert (len(feared), int((slope[feared] < 0).sum())) == (391, 370)
    assert int((times[feared] >= from_iso("2022-01-01")).sum()) == 333


def test_with_dividends_in_the_prices_the_equity_axis_agrees_a_little_less(tmp_path: Path) -> None:
    equity = agreement(real_desk(tmp_path / "workspace", "real-bars", WHOLE), "--axis", "equity")["equity"]
    assert (equity["compared"], equity["agreed"]) == (3522, 3179)
    assert [row["judged"] for row in equity["matrix"]] == [[364, 60, 1], [42, 147, 224], [0, 16, 2668]]
    assert equity["unjudged"] == [{"first": "2007-01-03", "last": "2010-12-31", "days": 1008}]
    assert all(item["last"] < "2024-09-05" for item in equity["disagreements"])
