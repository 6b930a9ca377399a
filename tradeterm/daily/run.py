"""One daily run: its steps one after the other, each recorded when it has ended.

Each step is a function of the stored bars and the configuration as of one instant, and writes only facts and files that
carry their own identity. Whatever was killed in the middle is done again to the same end; what is recorded is not done
twice.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tradeterm.config.log import stream
from tradeterm.core.errors import UsageError, nearest
from tradeterm.core.ids import canonical_json
from tradeterm.daily.night import STEPS, Ended, Night
from tradeterm.daily.steps import STEP_OF
from tradeterm.research.backtest import silent
from tradeterm.research.plan import refresh_plan
from tradeterm.store.incidents import write_incidents
from tradeterm.store.locks import file_lock
from tradeterm.trading.kill import record_kill

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tradeterm.config.settings import Settings
    from tradeterm.daily.night import Progress, Status
    from tradeterm.data.crew import Supplier
    from tradeterm.killfile import KillRecord
    from tradeterm.store.ledger import Ledger, LedgerReader

__all__ = [
    "STEPS",
    "DailyResult",
    "Planned",
    "StepResult",
    "exit_code",
    "plan_daily",
    "run_daily",
    "run_steps",
    "written_by",
]

_DONE, _PARTIAL_DATA, _CERTIFICATE = 0, 4, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One step of a daily run; ``repeated`` when its fact was there and nothing was done."""

    name: str
    status: Status
    outputs: dict[str, Any]
    seconds: float
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyResult:
    """A finished daily run; ``written`` names what is on disk and where, ``report`` is the page as plain values."""

    daily_id: str
    asof_ns: int
    profile: str
    steps: tuple[StepResult, ...]
    exit_code: int
    written: tuple[tuple[str, str], ...]
    killed: KillRecord | None
    report: dict[str, Any] | None
    next_command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a daily run would do, found without writing anything.

    steps : name, whether it is recorded already, and what it would be done on
    """

    daily_id: str
    asof_ns: int
    profile: str
    steps: tuple[tuple[str, bool, str], ...]


def run_daily(
    settings: Settings,
    ledger: Ledger,
    *,
    asof_ns: int,
    seed: int | None = None,
    steps: Sequence[str] = STEPS,
    progress: Progress | None = None,
    sources: Mapping[str, Supplier] | None = None,
) -> DailyResult:
    """Run the steps that are not recorded yet for this as-of instant, configuration and strategies.

    steps : that take part, in any order; a run of some steps is another daily run than one of all
    sources : in the place of those of the configuration

    Raises
    ------
    LockHeld
        When another daily run works in this workspace.
    UsageError
        When a step is none.
    """
    chosen = _chosen(steps)
    results = settings.workspace.results
    with file_lock(results / "daily.lock", "the daily run", timeout_s=0.0):
        killed = record_kill(ledger, results)
        night = _night(settings, ledger, asof_ns, seed, chosen, progress, sources)
        night = _attempt(night) if "refresh" in chosen else night
        ledger.append("daily", night.daily_id, night.identity)
        done = run_steps(night, chosen, STEP_OF)
        write_incidents(settings.workspace.root, ledger)
    return DailyResult(
        daily_id=night.daily_id,
        asof_ns=asof_ns,
        profile=settings.profile,
        steps=done,
        exit_code=exit_code(done),
        written=written_by(settings, done),
        killed=killed,
        report=_report(settings, done),
        next_command="tradeterm",
    )


def plan_daily(
    settings: Settings, ledger: LedgerReader, *, asof_ns: int, seed: int | None = None, steps: Sequence[str] = STEPS
) -> Planned:
    """Say what a daily run would do; nothing is written, locked or asked of a source."""
    chosen = _chosen(steps)
    # A reader stands in for the ledger: only `get` is asked of it.
    night = _night(settings, ledger, asof_ns, seed, chosen, None, None)  # type: ignore[arg-type]  # see above
    while (there := _refresh_fact(night)) is not None and there["status"] == "partial":
        again = replace(night, attempt=night.attempt + 1)
        if ledger.get("daily", again.daily_id) is None:
            break
        night = again
    told = {
        "refresh": lambda: f"{len(refresh_plan(settings).instruments)} instruments",
        "train": lambda: _told_schedule(settings),
        "realise": lambda: f"{len(ledger.without('signal', 'outcome'))} signals wait for their outcome",
    }
    planned = tuple(
        (name, ledger.get("step", f"{night.daily_id}:{name}") is not None, told[name]() if name in told else "")
        for name in chosen
    )
    return Planned(daily_id=night.daily_id, asof_ns=asof_ns, profile=settings.profile, steps=planned)


def _told_schedule(settings: Settings) -> str:
    """Say when models of learned strategies are fitted."""
    schedule = settings.config.models.training
    words = [f"every {schedule.every_days} days"] if schedule.every_days is not None else []
    words += [f"at the end of each {schedule.weekly}"] if schedule.weekly is not None else []
    words += ["on drift"] if schedule.on_drift else []
    return f"learned strategies are fitted {', '.join(words)}"


def run_steps(
    night: Night, names: Sequence[str], functions: Mapping[str, Callable[[Night], Ended]]
) -> tuple[StepResult, ...]:
    """Do the steps one after the other, or read what they left."""
    done = []
    for place, name in enumerate(names):
        night.progress(name, place, len(names))
        done.append(_step(night, name, functions[name]))
    return tuple(done)


def exit_code(steps: Sequence[StepResult]) -> int:
    """Code of the command: a failed certificate before data that were partly there."""
    partial = {step.name for step in steps if step.status == "partial"}
    return _CERTIFICATE if "snapshot" in partial else _PARTIAL_DATA if partial else _DONE


def _chosen(steps: Sequence[str]) -> tuple[str, ...]:
    for name in steps:
        if name not in STEPS:
            near = nearest(name, STEPS)
            hint = f"did you mean '{near}'?" if near else f"they are {', '.join(STEPS)}"
            raise UsageError(f"'{name}' is no step of the daily run; {hint}")
    if not steps:
        raise UsageError(f"no step was named; they are {', '.join(STEPS)}")
    return tuple(name for name in STEPS if name in steps)


def _night(
    settings: Settings,
    ledger: Ledger,
    asof_ns: int,
    seed: int | None,
    chosen: tuple[str, ...],
    progress: Progress | None,
    sources: Mapping[str, Supplier] | None,
) -> Night:
    drawn = settings.config.system.seed if seed is None else seed
    return Night(settings, ledger, asof_ns, drawn, progress or silent, sources, chosen)


def _refresh_fact(night: Night) -> dict[str, Any] | None:
    """What the refresh of this attempt left, if it has ended."""
    fact = night.ledger.get("step", f"{night.daily_id}:refresh")
    return None if fact is None else fact.payload


def _attempt(night: Night) -> Night:
    """Return the night to go on with: where a refresh was partial it is tried again, and news makes a new attempt."""
    while (there := _refresh_fact(night)) is not None and there["status"] == "partial":
        if night.refreshed is None:
            night = replace(night, refreshed=STEP_OF["refresh"](night))
        if night.refreshed is not None and json.loads(canonical_json(night.refreshed.outputs)) == there["outputs"]:
            break
        night = replace(night, attempt=night.attempt + 1)
    return night


def _step(night: Night, name: str, function: Callable[[Night], Ended]) -> StepResult:
    key = f"{night.daily_id}:{name}"
    began = time.monotonic()
    there = night.ledger.get("step", key)
    status: Status
    if there is not None:
        status, outputs, seconds = there.payload["status"], there.payload["outputs"], time.monotonic() - began
    else:
        ended = function(night)
        seconds = time.monotonic() - began
        fact = {"daily_id": night.daily_id, "step": name, **ended._asdict(), "seconds": round(seconds, 3)}
        night.ledger.append("step", key, fact)
        status, outputs = ended.status, ended.outputs
    stream("performance", run_id=night.daily_id).info(
        "daily step {} {}", name, status, step=name, seconds=round(seconds, 3), repeated=there is not None
    )
    return StepResult(name=name, status=status, outputs=outputs, seconds=seconds, repeated=there is not None)


def written_by(settings: Settings, steps: Sequence[StepResult]) -> tuple[tuple[str, str], ...]:
    """What is on the disk because of these steps, and where."""
    outputs = {step.name: step.outputs for step in steps}
    found = []
    if "refresh" in outputs:
        found.append((f"{len(outputs['refresh']['bars'])} bar files", "data/"))
    counted = [
        f"{outputs[step][what]} {what}"
        for step, what in (("predict", "signals"), ("realise", "outcomes"))
        if step in outputs
    ]
    if counted:
        found.append((", ".join(counted), "results/ledger.sqlite"))
    if "snapshot" in outputs:
        run_id = outputs["snapshot"]["run_id"]
        found.append((f"backtest {run_id}", f"results/runs/{run_id}/"))
    if "report" in outputs:
        found.append(("report", outputs["report"]["path"]))
    return (*found, ("logs", f"{settings.workspace.logs.relative_to(settings.workspace.root)}/"))


def _report(settings: Settings, steps: Sequence[StepResult]) -> dict[str, Any] | None:
    """Read the report back; None where this run makes none, or its file has gone."""
    paths = [step.outputs["document"] for step in steps if step.name == "report"]
    try:
        found = json.loads((settings.workspace.root / paths[0]).read_bytes()) if paths else None
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
