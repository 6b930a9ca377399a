"""The train step: what earlier daily runs recorded, what drifted, and what it leaves."""

from __future__ import annotations

from typing import Any

import pytest
from desks import STOCKED, Bench

from tradeterm.core.errors import ConfigError
from tradeterm.core.time import DAY_NS, iso
from tradeterm.daily import run_daily, steps
from tradeterm.daily.night import STEPS, Ended, Night
from tradeterm.research.backtest import silent
from tradeterm.research.learned import schedule_of
from tradeterm.store.ledger import Ledger

NAME = "DirectionModel_v1"
LEARNED = (f"models.strategies=[{{name: {NAME}, budget: 1.0}}]", "models.training.every_days=1000")
DRIFTED = {"drift": [{"strategy": NAME, "band": "major"}, {"strategy": "Other_v1", "band": "major"}]}
CALM = {"drift": [{"strategy": NAME, "band": "moderate"}]}


def record(ledger: Ledger, name: str, asof_ns: int, step: str, outputs: dict[str, Any]) -> None:
    ledger.append("daily", name, {"asof": iso(asof_ns), "profile": "sample"})
    fact = {"daily_id": name, "step": step, "status": "done", "outputs": outputs}
    ledger.append("step", f"{name}:{step}", fact)


def trained(bench: Bench, ledger: Ledger, asof_ns: int = STOCKED) -> Ended:
    return steps.train(Night(bench.settings, ledger, asof_ns, 7, silent, None, STEPS))


def test_what_was_trained_last_is_read_from_the_daily_runs_before_this_instant(bench: Bench) -> None:
    learner = bench.with_sets(*LEARNED)
    with learner.ledger() as ledger:
        first = trained(learner, ledger)
        assert (first.status, first.outputs["due"]) == ("done", {NAME: "never trained"})
        record(ledger, "later", STOCKED + DAY_NS, "train", {"trained": [NAME]})
        assert trained(learner, ledger) == first, "what comes later counts for nothing"
        record(ledger, "before", STOCKED - DAY_NS, "train", {"trained": [NAME]})
        again = trained(learner, ledger)
        assert (again.status, again.outputs["due"], again.outputs["reason"]) == ("skipped", {}, "none is due")
        assert again.outputs["models"] == first.outputs["models"]


@pytest.mark.parametrize(("set_to", "outputs", "expected"), [(True, DRIFTED, 1), (False, DRIFTED, 0), (True, CALM, 0)])
def test_major_drift_the_night_before_is_fitted_anew_where_it_is_set_to(
    bench: Bench, set_to: bool, outputs: dict[str, Any], expected: int
) -> None:
    learner = bench.with_sets(*LEARNED, f"models.training.on_drift={str(set_to).lower()}")
    with learner.ledger() as ledger:
        record(ledger, "older", STOCKED - 2 * DAY_NS, "train", {"trained": [NAME]})
        record(ledger, "before", STOCKED - DAY_NS, "realise", outputs)
        ended = trained(learner, ledger)
        assert len(ledger.facts("refit")) == expected
        assert schedule_of(learner.settings, NAME).extra == ((STOCKED,) if expected else ())
        assert schedule_of(learner.settings, "Other_v1").extra == ()
        assert ended.outputs["due"] == ({NAME: "drifted"} if expected else {})
        assert (ended.outputs["models"][NAME]["known_from"] == iso(STOCKED)) is bool(expected)
        assert trained(learner, ledger) == ended, "again is the same"


def test_a_schedule_is_refused_where_it_says_nothing_that_is(bench: Bench) -> None:
    none = ("models.training.every_days=null",)
    for wrong in ("models.training.every_days=0", "models.training.weekly=someday", "daily.drift.moderate=0.9"):
        with pytest.raises(ConfigError, match=wrong.split("=")[0].split(".")[1]):
            bench.with_sets(wrong)
    with pytest.raises(ConfigError, match="every_days or weekly is needed"):
        bench.with_sets(*none)
    assert bench.with_sets(*none, "models.training.weekly=sunday").settings.config.models.training.weekly == "sunday"


def test_a_whole_night_watches_what_models_are_shown_and_its_report_names_the_model(bench: Bench) -> None:
    learner = bench.with_sets(*LEARNED)
    with learner.ledger() as ledger:
        result = run_daily(learner.settings, ledger, asof_ns=STOCKED)
        hashes = {fact.payload["model_hash"] for fact in ledger.facts("model")}
        signals = {fact.payload["model_version"] for fact in ledger.facts("signal")}
    assert (result.exit_code, len(hashes)) == (0, 1)
    assert result.report is not None
    watched = {item["feature"]: item["n"] for item in result.report["drift"]}
    assert watched.keys() > {"side", "half_year", "h4_rsi", "regime equity", "regime macro"}
    assert watched["half_year"] > learner.settings.config.daily.drift.least
    (model,) = result.report["models"]
    assert {model["model_version"]} == signals == {f"{NAME}@1.0.0+{hashes.pop()}"}
