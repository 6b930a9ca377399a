"""The views that ``tradeterm sql`` offers: their columns, types and where each comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["VIEWS", "Column", "View"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a view.

    origin : a column of the ledger row ("key", "kind", ...), a path in its payload ("$.metrics.sharpe"), or the column
        of the Parquet file
    """

    name: str
    type: str
    origin: str

    @property
    def from_fact(self) -> str:
        """Expression over a ledger row; what does not fit the type is null."""
        if not self.origin.startswith("$"):
            return f"{self.origin} AS {self.name}"
        if self.type == "JSON":
            return f"payload->'{self.origin}' AS {self.name}"
        return f"TRY_CAST(payload->>'{self.origin}' AS {self.type}) AS {self.name}"

    @property
    def from_file(self) -> str:
        """Expression over a Parquet file's row."""
        # Files hold instants in ns with a zone, which DuckDB casts in two steps only.
        step = "TIMESTAMPTZ)::TIMESTAMP" if self.type == "TIMESTAMP" else f"{self.type})"
        return f'CAST("{self.origin}" AS {step} AS {self.name}'

    @property
    def empty(self) -> str:
        """Expression for a view that holds nothing, and for files that lack the column."""
        return f"CAST(NULL AS {self.type}) AS {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One view.

    source : ledger facts of ``kinds`` (none: all), a Parquet file of each run (named by ``file``), or what
        ``sql.py`` builds by hand
    """

    description: str
    columns: tuple[Column, ...]
    source: Literal["facts", "runs", "bars", "metrics"] = "facts"
    kinds: tuple[str, ...] = ()
    file: str = ""


def _columns(text: str, origin: str) -> tuple[Column, ...]:
    """Columns from "name TYPE origin" lines; a line without an origin has ``origin`` with its name put in."""
    words = [line.split() for line in text.strip().splitlines()]
    return tuple(
        Column(name=name, type=kind, origin=said[0] if said else origin.format(name)) for name, kind, *said in words
    )


def _facts(text: str, description: str, *kinds: str) -> View:
    return View(description=description, columns=_columns(text, "$.{}"), kinds=kinds)


def _files(text: str, description: str, source: Literal["runs", "bars", "metrics"], file: str = "") -> View:
    return View(description=description, columns=_columns(text, "{}"), source=source, file=file)


# `at`, `by`, `from`, `end` and `to` are words of the language: columns that stand for them have other names.
_FACTS = """
seq BIGINT seq
recorded_at TIMESTAMP recorded_at
kind VARCHAR kind
key VARCHAR key
payload JSON payload::JSON
hash VARCHAR hash
"""
_BACKTESTS = """
run_id VARCHAR key
recorded_at TIMESTAMP recorded_at
kind VARCHAR
name VARCHAR
profile VARCHAR
timeframe VARCHAR
fill VARCHAR
start_at TIMESTAMP $.start
end_at TIMESTAMP $.end
sharpe DOUBLE $.metrics.sharpe
sortino DOUBLE $.metrics.sortino
cagr DOUBLE $.metrics.cagr
total_return DOUBLE $.metrics.total_return
volatility DOUBLE $.metrics.volatility
max_drawdown DOUBLE $.metrics.max_drawdown
win_rate DOUBLE $.metrics.win_rate
trades BIGINT $.metrics.trades
bps_score DOUBLE $.metrics.bps_score
certificate_ok BOOLEAN $.certificate.ok
ladder VARCHAR $.ladder.state
strategies JSON
config_hash VARCHAR
code_hash VARCHAR
data_hash VARCHAR
"""
_TRIALS = """
trial_id VARCHAR key
recorded_at TIMESTAMP recorded_at
run_id VARCHAR
timeframe VARCHAR
fill VARCHAR
start_at TIMESTAMP $.start
end_at TIMESTAMP $.end
strategies JSON
universe JSON
costs JSON
limits JSON
"""
_SIGNALS = """
ts TIMESTAMP
symbol VARCHAR
horizon INTEGER
side VARCHAR
prob DOUBLE
ev DOUBLE
sample BIGINT
model_version VARCHAR
config_hash VARCHAR
run_id VARCHAR
bar TIMESTAMP
regime JSON
replayed BOOLEAN
key VARCHAR key
recorded_at TIMESTAMP recorded_at
"""
_OUTCOMES = """
signal VARCHAR
entry_at TIMESTAMP
exit_at TIMESTAMP
entry_price DOUBLE
exit_price DOUBLE
gross DOUBLE
net DOUBLE
hit BOOLEAN
known_at TIMESTAMP
path JSON
recorded_at TIMESTAMP recorded_at
"""
_MODELS = """
known_from TIMESTAMP
strategy VARCHAR
version VARCHAR
model_hash VARCHAR
status VARCHAR
score DOUBLE
before VARCHAR
newest DOUBLE
rival DOUBLE
samples BIGINT
data_from TIMESTAMP
data_to TIMESTAMP
fingerprint VARCHAR
recorded_at TIMESTAMP recorded_at
"""
_ORDERS = """
client_order_id VARCHAR key
recorded_at TIMESTAMP recorded_at
placed_at TIMESTAMP $.at
symbol VARCHAR
side VARCHAR
quantity DOUBLE
price DOUBLE
status VARCHAR
"""
_STEPS = """
daily_id VARCHAR
step VARCHAR
status VARCHAR
inputs JSON
outputs JSON
seconds DOUBLE
recorded_at TIMESTAMP recorded_at
"""
_TRANSITIONS = """
axis VARCHAR
ts TIMESTAMP
from_state VARCHAR $.from
to_state VARCHAR $.to
input VARCHAR
recorded_at TIMESTAMP recorded_at
"""
_INCIDENTS = """
id VARCHAR key
recorded_at TIMESTAMP recorded_at
happened_at TIMESTAMP $.at
run_id VARCHAR $.daily_id
what VARCHAR
effect VARCHAR
"""
_CLOSED = """
incident VARCHAR key
closed_at TIMESTAMP $.at
operator VARCHAR $.by
reason VARCHAR
recorded_at TIMESTAMP recorded_at
"""
_KILLS = """
event VARCHAR kind
happened_at TIMESTAMP $.at
operator VARCHAR $.by
reason VARCHAR
cleared JSON
recorded_at TIMESTAMP recorded_at
"""
_BARS = """
symbol VARCHAR
asset_class VARCHAR
timeframe VARCHAR
ts TIMESTAMP
known_at TIMESTAMP
open DOUBLE
high DOUBLE
low DOUBLE
close DOUBLE
volume DOUBLE
straddles BOOLEAN
fill_open DOUBLE
fill_high DOUBLE
fill_low DOUBLE
fill_volume DOUBLE
fill_at TIMESTAMP
"""
_NAV = """
run_id VARCHAR
ts TIMESTAMP
nav DOUBLE
cash DOUBLE
gross DOUBLE
drawdown DOUBLE
ladder VARCHAR
day_end BOOLEAN
"""
_TRADES = """
run_id VARCHAR
ts TIMESTAMP
filled_at TIMESTAMP at
symbol VARCHAR
side VARCHAR
quantity DOUBLE
price DOUBLE
notional DOUBLE
fee DOUBLE
slippage DOUBLE
"""
_WEIGHTS = """
run_id VARCHAR
ts TIMESTAMP
symbol VARCHAR
target DOUBLE
held DOUBLE
"""
_METRICS = """
run_id VARCHAR
scope VARCHAR
name VARCHAR
value DOUBLE
"""

VIEWS: dict[str, View] = {
    "bars": _files(_BARS, "stored bars, one row each, by symbol and timeframe", "bars"),
    "facts": _facts(_FACTS, "the whole ledger; payload is JSON"),
    "backtests": _facts(_BACKTESTS, "runs with their headline metrics and hashes", "run"),
    "nav_history": _files(_NAV, "NAV, cash, gross and drawdown of each run", "runs", "nav"),
    "trades": _files(_TRADES, "fills of each run", "runs", "trades"),
    "metrics": _files(_METRICS, "every metric of each run; scope is 'portfolio' or a strategy", "metrics"),
    "weights": _files(_WEIGHTS, "target and held weights of each run", "runs", "weights"),
    "trials": _facts(_TRIALS, "what has been tried, counted once", "trial"),
    "signals": _facts(_SIGNALS, "predictions as they were made", "signal"),
    "outcomes": _facts(_OUTCOMES, "what became of signals", "outcome"),
    "models": _facts(_MODELS, "models of learned strategies as they were trained", "model"),
    "orders": _facts(_ORDERS, "orders of trading sessions", "order"),
    "steps": _facts(_STEPS, "steps of each daily run", "step"),
    "regime_transitions": _facts(_TRANSITIONS, "changes of regime by axis", "regime"),
    "incidents": _facts(_INCIDENTS, "what went wrong; open while there is no row in incidents_closed", "incident"),
    "incidents_closed": _facts(_CLOSED, "who closed an incident, and why", "incident_closed"),
    "outcomes_restated": _facts(_OUTCOMES, "what outcomes would be on bars changed since", "outcome_restated"),
    "kills": _facts(_KILLS, "kill and resume events", "kill", "resume"),
}
