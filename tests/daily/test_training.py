"""The train step hands the schedule what earlier daily runs recorded."""

from __future__ import annotations

from typing import Any

import pytest
from desks import STOCKED, Bench

from tradeterm.core.time import DAY_NS, iso
from tradeterm.daily import steps
from tradeterm.daily.night import STEPS, Night
from tradeterm.research.backtest import silent
from tradeterm.signals.training import Trained


def record(ledger: Any, name: str, asof_ns: int, step: str, outputs: dict[str, Any]) -> None:
    ledger.append("daily", name, {"asof": iso(asof_ns), "profile": "sample"})
    fact = {"daily_id": name, "step": step, "status": "done", "outputs": outputs}
    ledger.append("step", f"{name}:{step}", fact)


def test_it_knows_when_each_was_trained_and_what_drifted_last_before_this_instant(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def fake(strategies: Any, schedule: Any, **given: Any) -> Trained:
        seen.update(given, schedule=schedule)
        return Trained(due={"A_v1": "drifted"}, trained=["A_v1"])

    monkeypatch.setattr(steps, "train_due", fake)
    monkeypatch.setattr(steps, "is_learned", lambda strategy: True)
    drifted = {"drift": [{"strategy": "A_v1", "band": "major"}, {"strategy": "B_v1", "band": "moderate"}]}
    with bench.ledger() as ledger:
        record(ledger, "older", STOCKED - 9 * DAY_NS, "train", {"trained": ["A_v1", "B_v1"]})
        record(ledger, "newer", STOCKED - 4 * DAY_NS, "train", {"trained": ["A_v1"]})
        record(ledger, "later", STOCKED + DAY_NS, "train", {"trained": ["A_v1"]})
        record(ledger, "calm", STOCKED - 2 * DAY_NS, "realise", {"drift": []})
        record(ledger, "wild", STOCKED - DAY_NS, "realise", drifted)
        night = Night(bench.settings, ledger, STOCKED, 7, silent, None, STEPS)
        ended = steps.train(night)
    assert seen["last_trained"] == {"A_v1": STOCKED - 4 * DAY_NS, "B_v1": STOCKED - 9 * DAY_NS}
    assert seen["drifted"] == {"A_v1"}
    assert (ended.status, ended.outputs["trained"]) == ("done", ["A_v1"])


def test_a_schedule_is_refused_where_it_says_nothing_that_is(bench: Bench) -> None:
    from tradeterm.core.errors import ConfigError

    for wrong in ("daily.training.every_days=0", "daily.training.weekly=someday", "daily.drift.moderate=0.9"):
        with pytest.raises(ConfigError, match=wrong.split("=")[0].split(".")[1]):
            bench.with_sets(wrong)
    assert bench.with_sets("daily.training.every_days=null").settings.config.daily.training.every_days is None
    assert bench.with_sets("daily.training.every_days=9").settings.config_hash == bench.settings.config_hash
