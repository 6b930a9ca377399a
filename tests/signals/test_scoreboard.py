"""Scores of a made ledger, against plain loops over its facts; files that are kept never change an answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tradeterm.core.scores import Group
from tradeterm.core.time import DAY_NS, from_iso, iso
from tradeterm.signals.scoreboard import count_scores, update_scores
from tradeterm.signals.scorefile import Scores, folder_of, read_scores
from tradeterm.store.ledger import Ledger

START = from_iso("2024-01-20")
MODELS = ("Trend_v1@1.0.0", "Trend_v1@1.1.0", "Odd_v2@0.1.0+ab12")
REGIME = {"equity": "BULL", "volatility": "LOW", "crypto": "RISK_OFF", "macro": "EXPANSION"}


def facts(first: int, days: int, *, seed: int = 4) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Signals of ``days`` days from day ``first`` on, and outcomes of most; ten own bars are the horizon, or two."""
    rng = np.random.default_rng(seed + first)
    for day in range(first, first + days):
        ts = iso(START + day * DAY_NS)
        for number, (model, symbol) in enumerate((model, symbol) for model in MODELS for symbol in ("SPY", "BTC/USDT")):
            side = ("long", "short", "flat")[int(rng.integers(3))]
            flat, horizon = side == "flat", 10 if number % 2 else 2
            key = f"{ts}|{symbol}|{horizon}|{model}|c0"
            signal = {
                "ts": ts,
                "symbol": symbol,
                "horizon": horizon,
                "side": side,
                "prob": None if flat else float(rng.uniform(0.3, 0.8)),
                "ev": None if flat or rng.random() < 0.05 else float(rng.normal(0.01, 0.01)),
                "model_version": model,
                "config_hash": "c0",
                "run_id": "r",
                "bar": ts,
                "sample": 12,
                "timeframe": "daily",
                "cost": 0.001,
                "regime": REGIME | {"equity": "BEAR" if day % 3 else "BULL"},
            }
            yield "signal", key, signal
            if rng.random() < 0.8:
                gross, sign = float(rng.normal(0.0, 0.03)), -1.0 if side == "short" else 1.0
                net = gross - 0.001 * (2.0 + sign * gross)
                yield (
                    "outcome",
                    key,
                    {
                        "signal": key,
                        "entry_at": ts,
                        "exit_at": iso(START + (day + horizon) * DAY_NS),
                        "entry_price": 100.0,
                        "exit_price": 100.0,
                        "gross": gross,
                        "net": net,
                        "hit": None if flat else net > 0.0,
                        "path": [[lag, float(rng.normal(0.0, 0.02))] for lag in (1, 2, 3, 5, 8) if lag < horizon],
                    },
                )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "results", clock=lambda: 0) as made:
        made.append_many(facts(0, 60))
        yield made


def group(scores: Scores, by: str, name: str) -> Group:
    found = scores.named(by, name)
    assert found is not None
    return found


def rows(ledger: Ledger, **wanted: str) -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
    outcomes = {fact.key: fact.payload for fact in ledger.facts("outcome")}
    found = [(fact.payload, outcomes.get(fact.key)) for fact in ledger.facts("signal")]
    return [(signal, out) for signal, out in found if all(signal[name] == value for name, value in wanted.items())]


@pytest.mark.parametrize(
    ("by", "name", "wanted"),
    [
        ("all", "all", {}),
        ("model", MODELS[2], {"model_version": MODELS[2]}),
        ("symbol", "BTC/USDT", {"symbol": "BTC/USDT"}),
    ],
)
def test_a_group_is_scored_as_a_plain_loop_scores_it(
    ledger: Ledger, by: str, name: str, wanted: dict[str, str]
) -> None:
    found = group(count_scores(ledger), by, name)
    chosen = rows(ledger, **wanted)
    matured = [(signal, out) for signal, out in chosen if out is not None]
    directional = [(signal, out) for signal, out in matured if signal["side"] != "flat"]
    hits = [out["hit"] for _, out in directional]
    assert (found.signals, found.waiting) == (len(chosen), len(chosen) - len(matured))
    assert (found.score.n, found.score.directional, found.score.hits) == (len(matured), len(directional), sum(hits))
    said = [(signal["prob"] - out["hit"]) ** 2 for signal, out in directional]
    assert found.score.brier == pytest.approx(np.mean(said))
    assert sum(item.n for item in found.bins) == len(directional)
    sign = {"long": 1.0, "short": -1.0, "flat": 1.0}
    pairs = [
        (0.0 if signal["side"] == "flat" else sign[signal["side"]] * signal["ev"], sign[signal["side"]] * out["gross"])
        for signal, out in matured
        if signal["side"] == "flat" or signal["ev"] is not None
    ]
    assert found.score.ic == pytest.approx(stats.spearmanr(*zip(*pairs, strict=True)).statistic)
    assert found.score.ic_n == len(pairs)


def test_months_add_up_to_the_hit_rate_and_are_named_by_the_decision(ledger: Ledger) -> None:
    found = group(count_scores(ledger), "all", "all")
    assert [item.month for item in found.months] == ["2024-01", "2024-02", "2024-03"]
    assert sum(item.n for item in found.months) == found.score.directional
    assert sum(item.hits for item in found.months) == found.score.hits
    january = [out["hit"] for signal, out in rows(ledger) if out is not None and signal["ts"] < "2024-02"]
    assert found.months[0].hits == sum(hit for hit in january if hit is not None)


def test_a_group_fades_from_the_first_bar_to_its_horizon(ledger: Ledger) -> None:
    found = group(count_scores(ledger), "all", "all")
    matured = [(signal, out) for signal, out in rows(ledger) if out is not None]
    assert [item.lag for item in found.decay] == [1, 2, 3, 5, 8, 10]
    for item in found.decay:
        there = []
        for signal, out in matured:
            at = {lag: gross for lag, gross in out["path"]} | {signal["horizon"]: out["gross"]}
            if item.lag in at:
                there.append((signal, at[item.lag]))
        assert item.n == len(there)
        nets = [
            gross - 0.001 * (2.0 + (gross if signal["side"] == "long" else -gross))
            for signal, gross in there
            if signal["side"] != "flat"
        ]
        assert item.hit_rate == pytest.approx(np.mean(np.array(nets) > 0.0))
    only = group(count_scores(ledger), "symbol", "BTC/USDT")
    # at its own horizon every signal's outcome counts: the last entry is the score itself
    assert only.decay[-1].ic == only.score.ic
    assert only.decay[-1].hit_rate == only.score.hit_rate


def test_every_regime_axis_holds_every_signal_once(ledger: Ledger) -> None:
    found = count_scores(ledger).of("regime")
    assert {item.name for item in found} == {
        "equity BULL",
        "equity BEAR",
        "volatility LOW",
        "crypto RISK_OFF",
        "macro EXPANSION",
    }
    assert sum(item.signals for item in found if item.name.startswith("equity")) == 360
    bulls = [signal for signal, _ in rows(ledger) if signal["regime"]["equity"] == "BULL"]
    assert group(count_scores(ledger), "regime", "equity BULL").signals == len(bulls)


def kept(results: Path, ledger: Ledger) -> list[dict[str, Any]]:
    """All that both files hold, in the order in which it was counted."""
    shown, of_symbols = (read_scores(results, ledger, of_symbols=each) for each in (False, True))
    assert shown is not None
    assert of_symbols is not None
    curved = {item["name"]: item for item in of_symbols.found if item["by"] == "symbol"}
    pairs = [item for item in of_symbols.found if item["by"] == "strategy and symbol"]
    stripped = [item for item in shown.found if item["by"] == "symbol"]
    assert all(item == curved[item["name"]] | {"bins": [], "months": [], "decay": []} for item in stripped)
    return [curved[item["name"]] if item["by"] == "symbol" else item for item in shown.found] + pairs


def test_scores_brought_up_in_steps_are_those_counted_at_once(ledger: Ledger, tmp_path: Path) -> None:
    results = tmp_path / "results"
    update_scores(results, ledger)
    late = [fact for fact in facts(0, 60) if fact[0] == "signal"]
    waiting = {fact.key for fact in ledger.facts("signal")} - {fact.key for fact in ledger.facts("outcome")}
    key = next(key for _, key, payload in late if key in waiting and payload["side"] == "long")
    outcome = next(payload for kind, _, payload in facts(0, 60) if kind == "outcome")
    ledger.append("outcome", key, outcome | {"signal": key, "net": 0.5, "gross": 0.6, "hit": True})
    ledger.append_many(facts(60, 3))
    update_scores(results, ledger)
    assert kept(results, ledger) == count_scores(ledger).found
    before = {path: path.stat().st_mtime_ns for path in folder_of(results).iterdir()}
    update_scores(results, ledger)
    assert {path: path.stat().st_mtime_ns for path in folder_of(results).iterdir()} == before


@pytest.mark.parametrize("damage", ["columns.parquet", "scores.json", "symbols.json", "all gone", "another ledger's"])
def test_files_that_are_damaged_or_of_another_ledger_are_made_anew(ledger: Ledger, tmp_path: Path, damage: str) -> None:
    results = tmp_path / "results"
    update_scores(results, ledger)
    paths = {name: folder_of(results) / name for name in ("columns.parquet", "scores.json", "symbols.json")}
    if damage == "another ledger's":
        with Ledger(tmp_path / "other", clock=lambda: 0) as other:
            other.append_many(facts(0, 60, seed=9))
            update_scores(tmp_path / "other", other)
        for name, path in paths.items():
            path.write_bytes((folder_of(tmp_path / "other") / name).read_bytes())
    elif damage == "all gone":
        for path in paths.values():
            path.unlink()
    else:
        paths[damage].write_bytes(paths[damage].read_bytes()[:100])
    if damage == "columns.parquet":
        ledger.append_many(facts(60, 1))
    else:
        assert None in [read_scores(results, ledger, of_symbols=each) for each in (False, True)]
    update_scores(results, ledger)
    assert kept(results, ledger) == count_scores(ledger).found


def test_a_ledger_without_signals_has_one_empty_group(tmp_path: Path) -> None:
    with Ledger(tmp_path / "results", clock=lambda: 0) as empty:
        update_scores(tmp_path / "results", empty)
        (alone,) = count_scores(empty).of("all", whole=True)
    assert (alone.signals, alone.score.n, alone.bins, alone.decay) == (0, 0, (), ())
