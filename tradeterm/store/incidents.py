"""What went wrong and a person should look at: recorded once, closed by a person, listed in ``docs/incidents.md``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradeterm.core.errors import UsageError, nearest
from tradeterm.core.ids import short_id
from tradeterm.core.time import iso
from tradeterm.store.atomic import write_bytes_atomic
from tradeterm.store.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

    from tradeterm.store.ledger import Fact, LedgerReader

__all__ = ["Incident", "close_incident", "incidents", "record_incident", "write_incidents"]

_HEAD = """# Incidents

Written by `tradeterm` from the ledger after each change; close one with `tradeterm incidents close ID --reason "..."`.

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident.

    at : as-of instant of the run that met it; recorded_ns : when it was recorded, by the clock
    effect : what was done, or left undone, because of it; state : open or closed; closed_by, reason : by whom and why
    """

    id: str
    at: str
    recorded_ns: int
    run_id: str
    what: str
    effect: str
    state: str
    closed_by: str | None = None
    reason: str | None = None


def record_incident(ledger: Ledger, *, at: str, run_id: str, what: str, effect: str, standing: bool = False) -> str:
    """Record an incident, and return its id.

    standing : whether it is the same one whenever it is met: recorded when it was met first, and not again
    """
    said = {"at": at, "daily_id": run_id, "what": what, "effect": effect, "state": "open"}
    key = short_id({"what": what, "effect": effect} if standing else said)
    if not standing or ledger.get("incident", key) is None:
        ledger.append("incident", key, said)
    return key


def close_incident(ledger: Ledger, name: str, *, at: str, by: str, reason: str) -> Incident:
    """Close an open incident, named by its id or the beginning of it.

    Raises
    ------
    UsageError
        When no incident, several, or a closed one is named so.
    """
    known = {item.id: item for item in incidents(ledger)}
    found = [key for key in known if key.startswith(name)] if name else []
    if len(found) != 1:
        near = nearest(name, known)
        hint = f"did you mean '{near}'?" if near else "see `tradeterm incidents list`"
        raise UsageError(f"incident '{name}': {len(found)} have an id that begins so; {hint}")
    chosen = known[found[0]]
    if chosen.state == "closed":
        raise UsageError(f"incident {chosen.id} was closed by {chosen.closed_by}; nothing to do")
    ledger.append("incident_closed", chosen.id, {"at": at, "by": by, "reason": reason})
    return next(item for item in incidents(ledger) if item.id == chosen.id)


def incidents(ledger: LedgerReader) -> list[Incident]:
    """Return every incident as it stands, oldest first."""
    closed = {fact.key: fact.payload for fact in ledger.facts("incident_closed")}
    return [_incident(fact, closed.get(fact.key)) for fact in ledger.facts("incident")]


def write_incidents(root: Path, ledger: LedgerReader) -> None:
    """Bring ``docs/incidents.md`` of a workspace up to the ledger; a page that says the same is left alone.

    Newest first. While there was never an incident there is no page.
    """
    found = incidents(ledger)
    path = root / "docs" / "incidents.md"
    if not found and not path.exists():
        return
    lines = ["| recorded | as of | run | what | effect | state |", "|---|---|---|---|---|---|"]
    lines += [_line(item) for item in reversed(found)]
    text = (_HEAD + "\n".join(lines) + "\n").encode()
    if not path.exists() or path.read_bytes() != text:
        path.parent.mkdir(exist_ok=True)
        write_bytes_atomic(path, text)


def _incident(fact: Fact, closing: dict[str, Any] | None) -> Incident:
    said = fact.payload
    return Incident(
        id=fact.key,
        at=str(said["at"]),
        recorded_ns=fact.recorded_at,
        run_id=str(said.get("daily_id") or said.get("run_id") or ""),
        what=str(said["what"]),
        effect=str(said["effect"]),
        state="open" if closing is None else "closed",
        closed_by=None if closing is None else str(closing["by"]),
        reason=None if closing is None else str(closing["reason"]),
    )


def _line(item: Incident) -> str:
    state = item.state if item.state == "open" else f"closed by {item.closed_by}: {item.reason}"
    cells = (iso(item.recorded_ns), item.at, item.run_id, f"`{item.id}` {item.what}", item.effect, state)
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"
