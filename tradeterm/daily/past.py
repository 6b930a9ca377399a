"""Dailies of the past, replayed from the stored bars: the signals and outcomes that a young store doesn't have.

Every decision day between two instants gets the signals that the daily run of that day would have recorded, made by
the same code from one long run of the book, and marked as replayed; then their outcomes, and one snapshot at the end.
A signal that was recorded before stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradeterm.core.errors import FactConflict, UsageError
from tradeterm.core.time import DAY_NS, iso
from tradeterm.daily.night import Ended, Night
from tradeterm.daily.run import DailyResult, exit_code, run_steps, written_by
from tradeterm.daily.steps import realise, refresh, snapshot, validate
from tradeterm.research.backtest import silent
from tradeterm.research.freshness import stale
from tradeterm.signals.history import decisions_between, until
from tradeterm.signals.predict import predict as make_signals
from tradeterm.store.incidents import write_incidents
from tradeterm.store.locks import file_lock
from tradeterm.trading.kill import record_kill

if TYPE_CHECKING:
    from tradeterm.config.settings import Settings
    from tradeterm.core.signals import Signal
    from tradeterm.daily.night import Progress
    from tradeterm.store.ledger import Ledger

__all__ = ["REPLAYED_STEPS", "replay_days"]

REPLAYED_STEPS = ("refresh", "validate", "predict", "realise", "snapshot")
# Signals recorded at a time: what was recorded before a kill is not recorded again.
_AT_ONCE = 500


def replay_days(
    settings: Settings,
    ledger: Ledger,
    *,
    from_ns: int,
    to_ns: int,
    seed: int | None = None,
    progress: Progress | None = None,
) -> DailyResult:
    """Replay the dailies whose as-of instants lie on the days between two of them, both included.

    Raises
    ------
    LockHeld
        When a daily run works in this workspace.
    UsageError
        When the first instant comes after the last.
    """
    if from_ns > to_ns:
        raise UsageError(f"--from {iso(from_ns)} comes after --to {iso(to_ns)}; give the earlier day first")
    results = settings.workspace.results
    with file_lock(results / "daily.lock", "the daily run", timeout_s=0.0):
        killed = record_kill(ledger, results)
        drawn = settings.config.system.seed if seed is None else seed
        night = Night(settings, ledger, to_ns, drawn, progress or silent, None, REPLAYED_STEPS, since_ns=from_ns)
        ledger.append("daily", night.daily_id, night.identity)
        functions = {
            "refresh": refresh,
            "validate": validate,
            "predict": _predict_all,
            "realise": realise,
            "snapshot": snapshot,
        }
        done = run_steps(night, REPLAYED_STEPS, functions)
        write_incidents(settings.workspace.root, ledger)
    return DailyResult(
        daily_id=night.daily_id,
        asof_ns=to_ns,
        profile=settings.profile,
        steps=done,
        exit_code=exit_code(done),
        written=written_by(settings, done),
        killed=killed,
        report=None,
        next_command="tradeterm signals outcomes",
    )


def _predict_all(night: Night) -> Ended:
    """Record the signals of every day."""
    run = night.book.run
    first = night.asof_ns if night.since_ns is None else night.since_ns
    rows = decisions_between(run, first, night.asof_ns, DAY_NS).tolist()
    hashes = night.signal_hashes()
    recorded, withheld = 0, 0
    different: list[str] = []
    waiting: list[Signal] = []
    for number, row in enumerate(rows):
        then = until(run, row)
        late = stale(then)
        made = make_signals(then, night.own_bars, config_hashes=hashes, run_id=night.daily_id, replayed=True)
        waiting += [signal for signal in made if signal.symbol not in late]
        withheld += len(late)
        if len(waiting) >= _AT_ONCE or number == len(rows) - 1:
            refused = _record(night, waiting)
            recorded, different, waiting = recorded + len(waiting) - len(refused), different + refused, []
        night.progress("decisions", number + 1, len(rows))
    if different:
        more = f" and {len(different) - 1} more" if len(different) > 1 else ""
        night.incident(
            f"replay: another answer is recorded for signal {different[0]}{more}",
            "the signals that were recorded first stand",
        )
    regime = night.record_regime()
    outputs = {
        "days": len(rows),
        "signals": recorded,
        "refused": different,
        "withheld": [],
        "held_back": withheld,
        "keys": [],
        "regime": regime,
    }
    inputs = {"data_hash": night.book.market.fingerprint, "models": night.book.desk.identity()}
    return Ended("partial" if different else "done", outputs, inputs)


def _record(night: Night, signals: list[Signal]) -> list[str]:
    """Record signals, and return the keys of those for which another answer stands."""
    try:
        night.ledger.append_many([("signal", item.key, item.payload()) for item in signals])
    except FactConflict:
        return [item.key for item in signals if not _recorded(night, item)]
    return []


def _recorded(night: Night, signal: Signal) -> bool:
    try:
        night.ledger.append("signal", signal.key, signal.payload())
    except FactConflict:
        return False
    return True
