"""What follows a kill: it is written into the ledger by whoever sees the latch first, and cleared with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradeterm import killfile
from tradeterm.core.errors import KillLatched, UsageError
from tradeterm.core.time import iso

if TYPE_CHECKING:
    from pathlib import Path

    from tradeterm.store.ledger import Ledger

__all__ = ["Resumed", "record_kill", "resume"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """What a resume cleared."""

    at: str
    cleared: tuple[str, ...]
    reason: str
    by: str
    kill: killfile.KillRecord


def record_kill(ledger: Ledger, results_dir: Path) -> killfile.KillRecord | None:
    """Write the standing kill, and every press after it, into the ledger, once; None when nothing is latched."""
    for record in killfile.read_all(results_dir):
        ledger.append("kill", f"{record.at}|{record.by}", record._asdict())
    return killfile.read(results_dir)


def resume(
    ledger: Ledger,
    results_dir: Path,
    *,
    reason: str,
    by: str,
    now_ns: int,
    clear_kill: bool = False,
    clear_halt: bool = False,
) -> Resumed:
    """Clear the kill latch: first the facts, then the file, so that a crash in between leaves it latched.

    Raises
    ------
    UsageError
        When no reason is given, nothing is latched, or a halt is named though none stands.
    KillLatched
        When somebody killed again meanwhile: the latch stays, with both kills in the ledger.
    """
    if not reason.strip():
        raise UsageError('resume: no reason was given; write tradeterm resume --reason "what was wrong and is mended"')
    if clear_halt:
        raise UsageError("resume --halt: no risk halt stands (no session has traded); leave --halt out")
    seen = killfile.standing(results_dir)
    record = record_kill(ledger, results_dir)
    if record is None:
        raise UsageError(f"resume: nothing is latched in {results_dir}; see `tradeterm status`")
    at = iso(now_ns)
    ledger.append("resume", at, {"at": at, "cleared": ["kill"], "reason": reason.strip(), "by": by})
    if not killfile.clear(results_dir, seen=seen):
        record_kill(ledger, results_dir)
        raise KillLatched("somebody killed again meanwhile: the latch stands, see `tradeterm status`")
    return Resumed(at=at, cleared=("kill",), reason=reason.strip(), by=by, kill=record)
