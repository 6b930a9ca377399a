"""What the read models say about stores whose contents are known."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from tradeterm import killfile
from tradeterm.config.settings import Settings
from tradeterm.core.errors import LedgerBroken, StoreError
from tradeterm.core.ids import canonical_json
from tradeterm.core.market import AssetClass, BarKey, Timeframe
from tradeterm.core.time import from_iso
from tradeterm.store.bars import BarMeta, BarStore
from tradeterm.views import board, book, data, orders, regime, runs, signals, status
from tradeterm.views.base import View
from tradeterm.views.board import Listed

NOW = from_iso("2026-11-21T01:45:51Z")

AXES = {
    "crypto": {"state": "RISK_OFF", "last": "RISK_OFF", "status": "fresh", "age_hours": 0.0, "since": None},
    "equity": {
        "state": "BULL",
        "last": "BULL",
        "status": "fresh",
        "age_hours": 0.0,
        "since": "2026-10-02T20:00:00Z",
        "input": "SPY",
        "value": 589.1,
        "reference": 541.0,
    },
    "macro": {"state": "SLOWDOWN", "last": "EXPANSION", "status": "unknown", "age_hours": 50.5, "since": None},
    "volatility": {"state": "NORMAL", "last": "NORMAL", "status": "late", "age_hours": 3.0, "since": None},
}
STATE = {
    "asof": "2026-11-21T00:00:00Z",
    "axes": AXES,
    "budgets": [{"strategy": "Trend_v1", "base": 0.6, "now": 0.3}],
    "limits": {"gross": {"base": 1.2, "now": 0.8}, "classes": {"crypto": {"base": 0.2, "now": 0.05}}},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd(View):
    SCHEMA = "tradeterm.odd.v1"

    at_ns: int | None
    values: tuple[float, ...]
    inner: dict[str, Any]


def test_a_view_becomes_json_with_its_schema_and_instants_as_text() -> None:
    view = Odd(at_ns=NOW, values=(1.5, float("nan")), inner={"when": (1, 2)})
    assert view.to_json() == {
        "schema": "tradeterm.odd.v1",
        "at": "2026-11-21T01:45:51Z",
        "values": [1.5, None],
        "inner": {"when": [1, 2]},
    }
    assert Odd(at_ns=None, values=(), inner={}).to_json()["at"] is None


def full(stores: Any) -> None:
    """One snapshot today, one a day before, both of the same book."""
    stores.ledger.append("regime_state", "2026-11-21T00:00:00Z|r0|c0", STATE)
    for asof, run_id, navs in (
        ("2026-11-20T00:00:00Z", "run-before", [100_000.0]),
        ("2026-11-21T00:00:00Z", "run-now", [100_000.0, 101_000.0]),
    ):
        stores.run(run_id, kind="snapshot", end=asof)
        stores.folder(run_id, navs=navs, asof=asof)
        stores.daily(
            asof,
            refresh={
                "bars": [
                    {"bars": "SPY 1h", "source": "sample", "last": asof},
                    {"bars": "VIX daily", "source": "import:vix.csv", "last": None},
                ],
                "failed": [{"bars": "VIX daily", "error": "vix.csv: gone"}],
            },
            predict={"signals": 1, "keys": [], "regime": "2026-11-21T00:00:00Z|r0|c0"},
            snapshot={
                "run_id": run_id,
                "certificate": True,
                "metrics": {},
                "ladder": {"state": "NORMAL", "drawdown": 0.02},
            },
        )


ALL = ("status", "data", "runs", "book", "regime", "board", "orders", "signals")


def build(name: str, stores: Any, settings: Settings) -> View:
    workspace = stores.workspace
    found: dict[str, Any] = {
        "status": lambda: status.build(workspace, NOW),
        "data": lambda: data.build(workspace, NOW, config=settings.config),
        "runs": lambda: runs.build(workspace, NOW),
        "book": lambda: book.build(workspace, NOW),
        "regime": lambda: regime.build(workspace, NOW),
        "board": lambda: board.build(workspace, NOW, config=settings.config, strategies=()),
        "orders": lambda: orders.build(workspace, NOW),
        "signals": lambda: signals.build(workspace, NOW),
    }
    view: View = found[name]()
    return view


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("stocked", [False, True], ids=["empty", "stocked"])
def test_every_view_is_json_and_equal_when_built_again(
    stores: Any, settings: Settings, name: str, stocked: bool
) -> None:
    if stocked:
        full(stores)
    first = build(name, stores, settings)
    document = json.loads(canonical_json(first.to_json()))
    assert document["schema"] == f"tradeterm.{name}.v1"
    assert build(name, stores, settings) == first


@pytest.mark.parametrize("name", [name for name in ALL if name != "status"])
def test_a_damaged_ledger_is_an_error_of_one_line(stores: Any, settings: Settings, name: str) -> None:
    (stores.workspace.results / "ledger.sqlite").write_bytes(b"no database " * 500)
    with pytest.raises(StoreError) as failure:
        build(name, stores, settings)
    assert "\n" not in str(failure.value)
    assert "ledger.sqlite" in str(failure.value)


# Status


def test_status_of_an_empty_workspace_knows_nothing_and_says_so(stores: Any) -> None:
    view = status.build(stores.workspace, NOW)
    assert view.mode == "UNKNOWN"
    assert (view.nav, view.drawdown, view.ladder, view.regimes, view.session) == (None, None, None, (), "none")
    assert view.next_decision_ns == from_iso("2026-11-21T04:00:00Z")
    assert view.problem is None


def test_status_reads_the_newest_snapshot_and_the_day_before(stores: Any) -> None:
    full(stores)
    view = status.build(stores.workspace, NOW)
    assert (view.mode, view.profile, view.sample) == ("SAMPLE", "sample", True)
    assert (view.nav, view.day_change) == (101_000.0, pytest.approx(0.01))
    assert (view.drawdown, view.ladder, view.bps_score) == (0.02, "NORMAL", 0.7)
    assert (view.snapshot_run_id, view.snapshot_age_hours) == ("run-now", 1)
    assert [(axis.axis, axis.state, axis.stale) for axis in view.regimes] == [
        ("equity", "BULL", False),
        ("volatility", "NORMAL", True),
        ("crypto", "RISK_OFF", False),
        ("macro", "SLOWDOWN", True),
    ]


def test_status_leaves_the_day_change_open_when_the_book_was_another(stores: Any) -> None:
    full(stores)
    stores.run("run-later", kind="snapshot", config_hash="c1")
    stores.folder("run-later", navs=[90_000.0], asof="2026-11-22")
    outputs = {"run_id": "run-later", "certificate": True, "ladder": {"state": "HALTED", "drawdown": 0.2}}
    stores.daily("2026-11-22T00:00:00Z", snapshot=outputs)
    view = status.build(stores.workspace, NOW)
    assert (view.nav, view.day_change, view.ladder) == (90_000.0, None, "HALTED")


def test_a_daily_run_for_a_past_date_does_not_become_the_present(stores: Any) -> None:
    full(stores)
    stores.run("run-old", kind="snapshot")
    stores.folder("run-old", navs=[50_000.0], asof="2020-03-01")
    outputs = {"run_id": "run-old", "certificate": True, "ladder": {"state": "HALTED", "drawdown": 0.5}}
    stores.daily("2020-03-01T00:00:00Z", snapshot=outputs)
    assert status.build(stores.workspace, NOW).nav == 101_000.0
    assert book.build(stores.workspace, NOW).run_id == "run-now"


def test_another_profiles_book_is_not_shown(stores: Any) -> None:
    full(stores)
    view = status.build(stores.workspace, NOW, profile="paper", sample=False)
    assert (view.mode, view.nav, view.sample) == ("PAPER", None, False)
    assert book.build(stores.workspace, NOW, profile="paper").run_id is None


def test_regimes_judged_days_ago_are_all_stale(stores: Any) -> None:
    full(stores)
    view = status.build(stores.workspace, NOW + 49 * 3_600_000_000_000)
    assert all(axis.stale for axis in view.regimes)


def test_a_kill_shows_whatever_else_is_broken(stores: Any) -> None:
    (stores.workspace.results / "ledger.sqlite").write_bytes(b"no database " * 500)
    killfile.trip(stores.workspace.results, "guard", "heartbeat lost")
    view = status.build(stores.workspace, NOW)
    assert view.mode == "KILLED"
    assert view.kill is not None
    assert (view.kill.by, view.kill.reason) == ("guard", "heartbeat lost")
    assert view.problem is not None


@pytest.mark.parametrize(
    ("profile", "sample", "word"),
    [("sample", True, "SAMPLE"), ("mine", True, "SAMPLE"), ("live", False, "LIVE"), (None, False, "UNKNOWN")],
)
def test_sample_bars_are_called_sample_whatever_the_profile(profile: str | None, sample: bool, word: str) -> None:
    assert status.mode_word(profile, sample=sample) == word


def test_status_imports_neither_numbers_nor_tables() -> None:
    heavy = {"numpy", "pandas", "pyarrow", "pydantic", "duckdb"}
    script = f"import sys, tradeterm.views.status; print(sorted({heavy} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


# Data


def test_series_are_late_when_their_calendar_says_so(stores: Any, settings: Settings) -> None:
    # Friday's session was known at 21:00 UTC: nothing more is due before Monday's close.
    stores.store_bars("SPY", Timeframe.DAILY, ["2026-11-20T14:30:00Z"], ["2026-11-20T21:00:00Z"])
    # Crypto trades through the week end: the day of the 18th is there, the 19th was due at its end.
    stores.store_bars(
        "BTC/USDT", Timeframe.DAILY, ["2026-11-18"], ["2026-11-19"], asset_class=AssetClass.CRYPTO, source="sample"
    )
    # Thursday's index: Friday's was due at 16:15 New York.
    stores.store_bars("VIX", Timeframe.DAILY, ["2026-11-19"], ["2026-11-19T21:15:00Z"], asset_class=AssetClass.MACRO)
    # October's survey is out; November's comes in December.
    stores.store_bars("PMI", Timeframe.MONTHLY, ["2026-10-01"], ["2026-11-02T15:00:00Z"], asset_class=AssetClass.MACRO)
    rows = {row.symbol: row for row in data.build(stores.workspace, NOW, config=settings.config).series}
    assert (rows["SPY"].state, rows["SPY"].late_hours) == ("ok", 0)
    assert rows["SPY"].due_ns == from_iso("2026-11-23T21:00:00Z")
    assert (rows["BTC/USDT"].state, rows["BTC/USDT"].late_hours) == ("LATE", 25)
    assert (rows["VIX"].state, rows["VIX"].late_hours) == ("ok", 4)
    assert (rows["PMI"].state, rows["PMI"].late_hours) == ("ok", 0)
    assert rows["QQQ"].state == "missing"
    assert "tradeterm data update" in str(rows["QQQ"].problem)


def test_bars_derived_from_sample_bars_are_sample_bars(stores: Any, settings: Settings) -> None:
    times = (["2026-11-20T14:30:00Z"], ["2026-11-20T15:30:00Z"])
    stores.store_bars("SPY", Timeframe.H1, *times, source="sample")
    stores.store_bars("SPY", Timeframe.DAILY, *times, source="derived:1h", derived=True)
    stores.store_bars("QQQ", Timeframe.H1, *times, source="import:mine.csv")
    stores.store_bars("QQQ", Timeframe.DAILY, *times, source="derived:1h", derived=True)
    view = data.build(stores.workspace, NOW, config=settings.config)
    assert {(row.symbol, row.timeframe): row.sample for row in view.series if row.timeframe} == {
        ("SPY", "1h"): True,
        ("SPY", "daily"): True,
        ("QQQ", "1h"): False,
        ("QQQ", "daily"): False,
    }


def test_gaps_are_counted_over_all_files_or_not_at_all(stores: Any, settings: Settings) -> None:
    times = (["2026-11-20T14:30:00Z"], ["2026-11-20T15:30:00Z"])
    assert data.build(stores.workspace, NOW, config=settings.config).gaps is None
    for symbol, gaps in (("SPY", 2), ("QQQ", 1)):
        meta = BarMeta(
            symbol=symbol,
            asset_class=AssetClass.EQUITY,
            timeframe=Timeframe.H1,
            calendar="XNYS",
            source="import:mine.csv",
            extra={"gaps": gaps},
        )
        stores.store_bars(symbol, Timeframe.H1, *times)
        key = BarKey(AssetClass.EQUITY, symbol, Timeframe.H1)
        store = BarStore(stores.workspace.data)
        store.write(key, store.read(key), meta)
    view = data.build(stores.workspace, NOW, config=settings.config)
    assert (view.gaps, [row.gaps for row in view.series[:2]]) == (3, [2, 1])
    # A file of an older release says nothing of its gaps.
    stores.store_bars("GLD", Timeframe.H1, *times)
    assert data.build(stores.workspace, NOW, config=settings.config).gaps is None


def test_a_damaged_file_is_a_row_and_the_others_are_shown(stores: Any, settings: Settings) -> None:
    stores.store_bars("SPY", Timeframe.DAILY, ["2026-11-20T14:30:00Z"], ["2026-11-20T21:00:00Z"])
    (stores.workspace.data / "equities" / "QQQ_daily.parquet").write_bytes(b"PAR1 cut")
    view = data.build(stores.workspace, NOW, config=settings.config)
    rows = {row.symbol: row for row in view.series}
    assert (rows["SPY"].state, rows["QQQ"].state) == ("ok", "unreadable")
    assert "QQQ_daily.parquet" in str(rows["QQQ"].problem)
    assert view.ok == 1


def test_files_beyond_the_universe_are_listed_as_unused(stores: Any, settings: Settings) -> None:
    stores.store_bars("ZZZ", Timeframe.DAILY, ["2026-11-20T14:30:00Z"], ["2026-11-20T21:00:00Z"])
    view = data.build(stores.workspace, NOW, config=settings.config)
    assert view.series[-1].symbol == "ZZZ"
    assert view.series[-1].state == "unused"
    assert data.build(stores.workspace, NOW, config=None).series[0].state == "ok"


def test_sources_say_what_failed_at_the_newest_refresh(stores: Any, settings: Settings) -> None:
    full(stores)
    found = {row.source: row for row in data.build(stores.workspace, NOW, config=settings.config).sources}
    assert (found["sample"].files, found["sample"].failed) == (1, 0)
    assert (found["import:vix.csv"].failed, found["import:vix.csv"].problem) == (1, "vix.csv: gone")
    assert found["sample"].tried_ns == from_iso("2026-11-21T00:05:11Z")


def test_a_source_that_another_one_stood_in_for_is_shown_as_failing(stores: Any, settings: Settings) -> None:
    refresh = {
        "bars": [{"bars": "SPY 1h", "source": "alpaca", "last": None}],
        "failed": [],
        "tries": [{"bars": "SPY 1h", "source": "yahoo", "error": "yahoo SPY: HTTP 503"}],
    }
    stores.daily("2026-11-21T00:00:00Z", refresh=refresh)
    found = {row.source: row for row in data.build(stores.workspace, NOW, config=settings.config).sources}
    assert (found["alpaca"].files, found["alpaca"].failed) == (1, 0)
    assert (found["yahoo"].files, found["yahoo"].failed, found["yahoo"].problem) == (0, 1, "yahoo SPY: HTTP 503")


def test_restatements_are_counted_and_listed_newest_first(stores: Any, settings: Settings) -> None:
    stores.store_bars("SPY", Timeframe.DAILY, ["2026-11-20T14:30:00Z"], ["2026-11-20T21:00:00Z"])
    for day in ("18", "19"):
        payload = {
            "symbol": "SPY",
            "timeframe": "daily",
            "ts": f"2026-11-{day}T14:30:00Z",
            "found_at": "2026-11-21T00:00:00Z",
            "source": "yahoo",
            "before": [1, 1, 1, 1, None],
            "after": [2, 2, 2, 2, None],
            "runs": ["run-now"],
        }
        stores.ledger.append("restatement", f"SPY|daily|2026-11-{day}T14:30:00Z|x", payload)
    view = data.build(stores.workspace, NOW, config=settings.config)
    assert (view.restated, {row.symbol: row.restated for row in view.series}["SPY"]) == (2, 2)
    assert [(row.ts_ns, row.runs) for row in view.restatements] == [
        (from_iso("2026-11-19T14:30:00Z"), ("run-now",)),
        (from_iso("2026-11-18T14:30:00Z"), ("run-now",)),
    ]


# Runs


def test_runs_are_listed_newest_first_without_withheld_metrics(stores: Any) -> None:
    stores.run("one")
    failed = {"ok": False, "checked": 3, "decisions": 9, "coverage": "some"}
    stores.run("two", metrics={}, certificate=failed, made_up=False)
    view = runs.build(stores.workspace, NOW)
    assert [row.run_id for row in view.runs] == ["two", "one"]
    assert (view.runs[0].sharpe, view.runs[0].certificate.ok, view.runs[0].sample) == (None, False, False)
    assert (view.runs[1].sharpe, view.runs[1].trades, view.runs[1].sample) == (1.25, 33.0, True)


def test_a_run_is_read_with_day_ends_alone_and_newest_fills_first(stores: Any) -> None:
    stores.run("one")
    stores.folder("one", navs=[100.0, 110.0, 99.0])
    view = runs.build_run(stores.workspace, "one")
    assert view is not None
    assert [(point.nav, round(point.drawdown, 6)) for point in view.points] == [
        (100.0, 0.0),
        (110.0, 0.0),
        (99.0, -0.1),
    ]
    assert [trade.symbol for trade in view.trades] == ["QQQ", "SPY"]
    assert (view.fills, view.metrics["sharpe"], view.strategies["Trend_v1"]["trades"]) == (2, 1.25, 20)


def test_a_run_without_certificate_shows_no_metrics(stores: Any) -> None:
    failed = {"ok": False, "checked": 3, "decisions": 9, "coverage": "some"}
    stores.run("one", certificate=failed)
    stores.folder("one", navs=[100.0, 110.0])
    view = runs.build_run(stores.workspace, "one")
    assert view is not None
    assert (view.metrics, view.strategies) == ({}, {})


def test_a_run_whose_folder_is_gone_says_so(stores: Any) -> None:
    stores.run("one")
    with pytest.raises(StoreError, match="one"):
        runs.build_run(stores.workspace, "one")
    assert runs.build_run(stores.workspace, "never") is None


# Book


def test_the_book_is_that_of_the_newest_snapshot_and_called_simulated(stores: Any) -> None:
    full(stores)
    view = book.build(stores.workspace, NOW)
    assert (view.origin, view.run_id, view.sample, view.certified) == ("simulated", "run-now", True, True)
    assert (view.nav, view.day_change, view.age_hours) == (101_000.0, pytest.approx(0.01), 1)
    held = view.positions[0]
    assert (held.symbol, held.target, held.actual, held.delta) == ("SPY", 0.31, 0.303, 0.007)
    assert [(share.strategy, share.before, share.after) for share in held.strategies] == [("Trend_v1", 0.4, 0.31)]
    assert (view.cuts[0].limit, view.cuts[0].passes) == ("asset", 0.4)
    assert [point.nav for point in view.history] == [100_000.0, 101_000.0]


def test_a_book_whose_table_is_damaged_is_an_error_that_names_the_file(stores: Any) -> None:
    full(stores)
    (stores.workspace.results / "runs" / "run-now" / "nav.parquet").write_bytes(b"PAR1")
    with pytest.raises(StoreError, match=r"nav\.parquet"):
        book.build(stores.workspace, NOW)


# Regime


def test_regimes_keep_their_order_their_age_and_what_they_cost(stores: Any) -> None:
    full(stores)
    for day, before, after in (("2020-03-01", "BULL", "BEAR"), ("2026-10-02", "NEUTRAL", "BULL")):
        key = f"equity|{day}T20:00:00Z|r0"
        payload = {"axis": "equity", "ts": f"{day}T20:00:00Z", "from": before, "to": after, "judged_by": "r0"}
        stores.ledger.append("regime", key, payload)
    other = {"axis": "equity", "ts": "2026-11-01T00:00:00Z", "from": "BULL", "to": "BEAR", "judged_by": "r9"}
    stores.ledger.append("regime", "equity|2026-11-01T00:00:00Z|r9", other)
    view = regime.build(stores.workspace, NOW)
    assert [axis.axis for axis in view.axes] == ["equity", "volatility", "crypto", "macro"]
    assert [axis.stale for axis in view.axes] == [False, True, False, True]
    assert (view.axes[3].state, view.axes[3].last, view.axes[3].age_hours) == ("SLOWDOWN", "EXPANSION", 50.5)
    assert [(item.name, item.base, item.now) for item in view.limits] == [
        ("gross", 1.2, 0.8),
        ("crypto class", 0.2, 0.05),
    ]
    assert [(item.before, item.after) for item in view.changes] == [("NEUTRAL", "BULL"), ("BULL", "BEAR")]
    assert not view.stale
    assert regime.build(stores.workspace, NOW + 49 * 3_600_000_000_000).stale


# Board


def test_the_board_reads_the_gate_from_the_newest_run_of_that_very_file(stores: Any, settings: Settings) -> None:
    stores.run("one")
    stores.folder("one", navs=[100.0, 110.0])
    listed = (
        Listed(name="Trend_v1", version="1.0.0", file="trend.py", content_hash="aa", error=None),
        Listed(name="Edited_v1", version="1.0.0", file="edited.py", content_hash="bb", error=None),
        Listed(name="broken", version="", file="broken.py", content_hash="cc", error="line 1: SyntaxError"),
    )
    view = board.build(stores.workspace, NOW, config=settings.config, strategies=listed)
    trend, edited, broken = view.strategies
    assert (trend.stage, trend.gate, trend.evidence) == ("research", "candidate", "one")
    checks = {check.what: (check.need, check.have, check.passed) for check in trend.checks}
    assert checks["Sharpe"] == (">= 1", "1.1", True)
    assert checks["drawdown"] == ("<= 25%", "31.0%", False)
    assert checks["round trips"] == (">= 20", "20", True)
    assert checks["certificate over all decisions"] == ("yes", "no", False)
    assert (edited.evidence, {check.passed for check in edited.checks}) == (None, {None})
    assert (broken.error, broken.checks, view.broken) == ("line 1: SyntaxError", (), 1)


def test_broken_strategy_files_are_listed(stores: Any) -> None:
    (stores.workspace.strategies / "mine.py").write_text("import nothing_of_that_name\n")
    (found,) = board.listed(stores.workspace.strategies)
    assert found.file == "mine.py"
    assert "nothing_of_that_name" in str(found.error)
    row = {"name": found.name, "version": "", "file": "mine.py", "content_hash": found.content_hash, "budget": None}
    assert Listed.of(row | {"error": found.error}) == found


# Orders and signals


def test_orders_say_that_no_session_runs_and_keep_the_switchs_history(stores: Any) -> None:
    stores.ledger.append("kill", "a", {"at": "2026-11-20T09:00:00Z", "by": "operator:key", "reason": ""})
    stores.ledger.append(
        "resume", "b", {"at": "2026-11-20T09:05:00Z", "cleared": ["kill"], "by": "ana", "reason": "drill"}
    )
    view = orders.build(stores.workspace, NOW)
    assert "no session" in view.message
    assert [(event.what, event.by) for event in view.events] == [("resume", "ana"), ("kill", "operator:key")]
    assert view.kill is None
    killfile.trip(stores.workspace.results, "operator:cli", "now")
    found = orders.build(stores.workspace, NOW).kill
    assert found is not None
    assert found.reason == "now"


def test_hit_rates_count_matured_directional_signals_alone(stores: Any) -> None:
    for number, (symbol, side, hit) in enumerate(
        [("SPY", "long", True), ("QQQ", "long", False), ("BTC/USDT", "short", True), ("GLD", "flat", None)]
    ):
        ts = f"2026-11-{10 + number}T00:00:00Z"
        key = f"{ts}|{symbol}|6|Trend_v1@1.0.0|c0"
        payload = {
            "ts": ts,
            "symbol": symbol,
            "horizon": 6,
            "side": side,
            "prob": None if side == "flat" else 0.6,
            "ev": None,
            "model_version": "Trend_v1@1.0.0",
            "sample": 5,
        }
        stores.ledger.append("signal", key, payload)
        outcome = {"signal": key, "exit_at": "2026-11-15T00:00:00Z", "net": 0.01 if hit else -0.01, "hit": hit}
        stores.ledger.append("outcome", key, outcome)
    waiting = "2026-11-20T00:00:00Z|SPY|6|Trend_v1@1.0.0|c0"
    payload = {
        "ts": "2026-11-20T00:00:00Z",
        "symbol": "SPY",
        "horizon": 6,
        "side": "long",
        "prob": 0.6,
        "ev": 0.001,
        "model_version": "Trend_v1@1.0.0",
        "sample": 5,
    }
    stores.ledger.append("signal", waiting, payload)
    view = signals.build(stores.workspace, NOW)
    assert [(rate.strategy, rate.rate, rate.n) for rate in view.rates] == [
        ("all", pytest.approx(2 / 3), 3),
        ("Trend_v1", pytest.approx(2 / 3), 3),
    ]
    assert (view.total, view.waiting, view.signals[0].matured) == (5, 1, False)
    assert [row.symbol for row in signals.build(stores.workspace, NOW, symbol="SPY").signals] == ["SPY", "SPY"]
    assert signals.build(stores.workspace, NOW, newest=2).total == 5


def test_an_altered_payload_is_an_error_not_a_guess(stores: Any) -> None:
    import sqlite3

    stores.run("one")
    stores.ledger.close()
    with sqlite3.connect(stores.workspace.results / "ledger.sqlite") as connection:
        connection.execute("DROP TRIGGER facts_update")
        connection.execute("UPDATE facts SET payload = '{cut'")
    connection.close()
    with pytest.raises(LedgerBroken):
        runs.build(stores.workspace, NOW)
