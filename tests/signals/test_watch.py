"""Drift of rules: sides against the replay's, hits against the odds that were told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from desks import STOCKED, Bench

from tradeterm.core.time import DAY_NS, iso
from tradeterm.engine.drift import Bands
from tradeterm.engine.replay import Replay
from tradeterm.research.backtest import prepare
from tradeterm.signals.watch import Watched, recent_signals, watch
from tradeterm.store.ledger import Ledger

BANDS = Bands(moderate=0.1, major=0.25, least=30, hit_rate_z=2.5)
NAME = "EquityTrendModel_v1"
NIGHTS = 90


@pytest.fixture(scope="module")
def run(stocked_bench: Bench) -> Replay:
    return prepare(stocked_bench.settings, end_ns=STOCKED).run


def signals(side: str, count: int, *, hits: float, prob: float = 0.6) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """One signal a day, out for a day each, of which a share hit."""
    return [
        (
            {
                "ts": iso(STOCKED + day * DAY_NS),
                "symbol": "SPY",
                "side": side,
                "prob": prob,
                "model_version": f"{NAME}@1.0.0",
            },
            {"exit_at": iso(STOCKED + (day + 1) * DAY_NS), "hit": day < hits * count},
        )
        for day in range(count)
    ]


def of(found: list[Watched], feature: str) -> Watched:
    (only,) = (item for item in found if (item.strategy, item.feature) == (NAME, feature))
    return only


def test_sides_like_those_of_the_replay_are_stable_and_a_side_it_never_took_is_major(run: Replay) -> None:
    m = run.spec.names.index(NAME)
    columns = [run.panel.column(symbol) for symbol in run.spec.members[m].symbols]
    share = float((np.sign(run.weights[:, m, columns]) > 0).mean())
    count = 200
    alike = signals("long", round(share * count), hits=0.6) + signals("flat", count - round(share * count), hits=0.6)
    assert of(watch(run, alike, decisions=NIGHTS, bands=BANDS), "side").band == "stable"
    short = of(watch(run, signals("short", count, hits=0.6), decisions=NIGHTS, bands=BANDS), "side")
    assert (short.band, short.n, short.measure) == ("major", count, "psi")
    assert "EquityTrendModel_v1: side drifted, psi" in short.line()


def test_a_side_that_is_kept_for_as_long_as_the_replay_kept_one_is_no_drift(run: Replay) -> None:
    m = run.spec.names.index(NAME)
    columns = [run.panel.column(symbol) for symbol in run.spec.members[m].symbols]
    nights = run.weights[run.times % DAY_NS == 0, m][:, columns] > 0
    assert any(nights[start : start + 68].all() for start in range(len(nights) - 68)), "the replay has such a stretch"
    both = [pair for signal, out in signals("long", 60, hits=0.6) for pair in two(signal, out)]
    found = of(watch(run, both, decisions=60, bands=BANDS), "side")
    assert found.value is not None
    assert found.value > BANDS.major
    assert (found.band, found.n) == ("stable", 120)


def two(signal: dict[str, Any], out: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(signal, out), ({**signal, "symbol": "QQQ"}, out)]


@pytest.mark.parametrize(("hits", "band"), [(0.6, "stable"), (0.3, "major")])
def test_hits_are_held_against_the_odds(run: Replay, hits: float, band: str) -> None:
    found = of(watch(run, signals("long", 100, hits=hits), decisions=NIGHTS, bands=BANDS), "hit rate")
    assert (found.band, found.n) == (band, 100)
    assert found.value == pytest.approx((hits - 0.6) * 100 / np.sqrt(100 * 0.24))


def test_signals_that_lie_on_the_same_bars_count_as_fewer(run: Replay) -> None:
    long_ones = signals("long", 100, hits=0.3)
    for day, (_, out) in enumerate(long_ones):
        out["exit_at"] = iso(STOCKED + (day + 10) * DAY_NS)
    found = of(watch(run, long_ones, decisions=NIGHTS, bands=BANDS), "hit rate")
    overlap = 100 * 10 / 109
    assert found.value == pytest.approx((0.3 - 0.6) * 100 / np.sqrt(overlap * 100 * 0.24))


def test_without_signals_nothing_is_known(run: Replay) -> None:
    assert {item.band for item in watch(run, [], decisions=NIGHTS, bands=BANDS)} == {"unknown"}


def test_recent_signals_are_those_up_to_the_instant_oldest_first(tmp_path: Any) -> None:
    with Ledger(tmp_path / "results", clock=lambda: 0) as ledger:
        for day in range(5):
            ts = iso(STOCKED + day * DAY_NS)
            ledger.append("signal", f"{ts}|SPY|1|M@1|c", {"ts": ts})
        ledger.append("outcome", f"{iso(STOCKED + 2 * DAY_NS)}|SPY|1|M@1|c", {"hit": True})
        found = recent_signals(ledger, asof=iso(STOCKED + 3 * DAY_NS), decisions=2, per_decision=1)
    assert [(signal["ts"], out) for signal, out in found] == [
        (iso(STOCKED + 2 * DAY_NS), {"hit": True}),
        (iso(STOCKED + 3 * DAY_NS), None),
    ]
