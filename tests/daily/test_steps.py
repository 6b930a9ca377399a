"""What single steps do: chosen ones, a plan without deeds, restated outcomes, drift, and what each leaves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from desks import STOCKED, Bench

from tradeterm.core.errors import UsageError
from tradeterm.core.market import BarKey, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, iso
from tradeterm.daily import STEPS, DailyResult, plan_daily, run_daily
from tradeterm.daily.past import replay_days
from tradeterm.data.crew import Supplier
from tradeterm.data.sources.sample import SampleMarket
from tradeterm.research.plan import open_sources, publication_rules
from tradeterm.store.bars import BarStore
from tradeterm.store.ledger import Ledger

ASOF = STOCKED + 7 * DAY_NS


def daily(bench: Bench, *, asof_ns: int = ASOF, steps: tuple[str, ...] = STEPS) -> DailyResult:
    with bench.ledger() as ledger:
        return run_daily(bench.settings, ledger, asof_ns=asof_ns, steps=steps)


def everything(root: Path) -> dict[str, tuple[int, int]]:
    return {
        path.relative_to(root).as_posix(): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_each_step_leaves_what_it_was_done_on_what_came_and_how_long_it_took(bench: Bench) -> None:
    result = daily(bench)
    with bench.ledger() as ledger:
        facts = {fact.payload["step"]: fact.payload for fact in ledger.facts("step")}
    assert tuple(facts) == STEPS
    assert all(fact["seconds"] >= 0.0 and isinstance(fact["inputs"], dict) for fact in facts.values())
    assert facts["refresh"]["inputs"]["instruments"][:2] == ["SPY", "QQQ"]
    assert facts["predict"]["inputs"]["data_hash"] == facts["snapshot"]["inputs"]["data_hash"]
    assert facts["train"]["outputs"] == {"due": {}, "trained": [], "reason": "no learned strategy"}
    schedule = facts["train"]["inputs"]["schedule"]
    assert (schedule["every_days"], schedule["weekly"], schedule["on_drift"]) == (28, None, False)
    assert facts["validate"]["outputs"]["error"] == 0
    assert result.report is not None
    assert result.report["models"][0]["strategy"] == "EquityTrendModel_v1"


def test_chosen_steps_run_alone_and_are_another_daily_run(bench: Bench) -> None:
    some = daily(bench, asof_ns=STOCKED, steps=("report", "predict"))
    assert [step.name for step in some.steps] == ["predict", "report"]
    assert some.report is not None
    assert len(some.report["signals"]) == 6
    assert some.report["orders"] is some.report["book"] is some.report["snapshot"] is None
    whole = daily(bench, asof_ns=STOCKED)
    assert whole.daily_id != some.daily_id
    assert whole.exit_code == 0
    with bench.ledger() as ledger:
        assert len(ledger.facts("signal")) == 6


def test_a_step_that_is_none_is_refused_with_the_nearest_name(bench: Bench) -> None:
    with pytest.raises(UsageError, match="did you mean 'predict'"):
        daily(bench, steps=("predit",))
    with pytest.raises(UsageError, match="no step was named"):
        daily(bench, steps=())
    assert bench.facts() == {}


def test_a_dry_run_names_what_is_recorded_and_what_would_run_and_writes_nothing(bench: Bench) -> None:
    before = everything(bench.root)
    with Ledger.reader(bench.workspace.results) as reader:
        plan = plan_daily(bench.settings, reader, asof_ns=ASOF)
    assert [(name, recorded) for name, recorded, _ in plan.steps] == [(name, False) for name in STEPS]
    assert everything(bench.root) == before
    done = daily(bench)
    after = everything(bench.root)
    with Ledger.reader(bench.workspace.results) as reader:
        plan = plan_daily(bench.settings, reader, asof_ns=ASOF)
        assert plan.daily_id == done.daily_id
        assert all(recorded for _, recorded, _ in plan.steps)
        # The shared-memory file of a WAL database is the readers' own.
        here = {name: stamp for name, stamp in everything(bench.root).items() if not name.endswith("-shm")}
    assert here == {name: stamp for name, stamp in after.items() if not name.endswith("-shm")}


def test_the_report_compares_with_the_day_before_and_tells_what_matured_and_changed(bench: Bench) -> None:
    with bench.ledger() as ledger:
        replay_days(bench.settings, ledger, from_ns=STOCKED - 30 * DAY_NS, to_ns=STOCKED - DAY_NS)
    first = daily(bench, asof_ns=STOCKED)
    second = daily(bench, asof_ns=STOCKED + DAY_NS)
    assert first.report is not None
    assert second.report is not None
    assert first.report["before"] is None, "a replay's snapshot is no day before"
    before = second.report["before"]
    assert (before["asof"], before["changed"]) == (iso(STOCKED), [])
    assert before["metrics"] == first.report["snapshot"]["metrics"]
    matured = [item for result in (first, second) for item in (result.report or {})["matured"]]
    assert matured
    for report in (first.report, second.report):
        for item in report["matured"]:
            assert report["asof"] >= item["outcome"]["known_at"]
    with bench.ledger() as ledger:
        known = [fact.payload["known_at"] for fact in ledger.facts("outcome")]
    assert len(second.report["matured"]) == sum(iso(STOCKED) < at <= iso(STOCKED + DAY_NS) for at in known)
    page = (bench.root / second.steps[-1].outputs["path"]).read_text()
    for heading in ("Tomorrow's orders", "Signals", "Outcomes of the last day", "Regime", "Models in use"):
        assert f"## {heading}" in page
    document = json.loads((bench.root / second.steps[-1].outputs["document"]).read_text())
    assert document == second.report


class Doubling(SampleMarket):
    """A market that tells every hour of BTC from an instant on at another price."""

    since_ns = 0

    def bars(self, instrument, timeframe, start_ns, end_ns):  # type: ignore[no-untyped-def]  # as the market's own
        bars = super().bars(instrument, timeframe, start_ns, end_ns)
        if instrument.symbol != "BTC/USDT":
            return bars
        factor = np.where(bars.ts >= self.since_ns, 1.5, 1.0)
        return replace(bars, **{name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")})


def test_bars_restated_after_an_outcome_are_told_beside_it_and_it_stands(bench: Bench) -> None:
    """The source gives its overlap, the last hours, at another price: a signal that left there would be another."""
    with bench.ledger() as ledger:
        replay_days(bench.settings, ledger, from_ns=STOCKED - 20 * DAY_NS, to_ns=STOCKED)
        before = {fact.key: fact.payload for fact in ledger.facts("outcome")}
        newest = max((item for item in before.values() if "|BTC/USDT|" in item["signal"]), key=lambda it: it["exit_at"])
        market = Doubling(publication_rules(bench.settings.config))
        market.since_ns = STOCKED - 9 * DAY_NS
        wide = bench.with_sets("sources.overlap_bars=400")
        sources = open_sources(wide.settings) | {"sample": Supplier(make=lambda: market)}
        run_daily(wide.settings, ledger, asof_ns=STOCKED + DAY_NS, sources=sources)
        told = {fact.key: fact.payload for fact in ledger.facts("outcome_restated")}
        assert {fact.key: fact.payload for fact in ledger.facts("outcome") if fact.key in before} == before
        mine = told[f"{newest['signal']}|1"]
        assert mine["exit_price"] == pytest.approx(1.5 * newest["exit_price"])
        assert all("|BTC/USDT|" in key and key.endswith("|1") for key in told)
        run_daily(wide.settings, ledger, asof_ns=STOCKED + 2 * DAY_NS, sources=sources)
        again = {fact.key: fact.payload for fact in ledger.facts("outcome_restated")}
        assert {key: again[key] for key in told} == told
        assert all(key.endswith("|1") for key in again), "what was told once is not told again"


def test_a_bar_that_cannot_be_right_is_one_incident_and_in_the_report(bench: Bench) -> None:
    key = BarKey(instrument_of(bench, "SPY").asset_class, "SPY", Timeframe.H1)
    store = BarStore(bench.workspace.data)
    bars, meta = store.read(key), store.meta(key)
    low = bars.low.copy()
    low[100] = bars.high[100] * 2.0
    store.write(key, replace(bars, low=low), meta)
    first = daily(bench, asof_ns=ASOF)
    second = daily(bench, asof_ns=ASOF + DAY_NS)
    with bench.ledger() as ledger:
        told = [fact.payload["what"] for fact in ledger.facts("incident")]
    wrong = [text for text in told if text.startswith("validate SPY 1h") and "ohlc-consistency" in text]
    assert len(wrong) == 1
    for result in (first, second):
        assert result.report is not None
        assert any("ohlc-consistency" in line for line in result.report["problems"])
    page = (bench.root / "docs" / "incidents.md").read_text()
    assert "ohlc-consistency" in page


def instrument_of(bench: Bench, symbol: str) -> Instrument:
    from tradeterm.research.desk import instruments

    return next(item for item in instruments(bench.settings.config) if item.symbol == symbol)
