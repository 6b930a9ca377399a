"""A run is what its id says: same configuration, rows and code give the same bits, and nothing else changes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from desks import SHORT, STOCKED, Bench

from tradeterm.core.errors import BadWeights, CertificateFailed, MissingBars, RunMismatch, StaleData, UsageError
from tradeterm.core.time import DAY_NS, from_iso
from tradeterm.research import backtest
from tradeterm.research.backtest import Prepared, RunResult, prepare, run_backtest
from tradeterm.research.certificate import check_strategy
from tradeterm.store.runs import RunStore
from tradeterm.views.runs import build_run

END = STOCKED

LEAK = """
import numpy as np
from tradeterm.strategy_api import Lookback, VectorStrategy, carried

class Leak(VectorStrategy):
    name = "Leak_v1"
    version = "1.0.0"
    universe = ("SPY",)

    @property
    def lookback(self):
        return Lookback(bars=2)

    def weights(self, panel, regime):
        close = carried(panel, panel.close)
        return np.where(np.vstack([close[1:], close[-1:]]) > close, 1.0, 0.0)
"""


def run(bench: Bench, *, end_ns: int = END, name: str = "test") -> RunResult:
    with bench.ledger() as ledger:
        return run_backtest(bench.settings, ledger, name=name, start_ns=None, end_ns=end_ns)


def identity(bench: Bench, *, end_ns: int = END) -> str:
    return prepare(bench.settings, end_ns=end_ns).run_id


def test_the_same_run_again_is_verified_and_writes_nothing(bench: Bench) -> None:
    first = run(bench)
    stamps = {path: path.stat().st_mtime_ns for path in first.path.iterdir()}
    facts = bench.facts()
    again = run(bench, name="another name")
    assert (first.status, again.status) == ("written", "verified")
    assert first.run_id == again.run_id
    assert {path: path.stat().st_mtime_ns for path in first.path.iterdir()} == stamps
    assert bench.facts() == facts


def test_another_process_with_kernels_compiled_anew_gives_the_same_bits(bench: Bench, tmp_path: Path) -> None:
    first = run(bench)
    sets = [part for text in SHORT for part in ("--set", text)]
    done = subprocess.run(
        [sys.executable, "-m", "tradeterm", "backtest", "run", "--end", "2024-05-31", "--json", *sets],
        cwd=bench.root,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "NUMBA_CACHE_DIR": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert (answer["run_id"], answer["status"]) == (first.run_id, "verified")


def test_bars_that_come_later_change_no_run_that_ended_before(bench: Bench) -> None:
    earlier = END - 60 * DAY_NS
    before = prepare(bench.settings, end_ns=earlier)
    after = prepare(bench.settings, end_ns=END)
    rows = len(before.run.times)
    assert np.array_equal(before.run.record.nav[0], after.run.record.nav[0, :rows])
    assert np.array_equal(before.run.weights, after.run.weights[:rows])
    assert np.array_equal(before.run.record.target[0], after.run.record.target[0, :rows])


@pytest.mark.parametrize(
    "change", ["system.costs.equity.fee_bp=2.0", "system.capital=50000", "system.limits.gross=0.5", "system.seed=8"]
)
def test_a_setting_that_results_depend_on_changes_the_id(bench: Bench, change: str) -> None:
    assert identity(bench.with_sets(change)) != identity(bench)


@pytest.mark.parametrize("change", ["system.log.level=DEBUG", "lifecycle.candidate.min_sharpe=2.0"])
def test_a_setting_that_results_do_not_depend_on_keeps_the_id(bench: Bench, change: str) -> None:
    assert identity(bench.with_sets(change)) == identity(bench)


def test_an_edited_strategy_file_changes_the_id(bench: Bench) -> None:
    before = identity(bench)
    path = bench.workspace.strategies / "equity_trend.py"
    path.write_text(path.read_text() + "\n# another byte\n")
    assert identity(bench) != before


def test_a_stored_run_that_was_altered_is_refused(bench: Bench) -> None:
    path = run(bench).path / "metrics.json"
    path.chmod(0o644)
    path.write_text(path.read_text().replace("1", "2", 1))
    with pytest.raises(RunMismatch, match=r"metrics\.json differs"):
        run(bench)


def test_a_strategy_that_peeks_gets_no_metrics(bench: Bench) -> None:
    (bench.workspace.strategies / "leak.py").write_text(LEAK)
    peeking = bench.with_sets("models.strategies=[{name: Leak_v1, budget: 1.0}]")
    with pytest.raises(CertificateFailed, match="Leak_v1 at") as caught:
        run(peeking)
    assert caught.value.exit_code == 8
    store = RunStore(peeking.workspace.results)
    (run_id,) = store.ids()
    assert store.document(run_id, "metrics") == {"withheld": "no certificate, no metrics"}
    assert store.document(run_id, "certificate")["ok"] is False
    with peeking.ledger() as ledger:
        fact = ledger.get("run", run_id)
    assert fact is not None
    assert fact.payload["metrics"] == {}


def test_attribution_sums_to_the_position_in_every_stored_row(bench: Bench) -> None:
    result = run(bench)
    store = RunStore(bench.workspace.results)
    weights = store.table(result.run_id, "weights").to_pandas().set_index(["ts", "symbol"])
    parts = store.table(result.run_id, "attribution").to_pandas().groupby(["ts", "symbol"])[["after", "held"]].sum()
    joined = weights.join(parts.rename(columns={"held": "held_of_strategies"})).fillna(0.0)
    assert len(parts) > 100
    assert np.abs(joined["target"] - joined["after"]).max() < 1e-6
    assert np.abs(joined["held"] - joined["held_of_strategies"]).max() < 1e-6
    assert joined["held"].abs().max() > 0.05


def test_fills_are_prices_of_bars_that_opened_at_or_after_the_decision(bench: Bench) -> None:
    result = run(bench)
    trades = RunStore(bench.workspace.results).table(result.run_id, "trades").to_pandas()
    hourly = {}
    for symbol, folder in (("SPY", "equities"), ("QQQ", "equities"), ("BTC-USDT", "crypto"), ("ETH-USDT", "crypto")):
        bars = pd.read_parquet(bench.workspace.data / folder / f"{symbol}_1h.parquet").set_index("ts")
        hourly[symbol.replace("-", "/")] = bars["open"]
    assert len(trades) > 20
    for trade in trades.itertuples():
        assert trade.at >= trade.ts
        assert hourly[trade.symbol][trade.at] == trade.price


def test_a_window_without_a_decision_is_refused_in_one_line(bench: Bench) -> None:
    with pytest.raises(UsageError, match="no decision in it; bars are known 2016-01-0"):
        prepare(bench.settings, start_ns=END + DAY_NS, end_ns=END)


def test_a_run_that_goes_on_without_bars_is_refused_with_the_end_that_works(bench: Bench) -> None:
    with pytest.raises(
        StaleData, match=r"SPY: the newest bar is of 2024-05-31T20:00:00Z, 8 days before .*end at 2024-05-31"
    ):
        prepare(bench.settings, end_ns=END + 8 * DAY_NS)
    week_end = prepare(bench.settings, end_ns=from_iso("2024-06-03"))
    assert week_end.run.times[-1] == from_iso("2024-06-03")


def test_nothing_stored_names_the_symbol_and_the_remedy(bench: Bench) -> None:
    (bench.workspace.data / "equities" / "QQQ_h4.parquet").unlink()
    with pytest.raises(MissingBars, match="QQQ h4: no bars stored; run `tradeterm data update`"):
        prepare(bench.settings, end_ns=END)


def test_a_strategy_is_checked_alone_at_every_decision(bench: Bench) -> None:
    short = bench.with_sets("system.start=2024-04-01")
    found = check_strategy(short.settings, "IndexMeanReversionModel_v1", end_ns=END, every=True)
    assert found.proof.ok
    assert found.proof.certificate.checked == (END - from_iso("2024-04-01")) // (4 * 3600 * 10**9) + 1


BROKEN = """
from tradeterm.strategy_api import Lookback, VectorStrategy

class Broken(VectorStrategy):
    name = "Broken_v1"
    version = "1.0.0"
    universe = ("SPY",)
    lookback = Lookback(bars=1)

    def weights(self, panel, regime):
        return panel.close * 0.0 + 2.0
"""

REMEMBERS = """
import numpy as np
from tradeterm.strategy_api import Lookback, VectorStrategy, carried

LEVEL = {}

class Remembers(VectorStrategy):
    name = "Remembers_v1"
    version = "1.0.0"
    universe = ("SPY",)
    lookback = Lookback(bars=2)

    def weights(self, panel, regime):
        close = carried(panel, panel.close)
        level = LEVEL.setdefault("fitted", float(np.nanmedian(close)))
        return np.where(close > level, 1.0, 0.0)
"""


def test_a_trial_that_failed_is_counted_too_and_once(bench: Bench) -> None:
    (bench.workspace.strategies / "broken.py").write_text(BROKEN)
    broken = bench.with_sets("models.strategies=[{name: Broken_v1, budget: 1.0}]")
    for _ in range(2):
        with pytest.raises(BadWeights, match="Broken_v1"):
            run(broken)
    with broken.ledger() as ledger:
        (trial,) = ledger.facts("trial")
        assert ledger.facts("run") == []
    assert [item["name"] for item in trial.payload["strategies"]] == ["Broken_v1"]


def test_a_level_fitted_on_the_whole_run_and_kept_in_its_module_is_caught(bench: Bench) -> None:
    (bench.workspace.strategies / "remembers.py").write_text(REMEMBERS)
    with pytest.raises(CertificateFailed, match="Remembers_v1 at"):
        run(bench.with_sets("models.strategies=[{name: Remembers_v1, budget: 1.0}]"))


def test_a_run_is_kept_with_its_certificate_audit_and_stress(bench: Bench) -> None:
    result = run(bench)
    store = RunStore(bench.workspace.results)
    certificate = store.document(result.run_id, "certificate")
    fills = store.table(result.run_id, "trades").num_rows
    assert certificate["ok"] is True
    assert [line.partition(":")[0] for line in certificate["tests"]] == ["known", "cut", "poison"]
    assert certificate["audit"]["fills"] == fills > 0
    assert certificate["audit"]["residual"] <= 1e-9
    assert certificate["audit"]["violations"] == []
    metrics = store.document(result.run_id, "metrics")
    strip = {row["scenario"]: row for row in metrics["stress"]}
    assert list(strip)[:5] == ["as run", "costs x 2", "costs x 3", "one bar later", "best 5 days dropped"]
    assert strip["as run"]["total_return"] == metrics["portfolio"]["total_return"]
    falling = [strip[name]["total_return"] for name in ("as run", "costs x 2", "costs x 3")]
    assert falling == sorted(falling, reverse=True)
    assert strip["best 5 days dropped"]["total_return"] < strip["as run"]["total_return"]


def test_a_run_whose_fills_are_not_in_their_bars_gets_no_metrics(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = backtest.play

    def tampered(*args: object, **kwargs: object) -> Prepared:
        prepared = real(*args, **kwargs)
        row, column = np.argwhere(prepared.run.record.filled[0] != 0.0)[0]
        prepared.run.record.filled[0, row, column] *= 2.0
        return prepared

    monkeypatch.setattr(backtest, "play", tampered)
    with pytest.raises(CertificateFailed, match="audit: ") as caught:
        run(bench)
    assert "its numbers can't be trusted" in str(caught.value)
    store = RunStore(bench.workspace.results)
    (run_id,) = store.ids()
    assert store.document(run_id, "metrics") == {"withheld": "no certificate, no metrics"}
    assert {item["rule"] for item in store.document(run_id, "certificate")["audit"]["violations"]} >= {"cash"}
    with bench.ledger() as ledger:
        fact = ledger.get("run", run_id)
    assert fact is not None
    assert fact.payload["certificate"]["ok"] is False


def test_only_backtests_are_trials_and_a_rerun_is_no_new_one(bench: Bench) -> None:
    run(bench)
    run(bench, name="again")
    run(bench.with_sets("system.costs.equity.fee_bp=2.0"))
    with bench.ledger() as ledger:
        assert len(ledger.facts("trial")) == 2


def test_a_sharpe_ratio_is_deflated_by_all_trials_also_those_that_failed(bench: Bench) -> None:
    first = run(bench)
    alone = build_run(bench.workspace, first.run_id)
    assert alone is not None
    assert alone.trials is not None
    # The only trial deflates nothing: it is the probability that the ratio is over 0.
    assert (alone.trials.trials, alone.trials.measured) == (1, 1)
    assert alone.trials.probability == pytest.approx(alone.metrics["psr"], abs=1e-9)
    run(bench.with_sets("system.costs.equity.fee_bp=20.0"))
    run(bench.with_sets("system.costs.equity.fee_bp=40.0"))
    with bench.ledger() as ledger:
        trial = ledger.facts("trial")[0].payload
        ledger.append("trial", "failed", trial | {"run_id": "never made"})
    more = build_run(bench.workspace, first.run_id)
    assert more is not None
    assert more.trials is not None
    assert (more.trials.trials, more.trials.measured) == (4, 3)
    assert more.trials.probability is not None
    assert more.trials.probability < alone.trials.probability
    assert more.trials.track_days == alone.trials.track_days
