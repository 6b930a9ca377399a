from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tradeterm.core.errors import UsageError
from tradeterm.core.ids import canonical_json
from tradeterm.core.market import AssetClass, BarKey, Bars, FillBars, Timeframe
from tradeterm.core.time import H4_NS, from_iso, iso
from tradeterm.store.bars import BarMeta, BarStore
from tradeterm.store.ledger import Ledger
from tradeterm.store.runs import RunStore
from tradeterm.store.sql import query, views

_START = from_iso("2024-08-30")


def _write_bars(data: Path, key: BarKey, rows: int, *, fill: bool = False) -> None:
    ts = _START + H4_NS * np.arange(rows, dtype=np.int64)
    price = np.arange(1.0, rows + 1.0)
    fills = (
        FillBars(open=price, high=price, low=price, volume=price, at=np.where(price == 1.0, -1, ts)) if fill else None
    )
    bars = Bars(ts=ts, known_at=ts + H4_NS, open=price, high=price, low=price, close=price, volume=price, fill=fills)
    meta = BarMeta(
        symbol=key.symbol, asset_class=key.asset_class, timeframe=key.timeframe, calendar="", source="sample"
    )
    BarStore(data).write(key, bars, meta)


def _run(results: Path, run_id: str, sharpe: float) -> dict[str, Any]:
    instants = pa.array([_START, _START + H4_NS], pa.timestamp("ns", tz="UTC"))
    tables = {
        "nav": pa.table({"ts": instants, "nav": [100.0, 101.0], "cash": [100.0, 1.0], "gross": [0.0, 1.0],
                         "drawdown": [0.0, 0.0], "ladder": ["NORMAL", "DERISKED"], "day_end": [False, True]}),
        "trades": pa.table({"ts": instants, "at": instants, "symbol": ["SPY", "SPY"], "side": ["BUY", "SELL"],
                            "quantity": [2.0, 1.0], "price": [10.0, 11.0], "notional": [20.0, 11.0],
                            "fee": [0.1, 0.1], "slippage": [0.0, 0.0]}),
        "weights": pa.table({"ts": instants, "symbol": ["SPY", "SPY"], "target": [0.5, 0.4], "held": [0.0, 0.5]}),
    }  # fmt: skip
    metrics = {"portfolio": {"sharpe": sharpe, "sortino": None}, "strategies": {"A_v1": {"sharpe": 2.0}}}
    RunStore(results).write(run_id, tables, {"metrics": metrics})
    return {
        "name": "trend", "profile": "sample", "timeframe": "h4", "fill": "next_open", "start": iso(_START),
        "end": iso(_START + H4_NS), "strategies": [{"name": "A_v1", "budget": 1.0}],
        "metrics": {"sharpe": sharpe, "trades": 2},
        "certificate": {"ok": True}, "ladder": {"state": "normal"}, "kind": "backtest",
    }  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> tuple[Path, Path]:
    data, results = tmp_path / "data", tmp_path / "results"
    _write_bars(data, BarKey(AssetClass.CRYPTO, "BTC/USDT", Timeframe.H4), 3, fill=True)
    _write_bars(data, BarKey(AssetClass.EQUITY, "SPY", Timeframe.DAILY), 5)
    with Ledger(results, clock=lambda: _START) as ledger:
        for run_id, sharpe in (("a41f", 1.5), ("9c02", 0.5)):
            ledger.append("run", run_id, _run(results, run_id, sharpe))
        signal = {"ts": iso(_START), "symbol": "SPY", "horizon": 6, "side": "long", "prob": 0.6, "ev": None,
                  "model_version": "A_v1@1.0.0", "config_hash": "c", "run_id": "a41f", "bar": iso(_START),
                  "sample": 40}  # fmt: skip
        ledger.append("signal", "s1", signal)
        outcome = {"signal": "s1", "entry_at": iso(_START), "exit_at": iso(_START + H4_NS), "entry_price": 10.0,
                   "exit_price": 11.0, "gross": 0.1, "net": 0.09, "hit": True}  # fmt: skip
        ledger.append("outcome", "s1", outcome)
        ledger.append(
            "step", "d1:train", {"daily_id": "d1", "step": "train", "status": "done", "outputs": {"models": 2}}
        )
        ledger.append(
            "regime", "equity|x", {"axis": "equity", "ts": iso(_START), "from": "BULL", "to": "BEAR", "input": "SPY"}
        )
        ledger.append("kill", "k", {"at": iso(_START), "by": "ana", "reason": "drill"})
        ledger.append("resume", "r", {"at": iso(_START + H4_NS), "cleared": ["kill"], "reason": "over", "by": "ana"})
        ledger.append(
            "incident", "i1", {"at": iso(_START), "daily_id": "a41f", "what": "w", "effect": "e", "state": "open"}
        )
        trial = {"strategies": ["A_v1"], "universe": ["SPY"], "timeframe": "h4", "fill": "next_open", "costs": {},
                 "limits": {}, "start": iso(_START), "end": iso(_START), "run_id": "a41f"}  # fmt: skip
        ledger.append("trial", "t1", trial)
    return data, results


def _ask(workspace: tuple[Path, Path], sql: str) -> list[tuple[Any, ...]]:
    return query(*workspace, sql)[1]


def test_bars_of_all_files_are_one_table_with_the_symbols_as_they_are_written(workspace: tuple[Path, Path]) -> None:
    columns, rows = query(
        *workspace,
        "SELECT symbol, asset_class, timeframe, count(*) AS bars, max(close) FROM bars GROUP BY ALL ORDER BY 1",
    )
    assert columns == ["symbol", "asset_class", "timeframe", "bars", 'max("close")']
    assert rows == [("BTC/USDT", "crypto", "h4", 3, 3.0), ("SPY", "equity", "daily", 5, 5.0)]
    first = "SELECT ts, known_at, fill_open, fill_at FROM bars WHERE symbol = 'BTC/USDT' ORDER BY ts LIMIT 2"
    assert _ask(workspace, first) == [
        ("2024-08-30T00:00:00Z", "2024-08-30T04:00:00Z", 1.0, None),
        ("2024-08-30T04:00:00Z", "2024-08-30T08:00:00Z", 2.0, "2024-08-30T04:00:00Z"),
    ]  # fmt: skip
    assert _ask(workspace, "SELECT count(fill_open), count(*) FROM bars WHERE symbol = 'SPY'") == [(0, 5)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT run_id, sharpe, trades, start_at, certificate_ok, ladder, kind FROM backtests ORDER BY sharpe LIMIT 1",
         ("9c02", 0.5, 2, "2024-08-30T00:00:00Z", True, "normal", "backtest")),
        ("SELECT strategies->0->>'name' FROM backtests WHERE run_id = 'a41f'", ("A_v1",)),
        ("SELECT run_id, ts, nav, ladder, day_end FROM nav_history ORDER BY run_id, ts DESC LIMIT 1",
         ("9c02", "2024-08-30T04:00:00Z", 101.0, "DERISKED", True)),
        ("SELECT run_id, filled_at, side, price FROM trades ORDER BY run_id, ts LIMIT 1",
         ("9c02", "2024-08-30T00:00:00Z", "BUY", 10.0)),
        ("SELECT sum(target), sum(held) FROM weights WHERE run_id = 'a41f'", (0.9, 0.5)),
        ("SELECT scope, value FROM metrics WHERE run_id = 'a41f' AND name = 'sharpe' ORDER BY value DESC LIMIT 1",
         ("A_v1", 2.0)),
        ("SELECT value FROM metrics WHERE run_id = 'a41f' AND name = 'sortino'", (None,)),
        ("SELECT s.symbol, s.prob, s.ev, s.ts, o.net, o.hit FROM signals s JOIN outcomes o ON o.signal = s.key",
         ("SPY", 0.6, None, "2024-08-30T00:00:00Z", 0.09, True)),
        ("SELECT daily_id, status, outputs->>'models' FROM steps", ("d1", "done", "2")),
        ("SELECT axis, from_state, to_state FROM regime_transitions", ("equity", "BULL", "BEAR")),
        ("SELECT event, happened_at, operator, cleared->>0 FROM kills ORDER BY 2 DESC LIMIT 1",
         ("resume", "2024-08-30T04:00:00Z", "ana", "kill")),
        ("SELECT id, run_id, what, effect FROM incidents", ("i1", "a41f", "w", "e")),
        ("SELECT trial_id, universe->>0 FROM trials", ("t1", "SPY")),
        ("SELECT count(*), max(seq), min(recorded_at) FROM facts", (10, 10, "2024-08-30T00:00:00Z")),
        ("SELECT payload->>'side' FROM facts WHERE kind = 'signal'", ("long",)),
        ("SELECT count(*) FROM orders", (0,)),
        ("FROM Signals SELECT count(*)", (1,)),
    ],
)  # fmt: skip
def test_each_view_answers_with_typed_columns(
    workspace: tuple[Path, Path], sql: str, expected: tuple[Any, ...]
) -> None:
    assert _ask(workspace, sql) == [expected]


@pytest.mark.parametrize("view", sorted(views()))
def test_a_view_has_the_same_columns_empty_and_filled(workspace: tuple[Path, Path], tmp_path: Path, view: str) -> None:
    nothing = (tmp_path / "no data", tmp_path / "no results")
    columns = "SELECT column_name, column_type FROM (DESCRIBE {})"
    assert _ask(nothing, f"SELECT * FROM {view}") == []
    assert _ask(nothing, columns.format(view)) == _ask(workspace, columns.format(view))
    assert not nothing[0].exists()
    assert not nothing[1].exists()


def test_all_views_are_listed_whatever_is_asked(workspace: tuple[Path, Path]) -> None:
    assert {row[0] for row in _ask(workspace, "SHOW TABLES")} == set(views())


def test_only_what_is_named_is_opened(workspace: tuple[Path, Path]) -> None:
    path = BarStore(workspace[0]).path(BarKey(AssetClass.EQUITY, "SPY", Timeframe.DAILY))
    path.write_bytes(b"damaged")
    assert _ask(workspace, "SELECT count(*) FROM backtests") == [(2,)]
    with pytest.raises(UsageError, match=r"SPY_daily\.parquet") as refused:
        _ask(workspace, "SELECT count(*) FROM bars")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("COPY (SELECT 1) TO '{tmp}/x.csv'", "a COPY statement was refused; only SELECT"),
        ("EXPLAIN ANALYZE COPY (SELECT 1) TO '{tmp}/x.csv'", "refused"),
        ("EXPORT DATABASE '{tmp}/x'", "refused"),
        ("ATTACH '{tmp}/x.db'", "refused"),
        ("CREATE TABLE x (a INT)", "refused"),
        ("DROP VIEW bars", "refused"),
        ("SET enable_external_access = true", "refused"),
        ("INSTALL httpfs", "refused"),
        ("PREPARE x AS COPY (SELECT 1) TO '{tmp}/x.csv'", "refused"),
        ("SELECT 1; COPY (SELECT 1) TO '{tmp}/x.csv'", "2 statements were given; give one SELECT"),
        ("", "0 statements were given"),
        ("SELECT * FROM read_text('/etc/passwd')", "disabled by configuration"),
        ("SELECT * FROM '/etc/passwd'", "Error"),
        ("SELECT * FROM read_csv('{tmp}/secret.csv')", "disabled by configuration"),
        ("SELECT * FROM glob('{tmp}/*')", "disabled by configuration"),
        ("SELECT * FROM read_text('{tmp}/data/crypto/../../secret.csv'), bars", "disabled by configuration"),
        ("SELECT * FROM results_dir", "results_dir does not exist"),
        ("SELECT * FROM signal", 'Did you mean "signals"?'),
        ("SELECT shrpe FROM backtests", 'Candidate bindings: "sharpe"'),
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT CAST('x' AS INTEGER)", "Could not convert string 'x' to INT32"),
    ],
)
def test_nothing_else_is_read_written_or_changed_and_the_refusal_is_one_line(
    workspace: tuple[Path, Path], tmp_path: Path, sql: str, said: str
) -> None:
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError) as refused:
        _ask(workspace, sql.format(tmp=tmp_path))
    assert str(refused.value).startswith("sql: ")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 2
    assert sorted(tmp_path.rglob("*")) == before


def test_values_are_those_of_json(workspace: tuple[Path, Path]) -> None:
    [row] = _ask(
        workspace,
        "SELECT now() > TIMESTAMPTZ '2024-01-01', TIMESTAMPTZ '2024-08-30 18:00+02', DATE '2024-08-30',"
        " 1.5::DECIMAL(4,1), [1, 2], {'at': TIMESTAMP '2024-08-30 16:00:00.5'}, 'x'::BLOB, NULL, sum(1),"
        " INTERVAL 1 DAY, TIME '10:00', '6f1c0f1e-0000-4000-8000-000000000000'::UUID",
    )
    assert row == (
        True, "2024-08-30T16:00:00Z", "2024-08-30", 1.5, [1, 2], {"at": "2024-08-30T16:00:00.500000Z"}, "78", None, 1,
        "1 day, 0:00:00", "10:00:00", "6f1c0f1e-0000-4000-8000-000000000000",
    )  # fmt: skip
    canonical_json(list(row))


def test_a_run_whose_folder_is_gone_is_left_out_of_the_files_and_stays_in_the_list(
    workspace: tuple[Path, Path],
) -> None:
    folder = workspace[1] / "runs" / "a41f"
    folder.rename(workspace[1] / "elsewhere")
    assert _ask(workspace, "SELECT count(DISTINCT run_id) FROM nav_history") == [(1,)]
    assert _ask(workspace, "SELECT count(*) FROM backtests") == [(2,)]


def test_folders_with_signs_of_a_pattern_are_read_as_they_are(tmp_path: Path) -> None:
    data = tmp_path / "it's [a] *?"
    _write_bars(data, BarKey(AssetClass.EQUITY, "SPY", Timeframe.H4), 2)
    assert query(data, tmp_path, "SELECT symbol, count(*) FROM bars GROUP BY 1")[1] == [("SPY", 2)]


def test_no_remains_are_left_where_the_question_is_asked(
    workspace: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    _ask(workspace, "SELECT * FROM bars ORDER BY close")
    assert list(here.iterdir()) == []


def test_instants_with_a_zone_need_no_other_library(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['pytz'] = None\n"
        "from pathlib import Path; from tradeterm.store.sql import query\n"
        "sql = \"SELECT x, TIMESTAMPTZ '2024-08-30 18:00+02' AS x FROM range(3) t(x) ORDER BY t.x DESC -- newest\"\n"
        f"print(query(Path({str(tmp_path)!r}), Path({str(tmp_path)!r}), sql))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    when = "2024-08-30T16:00:00Z"
    assert run.stdout.strip() == str((["x", "x"], [(2, when), (1, when), (0, when)]))
