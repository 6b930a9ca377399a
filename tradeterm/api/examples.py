"""Examples of the OpenAPI document: made numbers in the shape of each answer, which a test holds against the models."""

from __future__ import annotations

from typing import Any

__all__ = ["EXAMPLES", "PROBLEMS", "PROMETHEUS"]

_LEDGER = {"seq": 4711, "hash": "dbf6505a7db03f38dbc26727c512c08d4df75a35f396cbf459d6599c9f8eca5f"}
_SIGNAL: dict[str, Any] = {
    "seq": 4698,
    "key": "2024-08-31T00:00:00Z|SPY|10|EquityTrendModel_v1@1.0.0|665677d312d0",
    "ts": "2024-08-31T00:00:00Z",
    "symbol": "SPY",
    "strategy": "EquityTrendModel_v1",
    "model_version": "EquityTrendModel_v1@1.0.0",
    "horizon": 10,
    "timeframe": "daily",
    "side": "long",
    "prob": 0.58,
    "ev": 0.0042,
    "sample": 812,
    "cost": 0.0003,
    "bar": "2024-08-30T20:00:00Z",
    "config_hash": "665677d312d0",
    "run_id": "08d49dce335f",
    "recorded": "2024-08-31T00:11:02.450939Z",
}
_OLDER = _SIGNAL | {
    "seq": 4311,
    "key": "2024-08-13T00:00:00Z|SPY|10|EquityTrendModel_v1@1.0.0|665677d312d0",
    "ts": "2024-08-13T00:00:00Z",
    "bar": "2024-08-12T20:00:00Z",
    "run_id": "5f0c1d2e3a4b",
    "recorded": "2024-08-13T00:10:58.120331Z",
}
_HEALTH: dict[str, Any] = {
    "schema": "tradeterm.health.v1",
    "status": "ok",
    "reasons": [],
    "at": "2024-08-31T06:00:00Z",
    "ledger": _LEDGER,
    "daily": {
        "daily_id": "08d49dce335f",
        "profile": "paper",
        "made_up": False,
        "asof": "2024-08-31T00:00:00Z",
        "recorded": "2024-08-31T00:11:40.009112Z",
        "age_hours": 6,
        "state": "done",
        "data_last": "2024-08-30T23:00:00Z",
        "data_age_hours": 7,
        "failed": 0,
        "stale": 0,
    },
    "kill": None,
    "open_incidents": 0,
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "predict": {
        "schema": "tradeterm.predict.v1",
        "ledger": _LEDGER,
        "asof": "2024-08-31T00:00:00Z",
        "daily_id": "08d49dce335f",
        "profile": "paper",
        "made_up": False,
        "partial": False,
        "finished": True,
        "steps": [
            {"step": "refresh", "status": "done"},
            {"step": "train", "status": "skipped"},
            {"step": "predict", "status": "done"},
            {"step": "realise", "status": "done"},
            {"step": "snapshot", "status": "done"},
            {"step": "report", "status": "done"},
        ],
        "withheld": [],
        "refused": [],
        "signals": [_SIGNAL],
        "reason": None,
    },
    "history": {
        "schema": "tradeterm.history.v1",
        "ledger": _LEDGER,
        "signals": [
            {"signal": _SIGNAL, "outcome": None},
            {
                "signal": _OLDER,
                "outcome": {
                    "entry_at": "2024-08-13T13:30:00Z",
                    "exit_at": "2024-08-27T13:30:00Z",
                    "entry_price": 534.2,
                    "exit_price": 559.5,
                    "gross": 0.0473605,
                    "net": 0.0467463,
                    "hit": True,
                },
            },
        ],
        "limit": 2,
        "next": 4311,
        "reason": None,
    },
    "metrics": {
        "schema": "tradeterm.metrics.v1",
        "ledger": _LEDGER,
        "run_id": "aa84e5948312",
        "name": "daily snapshot",
        "kind": "snapshot",
        "profile": "paper",
        "made_up": False,
        "optimistic": False,
        "start": "2020-01-01T00:00:00Z",
        "end": "2024-08-31T00:00:00Z",
        "certificate": True,
        "portfolio": {"sharpe": 0.91, "max_drawdown": -0.112, "recovery_days": None},
        "strategies": [
            {
                "name": "EquityTrendModel_v1",
                "version": "1.0.0",
                "budget": 0.6,
                "metrics": {"sharpe": 0.84, "max_drawdown": -0.134, "recovery_days": 211.0},
            }
        ],
        "definitions": {"max_drawdown": "fraction, <= 0; min(NAV / running peak - 1)"},
        "reason": None,
        "readable": True,
    },
    "health": _HEALTH,
    "health_unreadable": _HEALTH
    | {
        "status": "degraded",
        "reasons": ["results/ledger.sqlite: is damaged; restore it from a backup"],
        "ledger": None,
        "daily": None,
        "open_incidents": None,
    },
}

PROBLEMS: dict[int, str] = {
    400: "this service answers to 127.0.0.1, ::1, localhost only; ask it by that name",
    401: "the token is missing or wrong; send `Authorization: Bearer TOKEN` with TRADETERM_API_TOKEN's value",
    404: "no run 'aa84' is recorded; `tradeterm backtest list` lists them",
    405: "this service only reads; use GET or HEAD",
    422: "query limit='0': Input should be greater than or equal to 1; see /openapi.json",
    500: "unexpected KeyError; the log of this service has it in full",
    503: "results/ledger.sqlite: locked by another process; try again",
}

PROMETHEUS = """# HELP tradeterm_nav Net asset value of the newest snapshot, simulated, in money.
# TYPE tradeterm_nav gauge
tradeterm_nav{made_up="false",profile="paper"} 101234.5
"""
